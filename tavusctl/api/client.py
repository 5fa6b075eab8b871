"""`ReadClient`, which has no method that writes, and `Client`, which adds them.

A call ends in one of three ways: done, surely not done (NeverSent, Rejected), or unknown (Ambiguous).
"""

from __future__ import annotations

import builtins
import itertools
import json
import logging
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from operator import attrgetter
from typing import Self

import httpx
from msgspec.structs import replace

from tavusctl import __version__
from tavusctl.api import pagination
from tavusctl.api.listing_limits import LIMITS, Limits, Meter
from tavusctl.api.pagination import Page
from tavusctl.api.repeated_answers import ParsedResponses
from tavusctl.api.responses import date_of, parse_response
from tavusctl.api.retry import MAX_WAIT, RetryPolicy, read_attempts, write_attempts
from tavusctl.api.transport import Answer, Wire, addresses, note_proxies
from tavusctl.core.errors import Ambiguous, ApiError, Gone, Rejected, TavusctlError
from tavusctl.core.json_tree import share_parts
from tavusctl.core.ports import NO_DOCUMENTS, Clock, Fence, ResponseDigest
from tavusctl.core.resource_kind import Listing
from tavusctl.lib.clock import uptime
from tavusctl.lib.concurrency import run_all
from tavusctl.lib.json_types import Json, JsonObject
from tavusctl.lib.patterns import pattern
from tavusctl.secrets import redaction
from tavusctl.secrets.values import Secret

DEFAULT_URL = "https://tavusapi.com"
TOTAL_SECONDS = 30.0
PARALLEL = 10  # calls at a time
_SKEW = timedelta(minutes=5)  # a larger difference between the two clocks is logged
_LARGE_PAGE = 100  # the most objects that a request may ask for
_SMALL_PAGE = 10  # the documented default, which every server accepts
_REFUSED_QUERY = frozenset({httpx.codes.BAD_REQUEST, httpx.codes.UNPROCESSABLE_ENTITY})
# No segment may be empty or consist of dots: an id from a server or a person must not lead to another path.
_PATH = pattern(r"(/(?!\.+(/|$))[A-Za-z0-9._~-]+)+")
_DIGEST: Callable[[Answer], str] = attrgetter("digest")
_log = logging.getLogger("tavusctl.http")


