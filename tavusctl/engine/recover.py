"""Find out what an interrupted run left unknown: by looking at the account, never by repeating a call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from msgspec.structs import replace

from tavusctl import freshness, lookup
from tavusctl.document import canonical, leaves
from tavusctl.equality import alike
from tavusctl.errors import Ambiguous, Gone, UnknownOutcome
from tavusctl.journal import Intent, Replay
from tavusctl.lookup import Sent
from tavusctl.model import MADE, Action, Address, Binding, Desired, Live, ResourceKind, Source
from tavusctl.ports import State
from tavusctl.threeway import compare, kept, remembered

Look = Callable[[ResourceKind, str], Live]
_MAKES = frozenset({Action.CREATE, Action.REPLACE})
_CRAWLING = "recrawling"
_CHANGES = frozenset({Action.UPDATE, Action.ADOPT})


def settle(
    replayed: Replay,
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


def check_found(lost: Sequence[Intent]) -> None:
    """Refuse to write a state without the creates that may still show: nobody would look for them any more."""
    if lost:
        message = f"an interrupted run may have created {', '.join(str(one.address) for one in lost)}"
        raise UnknownOutcome(message, "run tavusctl apply first: it finds out")


_Group = list[Intent]


def _alike(making: Iterable[Intent]) -> list[_Group]:
    """Creates of one name and content are interchangeable: whose is whose makes no difference."""
    ordered = sorted(making, key=_likeness)
    return [list(group) for _, group in groupby(ordered, key=_likeness)]


def _likeness(intent: Intent) -> tuple[str, str]:
    return intent.name, canonical(intent.spec)


def _made(
    groups: Sequence[_Group], kind: ResourceKind, live: Sequence[Live], look: Look, replayed: Replay
) -> Iterator[tuple[_Group, tuple[str, ...]]]:
    """Each group of like creates, with the ids of what they have made."""
    known = replayed.known.get(kind.name, frozenset())
    new = [one for one in live if one.address is None and one.remote_id not in known]
    names = frozenset(group[0].name for group in groups)
    sent = [Sent(kind, one[0].spec, one[0].name, names - {one[0].name}) for one in groups]
    likely = [lookup.likely(one, new) for one in sent]
    for index, group in enumerate(groups):
        answered = _answered(group, sent[index], look, replayed)
        elsewhere = frozenset(one for place, ids in enumerate(likely) if place != index for one in ids)
        try:
            ids = answered or lookup.matching(sent[index], live, known, elsewhere)
        except Ambiguous as error:
            raise UnknownOutcome(error.message, error.hint) from None
        if len(ids) > len(group) or elsewhere.intersection(ids):
            message = f"{len(ids)} objects read as what was sent for {group[0].address}: {', '.join(ids)}"
            raise UnknownOutcome(message, "bind the right one with import, and delete the other")
        yield group, ids


def _answered(group: _Group, sent: Sent, look: Look, replayed: Replay) -> tuple[str, ...]:
    """The id that a create alone was answered with, where that is of what it has made."""
    remote_id = group[0].answered
    taken = {one.remote_id for one in replayed.state.bindings.values()}
    if len(group) > 1 or not remote_id or remote_id in taken:
        return ()
    try:
        return (remote_id,) if lookup.is_ours(sent, look(sent.kind, remote_id)) else ()
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
    if before is None or not all(alike(one.desired, one.live) for one in differing):
        return state
    answered = {one.path: remembered(one.live) for one in differing}
    return _with(state, intent.address, replace(before, applied=intent.spec, answered=answered, unkept={}))


def _crawled(state: State, intent: Intent, kind: ResourceKind, look: Look) -> State:
    """A recrawl whose crawl goes on, or has ended since, was carried out."""
    before = state.bindings.get(intent.address)
    try:
        live = look(kind, intent.remote_id)
    except Gone:
        return state
    sent, ended = freshness.moment_of(intent.time), freshness.moment_of(live.crawled)
    if before is None or not (live.status == _CRAWLING or (sent and ended and ended >= sent)):
        return state
    desired = Desired(kind, intent.address, intent.spec, Source("", 0, 0))
    lost = [one for one in kept(desired, live) if one.path.startswith(f"/{kind.crawl}/")]
    answered = {**before.answered, **{one.path: remembered(one.live) for one in lost}}
    return _with(state, intent.address, replace(before, applied=intent.spec, answered=answered))


def _with(state: State, address: Address, binding: Binding) -> State:
    return replace(state, bindings={**state.bindings, address: binding})
