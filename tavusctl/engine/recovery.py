"""Find out what an interrupted run left unknown: by looking at the account, never by repeating a call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import groupby

from msgspec.structs import replace

from tavusctl.core.address import Address, Source
from tavusctl.core.binding import MADE, Binding
from tavusctl.core.errors import Ambiguous, Gone, UnknownOutcome
from tavusctl.core.json_tree import canonical, leaves, map_leaves
from tavusctl.core.model import Action, Desired, FieldChange, Live
from tavusctl.core.ports import State
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.crawl import status
from tavusctl.engine.compare import match_create
from tavusctl.engine.compare.match_create import Sent
from tavusctl.engine.compare.patch_guards import value_at
from tavusctl.engine.compare.three_way import compare, is_taken_away, kept, remembered
from tavusctl.fields.equivalence import alike, is_unset
from tavusctl.lib.json_types import Json, JsonObject
from tavusctl.patch import split
from tavusctl.state.journal import Intent, ReplayResult

Look = Callable[[ResourceKind, str], Live]
_MAKES = frozenset({Action.CREATE, Action.REPLACE})
_CRAWLING = "recrawling"
_CHANGES = frozenset({Action.UPDATE, Action.ADOPT})


def settle(
    replayed: ReplayResult,
    kinds: Mapping[str, ResourceKind],
    listed: Callable[[ResourceKind], Iterable[Live]],
    look: Look,
) -> tuple[State, tuple[Intent, ...]]:
    """The state with what could be found, and the creates that have not shown (yet).

    UnknownOutcome when objects have appeared that may or may not be what a lost create made.
    """
    state, lost = replayed.state, []
    making = [one for one in replayed.pending if one.action in _MAKES]
    for kind in sorted({one.address.kind for one in making}):
        alike = _alike(one for one in making if one.address.kind == kind)
        for group, ids in _made(alike, kinds[kind], tuple(listed(kinds[kind])), look, replayed):
            for intent, remote_id in zip(group, ids, strict=False):
                state = _bound(state, intent, remote_id)
            lost += group[len(ids) :]
    for intent in replayed.pending:
        if intent.action in _CHANGES:
            state = _updated(state, intent, kinds[intent.address.kind], look)
        elif intent.action is Action.RECRAWL:
            state = _crawled(state, intent, kinds[intent.address.kind], look)
    return state, tuple(lost)


def discarded(replayed: ReplayResult, state: State) -> Iterator[tuple[Address, bool]]:
    """Objects of which an interrupted run may have discarded unpublished edits, and whether it surely has."""
    forced = [one for one in replayed.pending if one.forced]
    was = replayed.state.bindings
    found = {one.address: state.bindings.get(one.address) != was.get(one.address) for one in forced}
    yield from sorted({**found, **dict.fromkeys(replayed.discarded, True)}.items())


def check_found(lost: Sequence[Intent]) -> None:
    """Refuse to write a state without the creates that may still show: nobody would look for them any more."""
    if lost:
        message = f"an interrupted run may have created {', '.join(str(one.address) for one in lost)}"
        raise UnknownOutcome(message, "run `tavusctl apply` first, which checks the account")


_Group = list[Intent]


def _alike(making: Iterable[Intent]) -> list[_Group]:
    """Creates of one name and content are interchangeable: whose is whose makes no difference."""
    ordered = sorted(making, key=_likeness)
    return [list(group) for _, group in groupby(ordered, key=_likeness)]


def _likeness(intent: Intent) -> tuple[str, str]:
    return intent.name, canonical(intent.spec)


def _made(
    groups: Sequence[_Group], kind: ResourceKind, live: Sequence[Live], look: Look, replayed: ReplayResult
) -> Iterator[tuple[_Group, tuple[str, ...]]]:
    """Each group of like creates, with the ids of what they have made."""
    known = replayed.known.get(kind.name, frozenset())
    new = [one for one in live if one.address is None and one.remote_id not in known]
    names = frozenset(group[0].name for group in groups)
    sent = [Sent(kind, one[0].spec, one[0].name, names - {one[0].name}) for one in groups]
    likely = [match_create.likely(one, new) for one in sent]
    for index, group in enumerate(groups):
        answered = _answered(group, sent[index], look, replayed)
        elsewhere = frozenset(one for place, ids in enumerate(likely) if place != index for one in ids)
        try:
            ids = answered or match_create.matching(sent[index], live, known, elsewhere)
        except Ambiguous as error:
            raise UnknownOutcome(error.message, error.hint) from None
        if len(ids) > len(group) or elsewhere.intersection(ids):
            message = f"found {len(ids)} objects identical to the one sent for `{group[0].address}`: {', '.join(ids)}"
            raise UnknownOutcome(message, "import the right one with `tavusctl import`, and delete the others")
        yield group, ids


def _answered(group: _Group, sent: Sent, look: Look, replayed: ReplayResult) -> tuple[str, ...]:
    """The id that a create alone was answered with, where that is of what it has made."""
    remote_id = group[0].answered
    taken = {one.remote_id for one in replayed.state.bindings.values()}
    if len(group) > 1 or not remote_id or remote_id in taken:
        return ()
    try:
        return (remote_id,) if match_create.is_ours(sent, look(sent.kind, remote_id)) else ()
    except Gone:
        return ()


def _bound(state: State, intent: Intent, remote_id: str) -> State:
    before = state.bindings.get(intent.address)
    if intent.action is Action.REPLACE and before:
        abandoned = tuple(filter(None, [before.successor]))
        retired = (*before.retired, *abandoned)
        binding = replace(before, successor=remote_id, successor_spec=intent.spec, retired=retired)
    else:
        # What an address of an external object stood for then: it may mean another one by now.
        meant = {str(leaf) for _, leaf in leaves(intent.spec) if isinstance(leaf, Address)}
        externals = {name: known for name, known in intent.ids.items() if name in meant}
        binding = Binding(intent.address, remote_id, intent.spec, unconfirmed=MADE, externals=externals)
    return _with(state, intent.address, binding)


def _updated(state: State, intent: Intent, kind: ResourceKind, look: Look) -> State:
    """An update that reads as it was meant, in the server's spelling, was carried out: it is the base from then on."""
    before = state.bindings.get(intent.address)
    try:
        live = look(kind, intent.remote_id)
    except Gone:
        return state
    sent = Binding(intent.address, live.remote_id, intent.spec)
    differing = compare(Desired(kind, intent.address, intent.spec, Source("", 0, 0)), live, sent).fields
    if before is None or not _is_done(kind, intent, differing, _with_ids(live.body, state)):
        return state
    answered = {one.path: remembered(one.live) for one in differing}
    return _with(state, intent.address, replace(before, applied=intent.spec, answered=answered, unkept={}))


