from __future__ import annotations

import contextlib
import json
import queue
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from tests.emulator.harness import Tavus
from tests.web import HTTP, serving

TEST = {"persona_id": "pdced222244b", "test_mode": True}
LIVE = {"persona_id": "pdced222244b", "replica_id": "rfe12d8b9597"}


def test_a_room_of_livekit_is_taken(tavus: Tavus) -> None:
    room = {"livekit_ws_url": "wss://acme.livekit.cloud", "livekit_room_token": "e30.e30.e30"}
    assert tavus.ok("POST", "/v2/conversations", {**LIVE, "properties": room})["status"] == "active"
    assert tavus.refused("POST", "/v2/conversations", {**LIVE, "properties": {"livekit_room": "x"}})[0] == 400


def test_a_creation_answers_without_persona_and_replica(tavus: Tavus) -> None:
    created = tavus.ok("POST", "/v2/conversations", LIVE)
    assert list(created) == [
        "conversation_id",
        "conversation_name",
        "conversation_url",
        "status",
        "callback_url",
        "created_at",
    ]
    assert created["status"] == "active"
    assert created["conversation_name"].startswith("New Conversation 1")
    assert "meeting_token" in tavus.ok("POST", "/v2/conversations", LIVE | {"require_auth": True})


def test_a_read_adds_persona_replica_and_with_verbose_events(tavus: Tavus) -> None:
    ident = tavus.ok("POST", "/v2/conversations", LIVE)["conversation_id"]
    shown = tavus.ok("GET", f"/v2/conversations/{ident}?verbose=true")
    assert shown.items() >= LIVE.items()
    assert [one["event_type"] for one in shown["events"]] == ["system.replica_joined"]


def test_test_mode_is_born_ended_free_and_uncounted(tavus: Tavus) -> None:
    tavus.switch(credits=False, max_conversations=0)
    assert tavus.ok("POST", "/v2/conversations", TEST)["status"] == "ended"
    assert tavus.call("POST", "/v2/conversations", LIVE).status_code == 402


def test_the_persona_brings_its_replica_and_every_name_must_exist(tavus: Tavus) -> None:
    bare = tavus.persona()
    equipped = tavus.persona(default_replica_id="rfe12d8b9597")
    tavus.ok("POST", "/v2/conversations", {"persona_id": equipped})
    for body, error in (
        ({"persona_id": bare}, "Invalid replica_id"),
        ({"persona_id": "p0"}, "Invalid persona_id"),
        ({"persona_id": equipped, "replica_id": "r0"}, "Invalid replica_id"),
        ({}, "Invalid replica_id"),
    ):
        response = tavus.call("POST", "/v2/conversations", body)
        assert (response.status_code, response.json()) == (400, {"error": error})


@pytest.mark.parametrize(
    ("more", "diagnostic"),
    [
        ({"language": "english"}, "{'language': ['Unknown field.']}"),
        ({"properties": {"pipeline_mode": "full"}}, "{'properties': {'pipeline_mode': ['Unknown field.']}}"),
        ({"properties": {"language": "de"}}, "'language': ['Must be one of"),
        ({"max_participants": 1}, "{'max_participants': ['Must be greater than or equal to 2.']}"),
    ],
)
def test_a_bad_creation_is_refused(tavus: Tavus, more: Any, diagnostic: str) -> None:
    response = tavus.call("POST", "/v2/conversations", LIVE | more)
    assert response.status_code == 400
    assert diagnostic in response.json()["error"]


def test_an_older_property_is_taken(tavus: Tavus) -> None:
    tavus.ok("POST", "/v2/conversations", LIVE | {"properties": {"enable_transcription": True}})


def test_conversations_at_once_are_limited_and_one_that_nobody_joins_ends(tavus: Tavus) -> None:
    tavus.switch(max_conversations=1)
    first = tavus.ok("POST", "/v2/conversations", LIVE)["conversation_id"]
    refused = tavus.call("POST", "/v2/conversations", LIVE)
    assert (refused.status_code, refused.json()) == (
        400,
        {"message": "User has reached maximum concurrent conversations"},
    )
    tavus.advance(301)
    assert tavus.ok("GET", f"/v2/conversations/{first}")["status"] == "ended"
    tavus.ok("POST", "/v2/conversations", LIVE)


def test_documents_that_do_not_exist_are_refused_on_demand(tavus: Tavus) -> None:
    tavus.switch(references="reject")
    refused = tavus.call("POST", "/v2/conversations", LIVE | {"document_ids": ["d0"]})
    assert (refused.status_code, refused.json()) == (400, {"error": "Invalid document_ids"})


