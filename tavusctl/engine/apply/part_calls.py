"""Calls that write a part of an object, which no server compares before it writes.

What they write is compared here, before the first of them is sent.  Each may be made twice: a member is there or not,
an entry says what it says.  So one whose answer was lost is sent again unless the object reads as wanted, or as
somebody else has written it.
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
from tavusctl.engine.apply.context import ApplyContext, Moved
from tavusctl.engine.apply.drafts import Written
from tavusctl.engine.compare import parts
from tavusctl.engine.compare.parts import Call

_NO_SUCH_CALL: Final = frozenset({404, 405})


class PartCall(Struct, frozen=True):
    """A call of a part under way."""

    ctx: ApplyContext
    op: str
    step: Change
    before: Live  # the object as the calls before this one leave it
    call: Call


class _Refused(Rejected):
    """A definite refusal of a call of a part: the object is there, and is not what was refused."""

    def __init__(self, one: PartCall, error: Rejected) -> None:
        super().__init__(error.status, error.text, one.call.path, error.cause)
        told = f"{error.status}: {error.text}"
        if error.status in _NO_SUCH_CALL and not (one.call.name and one.call.name in error.text):
            pointer = one.call.part.pointer if one.call.part else ""
            self.message = (
                f"the API of this account has no calls for `{pointer}` of a {one.before.kind.name} "
                f"({one.call.method} was answered with {told}); leave it out of the manifest"
            )
        else:
            self.message = f"`{patch.join(one.call.place)}` was refused with {told}"


def compare(ctx: ApplyContext, step: Change, before: Live, sequence: Sequence[Call]) -> None:
    """Moved when somebody has edited a part that is about to be written; asked only where there is one."""
    some = [one for one in sequence if one.has_path]
    now = ctx.look(before.kind, before.remote_id) if some else before
    first = {one.place: one for one in reversed(some)}
    moved = [patch.join(place) for place, one in first.items() if parts.moved(before.kind, one, now.body)]
    if moved:
        raise Moved(step.address, sorted(moved))


def send(one: PartCall) -> Written:
    """Make the call, and once more over edits in PAL Maker that block it, where the command line gives those up.

    Ambiguous when it may have been carried out, and looking does not tell.
    """
    try:
        _sent(one)
    except drafts.Blocked:
        if one.step.address not in one.ctx.drafts.discarded:
            raise
    else:
        return Written()
    one.ctx.recorder.again(one.op, one.ctx.now, forced=True)
    try:
        _sent(one, drafts.FORCED)
    except drafts.Blocked:
        raise drafts.Blocked(one.step.address, by_part=True) from None
    except Ambiguous as error:
        raise drafts.Unheard(error) from error
    return Written(discarded=True)


def _sent(one: PartCall, query: Mapping[str, str] | None = None) -> None:
    try:
        _ask(one, query)
    except Ambiguous:
        if not _is_done(one):
            _ask(one, query)


def _is_done(one: PartCall) -> bool:
    """Whether the object reads as wanted; Moved when it reads neither so nor as before."""
    kind, now = one.before.kind, one.ctx.look(one.before.kind, one.before.remote_id).body
    if parts.is_done(kind, one.call, now):
        return True
    _check(one)
    return False


def _check(one: PartCall) -> None:
    """Moved when somebody has edited the entry meanwhile; other members of a set do not stand in the way of these."""
    if one.call.part and one.call.part.style is PartStyle.ENTRIES:
        compare(one.ctx, one.step, one.before, [one.call])


def _ask(one: PartCall, query: Mapping[str, str] | None) -> None:
    ctx, call = one.ctx, one.call
    try:
        with ctx.sending(one.op, partial(_check, one)) as fence:
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
            return  # what was to go is not there
        if error.cause is RefusalCause.MAKER_CHANGES:
            raise drafts.Blocked(one.step.address) from None
        now = ctx.look(one.before.kind, one.before.remote_id)  # Gone: it is the object that is not there
        if not parts.is_done(one.before.kind, call, now.body):
            raise _Refused(one, error) from None
