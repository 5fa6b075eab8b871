"""Who may call the emulator: programs of this machine, pages of its developers, and no page from elsewhere."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.emulator.harness import KEY, PROGRAM, Tavus, emulated
from tests.emulator.test_conversations import LIVE
from tests.web import HTTP

EVIL = "https://evil.example"
VERBS = [
    ("POST", "seed", '{"key-of-acme": {"personas": [{"persona_name": "Evil", "system_prompt": "x"}]}}'),
    ("POST", "faults", '{"kind": "status", "status": 500, "times": null}'),
    ("POST", "clock", '{"advance": 1000}'),
    ("PUT", "switches", '{"mask": "omit"}'),
    ("PATCH", "switches", '{"mask": "omit"}'),
    ("POST", "outcomes", '{"kind": "documents", "error": "x"}'),
    ("POST", "portal", '{"kind": "persona", "create": {"persona_name": "Evil", "system_prompt": "x"}}'),
    ("POST", "reset", ""),
    ("DELETE", "requests", ""),
    ("DELETE", "faults", ""),
]
GETS = [
    "requests",
    "mutations",
    "objects",
    "accounts",
    "behaviors",
    "switches",
    "drafts",
    "callbacks",
    "portal",
    "clock",
]


@pytest.fixture(scope="module")
def shared() -> Iterator[Tavus]:
    with emulated() as running:
        yield running


def everything(tavus: Tavus) -> list[object]:
    return [tavus.control("GET", name) for name in GETS if name != "clock"] + [tavus.control("GET", "faults")]


def own(tavus: Tavus) -> str:
    return tavus.url.removeprefix("http://")


PAGES = [
    {"origin": EVIL, "content-type": "text/plain"},
    {"origin": EVIL, "content-type": "application/json"},
    {"origin": "null", "content-type": "application/json"},
    {"origin": "http://localhost:5173", "content-type": "application/json"},
    {"sec-fetch-site": "cross-site", "content-type": "application/json"},
    {"host": "evil.example", "content-type": "application/json"},
    {"content-type": "text/plain"},
    {"content-type": "application/x-www-form-urlencoded"},
    {"content-type": "multipart/form-data; boundary=application/json"},
    {"user-agent": "Mozilla/5.0 curl/8"},
]


@pytest.mark.sampled(20)
@pytest.mark.parametrize("headers", PAGES, ids=lambda one: " ".join(one.values()))
@pytest.mark.parametrize(("method", "name", "body"), VERBS, ids=lambda one: str(one)[:20])
def test_a_page_changes_nothing_on_the_control_side(
    shared: Tavus, headers: dict[str, str], method: str, name: str, body: str
) -> None:
    shared.persona()
    before = everything(shared)
    if method == "DELETE" and len(headers) == 1:
        headers = {**headers, "origin": EVIL}  # with which every browser sends such a method, after it has asked

    answer = shared.http.request(method, f"{shared.url}/__emulator/{name}", content=body, headers=headers)

    assert answer.status_code in (403, 415, 421)
    assert everything(shared) == before


@pytest.mark.parametrize("headers", [one for one in PAGES if len(one) > 1])
@pytest.mark.parametrize("name", GETS)
def test_a_page_reads_nothing_of_the_control_side(shared: Tavus, headers: dict[str, str], name: str) -> None:
    answer = shared.http.get(f"{shared.url}/__emulator/{name}", headers=headers)

    assert answer.status_code in (403, 421)
    assert list(answer.json()) == ["error"]
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("origin", [EVIL, "http://localhost:5173"])
def test_no_browser_that_asks_first_is_let_onto_the_control_side(shared: Tavus, origin: str) -> None:
    asked = {"origin": origin, "access-control-request-method": "POST"}
    answer = shared.http.options(f"{shared.url}/__emulator/seed", headers=asked)

    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_curl_as_people_type_it_steers(tavus: Tavus) -> None:
    """No page can make a browser say that it is curl."""
    headers = {"user-agent": "curl/8.5.0", "content-type": "application/x-www-form-urlencoded"}
    answer = tavus.http.post(f"{tavus.url}/__emulator/clock", content='{"freeze": true}', headers=headers)

    assert answer.json()["frozen"] is True


@pytest.mark.parametrize(
    "origin", [EVIL, "null", "http://localhost.evil.example", "http://127.0.0.1@evil.example", "x"]
)
def test_a_page_from_elsewhere_has_no_use_of_the_api(tavus: Tavus, origin: str) -> None:
    ident = tavus.persona()
    asked = {"origin": origin, "access-control-request-method": "DELETE"}
    preflight = tavus.http.options(f"{tavus.url}/v2/personas/{ident}", headers=asked)
    answers = [
        tavus.call("DELETE", f"/v2/personas/{ident}", origin=origin),
        tavus.call("GET", "/v2/personas", origin=origin),
    ]

    assert [one.status_code for one in answers] == [403, 403]
    for one in (preflight, *answers):
        assert not [name for name in one.headers if name.startswith("access-control-")]
    assert tavus.call("GET", f"/v2/personas/{ident}").status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://localhost:5173", "http://127.0.0.1:3000", "https://app.localhost", "http://[::1]:1"]
)
def test_a_page_of_this_machine_may_use_the_api(tavus: Tavus, origin: str) -> None:
    answer = tavus.call("GET", "/v2/personas", origin=origin)

    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, origin)


def test_a_page_that_was_allowed_may_use_the_api_and_no_more() -> None:
    with emulated(allow_origins=[EVIL]) as tavus:
        answer = tavus.call("GET", "/v2/personas", origin=EVIL)
        steering = tavus.http.post(f"{tavus.url}/__emulator/reset", headers={**PROGRAM, "origin": EVIL})

    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, EVIL)
    assert steering.status_code == 403


def test_a_page_from_elsewhere_neither_speaks_in_a_room_nor_ends_it(tavus: Tavus) -> None:
    tavus.switch(rooms="emulator")
    room = tavus.ok("POST", "/v2/conversations", LIVE)["conversation_url"]
    before = tavus.mutations()
    for deed in ("say", "leave"):
        assert tavus.http.post(f"{room}/{deed}", data={"text": "x"}, headers={"origin": EVIL}).status_code == 403
    assert tavus.mutations() == before
    assert tavus.http.post(f"{room}/say", data={"text": "x"}, headers={"origin": tavus.url}).status_code == 303


@pytest.mark.parametrize("path", ["/v2/personas", "/__emulator/objects", "/rooms/c1"])
def test_a_name_that_somebody_else_makes_lead_here_is_none_of_ours(tavus: Tavus, path: str) -> None:
    port = own(tavus).rpartition(":")[2]
    strange = ["evil.example", f"evil.example:{port}", f"localhost.evil.example:{port}", "localhost", "127.0.0.1:1"]
    strange += [f"localhost:{port}/x", f"x@localhost:{port}", f"169.254.169.254:{port}", f"127.0.0.2:{port}", "", "]["]
    for host in strange:
        answer = tavus.http.get(tavus.url + path, headers={"host": host, "x-api-key": KEY})
        assert answer.status_code in (400, 421), host
    for host in (f"localhost:{port}", f"LOCALHOST:{port}", f"127.0.0.1:{port}", f"[::1]:{port}"):
        assert tavus.http.get(tavus.url + path, headers={"host": host, "x-api-key": KEY}).status_code != 421, host


def test_a_server_for_everybody_answers_under_addresses_and_allowed_names() -> None:
    with emulated(host="0.0.0.0", allow_hosts=["tavus", "mapped:80"]) as tavus:  # noqa: S104 - in a container
        port = own(tavus).rpartition(":")[2]
        here = f"http://127.0.0.1:{port}/v2/personas"
        found = {}
        for host in (f"192.0.2.7:{port}", f"tavus:{port}", "tavus", "mapped:80", "mapped:81", f"other:{port}"):
            found[host.partition(":")[0] + host[-2:]] = HTTP.get(
                here, headers={"host": host, "x-api-key": KEY}
            ).status_code
    assert list(found.values()) == [200, 200, 200, 200, 421, 421]


@given(
    name=st.from_regex(r"[a-z0-9.:@\[\]-]{1,24}", fullmatch=True), scheme=st.sampled_from(["http", "https", "file", ""])
)
@example(name="localhost.", scheme="http")
@example(name="127.0.0.1.evil.example", scheme="http")
@example(name="127.0.0.1:80@evil.example", scheme="https")
@example(name="[::ffff:8.8.8.8]", scheme="http")
@settings(deadline=None)
def test_no_word_for_a_page_lets_it_in_but_those_of_this_machine(shared: Tavus, name: str, scheme: str) -> None:
    host = name.rpartition(":")[0] or name
    ours = host in ("localhost", "127.0.0.1") or host.endswith(".localhost") or "::1]" in name or host[:4] == "127."

    answer = shared.call("GET", "/v2/personas", origin=f"{scheme}://{name}")

    assert answer.status_code == 403 or (ours and scheme in ("http", "https"))


@pytest.mark.parametrize("before", [None, 0o666])
def test_the_database_is_for_its_owner_only(tmp_path: Path, before: int | None) -> None:
    path = tmp_path / "acme.db"
    mask = os.umask(0)
    try:
        if before is not None:
            sqlite3.connect(path).close()
            for end in ("", "-wal", "-shm"):
                Path(f"{path}{end}").touch(before)
        with emulated(db=path) as tavus:
            tavus.persona(layers={"tts": {"tts_engine": "cartesia", "api_key": "sk-1"}})
            modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()}
    finally:
        os.umask(mask)

    assert modes == {"acme.db": 0o600, "acme.db-wal": 0o600, "acme.db-shm": 0o600}


def test_a_database_is_not_made_where_a_link_leads(tmp_path: Path) -> None:
    (tmp_path / "acme.db").symlink_to(tmp_path / "elsewhere.db")

    with pytest.raises(sqlite3.OperationalError, match="unable to open"), emulated(db=tmp_path / "acme.db"):
        pass

    assert not (tmp_path / "elsewhere.db").exists()
