"""One HTTP client for the calls of all tests: one for every call would read the system's certificates each time."""

from __future__ import annotations

import httpx

# No connection is kept: servers of the tests close, die and lie, and a kept one would fail with the next test.
HTTP = httpx.Client(timeout=10, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))
