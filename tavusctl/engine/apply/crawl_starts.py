"""Start the crawls of new documents, and of documents whose crawl settings have changed without a replacement.

The API runs a limited number of crawls at a time.  A document without a free slot is left to the next run, unless
the run has patience to wait.  Changed crawl settings are used for one crawl only, and reads go on to show the old
ones: the state remembers what the API does not keep, and `recrawl` sends it with every request from then on.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from tavusctl.core.binding import Binding
from tavusctl.core.errors import Rejected, TavusctlError, Throttled, WithoutEffect
from tavusctl.core.messages import moment
from tavusctl.core.model import Change, Desired, Live, Outcome, Status
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.crawl import quota, status
from tavusctl.crawl.start import read_document, read_documents, start
from tavusctl.crawl.status import CrawlState, Entry, Target
from tavusctl.engine.apply.context import ApplyContext
from tavusctl.engine.compare.three_way import recorded_value

_TEMPORARY = (409, 429)  # statuses for busy, too soon, too many: a later request may succeed
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0  # seconds between searches for a free slot


def start_in_slot(ctx: ApplyContext, step: Change, kind: ResourceKind, make: Callable[[], str]) -> Outcome | str:
    """The id that `make` returns, once there is a crawl slot for the object; an outcome if there was none in time."""
    if not quota.adds_crawl(step):
        return make()
    pause = _FIRST_PAUSE
    while True:
        remaining, over = ctx.patience_deadline - ctx.clock.monotonic(), True
        try:
            created = _create_if_free(ctx, step, kind, make)
            over = bool(created) or remaining <= 0 or ctx.stop.is_requested()
        finally:
            if ctx.patience:
                ctx.report_wait(step.address, "without a crawl slot", over)
        if over:
            reason = f"{status.AT_ONCE} crawls are running, the maximum of the API"
            return created or Outcome(step, Status.DEFERRED, step.remote_id, reason)
        ctx.release_slot(min(pause, remaining))
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def _create_if_free(
    ctx: ApplyContext, step: Change, kind: ResourceKind, make: Callable[[], str]
) -> Outcome | str | None:
    with ctx.wait_for_crawl_slot() as has_turn:
        if not has_turn:
            return _stopped(ctx, step)
        if _running(ctx, kind) >= status.AT_ONCE:
            return None
        try:
            return make()
        except Throttled:
            if _running(ctx, kind) < status.AT_ONCE:
                raise
            return None  # somebody else took the slot


def _stopped(ctx: ApplyContext, step: Change) -> Outcome:
    return Outcome(step, Status.SKIPPED, step.remote_id, ctx.stop.reason)


def _running(ctx: ApplyContext, kind: ResourceKind) -> int:
    return sum(document.is_crawling for document in read_documents(ctx.api, kind).values())


def recrawl(ctx: ApplyContext, step: Change) -> Outcome:
    """Request the crawl of a step, unless it is too soon or no slot is free."""
    desired, binding = step.desired, ctx.recorder.get(step.address)
    if desired is None or binding is None:
        raise ValueError(f"a recrawl of {step.address} without its manifest or its binding")
    kind, target = desired.kind, Target(step.address, binding.remote_id)
    current = replace(binding, applied={**binding.applied, kind.crawl_key: desired.spec[kind.crawl_key]})
    with ctx.wait_for_crawl_slot() as has_turn:  # one step at a time: two could take the last free slot
        if not has_turn:
            return _stopped(ctx, step)
        before = read_document(ctx.api, kind, binding.remote_id)
        obstacle = _obstacle(ctx, kind, before, target)
        not_started = _not_started(step, obstacle) if obstacle else _request_crawl(ctx, step, kind, before, current)
    if not_started:
        return not_started
    _remember_unkept(ctx, desired, current)
    return Outcome(step, Status.DONE, binding.remote_id, "crawl started")


def _request_crawl(
    ctx: ApplyContext, step: Change, kind: ResourceKind, before: CrawlState, current: Binding
) -> Outcome | None:
    """Request a crawl, with records before and after; None if it was started, an outcome if the API wants it later."""
    op = ctx.recorder.record_intent(
        step.address, step.action, remote_id=current.remote_id, spec=current.applied, time=ctx.now()
    )
    try:
        _post_recrawl(ctx, op, step, kind, before)
    except TavusctlError as error:
        if ctx.recorder.is_sent(op) and not isinstance(error, Rejected | WithoutEffect):
            raise
        ctx.recorder.record_result(op, done=False)
        if isinstance(error, Rejected) and error.status in _TEMPORARY:
            return Outcome(step, Status.DEFERRED, current.remote_id, error.text)
        raise
    ctx.recorder.bind(current, op)
    return None


def _obstacle(ctx: ApplyContext, kind: ResourceKind, before: CrawlState, target: Target) -> Entry | None:
    verdict = status.entry_unless_due(target, before, ctx.api.server_time())
    if verdict:
        return verdict
    running = _running(ctx, kind)
    if running < status.AT_ONCE - 1:
        return None
    return status.deferred_entry(target, f"{running} crawls are running, and one slot is left free for others")


def _not_started(step: Change, entry: Entry) -> Outcome:
    if entry.exit_code:
        return Outcome(step, Status.FAILED, entry.remote_id, entry.reason, entry.exit_code)
    until = f", until {moment(entry.next)}" if entry.next else ""
    return Outcome(step, Status.DEFERRED, entry.remote_id, f"{entry.reason}{until}")


def _post_recrawl(ctx: ApplyContext, op: str, step: Change, kind: ResourceKind, before: CrawlState) -> None:
    path, body = f"{kind.collection}/{before.remote_id}/recrawl", {kind.crawl_key: step.patch[0]["value"]}

    def post() -> None:
        with ctx.sending(op) as fence:
            ctx.api.post(path, body, fence=fence)

    start(post, lambda: read_document(ctx.api, kind, before.remote_id).has_changed_since(before), ctx.looks())


def _remember_unkept(ctx: ApplyContext, desired: Desired, binding: Binding) -> None:
    live: Live = ctx.dependencies.read(desired.kind, binding.remote_id)
    own = f"/{desired.kind.crawl_key}/"
    lost = [change for change in ctx.dependencies.unkept_fields(desired, live) if change.path.startswith(own)]
    others = {path: value for path, value in binding.answered.items() if not path.startswith(own)}
    answered = {**others, **{change.path: recorded_value(change.live) for change in lost}}
    ctx.recorder.confirm(replace(binding, answered=answered))
