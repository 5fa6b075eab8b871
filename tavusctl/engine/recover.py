"""Find out what an interrupted run left unknown: by looking at the account, never by repeating a call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby

from msgspec.structs import replace

from tavusctl import freshness, lookup
from tavusctl.document import canonical
from tavusctl.equality import alike
from tavusctl.errors import Ambiguous, Gone, UnknownOutcome
from tavusctl.journal import Intent, Replay
from tavusctl.model import MADE, Action, Address, Binding, Desired, Live, ResourceKind, Source
from tavusctl.ports import State
from tavusctl.threeway import compare, kept, remembered

_MAKES = frozenset({Action.CREATE, Action.REPLACE})
_CRAWLING = "recrawling"
_CHANGES = frozenset({Action.UPDATE, Action.ADOPT})


def settle(
    replayed: Replay,
    kinds: Mapping[str, ResourceKind],
    listed: Callable[[ResourceKind], Iterable[Live]],
    look: Callable[[ResourceKind, str], Live],
) -> tuple[State, tuple[Intent, ...]]:
    """The state with what could be found, and the creates that have not shown (yet).

    UnknownOutcome when objects have appeared that may or may not be what a lost create made.
    """
    state, lost = replayed.state, []
    making = sorted((one for one in replayed.pending if one.action in _MAKES), key=_likeness)
    for _, group in groupby(making, key=_likeness):
        alike = list(group)
        ids = _made(alike, kinds[alike[0].address.kind], listed, replayed)
        for intent, remote_id in zip(alike, ids, strict=False):
            state = _bound(state, intent, remote_id)
        lost += alike[len(ids) :]
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


def _likeness(intent: Intent) -> tuple[str, str, str]:
    """Creates of the same name and content are interchangeable: whose is whose makes no difference."""
    return intent.address.kind, intent.name, canonical(intent.spec)


def _made(
    alike: Sequence[Intent],
    kind: ResourceKind,
    listed: Callable[[ResourceKind], Iterable[Live]],
    replayed: Replay,
) -> tuple[str, ...]:
    known = replayed.known.get(kind.name, frozenset())
    live = tuple(listed(kind))
    try:
        ids = lookup.matching(kind, alike[0].spec, alike[0].name, live, known)
    except Ambiguous as error:
        raise UnknownOutcome(error.message, error.hint) from None
    if len(ids) > len(alike):
        message = f"{len(ids)} objects read as what was sent for {alike[0].address}: {', '.join(ids)}"
        raise UnknownOutcome(message, "bind the right one with import, and delete the other")
    return ids


def _bound(state: State, intent: Intent, remote_id: str) -> State:
    before = state.bindings.get(intent.address)
    if intent.action is Action.REPLACE and before:
        abandoned = tuple(filter(None, [before.successor]))
        retired = (*before.retired, *abandoned)
        binding = replace(before, successor=remote_id, successor_spec=intent.spec, retired=retired)
    else:
        binding = Binding(intent.address, remote_id, intent.spec, unconfirmed=MADE)
    return _with(state, intent.address, binding)


def _updated(state: State, intent: Intent, kind: ResourceKind, look: Callable[[ResourceKind, str], Live]) -> State:
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


def _crawled(state: State, intent: Intent, kind: ResourceKind, look: Callable[[ResourceKind, str], Live]) -> State:
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
