"""Lists and addresses: every object once whatever the server thinks a page is, and the key goes to one host only."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tavusctl.api import Client, ReadClient
from tavusctl.core.errors import ApiError, Gone, Rejected
from tavusctl.core.resource_kind import Listing
from tavusctl.lib.concurrency import run_all
from tavusctl.lib.json_types import as_text
from tests import web

KEY = "key-of-this-test"
SIZES = [0, 1, 9, 10, 11, 100, 101, 250]


@dataclass
class Pages:
    """A collection of `count` objects, and what its server thinks of pages."""

    count: int
    base: int = 1
    total: str = "exact"  # or absent
    most: int = 100  # greatest page size
    beyond: str = "clamp"  # or refuse: what happens to a larger one
    before: str = "first"  # or refuse, empty: what a page before the first one shows
    unknown: int = 0  # the status with which a query parameter is refused that it does not know
    gone: list[str] = field(default_factory=list)  # objects that were deleted
    asked: list[tuple[int, int]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def answer(self, query: dict[str, list[str]]) -> tuple[int, Any]:
        limit, number = int(query["limit"][0]), int(query["page"][0])
        self.asked.append((number, limit))
        if self.unknown and "pal_type" in query:
            return self.unknown, {"error": "Bad Request. {'pal_type': ['Unknown field.']}"}
        if limit > self.most and self.beyond == "refuse":
            return 400, {"error": "limit is too large"}
        if number < self.base and self.before == "refuse":
            return 400, {"error": "page is too small"}
        limit = min(limit, self.most)
        start = (max(number, self.base) - self.base) * limit
        ids = [f"p{index}" for index in range(self.count) if f"p{index}" not in self.gone]
        items = [{"id": one} for one in ids][start : start + limit]
        if number < self.base and self.before == "empty":
            items = []
        return 200, {"data": items, **({"total_count": len(ids)} if self.total == "exact" else {})}


@contextmanager
def serving(pages: Pages) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            pages.keys.append(self.headers["x-api-key"])
            status, document = pages.answer(parse_qs(urlsplit(self.path).query))
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: the test reads `asked`."""

    with web.serving(Handler) as port:
        yield f"http://127.0.0.1:{port}"


def listed(pages: Pages, first_page: int) -> list[str]:
    with serving(pages) as url, ReadClient(url, KEY) as client:
        found = client.list("/v2/things", Listing(first_page=first_page), ("id",))
    return [as_text(item["id"]) for item in found]


@pytest.mark.parametrize("count", SIZES)
@pytest.mark.parametrize("total", ["exact", "absent"])
@pytest.mark.parametrize("base", [0, 1])
def test_a_list_is_whole_whichever_number_its_first_page_has(count: int, total: str, base: int) -> None:
    """Also when the client has been told another number than the server uses."""
    everything = {f"p{index}" for index in range(count)}

    for first_page in (0, 1):
        for before in ("first", "empty") if first_page == base else ("first",):
            pages = Pages(count, base, total, before=before)
            found = listed(pages, first_page)
            assert sorted(found) == sorted(everything)


@pytest.mark.parametrize("count", SIZES)
@pytest.mark.parametrize("total", ["exact", "absent"])
@pytest.mark.parametrize("beyond", ["clamp", "refuse"])
@pytest.mark.parametrize("base", [0, 1])
def test_a_list_is_whole_with_pages_of_ten(count: int, total: str, beyond: str, base: int) -> None:
    """Whether a larger page is refused or cut."""
    found = listed(Pages(count, base, total, most=10, beyond=beyond), base)

    assert found == [f"p{index}" for index in range(count)]


@pytest.mark.parametrize("unknown", [0, 400, 422])
@pytest.mark.parametrize("most", [10, 100])
def test_a_newer_name_of_a_filter_may_be_refused(unknown: int, most: int) -> None:
    """Whatever page size the server accepts."""
    pages = Pages(25, most=most, beyond="refuse", unknown=unknown)
    listing = Listing(owner_query={"persona_type": "user"}, newer_owner_query={"pal_type": "user"})

    with serving(pages) as url, ReadClient(url, KEY) as client:
        found = client.list("/v2/things", listing, ("id",))

    assert [item["id"] for item in found] == [f"p{index}" for index in range(25)]


@pytest.mark.parametrize("count", [0, 10, 101])
def test_a_page_before_the_first_may_be_refused(count: int) -> None:
    """Only where nothing says that something is missing."""
    assert len(listed(Pages(count, 1, "absent", before="refuse"), 1)) == count


