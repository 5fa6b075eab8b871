"""Whatever a client sends, the API of today refuses it in words: it never fails."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.harness import FACE, Tavus

JUNK: list[Any] = [None, [], {}, 0, "x", [[]], {"type": []}, {"api": []}]
API = {"url": "https://a.example.com", "auth": {"type": "bearer", "token": "t"}}
STEP = {"objective_name": "a", "objective_prompt": "A"}
RULE = {"text": "a", "pronunciation": "b", "type": "alias"}
LAYERS: dict[str, Any] = {
    "tts": {"voice_settings": {}, "voice_id": "v"},
    "llm": {"model": "tavus-gemma-4", "tools": []},
    "conversational_flow": {"pal_interruptibility": "low", "sleep_phrase": "x", "wake_phrase": "y"},
    "conferencing": {"username": "acme", "allowlist": []},
    "mcp": {"connectors": []},
    "sts": {},
    "knowledge_base": {"rag_n_chunks": 1},
}
BODIES: dict[str, Any] = {
    "/v2/pals": {
        "pal_name": "A",
        "system_prompt": "x",
        "default_face_id": FACE,
        "pipeline_mode": "full",
        "tool_ids": [],
        "guardrail_ids": [],
        "layers": LAYERS,
    },
    "/v2/faces": {
        "face_name": "A",
        "train_image_url": "https://a.example.com",
        "voice_name": "anna",
        "model_name": "phoenix-4",
    },
    "/v2/tools": {
        "name": "a",
        "description": "A.",
        "parameters": {"properties": {"p": {}}},
        "origin": "llm",
        "on_call": "silent",
        "trigger_type": "in_call",
        "delivery": {"api": API},
        "tags": [],
    },
    "/v2/guardrails": {"guardrail_name": "a", "guardrail_prompt": "A.", "tags": ["a"], "tool_call": {}},
    "/v2/objectives": {"name": "a", "data": [{**STEP, "next_conditional_objectives": {}}], "allow_loops": True},
    "/v2/voices": {"voice_name": "a", "train_audio_url": "https://a.example.com/a.mp3", "tags": ["a"]},
    "/v2/pronunciation-dictionaries": {"name": "a", "rules": [RULE]},
    "/v2/deployments": {"pal_id": "p1", "channel": "widget", "limits": {"daily_call_limit": 1}, "customization": {}},
    "/v2/connectors": {
        "name": "a",
        "server_url": "https://a.example.com",
        "auth_config": {"type": "bearer", "token": "t"},
    },
    "/v2/documents": {"document_url": "https://a.example.com", "participant_tags": []},
}


IDS: tuple[str, ...] = (
    "tool_id",
    "uuid",
    "objectives_id",
    "voice_id",
    "pronunciation_dictionary_id",
    "deployment_id",
    "connector_id",
)
IDS = (*IDS, "document_id", "face_id", "pal_id")


def made(today: Tavus, path: str) -> str:
    """The id of an object made of the body that is right."""
    today.control("POST", "seed", {"key-of-acme": {"personas": [{"id": "p1"}]}})
    answered = today.ok("POST", path, BODIES[path])
    return str(next(answered[key] for key in IDS if key in answered))


def spoilt(body: Any) -> list[Any]:
    """The body with junk in each place."""
    found = list(JUNK)
    members = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for name, value in members:
        for one in spoilt(value):
            copy = body.copy()
            copy[name] = one
            found.append(copy)
    return found


@pytest.mark.sampled(4)
@pytest.mark.parametrize("path", BODIES)
def test_no_body_makes_it_fail(today: Tavus, path: str) -> None:
    ident = made(today, path)
    for body in spoilt(BODIES[path]):
        for method, where in (("POST", path), ("PATCH", f"{path}/{ident}")):
            response = today.call(method, where, body)
            assert response.status_code < 500, (method, body, response.text)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("path", BODIES)
def test_no_patch_makes_it_fail(today: Tavus, path: str) -> None:
    ident = made(today, path)
    for pointer in pointers(BODIES[path]):
        for value in JUNK:
            for op in ("add", "replace"):
                response = today.call("PATCH", f"{path}/{ident}", [{"op": op, "path": pointer, "value": value}])
                assert response.status_code < 500, (pointer, value, response.text)


def pointers(body: Any, pointer: str = "") -> list[str]:
    """Every place in a body."""
    members = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    return [one for name, value in members for one in (f"{pointer}/{name}", *pointers(value, f"{pointer}/{name}"))]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("call", ["tools", "skills", "skills/memory", "skills/presentation", "skills/magic_canvas"])
def test_no_call_for_tools_and_skills_makes_it_fail(today: Tavus, call: str) -> None:
    pal = today.pal()
    keys = ("tool_ids", "skills", "config")
    inner: list[Any] = [{key: one} for key in ("memory", "presentation", "components", "document_ids") for one in JUNK]
    for body in [*JUNK, *({key: one} for key in keys for one in [*JUNK, *inner])]:
        for method in ("POST", "PUT", "PATCH"):
            response = today.call(method, f"/v2/pals/{pal}/{call}", body)
            assert response.status_code < 500, (method, body, response.text)
