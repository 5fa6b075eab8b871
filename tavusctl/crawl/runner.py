"""Recrawl documents that are due, within the limits of the API, whoever else is crawling.

Every decision is made from what the server reports right before a call: its clock, when a document was last crawled,
and how many crawls of the account are under way.  So concurrent runs, a person in the portal and a job that runs late
or twice make no difference, and nothing has to be recorded between runs.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from tavusctl.core.diagnostics import Diagnostic
from tavusctl.core.errors import Ambiguous, ApiError, Gone, Rejected, TavusctlError, Throttled, WithoutEffect
from tavusctl.core.messages import counted
from tavusctl.core.ports import Api, Clock, Reader
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.crawl import status
from tavusctl.crawl.start import read_document, read_documents, start
from tavusctl.crawl.status import AT_ONCE, CrawlState, Entry, ReadFence, StaleRead, Status, Target
from tavusctl.lib.patterns import pattern

_CONFLICT: Final = 409
_LOOKS: Final = (0.0, 2.0, 10.0)  # seconds after which to read whether a confirmed crawl was started
_ATTEMPTS: Final = 3  # attempts to read a document and start its crawl, if the API asks to wait after each read
_FIRST_POLL, _LONGEST_POLL = 1.0, 15.0
_MINUTES: Final = pattern(r"\b(\d{1,6}) minute")


class RecrawlResult(Struct, frozen=True):
    """The result of a recrawl: an entry for each target, in the order of addresses, and warnings."""

    entries: tuple[Entry, ...]
    warnings: tuple[Diagnostic, ...] = ()


class ThrottleOptions(Struct, frozen=True):
    """How a run shares the crawl slots of the account with people and with other runs.

    Two runs that read the account at the same instant would request the same crawl, and one would be refused.  So each
    run shuffles its targets by its own `seed`, pauses for up to `spread` seconds at the beginning and when it meets
    another run, and starts each crawl inside a `turn`, which runs that know of one another take one by one.
    """

    reserve: int = 1  # slots to leave free for people
    seed: int = 0
    spread: float = 0.0
    turn: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext


class _Context(Struct):
    api: Api
    kind: ResourceKind
    limit: int  # no crawl is started while this many are under way, by anyone
    report: Callable[[Entry], None]
    turn: Callable[[], AbstractContextManager[None]]
    step_back: Callable[[], None]
    looks: Callable[[], Iterator[None]]  # when to read whether a confirmed crawl was started
    documents: dict[str, CrawlState]  # the account's documents by id, as last listed
    entries: dict[Target, Entry] = {}
    warnings: list[Diagnostic] = []
    started: dict[Target, CrawlState] = {}  # crawls of this run, with the document before
    closed: str = ""  # why no further crawl is started

    def keep(self, target: Target, entry: Entry) -> None:
        """Record the result of a target."""
        self.entries[target] = entry
        self.report(entry)

    def look_around(self) -> None:
        """Read what is being crawled now; where others have just started crawls, pause and read again."""
        for _ in range(AT_ONCE):
            running_before = self.running()
            self.documents = read_documents(self.api, self.kind)
            if self.running() <= running_before:
                break
            self.step_back()

    def last(self, target: Target) -> datetime | None:
        """When the document of a target was last crawled; None: never, or not listed."""
        document = self.documents.get(target.remote_id)
        return document.last if document else None

    def running(self) -> set[str]:
        """Ids of documents being crawled; those of this run count even where the list does not show it yet."""
        listed = {document.remote_id for document in self.documents.values() if document.is_crawling}
        return listed | {target.remote_id for target in self.started if not self.ended(target)}

    def ended(self, target: Target) -> bool:
        """Whether a crawl of this run is over."""
        document = self.documents.get(target.remote_id)
        return document is not None and document.is_idle and document.has_changed_since(self.started[target])


def preview(api: Reader, kind: ResourceKind, targets: Sequence[Target]) -> RecrawlResult:
    """What a run would crawl now; nothing is written."""
    entries, due_targets, documents = _judge_all(api, kind, targets)
    now = api.server_time()
    for target in due_targets:
        document = documents[target.remote_id]
        reason = status.due_reason(target, document)
        entries[target] = Entry(target.address, target.remote_id, Status.DUE, reason, now, document.last)
    return RecrawlResult(_in_order(entries), _neglected(api, targets, documents))


def run(
    api: Api,
    kind: ResourceKind,
    targets: Sequence[Target],
    clock: Clock,
    *,
    throttle: ThrottleOptions,
    settle: float = _LOOKS[-1],
    patience: float = 0.0,
    report: Callable[[Entry], None] = lambda _: None,
) -> RecrawlResult:
    """Crawl the documents that are due.

    A crawl that was confirmed must show within `settle` seconds.  `patience` is how many seconds to wait for free slots
    and for the end of started crawls; with 0, crawls are started and not waited for.
    """
    entries, due_targets, documents = _judge_all(api, kind, targets)
    rng = random.Random(throttle.seed)  # noqa: S311 - an order, not a secret

    def step_back() -> None:
        if throttle.spread:
            clock.sleep(rng.uniform(0, throttle.spread))

    def looks() -> Iterator[None]:
        waited = 0.0
        for at in (min(at, settle) for at in _LOOKS):
            clock.sleep(at - waited)
            waited = at
            yield

    ctx = _Context(api, kind, AT_ONCE - throttle.reserve, report, throttle.turn, step_back, looks, documents)
    ctx.warnings += _neglected(api, targets, documents)
    for target, entry in entries.items():
        ctx.keep(target, entry)
    rng.shuffle(due_targets)
    if due_targets:
        ctx.step_back()
    unstarted = _start_all(ctx, due_targets, clock, patience)
    _defer_rest(ctx, unstarted, waited=bool(patience))
    return RecrawlResult(_in_order(ctx.entries), tuple(ctx.warnings))


def _start_all(ctx: _Context, waiting: list[Target], clock: Clock, patience: float) -> list[Target]:
    """Start crawls as slots come free, and wait for their end; return the targets that got no slot in time."""
    deadline, pause = clock.monotonic() + patience, _FIRST_POLL
    while True:
        waiting = _fill_slots(ctx, waiting)
        seconds_left = deadline - clock.monotonic()
        if seconds_left <= 0 or not (ctx.started or (waiting and not ctx.closed)):
            return waiting
        clock.sleep(min(pause, seconds_left))
        pause = min(pause * 2, _LONGEST_POLL)
        with contextlib.suppress(ApiError):  # the next read may succeed
            ctx.look_around()
            _record_ended(ctx)


def _judge_all(
    api: Reader, kind: ResourceKind, targets: Sequence[Target]
) -> tuple[dict[Target, Entry], list[Target], dict[str, CrawlState]]:
    """Results of targets that cannot be crawled now; targets that are due; and the account's documents by id."""
    documents, entries, due = read_documents(api, kind), {}, []
    for target in sorted(targets, key=lambda one: one.address):
        if not target.remote_id:
            entries[target] = status.deferred_entry(target, "not in the account yet; run `tavusctl apply`")
            continue
        if target.remote_id not in documents:
            # A gap in a list proves nothing: only a read of the document itself shows that it is gone.
            try:
                documents[target.remote_id] = read_document(api, kind, target.remote_id)
            except Gone:
                entries[target] = _gone(target)
                continue
        document = documents[target.remote_id]
        result = status.entry_unless_due(target, document, api.server_time())
        if result is None:
            due.append(target)
        elif document.crawls or not target.if_crawled:
            entries[target] = result
    return entries, due, documents


