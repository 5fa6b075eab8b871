from __future__ import annotations

from tests.emulator.harness import Tavus

BODY = {"train_video_url": "https://files.example.com/train.mp4", "replica_name": "Rio"}


def made(tavus: Tavus) -> str:
    return str(tavus.ok("POST", "/v2/replicas", BODY)["replica_id"])


def test_a_creation_answers_id_and_status_only(tavus: Tavus) -> None:
    created = tavus.ok("POST", "/v2/replicas", BODY)
    assert list(created) == ["replica_id", "status"]
    assert created["status"] == "started"


def test_a_replica_without_a_video_is_refused(tavus: Tavus) -> None:
    for body in ({}, {"train_video_url": "no-address"}, {"train_video_url": 5}):
        response = tavus.call("POST", "/v2/replicas", body)
        assert (response.status_code, response.json()) == (400, {"error": "Invalid train_video_url"})
    assert tavus.call("POST", "/v2/replicas", BODY | {"colour": 1}).status_code == 400


def test_training_follows_the_clock(tavus: Tavus) -> None:
    tavus.control("POST", "clock", {"set": "2026-01-24T07:00:00Z", "freeze": True})
    ident = made(tavus)
    tavus.advance(7200)
    halfway = tavus.ok("GET", f"/v2/replicas/{ident}")
    assert (halfway["status"], halfway["training_progress"]) == ("started", "50/100")
    tavus.advance(7200)
    assert tavus.ok("GET", f"/v2/replicas/{ident}") == {
        "replica_id": ident,
        "replica_name": "Rio",
        "thumbnail_video_url": None,
        "training_progress": "100/100",
        "status": "completed",
        "created_at": "2026-01-24T07:00:00.000Z",
        "updated_at": "2026-01-24T11:00:00.000Z",
        "error_message": None,
        "model_name": "phoenix-3",
    }


def test_an_injected_error_ends_the_training(tavus: Tavus) -> None:
    tavus.control("POST", "outcomes", {"kind": "replicas", "error": "The video is too short."})
    ident = made(tavus)
    tavus.advance(14400)
    replica = tavus.ok("GET", f"/v2/replicas/{ident}")
    assert (replica["status"], replica["error_message"]) == ("error", "The video is too short.")


def test_only_the_name_can_be_changed_and_the_answers_have_no_body(tavus: Tavus) -> None:
    ident = made(tavus)
    renamed = tavus.call("PATCH", f"/v2/replicas/{ident}/name", {"replica_name": "Rio 2"})
    assert (renamed.status_code, renamed.content) == (200, b"")
    assert tavus.ok("GET", f"/v2/replicas/{ident}")["replica_name"] == "Rio 2"
    assert tavus.call("PATCH", f"/v2/replicas/{ident}/name", {}).status_code == 400
    assert tavus.call("PATCH", f"/v2/replicas/{ident}", {"replica_name": "x"}).status_code == 405
    deleted = tavus.call("DELETE", f"/v2/replicas/{ident}?hard=true")
    assert (deleted.status_code, deleted.content) == (200, b"")


def test_an_unknown_replica_is_a_400(tavus: Tavus) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("PATCH", "/name")):
        response = tavus.call(method, f"/v2/replicas/r0{path}", {"replica_name": "x"})
        assert (response.status_code, response.json()) == (400, {"error": "Invalid replica_id"})


def test_the_type_is_shown_only_when_verbose(tavus: Tavus) -> None:
    ident = made(tavus)
    assert "replica_type" not in tavus.ok("GET", f"/v2/replicas/{ident}")
    assert tavus.ok("GET", f"/v2/replicas/{ident}?verbose=true")["replica_type"] == "user"
    assert tavus.ok("GET", "/v2/replicas/rfe12d8b9597?verbose=true")["replica_type"] == "system"


def test_lists_are_filtered_by_type_and_ids(tavus: Tavus) -> None:
    ident = made(tavus)
    assert [r["replica_id"] for r in tavus.ok("GET", "/v2/replicas?replica_type=user")["data"]] == [ident]
    system = tavus.ok("GET", "/v2/replicas?replica_type=system&limit=100")
    assert ident not in [r["replica_id"] for r in system["data"]]
    assert system["total_count"] == len(system["data"]) > 10
    chosen = tavus.ok("GET", f"/v2/replicas?replica_ids=r79e1c033f,{ident}")
    assert [r["replica_id"] for r in chosen["data"]] == ["r79e1c033f", ident]


def test_a_persona_may_name_a_stock_replica_or_an_own_one(tavus: Tavus) -> None:
    for replica in ("rfe12d8b9597", made(tavus)):
        tavus.persona(default_replica_id=replica)
    refused = tavus.call("POST", "/v2/personas", {"system_prompt": "x", "default_replica_id": "r0"})
    assert (refused.status_code, refused.json()) == (400, {"error": "Invalid replica_uuid"})
