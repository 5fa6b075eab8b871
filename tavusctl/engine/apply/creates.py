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

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.errors import (
    Ambiguous,
    ApiError,
    RefusalCause,
    Rejected,
    TavusctlError,
    Throttled,
    UnknownOutcome,
)
from tavusctl.core.json_tree import leaves
from tavusctl.core.model import Action, Cause, Change, Desired, Live
from tavusctl.crawl import status
from tavusctl.engine.apply.calls import on_record, update
from tavusctl.engine.apply.context import ApplyContext
from tavusctl.engine.compare import claim, match_create, parts
from tavusctl.engine.compare.match_create import Sent
from tavusctl.engine.compare.updates import creating, update_of
from tavusctl.lib.json_types import JsonObject, as_object
from tavusctl.patch import join

_LOOKS = (0.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0)  # seconds after a lost answer at which to look
_AN_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")  # what can be a part of a path and means nothing else there
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0  # seconds between looks after a refusal
_SLOWER = 2.0  # times the lag that a listing has shown it may have


class _Making(Struct, frozen=True):
    """One create under way."""

    address: Address
    sent: Sent
    body: JsonObject
    op: str


class _Seen(Exception):
    """A look between two attempts has shown what the first one made."""

    def __init__(self, remote_id: str) -> None:
        super().__init__(remote_id)
        self.remote_id = remote_id


class _CannotLook(Ambiguous):
    """A look failed, though it was repeated as often as is worth it: another one would only add to the load."""


def create(ctx: ApplyContext, step: Change, desired: Desired, bound: Callable[[str], Binding]) -> str:
    """Create an object; its id, bound before anything else happens.  Ambiguous when no look tells what became of it."""
    # Before anything is on record: a kill up to here has cost nothing.
    whole = _named(ctx, desired, _linked(ctx, desired, as_object(step.patch[0]["value"])))
    body = parts.without(desired.kind, whole)
    name = str(body.get(desired.kind.name_field) or "")
    with ctx.in_turn(desired.kind.name, match_create.plain_text(name)):
        making = _begun(ctx, step, desired, body)
        with on_record(ctx, making.op):
            try:
                remote_id = _made(ctx, making)
            except Ambiguous:  # also from a look after a refusal
                ctx.recorder.doubt(making.op)
                raise
        made = bound(remote_id)
        ctx.recorder.bind(replace(made, applied=parts.without(desired.kind, made.applied)), making.op)
    if step.action is Action.CREATE:
        _give_way(ctx, making, remote_id)
    if claim.is_claimed(name):
        _unclaim(ctx, step, desired, remote_id)
    _add_parts(ctx, step, desired, bound(remote_id), body, whole)
    return remote_id


def _add_parts(
    ctx: ApplyContext, step: Change, desired: Desired, made: Binding, body: JsonObject, whole: JsonObject
) -> None:
    """Write the parts of a new object that calls of their own write; a later run does when this one cannot."""
    if body == whole:
        return
    kind, remote_id = desired.kind, made.remote_id
    body, whole = (parts.with_holders(kind, one) for one in (body, whole))
    operations = tuple(update_of(kind).diff(kind, body, whole, {}))
    live = Live(kind, remote_id, body, address=step.address)
    change = Change(Action.UPDATE, Cause.NEW, step.address, remote_id, patch=operations, desired=desired, live=live)
    update(ctx, change, desired, remote_id, made, is_new=True)


def _linked(ctx: ApplyContext, desired: Desired, body: JsonObject) -> JsonObject:
    """A body with a link where the manifest names a file."""
    attachment = desired.kind.attachment
    if desired.file is None or attachment is None:
        return body
    rest = {key: value for key, value in body.items() if key != attachment.file}
    return {**rest, attachment.link: ctx.dependencies.link(desired.file)}


def _named(ctx: ApplyContext, desired: Desired, body: JsonObject) -> JsonObject:
    """A body whose name claims the object, where a second one would cost a lot."""
    kind = desired.kind
    if not kind.expensive:
        return body
    name = claim.claimed(str(body.get(kind.name_field) or ""), ctx.recorder.state.lineage, desired.address)
    return {**body, kind.name_field: name}