def test_ending_answers_nothing_and_a_second_time_a_400(tavus: Tavus) -> None:
    ident = tavus.ok("POST", "/v2/conversations", LIVE)["conversation_id"]
    ended = tavus.call("POST", f"/v2/conversations/{ident}/end")
    assert (ended.status_code, ended.content) == (200, b"")
    assert tavus.call("POST", f"/v2/conversations/{ident}/end").status_code == 400
    assert [c["conversation_id"] for c in tavus.ok("GET", "/v2/conversations?status=ended")["data"]] == [ident]
    assert tavus.ok("GET", "/v2/conversations?status=active")["total_count"] == 0
    assert tavus.call("DELETE", f"/v2/conversations/{ident}").status_code == 204
    gone = tavus.call("GET", f"/v2/conversations/{ident}")
    assert (gone.status_code, gone.json()) == (400, {"error": "Invalid conversation_id"})


def test_a_conversation_tells_its_callback_what_happens(tavus: Tavus) -> None:
    with receiver(tavus) as (url, received):
        body = LIVE | {"callback_url": f"{url}/hook?x=1", "custom_greeting": "Hi there."}
        ident = tavus.ok("POST", "/v2/conversations", body)["conversation_id"]
        tavus.ok("POST", f"/v2/conversations/{ident}/end")
        events = [received.get(timeout=5) for _ in range(3)]

    assert [(path, one["event_type"], one["message_type"]) for path, one in events] == [
        ("/hook?x=1", "system.replica_joined", "system"),
        ("/hook?x=1", "system.shutdown", "system"),
        ("/hook?x=1", "application.transcription_ready", "application"),
    ]
    transcript = events[2][1]["properties"]["transcript"]
    assert transcript[-1] == {"role": "assistant", "content": "Hi there."}
    shown = tavus.ok("GET", f"/v2/conversations/{ident}?verbose=true")
    assert [one["event_type"] for one in shown["events"]] == [one["event_type"] for _, one in events]


def test_only_this_machine_is_called_back(tavus: Tavus) -> None:
    for url in ("https://localhost/x", "http://192.0.2.1/x", "http://example.com/x", "nonsense"):
        tavus.ok("POST", "/v2/conversations", LIVE | {"callback_url": url})

    end = time.monotonic() + 5
    while time.monotonic() < end and not all(one["error"] for one in tavus.control("GET", "callbacks")["callbacks"]):
        time.sleep(0.02)

    assert {one["error"] for one in tavus.control("GET", "callbacks")["callbacks"]} == {
        "ValueError: not an http address of this machine: written down, not sent"
    }


def test_only_a_port_that_was_allowed_is_called_back(tavus: Tavus) -> None:
    with receiver() as (service, received):
        tavus.ok("POST", "/v2/conversations", LIVE | {"callback_url": f"{service}/admin/run"})
        end = time.monotonic() + 5
        while time.monotonic() < end and not tavus.control("GET", "callbacks")["callbacks"][0]["error"]:
            time.sleep(0.02)
        (told,) = tavus.control("GET", "callbacks")["callbacks"]

        port = service.rpartition(":")[2]
        assert (
            told["error"]
            == f"ValueError: port {port} was not allowed with --callback-port {port}: written down, not sent"
        )
        assert received.empty()


def test_test_mode_tells_nobody(tavus: Tavus) -> None:
    tavus.ok("POST", "/v2/conversations", TEST | {"callback_url": "http://localhost:9/"})

    assert tavus.control("GET", "callbacks")["callbacks"] == []


def test_a_page_in_a_browser_may_call(tavus: Tavus) -> None:
    page = "http://localhost:5173"
    asked = HTTP.request("OPTIONS", f"{tavus.url}/v2/conversations", headers={"Origin": page})
    answered = tavus.call("GET", "/v2/conversations", origin=page)

    assert (asked.status_code, asked.headers["access-control-allow-headers"]) == (204, "content-type, x-api-key")
    assert asked.headers["access-control-allow-origin"] == answered.headers["access-control-allow-origin"] == page
    assert [one["method"] for one in tavus.control("GET", "requests")["requests"]] == ["GET"]


@contextlib.contextmanager
def receiver(tavus: Tavus | None = None) -> Iterator[tuple[str, queue.SimpleQueue[tuple[str, dict[str, Any]]]]]:
    """An application that is called back, when the emulator may."""
    received: queue.SimpleQueue[tuple[str, dict[str, Any]]] = queue.SimpleQueue()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.put((self.path, json.loads(body)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with serving(Door) as port:
        if tavus:
            tavus.callback_ports.add(port)
        yield f"http://127.0.0.1:{port}", received
