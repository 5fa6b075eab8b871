"""Crawl status of documents, and whether each is due.  Pure.

The Tavus API accepts a recrawl of a document that is `ready` or `error`, an hour after the last one.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from msgspec import Struct, field

from tavusctl.core.address import Address
from tavusctl.core.diagnostics import Diagnostic, warning
from tavusctl.core.errors import ApiError, ConflictError
from tavusctl.core.messages import moment
from tavusctl.core.model import Recrawl
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.core.timestamps import is_younger, parse_timestamp
from tavusctl.crawl import schedule
from tavusctl.lib.clock import uptime
from tavusctl.lib.json_types import Json, JsonObject
from tavusctl.secrets.redaction import shortened

_RESTING: Final = frozenset({"ready", "error"})  # states in which a recrawl is accepted
SHRUNK: Final = "TV603"  # a crawl found less than half of the pages of the one before
AT_ONCE: Final = 5  # how many crawls an account may have under way
_STUCK: Final = timedelta(hours=2)
_IMPOSSIBLE: Final = timedelta(days=1)  # by which a time may be ahead of the clock; one without its zone is by hours
_TIMES: Final = ("created_at", "updated_at", "last_crawled_at")
_GOOD: Final = 5.0  # seconds for which a read of a document is fresh


class StaleRead(Exception):
    """The last read of a document is too old for a decision."""


class ReadFence(Struct):
    """The fence of a crawl request: it passes as long as the read that the request relies on is fresh."""

    expires: float = field(default_factory=lambda: uptime() + _GOOD)

    def renew(self) -> None:
        """Raise StaleRead if the read is too old after a pause: the document must be read again first."""
        if not self.passes():
            raise StaleRead

    def passes(self) -> bool:
        """Whether the read is still fresh."""
        return uptime() < self.expires


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
    on_request: bool = False  # crawl it regardless of its schedule
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


class CrawlState(Struct, frozen=True):
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
    has_failed: bool  # its status does not change by itself: its last crawl failed, or it is disabled
    unreadable: str = ""  # the first of its times that is not valid, as `KEY: TEXT`

    @property
    def accepts_recrawl(self) -> bool:
        """Whether the API accepts a recrawl in this status."""
        return self.status in _RESTING

    @property
    def is_disabled(self) -> bool:
        """Whether no recrawl is accepted until somebody changes the document."""
        return self.has_failed and not self.accepts_recrawl

    @property
    def is_idle(self) -> bool:
        """Whether the server is not working on the document."""
        return self.accepts_recrawl or self.has_failed

    @property
    def is_crawling(self) -> bool:
        """Whether a crawl of it is under way, and so takes one of the account's slots."""
        return self.crawls and not self.is_idle

    @property
    def last_attempt(self) -> datetime | None:
        """When a crawl of it last ended, successfully or not."""
        moments = [self.last, self.updated if self.status == "error" else None]
        return max((time for time in moments if time), default=None)

    def has_changed_since(self, before: CrawlState) -> bool:
        """Whether a crawl of it was started, or has ended, since `before`."""
        failed_again = self.status == "error" and self.updated != before.updated
        return failed_again or (self.status, self.count, self.last) != (before.status, before.count, before.last)


def read(kind: ResourceKind, body: JsonObject) -> CrawlState:
    """The crawl status in a body of the API."""
    created, updated, last = times = [parse_timestamp(body.get(key)) for key in _TIMES]
    unreadable = [key for key, moment in zip(_TIMES, times, strict=True) if body.get(key) and moment is None]
    crawl, urls, count = body.get("crawl_config"), body.get("crawled_urls"), body.get("crawl_count")
    status = str(body.get("status") or "")
    return CrawlState(
        remote_id=kind.id_of(body),
        status=status,
        crawls=bool(crawl),
        crawl=crawl if isinstance(crawl, dict) else {},
        created=created,
        updated=updated,
        last=last,
        count=count if isinstance(count, int) else 0,
        pages=len(urls) if isinstance(urls, list) else None,
        error=str(body.get("error_message") or ""),
        has_failed=status in kind.failed_statuses,
        unreadable=next((f"{key}: {shortened(str(body[key]), 60)}" for key in unreadable), ""),
    )


def recrawl_body(target: Target, document: CrawlState) -> JsonObject | None:
    """The body of a recrawl request: the crawl settings of the manifest if the document has others, else None."""
    settings = {**document.crawl, **dict(target.crawl)}
    return {"crawl": settings} if settings != document.crawl else None


