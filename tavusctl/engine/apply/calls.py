"""The calls that change the account, made so that no answer, and no lack of one, costs anything.

A call ends done, surely not done, or unknown.  Unknown is settled by looking:

    create   See creates.py.
    update   Does the object read as wanted?  Done.  As before?  The same guarded patch again.  Otherwise: a conflict.
    delete   Is it gone?  Done.  Otherwise once more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from tavusctl import patch
from tavusctl.core.binding import Binding
from tavusctl.core.errors import (
    Ambiguous,
    ApiError,
    ConflictError,
    Gone,
    RefusalCause,
    RefusedError,
    Rejected,
    TavusctlError,
)
from tavusctl.core.json_tree import leaves, map_leaves, pattern_of, set_at, with_value_of
from tavusctl.core.model import Change, Desired, Live
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine.apply import drafts, part_calls
from tavusctl.engine.apply.context import ApplyContext, Moved, Obedience
from tavusctl.engine.apply.drafts import Written
from tavusctl.engine.apply.guard_probe import REFUSALS, is_obeyed, say
from tavusctl.engine.apply.inverse import invert
from tavusctl.engine.apply.part_calls import PartCall
from tavusctl.engine.compare import not_live, parts, patch_guards
from tavusctl.engine.compare.parts import Call
from tavusctl.engine.compare.patch_guards import value_at
from tavusctl.engine.compare.remembered import as_it_was
from tavusctl.engine.compare.three_way import is_taken_away
from tavusctl.engine.compare.updates import update_of
from tavusctl.fields import presigned_urls, spellings
from tavusctl.fields.equivalence import alike, same
from tavusctl.lib.json_types import JsonObject
from tavusctl.patch import Pinned
from tavusctl.secrets.values import Secret


def update(
    ctx: ApplyContext, step: Change, desired: Desired, remote_id: str, current: Binding, *, is_new: bool = False
) -> Written:
    """Send a patch; ConflictError, and nothing written, when somebody edited what it is about to change.

    Parts of the object that calls of their own write follow, each call on record by itself.  Edits in PAL Maker keep
    out what they block and nothing else.  An object that `is_new` is nobody's to have edited.
    """
    before = ctx.expected_live(step.live) if step.live else ctx.look(desired.kind, remote_id)
    lacks = update_of(desired.kind).lacks(before, step.patch, desired.spec)
    if lacks:  # of what a plan could not see, or of an undo
        message = f"the secret at {', '.join(lacks)} of `{step.address}` has to be sent along, and is not at hand"
        raise RefusedError(message, "write it as `${secret:NAME}` in the manifest", id="E408")
    sequence = parts.calls(before.kind, remote_id, before.body, ctx.with_ids(list(step.patch)))
    if not is_new:
        part_calls.compare(ctx, step, before, sequence)
    written, blocked, reason = Written(), list[Call](), None
    reached = ctx.recorder.get(step.address) or Binding(step.address, remote_id)
    for index, call in enumerate(sequence):
        bound = _reached(ctx, reached, current, call, [*blocked, *sequence[index + 1 :]], before.kind)
        update = _Update(ctx, step, replace(before, body=call.before), call, is_new)
        try:
            written = written.along(_carried_out(update, bound))
        except drafts.Blocked as error:
            blocked.append(call)
            reason = reason or error
            continue
        reached = bound
        ctx.written.setdefault(step.address, []).extend(_pointers(call))
    if reason:
        raise reason
    if not sequence:  # a set in another order
        ctx.recorder.bind(current)
    return written


class _Update(Struct, frozen=True):
    """One call of an update."""

    ctx: ApplyContext
    step: Change
    before: Live  # the object as the plan saw it, and as earlier calls leave it
    call: Call
    is_new: bool


def _reached(
    ctx: ApplyContext, reached: Binding, current: Binding, call: Call, rest: Sequence[Call], kind: ResourceKind
) -> Binding:
    """What is to be remembered once a call is done, and others of the same update are not."""
    if not rest:
        return current
    spec = reached.applied
    if call.part is None:
        spec = current.applied
        for part in kind.parts:
            spec = with_value_of(spec, part.at, reached.applied)
    elif any(one.place == call.place for one in rest):  # half a set
        ids = ctx.recorder.ids
        half = map_leaves(
            value_at(call.after, call.place), lambda leaf: ids.get(leaf, leaf) if isinstance(leaf, str) else leaf
        )
        spec = set_at(spec, call.place, half)
    else:
        spec = with_value_of(spec, call.place, current.applied)
    return as_it_was(current, reached, spec, [pointer for one in rest for pointer in _pointers(one)])


def _pointers(call: Call) -> list[str]:
    """What a call writes."""
    if call.has_path:
        return [patch.join(call.place)]
    return [patch.join(place) for place in patch_guards.places(call.before, call.operations)]


def _carried_out(update: _Update, bound: Binding) -> Written:
    """One call, with its intent on record before it and its result after it."""
    ctx, step, before, call = update.ctx, update.step, update.before, update.call
    known = ctx.recorder.get(step.address)
    op = ctx.recorder.intend(
        step.address,
        step.action,
        remote_id=before.remote_id,
        spec=bound.applied,
        time=ctx.now(),
        inverse=invert(ctx, before, call.operations, known.applied if known else {}),
    )
    with on_record(ctx, op):
        if call.has_path:
            written = part_calls.send(PartCall(ctx, op, step, before, call))
        else:
            written = _patched(_Write(ctx, op, step, before, call, _is_tested(update, op)))
    ctx.recorder.bind(bound, op)
    return written


def _patched(write: _Write) -> Written:
    ctx, kind = write.ctx, write.before.kind
    try:
        written = _published(write, _sent(write))
    except ConflictError:
        if write.tested or update_of(kind).versioned:  # a call that comes late fails by these, too
            ctx.recorder.clear(write.op)
        raise
    if not write.tested and update_of(kind).tested:
        say(ctx, kind, ctx.obedience.get(kind.name, Obedience.UNKNOWN))
    return written


@contextmanager
def on_record(ctx: ApplyContext, op: str) -> Iterator[None]:
    """Put on record what surely was not done; what may have been stays open, for the next run to look at."""
    try:
        yield
    except TavusctlError:
        if not ctx.recorder.is_sent(op):
            ctx.recorder.settle(op, done=False)
        raise


_ANOTHER_VERSION = 412  # RFC 9110, section 15.5.13
_VERSIONS = 5  # of an object at most that an update is sent for


class _Write(Struct, frozen=True):
    """An update under way."""

    ctx: ApplyContext
    op: str
    step: Change
    before: Live  # the object as the plan saw it, and as earlier calls leave it
    call: Call
    tested: bool  # the server compares; otherwise we do, as late as possible


def _is_tested(update: _Update, op: str) -> bool:
    """Whether `test` operations guard the call; where they do not, it is compared here."""
    ctx, before = update.ctx, update.before
    if update_of(before.kind).tested and is_obeyed(ctx, op, before):
        return True
    if not update.is_new:
        _compare(ctx, update.step, before, update.call)
    return False


def _compare(ctx: ApplyContext, step: Change, before: Live, call: Call) -> None:
    now = ctx.look(before.kind, before.remote_id)
    moved = patch_guards.moved(before.body, now.body, call.operations)
    if moved:
        raise Moved(step.address, moved)


def _sent(write: _Write) -> Written:
    try:
        return _send(write)
    except Ambiguous as lost:
        return drafts.settled(lost, partial(_settle_update, write))


def _send(write: _Write) -> Written:
    """Send it, and once more over edits in PAL Maker that block it, where the command line gives those up."""
    ctx, step = write.ctx, write.step
    try:
        return drafts.read(_patch(write), forced=False)
    except Gone:
        raise
    except Rejected as error:
        if error.cause is not RefusalCause.MAKER_CHANGES:
            raise
    if step.address not in ctx.drafts.discarded:
        raise drafts.Blocked(step.address)
    ctx.recorder.again(write.op, ctx.now, forced=True)
    try:
        return drafts.read(_patch(write, drafts.FORCED), forced=True)
    except Ambiguous as error:
        raise drafts.Unheard(error) from error


def _patch(write: _Write, query: Mapping[str, str] | None = None, tries: int = _VERSIONS) -> JsonObject:
    """One call; its answer.  It is made again while others write what it leaves alone, if not for ever."""
    ctx, kind, step = write.ctx, write.before.kind, write.step
    # Without tests, what was compared before a pause says nothing after it.
    check = (lambda: None) if write.tested else partial(_compare, ctx, step, write.before, write.call)
    try:
        with ctx.sending(write.op, check) as fence:
            some = list(write.call.operations)
            operations = patch_guards.protect(kind, write.before.body, some) if write.tested else some
            path, body = update_of(kind).request(write.before, operations, step.desired.spec if step.desired else {})
            return ctx.api.patch(path, body, fence=fence, query=query, version=_version(write))
    except Gone:
        raise
    except Rejected as error:
        if update_of(kind).versioned and error.status == _ANOTHER_VERSION:
            _compare(ctx, step, write.before, write.call)  # what the update does not touch may have moved
            if tries == 1:
                message = f"`{step.address}` was edited in the account each time that it was about to be written"
                raise ConflictError(message) from None
            return _patch(write, query, tries - 1)
        if write.tested and error.status in REFUSALS and error.cause is not RefusalCause.MAKER_CHANGES:
            _compare(ctx, step, write.before, write.call)
            return _drafted(write, error)
        raise


def _version(write: _Write) -> str:
    """The version that an update is of, where reads have one: it was compared with the plan after it was read."""
    if not update_of(write.before.kind).versioned:
        return ""
    version = write.ctx.api.version(f"{write.before.kind.collection}/{write.before.remote_id}")
    _compare(write.ctx, write.step, write.before, write.call)
    return version


def _reads_as_wanted(write: _Write, pointer: str, wanted: JsonObject, now: JsonObject) -> bool:
    """Whether a place has what was sent, in the server's spelling; what was taken away has anything but the old."""
    path, body = patch.split(pointer), write.before.body
    told, shown = value_at(wanted, path), value_at(now, path)
    taken_away = is_taken_away(write.before.kind, pointer, told, value_at(body, path), shown)
    return taken_away or alike(told, shown) or same(write.before.kind, pattern_of(path), told, shown)


