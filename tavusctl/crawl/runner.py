"""Crawl again what is due, within the limits of the API, whoever else is crawling.

Every decision is made from what the server says right before a call: its clock, when a document was last crawled, and
how many crawls of the account are under way.  So two runs at once, a person in the portal and a job that comes late or
twice are all the same to it, and nothing has to be remembered between runs.
"""

from __future__ import annotations

import contextlib
import random
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct, field

from tavusctl.core.diagnostics import Diagnostic
from tavusctl.core.errors import Ambiguous, ApiError, Gone, Rejected, TavusctlError, Throttled
from tavusctl.core.ports import Api, Clock, Reader
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.crawl import status
from tavusctl.crawl.start import start
from tavusctl.crawl.status import AT_ONCE, Crawled, Entry, Look, StaleLook, Status, Target

_CONFLICT: Final = 409
_LOOKS: Final = 3  # at a document, when the API asks to wait after each
_FIRST_POLL, _LONGEST_POLL = 1.0, 15.0
_MINUTES: Final = re.compile(r"\b(\d{1,6}) minute")


class RecrawlResult(Struct, frozen=True):
    """The result of a recrawl: an entry for each target, in the order of addresses, and warnings."""

    entries: tuple[Entry, ...]
    warnings: tuple[Diagnostic, ...] = ()


class ThrottleOptions(Struct, frozen=True):
    """How a run gets along with people and with other runs.

    Two runs that look at the same instant would ask for the same crawl, and one be refused.  So `seed` orders the work
    anew for each, a run steps back for up to `spread` seconds at the beginning and when it meets another, and each
    crawl is started inside a `turn`, which runs that know of one another take one by one.
    """

    reserve: int = 1  # slots left for people
    seed: int = 0
    spread: float = 0.0
    turn: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext


class _Context(Struct):
    api: Api
    kind: ResourceKind
    limit: int  # crawls under way, anyone's, at which none is started
    report: Callable[[Entry], None]
    turn: Callable[[], AbstractContextManager[None]]
    step_back: Callable[[], None]
    seen: dict[str, Crawled]  # the account's documents by id, as last listed
    entries: dict[Target, Entry] = field(default_factory=dict)
    warnings: list[Diagnostic] = field(default_factory=list)
    started: dict[Target, Crawled] = field(default_factory=dict)  # crawls of this run: the document before
    closed: str = ""  # why no further crawl is started

    def keep(self, target: Target, entry: Entry) -> None:
        """Record the result of a target."""
        self.entries[target] = entry
        self.report(entry)

    def look_around(self) -> None:
        """See what is being crawled now; where others have just begun, let them first."""
        for _ in range(AT_ONCE):
            known = self.running()
            self.seen = _list(self.api, self.kind)
            if self.running() <= known:
                break
            self.step_back()

    def last(self, target: Target) -> datetime | None:
        """When a document was last crawled."""
        found = self.seen.get(target.remote_id)
        return found.last if found else None

    def running(self) -> set[str]:
        """What is being crawled; what was just begun counts even where the list does not show it yet."""
        listed = {one.remote_id for one in self.seen.values() if one.running}
        return listed | {target.remote_id for target in self.started if not self.ended(target)}

    def ended(self, target: Target) -> bool:
        """Whether a crawl of this run is over."""
        now = self.seen.get(target.remote_id)
        return now is not None and now.resting and now.moved_from(self.started[target])


def look(api: Reader, kind: ResourceKind, targets: Sequence[Target]) -> RecrawlResult:
    """What a run would crawl now; reads only."""
    entries, waiting, seen = _judge_all(api, kind, targets)
    now = api.server_time()
    for target in waiting:
        found = seen[target.remote_id]
        reason = status.why(target, found)
        entries[target] = Entry(target.address, target.remote_id, Status.DUE, reason, now, found.last)
    return RecrawlResult(_in_order(entries), _neglected(api, targets, seen))