class ReadClient:
    """Read the API; the class has no method that writes."""

    takes_digests = True  # for `response_digests`; a caller that does not need them saves the time

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        parallel: int = PARALLEL,
        rate: float = math.inf,
        clock: Clock | None = None,
        seconds: float = TOTAL_SECONDS,
        max_wait: float = MAX_WAIT,
        resolve: Callable[[str, int], Sequence[str]] = addresses,
        limits: Limits = LIMITS,
    ) -> None:
        redaction.register(api_key)
        note_proxies()
        self._base = base_url.rstrip("/")
        # The `Date` of the server's last response, and the value of our monotonic clock when it came.
        self._server_date: tuple[datetime, float] | None = None
        self._answers = 0
        self._answered: dict[tuple[str, tuple[tuple[str, str], ...]], set[str]] = {}  # digests by path and query
        self._counter = itertools.count(1)  # safe to use from several threads
        self._retry = RetryPolicy(clock or time, max_wait, rate)
        self._parallel = parallel
        self._limits = limits
        # Limits the calls that all threads together have under way.
        self._turns = threading.BoundedSemaphore(parallel)
        self._headers = {
            "x-api-key": api_key,
            "User-Agent": f"tavusctl/{__version__}",
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
        }
        self._wire = partial(Wire, self._base, connections=parallel, seconds=seconds, resolve=resolve)
        self._connect()

    def _connect(self) -> None:
        self._reads = self._wire(keepalive=self._parallel)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._reads.close()

    @property
    def response_count(self) -> int:
        """The number of requests that were answered so far."""
        return self._answers

    @property
    def response_digests(self) -> tuple[ResponseDigest, ...]:
        """The digest of the response to every GET so far; empty where two responses differed, or if none are taken."""
        entries = ((path, dict(query), digests) for (path, query), digests in self._answered.items())
        return tuple(
            ResponseDigest(path, query, min(group) if len(group) == 1 else "") for path, query, group in entries
        )

    def responses_are_unchanged(self, digests: Sequence[ResponseDigest]) -> bool:
        """Whether every GET of `digests`, sent again, returns the same digest; False also if a request fails."""
        remaining = iter(digests)
        try:
            while batch := tuple(itertools.islice(remaining, self._parallel)):
                if not all(run_all([partial(self._repeats, request) for request in batch])):
                    return False
        except TavusctlError:
            return False
        return True

    def _repeats(self, request: ResponseDigest) -> bool:
        call = partial(self._call, self._reads, "GET", request.path, query=request.query, parsed=_DIGEST)
        return self._retry.repeat(call, read_attempts) == request.digest

    def server_time(self) -> datetime:
        """The time by the server's clock, computed from its last response; the local time before the first one."""
        last = self._server_date
        return last[0] + timedelta(seconds=uptime() - last[1]) if last else datetime.now(UTC)

    @property
    def skew(self) -> timedelta | None:
        """How far the local clock is ahead of the server's; None if no response had a `Date` header."""
        return datetime.now(UTC) - self.server_time() if self._server_date else None

    def get(self, path: str, query: Mapping[str, str] | None = None) -> JsonObject:
        """Return one object; raise Gone if it does not exist."""
        return self._get(path, query)

    def _get(
        self,
        path: str,
        query: Mapping[str, str] | None,
        parsed: Callable[[Answer], Json] = parse_response,
        digest_of: Callable[[Answer], str] = _DIGEST,
    ) -> JsonObject:
        last_digest: list[str] = []

        def parse_noted(answer: Answer) -> Json:
            last_digest[:] = [digest_of(answer) if self.takes_digests else ""]
            return parsed(answer)

        call = partial(self._call, self._reads, "GET", path, query=query, parsed=parse_noted)
        try:
            answer = self._retry.repeat(call, read_attempts)
        finally:
            self._answered.setdefault((path, tuple((query or {}).items())), set()).update(last_digest or [""])
        if not isinstance(answer, dict):
            message = f"GET {path} returned {type(answer).__name__}, expected an object"
            raise ApiError(message)
        return answer

    def _list(
        self,
        path: str,
        listing: Listing,
        id_fields: tuple[str, ...],
        answered: builtins.list[int],
        known: Mapping[str, JsonObject],
    ) -> list[JsonObject]:
        """Every object of a collection, as `list` returns them; the numbers of answered pages go to `answered`."""
        meter = Meter(path, self._retry.clock, self._limits)
        responses = ParsedResponses(meter, partial(_share_parts, listing.items, id_fields, known))

        def read(form: Listing, size: int) -> tuple[Mapping[str, JsonObject], int]:
            responses.start()
            with self._pages(path, size, form, responses, answered) as pages:
                return pagination.collect(pages, size, path, form, id_fields, meter), pages.requested_pages

        # A server that refuses the larger page accepts the documented default, and older names of parameters.
        forms = [listing, replace(listing, newer_owner_query={})] if listing.newer_owner_query else [listing]
        *attempts, last = [(form, size) for form in forms for size in (_LARGE_PAGE, _SMALL_PAGE)]
        for form, size in attempts:
            try:
                return pagination.read_until_stable(partial(read, form, size), path)
            except Rejected as error:
                if error.status not in _REFUSED_QUERY:
                    raise
        return pagination.read_until_stable(partial(read, *last), path)

    def list(
        self, path: str, listing: Listing, id_fields: tuple[str, ...], known: Mapping[str, JsonObject] = NO_DOCUMENTS
    ) -> list[JsonObject]:
        """Every object of a collection, each once, in the order of the pages; ApiError if the list is incomplete.

        Gone if the API has no such collection, which a second read confirms: an older API lacks some.  A collection of
        which any page was answered exists: then a page that is not found makes the list incomplete.
        """
        answered: builtins.list[int] = []
        try:
            return self._list(path, listing, id_fields, answered, known)
        except Gone:
            try:
                return self._list(path, listing, id_fields, answered, known)
            except Gone as error:
                if not answered:
                    raise
                message = f"the listing of {path} is incomplete: a page was answered with {error.status} ({error.text})"
                raise ApiError(message, "run again: an incomplete listing is not used") from None

    def _pages(
        self, path: str, size: int, listing: Listing, responses: ParsedResponses, answered: builtins.list[int]
    ) -> pagination.Prefetcher:
        def page(number: int) -> Page:
            query = {**listing.full_query, "limit": str(size), "page": str(number)}
            answer = self._get(path, query, responses.parse, responses.digest_of)
            items = answer.get(listing.items)
            if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
                message = f"GET {path} returned no list of objects in `{listing.items}`"
                raise ApiError(message)
            answered.append(number)
            return Page(items, pagination.count_in(answer.get(listing.total)))

        return pagination.Prefetcher(page, self._parallel, responses.meter)

    def _call(
        self,
        wire: Wire,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json = None,
        passes: Callable[[], bool] = lambda: True,
        parsed: Callable[[Answer], Json] = parse_response,
        conditions: Mapping[str, str] | None = None,
    ) -> Json:
        if not _PATH.fullmatch(path):
            message = f"`{path}` is not a path of the API: an id has letters, digits, `-` and `_`"
            raise ApiError(message, "check the id")
        content = None if body is None else _encoded(body)
        headers = {**self._headers, **({"Content-Type": "application/json"} if content is not None else {})}
        headers |= conditions or {}
        with self._turns:
            started = time.monotonic()
            answer = wire.call(method, path, headers=headers, query=dict(query or {}), content=content, passes=passes)
        self._note(answer, time.monotonic() - started)
        return parsed(answer)

    def _note(self, answer: Answer, seconds: float) -> None:
        date = date_of(answer)
        if date:
            skew = datetime.now(UTC) - date
            if self._server_date is None and abs(skew) > _SKEW:
                _log.info("local clock is off by %s; using server time", skew)
            self._server_date = date, uptime()
        self._answers = next(self._counter)
        size = len(answer.payload)
        _log.debug("%s -> %s, %d bytes, %.0f ms", answer.request, answer.status, size, seconds * 1000)


