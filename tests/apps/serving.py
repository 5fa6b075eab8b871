"""What two small backends share: a way to call Tavus, and a way to be called."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

Body = dict[str, Any]
Answer = Callable[[str, str, Body], Body | str | None]  # method, path, body -> JSON, a page, or None for 404
TAVUS = "https://tavusapi.com"


@dataclass(frozen=True)
class Tavus:
    """The API, as an application calls it."""

    key: str
    base: str

    def call(self, method: str, path: str, body: Body | None = None) -> Body:
        answer = httpx.request(method, self.base + path, json=body, headers={"x-api-key": self.key})
        answer.raise_for_status()
        said: Body = answer.json() if answer.content else {}
        return said


def serve(answer: Answer, port: int = 0) -> None:
    """Serve on this machine until a signal comes; the address is the first line on stdout."""

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._answer(json.loads(text) if text else {})

        def _answer(self, body: Body) -> None:
            said = answer(self.command, self.path, body)
            page = isinstance(said, str)
            text = said.encode() if isinstance(said, str) else json.dumps(said).encode()
            self.send_response(404 if said is None else 200)
            self.send_header("Content-Type", "text/html; charset=utf-8" if page else "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", port), Door) as server:
        sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
        sys.stdout.flush()
        server.serve_forever()