def _drafted(write: _Write, error: Rejected) -> JsonObject:
    """The draft that a test has failed at, when it has what was to be written already; what is live has not moved."""
    ctx, kind, step = write.ctx, write.before.kind, write.step
    draft = drafts.look(ctx, kind, write.before.remote_id)
    if draft is None or step.desired is None:
        raise error
    pointers = [patch.join(one) for one in patch_guards.places(write.before.body, write.call.operations)]
    other = not_live.lasting(not_live.sent(ctx.with_ids(step.desired.spec), pointers), spellings.read(kind, draft))
    if other:
        raise drafts.OtherDraft(step.address, other)
    return draft


def _published(write: _Write, written: Written) -> Written:
    """Publish what has gone into a draft, where the command line says so."""
    ctx, kind, step = write.ctx, write.before.kind, write.step
    if step.address not in ctx.drafts.published or not (written.in_draft or _reads_as_before(write)):
        return written
    trouble = drafts.publish(ctx, write.op, kind, write.before.remote_id)
    return replace(written, in_draft=bool(trouble), published=not trouble, trouble=trouble)


def _reads_as_before(write: _Write) -> bool:
    try:
        now = write.ctx.look(write.before.kind, write.before.remote_id)
    except ApiError:
        return False  # whoever confirms the write looks again
    return now.draft or not patch_guards.moved(write.before.body, now.body, write.call.operations)


