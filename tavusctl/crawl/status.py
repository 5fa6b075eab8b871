"""Crawl status of documents, and whether each is due.  Pure.

The Tavus API takes a recrawl of a document that is `ready` or `error`, an hour after the last one.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from msgspec import Struct, field

from tavusctl.core.address import Address
from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.core.errors import ApiError, ConflictError
from tavusctl.core.model import Recrawl
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.crawl import schedule
from tavusctl.lib.clock import moment, uptime
from tavusctl.lib.json_types import Json, JsonObject
from tavusctl.secrets.redaction import shortened

_RESTING: Final = frozenset({"ready", "error"})  # states from which a recrawl is taken
SHRUNK: Final = "TV603"  # a crawl came back with less than half of the pages
AT_ONCE: Final = 5  # crawls of an account at a time
_STUCK: Final = timedelta(hours=2)
_SECOND, _THOUSANDTH = timedelta(seconds=1), timedelta(milliseconds=1)
_GOOD: Final = 5.0  # seconds for which a look at a document is good


class StaleLook(Exception):
    """The last read of a document is too old for a decision."""


class Look(Struct):
    """The fence of a call for a crawl: it passes for as long as the look that it rests on is fresh."""

    until: float = field(default_factory=lambda: uptime() + _GOOD)

    def renew(self) -> None:
        """After a pause, look again first."""
        if not self.passes():
            raise StaleLook

    def passes(self) -> bool:
        """Whether the look is fresh."""
        return uptime() < self.until


class Status(StrEnum):
    """The status of one document."""

    DONE = "done"  # its crawl was started; when waited for, ended well
    DEFERRED = "deferred"  # not due, busy, or no room now: for the next run
    FAILED = "failed"
    UNKNOWN = "unknown"
    DUE = "due"  # would be crawled; nothing was sent


class Target(Struct, frozen=True):
    """A document with a recrawl schedule."""

    address: Address
    remote_id: str  # empty: not in the account yet
    recrawl: Recrawl | None = None
    asked: bool = False  # crawl it whether its schedule says so or not
    if_crawled: bool = False  # no target at all when it turns out to have no crawl configuration
    crawl: tuple[tuple[str, Json], ...] = ()  # what the manifest says of the crawl
    created_at: str = ""  # when the document that is bound was made, as the server said; empty: not known


class Entry(Struct, frozen=True):
    """The result for one target: status, reason, next due time if known, and last crawl."""

    address: Address
    remote_id: str
    status: Status
    reason: str = ""
    next: datetime | None = None
    last: datetime | None = None
    exit_code: int = 0


class Crawled(Struct, frozen=True):
    """A document as far as its crawls go."""

    remote_id: str
    status: str
    crawls: bool  # it has a crawl configuration
    crawl: JsonObject
    created: datetime | None
    updated: datetime | None
    last: datetime | None
    count: int
    pages: int | None
    error: str

    @property
    def resting(self) -> bool:
        """Whether nothing is being done to it."""
        return self.status in _RESTING

    @property
    def running(self) -> bool:
        """Whether a crawl of it is under way, and so takes one of the account's slots."""
        return self.crawls and not self.resting

    @property
    def tried(self) -> datetime | None:
        """When a crawl of it last ended, well or not."""
        moments = [self.last, self.updated if self.status == "error" else None]
        return max((one for one in moments if one), default=None)

    def moved_from(self, before: Crawled) -> bool:
        """Whether a crawl of it was started, or has ended, since `before`."""
        failed_anew = self.status == "error" and self.updated != before.updated
        return failed_anew or (self.status, self.count, self.last) != (before.status, before.count, before.last)


def read(kind: ResourceKind, body: JsonObject) -> Crawled:
    """The document in a body of the API; ApiError when a moment in it cannot be understood."""
    crawl, urls, count = body.get("crawl_config"), body.get("crawled_urls"), body.get("crawl_count")
    return Crawled(
        remote_id=kind.id_of(body),
        status=str(body.get("status") or ""),
        crawls=bool(crawl),
        crawl=crawl if isinstance(crawl, dict) else {},
        created=moment_of(body.get("created_at")),
        updated=moment_of(body.get("updated_at")),
        last=moment_of(body.get("last_crawled_at")),
        count=count if isinstance(count, int) else 0,
        pages=len(urls) if isinstance(urls, list) else None,
        error=str(body.get("error_message") or ""),
    )


def override(target: Target, seen: Crawled) -> JsonObject | None:
    """The crawl to send along: the manifest's, where the document was made with another."""
    wanted = {**seen.crawl, **dict(target.crawl)}
    return {"crawl": wanted} if wanted != seen.crawl else None


