"""Run the steps of a plan: in parallel where no step waits for another, deletes last and kind by kind.

After a stop, no new step starts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from graphlib import TopologicalSorter
from http import HTTPStatus
from itertools import groupby
from math import inf
from typing import Final

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.diagnostics import written_at
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
    UnknownOutcome,
    worst,
)
from tavusctl.core.json_tree import pattern_of
from tavusctl.core.model import Action, Change, Desired, Outcome, Plan, Status
from tavusctl.crawl import quota
from tavusctl.engine.apply.context import ApplyContext, Stopped
from tavusctl.engine.apply.drafts import MAKER_CHANGES, Blocked, OtherDraft
from tavusctl.engine.apply.steps import ACTIONS
from tavusctl.engine.apply.waiting import await_created
from tavusctl.engine.safety import removals
from tavusctl.lib import concurrency
from tavusctl.lib.json_types import KeyPath
from tavusctl.lib.patterns import pattern
from tavusctl.patch import split

_UNKNOWN_EXIT_CODE: Final = UnknownOutcome.exit_code
_GRACE = 5.0  # seconds that running calls get to end after a hurried stop
_TICK = 0.05  # seconds between checks for a stop
_DEFECT = "an internal error"
# Messages and exit codes of refusals for which the API's own words do not say what to do.
_REFUSAL_MESSAGES: Final[Mapping[RefusalCause, tuple[str, int]]] = {
    RefusalCause.IN_USE: ("it stays until nothing in the account uses it", ConflictError.exit_code),
    RefusalCause.NAME_TAKEN: (
        "the account has this name already; choose another one, or import the object that has it",
        RefusedError.exit_code,
    ),
}
_UNSUCCESSFUL = (Status.FAILED, Status.UNKNOWN, Status.SKIPPED)


def run(ctx: ApplyContext, plan: Plan) -> tuple[Outcome, ...]:
    """Carry out the steps of a plan; one outcome per step, in the order of the plan."""
    if plan.steps or plan.settled:
        creates = {step.address.kind for step in plan.steps if step.action in (Action.CREATE, Action.REPLACE)}
        ctx.recorder.begin({kind: ctx.existing_ids.get(kind, ()) for kind in creates})
    ctx.recorder.bind_all(plan.settled)
    ctx.recorder.confirm(*plan.form_changes)
    deletes = removals.final_steps(plan.steps)
    in_deletes = set(map(id, deletes))
    other_steps = [step for step in plan.steps if id(step) not in in_deletes]
    outcomes = _walk(ctx, other_steps, {refusal.change.address for refusal in plan.refused})
    if deletes and any(outcome.status in _UNSUCCESSFUL for outcome in outcomes):
        reason = "deletes start only after all other steps have succeeded"
        outcomes += [_reported(ctx, Outcome(step, Status.SKIPPED, step.remote_id, reason)) for step in deletes]
    else:
        ctx.deferred.update(str(outcome.step.address) for outcome in outcomes if outcome.status is Status.DEFERRED)
        for _, of_kind in groupby(deletes, key=lambda step: step.address.kind):  # referrers before what they refer to
            outcomes += _walk(ctx, list(of_kind), set())
    positions = {id(step): index for index, step in enumerate(plan.steps)}
    outcomes.sort(key=lambda outcome: positions[id(outcome.step)])
    return await_created(ctx, outcomes, plan.awaited)


def _walk(ctx: ApplyContext, steps: Sequence[Change], refused: set[Address]) -> list[Outcome]:
    """The outcomes of steps run in parallel; each waits for earlier steps at its address and for its `waits_for`."""
    outcomes: dict[int, Outcome] = {}
    # A waiting replacement or crawl must not block other steps: it has a thread of its own, and a turn only to call.
    waiting = sum(step.action is Action.REPLACE or quota.adds_crawl(step) for step in steps) if ctx.patience else 0
    pool = concurrency.pool(max(1, min(ctx.parallel + waiting, len(steps))))
    try:
        _run_all(ctx, steps, refused, pool, outcomes)
    except BaseException:
        # A defect: the caller will release the lock of the state, and no call may still be running then.
        ctx.stop.request(_DEFECT)
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
    pool: Executor,
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
        if ctx.stop.is_requested():
            _drain(ctx, steps, running, outcomes)
            break


def _graph(steps: Sequence[Change]) -> TopologicalSorter[int]:
    latest: dict[Address, int] = {}
    first = _first_creates(steps)
    graph: TopologicalSorter[int] = TopologicalSorter()
    for index, step in enumerate(steps):
        graph.add(index, *(latest[address] for address in {step.address, *step.waits_for} if address in latest))
        latest[step.address] = index
        if step.action is Action.CREATE and first[step.address.kind] != index:
            graph.add(index, first[step.address.kind])
    graph.prepare()
    return graph


def _first_creates(steps: Sequence[Change]) -> Mapping[str, int]:
    """By kind, the create that shows whether another run creates the same, and that the others wait for.

    One that waits for nothing, also not for a crawl slot, if there is any; else the first one.
    """
    creates = [(step.address.kind, index) for index, step in enumerate(steps) if step.action is Action.CREATE]
    at_once = [(kind, at) for kind, at in creates if not (steps[at].waits_for or quota.adds_crawl(steps[at]))]
    return {**dict(reversed(creates)), **dict(reversed(at_once))}


def _drain(
    ctx: ApplyContext, steps: Sequence[Change], running: Mapping[Future[Outcome], int], outcomes: dict[int, Outcome]
) -> None:
    """Wait for the calls that are running after a stop; for a few seconds only if the stop is hurried.

    A step that has not ended by then has an unknown outcome; its intent is in the journal.
    """
    started = {future: index for future, index in running.items() if not future.cancel()}
    deadline = inf
    while wait(started, timeout=_TICK).not_done and (now := ctx.clock.monotonic()) < deadline:
        if ctx.stop.hurry:
            deadline = min(deadline, now + _GRACE)
    for future, index in started.items():
        step = steps[index]
        unknown = Outcome(step, Status.UNKNOWN, step.remote_id, f"{ctx.stop.reason} during a call", _UNKNOWN_EXIT_CODE)
        outcomes[index] = _reported(ctx, future.result() if future.done() else unknown)


def _reported(ctx: ApplyContext, outcome: Outcome) -> Outcome:
    ctx.report(outcome)
    return outcome


def _step(ctx: ApplyContext, step: Change, done: Mapping[Address, Outcome], refused: set[Address]) -> Outcome:
    doubted_before, bound_before = ctx.recorder.in_doubt(step.address), ctx.recorder.get(step.address)
    ctx.written_pointers.pop(step.address, None)
    try:
        with ctx.turns:  # a stop may have been requested while the step waited for its turn
            return _not_started(ctx, step, done, refused) or ACTIONS[step.action](ctx, step)
    except Stopped:
        return Outcome(step, Status.SKIPPED, step.remote_id, ctx.stop.reason)
    except TavusctlError as error:
        if isinstance(error, UnauthorisedError | LockError | StateError):
            # Every other call would fail in the same way, or must not be made at all.
            ctx.stop.request(error.message)
        in_doubt = bool(ctx.recorder.in_doubt(step.address) - doubted_before)
        created_id = _created_id(step, bound_before, ctx.recorder.get(step.address))
        return _end_with_error(step, error, created_id, ctx.written_pointers.get(step.address, ()), in_doubt=in_doubt)
    except BaseException:
        ctx.stop.request(_DEFECT)
        raise


def _created_id(step: Change, before: Binding | None, now: Binding | None) -> str:
    """The id of the object that a step has created, by the bindings before and after it; empty if there is none."""
    if step.action not in (Action.CREATE, Action.REPLACE) or now is None:
        return ""
    known_ids = {before.remote_id, *before.other_versions} if before else set()
    return next((one for one in (now.successor, now.remote_id) if one and one not in known_ids), "")


def _end_with_error(
    step: Change, error: TavusctlError, created_id: str, written: Sequence[str], *, in_doubt: bool
) -> Outcome:
    """The outcome of a step that has raised an error.

    `created_id` is the id of an object that the step has created, `written` the pointers that it has written.  If the
    step is `in_doubt`, a call was sent whose outcome is not on record, and the error says nothing about that call.
    """
    # A replacement that waits for its successor is a step on the successor.
    remote_id = created_id or (step.live.remote_id if step.live else step.remote_id)
    reason, code = error.message, error.exit_code
    if created_id:
        reason = f"created as {created_id}; the next run finishes it: {reason}"
    if isinstance(error, Gone):
        reason = f"{remote_id} disappeared from the account during this run: {error.text}"
        code = ConflictError.exit_code
    elif isinstance(error, Rejected) and error.cause in _REFUSAL_MESSAGES:
        advice, code = _REFUSAL_MESSAGES[error.cause]
        reason = f"{advice}: {error.text}"
    reason += _manifest_location(step, error)
    if written:
        reason += f"; {', '.join(dict.fromkeys(written))} of it was written, and the next run does the rest"
    if not in_doubt:
        nothing_written = isinstance(error, ConflictError) and not created_id and not written
        reason += "; nothing of this step was written" if nothing_written else ""
        cause, draft = MAKER_CHANGES if isinstance(error, Blocked) else "", isinstance(error, Blocked | OtherDraft)
        return Outcome(step, Status.FAILED, remote_id, reason, code, draft=draft, code=cause)
    if not isinstance(error, Ambiguous):
        reason = f"sent, but the outcome could not be recorded: {reason}"
    code = _UNKNOWN_EXIT_CODE if isinstance(error, ApiError) else worst([_UNKNOWN_EXIT_CODE, code])
    return Outcome(step, Status.UNKNOWN, remote_id, reason, code)


def _not_started(
    ctx: ApplyContext, step: Change, done: Mapping[Address, Outcome], refused: set[Address]
) -> Outcome | None:
    """The outcome of a step that must not start: a stop was requested, or what it waits for did not succeed; else None.

    `done` are the outcomes so far, `refused` the addresses of refused changes, which fail unless they have a binding.
    """
    if ctx.stop.is_requested():
        return Outcome(step, Status.SKIPPED, step.remote_id, ctx.stop.reason)
    for address in step.waits_for:
        blocker = done.get(address)
        if blocker and blocker.status is Status.DEFERRED:
            return Outcome(step, Status.DEFERRED, step.remote_id, f"waits for {address}")
        failed = blocker is not None and blocker.status is not Status.DONE
        if failed or (address in refused and ctx.recorder.get(address) is None):
            return Outcome(step, Status.SKIPPED, step.remote_id, f"waits for {address}, which did not succeed")
    return None


_CONTENT_ERRORS: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})
_WORD: Final = pattern(r"\w+")
_PART: Final = pattern(r"`(/[^`]+)`")  # the message about a call for one part begins with the pointer of the part


def _manifest_location(step: Change, error: TavusctlError) -> str:
    """The place in the manifest that an error is about, and a hint, to append to a message; empty if there is none."""
    desired = step.desired
    if desired is None or not isinstance(error, Rejected) or isinstance(error, Gone):
        return ""
    if error.status not in _CONTENT_ERRORS and error.cause is not RefusalCause.NAME_TAKEN:
        return ""
    part = _PART.match(error.message)
    pointer = _named_pointer(desired, error.text) or (part[1] if part else "")
    source = written_at(desired.sources, pointer, desired.source) if pointer else step.source or desired.source
    return f"; see {source}{_hint(desired, split(pointer))}" if source.path else ""


def _named_pointer(desired: Desired, text: str) -> str:
    """The pointer of the innermost field that a text names together with all fields around it; empty if it names none.

    The text may leave out the indices of items: then the first item with such a field is meant.
    """
    words = frozenset(_WORD.findall(text))

    def depth_and_matches(path: KeyPath) -> tuple[int, int]:
        return len(path), sum(key in words for key in path)

    pointers = [pointer for pointer in desired.sources if pointer and _is_named(split(pointer), words)]
    return max(pointers, key=lambda pointer: depth_and_matches(split(pointer)), default="")


def _is_named(path: KeyPath, words: frozenset[str]) -> bool:
    return not path[-1].isdecimal() and all(key in words for key in path if not key.isdecimal())


def _hint(desired: Desired, path: KeyPath) -> str:
    """The hint for a list that the API now takes as one text under another name; otherwise empty."""
    alias = path and desired.kind.field_at(pattern_of(path)).scalar_alias
    return f"; `tavusctl validate --fix` writes it as `{alias}`, if it has one item" if alias else ""
