"""One request on the wire: deadlines, limits, what has left and what has not, and certificates."""

from __future__ import annotations

import gzip
import json
import resource
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tavusctl.api import Client
from tavusctl.core.errors import Ambiguous, ApiError, NeverSent
from tavusctl.core.ports import OpenFence
from tests.unit.api.raw_server import answering, dripping, serving

OK = b"HTTP/1.1 200 OK\r\n"
KEY = "canary-key-0123456789"
HEAD = OK + b"content-type: application/json\r\n"


def client(port: int, *, host: str = "127.0.0.1", scheme: str = "http", **options: Any) -> Client:
    return Client(f"{scheme}://{host}:{port}", KEY, max_wait=0.0, **{"seconds": 0.6, **options})


def whole(body: bytes, *headers: bytes) -> bytes:
    lines = b"".join(header + b"\r\n" for header in (b"content-length: %d" % len(body), *headers))
    return HEAD + lines + b"\r\n" + body


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


DRIPS = {
    "headers": (OK, b"x"),
    "a body": (HEAD + b"content-length: 100000\r\n\r\n", b"1"),
    "chunks": (HEAD + b"transfer-encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "nothing at all": (b"", b""),
    "answers in passing": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
}


@pytest.mark.parametrize(("head", "drop"), DRIPS.values(), ids=DRIPS)
def test_033_a_deadline_is_for_the_whole_answer(head: bytes, drop: bytes, stop: threading.Event) -> None:
    """However often a little comes: a deadline for each read would never end."""
    with serving(dripping(head, drop, stop)) as (port, requests), client(port) as api:
        started = time.monotonic()
        with pytest.raises(Ambiguous, match=r"no complete response within 0\.6 s|timed out"):
            api.post("/v2/personas", {"a": 1}, fence=OpenFence())
        assert 0.5 < time.monotonic() - started < 1.6
        assert len(requests) == 1


def test_033_a_request_that_is_not_taken_ends_too(stop: threading.Event) -> None:
    def sleepy(_: socket.socket) -> None:
        stop.wait(5)

    with serving(sleepy) as (port, _), client(port) as api:
        started = time.monotonic()
        with pytest.raises(Ambiguous):
            api.post("/v2/personas", {"text": "x" * 20_000_000}, fence=OpenFence())
        assert time.monotonic() - started < 1.6


FLOODS: dict[str, bytes] = {
    "headers without end": OK + b"x-a: b\r\n" * 200_000,
    "one header without end": OK + b"x-a: " + b"b" * 2_000_000,
    "answers in passing": b"HTTP/1.1 103 Early Hints\r\nx: y\r\n\r\n" * 50_000,
    "a body without end": HEAD + b"\r\n" + b" " * (33 * 1024 * 1024),
    "a packed bomb": whole(gzip.compress(b" " * (200 * 1024 * 1024)), b"content-encoding: gzip"),
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
def test_034_035_a_flood_is_an_error_and_not_held_in_memory(flood: bytes) -> None:
    with serving(answering(flood)) as (port, _), client(port, seconds=20.0) as api:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(Ambiguous, match=r"too large|larger than|no valid response"):
            api.post("/v2/personas", {}, fence=OpenFence())
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 96 * 1024


def test_035_a_packed_body_is_unpacked_and_half_of_one_is_none() -> None:
    packed = gzip.compress(json.dumps({"persona_id": "p1"}).encode())
    with serving(answering(whole(packed, b"content-encoding: gzip"))) as (port, _), client(port) as api:
        assert api.get("/v2/personas/p1") == {"persona_id": "p1"}
    for body, encoding in ((packed[:-9], b"gzip"), (b"no gzip", b"gzip"), (packed, b"br")):
        answer = whole(body, b"content-encoding: " + encoding)
        with serving(answering(answer)) as (port, _), client(port) as api, pytest.raises(Ambiguous):
            api.post("/v2/personas", {}, fence=OpenFence())


def test_029_an_answer_cut_anywhere_is_not_an_answer() -> None:
    """Every offset: by announced length, and by chunks."""
    body = b'{"data": [{"persona_id": "p1"}, {"persona_id": "p2"}], "total_count": 2}'
    chunked = HEAD + b"transfer-encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    for answer in (whole(body), chunked):
        cuts = iter(range(len(answer)))

        def behave(connection: socket.socket, answer: bytes = answer, cuts: Iterator[int] = cuts) -> None:
            connection.sendall(answer[: next(cuts)])

        with serving(behave) as (port, requests), client(port) as api:
            for _ in answer:
                with pytest.raises(Ambiguous):
                    api.post("/v2/personas", {}, fence=OpenFence())
            assert len(requests) == len(answer)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"a": 1, "a": 2}',
        b'{"a": NaN}',
        b'{"a": 1e400}',
        b'{"a": "\\ud800"}',
        b"[" * 100_000,
        b"\xff",
        b"<html>",
    ],
)
def test_031_a_body_that_is_not_strictly_json_is_not_understood(body: bytes) -> None:
    with serving(answering(whole(body))) as (port, requests), client(port) as api:
        with pytest.raises(Ambiguous, match="invalid JSON"):
            api.post("/v2/personas", {}, fence=OpenFence())
        assert len(requests) == 1


