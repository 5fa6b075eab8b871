from __future__ import annotations

from typing import Any

from tests.emulator.harness import KEY, Tavus


def edit(tavus: Tavus, **change: Any) -> Any:
    return tavus.control("POST", "portal", change)


def greeting(tavus: Tavus, ident: str) -> Any:
    return tavus.ok("GET", f"/v2/personas/{ident}")["greeting"]


def say(text: str) -> list[dict[str, str]]:
    return [{"op": "replace", "path": "/greeting", "value": text}]


def test_an_edit_changes_an_object_and_its_time_and_keeps_its_secrets(tavus: Tavus) -> None:
    ident = tavus.persona(layers={"tts": {"tts_engine": "cartesia", "api_key": "k"}})
    before = tavus.ok("GET", f"/v2/personas/{ident}")
    secrets = tavus.control("GET", "objects")["objects"][0]["secrets"]
    assert edit(tavus, kind="persona", id=ident, patch=say("Hi")) == {"account": KEY, "kind": "personas", "id": ident}
    after = tavus.ok("GET", f"/v2/personas/{ident}")
    assert after == before | {"greeting": "Hi", "updated_at": after["updated_at"]}
    assert after["updated_at"] > before["updated_at"]
    assert tavus.control("GET", "objects")["objects"][0]["secrets"] == secrets
    assert tavus.mutations()[-1] == ("update", "personas", "portal")


def test_an_edit_creates_and_deletes(tavus: Tavus) -> None:
    tavus.ok("GET", "/v2/personas")
    made = edit(tavus, kind="guardrails", create={"name": "New", "data": []})
    assert tavus.ok("GET", f"/v2/guardrails/{made['id']}")["name"] == "New"
    edit(tavus, kind="guardrails", id=made["id"], delete=True)
    assert tavus.call("GET", f"/v2/guardrails/{made['id']}").status_code == 404


def test_an_edit_reaches_every_kind(tavus: Tavus) -> None:
    tavus.control(
        "POST",
        "seed",
        {
            KEY: {
                "replicas": [{"id": "r1", "replica_name": "a"}],
                "objectives": [{"id": "o1", "name": "a", "data": []}],
                "documents": [{"id": "d1", "document_name": "a"}],
            },
        },
    )
    for kind, ident, path in (
        ("replica", "r1", "/replica_name"),
        ("objectives", "o1", "/name"),
        ("document", "d1", "/document_name"),
    ):
        edit(tavus, kind=kind, id=ident, patch=[{"op": "replace", "path": path, "value": "b"}])
    assert tavus.ok("GET", "/v2/replicas/r1")["replica_name"] == "b"
    assert tavus.ok("GET", "/v2/objectives/o1")["name"] == "b"
    assert tavus.ok("GET", "/v2/documents/d1")["document_name"] == "b"


def test_an_edit_of_a_running_document_lets_it_run_on(tavus: Tavus) -> None:
    ident = tavus.ok("POST", "/v2/documents", {"document_url": "https://a.example.com"})["document_id"]
    edit(tavus, kind="document", id=ident, patch=[{"op": "replace", "path": "/tags", "value": ["x"]}])
    tavus.advance(300)
    assert tavus.ok("GET", f"/v2/documents/{ident}").items() >= {"status": "ready", "tags": ["x"]}.items()


def test_an_edit_of_a_finished_document_does_not_crawl_it_again(tavus: Tavus) -> None:
    ident = tavus.crawled()
    edit(tavus, kind="document", id=ident, patch=[{"op": "replace", "path": "/document_name", "value": "x"}])
    tavus.advance(7200)
    assert tavus.ok("GET", f"/v2/documents/{ident}").items() >= {"status": "ready", "crawl_count": 1}.items()


def test_an_edit_can_break_what_was_trained(tavus: Tavus) -> None:
    ident = tavus.ok("POST", "/v2/replicas", {"train_video_url": "https://a.example.com/t.mp4"})["replica_id"]
    tavus.advance(20_000)
    broken = {"status": "error", "error_message": "gone"}
    patch = [{"op": "replace", "path": f"/{key}", "value": value} for key, value in broken.items()]
    edit(tavus, kind="replica", id=ident, patch=patch)
    assert tavus.ok("GET", f"/v2/replicas/{ident}").items() >= broken.items()


def test_an_armed_edit_falls_between_read_and_patch(tavus: Tavus) -> None:
    ident = tavus.persona()
    edit(tavus, kind="persona", id=ident, patch=say("portal"), when={"before": "PATCH /v2/personas/*"})
    assert greeting(tavus, ident) == ""
    guarded = [{"op": "test", "path": "/greeting", "value": ""}, *say("client")]
    assert tavus.call("PATCH", f"/v2/personas/{ident}", guarded).status_code == 422
    assert greeting(tavus, ident) == "portal"
    assert tavus.call("PATCH", f"/v2/personas/{ident}", say("client")).status_code == 200
    # The entry of the refused request does not claim the portal's change for itself.
    requests = tavus.control("GET", "requests")["requests"]
    assert [r["committed"] for r in requests if r["method"] == "PATCH"] == [False, True]


def test_an_edit_can_wait_for_the_change_of_a_request(tavus: Tavus) -> None:
    ident = tavus.persona()
    edit(tavus, kind="persona", id=ident, patch=say("portal"), when={"after": "PATCH *", "skip": 1})
    seen = []
    for text in ("one", "two"):
        tavus.call("PATCH", f"/v2/personas/{ident}", say(text))
        seen.append(greeting(tavus, ident))
    assert seen == ["one", "portal"]


def test_an_armed_deletion_makes_the_object_vanish_under_the_client(tavus: Tavus) -> None:
    ident = tavus.persona()
    edit(tavus, kind="persona", id=ident, delete=True, when={"before": "PATCH *"})
    assert tavus.call("PATCH", f"/v2/personas/{ident}", say("x")).json() == {"error": "Invalid persona_id"}


def test_an_edit_that_fails_later_is_told(tavus: Tavus) -> None:
    edit(tavus, kind="persona", id="p0", delete=True, when={"before": "*"})
    tavus.ok("GET", "/v2/personas")
    edits = tavus.control("GET", "portal")["edits"]
    assert [len(armed["failures"]) for armed in edits] == [1]
    assert tavus.control("DELETE", "portal") == {"edits": []}


def test_an_edit_that_makes_no_sense_is_refused(tavus: Tavus) -> None:
    ident = tavus.persona()
    for change in (
        {"kind": "planet", "id": "x"},
        {"kind": "persona", "id": "p0", "delete": True},
        {"kind": "persona", "id": ident},
        {"kind": "persona", "id": ident, "patch": [{"op": "remove", "path": "/nothing"}]},
        {"kind": "persona", "id": ident, "delete": True, "when": {"during": "*"}},
        {"kind": "persona", "id": ident, "colour": 1},
    ):
        assert tavus.http.post(f"{tavus.url}/__emulator/portal", json=change).status_code == 400, change
