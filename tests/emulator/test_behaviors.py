from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.harness import Tavus

GUARDRAIL = {"name": "Safety", "data": [{"guardrail_name": "a", "guardrail_prompt": "A"}]}


def layer(tavus: Tavus, ident: str, name: str) -> Any:
    return tavus.ok("GET", f"/v2/personas/{ident}")["layers"][name]


def test_reads_can_come_wrapped_as_documented(tavus: Tavus) -> None:
    persona = tavus.persona()
    guardrails = tavus.ok("POST", "/v2/guardrails", GUARDRAIL)["guardrails_id"]
    tavus.switch(wrapped_get=True)
    assert tavus.ok("GET", f"/v2/personas/{persona}")["data"][0]["persona_id"] == persona
    assert tavus.ok("GET", f"/v2/guardrails/{guardrails}")["data"][0]["uuid"] == guardrails


def test_newer_fields_can_be_left_out_unless_they_are_set(tavus: Tavus) -> None:
    tavus.switch(newer_fields=False)
    ident = tavus.persona(layers={"perception": {"visual_tool_prompt": "x"}, "tts": {}})
    perception = layer(tavus, ident, "perception")
    assert list(perception) == [
        "visual_tool_prompt",
        "perception_analysis_queries",
        "perception_model",
        "perception_tools",
        "ambient_awareness_queries",
        "perception_tool_prompt",
        "tool_prompt",
    ]
    assert "pronunciation_dictionary_id" not in layer(tavus, ident, "tts")
    document = tavus.ok("POST", "/v2/documents", {"document_url": "https://a.example.com"})
    assert "error_message" not in document
    tavus.switch(newer_fields=True)
    assert (
        layer(tavus, ident, "perception").items()
        >= {"visual_tools": [], "audio_tools": [], "audio_tool_prompt": ""}.items()
    )


@pytest.mark.parametrize(
    ("setting", "shown"),
    [
        (
            "filled",
            {"turn_detection_model": "sparrow-1", "turn_taking_patience": "high", "replica_interruptibility": "medium"},
        ),
        ("null", {"turn_detection_model": None, "turn_taking_patience": "high", "replica_interruptibility": None}),
    ],
)
def test_unset_fields_of_the_flow_show_their_defaults_or_null(tavus: Tavus, setting: str, shown: Any) -> None:
    tavus.switch(flow_defaults=setting)
    ident = tavus.persona(layers={"conversational_flow": {"turn_taking_patience": "high"}})
    assert layer(tavus, ident, "conversational_flow") == {**shown, "voice_isolation": None}


@pytest.mark.parametrize(
    ("style", "shown"), [("stars", {"api_key": "********"}), ("omit", {}), ("echo", {"api_key": "k"})]
)
def test_a_key_is_masked_left_out_or_echoed(tavus: Tavus, style: str, shown: Any) -> None:
    ident = tavus.persona(layers={"tts": {"tts_engine": "cartesia", "api_key": "k"}})
    tavus.switch(mask=style)
    tts = layer(tavus, ident, "tts")
    assert {key: value for key, value in tts.items() if key == "api_key"} == shown


def test_sets_can_be_known_by_their_documented_id(tavus: Tavus) -> None:
    tavus.switch(set_id_key="documented")
    ident = tavus.ok("POST", "/v2/guardrails", GUARDRAIL)["guardrails_id"]
    shown = tavus.ok("GET", f"/v2/guardrails/{ident}")
    assert (shown["guardrails_id"], "uuid" in shown) == (ident, False)


def test_lists_of_sets_can_show_only_ids_and_times(tavus: Tavus) -> None:
    ident = tavus.ok("POST", "/v2/guardrails", GUARDRAIL)["guardrails_id"]
    tavus.switch(sets_list_documented=True)
    item = tavus.ok("GET", "/v2/guardrails")["data"][0]
    assert list(item) == ["guardrails_id", "created_at", "updated_at"]
    assert item["guardrails_id"] == ident


def test_creating_a_set_can_answer_the_whole_set(tavus: Tavus) -> None:
    tavus.switch(set_create_full=True)
    created = tavus.ok("POST", "/v2/guardrails", GUARDRAIL)
    assert tavus.ok("GET", f"/v2/guardrails/{created['uuid']}") == created


def test_a_304_can_announce_a_body_or_send_one_against_http(tavus: Tavus) -> None:
    ident = tavus.persona()
    request = (
        f"PATCH /v2/personas/{ident} HTTP/1.1\r\nhost: HOST\r\nx-api-key: key-of-acme\r\n"
        "connection: close\r\ncontent-length: 2\r\n\r\n[]"
    )
    body = b'{"message":"No changes were made to the persona"}'
    found = {}
    for style in ("none", "length", "body"):
        tavus.switch(body_304=style)
        head, _, rest = tavus.raw(request).partition(b"\r\n\r\n")
        found[style] = (head.split(b"\r\n")[0], b"content-length: %d" % len(body) in head.lower(), rest)
    status = b"HTTP/1.1 304 Not Modified"
    assert found == {"none": (status, False, b""), "length": (status, True, b""), "body": (status, True, body)}


