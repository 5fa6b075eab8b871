"""Who may call: this machine's programs and the pages of its developers, and no page from elsewhere.

Every page in a browser can send requests to this machine.  Three things tell them from programs: the name in `Host` (of
a stranger, when a name of his leads here), `Origin`, and that a page sends no content type but those of a form without
asking first.  The control side is for programs only; the API and the rooms are for pages of this machine, too.
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
_SIMPLE: Final = frozenset({"GET", "HEAD", "POST"})  # methods for which a browser does not ask first
_DIRECT: Final = frozenset({"", "none"})  # nobody's page: a program, or an address that somebody has typed in
_METHODS: Final = ("access-control-allow-methods", "GET, POST, PATCH, DELETE")
_HEADERS: Final = ("access-control-allow-headers", "content-type, x-api-key")


@dataclass(frozen=True, slots=True)
class Allowed:
    """What whoever starts the server allows beyond the usual."""

    hosts: Collection[str] = ()  # further names of this server, in a network of containers for example
    origins: Collection[str] = ()  # pages that may call the API although they are not of this machine
    callback_ports: Container[int] = ()  # of this machine, which are told what happens in conversations
    killable: Container[int] = ()  # processes that a fault may end


@dataclass(frozen=True, slots=True)
class Border:
    """The server's own address, and who is let in."""

    host: str
    port: int
    allowed: Allowed = Allowed()

    def refusal(self, request: Request, *, control: bool) -> Response | None:
        """Why a request is not carried out; None when it is."""
        if not self._is_ours(request.headers.get("host", "")):
            return _refused("this server has another name; allow one with --allow-host NAME", 421)
        if control:
            return _page_on_the_control_side(request)
        origin = request.headers.get("origin")
        if origin is not None and request.method != "OPTIONS" and not self._is_known(origin, request):
            return _refused(f"pages of {origin[:200]} may not call; allow them with --allow-origin ORIGIN")
        return None

    def grant(self, request: Request) -> list[tuple[str, str]]:
        """Headers that let the page that has sent a request read the answer."""
        origin = request.headers.get("origin")
        known = origin is not None and self._is_known(origin, request)
        return [("vary", "origin"), *([("access-control-allow-origin", str(origin))] if known else [])]

    def preflight(self, request: Request) -> Response:
        """The answer to a browser that asks whether a page may call."""
        granted = self.grant(request)
        return Response(204, headers=[*granted, *([_METHODS, _HEADERS] if len(granted) > 1 else [])])

    def _is_ours(self, header: str) -> bool:
        parts = _parts(f"http://{header}")
        if parts is None or parts.netloc != header:
            return False
        name = _name(parts)
        if {name, header.lower()} & {one.lower() for one in self.allowed.hosts}:
            return True
        is_own = name in _OWN or name == self.host.lower() or (self.host in _EVERYWHERE and _is_address(name))
        return is_own and (parts.port or _WEB["http"]) == self.port

    def _is_known(self, origin: str, request: Request) -> bool:
        """Whether a page is one of this machine, or one that was allowed."""
        if origin in self.allowed.origins:
            return True
        parts, here = _parts(origin), _parts(f"http://{request.headers.get('host', '')}")
        if parts is None or parts.scheme not in _WEB or here is None:
            return False
        name = _name(parts)
        return name == _name(here) or name.endswith(".localhost") or _is_loopback(name)


def _page_on_the_control_side(request: Request) -> Response | None:
    """A refusal of what a page can have made a browser send."""
    headers = request.headers
    if "origin" in headers or headers.get("sec-fetch-site", "") not in _DIRECT:
        return _refused("the control side is for programs, and not for pages")
    if request.method in _READING or not _could_be_a_forms(request):
        return None
    return _refused("the control side takes content-type: application/json, which no page can send unasked", 415)


def _could_be_a_forms(request: Request) -> bool:
    """Whether a browser may have sent such a request without asking first; none ever calls itself curl."""
    headers = request.headers
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json" or headers.get("user-agent", "").startswith("curl/"):
        return False
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    return request.method in _SIMPLE or has_body


def _refused(why: str, status: int = 403) -> Response:
    return refuse(why, status).response


def _parts(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises when it is none
    except ValueError:
        return None
    return parts if parts.hostname and "@" not in parts.netloc else None


def _name(parts: SplitResult) -> str:
    return (parts.hostname or "").lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(name: str) -> bool:
    return name == "localhost" or (_is_address(name) and ipaddress.ip_address(name).is_loopback)
