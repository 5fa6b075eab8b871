from __future__ import annotations

import pytest

from tests.emulator.harness import KEY, Tavus, emulated

REFUSED = {"message": "Invalid access token"}


@pytest.mark.parametrize("path", ["/v2/personas", "/v2/documents/d0", "/v2/nothing"])
def test_without_a_key_everything_is_a_401(tavus: Tavus, path: str) -> None:
    response = tavus.http.get(f"{tavus.url}{path}")
    assert (response.status_code, response.json()) == (401, REFUSED)


def test_each_key_is_an_account_of_its_own(tavus: Tavus) -> None:
    ident = tavus.persona()
    assert tavus.call("GET", f"/v2/personas/{ident}", key="other").status_code == 400
    assert tavus.ok("GET", "/v2/personas?persona_type=user", key="other")["total_count"] == 0


def test_a_rotated_key_opens_the_same_account_and_the_revoked_one_nothing(tavus: Tavus) -> None:
    ident = tavus.persona()
    tavus.switch(keys={KEY: None, "new": KEY})
    assert tavus.call("GET", f"/v2/personas/{ident}").json() == REFUSED
    assert tavus.call("GET", f"/v2/personas/{ident}", key="new").status_code == 200


def test_unknown_keys_can_be_refused(tavus: Tavus) -> None:
    tavus.switch(keys={KEY: "acme"}, unknown_keys="refuse")
    assert tavus.call("GET", "/v2/personas").status_code == 200
    assert tavus.call("GET", "/v2/personas", key="guess").status_code == 401


def test_a_seed_fills_one_account_and_every_account() -> None:
    seed = {
        "*": {"guardrails": [{"id": "g7771e9a453db", "name": "Everybody's", "data": []}]},
        KEY: {
            "personas": [{"persona_id": "p015ee7b4ab6", "persona_name": "Seeded", "layers": {"stt": {}}}],
            "replicas": [{"id": "r0123456789a", "replica_name": "Rio"}],
            "documents": [{"id": "d1", "document_url": "https://a.example.com", "crawl": {"depth": 1, "max_pages": 1}}],
            "objectives": [{"name": "Goals", "data": [{"objective_name": "a", "objective_prompt": "A"}]}],
        },
    }
    with emulated(seed=seed) as seeded:
        persona = seeded.ok("GET", "/v2/personas/p015ee7b4ab6")
        assert (persona["persona_name"], persona["layers"]["stt"]["hotwords"]) == ("Seeded", "")
        assert seeded.ok("GET", "/v2/replicas/r0123456789a")["status"] == "completed"
        document = seeded.ok("GET", "/v2/documents/d1")
        assert (document["status"], document["crawl_count"]) == ("ready", 1)
        assert seeded.ok("GET", "/v2/objectives")["total_count"] == 1
        for key in (KEY, "other"):
            assert seeded.ok("GET", "/v2/guardrails/g7771e9a453db", key=key)["name"] == "Everybody's"
        assert seeded.ok("GET", "/v2/objectives", key="other")["total_count"] == 0
        assert seeded.mutations() == []
