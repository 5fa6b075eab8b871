"""HTTP for tests.  All calls share one client, since each new client reads the certificates of the system."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from socketserver import BaseRequestHandler
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

SECONDS = 10
# No connection is reused: test servers close and are killed, and a reused connection would break the next test.
HTTP = httpx.Client(timeout=SECONDS, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


def steer(method: str, url: str, body: Any = None) -> tuple[int, bytes]:
    """Call the control API of an emulator; return status and content.  httpx is slow for thousands of such calls."""
    server, path = urlsplit(url).netloc, url.partition("://")[2].partition("/")[2]
    headers = {"content-type": "application/json"}  # even without a body: the control API refuses web pages by it
    connection = http.client.HTTPConnection(server, timeout=SECONDS)
    try:
        content = None if body is None else json.dumps(body)
        connection.request(method, "/" + quote(path, safe="%/?&=:+,;@!$'()*~"), content, headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@contextlib.contextmanager
def serving(handler: Callable[..., BaseRequestHandler], host: str = "127.0.0.1") -> Iterator[int]:
    """Run a server on this machine; yield its port.  By default, `serve_forever` would need up to 0.5 s to stop."""
    with ThreadingHTTPServer((host, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
