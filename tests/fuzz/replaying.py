"""A server that answers what another one has answered, byte for byte, but for what a test puts in place of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.web import HTTP, serving

OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s"


def whole(body: bytes) -> bytes:
    """An answer with a body."""
    return OK % (len(body), body)


@dataclass
class ReplayResult:
    """Answers by path, query included; those that nobody has asked for yet come from the other server."""

    origin: str
    key: str
    url: str = ""
    recorded: dict[str, bytes] = field(default_factory=dict)  # bodies
    instead: dict[str, bytes] = field(default_factory=dict)  # whole answers; that of * is for every request

    def answer(self, method: str, path: str) -> bytes:
        """What a request gets."""
        found = self.instead.get("*") or self.instead.get(path)
        if found is not None:
            return found
        if method != "GET":
            return b"HTTP/1.1 405 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        if path not in self.recorded:
            answer = HTTP.get(self.origin + path, headers={"x-api-key": self.key})
            if answer.status_code != 200:
                return b"HTTP/1.1 %d No\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s" % (
                    answer.status_code,
                    len(answer.content),
                    answer.content,
                )
            self.recorded[path] = answer.content
        return whole(self.recorded[path])


@contextlib.contextmanager
def replaying(origin: str, key: str) -> Iterator[ReplayResult]:
    """The server, running."""
    replay = ReplayResult(origin, key)

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            self.rfile.read(length)
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.wfile.write(replay.answer(self.command, self.path))

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _any  # noqa: N815 - as http.server has them

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in http.server
            del format, args

    with serving(Handler) as port:
        replay.url = f"http://127.0.0.1:{port}"
        yield replay
