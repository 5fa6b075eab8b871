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
from typing import Self

import httpx

from tavusctl import __version__, redaction
from tavusctl.client import paging
from tavusctl.client.answers import date_of, understood
from tavusctl.client.meter import LIMITS, Limits, Meter
from tavusctl.client.patience import MAX_WAIT, Patience, SystemClock, read_tries, write_tries
from tavusctl.client.wire import Answer, Wire, addresses, note_proxies
from tavusctl.errors import Ambiguous, ApiError, Rejected
from tavusctl.model import Document, Value
from tavusctl.ports import Clock, Fence
from tavusctl.secret import Secret
from tavusctl.uptime import uptime

DEFAULT_URL = "https://tavusapi.com"
TOTAL_SECONDS = 30.0
PAGE_SIZE = 100
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
        self._counter = itertools.count(1)  # for several threads at once
        self._patience = Patience(clock or SystemClock(), max_wait, rate)
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
        self._reads = Wire(self._base, connections=parallel, kept=parallel, seconds=seconds, resolve=resolve)

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

    def server_time(self) -> datetime:
        """The server's clock as of its last answer, else the local one."""
        told = self._told
        return told[0] + timedelta(seconds=uptime() - told[1]) if told else datetime.now(UTC)

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Document:
        """One object; Gone when there is none."""
        return self._get(path, query, lambda _: None)

    def _get(self, path: str, query: Mapping[str, str] | None, taken: Callable[[bytes], None]) -> Document:
        call = partial(self._call, self._reads, "GET", path, query=query, taken=taken)
        answer = self._patience.repeat(call, read_tries)
        if not isinstance(answer, dict):
            message = f"GET {path} was answered with {type(answer).__name__} where an object belongs"
            raise ApiError(message)
        return answer

    def list(
        self, path: str, *, first_page: int, query: Mapping[str, str], id_fields: tuple[str, ...]
    ) -> list[Document]:
        """Every object of a collection, each once, in the order of the pages; ApiError when some cannot be seen."""
        meter = Meter(path, self._patience.clock, self._limits)

        def read(size: int) -> tuple[Mapping[str, Document], int]:
            meter.start()
            with self._pages(path, size, query, meter) as pages:
                return paging.collect(pages, path, first_page, id_fields, meter), pages.asked

        try:
            return paging.agreed(partial(read, PAGE_SIZE), path)
        except Rejected as error:
            if error.status != httpx.codes.BAD_REQUEST:
                raise
        # A server that takes no larger page takes the documented default.
        return paging.agreed(partial(read, _SMALL_PAGE), path)

    def _pages(self, path: str, size: int, query: Mapping[str, str], meter: Meter) -> paging.Ahead:
        return paging.Ahead(lambda number: self._page(path, number, size, query, meter), self._parallel, meter)

    def _page(self, path: str, number: int, size: int, query: Mapping[str, str], meter: Meter) -> Document:
        page = self._get(path, {**query, "limit": str(size), "page": str(number)}, meter.take)
        items = page.get("data")
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            message = f"GET {path} was answered without a list of objects in `data`"
            raise ApiError(message)
        return page

    def _call(
        self,
        wire: Wire,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Value = None,
        passes: Callable[[], bool] = lambda: True,
        taken: Callable[[bytes], None] = lambda _: None,
    ) -> Value:
        if not _PATH.fullmatch(path):
            message = f"{path!r} is not a path of the API: an id has letters, digits, - and _"
            raise ApiError(message, "check the id")
        content = None if body is None else _encoded(body)
        headers = {**self._headers, **({"Content-Type": "application/json"} if content is not None else {})}
        with self._turns:
            started = time.monotonic()
            answer = wire.call(method, path, headers=headers, query=dict(query or {}), content=content, passes=passes)
        self._note(answer, time.monotonic() - started)
        taken(answer.payload)
        return understood(answer)

    def _note(self, answer: Answer, seconds: float) -> None:
        date = date_of(answer)
        if date:
            skew = datetime.now(UTC) - date
            if self._told is None and abs(skew) > _SKEW:
                _log.info("the clock of this machine is wrong by %s; that of the server counts", skew)
            self._told = date, uptime()
        self._answers = next(self._counter)
        size = len(answer.payload)
        _log.debug("%s -> %s, %d bytes, %.0f ms", answer.request, answer.status, size, seconds * 1000)


class Client(ReadClient):
    """Reads and writes the API."""

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
        super().__init__(
            base_url,
            api_key,
            parallel=parallel,
            rate=rate,
            clock=clock,
            seconds=seconds,
            max_wait=max_wait,
            resolve=resolve,
            limits=limits,
        )
        # A kept connection may be closed by the server just as a write is sent, and nobody could tell whether it
        # arrived: every write gets a connection of its own.
        self._writes = Wire(self._base, connections=parallel, kept=0, seconds=seconds, resolve=resolve)

    def close(self) -> None:
        """Close all connections."""
        super().close()
        self._writes.close()

    def post(
        self, path: str, body: Value = None, *, fence: Fence, refused: Callable[[], None] = lambda: None
    ) -> Document:
        """Create or act; the answer's object, empty when there is none.

        `refused` is called before it is sent again after a 429.
        """
        answer = self._write("POST", path, body, fence, refused)
        if answer is not None and not isinstance(answer, dict):
            message = f"POST {path} was answered with {type(answer).__name__} where an object belongs"
            raise Ambiguous(message, accepted=True)
        return answer or {}

    def patch(self, path: str, body: Value, *, fence: Fence) -> None:
        """Change; the answer's body is no promise and is not read."""
        self._write("PATCH", path, body, fence)

    def delete(self, path: str, *, fence: Fence) -> None:
        """Delete; Gone when there was nothing, Ambiguous when the answer is none that the API gives."""
        self._write("DELETE", path, None, fence)

    def _write(
        self, method: str, path: str, body: Value, fence: Fence, refused: Callable[[], None] = lambda: None
    ) -> Value:
        def attempt() -> Value:
            # Here no turn is taken yet: a fence may read.
            fence.renew()
            return self._call(self._writes, method, path, body=body, passes=fence.passes)

        return self._patience.repeat(attempt, write_tries, refused)


def _encoded(body: Value) -> bytes:
    """A body as it is sent."""

    def reveal(leaf: object) -> str:
        if isinstance(leaf, Secret):
            return leaf.reveal()
        message = f"{type(leaf).__name__} cannot be sent"
        raise TypeError(message)

    return json.dumps(body, default=reveal, ensure_ascii=False).encode()
