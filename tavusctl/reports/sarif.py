"""Diagnostics, refusals and drift as SARIF 2.1.0, for code scanning and editors.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import quote

from tavusctl import __version__
from tavusctl.core.address import Source
from tavusctl.core.diagnostic_ids import CHECKS
from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.core.model import Drift, Outcome, Refusal, Status
from tavusctl.lib.json_types import JsonObject, as_text
from tavusctl.lib.patterns import pattern
from tavusctl.reports.contents.review import place
from tavusctl.reports.contents.view import DiagnosticView, DriftView, OutcomeView, PlanView
from tavusctl.reports.escaping import escape_json
from tavusctl.secrets.escape import flat

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_MAX_RESULTS: Final = 25_000  # results of a run; code scanning rejects a file with more
_LEVELS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning"}
_LINK: Final = pattern(r"\](?=\()")  # [text](target) is a link in a message (3.11.6)
_PLACEHOLDER: Final = pattern(r"(?<!\{)\{++\d+\}+")  # and {0} stands for an argument (3.11.5)
Result = JsonObject


def plan(plan: PlanView) -> str:
    """The refusals and the warnings of a plan."""
    return _log([*map(_refusal, plan.refused), *map(_diagnostic, plan.warnings)])


def outcomes(_: PlanView, outcomes: Sequence[OutcomeView]) -> str:
    """The steps that failed, and the steps whose outcome is unknown."""
    return _log(_outcome(outcome) for outcome in outcomes if outcome.status in (Status.FAILED, Status.UNKNOWN))


def drift(_: PlanView, drift: Sequence[DriftView]) -> str:
    """The objects that were changed or deleted in the account."""
    return _log(map(_drift, drift))


def diagnostics(diagnostics: Sequence[DiagnosticView]) -> str:
    """Diagnostics of manifests."""
    return _log(map(_diagnostic, diagnostics))


def _refusal(refusal: Refusal) -> Result:
    return _result(
        refusal.id, "error", refusal.reason, refusal.hint, place(refusal.change), str(refusal.change.address)
    )


def _outcome(outcome: Outcome) -> Result:
    step = outcome.step
    return _result(f"outcome-{outcome.status.value}", "error", outcome.reason, "", place(step), str(step.address))


def _drift(entry: Drift) -> Result:
    fields = ", ".join(field.path for field in entry.fields) or "deleted in the account"
    return _result(f"drift-{entry.cause.value}", "warning", fields, "", place(entry), str(entry.address))


def _diagnostic(diagnostic: Diagnostic) -> Result:
    return _result(
        diagnostic.id,
        _LEVELS[diagnostic.severity],
        diagnostic.message,
        diagnostic.hint,
        diagnostic.source,
        str(diagnostic.address or ""),
    )


def _result(rule: str, level: str, message: str, hint: str, source: Source | None, address: str) -> Result:
    text = f"{address}: {message}" if address and not message.removeprefix("`").startswith(address) else message
    path = source.path if source else ""
    digest = hashlib.sha256(repr((rule, address, path, message)).encode()).hexdigest()
    result: Result = {
        "ruleId": rule,
        "level": level,
        "message": {"text": _plain(f"{text} ({hint})" if hint else text or rule)},
        "partialFingerprints": {"tavusctl/v1": digest[:32]},
    }
    return {**result, "locations": [_location(source)]} if source else result


def _plain(text: str) -> str:
    """A message without invisible characters, links and placeholders."""
    unlinked = _LINK.sub(r"]\\", flat(text))
    return _PLACEHOLDER.sub(lambda match: match.group().replace("{", "{{").replace("}", "}}"), unlinked)


def _location(source: Source) -> Result:
    region = {"startLine": max(1, source.line), "startColumn": max(1, source.column)}
    uri = ("file://" if source.path.startswith("/") else "") + quote(source.path, errors="surrogatepass")
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}


def _rule(name: str) -> Result:
    """The description of a rule for code scanning; ids outside the catalogue, such as refusals, have none."""
    check = CHECKS.get(name)
    if check is None:
        return {"id": name}
    level = {"level": _LEVELS[check.severity]}
    return {"id": name, "name": check.slug, "shortDescription": {"text": check.title}, "defaultConfiguration": level}


def _log(results: Iterable[Result]) -> str:
    ordered = sorted(results, key=lambda result: bool(result["level"] != "error"))
    listed = ordered[:_MAX_RESULTS]
    names = sorted({as_text(result["ruleId"]) for result in listed})
    rules = [_rule(name) for name in names]
    index = {name: number for number, name in enumerate(names)}
    listed = [{**result, "ruleIndex": index[as_text(result["ruleId"])]} for result in listed]
    driver = {"name": "tavusctl", "semanticVersion": __version__, "rules": rules}
    run: Result = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": listed}
    if len(ordered) > len(listed):
        text = f"{len(ordered) - len(listed):,} more results are omitted: code scanning accepts {_MAX_RESULTS:,}"
        notification = {"level": "warning", "message": {"text": text}}
        run["invocations"] = [{"executionSuccessful": True, "toolExecutionNotifications": [notification]}]
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return escape_json(json.dumps(log, indent=2, ensure_ascii=False)) + "\n"
