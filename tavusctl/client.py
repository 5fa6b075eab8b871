"""The Tavus API over HTTP, and the sole user of httpx.  Knows paths and answers, no kinds.

`ReadClient` has no way to write; `Client` adds it.  A call ends in one of three ways: done, surely not done
(NeverSent, Rejected), or unknown (Ambiguous).  Reads are repeated on anything passing; writes only when they surely
were not carried out: the request did not leave, or it was answered with 429.
"""

from __future__ import annotations

import email.utils
import json
import logging
import re
import ssl
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import httpx
import stamina
import truststore

from tavusctl import __version__, paging
from tavusctl.errors import Ambiguous, ApiError, Gone, NeverSent, Rejected, TavusctlError, Throttled, UnauthorisedError
from tavusctl.model import Document, Value
from tavusctl.secret import SHOWN, Secret
from tavusctl.strictjson import strict_json

DEFAULT_URL = "https://tavusapi.com"
CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 30.0
BODY_LIMIT = 32 * 1024 * 1024
PAGE_SIZE = 100
ATTEMPTS = 5
WAIT_LIMIT = 120.0  # longest wait that a server may ask for, seconds
_UNKNOWN_ID = re.compile(r"Invalid \w+_(id|uuid)")
_PASSING = frozenset({500, 502, 503, 504, 520, 521, 522, 523, 524})
_SHORTEST = 3  # what is no longer than this is no secret, and may well be a part of a word
_log = logging.getLogger("tavusctl.http")


