from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tests.emulator.harness import KEY, Tavus

LLM = {
    "tools": [],
    "headers": {},
    "extra_body": {},
    "default_query": {},
    "base_url": "",
    "api_key": "",
    "model": "tavus-gpt-oss",
    "speculative_inference": True,
}
CUSTOM = {"model": "gpt-4o", "base_url": "https://llm.example.com/v1", "api_key": "secret-llm-key"}
CUSTOM_LLM = {
    "error": "Bad Request. Please ensure both base_url and api_key are included in order to use a custom llm.",
}
INVALID_ID = {"error": "Invalid persona_id"}
INVALID_PATCH = {"message": "Invalid JSON patch format"}


def read(tavus: Tavus, ident: str) -> Any:
    return tavus.ok("GET", f"/v2/personas/{ident}")


def test_a_creation_answers_id_name_and_time_only(tavus: Tavus) -> None:
    created = tavus.call("POST", "/v2/personas", {"persona_name": "Coach", "system_prompt": "You coach."})
    assert created.status_code == 200
    assert list(created.json()) == ["persona_id", "persona_name", "created_at"]


def test_a_read_is_flat_in_a_fixed_order_and_shows_the_defaults_of_the_top_level(tavus: Tavus) -> None:
    ident = tavus.persona()
    shown = read(tavus, ident)
    times = {"created_at": shown["created_at"], "updated_at": shown["updated_at"]}
    assert list(shown.items()) == list(
        {
            "persona_id": ident,
            "persona_name": "Coach",
            "pipeline_mode": "full",
            "system_prompt": "You coach.",
            "context": "",
            "layers": {},
            "objectives_id": None,
            "guardrails_id": None,
            "greeting": "",
            "default_replica_id": None,
            "document_ids": [],
            "document_tags": [],
            **times,
        }.items(),
    )
    assert times["created_at"] < times["updated_at"]


def test_a_present_layer_shows_every_field_and_an_absent_layer_is_left_out(tavus: Tavus) -> None:
    ident = tavus.persona(layers={"llm": {"model": "tavus-gpt-oss"}, "stt": {"hotwords": "a, b"}})
    assert list(read(tavus, ident)["layers"].items()) == [
        ("llm", LLM),
        (
            "stt",
            {
                "stt_engine": "tavus-advanced",
                "participant_pause_sensitivity": None,
                "participant_interrupt_sensitivity": None,
                "smart_turn_detection": None,
                "hotwords": "a, b",
            },
        ),
    ]


def test_free_form_objects_come_back_ordered_by_length_then_bytes(tavus: Tavus) -> None:
    tool = {"type": "function", "function": {"parameters": {"type": "object", "properties": {}}, "name": "f"}}
    extra = {"temperature": 0.3, "top_p": 0.9, "b": 1, "a": 2}
    ident = tavus.persona(layers={"llm": {"extra_body": extra, "tools": [tool]}})
    llm = read(tavus, ident)["layers"]["llm"]
    assert list(llm["extra_body"]) == ["a", "b", "top_p", "temperature"]
    assert list(llm["tools"][0]["function"]) == ["name", "parameters"]
    assert llm["extra_body"] == extra
    assert llm["tools"] == [tool]


def test_api_keys_are_masked_headers_are_not_and_an_unset_key_is_empty(tavus: Tavus) -> None:
    headers = {"authorization": "Bearer x"}
    ident = tavus.persona(layers={"llm": CUSTOM | {"headers": headers}, "tts": {"tts_engine": "cartesia"}})
    layers = read(tavus, ident)["layers"]
    assert layers["llm"]["api_key"] == "********"
    assert layers["llm"]["headers"] == headers
    assert layers["tts"]["api_key"] == ""


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"persona_name": "x"}, "Bad Request. {'system_prompt': ['Missing data for required field.']}"),
        ({"system_prompt": "x", "rules": 1}, "Bad Request. {'rules': ['Unknown field.']}"),
        ({"system_prompt": "x", "persona_id": "p1"}, "Bad Request. {'persona_id': ['Unknown field.']}"),
        ({"system_prompt": 5}, "Bad Request. {'system_prompt': ['Not a valid string.']}"),
        (
            {"system_prompt": "x", "pipeline_mode": "half"},
            "Bad Request. {'pipeline_mode': ['Must be one of: full, echo.']}",
        ),
        ({"system_prompt": "x", "greeting": None}, "Bad Request. {'greeting': ['Field may not be null.']}"),
        (
            {"system_prompt": "x", "document_ids": ["a", 1]},
            "Bad Request. {'document_ids': {1: ['Not a valid string.']}}",
        ),
        (
            {"system_prompt": "x", "layers": {"llm": {"a": 1}}},
            "Bad Request. {'layers': {'llm': {'a': ['Unknown field.']}}}",
        ),
        ({"system_prompt": "x", "layers": {"ears": {}}}, "Bad Request. {'layers': {'ears': ['Unknown field.']}}"),
        ({"system_prompt": "x", "default_replica_id": "r0"}, "Invalid replica_uuid"),
        ({"system_prompt": "x", "layers": {"llm": {"model": "gpt-4o"}}}, CUSTOM_LLM["error"]),
        ({"system_prompt": "x", "layers": {"llm": CUSTOM | {"api_key": ""}}}, CUSTOM_LLM["error"]),
        ([], "Bad Request. {'_schema': ['Invalid input type.']}"),
    ],
)
def test_a_bad_creation_is_refused_in_the_words_of_the_api(tavus: Tavus, body: Any, error: str) -> None:
    response = tavus.call("POST", "/v2/personas", body)
    assert (response.status_code, response.json()) == (400, {"error": error})
    assert tavus.mutations() == []


