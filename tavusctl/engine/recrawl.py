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

from tavusctl import freshness
from tavusctl.errors import Ambiguous, ApiError, Gone, Rejected, TavusctlError, Throttled
from tavusctl.freshness import AT_ONCE, Crawled, Entry, Look, StaleLook, Status, Target
from tavusctl.model import Complaint, ResourceKind
from tavusctl.ports import Api, Clock, Reader

_CONFLICT: Final = 409
_LOOKS: Final = 3  # at a document, when the API asks to wait after each
_FIRST_POLL, _LONGEST_POLL = 1.0, 15.0
_MINUTES: Final = re.compile(r"\b(\d{1,6}) minute")


class Recrawls(Struct, frozen=True):
    """What became of every target, in the order of addresses, and what somebody should look at."""

    entries: tuple[Entry, ...]
    warnings: tuple[Complaint, ...] = ()


class Manners(Struct, frozen=True):
    """How a run gets along with people and with other runs.

    Two runs that look at the same instant would ask for the same crawl, and one be refused.  So `seed` orders the work
    anew for each, a run steps back for up to `spread` seconds at the beginning and when it meets another, and each
    crawl is started inside a `turn`, which runs that know of one another take one by one.
    """

    reserve: int = 1  # slots left for people
    seed: int = 0
    spread: float = 0.0
    turn: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext


class _Run(Struct):
    api: Api
    kind: ResourceKind
    limit: int  # crawls under way, anyone's, at which none is started
    report: Callable[[Entry], None]
    turn: Callable[[], AbstractContextManager[None]]
    step_back: Callable[[], None]
    seen: dict[str, Crawled]  # the account's documents by id, as last listed
    entries: dict[Target, Entry] = field(default_factory=dict)
    warnings: list[Complaint] = field(default_factory=list)
    started: dict[Target, Crawled] = field(default_factory=dict)  # crawls of this run: the document before
    closed: str = ""  # why no further crawl is started

    def keep(self, target: Target, entry: Entry) -> None:
        """Note what became of a target."""
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


def look(api: Reader, kind: ResourceKind, targets: Sequence[Target]) -> Recrawls:
    """What a run would crawl now; reads only."""
    entries, waiting, seen = _judge_all(api, kind, targets)
    now = api.server_time()
    for target in waiting:
        found = seen[target.remote_id]
        reason = freshness.why(target, found)
        entries[target] = Entry(target.address, target.remote_id, Status.DUE, reason, now, found.last)
    return Recrawls(_in_order(entries), _neglected(api, targets, seen))


def run(
    api: Api,
    kind: ResourceKind,
    targets: Sequence[Target],
    clock: Clock,
    *,
    manners: Manners,
    patience: float = 0.0,
    report: Callable[[Entry], None] = lambda _: None,
) -> Recrawls:
    """Crawl what is due.

    `patience` is how many seconds to wait for slots and for the end of what was started; without it, crawls are started
    and left alone.
    """
    entries, waiting, seen = _judge_all(api, kind, targets)
    chance = random.Random(manners.seed)  # noqa: S311 - an order, not a secret

    def step_back() -> None:
        if manners.spread:
            clock.sleep(chance.uniform(0, manners.spread))

    this = _Run(api, kind, AT_ONCE - manners.reserve, report, manners.turn, step_back, seen)
    this.warnings += _neglected(api, targets, seen)
    for target, entry in entries.items():
        this.keep(target, entry)
    chance.shuffle(waiting)
    if waiting:
        this.step_back()
    deadline, pause = clock.monotonic() + patience, _FIRST_POLL
    while True:
        waiting = _start_what_fits(this, waiting)
        left = deadline - clock.monotonic()
        if left <= 0 or not (this.started or (waiting and not this.closed)):
            break
        clock.sleep(min(pause, left))
        pause = min(pause * 2, _LONGEST_POLL)
        with contextlib.suppress(ApiError):  # the next look may be luckier
            this.look_around()
            _settle_ended(this)
    _leave(this, waiting, waited=bool(patience))
    return Recrawls(_in_order(this.entries), tuple(this.warnings))


def _judge_all(
    api: Reader, kind: ResourceKind, targets: Sequence[Target]
) -> tuple[dict[Target, Entry], list[Target], dict[str, Crawled]]:
    """What is not to be crawled now, with the reason; what is; and the account's documents by id."""
    seen, entries, due = _list(api, kind), {}, []
    for target in sorted(targets, key=lambda one: one.address):
        if not target.remote_id:
            entries[target] = freshness.defer(target, "it is not in the account yet; run tavusctl apply")
            continue
        if target.remote_id not in seen:
            # A gap in a list proves nothing: only the answer about the document itself does.
            try:
                seen[target.remote_id] = _read(api, kind, target.remote_id)
            except Gone:
                entries[target] = _gone(target)
                continue
        found = seen[target.remote_id]
        verdict = freshness.judge(target, found, api.server_time())
        if verdict is None:
            due.append(target)
        elif found.crawls or not target.if_crawled:
            entries[target] = verdict
    return entries, due, seen


def _start_what_fits(this: _Run, waiting: Sequence[Target]) -> list[Target]:
    """Start crawls while there are slots; those that found none."""
    left = list(waiting)
    while left and not this.closed and len(this.running()) < this.limit:
        with this.turn():
            entry = _start(this, left[0])
        if entry is None:
            break
        this.keep(left.pop(0), entry)
    return left


