"""`ReadClient`, which has no way to write, and `Client`, which adds it.

A call ends in one of three ways: done, surely not done (NeverSent, Rejected), or unknown (Ambiguous).
"""

from __future__ import annotations

import itertools
import json
import logging
import math
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Self, TypedDict, Unpack

import httpx

from tavusctl import __version__
from tavusctl.api import pagination
from tavusctl.api.listing_limits import LIMITS, Limits, Meter
from tavusctl.api.pagination import Page
from tavusctl.api.repeated_answers import Repeats
from tavusctl.api.responses import date_of, parse_response
from tavusctl.api.retry import MAX_WAIT, RetryPolicy, read_attempts, write_attempts
from tavusctl.api.transport import Answer, Wire, addresses, note_proxies
from tavusctl.core.errors import Ambiguous, ApiError, Rejected, TavusctlError
from tavusctl.core.ports import Answered, Clock, Fence
from tavusctl.core.resource_kind import Listing
from tavusctl.lib.clock import SystemClock, uptime
from tavusctl.lib.concurrency import run_all
from tavusctl.lib.json_types import Json, JsonObject
from tavusctl.secrets import redaction
from tavusctl.secrets.values import Secret

DEFAULT_URL = "https://tavusapi.com"
TOTAL_SECONDS = 30.0
PARALLEL = 10  # calls at a time
_SKEW = timedelta(minutes=5)  # between the clocks, from which on it is worth a word
_SMALL_PAGE = 10  # the documented default, which every server takes
# No segment is empty or only dots: an id is one segment, whatever a server or a person says that it is.
_PATH = re.compile(r"(/(?!\.+(/|$))[A-Za-z0-9._~-]+)+")
_log = logging.getLogger("tavusctl.http")


class ReadClient:
    """Reads the API; writing is not among its methods."""

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
        redaction.remember(api_key)
        note_proxies()
        self._base = base_url.rstrip("/")
        # When the server last told the time, by its clock and by one of ours that nobody sets.
        self._told: tuple[datetime, float] | None = None
        self._answers = 0
        self._answered: dict[tuple[str, tuple[tuple[str, str], ...]], set[str]] = {}  # digests by path and query
        self._counter = itertools.count(1)  # for several threads at once
        self._patience = RetryPolicy(clock or SystemClock(), max_wait, rate)
        self._parallel = parallel
        self._limits = limits
        # All that is under way at a time, whoever asks for it.
        self._turns = threading.BoundedSemaphore(parallel)
        self._headers = {
            "x-api-key": api_key,
            "User-Agent": f"tavusctl/{__version__}",
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
        }
        self._wire = partial(Wire, self._base, connections=parallel, seconds=seconds, resolve=resolve)
        self._reads = self._wire(kept=parallel)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._reads.close()

    @property
    def answers(self) -> int:
        """How many requests were answered so far."""
        return self._answers

    @property
    def answered(self) -> tuple[Answered, ...]:
        """What was answered to every GET so far; a digest is empty where it is not the same each time."""
        found = ((path, dict(query), digests) for (path, query), digests in self._answered.items())
        return tuple(Answered(path, query, min(digests) if len(digests) == 1 else "") for path, query, digests in found)

    def repeats(self, answered: Sequence[Answered]) -> bool:
        """Whether the API answers all of it alike again; False also where that cannot be told."""
        some = iter(answered)
        try:
            while batch := tuple(itertools.islice(some, self._parallel)):
                if not all(run_all([partial(self._repeats, one) for one in batch])):
                    return False
        except TavusctlError:
            return False
        return True

    def _repeats(self, one: Answered) -> bool:
        call = partial(self._call, self._reads, "GET", one.path, query=one.query, parsed=lambda answer: answer.digest)
        return self._patience.repeat(call, read_attempts) == one.digest

    def server_time(self) -> datetime:
        """The server's clock as of its last answer, else the local one."""
        told = self._told
        return told[0] + timedelta(seconds=uptime() - told[1]) if told else datetime.now(UTC)

    @property
    def skew(self) -> timedelta | None:
        """How far the local clock is ahead of the server's; None when the server has not told the time."""
        return datetime.now(UTC) - self.server_time() if self._told else None

    def get(self, path: str, query: Mapping[str, str] | None = None) -> JsonObject:
        """Return one object; raise Gone if it does not exist."""
        return self._get(path, query)

    def _get(
        self, path: str, query: Mapping[str, str] | None, parsed: Callable[[Answer], Json] = parse_response
    ) -> JsonObject:
        last: list[str] = []

        def noted(answer: Answer) -> Json:
            last[:] = [answer.digest]
            return parsed(answer)

        call = partial(self._call, self._reads, "GET", path, query=query, parsed=noted)
        try:
            answer = self._patience.repeat(call, read_attempts)
        finally:
            self._answered.setdefault((path, tuple((query or {}).items())), set()).update(last or [""])
        if not isinstance(answer, dict):
            message = f"GET {path} returned {type(answer).__name__}, expected an object"
            raise ApiError(message)
        return answer

    def list(self, path: str, listing: Listing, id_fields: tuple[str, ...]) -> list[JsonObject]:
        """Every object of a collection, each once, in the order of the pages; ApiError when some cannot be seen."""
        meter, repeats = Meter(path, self._patience.clock, self._limits), Repeats()

        def parsed(answer: Answer) -> Json:
            meter.take(answer.payload)
            return repeats.parsed(answer)

        def read(size: int) -> tuple[Mapping[str, JsonObject], int]:
            meter.start()
            repeats.start()
            with self._pages(path, size, listing, meter, parsed) as pages:
                return pagination.collect(pages, path, listing, id_fields, meter), pages.asked

        try:
            return pagination.agreed(partial(read, listing.largest_page), path)
        except Rejected as error:
            if error.status != httpx.codes.BAD_REQUEST:
                raise
        # A server that takes no larger page takes the documented default.
        return pagination.agreed(partial(read, _SMALL_PAGE), path)

    def _pages(
        self, path: str, size: int, listing: Listing, meter: Meter, parsed: Callable[[Answer], Json]
    ) -> pagination.Prefetcher:
        def page(number: int) -> Page:
            return self._page(path, number, size, listing, parsed)

        return pagination.Prefetcher(page, self._parallel, meter)

    def _page(self, path: str, number: int, size: int, listing: Listing, parsed: Callable[[Answer], Json]) -> Page:
        query = {**listing.query, **listing.own, "limit": str(size), "page": str(number)}
        page = self._get(path, query, parsed)
        items = page.get(listing.items)
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            message = f"GET {path} returned no list of objects in `{listing.items}`"
            raise ApiError(message)
        total = page.get(listing.total)
        return Page(items, total if isinstance(total, int) else None)

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
            if self._told is None and abs(skew) > _SKEW:
                _log.info("local clock is off by %s; using server time", skew)
            self._told = date, uptime()
        self._answers = next(self._counter)
        size = len(answer.payload)
        _log.debug("%s -> %s, %d bytes, %.0f ms", answer.request, answer.status, size, seconds * 1000)