class Client(ReadClient):
    """Read and write the API."""

    def _connect(self) -> None:
        super()._connect()
        # A server may close a kept connection at the moment when a write is sent, and nobody could know whether the
        # write arrived: every write gets a connection of its own.
        self._writes = self._wire(keepalive=0)

    def close(self) -> None:
        """Close all connections."""
        super().close()
        self._writes.close()

    def post(
        self,
        path: str,
        body: Json = None,
        *,
        fence: Fence,
        before_retry: Callable[[], None] = lambda: None,
        query: Mapping[str, str] | None = None,
    ) -> JsonObject:
        """Send a POST; return the object of the response, empty if it has none.

        `before_retry` is called before the request is sent again after a 429.
        """
        answer = self._write("POST", path, body, fence, before_retry=before_retry, query=query)
        if answer is not None and not isinstance(answer, dict):
            message = f"POST {path} returned {type(answer).__name__}, expected an object"
            raise Ambiguous(message, accepted=True)
        return answer or {}

    def patch(
        self, path: str, body: Json, *, fence: Fence, query: Mapping[str, str] | None = None, version: str = ""
    ) -> JsonObject:
        """Send a PATCH; return the object of the response, empty if it has none.

        The response is not guaranteed to show the object as it is after the change.  With an ETag as `version`, the
        server refuses the change (412) if the object has another ETag by now.
        """
        conditions = {"If-Match": version} if version else None
        answer = self._write("PATCH", path, body, fence, query=query, conditions=conditions)
        return answer if isinstance(answer, dict) else {}

    def version(self, path: str) -> str:
        """The current ETag of an object; empty if the API returns none for it."""
        tags = [""]

        def parsed(answer: Answer) -> Json:
            tags.append(answer.headers.get("ETag", ""))
            return parse_response(answer)

        self._get(path, None, parsed)
        return tags[-1]

    def put(self, path: str, body: Json, *, fence: Fence, query: Mapping[str, str] | None = None) -> None:
        """Send a PUT; the response is ignored, because it is not guaranteed to show the object."""
        self._write("PUT", path, body, fence, query=query)

    def delete(self, path: str, *, fence: Fence, query: Mapping[str, str] | None = None) -> None:
        """Delete an object; raise Gone if it does not exist, Ambiguous if the response is not one of the API."""
        self._write("DELETE", path, None, fence, query=query)

    def _write(
        self,
        method: str,
        path: str,
        body: Json,
        fence: Fence,
        *,
        before_retry: Callable[[], None] = lambda: None,
        query: Mapping[str, str] | None = None,
        conditions: Mapping[str, str] | None = None,
    ) -> Json:
        def attempt() -> Json:
            # Outside of the semaphore `_turns`: a fence may send reads of its own, which need it.
            fence.renew()
            return self._call(
                self._writes, method, path, query=query, body=body, passes=fence.passes, conditions=conditions
            )

        return self._retry.repeat(attempt, write_attempts, before_retry)


def _share_parts(items: str, id_fields: tuple[str, ...], known: Mapping[str, JsonObject], page: Json) -> None:
    """Share parts of the objects of a page with the documents of the same ids."""
    listed = page.get(items) if known and isinstance(page, dict) else None
    for item in listed if isinstance(listed, list) else ():
        if isinstance(item, dict):
            ids = (one for name in id_fields if isinstance(one := item.get(name), str))
            share_parts(item, known.get(next(ids, "")))


def _encoded(body: Json) -> bytes:
    """A body as JSON bytes, with the values of its secrets; TypeError for any other object that is not JSON."""

    def reveal(leaf: object) -> str:
        if isinstance(leaf, Secret):
            return leaf.reveal()
        message = f"{type(leaf).__name__} cannot be sent"
        raise TypeError(message)

    return json.dumps(body, default=reveal, ensure_ascii=False).encode()
