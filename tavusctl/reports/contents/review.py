"""A plan in the order in which it is reviewed, and the wording that all reports share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tavusctl import patch
from tavusctl.core.address import Address, Source
from tavusctl.core.diagnostic_ids import CHECKS
from tavusctl.core.diagnostics import Blame, Diagnostic, Severity, written_at
from tavusctl.core.json_tree import is_empty as is_blank
from tavusctl.core.json_tree import is_hidden
from tavusctl.core.messages import counted
from tavusctl.core.model import ABSENT, Action, Cause, Change, Drift, FieldChange, Outcome, Plan, Refusal, Risk, Status
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.lib.graph import Graph, mark_changes
from tavusctl.lib.json_types import Json, as_object
from tavusctl.lib.tokens import estimate_tokens
from tavusctl.reports.contents import risks
from tavusctl.reports.contents.value_paths import ValueComparison, in_manifest_form, is_prose

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
_IN_PLACE: Final = frozenset({Action.UPDATE, Action.REPLACE})  # changes of an object that exists, by its manifest
_NO_FLOW: Final = (Action.DELETE, Action.RETIRE, Action.UNPROTECT)
_COMMIT_LENGTH = 7  # digits of a commit id that are shown
_MAX_NAMED = 3  # users of an object, or targets, that are named; the rest is counted


class Entry(Struct, frozen=True):
    """One change as it is reviewed; a change with a refusal will not be made."""

    change: Change
    refusal: Refusal | None = None
    risks: tuple[Risk, ...] = ()

    @property
    def dangerous(self) -> bool:
        """Whether the change is refused or has a risk."""
        return self.refusal is not None or bool(self.risks)

    @property
    def kind(self) -> ResourceKind | None:
        """The kind of the object, by which its fields are compared; None if neither side of it is known."""
        side = self.change.desired or self.change.live
        return side.kind if side else None


def places(change: Change | Drift) -> list[tuple[Source | None, tuple[FieldChange, ...]]]:
    """The places in files where the changed fields are written, each with its fields.

    There is one place for each file, that of its first field.  A change that is neither an update nor a replacement has
    one place, that of its manifest.
    """
    if isinstance(change, Change) and change.action not in _IN_PLACE:
        return [(change.source, change.fields)]
    by_path: dict[str, list[FieldChange]] = {}
    for field in change.fields:
        by_path.setdefault(field.source.path if field.source else "", []).append(field)
    return [(fields[0].source or _place(change), tuple(fields)) for fields in by_path.values()] or [(change.source, ())]


def place(change: Change | Drift) -> Source | None:
    """The first of the places where the changed fields are written."""
    return places(change)[0][0]


def _place(change: Change | Drift) -> Source | None:
    """The place of a field that has none of its own: in an update the first changed field, else the manifest."""
    if isinstance(change, Drift):
        return change.source
    if change.desired and change.source and change.fields and change.action is Action.UPDATE:
        return written_at(change.desired.sources, change.fields[0].path, change.source)
    return change.source


def entries(plan: Plan) -> list[Entry]:
    """All changes of a plan and all its refusals: refused and dangerous ones first."""
    refused = [Entry(one.change, one, risks.of(one.change)) for one in plan.refused]
    steps = [Entry(step, None, risks.of(step)) for step in plan.steps]
    return [*refused, *sorted(steps, key=lambda one: (not one.risks, ORDER.index(one.change.action)))]


Group = tuple[Entry, ...]  # entries that one section reports


def group_entries(entries: Iterable[Entry]) -> list[Group]:
    """The entries, those in one group that change in exactly the same way and need no remark of their own."""
    groups: dict[str, list[Entry]] = {}
    for number, entry in enumerate(entries):
        groups.setdefault(_group_key(entry) or str(number), []).append(entry)
    return [tuple(group) for group in groups.values()]


def _group_key(entry: Entry) -> str:
    """A text that entries of one group share; empty for an entry that must be shown by itself."""
    change = entry.change
    has_remarks = (
        entry.dangerous or change.action is not Action.UPDATE or change.affects or change.waits_for or flow(entry)
    )
    if has_remarks or any(field.sensitive or field.blame for field in change.fields):
        return ""
    return repr(
        (entry.kind and entry.kind.name, change.cause, change.reason, [*changed_places(entry.kind, change.fields)])
    )


def counts(plan: Plan) -> list[str]:
    """The number of changes by action, in words; the most important actions are listed even if they have none."""
    by_action = Counter(step.action for step in plan.steps)
    listed = [action for action in SIGNS if action is not Action.UNPROTECT]
    words = [f"{by_action[action]} to {action.value}" for action in listed if action in _ALWAYS or by_action[action]]
    protections = by_action[Action.UNPROTECT] + len(plan.limits)
    words += [f"{counted(protections, 'protection')} to lower"] if protections else []
    words += [f"{counted(len(plan.settings), 'setting')} to record"] if plan.settings else []
    words += [f"{count} to {what}" for what, count in state_changes(plan).items() if count]
    return words + ([f"{len(plan.refused)} refused"] if plan.refused else [])


def outcome_counts(plan: Plan, outcomes: Iterable[Outcome]) -> list[str]:
    """The number of outcomes by status, in words, and of the refusals of their plan."""
    by_status = Counter(outcome.status for outcome in outcomes)
    words = [f"{by_status[status]} {status}" for status in Status if by_status[status]] or ["nothing to do"]
    return words + ([f"{len(plan.refused)} refused"] if plan.refused else [])


def diagnostic_counts(diagnostics: Iterable[Diagnostic]) -> list[str]:
    """The number of diagnostics by severity, in words; `Valid.` if there are none."""
    by_severity = Counter(one.severity for one in diagnostics)
    return [counted(by_severity[one], one.value) for one in Severity if by_severity[one]] or ["Valid."]


def state_changes(plan: Plan) -> dict[str, int]:
    """The number of changes of the state only, which send nothing: addresses renamed, and objects recorded."""
    return {"rename": len(plan.moves), "record": len(plan.recorded)}


def is_empty(plan: Plan) -> bool:
    """Whether the plan has nothing to do, nothing to record and no refusal."""
    return not plan.writes and not plan.refused


def errors_first(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The diagnostics in their order, those that stop the command before all others."""
    return sorted(diagnostics, key=lambda diagnostic: diagnostic.severity is not Severity.ERROR)