def test_unknown_keys_inside_layers_are_refused_dropped_or_kept(tavus: Tavus) -> None:
    layers = {"llm": {"model": "tavus-gpt-oss", "mood": 1}, "ears": {"a": 1}}
    tavus.switch(layers_unknown="drop")
    dropped = tavus.ok("GET", f"/v2/personas/{tavus.persona(layers=layers)}")["layers"]
    assert ("mood" in dropped["llm"], "ears" in dropped) == (False, False)
    tavus.switch(layers_unknown="keep")
    kept = tavus.ok("GET", f"/v2/personas/{tavus.persona(layers=layers)}")["layers"]
    assert (kept["llm"]["mood"], kept["ears"]) == (1, {"a": 1})
    tavus.switch(layers_unknown="reject")
    assert tavus.call("POST", "/v2/personas", {"system_prompt": "x", "layers": layers}).status_code == 400


def test_writes_to_chosen_fields_can_be_ignored_silently(tavus: Tavus) -> None:
    tavus.switch(ignore_fields=["/layers/perception/perception_model", "/greeting"])
    ident = tavus.persona(greeting="Hi", layers={"perception": {"perception_model": "raven-1", "tool_prompt": "x"}})
    shown = tavus.ok("GET", f"/v2/personas/{ident}")
    assert (shown["greeting"], shown["layers"]["perception"]["perception_model"]) == ("", "raven-0")
    patch = [{"op": "replace", "path": "/layers/perception/perception_model", "value": "off"}]
    assert tavus.call("PATCH", f"/v2/personas/{ident}", patch).status_code == 304
    both = [*patch, {"op": "replace", "path": "/layers/perception/tool_prompt", "value": "y"}]
    assert tavus.call("PATCH", f"/v2/personas/{ident}", both).status_code == 200
    perception = layer(tavus, ident, "perception")
    assert (perception["perception_model"], perception["tool_prompt"]) == ("raven-0", "y")


def test_fields_can_be_kept_in_another_spelling(tavus: Tavus) -> None:
    tavus.switch(tidied_fields={"/persona_name": "trim", "/greeting": "lower", "/document_ids": "sort"})
    ident = tavus.persona(persona_name=" A ", greeting="Hi", document_ids=["d2", "d1"])
    shown = tavus.ok("GET", f"/v2/personas/{ident}")
    assert (shown["persona_name"], shown["greeting"], shown["document_ids"]) == ("A", "hi", ["d1", "d2"])
    patch = [{"op": "replace", "path": "/greeting", "value": "HI"}]
    assert tavus.call("PATCH", f"/v2/personas/{ident}", patch).status_code == 304
    tavus.switch(tidied_fields={"/persona_name": "lower"})  # what is there already stays as it is
    untouched = [{"op": "test", "path": "/persona_name", "value": "A"}]
    assert tavus.call("PATCH", f"/v2/personas/{ident}", untouched).status_code == 304
    tavus.switch(tidied_fields={"/layers/tts/voice_settings/speed": "round"})
    settings = {"op": "add", "path": "/layers/tts", "value": {"voice_settings": {"speed": 0.6}}}
    assert tavus.call("PATCH", f"/v2/personas/{ident}", [settings]).status_code == 200
    assert layer(tavus, ident, "tts")["voice_settings"]["speed"] == 1


def test_test_operations_can_be_ignored(tavus: Tavus) -> None:
    ident = tavus.persona()
    patch = [{"op": "test", "path": "/greeting", "value": "no"}, {"op": "replace", "path": "/greeting", "value": "Hi"}]
    assert tavus.call("PATCH", f"/v2/personas/{ident}", patch).status_code == 422
    tavus.switch(ignore_test=True)
    assert tavus.call("PATCH", f"/v2/personas/{ident}", patch).status_code == 200


def test_ignored_fields_hold_for_documents_and_sets(tavus: Tavus) -> None:
    tavus.switch(ignore_fields=["/tags", "/name"])
    document = tavus.ok("POST", "/v2/documents", {"document_url": "https://a.example.com", "tags": ["a"]})
    assert document["tags"] == []
    assert tavus.ok("PATCH", f"/v2/documents/{document['document_id']}", {"tags": ["b"]})["tags"] == []
    ident = tavus.ok("POST", "/v2/guardrails", GUARDRAIL)["guardrails_id"]
    assert tavus.ok("GET", f"/v2/guardrails/{ident}")["name"] is None