def judge(target: Target, seen: Crawled, now: datetime) -> Entry | None:
    """The reason not to crawl a document now; empty if it is due."""
    if seen.created and is_younger(seen.created.isoformat(), target.created_at):
        reason = f"{target.remote_id} is another document now, created later than the bound one"
        return Entry(target.address, target.remote_id, Status.FAILED, reason, None, seen.last, ConflictError.exit_code)
    if not seen.crawls:
        reason = "it was created without `crawl:`, so there is nothing to crawl again"
        return Entry(target.address, target.remote_id, Status.FAILED, reason, None, seen.last, 5)
    if not seen.resting:
        return defer(target, f"busy: {seen.status or 'in no known state'}", seen.last, after(target, now))
    free = schedule.allowed(seen.tried) if seen.tried else now
    due = _due(target, seen)
    if due and now < due:
        return defer(target, "not due", seen.last, max(due, free))
    if now < free:
        return defer(target, "too soon after its last crawl", seen.last, free)
    return None


def after(target: Target, end: datetime) -> datetime:
    """When a document is due again if a crawl of it ends at `end`."""
    due = schedule.due(target.recrawl, end) if target.recrawl else end
    return max(due, schedule.allowed(end))


def why(target: Target, seen: Crawled) -> str:
    """What makes a document due."""
    if seen.status == "error":
        return f"its last crawl failed{f': {seen.error}' if seen.error else ''}"
    if target.asked or target.recrawl is None:
        return "asked for"
    return "due by its schedule"


def defer(target: Target, reason: str, last: datetime | None = None, until: datetime | None = None) -> Entry:
    """Leave a document to the next run."""
    return Entry(target.address, target.remote_id, Status.DEFERRED, reason, until, last)


def failed(target: Target, reason: str, last: datetime | None = None, exit_code: int = 5) -> Entry:
    """A document that cannot be crawled."""
    return Entry(target.address, target.remote_id, Status.FAILED, reason, None, last, exit_code)


def neglect(target: Target, seen: Crawled, now: datetime) -> Iterator[Diagnostic]:
    """Signs that a document is not being kept fresh."""
    since = seen.last or seen.created
    if target.recrawl and since and now >= schedule.overdue(target.recrawl, since):
        what = f"was last crawled at {stamp(since)}" if seen.last else "has never been crawled to an end"
        message = f"`{target.address}` {what}, and has been due for more than {schedule.MISSED} periods"
        yield _warning("TV601", message, target, "check that the job that runs `tavusctl recrawl` is active")
    if seen.running and seen.updated and now - seen.updated > _STUCK:
        message = f"`{target.address}` has been {seen.status} since {stamp(seen.updated)}"
        yield _warning("TV602", message, target, "ask Tavus support: a crawl normally takes minutes")


def shrunk(target: Target, before: Crawled, now: Crawled) -> Iterator[Diagnostic]:
    """A crawl that came back with less than half of the pages."""
    if before.pages and now.pages is not None and now.pages * 2 < before.pages:
        message = f"{target.address}: the crawl found {now.pages} of the {before.pages} pages it had before"
        hint = (
            "check the web site, and run `tavusctl recrawl` again "
            "when it is complete: personas already use the new crawl"
        )
        yield _warning(SHRUNK, message, target, hint)


def stamp(time: datetime) -> str:
    """A moment as the API writes it."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _due(target: Target, seen: Crawled) -> datetime | None:
    """When a document is due by its schedule; None for at once: it was asked for, or its last crawl failed."""
    since = seen.last or seen.created
    if target.asked or target.recrawl is None or seen.status == "error" or since is None:
        return None
    return schedule.due(target.recrawl, since)


def _warning(id: str, message: str, target: Target, hint: str) -> Diagnostic:  # noqa: A002 - as in Complaint
    return Diagnostic(id, message, None, hint, target.address, Severity.WARNING)


def moment_of(value: object) -> datetime | None:
    """A moment as the API writes it; None for nothing."""
    if not value:
        return None
    try:
        return moment(str(value))
    except ValueError:
        message = f"`{shortened(str(value), 60)}` is not a valid timestamp"
        raise ApiError(message) from None


def is_younger(created: str, known: str) -> bool:
    """Whether something was created later than what is remembered; no spelling of one moment is later than another."""
    try:
        now, then = moment_of(created), moment_of(known)
    except ApiError:
        return False
    if now is None or then is None:
        return False
    # Moments that are written in whole seconds, or thousandths of one, lack a part.
    return now - then >= _SECOND if not (now.microsecond and then.microsecond) else now - then > _THOUSANDTH