def is_shown_in_full(diagnostic: Diagnostic) -> bool:
    """Whether a plan shows a warning in full: it is about the plan itself, or about something that cannot work."""
    check = CHECKS.get(diagnostic.id)
    return diagnostic.source is None or (check is not None and check.severity is Severity.ERROR)


def settings_sentence(plan: Plan, shown: Callable[[str], str] = str) -> str:
    """A sentence about the settings that apply records in the state; empty if there are none."""
    words = {
        "keys": "which keys open it",
        "account": f"the account label {shown(plan.account)}",
        "safety": "the limits of `safety:`",
        "reads": "the names that are read",
    }
    return f"To be recorded in the state: {', '.join(words[name] for name in plan.settings)}." if plan.settings else ""


def recovery_sentence(plan: Plan, shown: Callable[[str], str] = str) -> str:
    """A sentence about the records of another run; empty if there are none."""
    if plan.running:
        return f"The state has records of another run: {shown(plan.running)}; make a new plan after that run."
    if not plan.recovered:
        return ""
    return "An interrupted run left records; the next run that writes merges them into the state."


def top_sentences(plan: Plan, shown: Callable[[str], str] = str) -> list[str]:
    """The sentences that stand beside the counts: what the plan was limited to, and whose edits it reverts."""
    return [sentence for sentence in (_scope_sentence(plan, shown), _reverted_sentence(plan, shown)) if sentence]


def _scope_sentence(plan: Plan, shown: Callable[[str], str]) -> str:
    """A sentence about what the plan was limited to; empty if all was planned."""
    listed = _first_names(plan.targets, shown)
    is_one = len(plan.targets) == 1
    listed += f" and what {'it refers' if is_one else 'they refer'} to" if listed else ""
    if plan.finish:
        ending = "only replacements that an earlier apply has begun were planned."
        return f"Of {listed}, {ending}" if listed else ending.capitalize()
    return f"Only {listed} {'was' if is_one else 'were'} planned." if listed else ""


def _reverted_sentence(plan: Plan, shown: Callable[[str], str]) -> str:
    """A sentence about edits made in the account that the plan reverts; empty if there are none."""
    addresses = [entry.address for entry in overwritten_drift(plan)]
    listed = _first_names(addresses, shown)
    return f"Reverts edits made in the account to {counted(len(addresses), 'object')}: {listed}." if listed else ""


def _first_names(addresses: Sequence[Address], shown: Callable[[str], str]) -> str:
    """The first addresses, and the number of the others; empty if there are none."""
    more = len(addresses) - _MAX_NAMED
    return ", ".join([*(shown(str(one)) for one in addresses[:_MAX_NAMED]), *([f"{more} more"] if more > 0 else [])])


def users_text(change: Change) -> str:
    """The number of objects that refer to a changed object, and their names; empty if there are none."""
    return f"{affected_count(change)}: {user_names(change)}" if change.affects else ""


def affected_count(change: Change) -> str:
    """The number of objects that refer to a changed object, in words; empty if there are none."""
    return f"affects {counted(len(change.affects), 'object')}" if change.affects else ""


def user_names(change: Change) -> str:
    """The names of the first objects that refer to a changed object, and the number of the others."""
    more = len(change.affects) - _MAX_NAMED
    return ", ".join(change.affects[:_MAX_NAMED]) + (f" and {more} more" if more > 0 else "")


def tokens(entry: FieldChange) -> tuple[int, int] | None:
    """About how many tokens a prompt has before and after; None for a secret, and for a field that is no long text."""
    if entry.sensitive or not (is_prose(entry.live) or is_prose(entry.desired)):
        return None
    return _tokens(entry.live), _tokens(entry.desired)