def test_a_short_list_takes_one_call_and_a_long_one_twice_its_pages() -> None:
    """What one page has cannot move to another; what two passes agree in was there all the time."""
    calls = {}
    for count in (0, 1, 100, 101, 250):
        pages = Pages(count)
        listed(pages, 1)
        calls[count] = sorted(number for number, _ in pages.asked)  # the later ones are asked for at the same time

    assert calls == {0: [1], 1: [1], 100: [1, 1, 2, 2], 101: [1, 1, 2, 2], 250: [1, 1, 2, 2, 3, 3]}


@pytest.mark.parametrize("count", [99, 100, 101, 250])
@pytest.mark.parametrize("base", [0, 1])
def test_a_total_that_is_that_of_the_page_hides_no_object(count: int, base: int) -> None:
    class Counting(Pages):
        def answer(self, query: dict[str, list[str]]) -> tuple[int, Any]:
            status, document = super().answer(query)
            return status, {**document, "total_count": len(document["data"])}

    found: list[str] | None = None
    with suppress(ApiError):
        found = listed(Counting(count, base), base)
    assert found in (None, [f"p{index}" for index in range(count)])
    assert found or count > 100


@pytest.mark.parametrize("status", [400, 404, 422])
@pytest.mark.parametrize("base", [0, 1])
def test_a_server_may_refuse_the_page_after_a_full_one(base: int, status: int) -> None:
    class Strict(Pages):
        def answer(self, query: dict[str, list[str]]) -> tuple[int, Any]:
            found, document = super().answer(query)
            return (found, document) if document["data"] else (status, {"error": "no such page"})

    pages = Strict(100, base)
    assert listed(pages, base) == [f"p{index}" for index in range(100)]
    assert {size for _, size in pages.asked} == {100}


def test_an_object_that_moves_to_a_page_that_was_read_is_seen() -> None:
    """Somebody deletes an object of the first page while the second is asked for; the count is right all the same."""

    class Moving(Pages):
        def answer(self, query: dict[str, list[str]]) -> tuple[int, Any]:
            if len(self.asked) == 1:  # the first page is out
                self.gone.append("p3")
            return super().answer(query)

    assert listed(Moving(150), 1) == [f"p{index}" for index in range(150) if index != 3]


def test_an_object_that_is_new_on_a_page_that_was_read_is_no_error() -> None:
    """The newest come first: every object moves by one place, and the list seems to lack one."""

    class Growing(Pages):
        def answer(self, query: dict[str, list[str]]) -> tuple[int, Any]:
            if len(self.asked) == 1:  # the first page is out
                self.count += 1
            status, document = super().answer({**query, "page": ["1"], "limit": ["1000"]})
            start = (int(query["page"][0]) - 1) * 100
            return status, {**document, "data": document["data"][::-1][start : start + 100]}

    assert listed(Growing(150, most=1000), 1) == [f"p{index}" for index in reversed(range(151))]


def test_a_list_that_does_not_come_to_rest_is_an_error() -> None:
    class Restless(Pages):
        def answer(self, query: dict[str, list[str]]) -> tuple[int, Any]:
            self.gone.append(f"p{len(self.gone)}")
            return super().answer(query)

    pages = Restless(300)
    # Of pages that are requested at the same time, the later one may have the lower total, also in the last pass.
    with pytest.raises(ApiError, match=r"no two of 5 passes are equal|contradicts itself"):
        listed(pages, 1)
    assert len(pages.asked) <= 20


def test_a_count_that_is_not_reached_is_an_error_and_not_a_shorter_list() -> None:
    """Nothing is concluded from a part."""

    class Hiding(Pages):
        def answer(self, query: dict[str, list[str]]) -> tuple[int, Any]:
            status, document = super().answer(query)
            return status, {**document, "data": document["data"][:5]}

    with pytest.raises(ApiError, match="it has 5 of 12 objects") as caught:
        listed(Hiding(12), 1)
    assert caught.value.id == "E1106"


@pytest.mark.parametrize("total", ["130", 130.0, 0, "0", 5, "99999999999999999999999"])
def test_a_total_in_any_form_shows_that_objects_are_missing_and_may_not_contradict_the_list(total: Any) -> None:
    class Lying(Pages):
        def answer(self, query: dict[str, list[str]]) -> tuple[int, Any]:
            status, document = super().answer(query)
            return status, {**document, "total_count": total}

    for count in (9, 129):
        with pytest.raises(ApiError, match=r"is incomplete|contradicts itself") as caught:
            listed(Lying(count), 1)
        assert caught.value.id == "E1106"


@pytest.mark.parametrize("total", ["130", 130.0, None, "many", True, [130]])
def test_a_total_in_any_form_is_no_obstacle_to_a_whole_list(total: Any) -> None:
    class Typed(Pages):
        def answer(self, query: dict[str, list[str]]) -> tuple[int, Any]:
            status, document = super().answer(query)
            return status, {**document, "total_count": total}

    assert len(listed(Typed(130), 1)) == 130


