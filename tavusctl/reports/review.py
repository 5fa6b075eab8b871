"""A plan in the order in which it is reviewed, and the words that every report has in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tavusctl.model import Action, Cause, Change, Drift, FieldChange, Plan, Refusal, ResourceKind, Value
from tavusctl.reports import risks
from tavusctl.reports.places import is_prose
from tavusctl.reports.risks import Risk
from tavusctl.tokens import about

SIGNS: Final = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.REPLACE: "±",
    Action.DELETE: "-",
    Action.ADOPT: "^",
    Action.RECRAWL: "@",
    Action.FORGET: "x",
    Action.RETIRE: "-",
}
CAUSES: Final = {
    Cause.EDITED: "the manifest changed",
    Cause.DRIFTED: "the account changed, and this puts it back",
    Cause.BOTH: "the manifest and the account changed, differently",
    Cause.NEW: "new in the manifests",
    Cause.ORPHANED: "no longer in the manifests",
    Cause.MISSING: "deleted in the account",
    Cause.DUE: "due",
}
ORDER: Final = (
    Action.DELETE,
    Action.REPLACE,
    Action.RETIRE,
    Action.UPDATE,
    Action.FORGET,
    Action.CREATE,
    Action.ADOPT,
    Action.RECRAWL,
)
_NAMED = 3  # users of a shared object that are named; the rest is counted


@dataclass(frozen=True, slots=True)
class Entry:
    """One change as it is reviewed; with a refusal it will not be made."""

    change: Change
    refusal: Refusal | None = None
    risks: tuple[Risk, ...] = ()

    @property
    def dangerous(self) -> bool:
        """Whether nobody should miss it."""
        return self.refusal is not None or bool(self.risks)

    @property
    def kind(self) -> ResourceKind | None:
        """What is known of its fields."""
        side = self.change.desired or self.change.live
        return side.kind if side else None


def entries(plan: Plan) -> list[Entry]:
    """Everything that the plan does or must not do: refused and dangerous first."""
    refused = [Entry(one.change, one, risks.of(one.change)) for one in plan.refused]
    steps = [Entry(step, None, risks.of(step)) for step in plan.steps]
    return [*refused, *sorted(steps, key=lambda one: (not one.risks, ORDER.index(one.change.action)))]


def counts(plan: Plan) -> list[str]:
    """How many changes of each sort; those that everybody looks for are there when they are none."""
    found = Counter(step.action for step in plan.steps)
    always = (Action.CREATE, Action.UPDATE, Action.REPLACE, Action.DELETE)
    words = [f"{found[action]} to {action.value}" for action in always]
    words += [f"{found[action]} to {action.value}" for action in (Action.ADOPT, Action.RECRAWL) if found[action]]
    return words + ([f"{len(plan.refused)} refused"] if plan.refused else [])


def is_empty(plan: Plan) -> bool:
    """Whether there is nothing to do and nothing that must not be done."""
    return not plan.steps and not plan.refused


def objects(count: int) -> str:
    """A number of objects, in words."""
    return f"{count} object{'' if count == 1 else 's'}"


def users(change: Change) -> str:
    """Who else will notice, in a few words; empty when nobody does."""
    if not change.affects:
        return ""
    named = ", ".join(change.affects[:_NAMED])
    more = len(change.affects) - _NAMED
    return f"affects {objects(len(change.affects))}: {named}" + (f" and {more} more" if more > 0 else "")


def tokens(entry: FieldChange) -> tuple[int, int] | None:
    """About how many tokens a prompt had and will have; None for what is no prompt, or did not change."""
    if entry.sensitive or not (is_prose(entry.live) or is_prose(entry.desired)):
        return None
    return _tokens(entry.live), _tokens(entry.desired)


def budget(old: Value, new: Value) -> str:
    """The same in words, for two texts."""
    before, after = _tokens(old), _tokens(new)
    if before == after or not before or not after:
        return f"about {after or before:,} tokens"
    return f"about {before:,} -> {after:,} tokens"


def _tokens(value: Value) -> int:
    return about(value) if isinstance(value, str) else 0


def overwritten(plan: Plan) -> Iterator[Drift]:
    """Edits of the account that this plan takes back."""
    restored = {step.address for step in plan.steps}
    yield from (entry for entry in plan.drift if entry.address in restored and entry.fields)


def as_drift(fields: Sequence[FieldChange]) -> list[FieldChange]:
    """Fields as they moved in the account: from what was applied to what is there."""
    return [FieldChange(one.path, Cause.EDITED, one.base, one.base, one.live, one.sensitive) for one in fields]
