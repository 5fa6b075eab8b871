"""Crawl status of documents, and whether each is due.  Pure.

The Tavus API accepts a recrawl of a document that is `ready` or `error`, an hour after the last one.
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

_RESTING: Final = frozenset({"ready", "error"})  # states in which a recrawl is accepted
SHRUNK: Final = "TV603"  # a crawl found less than half of the pages of the one before
AT_ONCE: Final = 5  # how many crawls an account may have under way
_STUCK: Final = timedelta(hours=2)
_SECOND, _THOUSANDTH = timedelta(seconds=1), timedelta(milliseconds=1)
_GOOD: Final = 5.0  # seconds for which a read of a document is fresh


class StaleLook(Exception):
    """The last read of a document is too old for a decision."""


class Look(Struct):
    """The fence of a crawl request: it passes as long as the read that the request relies on is fresh."""

    until: float = field(default_factory=lambda: uptime() + _GOOD)

    def renew(self) -> None:
        """Raise StaleLook if the read is too old after a pause: the document must be read again first."""
        if not self.passes():
            raise StaleLook

    def passes(self) -> bool:
        """Whether the read is still fresh."""
        return uptime() < self.until


class Status(StrEnum):
    """The status of one document."""

    DONE = "done"  # its crawl was started; when waited for, ended well
    DEFERRED = "deferred"  # not due, busy, or no room now: for the next run
    FAILED = "failed"
    UNKNOWN = "unknown"
    DUE = "due"  # would be crawled; nothing was sent


class Target(Struct, frozen=True):
    """A document to crawl, with its recrawl schedule, if it has one."""

    address: Address
    remote_id: str  # empty: not in the account yet
    recrawl: Recrawl | None = None
    asked: bool = False  # crawl it regardless of its schedule
    if_crawled: bool = False  # ignore the target if the document has no crawl configuration
    crawl: tuple[tuple[str, Json], ...] = ()  # crawl settings of the manifest
    created_at: str = ""  # when the bound document was created, as the server reported it; empty: not known


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
    """The crawl status of a document."""

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
        """Whether the server is not working on the document."""
        return self.status in _RESTING

    @property
    def running(self) -> bool:
        """Whether a crawl of it is under way, and so takes one of the account's slots."""
        return self.crawls and not self.resting

    @property
    def tried(self) -> datetime | None:
        """When a crawl of it last ended, successfully or not."""
        moments = [self.last, self.updated if self.status == "error" else None]
        return max((time for time in moments if time), default=None)

    def moved_from(self, before: Crawled) -> bool:
        """Whether a crawl of it was started, or has ended, since `before`."""
        failed_again = self.status == "error" and self.updated != before.updated
        return failed_again or (self.status, self.count, self.last) != (before.status, before.count, before.last)


def read(kind: ResourceKind, body: JsonObject) -> Crawled:
    """The crawl status in a body of the API; ApiError if a timestamp in it is not valid."""
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
    """The body of a recrawl request: the crawl settings of the manifest if the document has others, else None."""
    settings = {**seen.crawl, **dict(target.crawl)}
    return {"crawl": settings} if settings != seen.crawl else None


def judge(target: Target, seen: Crawled, now: datetime) -> Entry | None:
    """The result of a document that cannot be crawled now, with the reason; None if it is due."""
    if seen.created and is_younger(seen.created.isoformat(), target.created_at):
        reason = f"{target.remote_id} is another document now, created later than the bound one"
        return Entry(target.address, target.remote_id, Status.FAILED, reason, None, seen.last, ConflictError.exit_code)
    if not seen.crawls:
        reason = "it was created without `crawl:`, so there is nothing to crawl again"
        return Entry(target.address, target.remote_id, Status.FAILED, reason, None, seen.last, 5)
    if not seen.resting:
        return defer(target, f"busy: {seen.status or 'in no known state'}", seen.last, after(target, now))
    allowed = schedule.allowed(seen.tried) if seen.tried else now
    due = _due(target, seen)
    if due and now < due:
        return defer(target, "not due", seen.last, max(due, allowed))
    if now < allowed:
        return defer(target, "too soon after its last crawl", seen.last, allowed)
    return None


