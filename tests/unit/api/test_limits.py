"""Listings without end: of the API and of GitHub, by pages, objects, memory and time; each ends with a named error."""

from __future__ import annotations

import gzip
import itertools
import json
import re
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from msgspec.structs import replace

from tavusctl.api import Client, Sources
from tavusctl.api.listing_limits import LIMITS, Limits, Meter, memory_of
from tavusctl.api.retry import RetryPolicy
from tavusctl.core.errors import ApiError
from tavusctl.core.resource_kind import Listing
from tavusctl.integrations.github.rest import GitHub
from tests.unit.api.raw_server import serving

MB = 1024 * 1024
Answer = Callable[[int, int], Any]  # what page `number` of `size` is, as JSON or as bytes


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], str]]:
    """A server of pages at a URL; it knows nothing but page numbers."""
    running = []

    def start(answer: Answer) -> str:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query)
                size = int((query.get("limit") or query.get("per_page") or ["1"])[0])
                found = answer(int(query.get("page", ["0"])[0]), size)
                body = found if isinstance(found, bytes) else json.dumps(found).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in http.server
                del format, args

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        running.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


def listed(url: str, limits: Limits = LIMITS, **options: Any) -> list[dict[str, Any]]:
    with Client(url, "key-0123456789", max_wait=0.0, limits=limits, **options) as api:
        return api.list("/v2/personas", Listing(), ("persona_id",))


def page(number: int, size: int, **more: Any) -> dict[str, Any]:
    return {"data": [{"persona_id": f"p{number}-{place}"} for place in range(size)], **more}


FEW = replace(LIMITS, pages=20, objects=1000, memory=MB)
LONG = '"' + "x" * 500_000 + '"'
# What each page is, and what is told.
ENDLESS: dict[str, tuple[Answer, str]] = {
    "new objects on every page": (page, "more than 1000 objects"),
    "one new object on every page": (lambda number, _: page(number, 1), "more than 20 pages"),
    "a total that is never reached": (lambda number, _: page(number, 1, total_count=10**12), "more than 20 pages"),
    "long texts": (
        lambda number, _: b'{"data": [{"persona_id": "p%d", "x": %s}]}' % (number, LONG.encode()),
        "more than 1 MiB in memory",
    ),
    "small values": (
        lambda number, _: b'{"data": [{"persona_id": "p%d", "x": [%s{}]}]}' % (number, b"{}," * 5000),
        "more than 1 MiB in memory",
    ),
    "wide texts": (
        lambda number, _: page(number, 1, note="\N{GRINNING FACE}" + "x" * 100_000),
        "more than 1 MiB in memory",
    ),
}


@pytest.mark.parametrize("known", [False, True], ids=["", "and the total is known to be large"])
@pytest.mark.parametrize(("answer", "words"), ENDLESS.values(), ids=ENDLESS)
def test_a_list_without_end_ends(serve: Callable[[Answer], str], answer: Answer, words: str, known: bool) -> None:
    def told(number: int, size: int) -> bytes:
        found = answer(number, size)
        body = found if isinstance(found, bytes) else json.dumps(found, ensure_ascii=False).encode()
        return body[:-1] + b', "total_count": 1000000}' if known and b"total_count" not in body else body

    with pytest.raises(ApiError, match=words) as raised:
        listed(serve(told), FEW)
    assert raised.value.id == "E1108"
    assert raised.value.exit_code == 11
    assert raised.value.message.startswith("the listing of /v2/personas exceeds a limit: ")


def test_a_list_at_the_limits_is_whole(serve: Callable[[Answer], str]) -> None:
    def answer(number: int, size: int) -> Any:
        return page(number, size if 1 <= number <= 10 else 0, total_count=10 * size)

    assert len(listed(serve(answer), FEW)) == 1000


def test_a_list_takes_no_longer_than_its_time() -> None:
    class Clock:
        """Ten minutes pass with every look."""

        now = 0.0
        sleep = staticmethod(time.sleep)

        def monotonic(self) -> float:
            self.now += 600
            return self.now

    meter = Meter("/v2/personas", Clock())
    meter.count_page()
    with pytest.raises(ApiError, match="takes longer than 15 minutes"):
        meter.count_page()


def test_time_is_for_all_passes_together(serve: Callable[[Answer], str]) -> None:
    """A list that does not come to rest, and that is slow."""
    counter = itertools.count()

    def answer(number: int, _: int) -> Any:
        time.sleep(0.05)
        return {"data": [{"persona_id": f"p{next(counter)}"}] if number < 4 else []}

    began = time.monotonic()
    with pytest.raises(ApiError, match="takes longer than"):
        listed(serve(answer), replace(LIMITS, seconds=0.5))
    assert time.monotonic() - began < 2


