from __future__ import annotations

from email.utils import parsedate_to_datetime

from tests.emulator.harness import KEY, Tavus

SECRET = "sk-very-secret"


def test_requests_are_written_down_in_order_with_keys_left_out(tavus: Tavus) -> None:
    ident = tavus.persona(layers={"tts": {"tts_engine": "cartesia", "api_key": SECRET}})
    patch = [{"op": "replace", "path": "/layers/tts/api_key", "value": SECRET + "2"}]
    tavus.call("PATCH", f"/v2/personas/{ident}", patch, user_agent="me/1")
    tavus.http.get(f"{tavus.url}/v2/personas?limit=3")
    requests = tavus.control("GET", "requests")["requests"]
    shown = [(r["seq"], r["method"], r["path"], r["status"], r["account"], r["committed"]) for r in requests]
    assert shown == [
        (1, "POST", "/v2/personas", 200, KEY, True),
        (2, "PATCH", f"/v2/personas/{ident}", 200, KEY, True),
        (3, "GET", "/v2/personas", 401, None, False),
    ]
    assert requests[1]["body"] == [{"op": "replace", "path": "/layers/tts/api_key", "value": "(sensitive)"}]
    assert (requests[1]["user_agent"], requests[2]["query"]) == ("me/1", {"limit": "3"})
    assert SECRET not in str(requests)
    assert SECRET not in str(tavus.control("GET", "mutations"))
    assert SECRET not in str(tavus.control("GET", "objects"))


def test_requests_are_filtered_and_forgotten(tavus: Tavus) -> None:
    ident = tavus.persona()
    tavus.ok("GET", f"/v2/personas/{ident}")
    tavus.ok("GET", "/v2/documents")

    def paths(query: str) -> list[str]:
        return [r["path"] for r in tavus.control("GET", f"requests?{query}")["requests"]]

    assert paths("method=GET") == [f"/v2/personas/{ident}", "/v2/documents"]
    assert paths("path=/v2/personas*") == ["/v2/personas", f"/v2/personas/{ident}"]
    assert paths("since=2") == ["/v2/documents"]
    tavus.control("DELETE", "requests")
    assert paths("") == []


def test_mutations_tell_what_was_changed_by_whom_and_by_which_request(tavus: Tavus) -> None:
    ident = tavus.persona()
    tavus.ok("GET", f"/v2/personas/{ident}")
    tavus.call("DELETE", f"/v2/personas/{ident}")
    mutations = tavus.control("GET", "mutations")["mutations"]
    shown = [(m["seq"], m["action"], m["account"], m["kind"], m["id"], m["by"], m["request"]) for m in mutations]
    assert shown == [(1, "create", KEY, "personas", ident, "api", 1), (2, "delete", KEY, "personas", ident, "api", 3)]
    assert mutations[0]["body"] == {"persona_name": "Coach", "system_prompt": "You coach."}
    assert [m["seq"] for m in tavus.control("GET", "mutations?since=1")["mutations"]] == [2]


def test_objects_are_dumped_with_deleted_ones_on_demand(tavus: Tavus) -> None:
    kept, gone = tavus.persona(), tavus.persona()
    tavus.call("DELETE", f"/v2/personas/{gone}")
    tavus.ok("POST", "/v2/documents", {"document_url": "https://a.example.com"})

    def idents(query: str) -> list[tuple[str, bool]]:
        return [(o["id"], o["deleted"]) for o in tavus.control("GET", f"objects?{query}")["objects"]]

    assert idents("kind=personas") == [(kept, False)]
    assert idents("kind=personas&deleted=1") == [(kept, False), (gone, True)]
    assert idents("account=other") == []
    assert tavus.control("GET", "accounts") == {"accounts": [KEY]}


def test_the_clock_is_set_stopped_and_advanced_and_dates_the_answers(tavus: Tavus) -> None:
    set_to = tavus.control("POST", "clock", {"set": "2026-03-01T10:00:00Z", "freeze": True})
    assert set_to == {"now": "2026-03-01T10:00:00.000000Z", "frozen": True}
    assert tavus.control("POST", "clock", {"advance": 90})["now"] == "2026-03-01T10:01:30.000000Z"
    response = tavus.call("GET", "/v2/documents")
    assert parsedate_to_datetime(response.headers["date"]).isoformat() == "2026-03-01T10:01:30+00:00"
    running = tavus.control("POST", "clock", {"freeze": False})
    assert running["frozen"] is False
    assert running["now"] >= "2026-03-01T10:01:30"
    assert tavus.control("GET", "clock")["now"] > running["now"]


