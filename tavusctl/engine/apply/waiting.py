"""Waiting for what the server works on in the background, for as long as there is patience and no longer.

Nothing is sent: what has been made is bound already, and a wait that ends early leaves it to the next run.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec.structs import replace

from tavusctl import background
from tavusctl.engine.apply.run import Run
from tavusctl.errors import ApiError, ConflictError, Gone, TavusctlError, UnauthorisedError
from tavusctl.model import Action, Address, Change, Live, Outcome, ResourceKind, Status

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0
_FAILED = 5


def await_usable(this: Run, address: Address, kind: ResourceKind, remote_id: str) -> Live:
    """An object once it can be used, or as it is when patience ends; meanwhile other steps take their turns."""
    pause = _FIRST_PAUSE
    while True:
        live = this.tools.look(kind, remote_id)
        left = this.until - this.clock.monotonic()
        over = background.usable(live) or background.failed(live) or left <= 0 or this.stop.asked()
        if this.patience:
            this.waits(address, live.status, over)
        if over:
            return live
        this.step_aside(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def await_made(this: Run, outcomes: Sequence[Outcome], earlier: Sequence[Change]) -> tuple[Outcome, ...]:
    """Outcomes of a run, once what it and earlier ones have made can be used; each wait is reported when it ends."""
    if not this.patience:
        return tuple(outcomes)
    ended = [*outcomes, *(Outcome(step, Status.DEFERRED, step.remote_id) for step in earlier)]
    waiting = [index for index, outcome in enumerate(ended) if _is_worked_on(outcome)]
    pause = _FIRST_PAUSE
    while waiting:
        for index in tuple(waiting):
            found = _looked_at(this, ended[index])
            if found:
                waiting.remove(index)
                ended[index] = found
                this.report(found)
        if waiting:
            this.rest(min(pause, this.until - this.clock.monotonic()))
            pause = min(pause * 1.5, _LONGEST_PAUSE)
    return tuple(ended)


def _is_worked_on(outcome: Outcome) -> bool:
    step, made = outcome.step, outcome.step.action is Action.CREATE and outcome.status is Status.DONE
    return step.action is Action.WAIT or (made and bool(step.desired and step.desired.kind.work))


def _looked_at(this: Run, outcome: Outcome) -> Outcome | None:
    """How the work on an object has ended, or that it is not waited for any longer; None while it is."""
    step, over, stopped = outcome.step, this.until <= this.clock.monotonic(), this.stop.asked()
    if step.desired is None or stopped:
        this.waits(step.address, "", stopped)
        return replace(outcome, status=Status.DEFERRED, reason=_told(step, "and", "not waited for any longer"))
    try:
        live = this.tools.look(step.desired.kind, outcome.remote_id)
    except (UnauthorisedError, ApiError) as error:
        return _unseen(this, outcome, error, over=over)
    ended = background.usable(live) or background.failed(live)
    this.waits(step.address, live.status, over or ended)
    return _ended(this, outcome, live) if over or ended else None


def _unseen(this: Run, outcome: Outcome, error: TavusctlError, *, over: bool) -> Outcome | None:
    """An object that cannot be read; what may pass is tried again while there is patience."""
    step, reason, code = outcome.step, error.message, error.exit_code
    ended = over or isinstance(error, UnauthorisedError | Gone)
    if not ended:
        return None
    this.waits(step.address, "", ended)
    if isinstance(error, UnauthorisedError):
        this.stop.ask(error.message)  # every other look would end like this one
    elif isinstance(error, Gone):
        reason, code = f"it disappeared from the account while it was waited for: {error.text}", ConflictError.exit_code
    elif step.action is Action.CREATE:
        return replace(outcome, reason=f"created, and not seen ready: {reason}")
    return replace(outcome, status=Status.FAILED, reason=_told(step, "but", reason), exit_code=code)


def _ended(this: Run, outcome: Outcome, live: Live) -> Outcome:
    if background.failed(live):
        reason = f"{_told(outcome.step, 'but', background.failure(live))}; it is not tried again by itself"
        return replace(outcome, status=Status.FAILED, reason=reason, exit_code=_FAILED)
    if background.usable(live):
        return replace(outcome, status=Status.DONE, reason=live.status)
    reason = _told(outcome.step, "and", f"not waited for any longer: {background.outlook(live, now(this))}")
    return replace(outcome, status=Status.DEFERRED, reason=reason)


def _told(step: Change, link: str, reason: str) -> str:
    """What became of an object, which this run may have made itself."""
    return f"created, {link} {reason}" if step.action is Action.CREATE else reason


def now(this: Run) -> datetime:
    """The server's time."""
    return this.api.server_time().astimezone(UTC)
