"""One HTTP client for the calls of all tests: one for every call would read the system's certificates each time."""

from __future__ import annotations

import http.client
import json
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