def test_036_a_kept_connection_that_is_closed_costs_no_second_write() -> None:
    """Each write has a connection of its own, so reads that were kept cannot spoil it."""
    with serving(answering(whole(b"{}"))) as (port, requests), client(port) as api:
        for _ in range(3):
            api.get("/v2/personas/p1")
            api.post("/v2/personas", {}, fence=OpenFence())
        assert [request.split()[0] for request in requests] == [b"GET", b"POST"] * 3


def test_032_a_lost_answer_is_read_again_but_not_written_again() -> None:
    with serving(lambda connection: connection.close()) as (port, requests), client(port) as api:
        with pytest.raises(Ambiguous):
            api.post("/v2/personas", {}, fence=OpenFence())
        with pytest.raises(Ambiguous):
            api.get("/v2/personas/p1")
        assert [request.split()[0] for request in requests] == [b"POST", *[b"GET"] * 5]


@pytest.mark.parametrize("reason", [socket.gaierror(-2, "Name or service not known"), UnicodeError("label too long")])
def test_059_a_name_without_address_is_surely_not_sent(reason: Exception) -> None:
    asked = []

    def resolve(host: str, _: int) -> Sequence[str]:
        asked.append(host)
        raise reason

    with client(443, host="api.invalid", resolve=resolve) as api, pytest.raises(NeverSent, match="cannot reach"):
        api.post("/v2/personas", {}, fence=OpenFence())
    assert asked == ["api.invalid"] * 3


def test_059_a_resolver_that_hangs_ends_with_the_deadline(stop: threading.Event) -> None:
    def resolve(_: str, __: int) -> Sequence[str]:
        stop.wait(10)
        return ()

    with client(443, host="api.invalid", resolve=resolve, seconds=0.2) as api:
        started = time.monotonic()
        with pytest.raises(NeverSent, match="not resolved in time"):
            api.post("/v2/personas", {}, fence=OpenFence())
    assert time.monotonic() - started < 2.0


def test_060_a_closed_port_is_surely_not_sent() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with client(free.getsockname()[1]) as api, pytest.raises(NeverSent, match="refused"):
            api.delete("/v2/personas/p1", fence=OpenFence())


def test_063_a_dead_address_is_passed_over() -> None:
    """A port that takes no connection stands for a network that swallows them."""
    with serving(answering(whole(b'{"a": 1}'))) as (port, _):
        addresses = ("240.0.0.1", "::ffff:240.0.0.1", "127.0.0.1")
        with client(port, host="api.invalid", seconds=6.0, resolve=lambda *_: addresses) as api:
            started = time.monotonic()
            assert api.get("/v2/personas/p1") == {"a": 1}
            assert time.monotonic() - started < 6.0


@pytest.mark.parametrize(
    "path",
    [
        "@evil.example.com/v2",
        ".evil.com/v2",
        "//evil.com/v2",
        "/v2/../x",
        "/v2/p?hard=true",
        "/v2/p#x",
        "/v2/ p",
        "/v2/p/",
        "/v2/%2e%2e/x",
        "",
    ],
)
def test_s44_s50_a_path_is_a_path_and_nothing_else(path: str) -> None:
    with serving(answering(whole(b"{}"))) as (port, requests), client(port) as api:
        with pytest.raises(ApiError, match="not a path"):
            api.delete(path, fence=OpenFence())
        assert requests == []