def test_a_patch_moves_the_time_even_when_the_clock_stands(tavus: Tavus) -> None:
    tavus.control("POST", "clock", {"freeze": True})
    ident = tavus.persona()
    times = []
    for text in ("a", "b"):
        tavus.ok("PATCH", f"/v2/personas/{ident}", [{"op": "replace", "path": "/greeting", "value": text}])
        times.append(tavus.ok("GET", f"/v2/personas/{ident}")["updated_at"])
    assert times[0] < times[1]


def test_a_reset_leaves_nothing_and_repeats_the_same_ids(tavus: Tavus) -> None:
    first = tavus.persona()
    tavus.switch(mask="omit")
    tavus.control("POST", "faults", {"kind": "drop", "match": "DELETE *"})
    tavus.control("POST", "clock", {"freeze": True})
    tavus.control("POST", "reset")
    assert tavus.control("GET", "requests") == {"requests": []}
    assert tavus.control("GET", "mutations") == {"mutations": []}
    assert tavus.control("GET", "objects") == {"objects": []}
    assert tavus.control("GET", "faults") == {"faults": []}
    assert tavus.control("GET", "clock")["frozen"] is False
    assert tavus.control("GET", "behaviors")["behaviors"]["mask"] == "stars"
    assert tavus.persona() == first


def test_a_new_id_is_none_that_a_seed_has_brought(tavus: Tavus) -> None:
    second = [tavus.persona(), tavus.persona()][1]
    tavus.control("POST", "reset")
    seeded = {"guardrails_id": second, "name": "Calm", "data": [{"guardrail_name": "a", "guardrail_prompt": "b"}]}
    tavus.control("POST", "seed", {"*": {"guardrails": [seeded]}})
    assert tavus.persona() != second


def test_outcomes_wait_and_are_forgotten(tavus: Tavus) -> None:
    tavus.control("POST", "outcomes", {"kind": "documents", "error": None})
    waiting = tavus.control("POST", "outcomes", {"kind": "documents", "error": "file_empty", "times": 2})
    assert waiting == {"outcomes": {"documents": [None, "file_empty", "file_empty"]}}
    assert tavus.control("DELETE", "outcomes") == {"outcomes": {}}


def test_a_seed_for_everybody_reaches_accounts_that_are_there_already(tavus: Tavus) -> None:
    tavus.ok("GET", "/v2/personas")
    seed = {"*": {"personas": [{"id": "p1", "persona_name": "Seeded"}]}}
    assert tavus.control("POST", "seed", seed) == {KEY: {"personas": ["p1"]}}
    assert [tavus.call("GET", "/v2/personas/p1", key=key).status_code for key in (KEY, "new")] == [200, 200]
    tavus.control("POST", "reset")
    assert tavus.call("GET", "/v2/personas/p1").status_code == 400


def test_a_time_without_a_zone_is_utc(tavus: Tavus) -> None:
    shown = tavus.control("POST", "clock", {"set": "2026-03-01T10:00:00", "freeze": True})
    assert shown["now"] == "2026-03-01T10:00:00.000000Z"


def test_an_unknown_control_verb_names_the_known_ones(tavus: Tavus) -> None:
    response = tavus.http.get(f"{tavus.url}/__emulator/moon")
    assert response.status_code == 404
    assert "POST /__emulator/clock" in response.json()["known"]


def test_unknown_paths_and_methods_are_404_and_405(tavus: Tavus) -> None:
    assert tavus.call("GET", "/v2/planets").status_code == 404
    assert tavus.call("GET", "/").status_code == 404
    wrong = tavus.call("PUT", "/v2/personas")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, POST")
    head = tavus.call("HEAD", "/v2/personas")
    assert (head.status_code, head.content) == (405, b"")
    assert tavus.call("GET", "/v2/personas").status_code == 200


def test_a_body_that_is_not_json_is_refused_in_the_manner_of_the_endpoint(tavus: Tavus) -> None:
    ident = tavus.persona()

    def send(method: str, path: str, content: bytes) -> int:
        return tavus.http.request(method, tavus.url + path, content=content, headers={"x-api-key": KEY}).status_code

    for content in (b"", b"{", b"\xff", b"[NaN]", b"[" * 100_000):
        assert send("POST", "/v2/personas", content) == 400
        assert send("PATCH", f"/v2/personas/{ident}", content) == 422