@pytest.mark.parametrize(
    ("layers", "diagnostic"),
    [
        ([], "{'layers': ['Not a valid mapping type.']}"),
        ({"llm": None}, "{'llm': ['Not a valid mapping type.']}"),
        ({"llm": {"tools": {}}}, "{'tools': ['Not a valid list.']}"),
        ({"llm": {"tools": ["f"]}}, "{'tools': {0: ['Not a valid mapping type.']}}"),
        ({"llm": {"tools": [{"type": "code"}]}}, "{'type': ['Must be one of: function.']}"),
        ({"llm": {"tools": [{"type": "function"}]}}, "{'function': ['Missing data for required field.']}"),
        ({"llm": {"tools": [{"function": "f"}]}}, "{'function': ['Not a valid mapping type.']}"),
        ({"llm": {"tools": [{"function": {}}]}}, "{'function': {'name': ['Missing data for required field.']}}"),
        (
            {"llm": {"tools": [{"function": {"name": "f", "description": 1}}]}},
            "{'description': ['Not a valid string.']}",
        ),
        ({"llm": {"tools": [{"function": {"name": "f", "parameters": []}}]}}, "{'parameters': ['Not a valid mapping"),
        ({"llm": {"tools": [{"name": 1}]}}, "{'name': ['Not a valid string.']}"),
        ({"llm": {"headers": {"a": 1}}}, "{'headers': {'a': {'value': ['Not a valid string.']}}}"),
        ({"llm": {"headers": []}}, "{'headers': ['Not a valid mapping type.']}"),
        ({"llm": {"speculative_inference": "yes"}}, "{'speculative_inference': ['Not a valid boolean.']}"),
        ({"tts": {"tts_emotion_control": 1}}, "{'tts_emotion_control': ['Not a valid boolean.']}"),
        ({"tts": {"voice_settings": {"speed": []}}}, "{'speed': ['Not a valid number.']}"),
        ({"tts": {"voice_settings": {"stability": 2}}}, "{'stability': ['Must be greater than or equal to 0"),
        ({"tts": {"voice_settings": {"emotion": 1}}}, "{'emotion': ['Not a valid list.']}"),
        ({"tts": {"voice_settings": []}}, "{'voice_settings': ['Not a valid mapping type.']}"),
        ({"perception": {"ambient_awareness_queries": "x"}}, "{'ambient_awareness_queries': ['Not a valid list.']}"),
        ({"stt": {"hotwords": ["a"]}}, "{'hotwords': ['Not a valid string.']}"),
        ({"conversational_flow": {"turn_taking_patience": "saint"}}, "['Must be one of: low, medium, high.']"),
    ],
)
def test_a_bad_value_inside_a_layer_is_refused(tavus: Tavus, layers: Any, diagnostic: str) -> None:
    response = tavus.call("POST", "/v2/personas", {"system_prompt": "x", "layers": layers})
    assert response.status_code == 400
    assert diagnostic in response.json()["error"]


def test_strings_and_flat_tools_pass_where_the_api_takes_them(tavus: Tavus) -> None:
    layers: dict[str, Any] = {
        "llm": {"tools": [{"name": "f", "description": "d"}]},
        "tts": {"tts_emotion_control": "true", "voice_settings": {"speed": "normal", "emotion": "calm", "pitch": 1}},
        "vqa": {"enable_vision": "true"},
    }
    shown = read(tavus, tavus.persona(layers=layers))["layers"]
    assert (shown["llm"]["tools"], shown["tts"]["voice_settings"]) == (
        layers["llm"]["tools"],
        layers["tts"]["voice_settings"],
    )
    assert (shown["tts"]["tts_emotion_control"], shown["vqa"]) == ("true", layers["vqa"])