def after(target: Target, end: datetime) -> datetime:
    """When a document is due again if a crawl of it ends at `end`."""
    due = schedule.due(target.recrawl, end) if target.recrawl else end
    return max(due, schedule.allowed(end))


def why(target: Target, seen: Crawled) -> str:
    """Why a document is due."""
    if seen.status == "error":
        return f"its last crawl failed{f': {seen.error}' if seen.error else ''}"
    if target.asked or target.recrawl is None:
        return "asked for"
    return "due by its schedule"


def defer(target: Target, reason: str, last: datetime | None = None, until: datetime | None = None) -> Entry:
    """The result of a document that is left to the next run."""
    return Entry(target.address, target.remote_id, Status.DEFERRED, reason, until, last)


def failed(target: Target, reason: str, last: datetime | None = None, exit_code: int = 5) -> Entry:
    """The result of a document that cannot be crawled."""
    return Entry(target.address, target.remote_id, Status.FAILED, reason, None, last, exit_code)


def neglect(target: Target, seen: Crawled, now: datetime) -> Iterator[Diagnostic]:
    """Warnings that a document is not being kept up to date."""
    since = seen.last or seen.created
    if target.recrawl and since and now >= schedule.overdue(target.recrawl, since):
        history = f"was last crawled at {stamp(since)}" if seen.last else "has never been crawled to an end"
        message = f"`{target.address}` {history}, and has been due for more than {schedule.MISSED} periods"
        yield _warning("TV601", message, target, "check that the job that runs `tavusctl recrawl` is active")
    if seen.running and seen.updated and now - seen.updated > _STUCK:
        message = f"`{target.address}` has been {seen.status} since {stamp(seen.updated)}"
        yield _warning("TV602", message, target, "ask Tavus support: a crawl normally takes minutes")


def shrunk(target: Target, before: Crawled, now: Crawled) -> Iterator[Diagnostic]:
    """A warning if a crawl found less than half of the pages of the one before."""
    if before.pages and now.pages is not None and now.pages * 2 < before.pages:
        message = f"{target.address}: the crawl found {now.pages} of the {before.pages} pages it had before"
        hint = (
            "check the web site, and run `tavusctl recrawl` again "
            "when it is complete: personas already use the new crawl"
        )
        yield _warning(SHRUNK, message, target, hint)


def stamp(time: datetime) -> str:
    """A moment as the API writes it, in UTC and whole seconds."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _due(target: Target, seen: Crawled) -> datetime | None:
    """When a document is due by its schedule; None: at once, as it was asked for, or its last crawl failed."""
    since = seen.last or seen.created
    if target.asked or target.recrawl is None or seen.status == "error" or since is None:
        return None
    return schedule.due(target.recrawl, since)


def _warning(id: str, message: str, target: Target, hint: str) -> Diagnostic:  # noqa: A002 - as in Diagnostic
    return Diagnostic(id, message, None, hint, target.address, Severity.WARNING)


def moment_of(value: object) -> datetime | None:
    """A timestamp of the API; None for an empty value.  ApiError if it is not valid."""
    if not value:
        return None
    try:
        return moment(str(value))
    except ValueError:
        message = f"`{shortened(str(value), 60)}` is not a valid timestamp"
        raise ApiError(message) from None


def is_younger(created: str, known: str) -> bool:
    """Whether `created` is later than `known`; false for one moment in two precisions, or for invalid timestamps."""
    try:
        now, then = moment_of(created), moment_of(known)
    except ApiError:
        return False
    if now is None or then is None:
        return False
    # Timestamps in whole seconds, or in milliseconds, lack a part: a smaller difference means nothing.
    return now - then >= _SECOND if not (now.microsecond and then.microsecond) else now - then > _THOUSANDTH
