"""The order of steps: in parallel where nothing waits, deletes last, nothing new once a stop is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter
from math import inf

from tavusctl import quota
from tavusctl.engine.apply.run import Run
from tavusctl.engine.apply.steps import ACTIONS
from tavusctl.engine.apply.waiting import await_made
from tavusctl.errors import (
    Ambiguous,
    ApiError,
    ConflictError,
    Gone,
    LockError,
    StateError,
    TavusctlError,
    UnauthorisedError,
    worst,
)
from tavusctl.model import Action, Address, Change, Outcome, Plan, Status

UNKNOWN = 6
_GRACE = 5.0  # seconds that calls under way get after a stop is asked for
_TICK = 0.05  # seconds between looks at the stop
_DEFECT = "an internal error"
_BAD = (Status.FAILED, Status.UNKNOWN, Status.SKIPPED)


def run(this: Run, plan: Plan) -> tuple[Outcome, ...]:
    """Do the steps of a plan; one outcome per step, in the order of the plan."""
    if plan.steps or plan.settled:
        creates = {step.address.kind for step in plan.steps if step.action in (Action.CREATE, Action.REPLACE)}
        this.ledger.begin({kind: this.known.get(kind, ()) for kind in creates})
    for binding in plan.settled:
        this.ledger.bind(binding)
    for binding in plan.along:
        this.ledger.confirm(binding)
    making = [step for step in plan.steps if step.action is not Action.DELETE]
    removing = [step for step in plan.steps if step.action is Action.DELETE]
    outcomes = _walk(this, making, {refusal.change.address for refusal in plan.refused})
    if removing and any(outcome.status in _BAD for outcome in outcomes):
        reason = "deletes start only when everything else has succeeded"
        outcomes += [_reported(this, Outcome(step, Status.SKIPPED, step.remote_id, reason)) for step in removing]
    else:
        this.deferred.update(str(one.step.address) for one in outcomes if one.status is Status.DEFERRED)
        outcomes += _walk(this, removing, set(), one_by_one=True)
    place = {id(step): index for index, step in enumerate(plan.steps)}
    outcomes.sort(key=lambda outcome: place[id(outcome.step)])
    return await_made(this, outcomes, plan.awaited)


def _walk(this: Run, steps: Sequence[Change], refused: set[Address], *, one_by_one: bool = False) -> list[Outcome]:
    """Steps in parallel; each after the earlier ones at its own address and those that it waits for."""
    outcomes: dict[int, Outcome] = {}
    # Replacements and crawls that are waited for hold up nobody: they take a thread, and a turn only for their calls.
    waiting = sum(step.action is Action.REPLACE or quota.is_another(step) for step in steps) if this.patience else 0
    pool = ThreadPoolExecutor(max_workers=1 if one_by_one else this.parallel + waiting)
    try:
        _run_all(this, steps, refused, pool, outcomes)
    except BaseException:
        # A defect: whoever is above frees the state, and no call may still be under way then.
        this.stop.ask(_DEFECT)
        pool.shutdown()
        raise
    pool.shutdown(wait=not this.stop.hurry)
    for index, step in enumerate(steps):
        if index not in outcomes:
            outcomes[index] = _reported(this, Outcome(step, Status.SKIPPED, step.remote_id, this.stop.reason))
    return [outcomes[index] for index in range(len(steps))]


def _run_all(
    this: Run, steps: Sequence[Change], refused: set[Address], pool: ThreadPoolExecutor, outcomes: dict[int, Outcome]
) -> None:
    graph = _graph(steps)
    done: dict[Address, Outcome] = {}
    running: dict[Future[Outcome], int] = {}
    while graph.is_active():
        for index in graph.get_ready():
            running[pool.submit(_step, this, steps[index], dict(done), refused)] = index
        finished = wait(running, timeout=_TICK, return_when=FIRST_COMPLETED).done
        for future in finished:
            index = running.pop(future)
            outcomes[index] = _reported(this, future.result())
            done[steps[index].address] = outcomes[index]
            graph.done(index)
        if this.stop.asked():
            _last_moments(this, steps, running, outcomes)
            break


def _graph(steps: Sequence[Change]) -> TopologicalSorter[int]:
    latest: dict[Address, int] = {}
    first: dict[str, int] = {}  # of the creates of each kind: the others begin when no other run does the same
    graph: TopologicalSorter[int] = TopologicalSorter()
    for index, step in enumerate(steps):
        graph.add(index, *(latest[one] for one in {step.address, *step.waits_for} if one in latest))
        latest[step.address] = index
        if step.action is Action.CREATE and first.setdefault(step.address.kind, index) != index:
            graph.add(index, first[step.address.kind])
    graph.prepare()
    return graph


def _last_moments(
    this: Run, steps: Sequence[Change], running: Mapping[Future[Outcome], int], outcomes: dict[int, Outcome]
) -> None:
    """Calls under way come to their end, or get a few seconds; what has not told by then is unknown, and on record."""
    started = {future: index for future, index in running.items() if not future.cancel()}
    ends = inf
    while wait(started, timeout=_TICK).not_done and (now := this.clock.monotonic()) < ends:
        if this.stop.hurry:
            ends = min(ends, now + _GRACE)
    for future, index in started.items():
        step = steps[index]
        lost = Outcome(step, Status.UNKNOWN, step.remote_id, f"{this.stop.reason} while a call was under way", UNKNOWN)
        outcomes[index] = _reported(this, future.result() if future.done() else lost)


def _reported(this: Run, outcome: Outcome) -> Outcome:
    this.report(outcome)
    return outcome


def _step(this: Run, step: Change, done: Mapping[Address, Outcome], refused: set[Address]) -> Outcome:
    doubted = this.ledger.in_doubt(step.address)
    try:
        with this.turns:  # a stop may have been asked for while it waited
            return _held_up(this, step, done, refused) or ACTIONS[step.action](this, step)
    except TavusctlError as error:
        if isinstance(error, UnauthorisedError | LockError | StateError):
            # Every other call would end like this one, or must not be made at all.
            this.stop.ask(error.message)
        return _ended(step, error, in_doubt=bool(this.ledger.in_doubt(step.address) - doubted))
    except BaseException:
        this.stop.ask(_DEFECT)
        raise


def _ended(step: Change, error: TavusctlError, *, in_doubt: bool) -> Outcome:
    """An error after a call was sent, and before the outcome of it was on record, says nothing about the call."""
    reason, code = error.message, error.exit_code
    if isinstance(error, Gone):
        reason = f"{step.remote_id} disappeared from the account while this ran: {error.text}"
        code = ConflictError.exit_code
    if not in_doubt:
        reason += "; nothing of it was written" if isinstance(error, ConflictError) else ""
        return Outcome(step, Status.FAILED, step.remote_id, reason, code)
    if not isinstance(error, Ambiguous):
        reason = f"sent, but its outcome is not on record: {reason}"
    code = UNKNOWN if isinstance(error, ApiError) else worst([UNKNOWN, code])
    return Outcome(step, Status.UNKNOWN, step.remote_id, reason, code)


def _held_up(this: Run, step: Change, done: Mapping[Address, Outcome], refused: set[Address]) -> Outcome | None:
    if this.stop.asked():
        return Outcome(step, Status.SKIPPED, step.remote_id, this.stop.reason)
    for address in step.waits_for:
        blocker = done.get(address)
        if blocker and blocker.status is Status.DEFERRED:
            return Outcome(step, Status.DEFERRED, step.remote_id, f"waits for {address}")
        failed = blocker is not None and blocker.status is not Status.DONE
        if failed or (address in refused and this.ledger.get(address) is None):
            return Outcome(step, Status.SKIPPED, step.remote_id, f"waits for {address}, which was not done")
    return None
