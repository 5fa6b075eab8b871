"""Waiting for what the server works on in the background, for as long as there is patience and no longer.

Nothing is sent: what has been made is bound already, and a wait that ends early leaves it to the next run.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.errors import ApiError, ConflictError, Gone, TavusctlError, UnauthorisedError
from tavusctl.core.model import Action, Change, Live, Outcome, Status
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine import provisioning
from tavusctl.engine.apply.context import ApplyContext

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0
_FAILED = 5


def await_usable(ctx: ApplyContext, address: Address, kind: ResourceKind, remote_id: str) -> Live:
    """An object once it can be used, or as it is when patience ends; meanwhile other steps take their turns."""
    pause = _FIRST_PAUSE
    while True:
        live = ctx.dependencies.look(kind, remote_id)
        left = ctx.until - ctx.clock.monotonic()
        over = provisioning.usable(live) or provisioning.failed(live) or left <= 0 or ctx.stop.asked()
        if ctx.patience:
            ctx.waits(address, live.status, over)
        if over:
            return live
        ctx.release_slot(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def await_made(ctx: ApplyContext, outcomes: Sequence[Outcome], earlier: Sequence[Change]) -> tuple[Outcome, ...]:
    """Outcomes of a run, once what it and earlier ones have made can be used; each wait is reported when it ends."""
    if not ctx.patience:
        return tuple(outcomes)
    ended = [*outcomes, *(Outcome(step, Status.DEFERRED, step.remote_id) for step in earlier)]
    waiting = [index for index, outcome in enumerate(ended) if _is_worked_on(outcome)]
    pause = _FIRST_PAUSE
    while waiting:
        for index in tuple(waiting):
            found = _looked_at(ctx, ended[index])
            if found:
                waiting.remove(index)
                ended[index] = found
                ctx.report(found)
        if waiting:
            ctx.rest(min(pause, ctx.until - ctx.clock.monotonic()))
            pause = min(pause * 1.5, _LONGEST_PAUSE)
    return tuple(ended)


def _is_worked_on(outcome: Outcome) -> bool:
    step, made = outcome.step, outcome.step.action is Action.CREATE and outcome.status is Status.DONE
    return step.action is Action.WAIT or (made and bool(step.desired and step.desired.kind.provisioning))


def _looked_at(ctx: ApplyContext, outcome: Outcome) -> Outcome | None:
    """How the work on an object has ended, or that it is not waited for any longer; None while it is."""
    step, over, stopped = outcome.step, ctx.until <= ctx.clock.monotonic(), ctx.stop.asked()
    if step.desired is None or stopped:
        ctx.waits(step.address, "", stopped)
        return replace(outcome, status=Status.DEFERRED, reason=_told(step, "and", "stopped waiting"))
    try:
        live = ctx.dependencies.look(step.desired.kind, outcome.remote_id)
    except (UnauthorisedError, ApiError) as error:
        return _unseen(ctx, outcome, error, over=over)
    ended = provisioning.usable(live) or provisioning.failed(live)
    ctx.waits(step.address, live.status, over or ended)
    return _ended(ctx, outcome, live) if over or ended else None


def _unseen(ctx: ApplyContext, outcome: Outcome, error: TavusctlError, *, over: bool) -> Outcome | None:
    """An object that cannot be read; what may pass is tried again while there is patience."""
    step, reason, code = outcome.step, error.message, error.exit_code
    ended = over or isinstance(error, UnauthorisedError | Gone)
    if not ended:
        return None
    ctx.waits(step.address, "", ended)
    if isinstance(error, UnauthorisedError):
        ctx.stop.ask(error.message)  # every other look would end like this one
    elif isinstance(error, Gone):
        reason, code = (
            f"the object disappeared from the account while tavusctl waited for it: {error.text}",
            ConflictError.exit_code,
        )
    elif step.action is Action.CREATE:
        return replace(outcome, reason=f"created, but not known to be ready: {reason}")
    return replace(outcome, status=Status.FAILED, reason=_told(step, "but", reason), exit_code=code)


def _ended(ctx: ApplyContext, outcome: Outcome, live: Live) -> Outcome:
    if provisioning.failed(live):
        reason = f"{_told(outcome.step, 'but', provisioning.failure(live))}; it is not retried automatically"
        return replace(outcome, status=Status.FAILED, reason=reason, exit_code=_FAILED)
    if provisioning.usable(live):
        return replace(outcome, status=Status.DONE, reason=live.status)
    reason = _told(outcome.step, "and", f"stopped waiting: {provisioning.outlook(live, now(ctx))}")
    return replace(outcome, status=Status.DEFERRED, reason=reason)


def _told(step: Change, link: str, reason: str) -> str:
    """What became of an object, which this run may have made itself."""
    return f"created, {link} {reason}" if step.action is Action.CREATE else reason


def now(ctx: ApplyContext) -> datetime:
    """The server's time."""
    return ctx.api.server_time().astimezone(UTC)