def run(
    api: Api,
    kind: ResourceKind,
    targets: Sequence[Target],
    clock: Clock,
    *,
    manners: ThrottleOptions,
    patience: float = 0.0,
    report: Callable[[Entry], None] = lambda _: None,
) -> RecrawlResult:
    """Crawl what is due.

    `patience` is how many seconds to wait for slots and for the end of what was started; without it, crawls are started
    and left alone.
    """
    entries, waiting, seen = _judge_all(api, kind, targets)
    chance = random.Random(manners.seed)  # noqa: S311 - an order, not a secret

    def step_back() -> None:
        if manners.spread:
            clock.sleep(chance.uniform(0, manners.spread))

    ctx = _Context(api, kind, AT_ONCE - manners.reserve, report, manners.turn, step_back, seen)
    ctx.warnings += _neglected(api, targets, seen)
    for target, entry in entries.items():
        ctx.keep(target, entry)
    chance.shuffle(waiting)
    if waiting:
        ctx.step_back()
    left = _start_all(ctx, waiting, clock, patience)
    _leave(ctx, left, waited=bool(patience))
    return RecrawlResult(_in_order(ctx.entries), tuple(ctx.warnings))


def _start_all(ctx: _Context, waiting: list[Target], clock: Clock, patience: float) -> list[Target]:
    """Start crawls as slots come free, and wait for the end of what was started; what found no slot in time."""
    deadline, pause = clock.monotonic() + patience, _FIRST_POLL
    while True:
        waiting = _start_what_fits(ctx, waiting)
        left = deadline - clock.monotonic()
        if left <= 0 or not (ctx.started or (waiting and not ctx.closed)):
            return waiting
        clock.sleep(min(pause, left))
        pause = min(pause * 2, _LONGEST_POLL)
        with contextlib.suppress(ApiError):  # the next look may be luckier
            ctx.look_around()
            _settle_ended(ctx)


def _judge_all(
    api: Reader, kind: ResourceKind, targets: Sequence[Target]
) -> tuple[dict[Target, Entry], list[Target], dict[str, Crawled]]:
    """What is not to be crawled now, with the reason; what is; and the account's documents by id."""
    seen, entries, due = _list(api, kind), {}, []
    for target in sorted(targets, key=lambda one: one.address):
        if not target.remote_id:
            entries[target] = status.defer(target, "not in the account yet; run `tavusctl apply`")
            continue
        if target.remote_id not in seen:
            # A gap in a list proves nothing: only the answer about the document itself does.
            try:
                seen[target.remote_id] = _read(api, kind, target.remote_id)
            except Gone:
                entries[target] = _gone(target)
                continue
        found = seen[target.remote_id]
        verdict = status.judge(target, found, api.server_time())
        if verdict is None:
            due.append(target)
        elif found.crawls or not target.if_crawled:
            entries[target] = verdict
    return entries, due, seen


def _start_what_fits(ctx: _Context, waiting: Sequence[Target]) -> list[Target]:
    """Start crawls while there are slots; those that found none."""
    left = list(waiting)
    while left and not ctx.closed and len(ctx.running()) < ctx.limit:
        with ctx.turn():
            entry = _start(ctx, left[0])
        if entry is None:
            break
        ctx.keep(left.pop(0), entry)
    return left


def _start(ctx: _Context, target: Target) -> Entry | None:
    """Start one crawl, unless a last look shows that it must not be, or need not be; None when there is no slot."""
    last = ctx.last(target)
    for _ in range(_LOOKS):
        with contextlib.suppress(StaleLook):
            return _look_and_start(ctx, target, last)
    return status.defer(target, "the API keeps asking to wait", last, ctx.api.server_time())


def _look_and_start(ctx: _Context, target: Target, last: datetime | None) -> Entry | None:
    try:
        ctx.look_around()  # others crawl, too
        if len(ctx.running()) >= ctx.limit:
            return None
        look = Look()
        before = _read(ctx.api, ctx.kind, target.remote_id)
        verdict = status.judge(target, before, ctx.api.server_time())
        return verdict or _post(ctx, target, before, look)
    except Gone:
        return _gone(target)
    except Ambiguous as error:
        return Entry(target.address, target.remote_id, Status.UNKNOWN, error.message, None, last, 6)
    except TavusctlError as error:
        if not isinstance(error, Rejected):
            ctx.closed = error.message  # the others would meet the same: no answer, or no right to ask
        return status.failed(target, error.message, last, error.exit_code)


