"""The common part of two small backends: a client of the Tavus API, and an HTTP server."""

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
    """A minimal client of the Tavus API."""

    key: str
    base: str

    def call(self, method: str, path: str, body: Body | None = None) -> Body:
        response = httpx.request(method, self.base + path, json=body, headers={"x-api-key": self.key})
        response.raise_for_status()
        document: Body = response.json() if response.content else {}
        return document


def serve(answer: Answer, port: int = 0) -> None:
    """Serve on this machine until a signal arrives; the URL is the first line on standard output."""

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._answer(json.loads(text) if text else {})

        def _answer(self, body: Body) -> None:
            result = answer(self.command, self.path, body)
            is_page = isinstance(result, str)
            text = result.encode() if isinstance(result, str) else json.dumps(result).encode()
            self.send_response(404 if result is None else 200)
            self.send_header("Content-Type", "text/html; charset=utf-8" if is_page else "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", port), Door) as server:
        sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
        sys.stdout.flush()
        server.serve_forever()
