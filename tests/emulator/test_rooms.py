from __future__ import annotations

import pytest

from tests.emulator.harness import Tavus
from tests.emulator.test_conversations import LIVE, receiver
from tests.web import HTTP

FORGED = '<script>alert(1)</script>"'


@pytest.fixture(autouse=True)
def _rooms(tavus: Tavus) -> None:
    tavus.switch(rooms="emulator")


def test_a_conversation_leads_to_a_page_of_the_emulator(tavus: Tavus) -> None:
    created = tavus.ok(
        "POST", "/v2/conversations", LIVE | {"conversation_name": FORGED, "custom_greeting": "Hi there."}
    )

    page = tavus.http.get(created["conversation_url"])

    assert created["conversation_url"] == f"{tavus.url}/rooms/{created['conversation_id']}"
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "<li><b>assistant</b>: Hi there.</li>" in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&quot;" in page.text
    assert "<script>" not in page.text


def test_who_leaves_ends_the_conversation_and_the_transcript_has_what_was_said(tavus: Tavus) -> None:
    with receiver(tavus) as (url, received):
        room = tavus.ok("POST", "/v2/conversations", LIVE | {"callback_url": url})["conversation_url"]
        said = tavus.http.post(f"{room}/say", data={"text": f"I say {FORGED}"}, follow_redirects=True)
        left = tavus.http.post(f"{room}/leave", follow_redirects=True)
        events = [received.get(timeout=5)[1] for _ in range(3)]

    assert "<b>user</b>: I say &lt;script&gt;" in said.text
    assert "This conversation has ended." in left.text
    assert events[1]["properties"]["shutdown_reason"] == "participant_left_timeout"
    assert events[2]["properties"]["transcript"][-1] == {"role": "user", "content": f"I say {FORGED}"}
    assert [action for action, kind, by in tavus.mutations() if by == "room"] == ["say", "join", "end"]


def test_what_is_said_or_left_after_the_end_changes_nothing(tavus: Tavus) -> None:
    created = tavus.ok("POST", "/v2/conversations", LIVE)
    tavus.call("POST", f"/v2/conversations/{created['conversation_id']}/end")
    before = tavus.mutations()

    tavus.http.post(f"{created['conversation_url']}/say", data={"text": "Is anybody there?"})
    tavus.http.post(f"{created['conversation_url']}/leave")

    assert tavus.mutations() == before


def test_the_end_comes_when_the_time_after_leaving_has_passed(tavus: Tavus) -> None:
    created = tavus.ok("POST", "/v2/conversations", LIVE | {"properties": {"participant_left_timeout": 60}})
    path = f"/v2/conversations/{created['conversation_id']}"
    tavus.http.post(f"{created['conversation_url']}/leave")

    assert tavus.ok("GET", path)["status"] == "active"
    tavus.advance(61)
    assert tavus.ok("GET", path)["status"] == "ended"


def test_who_has_joined_is_not_absent_but_no_call_lasts_for_ever(tavus: Tavus) -> None:
    created = tavus.ok("POST", "/v2/conversations", LIVE | {"properties": {"max_call_duration": 900}})
    path = f"/v2/conversations/{created['conversation_id']}"
    tavus.http.get(created["conversation_url"])

    tavus.advance(600)
    assert tavus.ok("GET", path)["status"] == "active"
    tavus.advance(301)
    assert tavus.ok("GET", path)["status"] == "ended"


def test_a_private_room_takes_its_token(tavus: Tavus) -> None:
    created = tavus.ok("POST", "/v2/conversations", LIVE | {"require_auth": True})
    room, token = created["conversation_url"], created["meeting_token"]

    assert [tavus.http.get(url).status_code for url in (room, f"{room}?t=guess", f"{room}?t={token}")] == [
        403,
        403,
        200,
    ]
    left = tavus.http.post(f"{room}/leave?t={token}", follow_redirects=True)
    assert (left.status_code, "This conversation has ended." in left.text) == (200, True)


@pytest.mark.parametrize(("path", "method", "status"), [("/rooms/c0", "GET", 404), ("/rooms/", "GET", 404)])
def test_there_is_no_room_without_a_conversation(tavus: Tavus, path: str, method: str, status: int) -> None:
    assert HTTP.request(method, tavus.url + path).status_code == status


def test_nothing_else_can_be_done_in_a_room(tavus: Tavus) -> None:
    room = tavus.ok("POST", "/v2/conversations", LIVE)["conversation_url"]

    assert tavus.http.delete(room).status_code == 405
    assert tavus.http.post(f"{room}/dance").status_code == 405
    assert all(one["path"] == "/v2/conversations" for one in tavus.control("GET", "requests")["requests"])