def test_an_echo_persona_needs_no_prompt(tavus: Tavus) -> None:
    created = tavus.ok(
        "POST", "/v2/personas", {"pipeline_mode": "echo", "layers": {"transport": {"transport_type": "livekit"}}}
    )
    assert read(tavus, created["persona_id"])["layers"] == {"transport": {"transport_type": "livekit"}}


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_an_unknown_persona_is_a_400(tavus: Tavus, method: str) -> None:
    response = tavus.call(method, "/v2/personas/p00000000000")
    assert (response.status_code, response.json()) == (400, INVALID_ID)


def test_a_patch_works_on_the_read_form_with_its_defaults(tavus: Tavus) -> None:
    ident = tavus.persona(layers={"llm": {"model": "tavus-gpt-4o"}})
    patch = [
        {"op": "test", "path": "/persona_id", "value": ident},
        {"op": "replace", "path": "/layers/llm/tools", "value": []},
        {"op": "replace", "path": "/greeting", "value": "Hi"},
        {"op": "add", "path": "/layers/stt", "value": {"hotwords": "x"}},
    ]
    before = read(tavus, ident)
    assert tavus.call("PATCH", f"/v2/personas/{ident}", patch).status_code == 200
    after = read(tavus, ident)
    assert after["greeting"] == "Hi"
    assert after["layers"]["stt"]["hotwords"] == "x"
    assert after["updated_at"] > before["updated_at"]


def test_a_removed_leaf_comes_back_as_its_empty_default(tavus: Tavus) -> None:
    ident = tavus.persona(greeting="Hi", context="c", layers={"llm": {"extra_body": {"top_p": 1}}})
    patch = [{"op": "remove", "path": path} for path in ("/greeting", "/context", "/layers/llm/extra_body")]
    tavus.ok("PATCH", f"/v2/personas/{ident}", patch)
    after = read(tavus, ident)
    assert (after["greeting"], after["context"], after["layers"]) == ("", "", {"llm": LLM})


def test_a_patch_without_effect_is_a_304_without_body_and_changes_no_time(tavus: Tavus) -> None:
    ident = tavus.persona(layers={"llm": {"model": "tavus-gpt-oss"}})
    before = read(tavus, ident)
    for patch in (
        [],
        [{"op": "remove", "path": "/layers/llm/headers"}],
        [{"op": "replace", "path": "/persona_name", "value": "Coach"}],
        [{"op": "replace", "path": "/created_at", "value": "never"}],
    ):
        response = tavus.call("PATCH", f"/v2/personas/{ident}", patch)
        assert (response.status_code, response.content) == (304, b"")
        assert "content-length" not in response.headers
    assert read(tavus, ident) == before
    assert tavus.mutations() == [("create", "personas", "api")]


@pytest.mark.parametrize(
    "patch",
    [
        [{"op": "replace", "path": "/skills", "value": 1}],
        [{"op": "remove", "path": "/layers/tts/api_key"}],
        [{"op": "test", "path": "/persona_name", "value": "Other"}],
        [{"op": "add", "path": "/persona_name/x", "value": 1}],
        [{"op": "add", "path": "/document_ids/7", "value": "d"}],
        [{"op": "replace", "path": "", "value": []}],
        [{"op": "add", "path": "/greeting"}],
        [{"op": "grow", "path": "/greeting"}],
        [{"op": "move", "path": "/greeting"}],
        ["op"],
        {"op": "add"},
    ],
)
def test_a_patch_that_does_not_fit_is_a_422_and_changes_nothing(tavus: Tavus, patch: Any) -> None:
    ident = tavus.persona()
    before = read(tavus, ident)
    response = tavus.call("PATCH", f"/v2/personas/{ident}", patch)
    assert (response.status_code, response.json()) == (422, INVALID_PATCH)
    assert read(tavus, ident) == before


def test_a_patch_is_all_or_nothing(tavus: Tavus) -> None:
    ident = tavus.persona()
    patch = [{"op": "replace", "path": "/greeting", "value": "Hi"}, {"op": "remove", "path": "/nothing"}]
    assert tavus.call("PATCH", f"/v2/personas/{ident}", patch).status_code == 422
    assert read(tavus, ident)["greeting"] == ""


def test_a_patch_that_adds_an_unknown_top_level_key_is_refused(tavus: Tavus) -> None:
    ident = tavus.persona()
    response = tavus.call("PATCH", f"/v2/personas/{ident}", [{"op": "add", "path": "/rules", "value": []}])
    assert (response.status_code, response.json()) == (400, {"error": "Bad Request. {'rules': ['Unknown field.']}"})


