"""Reads the sources of documents as an anonymous visitor: within limits, and never inside a private network.

A manifest names the URL, and the authors of manifests may have no right to explore the network where tavusctl runs.
So only https is requested, from a host all of whose addresses are public, at exactly the addresses that were checked; a
few redirects are followed, each checked again; nothing that identifies a person or an account is sent.  Every failure
has the same message: a reason would show which ports are open, and which names a private network has.
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from math import ceil
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

import httpx

from tavusctl import __version__
from tavusctl.api.transport import Answer, Wire, addresses
from tavusctl.core.errors import ApiError
from tavusctl.core.messages import site
from tavusctl.lib.json_types import Json, JsonObject

REDIRECTS: Final = 3
LIMIT: Final = 50 * 1024 * 1024  # bytes of a source: the API accepts no larger file
SECONDS: Final = 12.0  # for a source, all redirects together
SECONDS_IN_ALL: Final = 24.0  # for all sources of a run, from the first request on
_AT_ONCE: Final = 4  # sources
_LEAST: Final = 4  # a source has at least this part of its time, also if many are read after it
REDACTED: Final = "no usable response from the public internet in time"
_VALIDATOR: Final = 200  # characters
_log = logging.getLogger("tavusctl.http")


class Sources:
    """Reads what identifies the content of a source: digest, length, ETag and Last-Modified."""

    at_once: int = _AT_ONCE

    def __init__(
        self,
        *,
        loopback: str = "",
        seconds: float = SECONDS,
        seconds_in_all: float = SECONDS_IN_ALL,
        limit: int = LIMIT,
        resolve: Callable[[str, int], Sequence[str]] = addresses,
    ) -> None:
        """`loopback` is one origin on this machine, `http://127.0.0.1:PORT`, that is allowed in tests."""
        self._loopback, self._seconds, self._limit, self._resolve = loopback, seconds, limit, resolve
        self._in_all, self._ends = seconds_in_all, 0.0
        self._deadline_lock = threading.Lock()
        self._results: dict[str, JsonObject | None] = {}

    def read(self, url: str, last_result: Mapping[str, Json], *, later: int = 0) -> JsonObject:
        """The source at a URL (`sha256`, `length`, `etag`, `modified`); it is read only once in a run.

        `last_result` is an earlier result: it is sent as conditions, and returned if the server answers 304.  ApiError
        when the source cannot be read.  `later` sources are read after this one: they share the time that is left.
        """
        self._checked_parts(url)
        key = f"{url} {sorted(last_result.items())}"
        if key not in self._results:
            self._results[key] = self._read(url, last_result, later)
        result = self._results[key]
        if result is None:
            raise ApiError(REDACTED)
        return dict(result)

    def _read(self, url: str, last_result: Mapping[str, Json], later: int) -> JsonObject | None:
        try:
            return self._follow(url, last_result, self._ends_by(later))
        except ApiError as error:
            _log.debug("%s: %s", site(url) or "a source", error.message)
            return None

    def _ends_by(self, later: int) -> float:
        """The deadline of a source, by time.monotonic(): a source without an answer takes no time from others."""
        now, ends = time.monotonic(), self._deadline()
        share = (ends - now) / ceil((later + 1) / _AT_ONCE)
        return min(now + min(self._seconds, max(share, self._seconds / _LEAST)), ends)

    def _deadline(self) -> float:
        """The deadline of all sources together, by time.monotonic(); the first call starts it."""
        with self._deadline_lock:
            self._ends = self._ends or time.monotonic() + self._in_all
        return self._ends

    def _follow(self, url: str, last_result: Mapping[str, Json], ends: float) -> JsonObject:
        """The source at a URL, with redirects followed; ApiError when it cannot be read before `ends`."""
        for _ in range(REDIRECTS + 1):
            parts, left = self._checked_parts(url), ends - time.monotonic()
            if left <= 0:
                raise ApiError("out of time")
            digest = _Digest()
            answer = self._request(parts, last_result, left, digest)
            if answer.status == httpx.codes.NOT_MODIFIED and last_result:
                return dict(last_result)
            if answer.status == httpx.codes.OK:
                if not digest.length:  # no document can be made of it
                    raise ApiError(f"{parts.hostname} returned an empty file")
                return _result_of(answer, digest)
            location = answer.headers.get("Location", "")
            if not httpx.codes.is_redirect(answer.status) or not location:
                raise ApiError(f"{parts.hostname} returned {answer.status}")
            url = _joined(url, location)
        raise ApiError(f"more than {REDIRECTS} redirects")

    def _checked_parts(self, url: str) -> SplitResult:
        """The parts of a URL that may be requested, else ApiError; its IP addresses are checked when it is resolved."""
        parts = _parts(url)
        if parts is None:
            raise ApiError("the URL has no host")
        if parts.scheme != "https" and not self._is_loopback(parts):
            raise ApiError("only `https://` is allowed")
        return parts

    def _is_loopback(self, parts: SplitResult) -> bool:
        return bool(self._loopback) and f"{parts.scheme}://{parts.netloc}" == self._loopback

    def _request(self, parts: SplitResult, last_result: Mapping[str, Json], seconds: float, digest: _Digest) -> Answer:
        resolve = self._resolve if self._is_loopback(parts) else self._public
        base = f"{parts.scheme}://{parts.netloc}"
        wire = Wire(base, connections=1, keepalive=0, seconds=seconds, resolve=resolve, limit=self._limit)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"User-Agent": f"tavusctl/{__version__}", "Accept-Encoding": "identity", **_conditions(last_result)}
        try:
            host = str(parts.hostname)
            return wire.call("GET", path, headers=headers, query={}, content=None, label=host, sink=digest.take)
        finally:
            wire.close()

    def _public(self, host: str, port: int) -> Sequence[str]:
        """The IP addresses of a host; OSError when one of them is not public."""
        resolved = self._resolve(host, port)
        for address in resolved:
            if not is_public(address):
                raise OSError(f"{host} resolves to {address}, which is not a public address")
        return resolved


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


def _conditions(last_result: Mapping[str, Json]) -> dict[str, str]:
    headers = {"If-None-Match": last_result.get("etag"), "If-Modified-Since": last_result.get("modified")}
    return {name: str(value) for name, value in headers.items() if value}


class _Digest:
    """Digest and length of a body, computed chunk by chunk: up to four large sources are read at a time."""

    def __init__(self) -> None:
        self._hash, self.length = hashlib.sha256(), 0

    def take(self, piece: bytes) -> None:
        """Add a chunk."""
        self._hash.update(piece)
        self.length += len(piece)

    @property
    def hex(self) -> str:
        """The digest so far."""
        return self._hash.hexdigest()


def _result_of(answer: Answer, digest: _Digest) -> JsonObject:
    validators = {"etag": answer.headers.get("ETag", ""), "modified": answer.headers.get("Last-Modified", "")}
    usable = {name: text for name, text in validators.items() if 0 < len(text) <= _VALIDATOR and text.isprintable()}
    return {"sha256": digest.hex, "length": digest.length, **usable}


_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_PUBLIC: Final = ("0.0.0.0/0", "2000::/3")
_SET_ASIDE: Final = (
    # IPv4: this host, private, shared by carriers, loopback, link-local, private, private
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"),
    # protocols, documentation, AS112, multicast by tunnel, relays of 6to4, AS112
    *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.175.48.0/24"),
    # benchmarks, documentation, documentation, multicast, reserved and broadcast
    *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
    # clouds' own services for their machines: Azure, IBM (twice), Google (its interfaces from inside, twice)
    *("168.63.129.16/32", "161.26.0.0/16", "166.8.0.0/14", "199.36.153.4/30", "199.36.153.8/30"),
    # IPv6: protocols (Teredo, benchmarks, ORCHID), documentation, 6to4, AS112, documentation
    *("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"),
    # Google, as above
    *("2600:2d00:2:1000::/64", "2600:2d00:2:2000::/64"),
)
_ISATAP: Final = (0x00005EFE, 0x02005EFE)  # the upper half of an interface identifier that embeds an IPv4 address


def _networks(texts: tuple[str, ...]) -> tuple[_Network, ...]:
    return tuple(map(ipaddress.ip_network, texts))


_PUBLIC_NETWORKS: Final = _networks(_PUBLIC)
_NETWORKS_SET_ASIDE: Final = _networks(_SET_ASIDE)


def is_public(address: str) -> bool:
    """Whether an IP address is reachable from the whole internet and does not embed another address."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if ip.version == 6 and ("%" in address or int(ip) >> 32 & 0xFFFFFFFF in _ISATAP):  # noqa: PLR2004
        return False
    return any(ip in network for network in _PUBLIC_NETWORKS) and not any(
        ip in network for network in _NETWORKS_SET_ASIDE
    )
