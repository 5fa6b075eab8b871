"""Creates, made so that no answer, and no lack of one, makes an object twice.

    2xx, an id that is new     It is what was made, unless a look shows an object of another name and other content.
    2xx, anything else         Somebody else's answer, or half of ours: look, and never send it again.
    no answer, or an error     Is there an object that was not there before, has the name, and reads as what was sent?
                               It is ours.  None, once a late create would have shown: one more POST.
    429                        As a rule nothing was made; a look that would show it comes before the next attempt.

Anything else is for a person (exit 6).  Creates of one name wait for one another, and the first of a kind in a run is
followed by a look for the like of it: another run may be under way, with a state of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from tavusctl import claim, freshness, lookup
from tavusctl.document import leaves
from tavusctl.engine.apply.calls import on_record, update
from tavusctl.engine.apply.run import Run
from tavusctl.errors import Ambiguous, ApiError, TavusctlError, Throttled, UnknownOutcome
from tavusctl.lookup import Sent
from tavusctl.model import Action, Address, Binding, Cause, Change, Desired, Document, Live
from tavusctl.patch import join

_LOOKS = (0.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0)  # seconds after a lost answer at which to look
_AN_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")  # what can be a part of a path and means nothing else there
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0  # seconds between looks after a refusal
_SLOWER = 2.0  # times the lag that a listing has shown it may have


class _Making(Struct, frozen=True):
    """One create under way."""

    address: Address
    sent: Sent
    body: Document
    op: str


class _Seen(Exception):
    """A look between two attempts has shown what the first one made."""

    def __init__(self, remote_id: str) -> None:
        super().__init__(remote_id)
        self.remote_id = remote_id


class _CannotLook(Ambiguous):
    """A look failed, though it was repeated as often as is worth it: another one would only add to the load."""


def create(this: Run, step: Change, desired: Desired, bound: Callable[[str], Binding]) -> str:
    """Create an object; its id, bound before anything else happens.  Ambiguous when no look tells what became of it."""
    # Before anything is on record: a kill up to here has cost nothing.
    body = _named(this, desired, _linked(this, desired, step.patch[0]["value"]))
    name = str(body.get(desired.kind.name_field) or "")
    with this.in_turn(desired.kind.name, lookup.plain_text(name)):
        making = _begun(this, step, desired, body)
        with on_record(this, making.op):
            try:
                remote_id = _made(this, making)
            except Ambiguous:  # also from a look after a refusal
                this.ledger.doubt(making.op)
                raise
        this.ledger.bind(bound(remote_id), making.op)
    if step.action is Action.CREATE:
        _give_way(this, making, remote_id)
    if claim.is_claimed(name):
        _unclaim(this, step, desired, remote_id)
    return remote_id


def _linked(this: Run, desired: Desired, body: Document) -> Document:
    """A body with a link where the manifest names a file."""
    attachment = desired.kind.attachment
    if desired.file is None or attachment is None:
        return body
    rest = {key: value for key, value in body.items() if key != attachment.file}
    return {**rest, attachment.link: this.tools.link(desired.file)}


def _named(this: Run, desired: Desired, body: Document) -> Document:
    """A body whose name claims the object, where a second one would cost a lot."""
    kind = desired.kind
    if not kind.costly:
        return body
    name = claim.claimed(str(body.get(kind.name_field) or ""), this.ledger.state.lineage, desired.address)
    return {**body, kind.name_field: name}


def _begun(this: Run, step: Change, desired: Desired, body: Document) -> _Making:
    name = str(body.get(desired.kind.name_field) or "")
    spec = this.tools.remember(desired, Binding(step.address, "")).applied
    sent = Sent(desired.kind, spec, name, this.others(step.address, desired.kind.name, name))
    standing = {str(leaf): this.with_ids(leaf) for _, leaf in leaves(body) if isinstance(leaf, Address)}
    op = this.ledger.intend(step.address, step.action, spec=spec, name=name, time=this.now(), ids=standing)
    return _Making(step.address, sent, body, op)


def _made(this: Run, making: _Making) -> str:
    try:
        return _post(this, making)
    except _Seen as seen:
        return seen.remote_id
    except Throttled:
        remote_id = _seen_after_refusal(this, making)
        if not remote_id:
            raise
        return remote_id
    except _CannotLook:
        raise
    except Ambiguous as lost:
        remote_id = _found(this, making)
        if not remote_id and lost.accepted:
            raise
        return remote_id or _made_again(this, making)


def _made_again(this: Run, making: _Making) -> str:
    """The second and last attempt, after a look that would have shown the first."""
    this.ledger.again(making.op, this.now)
    try:
        return _post(this, making)
    except _Seen as seen:
        return seen.remote_id
    except Ambiguous:
        remote_id = _found(this, making)
        if remote_id:
            return remote_id
        raise


def _post(this: Run, making: _Making) -> str:
    kind, collection = making.sent.kind, making.sent.kind.collection
    with this.sending(making.op) as fence:
        answer = this.api.post(
            collection, this.with_ids(making.body), fence=fence, refused=partial(_look_first, this, making)
        )
    remote_id = kind.id_of(answer)
    if not _AN_ID.fullmatch(remote_id):
        message = f"the answer to POST {collection} has no id"
        raise Ambiguous(message, accepted=True)
    if remote_id in this.ledger.ids or remote_id in this.known.get(kind.name, ()):
        message = f"the answer to POST {collection} is about another object, {remote_id}"
        raise Ambiguous(message, accepted=True)
    if not _tells_the_name(making.sent, answer):
        _check_made(this, making, remote_id)
    return remote_id


def _tells_the_name(sent: Sent, answer: Document) -> bool:
    """Whether an answer has the name that was sent, by whatever key."""
    keys = [key for key in answer if key == sent.kind.name_field or key.endswith("_name")]
    return any(isinstance(answer[key], str) and lookup.similar_text(sent.name, answer[key]) for key in keys)


def _check_made(this: Run, making: _Making, remote_id: str) -> None:
    """Look at what a new id stands for where the answer does not tell; Ambiguous when it is not what was sent."""
    this.ledger.answered(making.op, remote_id)
    this.answered[making.op] = remote_id
    if not _is_made(this, making, remote_id):
        message = f"the answer to POST {making.sent.kind.collection} is about {remote_id}, which does not read as sent"
        raise Ambiguous(message, accepted=True)


def _is_made(this: Run, making: _Making, remote_id: str) -> bool:
    try:
        live = this.tools.look(making.sent.kind, remote_id)
    except ApiError:
        return False  # not to be seen yet: whoever goes on looks again
    return lookup.is_ours(making.sent, live)


def _found(this: Run, making: _Making) -> str:
    """What a create without an answer has made, if it has; Ambiguous when that cannot be told."""
    waited, remote_id = 0.0, ""
    for at in (*(look for look in _LOOKS if look < this.settle), this.settle):
        this.rest(at - waited)
        waited = at
        remote_id = _look_for(this, making).remote_id
        if remote_id or this.stop.asked():
            break
    _check_stop(this, making, remote_id)
    return remote_id


def _look_first(this: Run, making: _Making) -> None:
    """Before a create that was refused is sent again; _Seen when it was carried out all the same."""
    remote_id = _seen_after_refusal(this, making)
    if remote_id:
        raise _Seen(remote_id)


def _seen_after_refusal(this: Run, making: _Making) -> str:
    """What a create that was answered with 429 has made all the same, once a listing would show it.

    How far listings lag is seen by the youngest object that one shows: what was made before that shows, too.
    """
    begun, pause, lag = this.clock.monotonic(), _FIRST_PAUSE, this.settle
    while True:
        sight = _look_for(this, making)
        lag = min(lag, _lag(this, sight.newest))
        left = lag - (this.clock.monotonic() - begun)
        if sight.remote_id or left <= 0 or this.stop.asked():
            _check_stop(this, making, sight.remote_id)
            return sight.remote_id
        this.rest(min(pause, left))
        pause = min(pause * 2, _LONGEST_PAUSE)


def _lag(this: Run, newest: str) -> float:
    """The seconds by which a listing may be behind, whose youngest object was made at a moment."""
    moment = freshness.moment_of(newest)
    age = (this.api.server_time() - moment).total_seconds() if moment else this.settle
    return min(this.settle, age * _SLOWER) if age >= 0 else this.settle


def _check_stop(this: Run, making: _Making, remote_id: str) -> None:
    if this.stop.asked() and not remote_id:
        message = f"{this.stop.reason} before a look could tell whether {making.address} was created"
        raise Ambiguous(message)


def _look_for(this: Run, making: _Making) -> lookup.Sight:
    answered = this.answered.get(making.op, "")
    if answered and _is_made(this, making, answered):
        return lookup.Sight(answered)
    kind = making.sent.kind.name
    # Creates beside this one may have begun since: what they have made is not the one that is looked for.
    sent = replace(making.sent, others=this.others(making.address, kind, making.sent.name))
    try:
        return this.tools.find(sent, this.known.get(kind, ()))
    except Ambiguous:
        raise
    except TavusctlError as error:  # whatever it is, the create stays open
        message = f"it may have been created, and looking failed: {error.message}"
        this.stop.ask(message)  # what is created now could not be looked for either
        raise _CannotLook(message) from None


def _give_way(this: Run, making: _Making, remote_id: str) -> None:
    """Stop where another run, which this state knows nothing of, has made the same before this one did."""
    kind = making.sent.kind
    if not this.is_first(kind.name):
        return
    try:
        others = this.tools.twins(making.sent, this.known.get(kind.name, ()))
        mine = this.tools.look(kind, remote_id) if others else None
    except ApiError:
        return  # no reason to doubt what was made
    older = [one for one in others if mine and _age(one) < _age(mine)]
    if older:
        message = (
            f"another run has just made the same, {older[0].remote_id}, with a state of its own;"
            f" this run gives way, and {remote_id} is one too many"
        )
        this.stop.ask(message)
        raise UnknownOutcome(message, "apply a project from one place, or keep its state where all runs find it")


def _age(live: Live) -> tuple[str, str]:
    return live.created, live.remote_id


def _unclaim(this: Run, step: Change, desired: Desired, remote_id: str) -> None:
    """Give an object its own name, now that its id is on record; a later run does when this one cannot."""
    kind, current = desired.kind, this.ledger.get(step.address)
    name = str(step.patch[0]["value"].get(kind.name_field) or "")
    operation = {"op": "replace", "path": join((kind.name_field,)), "value": name}
    rename = Change(Action.UPDATE, Cause.NEW, step.address, remote_id, patch=(operation,), desired=desired)
    if current:
        update(this, rename, desired, remote_id, current)
