"""Crawls that an apply begins: of new documents, as there is room, and with another crawl, where that need not be one.

The API takes so many crawls at a time.  What finds no room is left to the next run, unless there is patience.  Another
crawl it takes for this one time and goes on to show the old one, so what it does not keep is remembered, and `recrawl`
sends it along from then on.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from tavusctl import freshness, quota
from tavusctl.engine.apply.run import Run
from tavusctl.engine.apply.waiting import now
from tavusctl.errors import Ambiguous, Rejected, TavusctlError, Throttled
from tavusctl.freshness import Crawled, Entry, Target
from tavusctl.model import Binding, Change, Desired, Document, Live, Outcome, ResourceKind, Status
from tavusctl.threeway import remembered

_PASSING = (409, 429)  # busy, or too soon, or too many
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0  # seconds between looks for room


def begin(this: Run, step: Change, kind: ResourceKind, make: Callable[[], str]) -> Outcome | str:
    """The id of what `make` makes, once there is room for the crawl of it; or that there was none in time."""
    if not quota.is_another(step):
        return make()
    pause = _FIRST_PAUSE
    while True:
        left, over = this.until - this.clock.monotonic(), True
        try:
            made = _with_room(this, step, kind, make)
            over = bool(made) or left <= 0 or this.stop.asked()
        finally:
            if this.patience:
                this.waits(step.address, "without room", over)
        if over:
            reason = f"{freshness.AT_ONCE} crawls are under way, and the API takes no more at a time"
            return made or Outcome(step, Status.DEFERRED, step.remote_id, reason)
        this.step_aside(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def _with_room(this: Run, step: Change, kind: ResourceKind, make: Callable[[], str]) -> Outcome | str | None:
    with this.looking_for_room() as mine:
        if not mine:
            return _stopped(this, step)
        if _running(this, kind) >= freshness.AT_ONCE:
            return None
        try:
            return make()
        except Throttled:
            if _running(this, kind) < freshness.AT_ONCE:
                raise
            return None  # somebody else was faster


def _stopped(this: Run, step: Change) -> Outcome:
    return Outcome(step, Status.SKIPPED, step.remote_id, this.stop.reason)


def _running(this: Run, kind: ResourceKind) -> int:
    items = this.api.list(kind.collection, first_page=kind.first_page, query=kind.list_query, id_fields=kind.id_fields)
    return sum(freshness.read(kind, item).running for item in items)


def recrawl(this: Run, step: Change) -> Outcome:
    """Ask for the crawl, unless it is too soon or there is no room for it."""
    desired, binding = step.desired, this.ledger.get(step.address)
    if desired is None or binding is None:
        message = f"a recrawl of {step.address} without its manifest or its binding"
        raise ValueError(message)
    kind, target = desired.kind, Target(step.address, binding.remote_id)
    current = replace(binding, applied={**binding.applied, kind.crawl: desired.spec[kind.crawl]})
    with this.looking_for_room() as mine:  # of several steps that see the last room one may take it
        if not mine:
            return _stopped(this, step)
        before = _read(this, kind, binding.remote_id)
        held_up = _held_up(this, kind, before, target)
        left = _left(step, held_up) if held_up else _begin_again(this, step, kind, before, current)
    if left:
        return left
    _remember_unkept(this, desired, current)
    return Outcome(step, Status.DONE, binding.remote_id, "crawl started")


def _begin_again(this: Run, step: Change, kind: ResourceKind, before: Crawled, current: Binding) -> Outcome | None:
    """Ask, on record before and after; the outcome, where the API would rather be asked later."""
    op = this.ledger.intend(
        step.address, step.action, remote_id=current.remote_id, spec=current.applied, time=this.now()
    )
    try:
        _ask(this, op, step, kind, before)
    except TavusctlError as error:
        if this.ledger.is_sent(op) and not isinstance(error, Rejected):
            raise
        this.ledger.settle(op, done=False)
        if isinstance(error, Rejected) and error.status in _PASSING:
            return Outcome(step, Status.DEFERRED, current.remote_id, error.text)
        raise
    this.ledger.bind(current, op)
    return None


def _held_up(this: Run, kind: ResourceKind, before: Crawled, target: Target) -> Entry | None:
    verdict = freshness.judge(target, before, now(this))
    if verdict:
        return verdict
    running = _running(this, kind)
    if running < freshness.AT_ONCE - 1:
        return None
    return freshness.defer(target, f"{running} crawls are under way, and one slot is left for people")


def _left(step: Change, entry: Entry) -> Outcome:
    if entry.exit_code:
        return Outcome(step, Status.FAILED, entry.remote_id, entry.reason, entry.exit_code)
    until = f", until {freshness.stamp(entry.next)}" if entry.next else ""
    return Outcome(step, Status.DEFERRED, entry.remote_id, f"{entry.reason}{until}")


def _ask(this: Run, op: str, step: Change, kind: ResourceKind, before: Crawled) -> None:
    """Post; when the answer is lost, look, and ask once more only if nothing has moved."""
    path, body = f"{kind.collection}/{before.remote_id}/recrawl", {kind.crawl: step.patch[0]["value"]}
    try:
        _post(this, op, path, body)
    except Ambiguous:
        if _read(this, kind, before.remote_id).moved_from(before):
            return
        try:
            _post(this, op, path, body)
        except (Ambiguous, Throttled):
            if not _read(this, kind, before.remote_id).moved_from(before):
                raise


def _post(this: Run, op: str, path: str, body: Document) -> None:
    with this.sending(op) as fence:
        this.api.post(path, body, fence=fence)


def _remember_unkept(this: Run, desired: Desired, binding: Binding) -> None:
    live: Live = this.tools.look(desired.kind, binding.remote_id)
    own = f"/{desired.kind.crawl}/"
    lost = [change for change in this.tools.unkept(desired, live) if change.path.startswith(own)]
    others = {path: value for path, value in binding.answered.items() if not path.startswith(own)}
    answered = {**others, **{change.path: remembered(change.live) for change in lost}}
    this.ledger.confirm(replace(binding, answered=answered))


def _read(this: Run, kind: ResourceKind, remote_id: str) -> Crawled:
    return freshness.read(kind, this.api.get(f"{kind.collection}/{remote_id}", kind.get_query))
