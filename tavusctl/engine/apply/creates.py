"""Creates, sent so that a wrong or missing response never leads to a duplicate.

    2xx with a new id          The id of the created object, unless a read shows another name and other content, or
                               no read shows it: then the outcome is unknown.
    2xx otherwise              A wrong or damaged response: look for the object, and never send the create again.
    no response, or an error   Is there a new object that has the name, and reads as what was sent?  It is ours.  If
                               there is none when a late create would have shown: one more POST.
    429                        Usually nothing was created; a listing that would show it comes before the next attempt.
    another refusal            Nothing was created, as a rule; a listing that has an object equal to what was sent shows
                               the contrary, unless the object is older than the request, or the refusal is a 409, as
                               for a name that is taken.

Anything else is for a person to decide (exit 6).  Creates of the same name wait for one another.  After the first
create of a kind in a run, a listing is searched for an equal object: a run with a state of its own may be active.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.errors import (
    Ambiguous,
    ApiError,
    Gone,
    RefusalCause,
    Rejected,
    TavusctlError,
    Throttled,
    UnknownOutcome,
)
from tavusctl.core.json_tree import leaves
from tavusctl.core.model import Action, Cause, Change, Desired, Live
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.core.timestamps import parse_timestamp
from tavusctl.engine.apply.calls import record_failure, update
from tavusctl.engine.apply.context import ApplyContext
from tavusctl.engine.compare import claim, match_create, parts
from tavusctl.engine.compare.match_create import SentCreate
from tavusctl.engine.compare.updates import update_of, with_wire_names
from tavusctl.lib.json_types import JsonObject, as_object
from tavusctl.lib.patterns import pattern
from tavusctl.patch import join

_LOOKS = (0.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0)  # seconds after a lost response at which to search
_AN_ID = pattern(r"[A-Za-z0-9_-]{1,100}")  # what is safe as a segment of a URL path
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0  # seconds between searches after a refusal
_ROUNDED = timedelta(seconds=2)  # by which the times of a server may be too early: they have no fractions of a second
_LAG_FACTOR = 2.0  # safety factor on the age of the youngest listed object, which bounds the lag of listings


class _PendingCreate(Struct, frozen=True):
    address: Address
    sent: SentCreate
    body: JsonObject
    op: str


class _FoundBetweenAttempts(Exception):
    """A search between two attempts has found the object that the first one created."""

    def __init__(self, remote_id: str) -> None:
        super().__init__(remote_id)
        self.remote_id = remote_id


class _SearchFailed(Ambiguous):
    """A search failed even after the retries of its requests: another search would only add to the load."""


def create(ctx: ApplyContext, step: Change, desired: Desired, make_binding: Callable[[str], Binding]) -> str:
    """Create an object, bind it at once, and return its id; `make_binding` makes the binding of an id.

    Raises Ambiguous if no search shows whether the object was created.
    """
    # Nothing is on record yet: a run that is killed before this point has lost nothing.
    whole = _with_claim(ctx, desired, _with_link(ctx, desired, as_object(step.patch[0]["value"])))
    body = parts.without_parts(desired.kind, whole)
    name = str(body.get(desired.kind.name_field) or "")
    with ctx.in_turn(desired.kind.name, match_create.plain_text(name)):
        pending = _record_intent(ctx, step, desired, body)
        with record_failure(ctx, pending.op):
            try:
                remote_id = _post_and_resolve(ctx, pending)
            except Ambiguous:  # also from a search after a refusal
                ctx.recorder.mark_sent(pending.op)
                raise
        binding = make_binding(remote_id)
        ctx.recorder.bind(replace(binding, applied=parts.without_parts(desired.kind, binding.applied)), pending.op)
    if step.action is Action.CREATE:
        _stop_if_duplicate(ctx, pending, remote_id)
    if claim.is_claimed(name):
        _unclaim(ctx, step, desired, remote_id)
    _add_parts(ctx, step, desired, make_binding(remote_id), body, whole)
    return remote_id


@contextmanager
def unknown_unless_seen(ctx: ApplyContext, step: Change, kind: ResourceKind) -> Iterator[None]:
    """Make a create unknown again, and raise Ambiguous, if its object was bound and no read shows it."""
    before = ctx.recorder.get(step.address)
    try:
        yield
    except Gone as error:
        made = ctx.recorder.get(step.address)
        if made is None or made == before:
            raise  # nothing was created
        remote_id = made.successor if step.action is Action.REPLACE else made.remote_id
        if _is_seen(ctx, kind, remote_id):
            raise  # a later call of the step came too early, or is about another object
        ctx.recorder.reopen_create(step.address, remote_id)
        message = f"the response to POST {kind.collection} has the id {remote_id}, and no read shows it: {error.text}"
        raise Ambiguous(message, accepted=True) from None


def _is_seen(ctx: ApplyContext, kind: ResourceKind, remote_id: str) -> bool:
    """Whether a read shows a new object, now or after some seconds: a read may be older than the create."""
    for _ in ctx.looks():
        try:
            ctx.dependencies.read(kind, remote_id)
        except Gone:
            continue
        except ApiError:
            return True  # nothing says that it does not exist
        return True
    return False


def _add_parts(
    ctx: ApplyContext, step: Change, desired: Desired, binding: Binding, body: JsonObject, whole: JsonObject
) -> None:
    """Write the parts of a new object that need calls of their own; if that fails, a later run writes them."""
    if body == whole:
        return
    kind, remote_id = desired.kind, binding.remote_id
    body, whole = (parts.with_part_containers(kind, document) for document in (body, whole))
    operations = tuple(update_of(kind).diff(kind, body, whole, {}))
    live = Live(kind, remote_id, body, address=step.address)
    change = Change(Action.UPDATE, Cause.NEW, step.address, remote_id, patch=operations, desired=desired, live=live)
    update(ctx, change, desired, remote_id, binding, is_new=True)


def _with_link(ctx: ApplyContext, desired: Desired, body: JsonObject) -> JsonObject:
    """The body with a URL of the uploaded file, if the manifest names a file."""
    attachment = desired.kind.attachment
    if desired.file is None or attachment is None:
        return body
    rest = {key: value for key, value in body.items() if key != attachment.file}
    return {**rest, attachment.link: ctx.dependencies.upload_file(desired.file)}


def _with_claim(ctx: ApplyContext, desired: Desired, body: JsonObject) -> JsonObject:
    """The body with a claim before its name, for an expensive kind: a duplicate would cost a lot."""
    kind = desired.kind
    if not kind.expensive:
        return body
    name = claim.with_claim(str(body.get(kind.name_field) or ""), ctx.recorder.state.lineage, desired.address)
    return {**body, kind.name_field: name}


def _record_intent(ctx: ApplyContext, step: Change, desired: Desired, body: JsonObject) -> _PendingCreate:
    name = str(body.get(desired.kind.name_field) or "")
    spec = parts.without_parts(desired.kind, ctx.dependencies.remember(desired, Binding(step.address, "")).applied)
    sent = SentCreate(desired.kind, spec, name, ctx.record_sent_name(step.address, desired.kind.name, name))
    reference_ids = {str(leaf): ctx.with_ids(leaf) for _, leaf in leaves(body) if isinstance(leaf, Address)}
    op = ctx.recorder.record_intent(step.address, step.action, spec=spec, name=name, time=ctx.now(), ids=reference_ids)
    return _PendingCreate(step.address, sent, body, op)


def _post_and_resolve(ctx: ApplyContext, pending: _PendingCreate) -> str:
    try:
        return _post(ctx, pending)
    except _FoundBetweenAttempts as match:
        return match.remote_id
    except Throttled:
        remote_id = _search_after_refusal(ctx, pending)
        if not remote_id:
            raise
        return remote_id
    except _SearchFailed:
        raise
    except Ambiguous as lost:
        remote_id = _search(ctx, pending)
        if not remote_id and lost.accepted:
            raise
        return remote_id or _retry(ctx, pending)


def _retry(ctx: ApplyContext, pending: _PendingCreate) -> str:
    """Make the second and last attempt, after a search that would have found the object of the first."""
    ctx.recorder.record_retry(pending.op, ctx.now)
    try:
        return _post(ctx, pending)
    except _FoundBetweenAttempts as match:
        return match.remote_id
    except (Ambiguous, Rejected) as error:
        # If the name is taken now, the first attempt may have been carried out late.
        late = isinstance(error, Ambiguous) or error.cause is RefusalCause.NAME_TAKEN
        remote_id = _search(ctx, pending) if late else ""
        if remote_id:
            return remote_id
        raise


def _post(ctx: ApplyContext, pending: _PendingCreate) -> str:
    started = ctx.api.server_time()
    try:
        return _send(ctx, pending)
    except Throttled:
        raise
    except Rejected as refusal:
        remote_id = _created_in_spite_of(refusal, ctx, pending, started)
        if not remote_id:
            raise
        return remote_id


def _created_in_spite_of(refusal: Rejected, ctx: ApplyContext, pending: _PendingCreate, started: datetime) -> str:
    """The id of the object that a refused create has made all the same; empty if no object equals what was sent.

    If the name is taken, an equal object is more likely that of somebody else; a 409 may say so in any words.  One that
    was created before the request `started` is somebody else's, such as the last one that a quota allowed.
    """
    if refusal.status == HTTPStatus.CONFLICT:
        return ""
    kind = pending.sent.kind
    try:
        remote_id = ctx.dependencies.find_created(pending.sent, ctx.existing_ids.get(kind.name, ())).remote_id
        created = parse_timestamp(ctx.dependencies.read(kind, remote_id).created) if remote_id else None
    except TavusctlError:
        return ""  # nothing speaks against the refusal
    return "" if created and created < started - _ROUNDED else remote_id


def _send(ctx: ApplyContext, pending: _PendingCreate) -> str:
    kind, collection = pending.sent.kind, pending.sent.kind.collection
    try:
        with ctx.sending(pending.op) as fence:
            response = ctx.api.post(
                collection,
                with_wire_names(kind, ctx.with_ids(pending.body)),
                fence=fence,
                before_retry=partial(_search_before_retry, ctx, pending),
            )
    except Gone as error:  # something that the new object refers to is missing, not the object itself
        raise Rejected(error.status, error.text, f"POST {collection}") from None
    remote_id = kind.id_of(response)
    if not _AN_ID.fullmatch(remote_id):
        raise Ambiguous(f"the response to POST {collection} has no id", accepted=True)
    if remote_id in ctx.recorder.ids or remote_id in ctx.existing_ids.get(kind.name, ()):
        raise Ambiguous(f"the response to POST {collection} has the id of another object, {remote_id}", accepted=True)
    if not _has_sent_name(pending.sent, response):
        _check_created(ctx, pending, remote_id)
    return remote_id


def _has_sent_name(sent: SentCreate, response: JsonObject) -> bool:
    """Whether a response has the sent name under any key."""
    keys = [key for key in response if key == sent.kind.name_field or key.endswith("_name")]
    names = [text for key in keys if isinstance(text := response[key], str)]
    return any(match_create.similar_text(sent.name, text) for text in names)


def _check_created(ctx: ApplyContext, pending: _PendingCreate, remote_id: str) -> None:
    """Read the object of a new id if the response does not name it; Ambiguous if it is not what was sent."""
    ctx.recorder.record_response(pending.op, remote_id)
    ctx.response_ids[pending.op] = remote_id
    if not _is_created(ctx, pending, remote_id):
        message = (
            f"the response to POST {pending.sent.kind.collection} has the "
            f"id {remote_id}, whose object differs from the one sent"
        )
        raise Ambiguous(message, accepted=True)


def _is_created(ctx: ApplyContext, pending: _PendingCreate, remote_id: str) -> bool:
    try:
        live = ctx.dependencies.read(pending.sent.kind, remote_id)
    except ApiError:
        return False  # not visible yet: the search that follows reads it again
    return match_create.is_created_object(pending.sent, live)


def _search(ctx: ApplyContext, pending: _PendingCreate) -> str:
    """The id of the object that a create without a response has made; empty if there is none.

    Raises Ambiguous if that is uncertain, or if a stop came first.
    """
    waited, remote_id = 0.0, ""
    for at in (*(seconds for seconds in _LOOKS if seconds < ctx.listing_delay), ctx.listing_delay):
        ctx.wait(at - waited)
        waited = at
        remote_id = _search_once(ctx, pending).remote_id
        if remote_id or ctx.stop.is_requested():
            break
    _check_stop(ctx, pending, remote_id)
    return remote_id


def _search_before_retry(ctx: ApplyContext, pending: _PendingCreate) -> None:
    """Search before a refused create is sent again; _FoundBetweenAttempts if it was carried out after all."""
    remote_id = _search_after_refusal(ctx, pending)
    if remote_id:
        raise _FoundBetweenAttempts(remote_id)


def _search_after_refusal(ctx: ApplyContext, pending: _PendingCreate) -> str:
    """The id of the object that a create answered with 429 has made after all; empty once a listing would show it.

    The age of the youngest listed object bounds the lag of listings: what was created before that object is listed too.
    """
    started, pause, lag = ctx.clock.monotonic(), _FIRST_PAUSE, ctx.listing_delay
    while True:
        sight = _search_once(ctx, pending)
        lag = min(lag, _lag(ctx, sight.newest))
        remaining = lag - (ctx.clock.monotonic() - started)
        if sight.remote_id or remaining <= 0 or ctx.stop.is_requested():
            _check_stop(ctx, pending, sight.remote_id)
            return sight.remote_id
        ctx.wait(min(pause, remaining))
        pause = min(pause * 2, _LONGEST_PAUSE)


def _lag(ctx: ApplyContext, newest: str) -> float:
    """The seconds by which a listing may be behind; `newest` is when its youngest object was created."""
    created = parse_timestamp(newest)
    age = (ctx.api.server_time() - created).total_seconds() if created else ctx.listing_delay
    return min(ctx.listing_delay, age * _LAG_FACTOR) if age >= 0 else ctx.listing_delay


def _check_stop(ctx: ApplyContext, pending: _PendingCreate, remote_id: str) -> None:
    if ctx.stop.is_requested() and not remote_id:
        raise Ambiguous(f"{ctx.stop.reason} before it was known whether `{pending.address}` was created")


def _search_once(ctx: ApplyContext, pending: _PendingCreate) -> match_create.SearchResult:
    answered = ctx.response_ids.get(pending.op, "")
    if answered and _is_created(ctx, pending, answered):
        return match_create.SearchResult(answered)
    kind = pending.sent.kind.name
    # Other creates may have begun since: their objects must not be taken for the one of this create.
    sent = replace(pending.sent, other_names=ctx.record_sent_name(pending.address, kind, pending.sent.name))
    try:
        return ctx.dependencies.find_created(sent, ctx.existing_ids.get(kind, ()))
    except Ambiguous:
        raise
    except TavusctlError as error:  # whatever the error is, the create stays open
        message = f"the object may have been created, and the check failed: {error.message}"
        ctx.stop.request(message)  # objects created from now on could not be searched for either
        raise _SearchFailed(message) from None


def _stop_if_duplicate(ctx: ApplyContext, pending: _PendingCreate, remote_id: str) -> None:
    """Stop if another run, with a state of its own, has created the same object before this run did."""
    kind = pending.sent.kind
    if not ctx.is_first(kind.name):
        return
    try:
        others = ctx.dependencies.possible_duplicates(pending.sent, ctx.existing_ids.get(kind.name, ()))
        mine = ctx.dependencies.read(kind, remote_id) if others else None
    except ApiError:
        return  # no reason to doubt the created object
    older = [other for other in others if mine and _age(other) < _age(mine)]
    if older:
        message = (
            f"another run with a state of its own has just created the same object, {older[0].remote_id};"
            f" this run stops, and {remote_id} is a duplicate"
        )
        ctx.stop.request(message)
        raise UnknownOutcome(
            message, "run apply from one place, or use a state that all runs share, and delete the duplicate"
        )


def _age(live: Live) -> tuple[str, str]:
    return live.created, live.remote_id


def _unclaim(ctx: ApplyContext, step: Change, desired: Desired, remote_id: str) -> None:
    """Rename an object to its own name, now that its id is on record; if that fails, a later run does it."""
    kind, current = desired.kind, ctx.recorder.get(step.address)
    name = str(as_object(step.patch[0]["value"]).get(kind.name_field) or "")
    operation: JsonObject = {"op": "replace", "path": join((kind.name_field,)), "value": name}
    rename = Change(Action.UPDATE, Cause.NEW, step.address, remote_id, patch=(operation,), desired=desired)
    if current:
        update(ctx, rename, desired, remote_id, current)