def prompt_budget(entry: FieldChange) -> str:
    """The tokens of a prompt before and after, in words; empty for a field that is not a prompt."""
    counts = tokens(entry)
    return _token_words(*counts) if counts else ""


def budget(old: Json, new: Json) -> str:
    """The tokens of two texts, in words."""
    return _token_words(_tokens(old), _tokens(new))


def _token_words(before: int, after: int) -> str:
    if before == after or not before or not after:
        return f"about {after or before:,} tokens"
    return f"about {before:,} → {after:,} tokens"


def _tokens(value: Json) -> int:
    return estimate_tokens(value) if isinstance(value, str) else 0


class Shown(Struct, frozen=True):
    """One place that differs, as reports show it; of a secret only what happens to it."""

    path: str
    old: Json
    new: Json
    cause: Cause = Cause.EDITED
    note: str = ""
    secret: bool = False
    side: str = ""  # of a conflict: which side made this change of the last applied value


def changed_places(kind: ResourceKind | None, fields: Iterable[FieldChange]) -> Iterator[Shown]:
    """Every place in which fields differ from the live value, in order; of a conflict, the change of each side."""
    for entry in fields:
        if entry.sensitive:
            yield Shown(entry.path, ABSENT, ABSENT, entry.cause, secret_change(entry.live, entry.desired), secret=True)
        elif entry.cause is Cause.BOTH:
            yield from _places(entry, ValueComparison(kind, old_is_declared=True), entry.base, entry.live, "account")
            yield from _places(entry, ValueComparison(kind), entry.base, entry.desired, "manifest")
        else:
            yield from _places(entry, ValueComparison(kind), entry.live, entry.desired)


def drift_places(entry: Drift) -> Iterator[Shown]:
    """Every place that was changed in the account: from the last applied value to the live one."""
    for field in entry.fields:
        if field.sensitive:
            yield Shown(field.path, ABSENT, ABSENT, note="changed", secret=True)
        else:
            as_edited = replace(field, cause=Cause.EDITED)
            yield from _places(as_edited, ValueComparison(entry.kind, old_is_declared=True), field.base, field.live)


def _places(entry: FieldChange, reading: ValueComparison, old: Json, new: Json, side: str = "") -> Iterator[Shown]:
    for place in reading.differences(patch.split(entry.path), old, new):
        if is_hidden(place.old) or is_hidden(place.new):
            note = secret_change(place.old, place.new)
            yield Shown(entry.path + place.name, ABSENT, ABSENT, entry.cause, note, secret=True, side=side)
        else:
            yield Shown(entry.path + place.name, place.old, place.new, entry.cause, place.note, side=side)


def blame(one: Blame, quoted: Callable[[str], str]) -> str:
    """Who wrote a line, when, in which commit and why; `quoted` escapes texts from the commit for the report."""
    commit = one.commit[:_COMMIT_LENGTH] + (" or earlier" if one.at_least else "")
    summary = f": {quoted(one.summary)}" if one.summary else ""
    details = f"on {one.date.date().isoformat()} in {commit}{summary}"
    author = quoted(one.author)
    return f"overrides what {author} wrote {details}" if one.overridden else f"last written by {author} {details}"


def secret_change(old: Json, new: Json) -> str:
    """What happens to a secret, from its two sides: `set`, `changed` or `removed`."""
    if is_blank(new):
        return "removed"
    return "set" if is_blank(old) else "changed"


def flow(entry: Entry) -> Graph | None:
    """The conversation graph after a change, with the changes marked; None if nothing in it changes."""
    kind, change = entry.kind, entry.change
    if kind is None or kind.conversation_graph is None or change.desired is None or change.action in _NO_FLOW:
        return None
    new = kind.conversation_graph(change.desired.spec)
    if change.live is None:
        return new
    marked = mark_changes(
        kind.conversation_graph(as_object(in_manifest_form(kind, (), change.live.body, change.desired.spec))), new
    )
    return marked if any([*(node.mark for node in marked.nodes), *(edge.mark for edge in marked.edges)]) else None


def drift_warnings(plan: Plan) -> list[Diagnostic]:
    """The warnings for a report of drift: about the run itself, and about manifests that the state does not know."""
    return [warning for warning in plan.warnings if warning.id in _UNKNOWN or warning.source is None]


def no_drift_sentence(plan: Plan) -> str:
    """A sentence for no drift; it is about the state only if there are manifests that the state does not know."""
    has_unknown = any(one.id in _UNKNOWN for one in plan.warnings)
    return "The objects in the state have not drifted." if has_unknown else "No drift."


def overwritten_drift(plan: Plan) -> Iterator[Drift]:
    """Drift that this plan reverts: of each object, the fields that were changed and that a step writes."""
    written = {(step.address, field.path) for step in plan.steps for field in step.fields}
    for entry in plan.drift:
        fields = tuple(field for field in entry.fields if (entry.address, field.path) in written)
        if fields:
            yield replace(entry, fields=fields)
