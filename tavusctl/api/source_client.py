"""The sources of documents, looked at as a stranger would: politely, within limits, and never inside a private network.

A manifest names the address, and whoever may write manifests need not be allowed to look around where this runs.  So
only https is asked, a host all of whose addresses are public, at exactly the addresses that were judged; redirects are
followed a few times, each judged anew; nothing that identifies anybody goes along.  Whatever fails is told in the same
words: a reason would tell an open port from a closed one, and what the names of a private network lead to.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

import httpx

from tavusctl import __version__
from tavusctl.api.public_addresses import is_public
from tavusctl.api.transport import Answer, Wire, addresses
from tavusctl.core.errors import ApiError
from tavusctl.lib.json_types import Json, JsonObject

REDIRECTS: Final = 3
LIMIT: Final = 50 * 1024 * 1024  # bytes of a source: the API takes no larger file
SECONDS: Final = 12.0  # for a source, all redirects together
SECONDS_IN_ALL: Final = 24.0  # for all sources of a run, from the first one on
REDACTED: Final = "no usable response from the public internet in time"
_VALIDATOR: Final = 200  # characters
_log = logging.getLogger("tavusctl.http")


class Sources:
    """What sources look like: length, digest, and what a server says to tell versions apart."""

    def __init__(
        self,
        *,
        loopback: str = "",
        seconds: float = SECONDS,
        seconds_in_all: float = SECONDS_IN_ALL,
        limit: int = LIMIT,
        resolve: Callable[[str, int], Sequence[str]] = addresses,
    ) -> None:
        """`loopback` is one origin on this machine, `http://127.0.0.1:PORT`, that may be asked in tests."""
        self._loopback, self._seconds, self._limit, self._resolve = loopback, seconds, limit, resolve
        self._in_all, self._ends = seconds_in_all, 0.0
        self._beginning = threading.Lock()
        self._looks: dict[str, JsonObject | None] = {}

    def look(self, url: str, known: Mapping[str, Json]) -> JsonObject:
        """A source as it is now, or as it was earlier in this run; what is `known` is not fetched again.

        ApiError when it cannot be seen.
        """
        self._judged(url)
        place = f"{url} {sorted(known.items())}"
        if place not in self._looks:
            self._looks[place] = self._look(url, known)
        found = self._looks[place]
        if found is None:
            raise ApiError(REDACTED)
        return dict(found)

    def _look(self, url: str, known: Mapping[str, Json]) -> JsonObject | None:
        try:
            return self._followed(url, known, min(time.monotonic() + self._seconds, self._end()))
        except ApiError as error:
            _log.debug("%s: %s", url.partition("?")[0], error.message)
            return None

    def _end(self) -> float:
        """The moment until which all sources together may take."""
        with self._beginning:
            self._ends = self._ends or time.monotonic() + self._in_all
        return self._ends

    def _followed(self, url: str, known: Mapping[str, Json], ends: float) -> JsonObject:
        """What a source looks like, redirects followed."""
        for _ in range(REDIRECTS + 1):
            parts, left = self._judged(url), ends - time.monotonic()
            if left <= 0:
                message = "out of time"
                raise ApiError(message)
            digest = _Digest()
            answer = self._ask(parts, known, left, digest)
            if answer.status == httpx.codes.NOT_MODIFIED and known:
                return dict(known)
            if answer.status == httpx.codes.OK:
                return _look_of(answer, digest)
            location = answer.headers.get("Location", "")
            if not httpx.codes.is_redirect(answer.status) or not location:
                message = f"{parts.hostname} returned {answer.status}"
                raise ApiError(message)
            url = _joined(url, location)
        message = f"more than {REDIRECTS} redirects"
        raise ApiError(message)

    def _judged(self, url: str) -> SplitResult:
        """An address that may be asked; what its host resolves to is judged when it is."""
        parts = _parts(url)
        if parts is None:
            message = "the URL has no host"
            raise ApiError(message)
        if parts.scheme != "https" and not self._is_loopback(parts):
            message = "only `https://` is allowed"
            raise ApiError(message)
        return parts

    def _is_loopback(self, parts: SplitResult) -> bool:
        return bool(self._loopback) and f"{parts.scheme}://{parts.netloc}" == self._loopback

    def _ask(self, parts: SplitResult, known: Mapping[str, Json], seconds: float, digest: _Digest) -> Answer:
        resolve = self._resolve if self._is_loopback(parts) else self._public
        base = f"{parts.scheme}://{parts.netloc}"
        wire = Wire(base, connections=1, kept=0, seconds=seconds, resolve=resolve, limit=self._limit)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"User-Agent": f"tavusctl/{__version__}", "Accept-Encoding": "identity", **_conditions(known)}
        try:
            told = str(parts.hostname)
            return wire.call("GET", path, headers=headers, query={}, content=None, told=told, sink=digest.take)
        finally:
            wire.close()

    def _public(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a host; OSError when one of them is not for everybody."""
        found = self._resolve(host, port)
        for address in found:
            if not is_public(address):
                message = f"{host} resolves to {address}, which is not a public address"
                raise OSError(message)
        return found


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        return ""


def _parts(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc and url.isascii()
    except ValueError:
        return None
    return parts if usable else None


def _conditions(known: Mapping[str, Json]) -> dict[str, str]:
    asked = {"If-None-Match": known.get("etag"), "If-Modified-Since": known.get("modified")}
    return {name: str(value) for name, value in asked.items() if value}


class _Digest:
    """The digest and the length of what comes piece by piece: four sources at a time may be large."""

    def __init__(self) -> None:
        self._found, self.length = hashlib.sha256(), 0

    def take(self, piece: bytes) -> None:
        """Count a piece in."""
        self._found.update(piece)
        self.length += len(piece)

    @property
    def hex(self) -> str:
        """The digest so far."""
        return self._found.hexdigest()


def _look_of(answer: Answer, digest: _Digest) -> JsonObject:
    said = {"etag": answer.headers.get("ETag", ""), "modified": answer.headers.get("Last-Modified", "")}
    kept = {name: text for name, text in said.items() if 0 < len(text) <= _VALIDATOR and text.isprintable()}
    return {"sha256": digest.hex, "length": digest.length, **kept}