def test_a_total_that_is_contradicted_for_a_moment_is_read_again() -> None:
    class Late(Pages):
        def answer(self, query: dict[str, list[str]]) -> tuple[int, Any]:
            status, document = super().answer(query)
            return status, {**document, "total_count": 129 if len(self.asked) < 3 else 130}

    assert len(listed(Late(130), 1)) == 130


def test_a_page_without_end_is_not_asked_for_for_ever() -> None:
    """A server that ignores the page number repeats itself."""

    class Stuck(Pages):
        def answer(self, query: dict[str, list[str]]) -> tuple[int, Any]:
            return super().answer({**query, "page": ["1"]})

    pages = Stuck(120, total="absent")
    assert len(listed(pages, 1)) == 100
    assert len(pages.asked) <= 8


def test_pages_are_asked_for_at_the_same_time_once_it_is_known_how_many_there_are() -> None:
    """The second to the fifth wait for each other, which they could not do one after the other."""
    four = threading.Barrier(4, timeout=10)

    class Meeting(Pages):
        def answer(self, query: dict[str, list[str]]) -> tuple[int, Any]:
            if int(query["page"][0]) > 1:
                four.wait()
            return super().answer(query)

    pages = Meeting(500)
    assert listed(pages, 1) == [f"p{index}" for index in range(500)]
    assert sorted(pages.asked) == sorted([(number, 100) for number in range(1, 6)] * 2)


@pytest.mark.parametrize("parallel", [1, 3])
def test_never_more_calls_at_a_time_than_agreed(parallel: int) -> None:
    """Pages and lists together."""
    guard, most, now = threading.Lock(), 0, 0

    class Counting(Pages):
        def answer(self, query: dict[str, list[str]]) -> tuple[int, Any]:
            nonlocal most, now
            with guard:
                now += 1
                most = max(most, now)
            found = super().answer(query)
            with guard:
                now -= 1
            return found

    with serving(Counting(700)) as url, ReadClient(url, KEY, parallel=parallel) as client:
        ask = partial(client.list, "/v2/things", Listing(), ("id",))
        lists = run_all([ask] * 4)

    assert [len(one) for one in lists] == [700] * 4
    assert most <= parallel


def test_a_page_that_fails_fails_the_list_and_leaves_nothing_under_way() -> None:
    """What was on its way is waited for: the connections are closed by nobody else."""

    class Broken(Pages):
        def answer(self, query: dict[str, list[str]]) -> tuple[int, Any]:
            status, document = super().answer(query)
            return (404, {"error": "gone"}) if query["page"] == ["3"] else (status, document)

    with pytest.raises(ApiError, match="incomplete"):
        listed(Broken(900), 1)


@pytest.mark.parametrize("begun", [1, 2])
def test_a_collection_with_an_answered_page_exists(begun: int) -> None:
    """A page that is not found does not show that the API has no such collection, in whichever pass it is."""

    class Vanishing(Pages):
        first_pages = 0

        def answer(self, query: dict[str, list[str]]) -> tuple[int, Any]:
            self.first_pages += query["page"] == ["1"]
            status, document = super().answer(query)
            page = 2 if begun == 1 else 1
            is_missing = self.first_pages >= begun and query["page"] == [str(page)]
            return (404, {"error": "no such path"}) if is_missing else (status, document)

    with pytest.raises(ApiError, match="incomplete") as caught:
        listed(Vanishing(250), 1)
    assert not isinstance(caught.value, Gone)


def test_every_call_carries_the_key_and_reads_cannot_write() -> None:
    """One header, and a class without verbs that change anything."""
    pages = Pages(250)
    listed(pages, 1)

    assert pages.keys == [KEY] * 6
    assert not {"post", "patch", "delete"} & set(dir(ReadClient))


@pytest.mark.parametrize(
    ("status", "text", "gone"),
    [
        (404, "Document not found", True),
        (404, "", True),
        (400, "Invalid persona_id", True),
        (400, "Invalid replica_uuid", True),
        (400, "Invalid request: limit", False),
        (403, "Invalid persona_id", False),
    ],
)
def test_gone_is_what_the_service_calls_an_unknown_id(status: int, text: str, gone: bool) -> None:
    """For reads and changes; a creation says the same of an id in its body."""

    class Refusing(Pages):
        def answer(self, query: dict[str, list[str]]) -> tuple[int, Any]:
            del query
            return status, {"error": text} if text else {}

    with serving(Refusing(0)) as url, Client(url, KEY) as client, pytest.raises(Rejected) as caught:
        client.get("/v2/things/p1")
    assert (isinstance(caught.value, Gone), caught.value.status) == (gone, status)
