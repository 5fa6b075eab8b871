"""HTTP as tests use it.  One client for all calls: one for each would read the system's certificates every time."""

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
# No connection is kept: servers of the tests close, die and lie, and a kept one would fail with the next test.
HTTP = httpx.Client(timeout=SECONDS, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


def steer(method: str, url: str, body: Any = None) -> tuple[int, bytes]:
    """A call of an emulator's control side: its status and content.  Tests make thousands, and httpx takes its time."""
    server, place = urlsplit(url).netloc, url.partition("://")[2].partition("/")[2]
    headers = {"content-type": "application/json"}  # also without a body: it tells programs from pages
    connection = http.client.HTTPConnection(server, timeout=SECONDS)
    try:
        content = None if body is None else json.dumps(body)
        connection.request(method, "/" + quote(place, safe="%/?&=:+,;@!$'()*~"), content, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@contextlib.contextmanager
def serving(handler: Callable[..., BaseRequestHandler], host: str = "127.0.0.1") -> Iterator[int]:
    """A server of this machine, by its port.  Of itself it would look only every half second whether it is to end."""
    with ThreadingHTTPServer((host, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
