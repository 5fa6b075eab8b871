"""A server that replays the responses of another server byte for byte, except those that a test replaces."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.web import HTTP, serving

OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s"


def whole(body: bytes) -> bytes:
    """A complete HTTP response with a body."""
    return OK % (len(body), body)


@dataclass
class ReplayResult:
    """Recorded responses by path and query; a response that is not recorded yet is read from the origin."""

    origin: str
    key: str
    url: str = ""
    recorded: dict[str, bytes] = field(default_factory=dict)  # bodies
    instead: dict[str, bytes] = field(default_factory=dict)  # replaced responses, complete; "*": for every request

    def answer(self, method: str, path: str) -> bytes:
        """The response to a request."""
        replaced = self.instead.get("*") or self.instead.get(path)
        if replaced is not None:
            return replaced
        if method != "GET":
            return b"HTTP/1.1 405 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        if path not in self.recorded:
            response = HTTP.get(self.origin + path, headers={"x-api-key": self.key})
            if response.status_code != 200:
                return b"HTTP/1.1 %d No\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s" % (
                    response.status_code,
                    len(response.content),
                    response.content,
                )
            self.recorded[path] = response.content
        return whole(self.recorded[path])


@contextlib.contextmanager
def replaying(origin: str, key: str) -> Iterator[ReplayResult]:
    """A running replay server."""
    replay = ReplayResult(origin, key)

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            self.rfile.read(length)
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.wfile.write(replay.answer(self.command, self.path))

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _any  # noqa: N815 - names that http.server requires

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in http.server
            del format, args

    with serving(Handler) as port:
        replay.url = f"http://127.0.0.1:{port}"
        yield replay
