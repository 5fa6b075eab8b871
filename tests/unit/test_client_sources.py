"""Sources are looked at from far outside: no private network, no plain http, nothing endless, no word of who asks."""

from __future__ import annotations

import hashlib
import http.server
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tavusctl.client import Sources
from tavusctl.client.sources import is_public
from tavusctl.errors import ApiError

CONTENT = b"prices of May"
LOOK = {"sha256": hashlib.sha256(CONTENT).hexdigest(), "length": len(CONTENT)}
Answer = Callable[[Any], None]


@contextmanager
def site(answer: Answer) -> Iterator[tuple[str, list[Any]]]:
    """An origin on this machine, and the headers it was asked with."""
    asked: list[Any] = []

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers)
            answer(self)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def reply(page: Any, status: int, content: bytes = b"", **headers: str) -> None:
    page.send_response(status)
    for name, value in {"Content-Length": str(len(content)), **headers}.items():
        page.send_header(name.replace("_", "-"), value)
    page.end_headers()
    page.wfile.write(content)


def test_a_look_has_digest_length_and_what_tells_versions_apart() -> None:
    def answer(page: Any) -> None:
        reply(page, 200, CONTENT, ETag='"1"', Last_Modified="Tue, 05 May 2026 10:00:00 GMT")

    with site(answer) as (origin, asked):
        look = Sources(loopback=origin).look(f"{origin}/prices.pdf?v=1", {})

    assert look == {**LOOK, "etag": '"1"', "modified": "Tue, 05 May 2026 10:00:00 GMT"}
    assert {name.lower() for name in asked[0]} == {"host", "user-agent", "accept-encoding"}


def test_what_is_known_is_asked_for_on_condition_and_not_sent_again() -> None:
    def answer(page: Any) -> None:
        reply(page, 304 if page.headers["If-None-Match"] == '"1"' else 200, b"")

    known = {**LOOK, "etag": '"1"', "modified": "Tue, 05 May 2026 10:00:00 GMT"}
    with site(answer) as (origin, asked):
        assert Sources(loopback=origin).look(f"{origin}/", known) == known
    assert asked[0]["If-Modified-Since"] == "Tue, 05 May 2026 10:00:00 GMT"


def test_three_redirects_are_followed_and_no_fourth() -> None:
    def answer(page: Any) -> None:
        left = int(page.path.rpartition("/")[2])
        reply(page, 302, Location=f"/{left - 1}") if left else reply(page, 200, CONTENT)

    with site(answer) as (origin, _):
        eyes = Sources(loopback=origin)
        assert eyes.look(f"{origin}/3", {}) == LOOK
        with pytest.raises(ApiError, match="more than 3 redirects"):
            eyes.look(f"{origin}/4", {})


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("http://example.com/", "only https"),
        ("https://127.0.0.1/x", "not a public address"),
        ("http://127.0.0.1:1/x", "only https"),
        ("file:///etc/passwd", "no address"),
        ("https://user:pass@example.com/", "no address"),
        ("//[::1", "no address"),
    ],
)
def test_no_redirect_leads_where_no_manifest_may(where: str, reason: str) -> None:
    with site(lambda page: reply(page, 301, Location=where)) as (origin, asked):
        with pytest.raises(ApiError, match=reason):
            Sources(loopback=origin).look(f"{origin}/", {})
        with pytest.raises(ApiError, match=reason):
            Sources().look(where, {})
    assert len(asked) == 1


PRIVATE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104 - nobody listens here
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a00:1",
    "2002:a00:1::",
    "2001:0:a00:1::",
    "no address",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_host_that_leads_into_a_private_network_is_never_asked(address: str) -> None:
    """Also when only one of its addresses does; the judged address is the one that is asked, so none can be swapped."""
    resolved: list[str] = []

    def resolve(host: str, _: int) -> list[str]:
        resolved.append(host)
        return ["8.8.8.8", address]

    with pytest.raises(ApiError, match="not a public address"):
        Sources(resolve=resolve, seconds=5).look("https://files.example.com/prices.pdf?sig=secret", {})
    assert resolved == ["files.example.com"]


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(("status", "known"), [(404, {}), (500, {}), (304, {}), (204, {}), (302, {})])
def test_another_answer_says_nothing_about_the_source(status: int, known: dict[str, str]) -> None:
    with (
        site(lambda page: reply(page, status)) as (origin, _),
        pytest.raises(ApiError, match=f"127.0.0.1 answered with {status}"),
    ):
        Sources(loopback=origin).look(f"{origin}/prices.pdf?sig=secret", known)


def test_a_source_that_is_too_large_or_too_slow_is_left_and_its_query_not_told() -> None:
    def slow(page: Any) -> None:
        page.send_response(200)
        page.end_headers()
        for _ in range(100):
            page.wfile.write(b"x")
            time.sleep(0.05)

    with site(lambda page: reply(page, 200, b"x" * 2000)) as (origin, _), pytest.raises(ApiError) as large:
        Sources(loopback=origin, limit=1000).look(f"{origin}/prices.pdf?sig=secret", {})
    began = time.monotonic()
    with site(slow) as (origin, _), pytest.raises(ApiError) as late:
        Sources(loopback=origin, seconds=0.5).look(f"{origin}/prices.pdf?sig=secret", {})

    assert time.monotonic() - began < 3
    assert "larger than" in large.value.message
    assert "secret" not in large.value.message + late.value.message


def test_validators_that_could_do_harm_are_not_kept() -> None:
    with site(lambda page: reply(page, 200, CONTENT, ETag='"' + "e" * 300 + '"')) as (origin, _):
        assert Sources(loopback=origin).look(f"{origin}/", {}) == LOOK
