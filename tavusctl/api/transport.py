"""One HTTP request and its response, within a deadline and size limits.

The deadline is for the whole: connect, handshake, headers and body together, however slowly they drip.  What was sent
is watched on the wire itself: NeverSent means that no byte of the request has left.  Right before the first byte, with
the connection made, a request is asked whether it may still be sent.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import queue
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from functools import cached_property
from typing import Any

import httpcore
import httpx
import truststore
from msgspec import Struct

from tavusctl.api.body import unpacked
from tavusctl.core.errors import Ambiguous, NeverSent, TavusctlError
from tavusctl.core.messages import site

CONNECT_SECONDS = 5.0
BODY_LIMIT = 32 * 1024 * 1024  # of a body as it reads, unpacked
_ADDRESS_SECONDS = 2.0  # for one address of a host when there are others to fall over to
_HEAD_LIMIT = 256 * 1024  # of all that comes before a body, answers that are only in passing included
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy")
_log = logging.getLogger("tavusctl.http")


class Answer(Struct, frozen=True, dict=True):
    """A whole answer."""

    request: str  # method and path, for messages
    status: int
    headers: httpx.Headers
    payload: bytes

    @cached_property
    def digest(self) -> str:
        """The same for all answers that say the same."""
        kind = self.headers.get("Content-Type", "")
        return hashlib.sha256(f"{self.status} {kind}\n".encode() + self.payload).hexdigest()


class _Attempt(Struct):
    """One request under way, as the streams below see it."""

    ends: float
    seconds: float
    limit: int
    passes: Callable[[], bool]
    sent: bool = False
    headed: bool = False
    received: int = 0

    def left(self) -> float:
        """Seconds until the deadline; a timeout when it has passed."""
        left = self.ends - time.monotonic()
        if left <= 0:
            message = f"no complete response within {self.seconds:g} s"
            raise httpcore.ReadTimeout(message)
        return left

    def admit(self) -> None:
        """Let bytes of the request leave, unless it may not be sent any more.

        Whatever a fence says after the first byte comes too late to undo it: then nobody knows what became of the call.
        """
        try:
            passes = self.passes()
        except TavusctlError:
            if not self.sent:
                raise
            passes = False
        if not passes:
            message = "the connection took so long that the request may no longer be sent"
            raise httpcore.WriteTimeout(message)

    def take(self, size: int) -> None:
        """Count what came in; an error when it is more than any answer needs."""
        self.received += size
        if self.received > _HEAD_LIMIT + (self.limit if self.headed else 0):
            message = "the response is too large" if self.headed else "the headers of the response do not end"
            raise httpcore.RemoteProtocolError(message)

    def trace(self, event: str, _: object) -> None:
        """Notice the end of the headers (httpcore's trace extension)."""
        self.headed = self.headed or event == "http11.receive_response_headers.complete"


_attempt: ContextVar[_Attempt] = ContextVar("attempt")


def addresses(host: str, port: int) -> Sequence[str]:
    """The addresses of a host, as the system has them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


class Wire:
    """Connections to one host, and to no other."""

    def __init__(
        self,
        base_url: str,
        *,
        connections: int,
        kept: int,
        seconds: float,
        resolve: Callable[[str, int], Sequence[str]] = addresses,
        limit: int = BODY_LIMIT,
    ) -> None:
        self._base = base_url
        self._seconds = seconds
        self._limit = limit
        self._transport = _Transport(_Network(resolve), connections, kept, secure=base_url.startswith("https:"))

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str],
        query: dict[str, str],
        content: bytes | None,
        told: str = "",
        passes: Callable[[], bool] = lambda: True,
        sink: Callable[[bytes], None] | None = None,
    ) -> Answer:
        """The answer to a request; NeverSent when the request surely did not leave, Ambiguous when it may have.

        `told` is what messages call the request, method and path when nothing is given.  `passes` is asked when the
        first byte is about to leave: False, or an error, and nothing is sent.  A `sink` gets the body piece by piece,
        and then it is not in the answer.
        """
        told = told or f"{method} {path}"
        attempt = _Attempt(time.monotonic() + self._seconds, self._seconds, self._limit, passes)
        token = _attempt.set(attempt)
        try:
            extensions = {"trace": attempt.trace, "timeout": {"connect": CONNECT_SECONDS, "pool": self._seconds}}
            request = httpx.Request(
                method, self._url(path), params=query, headers=headers, content=content, extensions=extensions
            )
            with contextlib.closing(self._transport.handle_request(request)) as response:
                return Answer(told, response.status_code, response.headers, unpacked(response, self._limit, sink))
        except (httpx.HTTPError, httpcore.TimeoutException, httpx.InvalidURL, OSError, zlib.error) as error:
            raise self._failure(told, error, sent=attempt.sent) from None
        finally:
            _attempt.reset(token)

    def _url(self, path: str) -> httpx.URL:
        """The address of a path, at the host that the key is for."""
        url, base = httpx.URL(self._base + path), httpx.URL(self._base)
        if (url.scheme, url.host, url.port) != (base.scheme, base.host, base.port):
            message = f"{url.host} is not the host of the API key"
            raise httpx.InvalidURL(message)
        return url

    def _failure(self, told: str, error: Exception, *, sent: bool) -> NeverSent | Ambiguous:
        reason = str(error) or type(error).__name__
        if sent:
            return Ambiguous(f"{told}: no valid response: {reason}")
        return NeverSent(f"cannot reach {site(self._base)}: {reason}", "check the network and `--base-url`")


def note_proxies() -> None:
    """Log the proxy variables that are ignored: the API key would pass through these proxies."""
    named = [name for name in _PROXIES if os.environ.get(name)]
    if named:
        _log.info("%s is ignored: the API is reached directly", ", ".join(named))


def tls_context() -> truststore.SSLContext:
    """TLS as it is always checked: by the certificates that the system trusts, for the name of the host."""
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class _Transport(httpx.HTTPTransport):
    """httpx's transport on a network that keeps deadlines."""

    def __init__(self, network: httpcore.NetworkBackend, connections: int, kept: int, *, secure: bool) -> None:
        context = tls_context() if secure else None
        super().__init__(verify=context or False, trust_env=False)
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=connections,
            max_keepalive_connections=kept,
            keepalive_expiry=5.0,
            network_backend=network,
        )


