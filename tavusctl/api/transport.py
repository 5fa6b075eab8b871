"""One HTTP request and its response, within a deadline and size limits.

The deadline is for connect, handshake, headers and body together, however slowly the bytes arrive.  Every write to the
socket is recorded: NeverSent means that no byte of the request has left.  After the connection is made, right before
the first byte of the request, a callback (`passes`) decides whether the request may still be sent.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import queue
import socket
import ssl
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

from tavusctl.core.errors import Ambiguous, NeverSent, TavusctlError
from tavusctl.core.messages import site
from tavusctl.lib import concurrency
from tavusctl.secrets.redaction import shortened

CONNECT_SECONDS = 5.0
BODY_LIMIT = 32 * 1024 * 1024  # bytes of a body, decompressed
_ADDRESS_SECONDS = 2.0  # for one address of a host when there are others to try after it
_HEAD_LIMIT = 256 * 1024  # bytes of all that comes before a body, interim (1xx) responses included
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy")
_log = logging.getLogger("tavusctl.http")


class Answer(Struct, frozen=True, dict=True):
    """A complete response."""

    request: str  # method and path, for messages
    status: int
    headers: httpx.Headers
    payload: bytes

    @property
    def content_type(self) -> str:
        """The type of the body, as the server names it."""
        return str(self.headers.get("Content-Type", ""))

    @cached_property
    def digest(self) -> str:
        """A digest of status, content type and body: equal responses have equal digests."""
        return hashlib.sha256(f"{self.status} {self.content_type}\n".encode() + self.payload).hexdigest()


class _Attempt(Struct):
    """The limits and the progress of one request under way; the network streams below check and update it."""

    ends: float  # the deadline, by time.monotonic()
    seconds: float
    limit: int  # bytes of the body as it is received
    passes: Callable[[], bool]
    sent: bool = False  # at least one byte of the request may have left
    headed: bool = False  # the headers of the response are complete
    received: int = 0  # bytes

    def left(self) -> float:
        """Seconds until the deadline; httpcore.ReadTimeout when it has passed."""
        left = self.ends - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout(f"no complete response within {self.seconds:g} s")
        return left

    def admit(self) -> None:
        """Return if bytes of the request may leave; otherwise raise httpcore.WriteTimeout or the error of the fence.

        After the first byte, a refusal of the fence comes too late: the outcome of the call is then unknown, so the
        error of the fence becomes a WriteTimeout.
        """
        try:
            passes = self.passes()
        except TavusctlError:
            if not self.sent:
                raise
            passes = False
        if not passes:
            raise httpcore.WriteTimeout("opening the connection took too long: the request may no longer be sent")

    def take(self, size: int) -> None:
        """Count received bytes; httpcore.RemoteProtocolError when they exceed the limit of headers or body."""
        self.received += size
        if self.received > _HEAD_LIMIT + (self.limit if self.headed else 0):
            message = "the response is too large" if self.headed else "the headers of the response are too large"
            raise httpcore.RemoteProtocolError(message)

    def trace(self, event: str, _: object) -> None:
        """Record the end of the response headers; a callback of httpcore's trace extension."""
        self.headed = self.headed or event == "http11.receive_response_headers.complete"


_attempt: ContextVar[_Attempt] = ContextVar("attempt")


def addresses(host: str, port: int) -> Sequence[str]:
    """The IP addresses of a host, from the resolver of the system."""
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in entries))


class Wire:
    """Connections to one host only."""

    def __init__(
        self,
        base_url: str,
        *,
        connections: int,
        keepalive: int,
        seconds: float,
        resolve: Callable[[str, int], Sequence[str]] = addresses,
        limit: int = BODY_LIMIT,
    ) -> None:
        self._base = base_url
        self._seconds = seconds
        self._limit = limit
        self._transport = _Transport(_Network(resolve), connections, keepalive, secure=base_url.startswith("https:"))

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
        label: str = "",
        passes: Callable[[], bool] = lambda: True,
        sink: Callable[[bytes], None] | None = None,
    ) -> Answer:
        """Send a request; NeverSent if the request surely did not leave, Ambiguous if it may have left.

        `label` names the request in messages; its default is method and path.  `passes` is called right before the
        first byte leaves: if it returns False or raises an error, nothing is sent.  A `sink` gets the body chunk by
        chunk; the payload of the response is then empty.
        """
        label = label or f"{method} {path}"
        attempt = _Attempt(time.monotonic() + self._seconds, self._seconds, self._limit, passes)
        token = _attempt.set(attempt)
        try:
            extensions = {"trace": attempt.trace, "timeout": {"connect": CONNECT_SECONDS, "pool": self._seconds}}
            request = httpx.Request(
                method, self._url(path), params=query, headers=headers, content=content, extensions=extensions
            )
            with contextlib.closing(self._transport.handle_request(request)) as response:
                return Answer(
                    label, response.status_code, response.headers, decompressed_body(response, self._limit, sink)
                )
        except (httpx.HTTPError, httpcore.TimeoutException, httpx.InvalidURL, OSError, zlib.error) as error:
            raise self._failure(label, error, sent=attempt.sent) from None
        finally:
            _attempt.reset(token)

    def _url(self, path: str) -> httpx.URL:
        """The URL of a path; httpx.InvalidURL if the path leads to another host than the one that the key is for."""
        url, base = httpx.URL(self._base + path), httpx.URL(self._base)
        if (url.scheme, url.host, url.port) != (base.scheme, base.host, base.port):
            raise httpx.InvalidURL(f"{url.host} is not the host of the API key")
        return url

    def _failure(self, request: str, error: Exception, *, sent: bool) -> NeverSent | Ambiguous:
        reason = str(error) or type(error).__name__
        if sent:
            return Ambiguous(f"{request}: no valid response: {reason}")
        return NeverSent(
            f"cannot reach {site(self._base)}: {reason}", "check the network, and `--base-url` or TAVUS_BASE_URL"
        )