class ReadClient:
    """Reads the API; writing is not among its methods."""

    def __init__(self, base_url: str, api_key: str, *, connections: int = 8) -> None:
        self._base = base_url.rstrip("/")
        self._skew = timedelta()
        context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if self._base.startswith("https:") else False
        self._options: dict[str, Any] = {
            "headers": {"x-api-key": api_key, "User-Agent": f"tavusctl/{__version__}", "Accept": "application/json"},
            "timeout": httpx.Timeout(TOTAL_SECONDS, connect=CONNECT_SECONDS),
            "verify": context,
            "trust_env": False,
            "follow_redirects": False,
        }
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        self._http = httpx.Client(limits=limits, **self._options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def server_time(self) -> datetime:
        """The server's clock as of its last answer, else the local one."""
        return datetime.now(UTC) + self._skew

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Document:
        """One object; Gone when there is none."""
        answer = self._repeated(lambda: self._call(self._http, "GET", path, query=query), _read_wait)
        if not isinstance(answer, dict):
            message = f"GET {path} was answered with {type(answer).__name__} where an object belongs"
            raise ApiError(message)
        return answer

    def list(
        self, path: str, *, first_page: int, query: Mapping[str, str], id_fields: tuple[str, ...]
    ) -> list[Document]:
        """Every object of a collection, each once, in the order of the pages; ApiError when some cannot be seen."""
        try:
            return paging.collect(
                lambda number: self._page(path, number, PAGE_SIZE, query), path, first_page, id_fields
            )
        except Rejected as error:
            if error.status != httpx.codes.BAD_REQUEST:
                raise
        # A server that takes no larger page takes the documented default.
        return paging.collect(lambda number: self._page(path, number, 10, query), path, first_page, id_fields)

    def _page(self, path: str, number: int, size: int, query: Mapping[str, str]) -> Document:
        page = self.get(path, {**query, "limit": str(size), "page": str(number)})
        items = page.get("data")
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            message = f"GET {path} was answered without a list of objects in `data`"
            raise ApiError(message)
        return page

    def _repeated(self, call: Callable[[], Value], decide: Callable[[Exception], bool | float]) -> Value:
        for attempt in stamina.retry_context(
            on=decide, attempts=ATTEMPTS, timeout=None, wait_initial=0.5, wait_max=30.0
        ):
            with attempt:
                return call()
        message = "unreachable"  # the context either returns or raises
        raise AssertionError(message)

    def _call(
        self, http: httpx.Client, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Value = None
    ) -> Value:
        request = f"{method} {path}"
        told = {self._options["headers"]["x-api-key"]}  # what must not come back in an error
        content = None if body is None else _encoded(body, told)
        headers = {"Content-Type": "application/json"} if content is not None else {}
        started = time.monotonic()
        try:
            with http.stream(
                method, self._base + path, params=dict(query or {}), content=content, headers=headers
            ) as response:
                payload = _receive(response, started, request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as error:
            message = f"cannot reach {self._base}: {_reason(error)}"
            raise NeverSent(message, "check the network and --base-url") from None
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
            message = f"{request}: no answer that can be understood: {_reason(error)}"
            raise Ambiguous(message) from None
        self._note_time(response)
        _log.debug(
            "%s -> %s, %d bytes, %.0f ms",
            request,
            response.status_code,
            len(payload),
            (time.monotonic() - started) * 1000,
        )
        return _understood(request, response, payload, told)

    def _note_time(self, response: httpx.Response) -> None:
        stamp = response.headers.get("Date")
        if stamp:
            try:
                self._skew = email.utils.parsedate_to_datetime(stamp).astimezone(UTC) - datetime.now(UTC)
            except ValueError:
                _log.debug("the server's Date header is not a date")


class Client(ReadClient):
    """Reads and writes the API."""

    def __init__(self, base_url: str, api_key: str, *, connections: int = 8) -> None:
        super().__init__(base_url, api_key, connections=connections)
        # A kept connection may be closed by the server just as a write is sent, and nobody could tell whether it
        # arrived: every write gets a connection of its own.
        self._writes = httpx.Client(limits=httpx.Limits(max_keepalive_connections=0), **self._options)

    def close(self) -> None:
        """Close all connections."""
        super().close()
        self._writes.close()

    def post(self, path: str, body: Value = None) -> Document:
        """Create or act; the answer's object, empty when there is none."""
        answer = self._write("POST", path, body)
        return answer if isinstance(answer, dict) else {}

    def patch(self, path: str, body: Value) -> None:
        """Change; the answer's body is no promise and is not read."""
        self._write("PATCH", path, body)

    def delete(self, path: str) -> None:
        """Delete; Gone when there was nothing."""
        self._write("DELETE", path)

    def _write(self, method: str, path: str, body: Value = None) -> Value:
        return self._repeated(lambda: self._call(self._writes, method, path, body=body), _write_wait)


def _receive(response: httpx.Response, started: float, request: str) -> bytes:
    chunks, size = [], 0
    for chunk in response.iter_bytes():
        size += len(chunk)
        if size > BODY_LIMIT:
            message = f"{request}: the answer is larger than {BODY_LIMIT // 1024 // 1024} MB"
            raise Ambiguous(message)
        if time.monotonic() - started > TOTAL_SECONDS:
            message = f"{request}: no whole answer within {TOTAL_SECONDS:.0f} s"
            raise Ambiguous(message)
        chunks.append(chunk)
    return b"".join(chunks)


def _understood(request: str, response: httpx.Response, payload: bytes, told: Collection[str]) -> Value:
    """The answer's value, or the error it stands for; secrets that were `told` to the server are not in that."""
    status = response.status_code
    if status == httpx.codes.NOT_MODIFIED:
        return None  # "already so" is a success, whatever follows
    if httpx.codes.is_success(status):
        if not payload:
            return None
        try:
            return strict_json(payload)
        except ValueError as error:
            message = f"{request} was answered with {status} and a body that is not JSON: {error}"
            raise Ambiguous(message) from None
    if httpx.codes.is_redirect(status):
        message = f"{request} was answered with a redirect to another place, which is never followed"
        raise ApiError(message, "check --base-url")
    raise _refusal(request, response, _text(payload, told))


def _refusal(request: str, response: httpx.Response, text: str) -> TavusctlError:
    status = response.status_code
    if status == httpx.codes.UNAUTHORIZED:
        message = f"the API key was refused: {text}"
        return UnauthorisedError(message, "check the environment variable that holds it")
    if status >= httpx.codes.INTERNAL_SERVER_ERROR or status == httpx.codes.REQUEST_TIMEOUT:
        message = f"{request} was answered with {status}: {text}"
        error: Rejected | Ambiguous = Ambiguous(message)
    elif status == httpx.codes.TOO_MANY_REQUESTS:
        error = Throttled(status, text, request)
    elif status == httpx.codes.NOT_FOUND or _names_unknown_id(request, status, text):
        error = Gone(status, text, request)
    else:
        error = Rejected(status, text, request)
    error.status, error.asked_wait = status, _asked_wait(response)
    return error


def _names_unknown_id(request: str, status: int, text: str) -> bool:
    # A POST answers like this about the ids in its body, not about its own path.
    return status == httpx.codes.BAD_REQUEST and not request.startswith("POST") and bool(_UNKNOWN_ID.fullmatch(text))


def _asked_wait(response: httpx.Response) -> float | None:
    """Seconds that Retry-After asks for (RFC 9110, section 10.2.3), at most WAIT_LIMIT; None when it makes no sense."""
    value = response.headers.get("Retry-After", "")
    if value.isascii() and value.isdigit():
        return min(float(value), WAIT_LIMIT)
    try:
        until = email.utils.parsedate_to_datetime(value)
        now = email.utils.parsedate_to_datetime(response.headers.get("Date", ""))
        return min(max((until - now).total_seconds(), 0.0), WAIT_LIMIT)
    except (ValueError, TypeError):
        return None


def _read_wait(error: Exception) -> bool | float:
    """Whether to read again, or after how many seconds."""
    if isinstance(error, Throttled):
        return _patience(error)
    if isinstance(error, Ambiguous):
        return not error.status or error.status in _PASSING
    return isinstance(error, NeverSent)


def _write_wait(error: Exception) -> bool | float:
    """Whether to write again: only what surely was not carried out."""
    return _patience(error) if isinstance(error, Throttled) else isinstance(error, NeverSent)


def _patience(error: Throttled) -> bool | float:
    if error.asked_wait is not None:
        return error.asked_wait
    # A cooldown in words lasts minutes to an hour: for its caller to plan around, not to sit out here.
    return not re.search(r"\b(minutes?|hours?|limit)\b", error.text)


def _encoded(body: Value, told: set[str]) -> bytes:
    """A body as it is sent; the secrets in it are added to `told`."""

    def reveal(leaf: object) -> str:
        if isinstance(leaf, Secret):
            told.add(leaf.reveal())
            return leaf.reveal()
        message = f"{type(leaf).__name__} cannot be sent"
        raise TypeError(message)

    return json.dumps(body, default=reveal, ensure_ascii=False).encode()


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _text(payload: bytes, told: Collection[str] = ()) -> str:
    """The server's words: `error`, then `message`, then `detail`, then the raw text; one line, 300 characters.

    A server may repeat what it was sent, keys included, plain or as the text of a JSON string or a Python one.
    """
    words = payload[:4096].decode("utf-8", "replace")
    try:
        document = strict_json(payload)
    except ValueError:
        document = None
    if isinstance(document, dict):
        words = next((str(document[key]) for key in ("error", "message", "detail") if document.get(key)), words)
    for secret in sorted((one for one in told if len(one) > _SHORTEST), key=len, reverse=True):
        for spelling in (secret, json.dumps(secret)[1:-1], repr(secret)[1:-1]):
            words = words.replace(spelling, SHOWN)
    return " ".join(words.split())[:300] or "(no text)"
