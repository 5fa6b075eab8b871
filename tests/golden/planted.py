"""A plan, outcomes, drift and diagnostics with one text in every field that can hold an untrusted text."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from tavusctl.core.address import Address, Source
from tavusctl.core.diagnostics import Blame, Diagnostic, Severity
from tavusctl.core.model import ABSENT, Action, Cause, Change, Drift, FieldChange, Outcome, Plan, Refusal, Status
from tavusctl.lib.json_types import JsonObject
from tavusctl.patch import join

REPORTABLE = ("text", "json", "markdown", "comment", "html")  # formats that show values, not only counts and locations
COACH = Address("persona", "coach")


def planted(text: str) -> tuple[Plan, Sequence[Outcome], Sequence[Drift], Sequence[Diagnostic]]:
    """The plan, outcomes, drift and diagnostics; only texts from the code, such as kinds and actions, are different."""
    source = Source(f"manifests/{text}.yaml", 3, 5)
    blame = (Blame(source, "0123456789", text, datetime(2026, 1, 2, tzinfo=UTC), text),)
    values = [text, f"before {text} after", [{"name": text}], [text], {text: text}, ABSENT]
    fields = [
        FieldChange(join(("layers", text, str(number))), Cause.EDITED, text, live, wanted, blame=blame)
        for number, (live, wanted) in enumerate((live, wanted) for live in values for wanted in values)
    ]
    both = FieldChange("/system_prompt", Cause.BOTH, "base", text, f"{text} too")
    patch: tuple[JsonObject, ...] = ({"op": "replace", "path": join(("layers", text)), "value": {text: [text]}},)
    changes = [
        Change(
            action,
            Cause.EDITED,
            COACH,
            text,
            fields=tuple(fields),
            patch=patch,
            guards=patch,
            reason=text,
            source=source,
            referrers=(text,),
            affects=(text,),
        )
        for action in Action
        if action is not Action.WAIT
    ]
    refusal = Refusal(Change(Action.UPDATE, Cause.BOTH, COACH, text, (both,), reason=text), "E301", 3, text, text)
    drift = (Drift(COACH, text, Cause.DRIFTED, tuple(fields)), Drift(COACH, text, Cause.MISSING))
    diagnostic = Diagnostic("TV104", text, source, text, COACH, Severity.WARNING, text)
    plan = Plan(tuple(changes), drift, (refusal,), (diagnostic, Diagnostic("TV301", text)), base=text, account=text)
    outcomes = [Outcome(changes[0], status, text, text) for status in Status]
    return plan, outcomes, drift, [diagnostic]
