"""Calls that write one part of an object, which no server compares before it writes.

The parts are compared here, before the first of these calls is sent.  Each call may be made twice without harm: a
member is in the set or not, an entry has its value or not.  So a call whose response was lost is sent again, unless
the object reads as desired, or somebody else has edited the entry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from msgspec import Struct

from tavusctl import patch
from tavusctl.core.errors import Ambiguous, RefusalCause, Rejected, Throttled
from tavusctl.core.model import Change, Live
from tavusctl.core.resource_kind import PartStyle
from tavusctl.engine.apply import drafts
from tavusctl.engine.apply.context import ApplyContext, EditedMeanwhile
from tavusctl.engine.apply.drafts import DraftEffects
from tavusctl.engine.compare import parts
from tavusctl.engine.compare.parts import Call

_NO_SUCH_CALL: Final = frozenset({404, 405})


class UpdateCall(Struct, frozen=True):
    """One call of an update while it is made."""

    ctx: ApplyContext
    op: str
    step: Change
    before: Live  # the object as the plan saw it, with the changes of earlier calls
    call: Call
    is_new: bool = False  # this run has made the object: nobody else has edited it
    guarded: bool = False  # whether `test` operations guard it; otherwise it is compared, as late as possible


class _Refused(Rejected):
    """A definite refusal of a call for a part: the object exists, and does not have what was refused."""

    def __init__(self, part_call: UpdateCall, error: Rejected) -> None:
        super().__init__(error.status, error.text, part_call.call.path, error.cause)
        answer = f"{error.status}: {error.text}"
        if error.status in _NO_SUCH_CALL and not (part_call.call.name and part_call.call.name in error.text):
            pointer = part_call.call.part.pointer if part_call.call.part else ""
            self.message = (
                f"the API of this account has no calls for `{pointer}` of a {part_call.before.kind.name} "
                f"({part_call.call.method} was answered with {answer}); leave it out of the manifest"
            )
        else:
            self.message = f"`{patch.join(part_call.call.place)}` was refused with {answer}"


def check_unedited(ctx: ApplyContext, step: Change, before: Live, sequence: Sequence[Call]) -> None:
    """Raise EditedMeanwhile if a part that is about to be written was edited; reads the object only if needed."""
    part_calls = [call for call in sequence if call.has_path]
    now = ctx.look(before.kind, before.remote_id) if part_calls else before
    first = {call.place: call for call in reversed(part_calls)}
    moved = [patch.join(place) for place, call in first.items() if parts.was_edited(before.kind, call, now.body)]
    if moved:
        raise EditedMeanwhile(step.address, sorted(moved))


def send(part_call: UpdateCall) -> DraftEffects:
    """Make the call; where the command line discards edits in PAL Maker that block it, make it again with `force`.

    Raises Ambiguous if the call may have been carried out and a read does not show it.
    """
    try:
        _send_or_resolve(part_call)
    except drafts.Blocked:
        if part_call.step.address not in part_call.ctx.drafts.discarded:
            raise
    else:
        return DraftEffects()
    part_call.ctx.recorder.record_retry(part_call.op, part_call.ctx.now, forced=True)
    try:
        _send_or_resolve(part_call, drafts.FORCED)
    except drafts.Blocked:
        raise drafts.Blocked(part_call.step.address, by_part=True) from None
    except Ambiguous as error:
        raise drafts.ForcedResponseLost(error) from error
    return DraftEffects(discarded=True)


def _send_or_resolve(part_call: UpdateCall, query: Mapping[str, str] | None = None) -> None:
    try:
        _request(part_call, query)
    except Ambiguous:
        if not _is_done(part_call):
            _request(part_call, query)


def _is_done(part_call: UpdateCall) -> bool:
    """Whether the object reads as desired; raises EditedMeanwhile if it reads neither so nor as before."""
    kind, now = part_call.before.kind, part_call.ctx.look(part_call.before.kind, part_call.before.remote_id).body
    if parts.is_done(kind, part_call.call, now):
        return True
    _check_unedited(part_call)
    return False


def _check_unedited(part_call: UpdateCall) -> None:
    """Raise EditedMeanwhile if somebody has edited the entry; other members of a set do not conflict with these."""
    if part_call.call.part and part_call.call.part.style is PartStyle.ENTRIES:
        check_unedited(part_call.ctx, part_call.step, part_call.before, [part_call.call])


def _request(part_call: UpdateCall, query: Mapping[str, str] | None) -> None:
    ctx, call = part_call.ctx, part_call.call
    try:
        with ctx.sending(part_call.op, partial(_check_unedited, part_call)) as fence:
            if call.method == "POST":
                ctx.api.post(call.path, call.body, fence=fence, query=query)
            elif call.method == "PUT":
                ctx.api.put(call.path, call.body, fence=fence, query=query)
            elif call.method == "DELETE":
                ctx.api.delete(call.path, fence=fence, query=query)
            else:
                ctx.api.patch(call.path, call.body, fence=fence, query=query)
    except Throttled:
        raise
    except Rejected as error:
        if error.cause is RefusalCause.NOT_ATTACHED:
            return  # what should be detached is not attached
        if error.cause is RefusalCause.MAKER_CHANGES:
            raise drafts.Blocked(part_call.step.address) from None
        now = ctx.look(part_call.before.kind, part_call.before.remote_id)  # raises Gone if the object itself is missing
        if not parts.is_done(part_call.before.kind, call, now.body):
            raise _Refused(part_call, error) from None
