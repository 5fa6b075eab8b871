"""The plan document, version 1.0: a stable format without secrets; its schema is schemas/plan.schema.json."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence

from tavusctl import __version__
from tavusctl.core.address import Source
from tavusctl.core.diagnostic_ids import CHECKS
from tavusctl.core.diagnostics import Blame, Diagnostic
from tavusctl.core.json_tree import manifest_notation, map_leaves
from tavusctl.core.model import ABSENT, Action, Change, Drift, FieldChange, Outcome, Plan, Refusal, Risk
from tavusctl.lib.json_types import Json, JsonObject, as_object
from tavusctl.reports.contents import review, risks
from tavusctl.reports.contents.view import DiagnosticView, DriftView, OutcomeView, PlanView, number_view
from tavusctl.reports.escaping import escape_json

FORMAT_VERSION = "1.0"
_BY_APPLY = frozenset(
    {"limits", "moved", "recorded", "settings", "recovered", "running"}
)  # what apply does beside changes
_COUNTED = tuple(action for action in Action if action is not Action.WAIT)


def plan(plan: PlanView) -> str:
    """A plan as one JSON document."""
    return json_text(plan_document(plan))


def drift(plan: PlanView, drift: Sequence[DriftView]) -> str:
    """Drift as one JSON document: the plan document without changes."""
    document = {name: value for name, value in plan_document(plan).items() if name not in _BY_APPLY}
    summary = {**dict.fromkeys(as_object(document["summary"]), 0), "no_op": plan.no_op}
    return json_text(
        {**document, "summary": summary, "changes": [], "refused": [], "drift": [_drift(entry) for entry in drift]}
    )


def outcomes(plan: PlanView, outcomes: Sequence[OutcomeView]) -> str:
    """A plan and its outcomes as one JSON document."""
    return json_text({**plan_document(plan), "outcomes": [_outcome(outcome) for outcome in outcomes]})


def diagnostics(diagnostics: Sequence[DiagnosticView]) -> str:
    """Diagnostics as one JSON document."""
    return result_text(complaints=[diagnostic_document(one) for one in diagnostics])


def error(id: str, exit_code: int, diagnostics: Sequence[DiagnosticView]) -> str:
    """An error as one JSON document, instead of the requested one."""
    listed = [diagnostic_document(one) for one in diagnostics]
    return result_text(error={"id": id, "exit_code": exit_code, "complaints": listed})


def plan_document(plan: Plan) -> JsonObject:
    """The plan as JSON values."""
    counts = Counter(step.action for step in plan.steps)
    summary = {**{action.value: counts[action] for action in _COUNTED}, **review.state_changes(plan)}
    return {
        "format_version": FORMAT_VERSION,
        "tavusctl_version": __version__,
        "environment": plan.environment,
        "account": plan.account,
        "fingerprint": plan.fingerprint,
        "summary": {**summary, "no_op": plan.no_op, "refused": len(plan.refused)},
        "changes": [_change(step) for step in plan.steps],
        "drift": [_drift(entry) for entry in plan.drift],
        "refused": [_refusal(refusal) for refusal in plan.refused],
        "warnings": [diagnostic_document(one) for one in plan.warnings],
        **_optional_members(plan),
    }


def _optional_members(plan: Plan) -> JsonObject:
    """The members of the plan document that most plans do not have."""
    members: JsonObject = {
        "targets": [str(one) for one in plan.targets],
        "finish": plan.finish,
        "limits": [
            {"name": one.name, "before": one.before, "now": one.now, "message": str(one)} for one in plan.limits
        ],
        "moved": [{"address": str(one.new), "from": str(one.old), "id": one.remote_id} for one in plan.moves],
        "recorded": [{"address": str(one.address), "id": one.remote_id} for one in plan.recorded],
        "settings": list(plan.settings),
        "recovered": plan.recovered,
        "running": plan.running,
    }
    present = {name: value for name, value in members.items() if value}
    pending = [{"address": str(one.address), "paths": list(one.paths), "whole": one.whole} for one in plan.pending]
    return {**present, "base": plan.base, "pending": pending} if plan.base else present


def diagnostic_document(diagnostic: Diagnostic) -> JsonObject:
    """One diagnostic as JSON values."""
    source = diagnostic.source
    return {
        "id": diagnostic.id,
        "slug": CHECKS[diagnostic.id].slug if diagnostic.id in CHECKS else None,
        "severity": diagnostic.severity.value,
        "path": source.path if source else None,
        "line": source.line if source else None,
        "column": source.column if source else None,
        "address": str(diagnostic.address) if diagnostic.address else None,
        "message": diagnostic.message,
        "hint": diagnostic.hint,
    }


def source_document(source: Source | None) -> JsonObject | None:
    """A place in a file as JSON values."""
    return {"path": source.path, "line": source.line, "column": source.column} if source else None


def _change(change: Change) -> JsonObject:
    return {
        "address": str(change.address),
        "kind": change.address.kind,
        "id": change.remote_id or None,
        "action": change.action.value,
        "cause": change.cause.value,
        "patch": manifest_notation(list(change.patch)),
        "guards": manifest_notation(list(change.guards)),
        "fields": [_field(entry) | _tokens(entry) for entry in change.fields],
        "risks": [_risk(risk) for risk in risks.of(change)],
        "affects": list(change.affects),
        "waits_for": [str(address) for address in change.waits_for],
        "reason": change.reason,
        "source": source_document(change.source),
    }


def _refusal(refusal: Refusal) -> JsonObject:
    return {
        **_change(refusal.change),
        "code": refusal.id,
        "exit_code": refusal.exit_code,
        "reason": refusal.reason,
        "hint": refusal.hint,
    }


def _drift(entry: Drift) -> JsonObject:
    return {
        "address": str(entry.address),
        "kind": entry.address.kind,
        "id": entry.remote_id,
        "cause": entry.cause.value,
        "fields": [_field(one) for one in entry.fields],
        "source": source_document(review.place(entry)),
    }


def _field(entry: FieldChange) -> JsonObject:
    common: JsonObject = {"path": entry.path, "cause": entry.cause.value}
    if not entry.sensitive:
        sides: Mapping[str, Json] = {"base": entry.base, "live": entry.live, "desired": entry.desired}
        common |= {side: manifest_notation(value) for side, value in sides.items() if value is not ABSENT}
    blame = {"blame": [_blame(one) for one in entry.blame]} if entry.blame else {}
    source = {"source": source_document(entry.source)} if entry.source and not entry.sensitive else {}
    return {**common, "sensitive": entry.sensitive, **source, **blame}


def _blame(blame: Blame) -> JsonObject:
    return {
        "source": source_document(blame.source),
        "commit": blame.commit,
        "author": blame.author,
        "date": blame.date.isoformat(),
        "summary": blame.summary,
        "overridden": blame.overridden,
        "at_least": blame.at_least,
    }


def _tokens(entry: FieldChange) -> JsonObject:
    counts = review.tokens(entry)
    return {"tokens": {"live": counts[0], "desired": counts[1]}} if counts else {}


def _risk(risk: Risk) -> JsonObject:
    return {"id": risk.id, "message": risk.text, "path": risk.path or None, "host": risk.host or None}


def _outcome(outcome: Outcome) -> JsonObject:
    return {
        "address": str(outcome.step.address),
        "action": outcome.step.action.value,
        "status": outcome.status.value,
        "id": outcome.remote_id or None,
        "reason": ": ".join(filter(None, (outcome.code, outcome.reason))),
        "unkept": list(outcome.unkept),
    }


def result_text(**members: Json) -> str:
    """The result of a command as one JSON document, which begins with the version of its format."""
    return json_text({"format_version": FORMAT_VERSION, **members})


def json_text(document: Json) -> str:
    """A document as the text that a command prints: valid JSON also after redaction, and without runner commands."""
    return escape_json(json.dumps(map_leaves(document, number_view), indent=2, ensure_ascii=False)) + "\n"