def _is_done(kind: ResourceKind, intent: Intent, differing: Sequence[FieldChange], body: JsonObject) -> bool:
    """Whether all that was sent reads as it was meant, and all that was taken away no longer as before."""
    was = intent.inverse.was
    removed = [one for one in was if is_unset(kind, split(one), value_at(intent.spec, split(one)))]
    gone = all(is_taken_away(kind, one, None, was[one], value_at(body, split(one))) for one in removed)
    return gone and all(
        alike(one.desired, one.live)
        or (one.path in was and is_taken_away(kind, one.path, one.desired, was[one.path], one.live))
        for one in differing
    )


def _with_ids(body: JsonObject, state: State) -> JsonObject:
    """A body with ids where it has addresses, as records have it."""

    def id_of(leaf: Json) -> Json:
        binding = state.bindings.get(leaf) if isinstance(leaf, Address) else None
        return binding.remote_id if binding else leaf

    read: JsonObject = map_leaves(body, id_of)
    return read


def _crawled(state: State, intent: Intent, kind: ResourceKind, look: Look) -> State:
    """A recrawl whose crawl goes on, or has ended since, was carried out."""
    before = state.bindings.get(intent.address)
    try:
        live = look(kind, intent.remote_id)
    except Gone:
        return state
    sent, ended = status.moment_of(intent.time), status.moment_of(live.crawled)
    late = timedelta(seconds=intent.delay)  # a crawl that ended before the call may have left is somebody else's
    if before is None or not (live.status == _CRAWLING or (sent and ended and ended >= sent + late)):
        return state
    desired = Desired(kind, intent.address, intent.spec, Source("", 0, 0))
    lost = [one for one in kept(desired, live) if one.path.startswith(f"/{kind.crawl_key}/")]
    answered = {**before.answered, **{one.path: remembered(one.live) for one in lost}}
    return _with(state, intent.address, replace(before, applied=intent.spec, answered=answered))


def _with(state: State, address: Address, binding: Binding) -> State:
    return replace(state, bindings={**state.bindings, address: binding})
