"""Waiting for what the server works on in the background, for as long as there is patience and no longer.

Nothing is sent: what has been made is bound already, and a wait that ends early leaves it to the next run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from tavusctl import background
from tavusctl.engine.apply.run import Run
from tavusctl.errors import ApiError
from tavusctl.model import Action, Address, Desired, Live, Outcome, ResourceKind, Status

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
        this.turns.release()
        try:
            this.rest(min(pause, left))
        finally:
            this.turns.acquire()
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def await_made(this: Run, outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
    """Outcomes of a run, once what it has created can be used; each that was waited for is reported again."""
    made = enumerate(map(_worked_on, outcomes)) if this.patience else ()
    waiting = {index: desired for index, desired in made if desired}
    ended = list(outcomes)
    pause = _FIRST_PAUSE
    while waiting:
        for index in sorted(waiting):
            found = _looked_at(this, outcomes[index], waiting[index])
            if found:
                del waiting[index]
                ended[index] = found
                this.report(found)
        if waiting:
            this.rest(min(pause, max(0.0, this.until - this.clock.monotonic())))
            pause = min(pause * 1.5, _LONGEST_PAUSE)
    return tuple(ended)


def _worked_on(outcome: Outcome) -> Desired | None:
    """What a step has created, if the server works on it."""
    made, desired = outcome.step.action is Action.CREATE and outcome.status is Status.DONE, outcome.step.desired
    return desired if made and desired and desired.kind.work else None


def _looked_at(this: Run, outcome: Outcome, desired: Desired) -> Outcome | None:
    """How what was created has ended, or that it is not waited for any longer; None while it is."""
    over = this.until <= this.clock.monotonic() or this.stop.asked()
    try:
        live = this.tools.look(desired.kind, outcome.remote_id)
    except ApiError as error:
        return replace(outcome, reason=f"created, and not seen ready: {error.message}") if over else None
    ended = background.usable(live) or background.failed(live)
    this.waits(desired.address, live.status, over or ended)
    return _ended(this, outcome, live) if over or ended else None


def _ended(this: Run, outcome: Outcome, live: Live) -> Outcome:
    if background.failed(live):
        reason = f"created, but {background.failure(live)}; it is not tried again by itself"
        return replace(outcome, status=Status.FAILED, reason=reason, exit_code=_FAILED)
    if background.usable(live):
        return replace(outcome, reason=live.status)
    reason = f"created, and not waited for any longer: {background.outlook(live, now(this))}"
    return replace(outcome, status=Status.DEFERRED, reason=reason)


def now(this: Run) -> datetime:
    """The server's time."""
    return this.api.server_time().astimezone(UTC)
