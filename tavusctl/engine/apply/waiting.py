"""Wait for work of the server in the background, no longer than the patience of the run.

Nothing is written: created objects are bound already, and a wait that ends early leaves them to the next run.
"""

from __future__ import annotations

from collections.abc import Sequence

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
    """The object once it is usable or has failed, or as it is when patience ends; other steps can call meanwhile."""
    pause = _FIRST_PAUSE
    while True:
        live = ctx.dependencies.read(kind, remote_id)
        remaining = ctx.patience_deadline - ctx.clock.monotonic()
        over = provisioning.has_ended(live) or remaining <= 0 or ctx.stop.is_requested()
        if ctx.patience:
            ctx.report_wait(address, live.status, over)
        if over:
            return live
        ctx.release_slot(min(pause, remaining))
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def await_created(
    ctx: ApplyContext, outcomes: Sequence[Outcome], created_earlier: Sequence[Change]
) -> tuple[Outcome, ...]:
    """The outcomes of a run, once objects that it or earlier runs have created are ready; reports each at its end."""
    if not ctx.patience:
        return tuple(outcomes)
    current = [*outcomes, *(Outcome(step, Status.DEFERRED, step.remote_id) for step in created_earlier)]
    waiting = [index for index, outcome in enumerate(current) if _is_worked_on(outcome)]
    pause = _FIRST_PAUSE
    while waiting:
        for index in tuple(waiting):
            final = _final_outcome(ctx, current[index])
            if final:
                waiting.remove(index)
                current[index] = final
                ctx.report(final)
        if waiting:
            ctx.wait(min(pause, ctx.patience_deadline - ctx.clock.monotonic()))
            pause = min(pause * 1.5, _LONGEST_PAUSE)
    return tuple(current)


def _is_worked_on(outcome: Outcome) -> bool:
    step, was_created = outcome.step, outcome.step.action is Action.CREATE and outcome.status is Status.DONE
    return step.action is Action.WAIT or (was_created and bool(step.desired and step.desired.kind.provisioning))


def _final_outcome(ctx: ApplyContext, outcome: Outcome) -> Outcome | None:
    """The outcome of a wait that has ended, or that is given up; None while it goes on."""
    step, timed_out, stopped = outcome.step, ctx.patience_deadline <= ctx.clock.monotonic(), ctx.stop.is_requested()
    if step.desired is None or stopped:
        ctx.report_wait(step.address, "", stopped)
        return replace(outcome, status=Status.DEFERRED, reason=_with_created(step, "and", "stopped waiting"))
    try:
        live = ctx.dependencies.read(step.desired.kind, outcome.remote_id)
    except (UnauthorisedError, ApiError) as error:
        return _unreadable(ctx, outcome, error, over=timed_out)
    over = timed_out or provisioning.has_ended(live)
    ctx.report_wait(step.address, live.status, over)
    return _ended(ctx, outcome, live) if over else None


def _unreadable(ctx: ApplyContext, outcome: Outcome, error: TavusctlError, *, over: bool) -> Outcome | None:
    """The outcome for an object that cannot be read; None while a temporary error may pass and patience lasts."""
    step, reason, code = outcome.step, error.message, error.exit_code
    ended = over or isinstance(error, UnauthorisedError | Gone)
    if not ended:
        return None
    ctx.report_wait(step.address, "", ended)
    if isinstance(error, UnauthorisedError):
        ctx.stop.request(error.message)  # every other read would fail in the same way
    elif isinstance(error, Gone):
        reason, code = (
            f"the object disappeared from the account while tavusctl waited for it: {error.text}",
            ConflictError.exit_code,
        )
    elif step.action is Action.CREATE:
        return replace(outcome, reason=f"created, but not known to be ready: {reason}")
    return replace(outcome, status=Status.FAILED, reason=_with_created(step, "but", reason), exit_code=code)


def _ended(ctx: ApplyContext, outcome: Outcome, live: Live) -> Outcome:
    if provisioning.has_failed(live):
        reason = (
            f"{_with_created(outcome.step, 'but', provisioning.failure_reason(live))}; it is not retried automatically"
        )
        return replace(outcome, status=Status.FAILED, reason=reason, exit_code=_FAILED)
    if provisioning.is_usable(live):
        return replace(outcome, status=Status.DONE, reason=live.status)
    reason = _with_created(outcome.step, "and", f"stopped waiting: {provisioning.outlook(live, ctx.api.server_time())}")
    return replace(outcome, status=Status.DEFERRED, reason=reason)


def _with_created(step: Change, link: str, reason: str) -> str:
    """The reason of an outcome, which also says `created` if this run has created the object."""
    return f"created, {link} {reason}" if step.action is Action.CREATE else reason