class _Network(httpcore.NetworkBackend):
    """Connections by any address that a host has."""

    def __init__(self, resolve: Callable[[str, int], Sequence[str]]) -> None:
        self._resolve = resolve
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection to the first address that takes one: a dead one must not use up the time of the next."""
        ends = time.monotonic() + min(timeout or CONNECT_SECONDS, _attempt.get().left())
        found = self._found(host, port, ends)
        for place, address in enumerate(found):
            left = ends - time.monotonic()
            share = left if place == len(found) - 1 else min(left, _ADDRESS_SECONDS)
            try:
                return _Stream(
                    self._sockets.connect_tcp(address, port, max(share, 0.001), local_address, socket_options)
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if place == len(found) - 1:
                    raise
        message = f"{host} has no address"
        raise httpcore.ConnectError(message)

    def _found(self, host: str, port: int, ends: float) -> Sequence[str]:
        """Addresses, asked for in a thread of its own: the system's resolver knows no deadline."""
        told: queue.SimpleQueue[Sequence[str] | OSError | UnicodeError] = queue.SimpleQueue()

        def ask() -> None:
            try:
                told.put(self._resolve(host, port))
            except (OSError, UnicodeError) as error:
                told.put(error)

        threading.Thread(target=ask, daemon=True).start()
        try:
            found = told.get(timeout=max(0.0, ends - time.monotonic()))
        except queue.Empty:
            message = f"the host name {host} was not resolved in time"
            raise httpcore.ConnectTimeout(message) from None
        if isinstance(found, Exception):
            raise httpcore.ConnectError(str(found)) from None
        return found


class _Stream(httpcore.NetworkStream):
    """A stream on which nothing takes longer than its attempt may."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What has come in."""
        del timeout
        attempt = _attempt.get()
        data = self._inner.read(max_bytes, attempt.left())
        attempt.take(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send; from the first byte on, nobody can say that the request was not carried out."""
        del timeout
        attempt, view = _attempt.get(), memoryview(buffer)
        connection: socket.socket = self._inner.get_extra_info("socket")
        attempt.left()  # what is out of time is not asked about
        attempt.admit()
        while view:
            connection.settimeout(attempt.left())
            attempt.sent = True
            try:
                view = view[connection.send(view) :]
            except TimeoutError as error:
                raise httpcore.WriteTimeout(str(error)) from None
            except OSError as error:
                raise httpcore.WriteError(str(error)) from None

    def close(self) -> None:
        """Close."""
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """The stream under TLS; until the handshake has ended, nothing of a request has left."""
        seconds = min(timeout or CONNECT_SECONDS, _attempt.get().left())
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, seconds))

    def get_extra_info(self, info: str) -> object:
        """What httpcore asks for to know whether a kept connection still lives."""
        return self._inner.get_extra_info(info)
