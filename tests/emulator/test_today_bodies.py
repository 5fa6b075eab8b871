"""Bodies as people send them to the API of today, and what a read shows of each.

A row is a path, a body, and what the read has in other words than the body: keys masked, values filled in.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.harness import FACE, Tavus

MASK = "********"
OWN_LLM: dict[str, Any] = {
    "model": "own-brain",
    "base_url": "https://llm.example.com/v1",
    "api_key": "k",
    "speculative_inference": False,
}
HTTP = {"app_message": False, "api": {"url": "https://a.example.com/q", "auth": {"type": "bearer", "token": "k"}}}
HIDDEN = {"app_message": False, "api": {"url": "https://a.example.com/q", "auth": {"type": "bearer", "token": MASK}}}
STEP = {"type": "object", "properties": {"step": {"type": "integer", "enum": [1, 2, 3]}}, "required": ["step"]}
FULL = {"pipeline_mode": "full", "system_prompt": "You coach.", "default_face_id": FACE}
PALS: list[tuple[Any, Any]] = [
    (
        {
            **FULL,
            "pal_name": "Chess coach",
            "layers": {
                "perception": {"perception_model": "raven-1"},
                "conversational_flow": {
                    "turn_detection_model": "sparrow-2",
                    "turn_taking_patience": "high",
                    "pal_interruptibility": "high",
                    "idle_engagement": "patient",
                },
                "stt": {"hotwords": "knight, bishop"},
            },
        },
        {},
    ),
    ({**FULL, "pal_name": "Own brain", "layers": {"llm": OWN_LLM}}, {"layers": {"llm": {**OWN_LLM, "api_key": MASK}}}),
    ({**FULL, "document_tags": ["rubric", "questions"], "layers": {"stt": {"stt_engine": "tavus-soniox"}}}, {}),
    ({**FULL, "document_tags": ["returns"], "guardrail_tags": ["safety"]}, {}),
    (
        {
            "pal_name": "plugin",
            "default_face_id": FACE,
            "pipeline_mode": "echo",
            "layers": {"transport": {"transport_type": "livekit"}},
        },
        {},
    ),
    (
        {
            **FULL,
            "layers": {
                "llm": {"speculative_inference": True},
                "tts": {"tts_emotion_control": True},
                "conversational_flow": {"turn_taking_patience": "low", "voice_isolation": "near"},
            },
        },
        {"layers": {"tts": {"tts_engine": "tavus-auto", "voice_id": ""}}},
    ),
    (
        {
            **FULL,
            "layers": {
                "stt": {"stt_engine": "tavus-deepgram-medical", "hotwords": "Name"},
                "tts": {"tts_engine": "cartesia", "tts_model_name": "sonic-3", "voice_settings": {"speed": 1.0}},
            },
        },
        {},
    ),
]
TOOLS: list[tuple[Any, Any]] = [
    ({"on_call": "static_filler", "static_filler": "Let me see.", "on_resolve": "generate_response"}, {}),
    ({"parameters": STEP, "origin": "llm", "on_call": "silent", "on_resolve": "generate_response"}, {}),
    ({"trigger_type": "in_call", "on_call": "generate_filler", "delivery": HTTP}, {"delivery": HIDDEN}),
    ({"delivery": {"api": {"url": "https://a.example.com/{step}", "method": "GET"}}, "parameters": STEP}, {}),
    (
        {
            "delivery": {
                "api": {
                    "url": "https://a.example.com",
                    "content_type": "application/json",
                    "body_template": {"step": "{step}", "who": "{tavus_name}"},
                    "timeout": 10.0,
                }
            },
            "parameters": STEP,
            "tags": ["stove"],
        },
        {},
    ),
    ({"trigger_type": "post_call", "delivery": {"api": {"url": "https://a.example.com"}}}, {"origin": None}),
]


def assert_shows(read: Any, wanted: Any) -> None:
    """That a read has all that is wanted, at any depth of objects."""
    if isinstance(wanted, dict):
        for name, value in wanted.items():
            assert_shows(read[name], value)
    else:
        assert read == wanted


@pytest.mark.parametrize(("body", "otherwise"), PALS)
def test_a_pal_reads_as_it_was_sent(today: Tavus, body: Any, otherwise: Any) -> None:
    ident = today.ok("POST", "/v2/pals", body)["pal_id"]
    read = today.ok("GET", f"/v2/pals/{ident}?include_settings=true")
    sent = {name: value for name, value in body.items() if name != "layers" or not otherwise}
    assert_shows(read, sent)
    assert_shows(read, otherwise)


def test_a_persona_reads_as_it_was_sent_in_mixed_words(today: Tavus) -> None:
    flow = {"pal_interruptibility": "high", "replica_interruptibility": "high", "idle_engagement": "off"}
    body = {"persona_name": "Rep", "system_prompt": "x", "layers": {"conversational_flow": flow}}
    ident = today.ok("POST", "/v2/personas", body)["persona_id"]
    shown = today.ok("GET", f"/v2/personas/{ident}")["layers"]["conversational_flow"]
    assert (shown["replica_interruptibility"], "pal_interruptibility" in shown) == ("high", False)


@pytest.mark.parametrize(("body", "otherwise"), TOOLS)
def test_a_tool_reads_as_it_was_sent(today: Tavus, body: Any, otherwise: Any) -> None:
    sent = {"name": "look_up", "description": "Look it up.", **body}
    ident = today.ok("POST", "/v2/tools", sent)["tool_id"]
    read = today.ok("GET", f"/v2/tools/{ident}")
    assert_shows(read, {name: value for name, value in sent.items() if name not in otherwise})
    assert_shows(read, otherwise)


def test_leaves_of_a_layer_are_patched_one_by_one(today: Tavus) -> None:
    ident = today.pal(layers={"llm": OWN_LLM})
    leaves: dict[str, Any] = {"model": "other-brain", "base_url": "https://b.example.com", "api_key": "k2"}
    operations: list[Any] = [
        {"op": "replace", "path": f"/layers/llm/{name}", "value": value} for name, value in leaves.items()
    ]
    operations.append({"op": "add", "path": "/layers/llm/speculative_inference", "value": True})
    shown = today.ok("PATCH", f"/v2/pals/{ident}", operations)["layers"]["llm"]
    assert (shown["model"], shown["api_key"], shown["speculative_inference"]) == ("other-brain", MASK, True)
