"""Crawls that an apply begins: of new documents, as there is room, and with another crawl, where that need not be one.

The API takes so many crawls at a time.  What finds no room is left to the next run, unless there is patience.  Another
crawl it takes for this one time and goes on to show the old one, so what it does not keep is remembered, and `recrawl`
sends it along from then on.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from tavusctl.core.binding import Binding
from tavusctl.core.errors import Rejected, TavusctlError, Throttled
from tavusctl.core.model import Change, Desired, Live, Outcome, Status
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.crawl import quota, status
from tavusctl.crawl.start import start
from tavusctl.crawl.status import Crawled, Entry, Target
from tavusctl.engine.apply.context import ApplyContext
from tavusctl.engine.apply.waiting import now
from tavusctl.engine.compare.three_way import remembered

_PASSING = (409, 429)  # busy, or too soon, or too many
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0  # seconds between looks for room


def begin(ctx: ApplyContext, step: Change, kind: ResourceKind, make: Callable[[], str]) -> Outcome | str:
    """The id of what `make` makes, once there is room for the crawl of it; or that there was none in time."""
    if not quota.is_another(step):
        return make()
    pause = _FIRST_PAUSE
    while True:
        left, over = ctx.until - ctx.clock.monotonic(), True
        try:
            made = _with_room(ctx, step, kind, make)
            over = bool(made) or left <= 0 or ctx.stop.asked()
        finally:
            if ctx.patience:
                ctx.waits(step.address, "without room", over)
        if over:
            reason = f"{status.AT_ONCE} crawls are running, the maximum of the API"
            return made or Outcome(step, Status.DEFERRED, step.remote_id, reason)
        ctx.release_slot(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def _with_room(ctx: ApplyContext, step: Change, kind: ResourceKind, make: Callable[[], str]) -> Outcome | str | None:
    with ctx.wait_for_crawl_slot() as mine:
        if not mine:
            return _stopped(ctx, step)
        if _running(ctx, kind) >= status.AT_ONCE:
            return None
        try:
            return make()
        except Throttled:
            if _running(ctx, kind) < status.AT_ONCE:
                raise
            return None  # somebody else was faster


def _stopped(ctx: ApplyContext, step: Change) -> Outcome:
    return Outcome(step, Status.SKIPPED, step.remote_id, ctx.stop.reason)


def _running(ctx: ApplyContext, kind: ResourceKind) -> int:
    items = ctx.api.list(kind.collection, kind.listing, kind.id_fields)
    return sum(status.read(kind, item).running for item in items)


def recrawl(ctx: ApplyContext, step: Change) -> Outcome:
    """Ask for the crawl, unless it is too soon or there is no room for it."""
    desired, binding = step.desired, ctx.recorder.get(step.address)
    if desired is None or binding is None:
        message = f"a recrawl of {step.address} without its manifest or its binding"
        raise ValueError(message)
    kind, target = desired.kind, Target(step.address, binding.remote_id)
    current = replace(binding, applied={**binding.applied, kind.crawl_key: desired.spec[kind.crawl_key]})
    with ctx.wait_for_crawl_slot() as mine:  # of several steps that see the last room one may take it
        if not mine:
            return _stopped(ctx, step)
        before = _read(ctx, kind, binding.remote_id)
        held_up = _held_up(ctx, kind, before, target)
        left = _left(step, held_up) if held_up else _begin_again(ctx, step, kind, before, current)
    if left:
        return left
    _remember_unkept(ctx, desired, current)
    return Outcome(step, Status.DONE, binding.remote_id, "crawl started")


def _begin_again(
    ctx: ApplyContext, step: Change, kind: ResourceKind, before: Crawled, current: Binding
) -> Outcome | None:
    """Ask, on record before and after; the outcome, where the API would rather be asked later."""
    op = ctx.recorder.intend(
        step.address, step.action, remote_id=current.remote_id, spec=current.applied, time=ctx.now()
    )
    try:
        _ask(ctx, op, step, kind, before)
    except TavusctlError as error:
        if ctx.recorder.is_sent(op) and not isinstance(error, Rejected):
            raise
        ctx.recorder.settle(op, done=False)
        if isinstance(error, Rejected) and error.status in _PASSING:
            return Outcome(step, Status.DEFERRED, current.remote_id, error.text)
        raise
    ctx.recorder.bind(current, op)
    return None


def _held_up(ctx: ApplyContext, kind: ResourceKind, before: Crawled, target: Target) -> Entry | None:
    verdict = status.judge(target, before, now(ctx))
    if verdict:
        return verdict
    running = _running(ctx, kind)
    if running < status.AT_ONCE - 1:
        return None
    return status.defer(target, f"{running} crawls are running, and one slot is left free for others")


def _left(step: Change, entry: Entry) -> Outcome:
    if entry.exit_code:
        return Outcome(step, Status.FAILED, entry.remote_id, entry.reason, entry.exit_code)
    until = f", until {status.stamp(entry.next)}" if entry.next else ""
    return Outcome(step, Status.DEFERRED, entry.remote_id, f"{entry.reason}{until}")


def _ask(ctx: ApplyContext, op: str, step: Change, kind: ResourceKind, before: Crawled) -> None:
    path, body = f"{kind.collection}/{before.remote_id}/recrawl", {kind.crawl_key: step.patch[0]["value"]}

    def ask() -> None:
        with ctx.sending(op) as fence:
            ctx.api.post(path, body, fence=fence)

    start(ask, lambda: _read(ctx, kind, before.remote_id).moved_from(before))


def _remember_unkept(ctx: ApplyContext, desired: Desired, binding: Binding) -> None:
    live: Live = ctx.dependencies.look(desired.kind, binding.remote_id)
    own = f"/{desired.kind.crawl_key}/"
    lost = [change for change in ctx.dependencies.unkept(desired, live) if change.path.startswith(own)]
    others = {path: value for path, value in binding.answered.items() if not path.startswith(own)}
    answered = {**others, **{change.path: remembered(change.live) for change in lost}}
    ctx.recorder.confirm(replace(binding, answered=answered))


def _read(ctx: ApplyContext, kind: ResourceKind, remote_id: str) -> Crawled:
    return status.read(kind, ctx.api.get(f"{kind.collection}/{remote_id}", kind.get_query))