def _start(this: _Run, target: Target) -> Entry | None:
    """Start one crawl, unless a last look shows that it must not be, or need not be; None when there is no slot."""
    last = this.last(target)
    for _ in range(_LOOKS):
        with contextlib.suppress(StaleLook):
            return _look_and_start(this, target, last)
    return freshness.defer(target, "the API asks to wait, again and again", last, this.api.server_time())


def _look_and_start(this: _Run, target: Target, last: datetime | None) -> Entry | None:
    try:
        this.look_around()  # others crawl, too
        if len(this.running()) >= this.limit:
            return None
        look = Look()
        before = _read(this.api, this.kind, target.remote_id)
        verdict = freshness.judge(target, before, this.api.server_time())
        return verdict or _post(this, target, before, look)
    except Gone:
        return _gone(target)
    except Ambiguous as error:
        return Entry(target.address, target.remote_id, Status.UNKNOWN, error.message, None, last, 6)
    except TavusctlError as error:
        if not isinstance(error, Rejected):
            this.closed = error.message  # the others would meet the same: no answer, or no right to ask
        return freshness.failed(target, error.message, last, error.exit_code)


def _post(this: _Run, target: Target, before: Crawled, look: Look) -> Entry:
    """Ask for the crawl; when the answer is lost, look, and ask once more only if nothing has moved."""
    path = f"{this.kind.collection}/{target.remote_id}/recrawl"
    for again in (False, True):
        try:
            this.api.post(path, freshness.override(target, before), fence=look)
        except Ambiguous:
            look = Look()
            if _has_moved(this, before):
                break
            if again:
                raise
        except (Gone, Rejected) as error:
            if again and not isinstance(error, Gone) and _has_moved(this, before):
                break
            return _refused(this, target, before, error)
        else:
            break
    this.started[target] = before
    due = freshness.after(target, this.api.server_time())
    return Entry(target.address, target.remote_id, Status.DONE, "crawl started", due, before.last)


def _has_moved(this: _Run, before: Crawled) -> bool:
    return _read(this.api, this.kind, before.remote_id).moved_from(before)


def _refused(this: _Run, target: Target, before: Crawled, error: Rejected) -> Entry:
    """A definite no: too soon and too many are a matter of time, all else is a failure."""
    now = this.api.server_time()
    if error.status == _CONFLICT:
        return freshness.defer(target, error.text, before.last, freshness.after(target, now))
    if not isinstance(error, Throttled):
        raise error
    minutes = _MINUTES.search(error.text)
    if minutes:
        return freshness.defer(target, error.text, before.last, now + timedelta(minutes=int(minutes[1])))
    this.closed = f"the API takes no further crawl now: {error.text}"
    return freshness.defer(target, this.closed, before.last)


def _settle_ended(this: _Run) -> None:
    """Write down how crawls of this run ended."""
    for target in [one for one in this.started if this.ended(one)]:
        before, now = this.started.pop(target), this.seen[target.remote_id]
        due = freshness.after(target, now.tried or this.api.server_time())
        if now.status == "error":
            why = now.error or "the API does not say why"
            reason = f"the crawl failed: {why}; what was read before stays in use"
            entry = Entry(target.address, target.remote_id, Status.FAILED, reason, due, now.last, 5)
        else:
            reason = "crawled" if now.pages is None else f"crawled, {now.pages} page{'' if now.pages == 1 else 's'}"
            entry = Entry(target.address, target.remote_id, Status.DONE, reason, due, now.last)
            this.warnings += freshness.shrunk(target, before, now)
        this.keep(target, entry)


def _leave(this: _Run, waiting: Sequence[Target], *, waited: bool) -> None:
    """Leave to the next run what found no slot, and what was waited for and has not ended."""
    crowd = len(this.running())
    crawls = f"{crowd} crawl{' is' if crowd == 1 else 's are'} under way, and this run starts none beyond {this.limit}"
    now = this.api.server_time()
    for target in waiting:
        this.keep(target, freshness.defer(target, this.closed or crawls, this.last(target), now))
    for target, before in this.started.items() if waited else ():
        due = freshness.after(target, now)
        this.keep(target, freshness.defer(target, "its crawl was started and has not ended yet", before.last, due))


def _list(api: Reader, kind: ResourceKind) -> dict[str, Crawled]:
    items = api.list(kind.collection, first_page=kind.first_page, query=kind.list_query, id_fields=kind.id_fields)
    return {kind.id_of(item): freshness.read(kind, item) for item in items}


def _read(api: Reader, kind: ResourceKind, remote_id: str) -> Crawled:
    found = freshness.read(kind, api.get(f"{kind.collection}/{remote_id}", kind.get_query))
    if found.remote_id != remote_id:
        message = f"GET {kind.collection}/{remote_id} was answered with the object {found.remote_id or '(no id)'}"
        raise ApiError(message)
    return found


def _gone(target: Target) -> Entry:
    reason = f"the account has no document {target.remote_id} any more; tavusctl plan shows what to do"
    return freshness.failed(target, reason)


def _neglected(api: Reader, targets: Sequence[Target], seen: dict[str, Crawled]) -> tuple[Complaint, ...]:
    now = api.server_time()
    found = sorted((one for one in targets if one.remote_id in seen), key=lambda one: one.address)
    return tuple(sign for one in found for sign in freshness.neglect(one, seen[one.remote_id], now))


def _in_order(entries: dict[Target, Entry]) -> tuple[Entry, ...]:
    return tuple(sorted(entries.values(), key=lambda entry: entry.address))
