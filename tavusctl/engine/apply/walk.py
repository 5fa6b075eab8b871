"""The order of steps: in parallel where nothing waits, deletes last, nothing new once a stop is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter
from math import inf
from typing import Final

from tavusctl.core.address import Address
from tavusctl.core.errors import (
    Ambiguous,
    ApiError,
    ConflictError,
    Gone,
    LockError,
    RefusalCause,
    RefusedError,
    Rejected,
    StateError,
    TavusctlError,
    UnauthorisedError,
    worst,
)
from tavusctl.core.model import Action, Change, Outcome, Plan, Status
from tavusctl.crawl import quota
from tavusctl.engine.apply import refused_field
from tavusctl.engine.apply.context import ApplyContext
from tavusctl.engine.apply.drafts import Blocked, OtherDraft
from tavusctl.engine.apply.steps import ACTIONS
from tavusctl.engine.apply.waiting import await_made

UNKNOWN = 6
_GRACE = 5.0  # seconds that calls under way get after a stop is asked for
_TICK = 0.05  # seconds between looks at the stop
_DEFECT = "an internal error"
# Refusals whose way out is not to be found in the account's own words, and their exit codes.
_TOLD: Final[Mapping[RefusalCause, tuple[str, int]]] = {
    RefusalCause.IN_USE: ("it stays until nothing in the account uses it", ConflictError.exit_code),
    RefusalCause.NAME_TAKEN: (
        "the account has this name already; choose another one, or import the object that has it",
        RefusedError.exit_code,
    ),
}
_BAD = (Status.FAILED, Status.UNKNOWN, Status.SKIPPED)


def run(ctx: ApplyContext, plan: Plan) -> tuple[Outcome, ...]:
    """Do the steps of a plan; one outcome per step, in the order of the plan."""
    if plan.steps or plan.settled:
        creates = {step.address.kind for step in plan.steps if step.action in (Action.CREATE, Action.REPLACE)}
        ctx.recorder.begin({kind: ctx.known.get(kind, ()) for kind in creates})
    for binding in plan.settled:
        ctx.recorder.bind(binding)
    for binding in plan.along:
        ctx.recorder.confirm(binding)
    making = [step for step in plan.steps if step.action is not Action.DELETE]
    removing = [step for step in plan.steps if step.action is Action.DELETE]
    outcomes = _walk(ctx, making, {refusal.change.address for refusal in plan.refused})
    if removing and any(outcome.status in _BAD for outcome in outcomes):
        reason = "deletes start only after all other steps have succeeded"
        outcomes += [_reported(ctx, Outcome(step, Status.SKIPPED, step.remote_id, reason)) for step in removing]
    else:
        ctx.deferred.update(str(one.step.address) for one in outcomes if one.status is Status.DEFERRED)
        outcomes += _walk(ctx, removing, set(), one_by_one=True)
    place = {id(step): index for index, step in enumerate(plan.steps)}
    outcomes.sort(key=lambda outcome: place[id(outcome.step)])
    return await_made(ctx, outcomes, plan.awaited)


def _walk(
    ctx: ApplyContext, steps: Sequence[Change], refused: set[Address], *, one_by_one: bool = False
) -> list[Outcome]:
    """Steps in parallel; each after the earlier ones at its own address and those that it waits for."""
    outcomes: dict[int, Outcome] = {}
    # Replacements and crawls that are waited for hold up nobody: they take a thread, and a turn only for their calls.
    waiting = sum(step.action is Action.REPLACE or quota.is_another(step) for step in steps) if ctx.patience else 0
    pool = ThreadPoolExecutor(max_workers=1 if one_by_one else ctx.parallel + waiting)
    try:
        _run_all(ctx, steps, refused, pool, outcomes)
    except BaseException:
        # A defect: whoever is above frees the state, and no call may still be under way then.
        ctx.stop.ask(_DEFECT)
        pool.shutdown()
        raise
    pool.shutdown(wait=not ctx.stop.hurry)
    for index, step in enumerate(steps):
        if index not in outcomes:
            outcomes[index] = _reported(ctx, Outcome(step, Status.SKIPPED, step.remote_id, ctx.stop.reason))
    return [outcomes[index] for index in range(len(steps))]


def _run_all(
    ctx: ApplyContext,
    steps: Sequence[Change],
    refused: set[Address],
    pool: ThreadPoolExecutor,
    outcomes: dict[int, Outcome],
) -> None:
    graph = _graph(steps)
    done: dict[Address, Outcome] = {}
    running: dict[Future[Outcome], int] = {}
    while graph.is_active():
        for index in graph.get_ready():
            running[pool.submit(_step, ctx, steps[index], dict(done), refused)] = index
        finished = wait(running, timeout=_TICK, return_when=FIRST_COMPLETED).done
        for future in sorted(finished, key=running.__getitem__):
            index = running.pop(future)
            outcomes[index] = _reported(ctx, future.result())
            done[steps[index].address] = outcomes[index]
            graph.done(index)
        if ctx.stop.asked():
            _last_moments(ctx, steps, running, outcomes)
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
    ctx: ApplyContext, steps: Sequence[Change], running: Mapping[Future[Outcome], int], outcomes: dict[int, Outcome]
) -> None:
    """Calls under way come to their end, or get a few seconds; what has not told by then is unknown, and on record."""
    started = {future: index for future, index in running.items() if not future.cancel()}
    ends = inf
    while wait(started, timeout=_TICK).not_done and (now := ctx.clock.monotonic()) < ends:
        if ctx.stop.hurry:
            ends = min(ends, now + _GRACE)
    for future, index in started.items():
        step = steps[index]
        lost = Outcome(step, Status.UNKNOWN, step.remote_id, f"{ctx.stop.reason} during a call", UNKNOWN)
        outcomes[index] = _reported(ctx, future.result() if future.done() else lost)


def _reported(ctx: ApplyContext, outcome: Outcome) -> Outcome:
    ctx.report(outcome)
    return outcome


def _step(ctx: ApplyContext, step: Change, done: Mapping[Address, Outcome], refused: set[Address]) -> Outcome:
    doubted = ctx.recorder.in_doubt(step.address)
    ctx.written.pop(step.address, None)
    try:
        with ctx.turns:  # a stop may have been asked for while it waited
            return _held_up(ctx, step, done, refused) or ACTIONS[step.action](ctx, step)
    except TavusctlError as error:
        if isinstance(error, UnauthorisedError | LockError | StateError):
            # Every other call would end like this one, or must not be made at all.
            ctx.stop.ask(error.message)
        in_doubt = bool(ctx.recorder.in_doubt(step.address) - doubted)
        return _ended(step, error, _made(ctx, step), ctx.written.get(step.address, ()), in_doubt=in_doubt)
    except BaseException:
        ctx.stop.ask(_DEFECT)
        raise


def _made(ctx: ApplyContext, step: Change) -> str:
    """The id of what a create has made, which is on record, though a later call of the same step has failed."""
    binding = ctx.recorder.get(step.address) if step.action is Action.CREATE else None
    return binding.remote_id if binding else ""


def _ended(step: Change, error: TavusctlError, made: str, written: Sequence[str], *, in_doubt: bool) -> Outcome:
    """An error after a call was sent, and before the outcome of it was on record, says nothing about the call."""
    reason, code, remote_id = error.message, error.exit_code, made or step.remote_id
    if made:
        reason = f"created as {made}; the next run finishes it: {reason}"
    if isinstance(error, Gone):
        reason = f"{remote_id} disappeared from the account during this run: {error.text}"
        code = ConflictError.exit_code
    elif isinstance(error, Rejected) and error.cause in _TOLD:
        words, code = _TOLD[error.cause]
        reason = f"{words}: {error.text}"
    reason += refused_field.told(step, error)
    if written:
        reason += f"; {', '.join(dict.fromkeys(written))} of it was written, and the next run does the rest"
    if not in_doubt:
        is_whole = isinstance(error, ConflictError) and not made and not written
        reason += "; nothing of this step was written" if is_whole else ""
        return Outcome(step, Status.FAILED, remote_id, reason, code, draft=isinstance(error, Blocked | OtherDraft))
    if not isinstance(error, Ambiguous):
        reason = f"sent, but the outcome could not be recorded: {reason}"
    code = UNKNOWN if isinstance(error, ApiError) else worst([UNKNOWN, code])
    return Outcome(step, Status.UNKNOWN, remote_id, reason, code)


def _held_up(ctx: ApplyContext, step: Change, done: Mapping[Address, Outcome], refused: set[Address]) -> Outcome | None:
    if ctx.stop.asked():
        return Outcome(step, Status.SKIPPED, step.remote_id, ctx.stop.reason)
    for address in step.waits_for:
        blocker = done.get(address)
        if blocker and blocker.status is Status.DEFERRED:
            return Outcome(step, Status.DEFERRED, step.remote_id, f"waits for {address}")
        failed = blocker is not None and blocker.status is not Status.DONE
        if failed or (address in refused and ctx.recorder.get(address) is None):
            return Outcome(step, Status.SKIPPED, step.remote_id, f"waits for {address}, which did not succeed")
    return None