def _begun(ctx: ApplyContext, step: Change, desired: Desired, body: JsonObject) -> _Making:
    name = str(body.get(desired.kind.name_field) or "")
    spec = parts.without(desired.kind, ctx.dependencies.remember(desired, Binding(step.address, "")).applied)
    sent = Sent(desired.kind, spec, name, ctx.others(step.address, desired.kind.name, name))
    standing = {str(leaf): ctx.with_ids(leaf) for _, leaf in leaves(body) if isinstance(leaf, Address)}
    op = ctx.recorder.intend(step.address, step.action, spec=spec, name=name, time=ctx.now(), ids=standing)
    return _Making(step.address, sent, body, op)


def _made(ctx: ApplyContext, making: _Making) -> str:
    try:
        return _post(ctx, making)
    except _Seen as seen:
        return seen.remote_id
    except Throttled:
        remote_id = _seen_after_refusal(ctx, making)
        if not remote_id:
            raise
        return remote_id
    except _CannotLook:
        raise
    except Ambiguous as lost:
        remote_id = _found(ctx, making)
        if not remote_id and lost.accepted:
            raise
        return remote_id or _made_again(ctx, making)


def _made_again(ctx: ApplyContext, making: _Making) -> str:
    """The second and last attempt, after a look that would have shown the first."""
    ctx.recorder.again(making.op, ctx.now)
    try:
        return _post(ctx, making)
    except _Seen as seen:
        return seen.remote_id
    except (Ambiguous, Rejected) as error:
        # A name that is taken by now may be of what the first attempt has made, late.
        late = isinstance(error, Ambiguous) or error.cause is RefusalCause.NAME_TAKEN
        remote_id = _found(ctx, making) if late else ""
        if remote_id:
            return remote_id
        raise


def _post(ctx: ApplyContext, making: _Making) -> str:
    kind, collection = making.sent.kind, making.sent.kind.collection
    with ctx.sending(making.op) as fence:
        answer = ctx.api.post(
            collection,
            creating(kind, ctx.with_ids(making.body)),
            fence=fence,
            refused=partial(_look_first, ctx, making),
        )
    remote_id = kind.id_of(answer)
    if not _AN_ID.fullmatch(remote_id):
        message = f"the response to POST {collection} has no id"
        raise Ambiguous(message, accepted=True)
    if remote_id in ctx.recorder.ids or remote_id in ctx.known.get(kind.name, ()):
        message = f"the response to POST {collection} has the id of another object, {remote_id}"
        raise Ambiguous(message, accepted=True)
    if not _tells_the_name(making.sent, answer):
        _check_made(ctx, making, remote_id)
    return remote_id


def _tells_the_name(sent: Sent, answer: JsonObject) -> bool:
    """Whether an answer has the name that was sent, by whatever key."""
    keys = [key for key in answer if key == sent.kind.name_field or key.endswith("_name")]
    told = [text for key in keys if isinstance(text := answer[key], str)]
    return any(match_create.similar_text(sent.name, text) for text in told)


def _check_made(ctx: ApplyContext, making: _Making, remote_id: str) -> None:
    """Look at what a new id stands for where the answer does not tell; Ambiguous when it is not what was sent."""
    ctx.recorder.answered(making.op, remote_id)
    ctx.answered[making.op] = remote_id
    if not _is_made(ctx, making, remote_id):
        message = (
            f"the response to POST {making.sent.kind.collection} has the "
            f"id {remote_id}, whose object differs from the one sent"
        )
        raise Ambiguous(message, accepted=True)


def _is_made(ctx: ApplyContext, making: _Making, remote_id: str) -> bool:
    try:
        live = ctx.dependencies.look(making.sent.kind, remote_id)
    except ApiError:
        return False  # not to be seen yet: whoever goes on looks again
    return match_create.is_ours(making.sent, live)


def _found(ctx: ApplyContext, making: _Making) -> str:
    """What a create without an answer has made, if it has; Ambiguous when that cannot be told."""
    waited, remote_id = 0.0, ""
    for at in (*(look for look in _LOOKS if look < ctx.settle), ctx.settle):
        ctx.rest(at - waited)
        waited = at
        remote_id = _look_for(ctx, making).remote_id
        if remote_id or ctx.stop.asked():
            break
    _check_stop(ctx, making, remote_id)
    return remote_id


