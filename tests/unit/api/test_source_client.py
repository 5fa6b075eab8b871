"""Sources are looked at from far outside: no private network, no plain http, nothing endless, no word of who asks."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import ipaddress
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tavusctl.api import Sources
from tavusctl.api.source_client import REDACTED, is_public
from tavusctl.core.errors import ApiError
from tavusctl.lib.concurrency import run_all
from tavusctl.lib.json_types import JsonObject
from tests.web import serving

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

    with serving(Page) as port:
        yield f"http://127.0.0.1:{port}", asked


def reply(page: Any, status: int, content: bytes = b"", **headers: str) -> None:
    page.send_response(status)
    for name, value in {"Content-Length": str(len(content)), **headers}.items():
        page.send_header(name.replace("_", "-"), value)
    page.end_headers()
    page.wfile.write(content)


def test_the_log_of_a_failure_shows_only_the_site(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "tavusctl.http")
    with site(lambda page: reply(page, 404)) as (origin, _), pytest.raises(ApiError):
        Sources(loopback=origin).read(f"{origin}/canary/a.pdf?canary#canary", {})

    assert caplog.messages == [f"{origin}: 127.0.0.1 returned 404"]


def test_a_look_has_digest_length_and_what_tells_versions_apart() -> None:
    def answer(page: Any) -> None:
        reply(page, 200, CONTENT, ETag='"1"', Last_Modified="Tue, 05 May 2026 10:00:00 GMT")

    with site(answer) as (origin, asked):
        look = Sources(loopback=origin).read(f"{origin}/prices.pdf?v=1", {})

    assert look == {**LOOK, "etag": '"1"', "modified": "Tue, 05 May 2026 10:00:00 GMT"}
    assert {name.lower() for name in asked[0]} == {"host", "user-agent", "accept-encoding"}


def test_what_is_known_is_asked_for_on_condition_and_not_sent_again() -> None:
    def answer(page: Any) -> None:
        reply(page, 304 if page.headers["If-None-Match"] == '"1"' else 200, b"")

    known = {**LOOK, "etag": '"1"', "modified": "Tue, 05 May 2026 10:00:00 GMT"}
    with site(answer) as (origin, asked):
        assert Sources(loopback=origin).read(f"{origin}/", known) == known
    assert asked[0]["If-Modified-Since"] == "Tue, 05 May 2026 10:00:00 GMT"


def test_three_redirects_are_followed_and_no_fourth() -> None:
    def answer(page: Any) -> None:
        left = int(page.path.rpartition("/")[2])
        reply(page, 302, Location=f"/{left - 1}") if left else reply(page, 200, CONTENT)

    with site(answer) as (origin, _):
        eyes = Sources(loopback=origin)
        assert eyes.read(f"{origin}/3", {}) == LOOK
        with pytest.raises(ApiError, match=REDACTED):
            eyes.read(f"{origin}/4", {})


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("http://example.com/", "only `https://`"),
        ("https://127.0.0.1/x", REDACTED),
        ("http://127.0.0.1:1/x", "only `https://`"),
        ("file:///etc/passwd", "no host"),
        ("https://user:pass@example.com/", "no host"),
        ("https://:pass@example.com/", "no host"),
        ("//[::1", "no host"),
    ],
)
def test_no_redirect_leads_where_no_manifest_may(where: str, reason: str) -> None:
    with site(lambda page: reply(page, 301, Location=where)) as (origin, asked):
        with pytest.raises(ApiError, match=REDACTED):
            Sources(loopback=origin).read(f"{origin}/", {})
        with pytest.raises(ApiError, match=reason):
            Sources().read(where, {})
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
    "64:ff9b::808:808",
    "64:ff9b:1::a00:1",
    "::ffff:8.8.8.8",
    "::ffff:0:10.0.0.1",
    "::10.0.0.1",
    "::8.8.8.8",
    "fec0::77",
    "feff::1",
    "168.63.129.16",
    "161.26.0.10",
    "166.9.8.7",
    "199.36.153.8",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.9",
    "240.0.0.1",
    "2001:db8::1",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "3fff::1",
    "5f00::1",
    "4000::1",
    "100::1",
    "2600::5efe:a00:1",
    "2600::200:5efe:808:808",
    "fd20:ce::254",
    "2002:a00:1::",
    "2001:0:a00:1::",
    "no host",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_host_that_leads_into_a_private_network_is_never_asked(address: str) -> None:
    """Also when only one of its addresses does; the judged address is the one that is asked, so none can be swapped."""
    resolved: list[str] = []

    def resolve(host: str, _: int) -> list[str]:
        resolved.append(host)
        return ["8.8.8.8", address]

    with pytest.raises(ApiError, match=REDACTED):
        Sources(resolve=resolve, seconds=5).read("https://files.example.com/prices.pdf?sig=secret", {})
    assert resolved == ["files.example.com"]


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700::1111", "2a00:1450::1"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(("status", "known"), [(404, {}), (500, {}), (304, {}), (204, {}), (302, {})])
def test_another_answer_says_nothing_about_the_source(status: int, known: dict[str, str]) -> None:
    with (
        site(lambda page: reply(page, status)) as (origin, _),
        pytest.raises(ApiError, match=REDACTED),
    ):
        Sources(loopback=origin).read(f"{origin}/prices.pdf?sig=secret", known)


def test_a_source_that_is_too_large_or_too_slow_is_left_and_its_query_not_told() -> None:
    def slow(page: Any) -> None:
        page.send_response(200)
        page.end_headers()
        for _ in range(100):
            page.wfile.write(b"x")
            time.sleep(0.05)

    with site(lambda page: reply(page, 200, b"x" * 2000)) as (origin, _), pytest.raises(ApiError) as large:
        Sources(loopback=origin, limit=1000).read(f"{origin}/prices.pdf?sig=secret", {})
    began = time.monotonic()
    with site(slow) as (origin, _), pytest.raises(ApiError) as late:
        Sources(loopback=origin, seconds=0.5).read(f"{origin}/prices.pdf?sig=secret", {})

    assert time.monotonic() - began < 3
    assert (large.value.message, late.value.message) == (REDACTED, REDACTED)


def test_validators_that_could_do_harm_are_not_kept() -> None:
    with site(lambda page: reply(page, 200, CONTENT, ETag='"' + "e" * 300 + '"')) as (origin, _):
        assert Sources(loopback=origin).read(f"{origin}/", {}) == LOOK


@given(
    st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address),
    st.sampled_from(["::ffff:0:0/96", "::ffff:0:0:0/96", "::/96", "64:ff9b::/96", "64:ff9b:1::/96", "2001::/96"]),
)
def test_an_ipv4_address_in_any_disguise_is_not_public(inner: ipaddress.IPv4Address, disguise: str) -> None:
    base = int(ipaddress.IPv6Network(disguise).network_address)
    relayed = ipaddress.IPv6Address((0x2002 << 112) | (int(inner) << 80) | 1)

    assert not is_public(str(ipaddress.IPv6Address(base | int(inner))))
    assert not is_public(str(relayed))


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_what_the_registries_do_not_call_global_is_not_public(address: ipaddress.IPv4Address) -> None:
    assert address.is_global or not is_public(str(address))


def test_whatever_fails_is_told_in_the_same_words() -> None:
    """Of a port nobody can tell whether it is open, and of a name nobody can tell what it leads to."""

    def nowhere(*_: object) -> list[str]:
        message = "Name or service not known"
        raise OSError(message)

    with socket.create_server(("127.0.0.1", 0)) as free:
        closed = free.getsockname()[1]
    with site(lambda page: reply(page, 403)) as (origin, asked):
        ports = {int(origin.rpartition(":")[2]): origin, closed: f"http://127.0.0.1:{closed}"}
        told = set()
        for port, loopback in ports.items():
            eyes = [Sources(loopback=loopback), Sources(resolve=nowhere), Sources(resolve=lambda *_: ["10.0.0.1"])]
            for one, url in zip(eyes, [f"{loopback}/x", *[f"https://db.internal:{port}/x"] * 2], strict=True):
                with pytest.raises(ApiError) as error:
                    one.read(url, {})
                told.add(error.value.message)

    assert told == {REDACTED}
    assert len(asked) == 1


def test_all_sources_have_their_time_together() -> None:
    def slow(page: Any) -> None:
        page.send_response(200)
        page.send_header("Content-Length", "1000000")
        page.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(200):
                page.wfile.write(b"x")
                time.sleep(0.05)

    with site(slow) as (origin, asked):
        eyes = Sources(loopback=origin, seconds=0.5, seconds_in_all=0.8)
        began = time.monotonic()
        for number in range(20):
            with pytest.raises(ApiError, match=REDACTED):
                eyes.read(f"{origin}/{number}", {})

    assert time.monotonic() - began < 2
    assert len(asked) == 2


def test_a_source_is_looked_at_once_in_a_run() -> None:
    """Two plans of one run, of a branch and of where it began, see the same."""
    with site(lambda page: reply(page, 200, CONTENT)) as (origin, asked):
        eyes = Sources(loopback=origin)
        assert [eyes.read(f"{origin}/", {}) for _ in range(3)] == [LOOK] * 3
        assert len(asked) == 1
        eyes.read(f"{origin}/", LOOK)
        assert len(asked) == 2


def test_sources_without_an_answer_leave_time_for_those_that_are_read_later() -> None:
    ended = threading.Event()

    def answer(page: Any) -> None:
        if page.path.startswith("/silent"):
            ended.wait(10)
        else:
            reply(page, 200, CONTENT)

    def read(eyes: Sources, url: str, later: int) -> JsonObject:
        try:
            return eyes.read(url, {}, later=later)
        except ApiError:
            return {}

    with site(answer) as (origin, _):
        eyes = Sources(loopback=origin, seconds=0.8, seconds_in_all=1.2)
        urls = [*(f"{origin}/silent/{number}" for number in range(12)), f"{origin}/prices.pdf"]
        reads = [partial(read, eyes, url, len(urls) - 1 - index) for index, url in enumerate(urls)]
        looks = run_all(reads, eyes.at_once)
        ended.set()

    assert looks == [*[{}] * 12, LOOK]