class Options(TypedDict, total=False):
    """What a client may be given beside the address and the key; `ReadClient` says what each is of itself."""

    parallel: int
    rate: float
    clock: Clock | None
    seconds: float
    max_wait: float
    resolve: Callable[[str, int], Sequence[str]]
    limits: Limits


class Client(ReadClient):
    """Reads and writes the API."""

    def __init__(self, base_url: str, api_key: str, **options: Unpack[Options]) -> None:
        super().__init__(base_url, api_key, **options)
        # A kept connection may be closed by the server just as a write is sent, and nobody could tell whether it
        # arrived: every write gets a connection of its own.
        self._writes = self._wire(kept=0)

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
        refused: Callable[[], None] = lambda: None,
        query: Mapping[str, str] | None = None,
    ) -> JsonObject:
        """Send a POST; return the object of the response, empty if it has none.

        `refused` is called before it is sent again after a 429.
        """
        answer = self._write("POST", path, body, fence, refused=refused, query=query)
        if answer is not None and not isinstance(answer, dict):
            message = f"POST {path} returned {type(answer).__name__}, expected an object"
            raise Ambiguous(message, accepted=True)
        return answer or {}

    def patch(
        self, path: str, body: Json, *, fence: Fence, query: Mapping[str, str] | None = None, version: str = ""
    ) -> JsonObject:
        """Change; the answer's object, empty when there is none: what it shows of the object is no promise.

        With the ETag of a version, the server refuses it when the object has another one by now.
        """
        conditions = {"If-Match": version} if version else None
        answer = self._write("PATCH", path, body, fence, query=query, conditions=conditions)
        return answer if isinstance(answer, dict) else {}

    def version(self, path: str, query: Mapping[str, str] | None = None) -> str:
        """The ETag of an object as it is now; empty when its reads have none."""
        tags = [""]

        def parsed(answer: Answer) -> Json:
            tags.append(answer.headers.get("ETag", ""))
            return parse_response(answer)

        self._get(path, query, parsed)
        return tags[-1]

    def put(self, path: str, body: Json, *, fence: Fence, query: Mapping[str, str] | None = None) -> None:
        """Put something where it belongs; what the answer shows of it is no promise."""
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
        refused: Callable[[], None] = lambda: None,
        query: Mapping[str, str] | None = None,
        conditions: Mapping[str, str] | None = None,
    ) -> Json:
        def attempt() -> Json:
            # Here no turn is taken yet: a fence may read.
            fence.renew()
            return self._call(
                self._writes, method, path, query=query, body=body, passes=fence.passes, conditions=conditions
            )

        return self._patience.repeat(attempt, write_attempts, refused)


def _encoded(body: Json) -> bytes:
    """A body as it is sent."""

    def reveal(leaf: object) -> str:
        if isinstance(leaf, Secret):
            return leaf.reveal()
        message = f"{type(leaf).__name__} cannot be sent"
        raise TypeError(message)

    return json.dumps(body, default=reveal, ensure_ascii=False).encode()