def _look_first(ctx: ApplyContext, making: _Making) -> None:
    """Before a create that was refused is sent again; _Seen when it was carried out all the same."""
    remote_id = _seen_after_refusal(ctx, making)
    if remote_id:
        raise _Seen(remote_id)


def _seen_after_refusal(ctx: ApplyContext, making: _Making) -> str:
    """What a create that was answered with 429 has made all the same, once a listing would show it.

    How far listings lag is seen by the youngest object that one shows: what was made before that shows, too.
    """
    begun, pause, lag = ctx.clock.monotonic(), _FIRST_PAUSE, ctx.settle
    while True:
        sight = _look_for(ctx, making)
        lag = min(lag, _lag(ctx, sight.newest))
        left = lag - (ctx.clock.monotonic() - begun)
        if sight.remote_id or left <= 0 or ctx.stop.asked():
            _check_stop(ctx, making, sight.remote_id)
            return sight.remote_id
        ctx.rest(min(pause, left))
        pause = min(pause * 2, _LONGEST_PAUSE)


def _lag(ctx: ApplyContext, newest: str) -> float:
    """The seconds by which a listing may be behind, whose youngest object was made at a moment."""
    moment = status.moment_of(newest)
    age = (ctx.api.server_time() - moment).total_seconds() if moment else ctx.settle
    return min(ctx.settle, age * _SLOWER) if age >= 0 else ctx.settle


def _check_stop(ctx: ApplyContext, making: _Making, remote_id: str) -> None:
    if ctx.stop.asked() and not remote_id:
        message = f"{ctx.stop.reason} before it was known whether `{making.address}` was created"
        raise Ambiguous(message)


def _look_for(ctx: ApplyContext, making: _Making) -> match_create.Sight:
    answered = ctx.answered.get(making.op, "")
    if answered and _is_made(ctx, making, answered):
        return match_create.Sight(answered)
    kind = making.sent.kind.name
    # Creates beside this one may have begun since: what they have made is not the one that is looked for.
    sent = replace(making.sent, others=ctx.others(making.address, kind, making.sent.name))
    try:
        return ctx.dependencies.find(sent, ctx.known.get(kind, ()))
    except Ambiguous:
        raise
    except TavusctlError as error:  # whatever it is, the create stays open
        message = f"the object may have been created, and the check failed: {error.message}"
        ctx.stop.ask(message)  # what is created now could not be looked for either
        raise _CannotLook(message) from None


def _give_way(ctx: ApplyContext, making: _Making, remote_id: str) -> None:
    """Stop where another run, which this state knows nothing of, has made the same before this one did."""
    kind = making.sent.kind
    if not ctx.is_first(kind.name):
        return
    try:
        others = ctx.dependencies.twins(making.sent, ctx.known.get(kind.name, ()))
        mine = ctx.dependencies.look(kind, remote_id) if others else None
    except ApiError:
        return  # no reason to doubt what was made
    older = [one for one in others if mine and _age(one) < _age(mine)]
    if older:
        message = (
            f"another run with a state of its own has just created the same object, {older[0].remote_id};"
            f" this run stops, and {remote_id} is a duplicate"
        )
        ctx.stop.ask(message)
        raise UnknownOutcome(
            message, "run apply from one place, or use a state that all runs share, and delete the duplicate"
        )


def _age(live: Live) -> tuple[str, str]:
    return live.created, live.remote_id


def _unclaim(ctx: ApplyContext, step: Change, desired: Desired, remote_id: str) -> None:
    """Give an object its own name, now that its id is on record; a later run does when this one cannot."""
    kind, current = desired.kind, ctx.recorder.get(step.address)
    name = str(as_object(step.patch[0]["value"]).get(kind.name_field) or "")
    operation: JsonObject = {"op": "replace", "path": join((kind.name_field,)), "value": name}
    rename = Change(Action.UPDATE, Cause.NEW, step.address, remote_id, patch=(operation,), desired=desired)
    if current:
        update(ctx, rename, desired, remote_id, current)
