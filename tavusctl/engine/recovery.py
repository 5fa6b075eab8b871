"""Find out the outcomes that an interrupted run left unknown: by reading the account, never by repeating a call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.core.address import NOWHERE, Address
from tavusctl.core.binding import MADE, Binding
from tavusctl.core.diagnostics import Diagnostic
from tavusctl.core.errors import Ambiguous, UnknownOutcome
from tavusctl.core.json_tree import canonical, leaves, replace_addresses, set_at, value_at
from tavusctl.core.model import Action, Desired, FieldChange, Live
from tavusctl.core.ports import State
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.core.timestamps import parse_timestamp
from tavusctl.engine.compare import match_create
from tavusctl.engine.compare.match_create import SentCreate
from tavusctl.engine.compare.patch_guards import touches
from tavusctl.engine.compare.three_way import edited_fields, is_taken_away, recorded_value, unkept_fields
from tavusctl.fields.equivalence import alike, is_unset
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import JsonObject, KeyPath
from tavusctl.patch import split
from tavusctl.state.journal import CallOutcome, Intent, ReplayResult

Look = Callable[[ResourceKind, str], Live | None]  # reads an object by id; None if it does not exist
_MAKES = frozenset({Action.CREATE, Action.REPLACE})
_DELETES = frozenset({Action.DELETE, Action.RETIRE})
_CRAWLING = "recrawling"


class Recovered(Struct, frozen=True):
    """What the account shows of an interrupted run."""

    state: State  # with all calls that were carried out
    lost: tuple[Intent, ...] = ()  # creates whose objects are not visible (yet)
    outcomes: tuple[CallOutcome, ...] = ()  # of these creates as well: none of them is looked for again
    warnings: tuple[Diagnostic, ...] = ()  # about unpublished edits that the run has discarded


def resolve_pending(
    replayed: ReplayResult, listed: Callable[[ResourceKind], Iterable[Live]], read_object: Look
) -> Recovered:
    """What became of the calls without an outcome.

    UnknownOutcome if new objects in the account may or may not be those of an unanswered create.
    """
    state, not_visible, outcomes = replayed.state, list[Intent](), list[CallOutcome]()
    creates = [create for create in replayed.pending if create.action in _MAKES]
    for kind in sorted({create.address.kind for create in creates}):
        groups = _interchangeable(create for create in creates if create.address.kind == kind)
        for group, ids in _ids_by_group(groups, KINDS[kind], tuple(listed(KINDS[kind])), read_object, replayed):
            for intent, remote_id in zip(group, ids, strict=False):
                state = _with_created(state, intent, remote_id)
                outcomes.append(CallOutcome(intent.op, state.bindings[intent.address]))
            not_visible += group[len(ids) :]
    outcomes += [CallOutcome(intent.op, failed=True) for intent in not_visible]
    for intent in replayed.pending:
        if intent.action not in _DELETES | _BINDING_AFTER.keys():
            continue
        live, before = read_object(KINDS[intent.address.kind], intent.remote_id), state.bindings.get(intent.address)
        if intent.action in _DELETES and live is None:
            outcomes.append(CallOutcome(intent.op))
        elif intent.action in _BINDING_AFTER and live and before:
            binding = _BINDING_AFTER[intent.action](state, intent, before, live)
            state = _with(state, intent.address, binding) if binding else state
            outcomes += [CallOutcome(intent.op, binding)] if binding else []
    return Recovered(state, tuple(not_visible), tuple(outcomes))


def discarded_edits(replayed: ReplayResult, state: State) -> Iterator[tuple[Address, bool]]:
    """Objects whose unpublished edits an interrupted run may have discarded, and whether it certainly has."""
    forced = [intent for intent in replayed.pending if intent.forced]
    old_bindings = replayed.state.bindings
    is_certain = {
        intent.address: state.bindings.get(intent.address) != old_bindings.get(intent.address) for intent in forced
    }
    yield from sorted({**is_certain, **dict.fromkeys(replayed.discarded, True)}.items())


def seconds_to_show(lost: Sequence[Intent], now: datetime, settle: float) -> float:
    """The seconds in which creates may still become visible; 0 or less if they were surely not carried out.

    `now` is the server's time, `settle` the seconds that a create may take to become visible.
    """
    sent_at = [datetime.fromisoformat(intent.time) + timedelta(seconds=intent.delay) for intent in lost]
    return settle - (now - max(sent_at)).total_seconds() if sent_at else 0.0


def check_none_lost(lost: Sequence[Intent], now: datetime, settle: float) -> None:
    """Refuse to write a state without creates that may still become visible: no later run would look for them.

    `now` and `settle` are as for `seconds_to_show`.
    """
    if seconds_to_show(lost, now, settle) > 0:
        message = f"an interrupted run may have created {', '.join(str(intent.address) for intent in lost)}"
        raise UnknownOutcome(message, "run `tavusctl apply` first, which checks the account")


_Group = list[Intent]


def _interchangeable(creates: Iterable[Intent]) -> list[_Group]:
    """Creates in groups of the same name and content: which of a group made which object makes no difference."""
    ordered = sorted(creates, key=_content_key)
    return [list(group) for _, group in groupby(ordered, key=_content_key)]


def _content_key(intent: Intent) -> tuple[str, str]:
    return intent.name, canonical(intent.spec)


def _ids_by_group(
    groups: Sequence[_Group], kind: ResourceKind, live: Sequence[Live], look: Look, replayed: ReplayResult
) -> Iterator[tuple[_Group, tuple[str, ...]]]:
    """Each group of interchangeable creates with the ids of their objects; UnknownOutcome if these are uncertain."""
    known_ids = replayed.known.get(kind.name, frozenset())
    new_objects = [obj for obj in live if obj.address is None and obj.remote_id not in known_ids]
    names = frozenset(group[0].name for group in groups)
    creates = [SentCreate(kind, group[0].spec, group[0].name, names - {group[0].name}) for group in groups]
    likely_ids = [match_create.matching_ids(create, new_objects) for create in creates]
    for index, group in enumerate(groups):
        answered_ids = _answered(group, creates[index], look, replayed)
        ids_of_others = frozenset(
            remote_id for position, ids in enumerate(likely_ids) if position != index for remote_id in ids
        )
        try:
            ids = answered_ids or match_create.candidate_ids(creates[index], live, known_ids, ids_of_others)
        except Ambiguous as error:
            raise UnknownOutcome(error.message, error.hint) from None
        if len(ids) > len(group) or ids_of_others.intersection(ids):
            message = f"found {len(ids)} objects identical to the one sent for `{group[0].address}`: {', '.join(ids)}"
            hint = f"import the right one with `tavusctl import {group[0].address} ID`, and delete the others"
            raise UnknownOutcome(message, hint)
        yield group, ids


def _answered(group: _Group, sent: SentCreate, look: Look, replayed: ReplayResult) -> tuple[str, ...]:
    """The id in the answer to a single create, if it is not bound and its object is what was sent; or empty."""
    remote_id = group[0].answered
    bound_ids = {binding.remote_id for binding in replayed.state.bindings.values()}
    if len(group) > 1 or not remote_id or remote_id in bound_ids:
        return ()
    live = look(sent.kind, remote_id)
    return (remote_id,) if live and match_create.is_created_object(sent, live) else ()


def _with_created(state: State, intent: Intent, remote_id: str) -> State:
    before = state.bindings.get(intent.address)
    # The ids of external objects at the time of the call: their addresses may stand for other objects by now.
    referenced = {str(leaf) for _, leaf in leaves(intent.spec) if isinstance(leaf, Address)}
    externals = {name: external_id for name, external_id in intent.ids.items() if name in referenced}
    if intent.action is Action.REPLACE and before:
        binding = before.with_successor(remote_id, intent.spec, externals)
    else:
        binding = (before or Binding(intent.address, "")).of_object(remote_id)
        binding = replace(binding, applied=intent.spec, unconfirmed=MADE, externals=externals)
    return _with(state, intent.address, binding)


def _after_update(state: State, intent: Intent, before: Binding, live: Live) -> Binding | None:
    """The binding with an update as the new base, if the object shows it, in whatever form the server stores it."""
    differing = edited_fields(live, Binding(intent.address, live.remote_id, intent.spec))
    ids = {address: binding.remote_id for address, binding in state.bindings.items()}  # which the journal has
    if not _is_done(live.kind, intent, differing, replace_addresses(live.body, ids)):
        return None
    answers = {field.path: recorded_value(field.live) for field in differing}
    externals = {**before.externals, **intent.ids}
    return replace(before, applied=intent.spec, answered=answers, externals=externals)


def _is_done(kind: ResourceKind, intent: Intent, differing: Sequence[FieldChange], body: JsonObject) -> bool:
    """Whether an object shows what was sent, in whatever form, and shows no written field with its old value."""
    old_values = intent.inverse.values_before
    before = body
    for pointer, value in old_values.items():
        before = set_at(before, split(pointer), value)
    removed = [
        pointer for pointer in old_values if is_unset(kind, split(pointer), value_at(intent.spec, split(pointer)))
    ]
    removed_fields_are_gone = all(
        is_taken_away(kind, pointer, None, old_values[pointer], value_at(body, split(pointer))) for pointer in removed
    )
    return removed_fields_are_gone and all(
        (
            alike(change.desired, change.live)
            and not (touches(change.path, old_values) and _same_at(split(change.path), before, body))
        )
        or (
            change.path in old_values
            and is_taken_away(kind, change.path, change.desired, old_values[change.path], change.live)
        )
        for change in differing
    )


def _same_at(path: KeyPath, one: JsonObject, other: JsonObject) -> bool:
    return canonical(value_at(one, path)) == canonical(value_at(other, path))


def _after_recrawl(_: State, intent: Intent, before: Binding, live: Live) -> Binding | None:
    """The binding with a recrawl, if its crawl is under way or has ended after the call."""
    sent, ended = parse_timestamp(intent.time), parse_timestamp(live.crawled)
    # A crawl that ended before the call can have left was started by somebody else.
    delay = timedelta(seconds=intent.delay)
    if not (live.status == _CRAWLING or (sent and ended and ended >= sent + delay)):
        return None
    desired, own = Desired(intent.address, intent.spec, NOWHERE, kind=live.kind), f"/{live.kind.crawl_key}/"
    differing = [field for field in unkept_fields(desired, live) if field.path.startswith(own)]
    answers = {**before.answered, **{field.path: recorded_value(field.live) for field in differing}}
    return replace(before, applied=intent.spec, answered=answers)


_BINDING_AFTER: Final[Mapping[Action, Callable[[State, Intent, Binding, Live], Binding | None]]] = {
    Action.UPDATE: _after_update,
    Action.ADOPT: _after_update,
    Action.RECRAWL: _after_recrawl,
}


def _with(state: State, address: Address, binding: Binding) -> State:
    return replace(state, bindings={**state.bindings, address: binding})