def test_references_that_do_not_exist_are_accepted_or_refused(tavus: Tavus) -> None:
    body = {"system_prompt": "x", "objectives_id": "o12345"}
    assert tavus.call("POST", "/v2/personas", body).status_code == 200
    tavus.switch(references="reject")
    refused = tavus.call("POST", "/v2/personas", body)
    assert (refused.status_code, refused.json()) == (400, {"error": "Invalid objectives_id"})
    assert tavus.call("POST", "/v2/personas", {"system_prompt": "x", "document_ids": ["d0"]}).status_code == 400


@pytest.mark.parametrize("style", [400, 404])
def test_unknown_ids_can_all_be_answered_alike(tavus: Tavus, style: int) -> None:
    tavus.switch(not_found=str(style))
    paths = ("/v2/personas/p0", "/v2/documents/d0", "/v2/guardrails/g0", "/v2/guardrails/BAD", "/v2/replicas/r0")
    assert [tavus.call("GET", path).status_code for path in paths] == [style] * 5


def test_behaviours_are_listed_changed_together_and_restored(tavus: Tavus) -> None:
    before = tavus.control("GET", "behaviors")
    assert before["behaviors"] == before["defaults"] | {"era": "seed"}
    assert set(before["meanings"]) == set(before["defaults"])
    tavus.switch(mask="omit", list_lag=3)
    bad = tavus.http.put(f"{tavus.url}/__emulator/behaviors", json={"mask": "stars", "list_lag": "soon"})
    assert bad.status_code == 400
    assert tavus.http.put(f"{tavus.url}/__emulator/behaviors", json={"colour": 1}).status_code == 400
    changed = tavus.control("GET", "behaviors")["behaviors"]
    assert (changed["mask"], changed["list_lag"]) == ("omit", 3)
    assert tavus.control("GET", "switches") == {"switches": changed, **{k: before[k] for k in ("defaults", "meanings")}}
    assert tavus.control("DELETE", "behaviors")["behaviors"] == before["defaults"]


def test_a_persona_that_names_what_nobody_finds_is_a_violation_when_asked_for(tavus: Tavus) -> None:
    """Missing, or not ready; a crawl in progress still serves what was there."""
    tavus.switch(check_references=True)
    ready = tavus.crawled()
    tavus.persona(document_ids=[ready])
    tavus.ok("POST", f"/v2/documents/{ready}/recrawl")
    assert tavus.control("GET", "violations")["violations"] == []
    new = tavus.ok("POST", "/v2/documents", {"document_url": "https://example.com/new.pdf"})["document_id"]
    ident = tavus.persona(document_ids=[new])
    tavus.advance(600)
    tavus.call("PATCH", f"/v2/personas/{ident}", [{"op": "replace", "path": "/document_ids/0", "value": ready}])
    tavus.call("DELETE", f"/v2/documents/{ready}")

    found = tavus.control("GET", "violations")["violations"]
    assert [(one["rule"], one["method"], one["text"].rpartition(", ")[2]) for one in found] == [
        ("dangling_reference", "POST", "which is started"),
        ("dangling_reference", "DELETE", "which is missing"),
        ("dangling_reference", "DELETE", "which is missing"),
    ]


@pytest.mark.parametrize(
    ("style", "sent", "kept"),
    [
        ("as sent", " A  b ", " A  b "),
        ("trim", " A  b ", "A  b"),
        ("collapse", " A  b ", "A b"),
        ("compose", "Ka\u0308ufer", "K\u00e4ufer"),
        ("escape", "Q&A <bot>", "Q&amp;A &lt;bot&gt;"),
        ("lower", "Coach", "coach"),
        ("cut", "A name that is longer than a server likes", "A name that is longer th"),
    ],
)
def test_display_names_are_kept_in_the_spelling_of_the_server(tavus: Tavus, style: str, sent: str, kept: str) -> None:
    """In what is created and in what is changed, of every kind."""
    tavus.switch(names=style)
    persona = tavus.ok("POST", "/v2/personas", {"persona_name": sent, "system_prompt": "Hi."})
    rules = tavus.ok("POST", "/v2/guardrails", {**GUARDRAIL, "name": sent})["guardrails_id"]
    document = tavus.ok("POST", "/v2/documents", {"document_name": sent, "document_url": "https://example.com/a"})
    replica = tavus.ok("POST", "/v2/replicas", {"train_video_url": "https://example.com/v.mp4"})["replica_id"]
    tavus.call("PATCH", f"/v2/replicas/{replica}/name", {"replica_name": sent})
    patch = [{"op": "replace", "path": "/name", "value": f"{sent}"}]
    tavus.call("PATCH", f"/v2/guardrails/{rules}", patch)

    assert persona["persona_name"] == kept
    assert tavus.ok("GET", f"/v2/personas/{persona['persona_id']}")["persona_name"] == kept
    assert tavus.ok("GET", f"/v2/guardrails/{rules}")["name"] == kept
    assert document["document_name"] == kept
    assert tavus.ok("GET", f"/v2/replicas/{replica}")["replica_name"] == kept