def _fill_slots(ctx: _Context, waiting: Sequence[Target]) -> list[Target]:
    """Start crawls while there are free slots; return the targets that got none."""
    unstarted = list(waiting)
    while unstarted and not ctx.closed and len(ctx.running()) < ctx.limit:
        with ctx.turn():
            entry = _start(ctx, unstarted[0])
        if entry is None:
            break
        ctx.keep(unstarted.pop(0), entry)
    return unstarted


def _start(ctx: _Context, target: Target) -> Entry | None:
    """Start one crawl, unless a last read shows that it must not be, or need not be; None if there is no free slot."""
    last = ctx.last(target)
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(StaleRead):
            return _look_and_start(ctx, target, last)
    return status.deferred_entry(target, "the API keeps asking to wait", last, ctx.api.server_time())


def _look_and_start(ctx: _Context, target: Target, last: datetime | None) -> Entry | None:
    try:
        ctx.look_around()  # others start crawls, too
        if len(ctx.running()) >= ctx.limit:
            return None
        look = ReadFence()
        before = read_document(ctx.api, ctx.kind, target.remote_id)
        result = status.entry_unless_due(target, before, ctx.api.server_time())
        return result or _post(ctx, target, before, look)
    except Gone:
        return _gone(target)
    except Ambiguous as error:
        return Entry(target.address, target.remote_id, Status.UNKNOWN, error.message, None, last, 6)
    except TavusctlError as error:
        if not isinstance(error, Rejected | WithoutEffect):
            ctx.closed = error.message  # other requests would fail alike: no answer, or no permission
        return status.failed_entry(target, error.message, last, error.exit_code)


