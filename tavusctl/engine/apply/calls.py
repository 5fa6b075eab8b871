"""Updates, safe if a response is wrong or missing; see also creates.py and deletes.py.

A call ends as done, as surely not done, or with an unknown outcome.  An unknown outcome is resolved by a read: if the
object reads as desired, the update is done, unless it writes a secret, which no read shows.  If it was edited
otherwise, that is a conflict.  Else the same patch is sent again, if `test` operations guard it or the kind has none;
without them the outcome is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

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
from tavusctl.core.json_tree import canonical, leaves, pattern_of, set_at, value_at, with_addresses, with_value_of
from tavusctl.core.model import Change, Desired, Live
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine.apply import drafts, part_calls
from tavusctl.engine.apply.context import ApplyContext, EditedMeanwhile, Obedience
from tavusctl.engine.apply.drafts import DraftEffects
from tavusctl.engine.apply.guard_probe import REFUSALS, is_obeyed, warn_unguarded
from tavusctl.engine.apply.inverse import invert
from tavusctl.engine.apply.part_calls import UpdateCall
from tavusctl.engine.compare import parts, patch_guards
from tavusctl.engine.compare.not_live import mentions_draft, sent_values, still_not_live
from tavusctl.engine.compare.parts import Call
from tavusctl.engine.compare.remembered import restore_fields
from tavusctl.engine.compare.three_way import is_taken_away
from tavusctl.engine.compare.updates import update_of
from tavusctl.fields import spellings
from tavusctl.fields.equivalence import alike, same
from tavusctl.lib.json_types import JsonObject
from tavusctl.patch import Pinned
from tavusctl.secrets.values import Secret


def update(
    ctx: ApplyContext, step: Change, desired: Desired, remote_id: str, current: Binding, *, is_new: bool = False
) -> DraftEffects:
    """Send the patch of a step, then the calls for parts of the object, each with a record of its own.

    ConflictError, before anything is written, if somebody has edited what it would change; a later call may still meet
    an edit.  Unpublished edits in PAL Maker keep back only the calls that they block.  If `is_new`, it looks for none.
    """
    before = ctx.expected_live(step.live) if step.live else ctx.look(desired.kind, remote_id)
    lacks = update_of(desired.kind).unknown_secrets(before, step.patch, desired.spec)
    if lacks:  # secrets that the plan could not know of, or those of an undo
        message = f"the secret at {', '.join(lacks)} of `{step.address}` must be part of the request, but is unknown"
        raise RefusedError(message, "write it as `${secret:NAME}` in the manifest", id="E409")
    sequence = parts.calls(before.kind, remote_id, before.body, ctx.with_ids(list(step.patch)))
    if not is_new:
        part_calls.check_unedited(ctx, step, before, sequence)
    written, blocked, done, reason = DraftEffects(), list[Call](), list[Call](), None
    progress = ctx.recorder.get(step.address) or Binding(step.address, remote_id)
    for index, call in enumerate(sequence):
        next_binding = _binding_after(ctx, progress, current, call, [*blocked, *sequence[index + 1 :]], before.kind)
        seen = replace(before, body=call.before)
        try:
            written = written.combined_with(_perform(ctx, step, seen, call, next_binding, is_new=is_new))
        except drafts.Blocked as error:
            blocked.append(call)
            reason = reason or error
            continue
        progress = next_binding
        done.append(call)
        ctx.written_pointers.setdefault(step.address, []).extend(_pointers(call))
    if reason:
        raise reason
    if not sequence:  # a set whose order alone has changed
        ctx.recorder.bind(current)
    return _publish(ctx, step, before, done, written)


def _binding_after(
    ctx: ApplyContext, progress: Binding, current: Binding, call: Call, rest: Sequence[Call], kind: ResourceKind
) -> Binding:
    """The binding after one call of an update, while the calls in `rest` of the same update are not done."""
    if not rest:
        return current
    spec = progress.applied
    if call.part is None:
        spec = current.applied
        for part in kind.parts:
            spec = with_value_of(spec, part.spec_path, progress.applied)
    elif any(other.place == call.place for other in rest):  # a set that is written in part
        written_members = with_addresses(value_at(call.after, call.place), ctx.recorder.ids)
        spec = set_at(spec, call.place, written_members)
    else:
        spec = with_value_of(spec, call.place, current.applied)
    return restore_fields(current, progress, spec, [pointer for other in rest for pointer in _pointers(other)])


def _pointers(call: Call) -> list[str]:
    if call.has_path:
        return [patch.join(call.place)]
    return [patch.join(place) for place in patch_guards.places(call.before, call.operations)]


def _perform(
    ctx: ApplyContext, step: Change, before: Live, call: Call, next_binding: Binding, *, is_new: bool
) -> DraftEffects:
    """Make one call, with its intent on record before it and its result after it."""
    current_binding = ctx.recorder.get(step.address)
    op = ctx.recorder.record_intent(
        step.address,
        step.action,
        remote_id=before.remote_id,
        spec=next_binding.applied,
        time=ctx.now(),
        inverse=invert(ctx, before, call.operations, current_binding.applied if current_binding else {}),
        ids=next_binding.externals,
    )
    write = UpdateCall(ctx, op, step, before, call, is_new)
    with record_failure(ctx, op):
        written = part_calls.send(write) if call.has_path else _patch_object(replace(write, guarded=_is_guarded(write)))
    ctx.recorder.bind(next_binding, op)
    return written


def _patch_object(write: UpdateCall) -> DraftEffects:
    ctx, kind = write.ctx, write.before.kind
    try:
        written = _send_or_resolve(write)
    except ConflictError:
        if write.guarded or update_of(kind).versioned:  # a request that arrives late is refused for the same reason
            ctx.recorder.mark_unsent(write.op)
        raise
    if not write.guarded and update_of(kind).tested:
        warn_unguarded(ctx, kind, ctx.obedience.get(kind.name, Obedience.UNKNOWN))
    return written


@contextmanager
def record_failure(ctx: ApplyContext, op: str) -> Iterator[None]:
    """Record on an error that an operation was not done; one that may have been sent stays open for the next run."""
    try:
        yield
    except TavusctlError:
        if not ctx.recorder.is_sent(op):
            ctx.recorder.record_result(op, done=False)
        raise


_ANOTHER_VERSION = 412  # RFC 9110, section 15.5.13
_VERSIONS = 5  # attempts at most, each on a newer version of the object


def _is_guarded(write: UpdateCall) -> bool:
    """Whether `test` operations guard a call; what they do not cover is compared here (EditedMeanwhile)."""
    before = write.before
    guarded = update_of(before.kind).tested and is_obeyed(write.ctx, write.op, before)
    if not write.is_new and not (guarded and patch_guards.cover(before.kind, before.body, write.call.operations)):
        _compare(write)
    return guarded


def _compare(write: UpdateCall) -> None:
    now = write.ctx.look(write.before.kind, write.before.remote_id)
    moved = patch_guards.changed_pointers(write.before.body, now.body, write.call.operations)
    if moved:
        raise EditedMeanwhile(write.step.address, moved)


def _send_or_resolve(write: UpdateCall) -> DraftEffects:
    try:
        return _send(write)
    except Ambiguous as lost:
        return drafts.resolve_lost_response(lost, partial(_resolve_update, write))


def _send(write: UpdateCall) -> DraftEffects:
    """Send the patch; where the command line discards edits in PAL Maker that block it, send it again with `force`."""
    ctx, step = write.ctx, write.step
    try:
        return DraftEffects(in_draft=mentions_draft(_patch(write)))
    except Rejected as error:
        if error.cause is not RefusalCause.MAKER_CHANGES:
            raise
    if step.address not in ctx.drafts.discarded:
        raise drafts.Blocked(step.address)
    ctx.recorder.record_retry(write.op, ctx.now, forced=True)
    try:
        # It has discarded edits even if the response does not say so.
        return DraftEffects(in_draft=mentions_draft(_patch(write, drafts.FORCED)), discarded=True)
    except Ambiguous as error:
        raise drafts.ForcedResponseLost(error) from error


def _patch(write: UpdateCall, query: Mapping[str, str] | None = None, tries: int = _VERSIONS) -> JsonObject:
    """Send the patch once and return the response.

    For a versioned kind it is sent again, `tries` times in all, if others write other fields of the object meanwhile.
    """
    ctx, kind, step = write.ctx, write.before.kind, write.step
    # What no test covers: a comparison from before a pause proves nothing after it.
    covered = write.guarded and (write.is_new or patch_guards.cover(kind, write.before.body, write.call.operations))
    check = (lambda: None) if covered else partial(_compare, write)
    try:
        with ctx.sending(write.op, check) as fence:
            unguarded = list(write.call.operations)
            tests = patch_guards.tests(kind, write.before.body, unguarded) if write.guarded else ()
            path, body = update_of(kind).request(
                write.before, [*tests, *unguarded], step.desired.spec if step.desired else {}
            )
            return ctx.api.patch(path, body, fence=fence, query=query, version=_version(write))
    except Gone as error:
        ctx.look(kind, write.before.remote_id)  # raises Gone if the object itself is missing, not one it would refer to
        raise Rejected(error.status, error.text, f"PATCH {kind.collection}/{write.before.remote_id}") from None
    except Rejected as error:
        if update_of(kind).versioned and error.status == _ANOTHER_VERSION:
            _compare(write)  # the edit may be of other fields: then try again
            if tries == 1:
                message = f"`{step.address}` was edited in the account before every attempt to write it"
                raise ConflictError(message) from None
            return _patch(write, query, tries - 1)
        if write.guarded and error.status in REFUSALS and error.cause is not RefusalCause.MAKER_CHANGES:
            _compare(write)
            return _matching_draft(write, error)
        raise


def _version(write: UpdateCall) -> str:
    """The version to send with an update, empty for an unversioned kind; after the read, the object is compared."""
    if not update_of(write.before.kind).versioned:
        return ""
    version = write.ctx.api.version(f"{write.before.kind.collection}/{write.before.remote_id}")
    _compare(write)
    return version


def _reads_as_desired(write: UpdateCall, pointer: str, desired: JsonObject, live: JsonObject) -> bool:
    """Whether the live value at a place is the sent one, as the server may write it, or was taken away as was sent."""
    path, body = patch.split(pointer), write.before.body
    sent, shown = value_at(desired, path), value_at(live, path)
    was_removed = is_taken_away(write.before.kind, pointer, sent, value_at(body, path), shown)
    has_changed = canonical(shown) != canonical(value_at(body, path))
    return was_removed or (has_changed and alike(sent, shown)) or same(write.before.kind, pattern_of(path), sent, shown)


def _matching_draft(write: UpdateCall, error: Rejected) -> JsonObject:
    """The draft at which a test has failed, if it has the desired values already; OtherDraft if it has others."""
    ctx, kind, step = write.ctx, write.before.kind, write.step
    draft = drafts.find_draft(ctx, kind, write.before.remote_id)
    if draft is None or step.desired is None:
        raise error
    pointers = [patch.join(place) for place in patch_guards.places(write.before.body, write.call.operations)]
    differing = still_not_live(sent_values(ctx.with_ids(step.desired.spec), pointers), spellings.read(kind, draft))
    if differing:
        raise drafts.OtherDraft(step.address, differing)
    return draft


def _publish(
    ctx: ApplyContext, step: Change, before: Live, done: Sequence[Call], written: DraftEffects
) -> DraftEffects:
    """Publish a draft that an update went into, if the command line allows it; otherwise return `written` as it is."""
    if step.address not in ctx.drafts.published or not (written.in_draft or _reads_as_before(ctx, before, done)):
        return written
    binding = ctx.recorder.get(step.address)
    spec = binding.applied if binding else {}
    op = ctx.recorder.record_intent(step.address, step.action, remote_id=before.remote_id, spec=spec, time=ctx.now())
    with record_failure(ctx, op):
        trouble = drafts.publish(ctx, op, before.kind, before.remote_id)
    ctx.recorder.record_result(op, done=not trouble)
    return replace(written, in_draft=bool(trouble), published=not trouble, publish_error=trouble)


def _reads_as_before(ctx: ApplyContext, before: Live, done: Sequence[Call]) -> bool:
    """Whether what a call has written is not live although a read could show some of it."""
    kind = before.kind
    readable = [
        call
        for call in done
        if not all(kind.field_at(place).write_only for place in patch_guards.places(call.before, call.operations))
    ]
    if not readable:
        return False
    try:
        now = ctx.look(kind, before.remote_id)
    except ApiError:
        return False  # the read that confirms the write comes later
    return now.draft or any(
        not patch_guards.changed_pointers(call.before, now.body, call.operations) for call in readable
    )


def _resolve_update(write: UpdateCall) -> DraftEffects:
    """Resolve an update whose response was lost.

    It is sent again if the object is unchanged, or if it writes a secret, which no read can confirm.  Raises
    EditedMeanwhile if somebody else has edited the object.
    """
    ctx, before, operations = write.ctx, write.before.body, write.call.operations
    now = ctx.look(write.before.kind, write.before.remote_id).body
    unwritten = _unwritten(write, now)
    if not unwritten and not _writes_secret(operations):
        return DraftEffects()
    moved = patch_guards.changed_pointers(before, now, operations)
    if moved and unwritten:
        raise EditedMeanwhile(write.step.address, moved)
    if not write.guarded and update_of(write.before.kind).tested:
        address = write.step.address
        message = f"`{address}` is unchanged, but without `test` operations a repeated patch could be applied twice"
        raise Ambiguous(message)
    try:
        return _send(write)
    except ConflictError:
        # The first call may have been carried out late: then the second one was sent for an outdated version.
        now = ctx.look(write.before.kind, write.before.remote_id).body
        if not update_of(write.before.kind).versioned or _unwritten(write, now):
            raise
        return DraftEffects()


def _unwritten(write: UpdateCall, now: JsonObject) -> list[str]:
    """Pointers at which the object does not read as the update would leave it, as far as a read can show."""
    desired = write.call.after
    return [
        pointer
        for pointer in patch_guards.changed_pointers(desired, now, write.call.operations)
        if not any(isinstance(leaf, Secret | Pinned) for _, leaf in leaves(value_at(desired, patch.split(pointer))))
        and not _reads_as_desired(write, pointer, desired, now)
    ]


def _writes_secret(operations: Iterable[JsonObject]) -> bool:
    return any(isinstance(leaf, Secret) for operation in operations for _, leaf in leaves(operation.get("value")))