def entry_unless_due(target: Target, document: CrawlState, now: datetime) -> Entry | None:
    """The result of a document that cannot be crawled now, with the reason; None if it is due."""
    if document.created and is_younger(document.created.isoformat(), target.created_at):
        reason = f"{target.remote_id} is another document now, created later than the bound one"
        return failed_entry(target, reason, document.last, ConflictError.exit_code)
    if fault := _fault_of_times(document, now):
        reason = f"when it is due is not known: {fault}"
        return failed_entry(target, reason, document.last, ApiError.exit_code)
    if not document.crawls:
        reason = "it was created without `crawl:`, so there is nothing to crawl again"
        return failed_entry(target, reason, document.last)
    if document.is_disabled:
        return failed_entry(target, f"{document.status}, needs a change to become usable", document.last)
    if not document.is_idle:
        return deferred_entry(
            target, f"busy: {document.status or 'in no known state'}", document.last, next_due(target, now)
        )
    allowed = schedule.allowed_from(document.last_attempt) if document.last_attempt else now
    due = _due(target, document)
    if due and now < due:
        return deferred_entry(target, "not due", document.last, max(due, allowed))
    if now < allowed:
        return deferred_entry(target, "too soon after its last crawl", document.last, allowed)
    return None


def _fault_of_times(document: CrawlState, now: datetime) -> str:
    """Why the times of a document do not show when it is due; empty if they do."""
    if document.unreadable:
        return f"`{document.unreadable}` is not a valid time"
    crawled = document.last_attempt or document.created or now
    if crawled - now > _IMPOSSIBLE:
        return f"it was crawled at {moment(crawled)}, and the clock of the API shows {moment(now)}"
    return ""


def next_due(target: Target, end: datetime) -> datetime:
    """When a document is due again if a crawl of it ends at `end`."""
    due = schedule.due_from(target.recrawl, end) if target.recrawl else end
    return max(due, schedule.allowed_from(end))


def due_reason(target: Target, document: CrawlState) -> str:
    """Why a document is due."""
    if document.status == "error":
        return f"its last crawl failed{f': {document.error}' if document.error else ''}"
    if target.on_request or target.recrawl is None:
        return "requested"
    return "due by its schedule"


def deferred_entry(target: Target, reason: str, last: datetime | None = None, until: datetime | None = None) -> Entry:
    """The result of a document that is left to the next run."""
    return Entry(target.address, target.remote_id, Status.DEFERRED, reason, until, last)


def failed_entry(target: Target, reason: str, last: datetime | None = None, exit_code: int = 5) -> Entry:
    """The result of a document that cannot be crawled."""
    return Entry(target.address, target.remote_id, Status.FAILED, reason, None, last, exit_code)


def neglect_warnings(target: Target, document: CrawlState, now: datetime) -> Iterator[Diagnostic]:
    """Warnings that a document is not being kept up to date."""
    since = document.last or document.created
    can_be_due = document.crawls and not document.is_disabled and not document.unreadable
    schedule_to_keep = target.recrawl if can_be_due else None
    if schedule_to_keep and since and now >= schedule.overdue_from(schedule_to_keep, since):
        history = f"was last crawled at {moment(since)}" if document.last else "has never been crawled completely"
        message = f"`{target.address}` {history}, and has been due for more than {schedule.MISSED} periods"
        yield warning("TV601", message, "check that the job that runs `tavusctl recrawl` is active", target.address)
    if document.is_crawling and document.updated and now - document.updated > _STUCK:
        message = f"`{target.address}` has been {document.status} since {moment(document.updated)}"
        yield warning("TV602", message, "ask Tavus support: a crawl normally takes minutes", target.address)


def shrink_warnings(target: Target, before: CrawlState, now: CrawlState) -> Iterator[Diagnostic]:
    """A warning if a crawl found less than half of the pages of the one before."""
    if before.pages and now.pages is not None and now.pages * 2 < before.pages:
        message = f"{target.address}: the crawl found {now.pages} of the {before.pages} pages it had before"
        hint = (
            "check the web site, and run `tavusctl recrawl` again "
            "when it is complete: personas already use the new crawl"
        )
        yield warning(SHRUNK, message, hint, target.address)


def _due(target: Target, document: CrawlState) -> datetime | None:
    """When a document is due by its schedule; None: at once, as it was asked for, or its last crawl failed."""
    since = document.last or document.created
    if target.on_request or target.recrawl is None or document.status == "error" or since is None:
        return None
    return schedule.due_from(target.recrawl, since)