def note_proxies() -> None:
    """Log the proxy variables that are ignored: the API key would pass through these proxies."""
    names = [name for name in _PROXIES if os.environ.get(name)]
    if names:
        _log.info("%s is ignored: the API is reached directly", ", ".join(names))


def tls_context() -> truststore.SSLContext:
    """A TLS context that checks certificates against those that the system trusts, and against the host name."""
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class _Transport(httpx.HTTPTransport):
    """httpx's transport with a connection pool whose streams keep the deadline of the request."""

    def __init__(self, network: httpcore.NetworkBackend, connections: int, keepalive: int, *, secure: bool) -> None:
        # Not the pool that httpx would make first: its TLS context alone takes milliseconds.
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls_context() if secure else None,
            max_connections=connections,
            max_keepalive_connections=keepalive,
            keepalive_expiry=5.0,
            network_backend=network,
        )


class _Network(httpcore.NetworkBackend):
    """TCP connections that try each address of a host."""

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
        """A connection to the first address that accepts one; a dead address does not use up the time of the next."""
        ends = time.monotonic() + min(timeout or CONNECT_SECONDS, _attempt.get().left())
        candidates = self._resolved(host, port, ends)
        for index, address in enumerate(candidates):
            left = ends - time.monotonic()
            share = left if index == len(candidates) - 1 else min(left, _ADDRESS_SECONDS)
            try:
                return _Stream(
                    self._sockets.connect_tcp(address, port, max(share, 0.001), local_address, socket_options)
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if index == len(candidates) - 1:
                    raise
        raise httpcore.ConnectError(f"{host} has no address")

    def _resolved(self, host: str, port: int, ends: float) -> Sequence[str]:
        """The addresses of a host, resolved in a separate thread because the system's resolver has no deadline.

        httpcore.ConnectTimeout when it takes too long, httpcore.ConnectError when it fails.
        """
        results: queue.SimpleQueue[Sequence[str] | OSError | UnicodeError] = queue.SimpleQueue()

        def resolve() -> None:
            try:
                results.put(self._resolve(host, port))
            except (OSError, UnicodeError) as error:
                results.put(error)

        concurrency.start(resolve)
        try:
            result = results.get(timeout=max(0.0, ends - time.monotonic()))
        except queue.Empty:
            raise httpcore.ConnectTimeout(f"the host name {host} was not resolved in time") from None
        if isinstance(result, Exception):
            raise httpcore.ConnectError(str(result)) from None
        return result


class _Stream(httpcore.NetworkStream):
    """A network stream whose reads and writes keep the deadline and the limits of the current attempt."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """The received bytes."""
        del timeout
        attempt = _attempt.get()
        data = self._inner.read(max_bytes, attempt.left())
        attempt.take(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes; from the first one on, the attempt counts as sent: the server may have carried it out."""
        del timeout
        attempt, view = _attempt.get(), memoryview(buffer)
        connection: socket.socket = self._inner.get_extra_info("socket")
        attempt.left()  # after the deadline, `passes` is not called any more
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
        """Close the stream."""
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """The stream under TLS; the handshake does not count as sent bytes of the request."""
        seconds = min(timeout or CONNECT_SECONDS, _attempt.get().left())
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, seconds))

    def get_extra_info(self, info: str) -> object:
        """Information about the socket, by which httpcore checks whether a kept connection is still open."""
        return self._inner.get_extra_info(info)


def decompressed_body(response: httpx.Response, limit: int, sink: Callable[[bytes], None] | None = None) -> bytes:
    """The decompressed body of a response, at most `limit` bytes; httpx.DecodingError if it is larger or damaged.

    With a `sink`, the sink gets the body chunk by chunk, and the return value is empty.
    """
    encoding = response.headers.get("Content-Encoding", "identity").strip() or "identity"
    if encoding.lower() not in ("identity", "gzip"):
        raise httpx.DecodingError(f"a body in the encoding `{shortened(encoding, 20)}`, which was not requested")
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 16) if encoding.lower() == "gzip" else None
    parts: list[bytes] = []
    store, size, has_data = sink or parts.append, 0, False
    for chunk in response.iter_raw():
        # One byte above the limit is enough to refuse the body, so nothing beyond that byte is ever decompressed.
        part = inflater.decompress(chunk, limit - size + 1) if inflater else chunk
        size += len(part)
        if size > limit:
            raise httpx.DecodingError(f"the response is larger than {limit // 1024 // 1024} MB")
        store(part)
        has_data = True
    if inflater and has_data and not inflater.eof:
        raise httpx.DecodingError("a truncated compressed body")
    return b"".join(parts)