def test_a_replaced_layer_loses_its_key_and_is_refused_but_a_leaf_keeps_it(tavus: Tavus) -> None:
    ident = tavus.persona(layers={"llm": CUSTOM})
    whole = [{"op": "replace", "path": "/layers/llm", "value": {"model": "gpt-5", "base_url": "https://l.example.com"}}]
    refused = tavus.call("PATCH", f"/v2/personas/{ident}", whole)
    assert (refused.status_code, refused.json()) == (400, CUSTOM_LLM)
    tavus.ok("PATCH", f"/v2/personas/{ident}", [{"op": "replace", "path": "/layers/llm/model", "value": "gpt-5"}])
    llm = read(tavus, ident)["layers"]["llm"]
    assert (llm["model"], llm["api_key"]) == ("gpt-5", "********")


def test_a_replaced_layer_drops_what_it_does_not_mention(tavus: Tavus) -> None:
    ident = tavus.persona(layers={"perception": {"perception_model": "raven-0", "tool_prompt": "x"}})
    tavus.ok(
        "PATCH",
        f"/v2/personas/{ident}",
        [{"op": "replace", "path": "/layers/perception", "value": {"perception_model": "off"}}],
    )
    perception = read(tavus, ident)["layers"]["perception"]
    assert (perception["perception_model"], perception["tool_prompt"]) == ("off", "")


def test_a_written_mask_is_stored_and_written_down_as_a_violation(tavus: Tavus) -> None:
    ident = tavus.persona(layers={"llm": CUSTOM})
    tavus.ok("PATCH", f"/v2/personas/{ident}", [{"op": "replace", "path": "/layers/llm/api_key", "value": "********"}])
    violations = tavus.control("GET", "violations")["violations"]
    assert [(v["rule"], v["method"], v["path"]) for v in violations] == [
        ("mask_written", "PATCH", f"/v2/personas/{ident}")
    ]
    kept = tavus.control("GET", "objects")["objects"][0]["secrets"]
    assert kept == {"/layers/llm/api_key": hashlib.sha256(b"********").hexdigest()}


def test_a_persona_whose_references_were_deleted_can_still_be_changed(tavus: Tavus) -> None:
    tavus.switch(references="reject")
    named = {
        "default_replica_id": ("replica", "r1"),
        "document_ids": ("document", "d1"),
        "objectives_id": ("objectives", "o1"),
    }
    for kind, ident in named.values():
        tavus.control("POST", "seed", {KEY: {kind: [{"id": ident}]}})
    ident = tavus.persona(default_replica_id="r1", document_ids=["d1"], objectives_id="o1")
    for kind, gone in named.values():
        tavus.control("POST", "portal", {"kind": kind, "id": gone, "delete": True})
    tavus.ok("PATCH", f"/v2/personas/{ident}", [{"op": "replace", "path": "/greeting", "value": "Hi"}])
    for patch in (
        [{"op": "add", "path": "/document_ids/-", "value": "d2"}],
        [{"op": "replace", "path": "/objectives_id", "value": "o2"}],
        [{"op": "replace", "path": "/default_replica_id", "value": "r2"}],
    ):
        assert tavus.call("PATCH", f"/v2/personas/{ident}", patch).status_code == 400


def test_a_deleted_persona_is_gone(tavus: Tavus) -> None:
    ident = tavus.persona()
    deleted = tavus.call("DELETE", f"/v2/personas/{ident}")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert tavus.call("GET", f"/v2/personas/{ident}").json() == INVALID_ID
    assert tavus.call("DELETE", f"/v2/personas/{ident}").status_code == 400


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_stock_persona_can_be_read_but_not_changed(tavus: Tavus, method: str) -> None:
    assert read(tavus, "pdced222244b")["persona_name"] == "Sales Coach"
    assert tavus.call(method, "/v2/personas/pdced222244b", []).status_code == 400
    assert [v["rule"] for v in tavus.control("GET", "violations")["violations"]] == ["stock_written"]


def test_a_slash_at_the_end_and_the_json_patch_media_type_are_tolerated(tavus: Tavus) -> None:
    ident = tavus.ok("POST", "/v2/personas/", {"system_prompt": "x"})["persona_id"]
    patched = tavus.http.patch(
        f"{tavus.url}/v2/personas/{ident}/",
        content=b'[{"op": "add", "path": "/greeting", "value": "Hi"}]',
        headers={"x-api-key": "key-of-acme", "content-type": "application/json-patch+json"},
    )
    assert patched.status_code == 200
    assert read(tavus, f"{ident}/")["greeting"] == "Hi"