def _post(ctx: _Context, target: Target, before: Crawled, look: Look) -> Entry:
    """Ask for the crawl, and tell what became of that."""
    path = f"{ctx.kind.collection}/{target.remote_id}/recrawl"
    fresh = [look]

    def ask() -> None:
        ctx.api.post(path, status.override(target, before), fence=fresh[-1])

    def has_moved() -> bool:
        fresh.append(Look())
        return _read(ctx.api, ctx.kind, target.remote_id).moved_from(before)

    try:
        start(ask, has_moved)
    except Rejected as error:
        return _refused(ctx, target, before, error)
    ctx.started[target] = before
    due = status.after(target, ctx.api.server_time())
    return Entry(target.address, target.remote_id, Status.DONE, "crawl started", due, before.last)


def _refused(ctx: _Context, target: Target, before: Crawled, error: Rejected) -> Entry:
    """A definite no: too soon and too many are a matter of time, all else is a failure."""
    now = ctx.api.server_time()
    if error.status == _CONFLICT:
        return status.defer(target, error.text, before.last, status.after(target, now))
    if not isinstance(error, Throttled):
        raise error
    minutes = _MINUTES.search(error.text)
    if minutes:
        return status.defer(target, error.text, before.last, now + timedelta(minutes=int(minutes[1])))
    ctx.closed = f"the API accepts no further crawl now: {error.text}"
    return status.defer(target, ctx.closed, before.last)


def _settle_ended(ctx: _Context) -> None:
    """Write down how crawls of this run ended."""
    for target in [one for one in ctx.started if ctx.ended(one)]:
        before, now = ctx.started.pop(target), ctx.seen[target.remote_id]
        due = status.after(target, now.tried or ctx.api.server_time())
        if now.status == "error":
            why = now.error or "the API does not say why"
            reason = f"the crawl failed: {why}; what was read before stays in use"
            entry = Entry(target.address, target.remote_id, Status.FAILED, reason, due, now.last, 5)
        else:
            reason = "crawled" if now.pages is None else f"crawled, {now.pages} page{'' if now.pages == 1 else 's'}"
            entry = Entry(target.address, target.remote_id, Status.DONE, reason, due, now.last)
            ctx.warnings += status.shrunk(target, before, now)
        ctx.keep(target, entry)


def _leave(ctx: _Context, waiting: Sequence[Target], *, waited: bool) -> None:
    """Leave to the next run what found no slot, and what was waited for and has not ended."""
    crowd = len(ctx.running())
    crawls = f"{crowd} crawl{' is' if crowd == 1 else 's are'} under way, and this run starts none beyond {ctx.limit}"
    now = ctx.api.server_time()
    for target in waiting:
        ctx.keep(target, status.defer(target, ctx.closed or crawls, ctx.last(target), now))
    for target, before in ctx.started.items() if waited else ():
        due = status.after(target, now)
        ctx.keep(target, status.defer(target, "the crawl was started and has not finished yet", before.last, due))


def _list(api: Reader, kind: ResourceKind) -> dict[str, Crawled]:
    items = api.list(kind.collection, kind.listing, kind.id_fields)
    return {kind.id_of(item): status.read(kind, item) for item in items}


def _read(api: Reader, kind: ResourceKind, remote_id: str) -> Crawled:
    found = status.read(kind, api.get(f"{kind.collection}/{remote_id}", kind.get_query))
    if found.remote_id != remote_id:
        message = f"GET {kind.collection}/{remote_id} returned the object {found.remote_id or '(no id)'}"
        raise ApiError(message)
    return found


def _gone(target: Target) -> Entry:
    reason = f"the document {target.remote_id} no longer exists in the account; run `tavusctl plan`"
    return status.failed(target, reason)


def _neglected(api: Reader, targets: Sequence[Target], seen: dict[str, Crawled]) -> tuple[Diagnostic, ...]:
    now = api.server_time()
    found = sorted((one for one in targets if one.remote_id in seen), key=lambda one: one.address)
    return tuple(sign for one in found for sign in status.neglect(one, seen[one.remote_id], now))


def _in_order(entries: dict[Target, Entry]) -> tuple[Entry, ...]:
    return tuple(sorted(entries.values(), key=lambda entry: entry.address))