def test_large_pages_come_one_by_one() -> None:
    meter = Meter("/v2/personas", time)
    assert meter.parallel_pages(10) == 10
    meter.count_memory(16 * MB)
    assert meter.parallel_pages(10) == 4
    meter.count_memory(32 * MB)
    assert meter.parallel_pages(10) == 2


def test_ten_thousand_personas_of_five_kilobytes_are_within_the_limits() -> None:
    """With all that the API adds to each, and a character in every prompt that makes its page four times as large."""
    layers = {
        name: {f"key{place}": "some value" for place in range(12)} for name in ("llm", "tts", "stt", "perception")
    }
    prompt = "\N{GRINNING FACE}" + "You coach, and you listen. " * 190
    one = {"persona_id": "p0123456789a", "persona_name": "Coach", "layers": layers, "system_prompt": prompt}
    meter = Meter("/v2/personas", time)
    payload = json.dumps({"data": [one] * 100}, ensure_ascii=False).encode()
    for _ in range(100):
        meter.count_page()
        meter.count_memory(memory_of(payload))
    meter.check_object_count(10_000)
    assert meter.memory < LIMITS.memory


def comments(number: int, size: int) -> Any:
    return [{"id": number * size + place + 1, "body": "x" * 100, "user": {"login": "a"}} for place in range(size)]


def test_github_lists_without_end_end_and_nothing_is_written(serve: Callable[[Answer], str]) -> None:
    """What is ours might be on a later page: a second comment would be made."""
    asked = itertools.count()

    def answer(number: int, size: int) -> Any:
        next(asked)
        return comments(number, size)

    with (
        GitHub(serve(answer), "acme/prod", "token-0123456789", pages=30) as hub,
        pytest.raises(ApiError, match="exceeds a limit: 30 pages") as raised,
    ):
        hub.keep_comment(7, "<!-- x -->", lambda _: "<!-- x -->")
    assert raised.value.id == "E1108"
    assert next(asked) == 30


SHAPES: list[Any] = [
    {},
    [1],
    [{"id": "1"}],
    [{"id": 1, "body": 5}],
    [{"id": 1, "body": "<!-- x -->", "user": "me"}],
    [{"body": "<!-- x -->", "user": {"login": "github-actions[bot]"}}],
    [[]],
    "text",
    None,
]


@pytest.mark.parametrize("shape", SHAPES, ids=map(json.dumps, SHAPES))
def test_what_github_does_not_say_is_an_error_with_words(serve: Callable[[Answer], str], shape: Any) -> None:
    with GitHub(serve(lambda *_: shape), "acme/prod", "token-0123456789", patience=RetryPolicy(max_wait=0.0)) as hub:
        calls: list[Callable[[], str]] = [
            lambda: hub.keep_comment(7, "<!-- x -->", lambda _: "<!-- x -->\nbody"),
            lambda: hub.keep_issue(hub.issues("<!-- x -->".__eq__), "<!-- x -->", "title", "body"),
            lambda: hub.close_issues(hub.issues("<!-- x -->".__eq__), "why"),
        ]
        for call in calls:
            with pytest.raises(ApiError, match="GitHub"):
                call()


def test_a_large_source_is_not_held_in_memory() -> None:
    """Four at a time, fifty megabytes each."""
    size = 40 * MB
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size

    def behave(connection: socket.socket) -> None:
        connection.sendall(head)
        for _ in range(size // MB):
            connection.sendall(bytes(MB))

    with serving(behave) as (port, _):
        origin = f"http://127.0.0.1:{port}"
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        found = Sources(loopback=origin, seconds=20.0).read(f"{origin}/a.pdf", {})
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert found["length"] == size
    assert re.fullmatch("[0-9a-f]{64}", str(found["sha256"]))
    assert grown < 20


def test_a_packed_bomb_of_small_values_is_no_answer() -> None:
    """A few KB that are ten million objects, within the bytes that a body may have."""
    bomb = gzip.compress(b'{"data": [' + b"{}," * (8 * MB) + b"{}]}")
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(bomb)
    with serving(lambda connection: connection.sendall(head + bomb)) as (port, _):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(ApiError, match=r"too many values|exceeds a limit"):
            listed(f"http://127.0.0.1:{port}")
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < 120