def _settle_update(write: _Write) -> Written:
    """The answer was lost: look, and send again only what certainly is not there."""
    ctx, before, operations = write.ctx, write.before.body, write.call.operations
    now = ctx.look(write.before.kind, write.before.remote_id).body
    touched = _unwritten(write, now)
    if not touched and not _writes_hidden(operations):
        return Written()
    moved = patch_guards.moved(before, now, operations)
    if moved and touched:
        raise Moved(write.step.address, moved)
    if not write.tested and update_of(write.before.kind).tested:
        address = write.step.address
        message = f"`{address}` is unchanged, and without `test` operations a late patch could be applied twice"
        raise Ambiguous(message)
    try:
        return _send(write)
    except ConflictError:
        # The first call may have come late, and have made the version that the second one was not of.
        now = ctx.look(write.before.kind, write.before.remote_id).body
        if not update_of(write.before.kind).versioned or _unwritten(write, now):
            raise
        return Written()


def _unwritten(write: _Write, now: JsonObject) -> list[str]:
    """Places that do not read as an update would leave them, as far as reads can tell."""
    wanted = write.call.after
    moved = [one for one in patch_guards.moved(wanted, now, write.call.operations) if not _hidden(wanted, one)]
    return [one for one in moved if not _reads_as_wanted(write, one, wanted, now)]


def remove(
    ctx: ApplyContext, step: Change, kind: ResourceKind, unused: Callable[[], None], left: Binding | None = None
) -> None:
    """Delete an object and keep its body in the trash; remove its binding, or replace it by `left`.

    Where time has passed since, the object is looked at again, and so is what refers to it: `unused` raises.
    """
    op = ctx.recorder.intend(step.address, step.action, remote_id=step.remote_id, time=ctx.now())
    with on_record(ctx, op), suppress(Gone):  # what was to be deleted is not there: done
        kept = _body(ctx, step, kind)
        ctx.dependencies.keep(step.address, step.remote_id, ctx.with_ids(kept))

        def check() -> None:
            now = _body(ctx, step, kind)
            if moved := [patch.join([key]) for key in kind.model.model_fields if kept.get(key) != now.get(key)]:
                raise Moved(step.address, moved)
            unused()

        _delete(ctx, op, f"{kind.collection}/{step.remote_id}", check)
    if left is None:
        ctx.recorder.forget(step.address, op)
    else:
        ctx.recorder.bind(left, op)


def _body(ctx: ApplyContext, step: Change, kind: ResourceKind) -> JsonObject:
    body: JsonObject = map_leaves(ctx.dependencies.look(kind, step.remote_id).body, presigned_urls.unsigned)
    return body


def _delete(ctx: ApplyContext, op: str, path: str, check: Callable[[], None]) -> None:
    try:
        with ctx.sending(op, check) as fence:
            ctx.api.delete(path, fence=fence)
    except Ambiguous:
        ctx.api.get(path)  # Gone: it was carried out
        with ctx.sending(op, check) as fence:
            ctx.api.delete(path, fence=fence)


def _hidden(body: JsonObject, pointer: str) -> bool:
    held = patch_guards.value_at(body, patch.split(pointer))
    return any(isinstance(leaf, Secret | Pinned) for _, leaf in leaves(held))


def _writes_hidden(operations: Iterable[JsonObject]) -> bool:
    return any(isinstance(leaf, Secret) for one in operations for _, leaf in leaves(one.get("value")))
