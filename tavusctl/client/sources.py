"""The sources of documents, looked at as a stranger would: politely, within limits, and never inside a private network.

A manifest names the address, and whoever may write manifests need not be allowed to look around where this runs.  So
only https is asked, a host all of whose addresses are public, at exactly the addresses that were judged; redirects are
followed a few times, each judged anew; nothing that identifies anybody goes along.
"""

from __future__ import annotations

import hashlib
import ipaddress
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

import httpx

from tavusctl import __version__
from tavusctl.client.wire import Answer, Wire, addresses
from tavusctl.errors import ApiError
from tavusctl.kind import Document, Value

REDIRECTS: Final = 3
LIMIT: Final = 50 * 1024 * 1024  # bytes of a source: the API takes no larger file
SECONDS: Final = 30.0  # for a source, all redirects together
_VALIDATOR: Final = 200  # characters
_TRANSLATED: Final = tuple(ipaddress.ip_network(one) for one in ("64:ff9b::/32", "2002::/16", "2001::/32"))


class Sources:
    """What sources look like: length, digest, and what a server says to tell versions apart."""

    def __init__(
        self,
        *,
        loopback: str = "",
        seconds: float = SECONDS,
        limit: int = LIMIT,
        resolve: Callable[[str, int], Sequence[str]] = addresses,
    ) -> None:
        """`loopback` is one origin on this machine, `http://127.0.0.1:PORT`, that may be asked in tests."""
        self._loopback, self._seconds, self._limit, self._resolve = loopback, seconds, limit, resolve

    def look(self, url: str, known: Mapping[str, Value]) -> Document:
        """A source as it is now; ApiError says why it cannot be seen.  What is `known` is not fetched again."""
        ends = time.monotonic() + self._seconds
        for _ in range(REDIRECTS + 1):
            parts = self._judged(url)
            answer = self._ask(parts, known, ends - time.monotonic())
            if answer.status == httpx.codes.NOT_MODIFIED and known:
                return dict(known)
            if answer.status == httpx.codes.OK:
                return _look_of(answer)
            location = answer.headers.get("Location", "")
            if not httpx.codes.is_redirect(answer.status) or not location:
                message = f"{parts.hostname} answered with {answer.status}"
                raise ApiError(message)
            url = _joined(url, location)
        message = f"more than {REDIRECTS} redirects"
        raise ApiError(message)

    def _judged(self, url: str) -> SplitResult:
        """An address that may be asked; what its host resolves to is judged when it is."""
        parts = _parts(url)
        if parts is None:
            message = "it has no address that can be asked"
            raise ApiError(message)
        if parts.scheme != "https" and not self._is_loopback(parts):
            message = "only https is asked"
            raise ApiError(message)
        return parts

    def _is_loopback(self, parts: SplitResult) -> bool:
        return bool(self._loopback) and f"{parts.scheme}://{parts.netloc}" == self._loopback

    def _ask(self, parts: SplitResult, known: Mapping[str, Value], seconds: float) -> Answer:
        resolve = self._resolve if self._is_loopback(parts) else self._public
        base = f"{parts.scheme}://{parts.netloc}"
        wire = Wire(base, connections=1, kept=0, seconds=max(seconds, 0.001), resolve=resolve, limit=self._limit)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"User-Agent": f"tavusctl/{__version__}", "Accept-Encoding": "identity", **_conditions(known)}
        try:
            return wire.call("GET", path, headers=headers, query={}, content=None, told=str(parts.hostname))
        finally:
            wire.close()

    def _public(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a host; OSError when one of them is not for everybody."""
        found = self._resolve(host, port)
        for address in found:
            if not is_public(address):
                message = f"{host} leads to {address}, which is not a public address"
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
        usable = bool(parts.hostname) and parts.port != 0 and not parts.username and url.isascii()
    except ValueError:
        return None
    return parts if usable else None


def is_public(address: str) -> bool:
    """Whether an IP address is one that anybody in the world would reach, in whatever disguise it comes."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped:
            return is_public(str(found.ipv4_mapped))
        if any(found in network for network in _TRANSLATED):
            return False
    return found.is_global and not found.is_multicast and "%" not in address


def _conditions(known: Mapping[str, Value]) -> dict[str, str]:
    asked = {"If-None-Match": known.get("etag"), "If-Modified-Since": known.get("modified")}
    return {name: str(value) for name, value in asked.items() if value}


def _look_of(answer: Answer) -> Document:
    said = {"etag": answer.headers.get("ETag", ""), "modified": answer.headers.get("Last-Modified", "")}
    kept = {name: text for name, text in said.items() if 0 < len(text) <= _VALIDATOR and text.isprintable()}
    content = answer.payload
    return {"sha256": hashlib.sha256(content).hexdigest(), "length": len(content), **kept}