def _post(ctx: _Context, target: Target, before: CrawlState, look: ReadFence) -> Entry:
    """Request the crawl; return the result of the target."""
    path = f"{ctx.kind.collection}/{target.remote_id}/recrawl"
    fences = [look]

    def request() -> None:
        ctx.api.post(path, status.recrawl_body(target, before), fence=fences[-1])

    def has_moved() -> bool:
        fences.append(ReadFence())
        return read_document(ctx.api, ctx.kind, target.remote_id).has_changed_since(before)

    try:
        start(request, has_moved, ctx.looks())
    except Rejected as error:
        return _refused(ctx, target, before, error)
    ctx.started[target] = before
    due = status.next_due(target, ctx.api.server_time())
    return Entry(target.address, target.remote_id, Status.DONE, "crawl started", due, before.last)


def _refused(ctx: _Context, target: Target, before: CrawlState, error: Rejected) -> Entry:
    """The result of a refused request: deferred if it is too early or too many crawl; any other error is raised."""
    now = ctx.api.server_time()
    if error.status == _CONFLICT:
        return status.deferred_entry(target, error.text, before.last, status.next_due(target, now))
    if not isinstance(error, Throttled):
        raise error
    minutes = _MINUTES.search(error.text)
    if minutes:
        return status.deferred_entry(target, error.text, before.last, now + timedelta(minutes=int(minutes[1])))
    ctx.closed = f"the API accepts no further crawl now: {error.text}"
    return status.deferred_entry(target, ctx.closed, before.last)


def _record_ended(ctx: _Context) -> None:
    for target in [one for one in ctx.started if ctx.ended(one)]:
        before, now = ctx.started.pop(target), ctx.documents[target.remote_id]
        due = status.next_due(target, now.last_attempt or ctx.api.server_time())
        if now.has_failed:
            cause = f"the document is {now.status}" if now.is_disabled else "the API does not say why"
            reason = f"the crawl failed: {now.error or cause}; what was read before stays in use"
            entry = Entry(target.address, target.remote_id, Status.FAILED, reason, due, now.last, 5)
        else:
            reason = "crawled" if now.pages is None else f"crawled, {counted(now.pages, 'page')}"
            entry = Entry(target.address, target.remote_id, Status.DONE, reason, due, now.last)
            ctx.warnings += status.shrink_warnings(target, before, now)
        ctx.keep(target, entry)


def _defer_rest(ctx: _Context, waiting: Sequence[Target], *, waited: bool) -> None:
    """Leave to the next run the targets that got no slot, and those whose awaited crawl has not ended."""
    count = len(ctx.running())
    crawls = f"{count} crawl{' is' if count == 1 else 's are'} under way, and the limit of this run is {ctx.limit}"
    now = ctx.api.server_time()
    for target in waiting:
        ctx.keep(target, status.deferred_entry(target, ctx.closed or crawls, ctx.last(target), now))
    for target, before in ctx.started.items() if waited else ():
        due = status.next_due(target, now)
        ctx.keep(
            target, status.deferred_entry(target, "the crawl was started and has not finished yet", before.last, due)
        )


def _gone(target: Target) -> Entry:
    reason = f"the document {target.remote_id} no longer exists in the account; run `tavusctl plan`"
    return status.failed_entry(target, reason)


def _neglected(api: Reader, targets: Sequence[Target], documents: dict[str, CrawlState]) -> tuple[Diagnostic, ...]:
    now = api.server_time()
    existing = sorted(
        (target for target in targets if target.remote_id in documents), key=lambda target: target.address
    )
    return tuple(
        warning for target in existing for warning in status.neglect_warnings(target, documents[target.remote_id], now)
    )


def _in_order(entries: dict[Target, Entry]) -> tuple[Entry, ...]:
    return tuple(sorted(entries.values(), key=lambda entry: entry.address))
