"""Who may call: programs and developers' pages of this machine, but no page of another machine.

Any page in a browser can send requests to this machine.  Three things distinguish them from requests of programs:
`Host` (a foreign name, if an attacker lets that name resolve to this machine), `Origin`, and the content type (without
a preflight, a page can send only those of forms).  The control side is for programs only; the API and the rooms are
also for pages of this machine.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Container
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from tavusctl.emulator.http.messages import Request, Response, refuse

_OWN: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_EVERYWHERE: Final = frozenset({"", "0.0.0.0", "::"})
_WEB: Final = {"http": 80, "https": 443}
_READING: Final = frozenset({"GET", "HEAD"})
_SIMPLE: Final = frozenset({"GET", "HEAD", "POST"})  # methods for which a browser may send no preflight
_DIRECT: Final = frozenset({"", "none"})  # Sec-Fetch-Site without a page: a program, or a URL that was typed in
_METHODS: Final = ("access-control-allow-methods", "GET, POST, PATCH, DELETE")
_HEADERS: Final = ("access-control-allow-headers", "content-type, x-api-key")


@dataclass(frozen=True, slots=True)
class Allowed:
    """What is allowed beyond the defaults by whoever starts the server."""

    hosts: Collection[str] = ()  # further names of this server, for example in a network of containers
    origins: Collection[str] = ()  # pages that may call the API although they are not of this machine
    callback_ports: Container[int] = ()  # ports of this machine that may receive events of conversations
    killable: Container[int] = ()  # processes that a fault may end


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """The address of the server, and the decision who may call."""

    host: str
    port: int
    allowed: Allowed = Allowed()

    def refusal(self, request: Request, *, control: bool) -> Response | None:
        """The refusal of a request that may not be carried out; None if it may."""
        if not self._is_own_host(request.headers.get("host", "")):
            return _refusal("this server has another name; allow one with --allow-host NAME", 421)
        if control:
            return _control_refusal(request)
        origin = request.headers.get("origin")
        if origin is not None and request.method != "OPTIONS" and not self._is_known(origin, request):
            return _refusal(f"pages of {origin[:200]} may not call; allow them with --allow-origin ORIGIN")
        return None

    def grant(self, request: Request) -> list[tuple[str, str]]:
        """The headers that let an allowed page read the answer to its request (CORS)."""
        origin = request.headers.get("origin")
        is_known = origin is not None and self._is_known(origin, request)
        return [("vary", "origin"), *([("access-control-allow-origin", str(origin))] if is_known else [])]

    def preflight(self, request: Request) -> Response:
        """The response to a preflight, with which a browser asks whether a page may call (CORS)."""
        granted = self.grant(request)
        return Response(204, headers=[*granted, *([_METHODS, _HEADERS] if len(granted) > 1 else [])])

    def _is_own_host(self, header: str) -> bool:
        parts = _split(f"http://{header}")
        if parts is None or parts.netloc != header:
            return False
        name = _hostname(parts)
        if {name, header.lower()} & {host.lower() for host in self.allowed.hosts}:
            return True
        is_own = name in _OWN or name == self.host.lower() or (self.host in _EVERYWHERE and _is_address(name))
        return is_own and (parts.port or _WEB["http"]) == self.port

    def _is_known(self, origin: str, request: Request) -> bool:
        """Whether an origin is a page of this machine, or was allowed at the start."""
        if origin in self.allowed.origins:
            return True
        parts, own_parts = _split(origin), _split(f"http://{request.headers.get('host', '')}")
        if parts is None or parts.scheme not in _WEB or own_parts is None:
            return False
        name = _hostname(parts)
        return name == _hostname(own_parts) or name.endswith(".localhost") or is_loopback(name)


def _control_refusal(request: Request) -> Response | None:
    """The refusal of a control request that a page may have made a browser send; None for other requests."""
    headers = request.headers
    if "origin" in headers or headers.get("sec-fetch-site", "") not in _DIRECT:
        return _refusal("the control side is for programs, and not for pages")
    if request.method in _READING or not _may_lack_preflight(request):
        return None
    return _refusal("the control side takes content-type: application/json, which no page can send unasked", 415)


def _may_lack_preflight(request: Request) -> bool:
    """Whether a browser may have sent a request without a preflight; no browser has the user agent curl."""
    headers = request.headers
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == "application/json" or headers.get("user-agent", "").startswith("curl/"):
        return False
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    return request.method in _SIMPLE or has_body


def _refusal(why: str, status: int = 403) -> Response:
    return refuse(why, status).response


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError if it is invalid
    except ValueError:
        return None
    return parts if parts.hostname and "@" not in parts.netloc else None


def _hostname(parts: SplitResult) -> str:
    return (parts.hostname or "").lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(name: str) -> bool:
    """Whether a host name is that of this machine."""
    return name == "localhost" or (_is_address(name) and ipaddress.ip_address(name).is_loopback)
