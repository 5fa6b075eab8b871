"""Calls, reads, changes and kills in one order, for whoever judges what a client did."""

from __future__ import annotations

from typing import Any

from tests.emulator.harness import KEY, Tavus


def history(tavus: Tavus, since: int = 0) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = tavus.control("GET", f"history?since={since}&account={KEY}")["events"]
    return listed


def test_calls_reads_and_changes_have_one_order(tavus: Tavus) -> None:
    persona = tavus.persona()
    tavus.call("GET", f"/v2/personas/{persona}", x_tavusctl_run="run 1")
    tavus.control(
        "POST",
        "portal",
        {
            "kind": "persona",
            "id": persona,
            "account": KEY,
            "patch": [{"op": "replace", "path": "/system_prompt", "value": "Other."}],
        },
    )
    tavus.call("GET", "/v2/personas?limit=50")
    tavus.call("DELETE", f"/v2/personas/{persona}", x_tavusctl_pid="17")

    events = history(tavus)
    assert [one["at"] for one in events] == sorted({one["at"] for one in events})
    told = [(one["is"], one.get("method") or one["by"]) for one in events]
    assert told == [
        *[("call", "POST"), ("commit", "api"), ("handled", "POST")],
        *[("call", "GET"), ("handled", "GET")],
        ("commit", "portal"),
        *[("call", "GET"), ("handled", "GET")],
        *[("call", "DELETE"), ("commit", "api"), ("handled", "DELETE")],
    ]
    made, edited = events[1]["at"], events[5]["at"]
    assert events[4]["shown"] == {persona: made}
    assert events[7]["shown"][persona] == edited
    assert events[5]["changes"]["/system_prompt"] == "Other."
    assert [one["run"] for one in events if one["is"] == "call"] == ["", "run 1", "", "17"]
    assert history(tavus, edited) == events[6:]


def test_what_has_gone_is_said_and_keys_are_not(tavus: Tavus) -> None:
    llm = {"model": "own", "base_url": "https://llm.example.com", "api_key": "sk-very-secret"}
    persona = tavus.persona(layers={"llm": llm}, document_ids=["d1", "d2"])
    patch = [{"op": "replace", "path": "/document_ids", "value": ["d2"]}]
    tavus.call("PATCH", f"/v2/personas/{persona}", patch)
    tavus.call("DELETE", f"/v2/personas/{persona}")

    made, changed, gone = (one for one in history(tavus) if one["is"] == "commit")
    assert made["changes"]["/layers/llm/api_key"] == "(sensitive)"
    assert changed["changes"]["/document_ids/0"] == "d2"
    assert changed["gone"] == ["/document_ids/1"]
    assert (gone["action"], gone["changes"]) == ("delete", {})
    assert "sk-very-secret" not in str(history(tavus))


def test_a_request_that_is_never_carried_out_shows_nothing(tavus: Tavus) -> None:
    persona = tavus.persona()
    since = history(tavus)[-1]["at"]
    tavus.control("POST", "faults", {"match": "GET *", "kind": "status", "status": 503})
    tavus.control("POST", "faults", {"match": "GET *", "kind": "status", "status": 503, "phase": "after"})
    for _ in range(2):
        tavus.call("GET", f"/v2/personas/{persona}")
    told = [(one["is"], one["status"]) for one in history(tavus, since)]
    assert told == [("call", 503), ("call", 503), ("handled", 503)]


def test_a_reset_begins_anew(tavus: Tavus) -> None:
    tavus.persona()
    tavus.control("POST", "reset")
    assert history(tavus) == []
