from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.harness import Tavus

TEST = {"persona_id": "pdced222244b", "test_mode": True}
LIVE = {"persona_id": "pdced222244b", "replica_id": "rfe12d8b9597"}


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
    assert shown["events"] == []


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
    ("more", "complaint"),
    [
        ({"language": "english"}, "{'language': ['Unknown field.']}"),
        ({"properties": {"pipeline_mode": "full"}}, "{'properties': {'pipeline_mode': ['Unknown field.']}}"),
        ({"properties": {"language": "de"}}, "'language': ['Must be one of"),
        ({"max_participants": 1}, "{'max_participants': ['Must be greater than or equal to 2.']}"),
    ],
)
def test_a_bad_creation_is_refused(tavus: Tavus, more: Any, complaint: str) -> None:
    response = tavus.call("POST", "/v2/conversations", LIVE | more)
    assert response.status_code == 400
    assert complaint in response.json()["error"]


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
