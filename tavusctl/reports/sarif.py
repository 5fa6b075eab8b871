"""Complaints, refusals and drift as SARIF 2.1.0, for code scanning and editors.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import quote

from tavusctl import __version__
from tavusctl.core.address import Source
from tavusctl.core.diagnostic_ids import CHECKS
from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.core.model import Drift, Outcome, Refusal, Status
from tavusctl.lib.json_types import JsonObject, as_text
from tavusctl.reports.escaping import spelled
from tavusctl.reports.review import place
from tavusctl.reports.view import DiagnosticView, DriftView, OutcomeView, PlanView
from tavusctl.secrets.escape import flat

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_MOST: Final = 25_000  # results of a run; code scanning takes none of a file with more
_LEVELS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning"}
_LINK: Final = re.compile(r"\](?=\()")  # [text](target) is a link in a message (3.11.6)
_PLACEHOLDER: Final = re.compile(r"\{+\d+\}+")  # and {0} stands for an argument (3.11.5)
Result = JsonObject


def plan(plan: PlanView) -> str:
    """What must not be done, and what deserves a look."""
    return _log([*map(_refusal, plan.refused), *map(_complaint, plan.warnings)])


def outcomes(_: PlanView, outcomes: Sequence[OutcomeView]) -> str:
    """What failed, and what nobody knows."""
    return _log(_outcome(one) for one in outcomes if one.status in (Status.FAILED, Status.UNKNOWN))


def drift(_: PlanView, drift: Sequence[DriftView]) -> str:
    """What was changed in the account."""
    return _log(map(_drift, drift))


def diagnostics(diagnostics: Sequence[DiagnosticView]) -> str:
    """What is wrong with manifests."""
    return _log(map(_complaint, diagnostics))


def _refusal(one: Refusal) -> Result:
    return _result(one.id, "error", one.reason, one.hint, place(one.change), str(one.change.address))


def _outcome(one: Outcome) -> Result:
    step = one.step
    return _result(f"outcome-{one.status.value}", "error", one.reason, "", place(step), str(step.address))


def _drift(one: Drift) -> Result:
    fields = ", ".join(field.path for field in one.fields) or "deleted in the account"
    return _result(f"drift-{one.cause.value}", "warning", fields, "", place(one), str(one.address))


def _complaint(one: Diagnostic) -> Result:
    return _result(one.id, _LEVELS[one.severity], one.message, one.hint, one.source, str(one.address or ""))


def _result(rule: str, level: str, message: str, hint: str, source: Source | None, address: str) -> Result:
    text = f"{address}: {message}" if address and not message.removeprefix("`").startswith(address) else message
    place = source.path if source else ""
    digest = hashlib.sha256(repr((rule, address, place, message)).encode()).hexdigest()
    found: Result = {
        "ruleId": rule,
        "level": level,
        "message": {"text": _plain(f"{text} ({hint})" if hint else text or rule)},
        "partialFingerprints": {"tavusctl/v1": digest[:32]},
    }
    return {**found, "locations": [_location(source)]} if source else found


def _plain(text: str) -> str:
    """A message in which nothing hides, and nothing is a link or stands for something else."""
    unlinked = _LINK.sub(r"]\\", flat(text))
    return _PLACEHOLDER.sub(lambda found: found.group().replace("{", "{{").replace("}", "}}"), unlinked)


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
    every = sorted(results, key=lambda one: bool(one["level"] != "error"))
    listed = every[:_MOST]
    names = sorted({as_text(one["ruleId"]) for one in listed})
    rules = [_rule(name) for name in names]
    index = {name: number for number, name in enumerate(names)}
    listed = [{**one, "ruleIndex": index[as_text(one["ruleId"])]} for one in listed]
    driver = {"name": "tavusctl", "semanticVersion": __version__, "rules": rules}
    run: Result = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": listed}
    if len(every) > len(listed):
        text = f"{len(every) - len(listed):,} more results are omitted: code scanning accepts {_MOST:,}"
        told = {"level": "warning", "message": {"text": text}}
        run["invocations"] = [{"executionSuccessful": True, "toolExecutionNotifications": [told]}]
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return spelled(json.dumps(log, indent=2, ensure_ascii=False)) + "\n"
