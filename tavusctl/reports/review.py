"""A plan in the order in which it is reviewed, and the words that every report has in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tavusctl import patch
from tavusctl.core.address import Source
from tavusctl.core.diagnostic_ids import CHECKS
from tavusctl.core.diagnostics import Blame, Diagnostic, Severity, written_at
from tavusctl.core.json_tree import is_empty as is_blank
from tavusctl.core.json_tree import is_hidden
from tavusctl.core.model import ABSENT, Action, Cause, Change, Drift, FieldChange, Plan, Refusal, Risk
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.lib.graph import Graph, compared
from tavusctl.lib.json_types import Json, as_object
from tavusctl.lib.tokens import about
from tavusctl.reports import risks
from tavusctl.reports.value_paths import Reading, as_told, is_prose

SIGNS: Final = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.REPLACE: "±",
    Action.DELETE: "-",
    Action.ADOPT: "^",
    Action.RECRAWL: "@",
    Action.FORGET: "x",
    Action.RETIRE: "-",
    Action.UNPROTECT: "!",
}
CAUSES: Final = {
    Cause.EDITED: "the manifest changed",
    Cause.DRIFTED: "the account changed, and the plan reverts it",
    Cause.BOTH: "the manifest and the account changed to different values",
    Cause.NEW: "new in the manifests",
    Cause.ORPHANED: "no longer in the manifests",
    Cause.MISSING: "deleted in the account",
    Cause.DUE: "due",
    Cause.ASKED: "requested on the command line",
}
ORDER: Final = (
    Action.DELETE,
    Action.REPLACE,
    Action.RETIRE,
    Action.UNPROTECT,
    Action.UPDATE,
    Action.FORGET,
    Action.CREATE,
    Action.ADOPT,
    Action.RECRAWL,
)
_ALWAYS: Final = frozenset({Action.CREATE, Action.UPDATE, Action.REPLACE, Action.DELETE})
_UNKNOWN: Final = ("TV310", "TV311")
_IN_PLACE: Final = frozenset({Action.UPDATE, Action.REPLACE})  # what a manifest says of an object that is there
_NO_FLOW: Final = (Action.DELETE, Action.RETIRE, Action.UNPROTECT)
_COMMIT = 7  # digits by which a commit is known
_NAMED = 3  # users of a shared object that are named; the rest is counted


class Entry(Struct, frozen=True):
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


def places(change: Change | Drift) -> list[tuple[Source | None, tuple[FieldChange, ...]]]:
    """Where what differs is written, a place for each file with its fields: the first of them, the line of a text."""
    if isinstance(change, Change) and change.action not in _IN_PLACE:
        return [(change.source, change.fields)]
    found: dict[str, list[FieldChange]] = {}
    for one in change.fields:
        found.setdefault(one.source.path if one.source else "", []).append(one)
    return [(fields[0].source or _place(change), tuple(fields)) for fields in found.values()] or [(change.source, ())]


def place(change: Change | Drift) -> Source | None:
    """Where what differs is written, the first of several places."""
    return places(change)[0][0]


def _place(change: Change | Drift) -> Source | None:
    """Where a manifest says what changes: the first field of an update, else where the object begins."""
    if isinstance(change, Drift):
        return change.source
    if change.desired and change.source and change.fields and change.action is Action.UPDATE:
        return written_at(change.desired.sources, change.fields[0].path, change.source)
    return change.source


def entries(plan: Plan) -> list[Entry]:
    """Everything that the plan does or must not do: refused and dangerous first."""
    refused = [Entry(one.change, one, risks.of(one.change)) for one in plan.refused]
    steps = [Entry(step, None, risks.of(step)) for step in plan.steps]
    return [*refused, *sorted(steps, key=lambda one: (not one.risks, ORDER.index(one.change.action)))]


Group = tuple[Entry, ...]  # entries that one section tells


def grouped(entries: Iterable[Entry]) -> list[Group]:
    """Entries, with those together that change in the very same way and that nothing else is to be said of."""
    found: dict[str, list[Entry]] = {}
    for number, entry in enumerate(entries):
        found.setdefault(_likeness(entry) or str(number), []).append(entry)
    return [tuple(group) for group in found.values()]


def _likeness(entry: Entry) -> str:
    """What two changes have in common that look the same; empty for one that has to be seen for itself."""
    change = entry.change
    alone = entry.dangerous or change.action is not Action.UPDATE or change.affects or change.waits_for or flow(entry)
    if alone or any(one.sensitive or one.blame for one in change.fields):
        return ""
    return repr((entry.kind and entry.kind.name, change.cause, change.reason, [*shown(entry.kind, change.fields)]))


def counts(plan: Plan) -> list[str]:
    """How many changes of each sort; those that everybody looks for are there when they are none."""
    found = Counter(step.action for step in plan.steps)
    listed = [action for action in SIGNS if action is not Action.UNPROTECT]
    words = [f"{found[action]} to {action.value}" for action in listed if action in _ALWAYS or found[action]]
    lowered = found[Action.UNPROTECT] + len(plan.limits)
    words += [f"{lowered} protection{'' if lowered == 1 else 's'} to lower"] if lowered else []
    words += [f"{count} to {what}" for what, count in learned(plan).items() if count]
    return words + ([f"{len(plan.refused)} refused"] if plan.refused else [])


def learned(plan: Plan) -> dict[str, int]:
    """How much apply writes into the state with nothing to be sent: addresses that are new, and what agrees by now."""
    return {"rename": len(plan.moves), "record": len(plan.recorded)}


def is_empty(plan: Plan) -> bool:
    """Whether there is nothing to do, nothing to record and nothing that must not be done."""
    return not plan.writes and not plan.refused


def is_loud(diagnostic: Diagnostic) -> bool:
    """Whether a plan tells a warning in full: it is about the plan itself, or says that something cannot work."""
    check = CHECKS.get(diagnostic.id)
    return diagnostic.source is None or (check is not None and check.severity is Severity.ERROR)


def recovered(plan: Plan, shown: Callable[[str], str] = str) -> str:
    """What the records of another run mean, in one sentence; empty where there are none."""
    if plan.running:
        return f"The state has records of a run beside this one: {shown(plan.running)}; plan again afterwards."
    return "An interrupted run left records; apply merges them into the state." if plan.recovered else ""


def scope(plan: Plan, shown: Callable[[str], str] = str) -> str:
    """What alone was planned, in one sentence; empty where everything was."""
    more = len(plan.targets) - _NAMED
    told = [shown(str(one)) for one in plan.targets[:_NAMED]] + ([f"{more} more"] if more > 0 else [])
    named = ", ".join(told)
    is_one = len(plan.targets) == 1
    named += f" and what {'it refers' if is_one else 'they refer'} to" if named else ""
    if plan.finish:
        ending = "only replacements that an earlier apply has begun were planned."
        return f"Of {named}, {ending}" if named else ending.capitalize()
    return f"Only {named} {'was' if is_one else 'were'} planned." if named else ""


def objects(count: int) -> str:
    """A number of objects, in words."""
    return f"{count} object{'' if count == 1 else 's'}"


def users(change: Change) -> str:
    """Who else will notice, in a few words; empty when nobody does."""
    return f"{affected(change)}: {named_users(change)}" if change.affects else ""


def affected(change: Change) -> str:
    """How many others will notice; empty when nobody does."""
    return f"affects {objects(len(change.affects))}" if change.affects else ""


def named_users(change: Change) -> str:
    """Who they are, as far as there is room."""
    more = len(change.affects) - _NAMED
    return ", ".join(change.affects[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def tokens(entry: FieldChange) -> tuple[int, int] | None:
    """About how many tokens a prompt had and will have; None for what is no prompt, or did not change."""
    if entry.sensitive or not (is_prose(entry.live) or is_prose(entry.desired)):
        return None
    return _tokens(entry.live), _tokens(entry.desired)


def prompt_budget(entry: FieldChange) -> str:
    """The same in words; empty for what is no prompt."""
    counted = tokens(entry)
    return _in_words(*counted) if counted else ""


def budget(old: Json, new: Json) -> str:
    """The same in words, for two texts."""
    return _in_words(_tokens(old), _tokens(new))


def _in_words(before: int, after: int) -> str:
    if before == after or not before or not after:
        return f"about {after or before:,} tokens"
    return f"about {before:,} -> {after:,} tokens"


def _tokens(value: Json) -> int:
    return about(value) if isinstance(value, str) else 0


class Shown(Struct, frozen=True):
    """One place that differs, as it is to be shown; of a secret only what became of it."""

    path: str
    old: Json
    new: Json
    cause: Cause = Cause.EDITED
    note: str = ""
    secret: bool = False
    side: str = ""  # of a conflict: whose difference from the last applied value this is


def shown(kind: ResourceKind | None, fields: Iterable[FieldChange]) -> Iterator[Shown]:
    """Every place in which fields differ from what is live, in order; of a conflict, what each side made of it."""
    for entry in fields:
        if entry.sensitive:
            yield Shown(entry.path, ABSENT, ABSENT, entry.cause, secret(entry), secret=True)
        elif entry.cause is Cause.BOTH:
            yield from _places(entry, Reading(kind, old_is_told=True), entry.base, entry.live, "account")
            yield from _places(entry, Reading(kind), entry.base, entry.desired, "manifest")
        else:
            yield from _places(entry, Reading(kind), entry.live, entry.desired)


def drifted(entry: Drift) -> Iterator[Shown]:
    """Every place that was changed in the account: from what was applied to what is there."""
    for one in entry.fields:
        if one.sensitive:
            yield Shown(one.path, ABSENT, ABSENT, note="changed", secret=True)
        else:
            moved = replace(one, cause=Cause.EDITED)
            yield from _places(moved, Reading(entry.kind, old_is_told=True), one.base, one.live)


def _places(entry: FieldChange, reading: Reading, old: Json, new: Json, side: str = "") -> Iterator[Shown]:
    for place in reading.within(patch.split(entry.path), old, new):
        if is_hidden(place.old) or is_hidden(place.new):
            what = became(place.old, place.new)
            yield Shown(entry.path + place.name, ABSENT, ABSENT, entry.cause, what, secret=True, side=side)
        else:
            yield Shown(entry.path + place.name, place.old, place.new, entry.cause, place.note, side=side)


def blame(one: Blame, quoted: Callable[[str], str]) -> str:
    """Who wrote a line, when and why; `quoted` makes what others said fit for the report."""
    commit = one.commit[:_COMMIT] + (" or earlier" if one.at_least else "")
    said = f": {quoted(one.summary)}" if one.summary else ""
    behind = f"on {one.date.date().isoformat()} in {commit}{said}"
    author = quoted(one.author)
    return f"overrides what {author} wrote {behind}" if one.overridden else f"last written by {author} {behind}"


def secret(entry: FieldChange) -> str:
    """What becomes of a secret."""
    return became(entry.live, entry.desired)


def became(old: Json, new: Json) -> str:
    """What a secret became, from its two sides."""
    if is_blank(new):
        return "removed"
    return "set" if is_blank(old) else "changed"


def flow(entry: Entry) -> Graph | None:
    """Where a conversation will go, with what changed marked; None where nothing of it changes."""
    kind, change = entry.kind, entry.change
    if kind is None or kind.conversation_graph is None or change.desired is None or change.action in _NO_FLOW:
        return None
    new = kind.conversation_graph(change.desired.spec)
    if change.live is None:
        return new
    marked = compared(kind.conversation_graph(as_object(as_told(kind, (), change.live.body, change.desired.spec))), new)
    return marked if any([*(node.mark for node in marked.nodes), *(edge.mark for edge in marked.edges)]) else None


def unknown(plan: Plan) -> list[Diagnostic]:
    """What a report of drift has to say of manifests that the state does not know."""
    return [one for one in plan.warnings if one.id in _UNKNOWN]


def no_drift(plan: Plan) -> str:
    """That nothing has drifted, as far as that can be told."""
    return "The objects in the state have not drifted." if unknown(plan) else "No drift."


def overwritten(plan: Plan) -> Iterator[Drift]:
    """Edits of the account that this plan takes back: fields that were changed there, and that a step writes."""
    written = {(step.address, one.path) for step in plan.steps for one in step.fields}
    for entry in plan.drift:
        fields = tuple(one for one in entry.fields if (entry.address, one.path) in written)
        if fields:
            yield replace(entry, fields=fields)
