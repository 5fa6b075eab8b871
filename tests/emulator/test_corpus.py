"""Every example body of the API's own pages and of public code; more when TAVUSCTL_CORPUS names a directory.

A body that creates something is sent, after what it names was put there, and must read back with every field it gave,
or be refused for the reason in REFUSED.  Fragments become part of a persona; patches are applied to an object that has
what they touch.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.emulator.harness import KEY, Json, Tavus

CORPUS = Path(__file__).parent.parent / "corpus"
LAYERS = ("llm", "tts", "stt", "perception", "conversational_flow")
CUSTOM_LLM = {"model": "own", "base_url": "https://llm.example.com", "api_key": "k"}
NAMED = {
    "default_replica_id": "replicas",
    "replica_id": "replicas",
    "persona_id": "personas",
    "objectives_id": "objectives",
    "guardrails_id": "guardrails",
}

# What is refused: a pattern of file names, and the reason as the answer gives it.
REFUSED = {
    # Answers of a read, shown as if they were what to send.
    r"persona--L(2762|2931).*": "'persona_id': ['Unknown field.']",
    # Only layers.
    r"persona-08\.json": "'system_prompt': ['Missing data for required field.']",
    # Layers that stand outside `layers`.
    r"persona-1[2-7]\.json": "'llm': ['Unknown field.']",
    # Keys of another time or of nobody.
    r"persona-20\.json": "'context_type': ['Unknown field.']",
    r"persona-21\.json": "'perception_model': ['Unknown field.']",
    # The guide's plural spellings, which the API itself refuses.
    r"guardrails--L4907.*": "'guardrails_id': ['Unknown field.']",
    r"guardrails-(05|06|07|11)\.json": "guardrail_name is required",
    # Words of other documents: "automatic", "conversational".
    r"objectives-(04|05|14)\.json": "'confirmation_mode': ['Must be one of: auto, manual.']",
    # Placeholders instead of addresses.
    r"replica--L(7980|8035).*": "Invalid train_video_url",
}


def reason(name: str) -> str | None:
    """Why a body is refused, or None."""
    return next((said for pattern, said in REFUSED.items() if re.fullmatch(pattern, name)), None)


def files(*kinds: str) -> list[Path]:
    """The files of some kinds: `persona--L12-x.json` and `persona-01.json` are of the kind persona."""
    extra = os.environ.get("TAVUSCTL_CORPUS")
    roots = [CORPUS, *([Path(extra)] if extra else [])]
    found = [path for root in roots for part in ("seed", "wild") for path in sorted((root / part).glob("*.json"))]
    return [path for path in found if re.split(r"--|-\d", path.name)[0] in kinds]


def each(*kinds: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", files(*kinds), ids=lambda path: path.name)


def seed(tavus: Tavus, body: Json) -> None:
    """Put there what a body names, unless it is stock."""
    tavus.switch(references="reject")
    stock = str([tavus.ok("GET", f"/v2/{kind}?limit=100")["data"] for kind in ("personas", "replicas")])
    owned = {key: body[key] for key in NAMED if body.get(key) and body[key] not in stock}
    named = {NAMED[key]: [{"id": ident, "default_replica_id": "r79e1c033f"}] for key, ident in owned.items()}
    named["documents"] = [{"id": ident} for ident in body.get("document_ids", [])]
    tavus.control("POST", "seed", {KEY: named})


def shown(value: Json, key: str = "") -> Json:
    """What a read should show of what was given."""
    if isinstance(value, dict):
        return {name: shown(item, name) for name, item in value.items()}
    return "********" if key == "api_key" and value else value


def covers(read: Json, given: Json) -> bool:
    """Whether a read has every field that was given; objects may have more, lists may not."""
    if isinstance(given, dict):
        return isinstance(read, dict) and all(key in read and covers(read[key], given[key]) for key in given)
    if isinstance(given, list):
        return (
            isinstance(read, list)
            and len(read) == len(given)
            and all(covers(*pair) for pair in zip(read, given, strict=True))
        )
    return bool(read == given)


def check(tavus: Tavus, path: Path, collection: str, body: Json, given: Json) -> None:
    """Create, and read back or be refused."""
    seed(tavus, body)
    response = tavus.call("POST", f"/v2/{collection}", body)
    why = reason(path.name)
    if why is not None:
        assert response.status_code == 400
        assert why in response.text
        assert tavus.mutations() == []
        return
    assert response.status_code == 200, response.text
    ident = next(value for key, value in response.json().items() if key.endswith("_id"))
    read = tavus.ok("GET", f"/v2/{collection}/{ident}")
    assert covers(read, given)
    listed = tavus.ok("GET", f"/v2/{collection}?limit=100&persona_type=user&replica_type=user")
    assert read in listed["data"]


def without(body: Json, *keys: str) -> Json:
    return {key: value for key, value in body.items() if key not in keys}


@pytest.mark.sampled(8)
@each("persona")
def test_a_persona_reads_back_as_it_was_given(tavus: Tavus, path: Path) -> None:
    body = json.loads(path.read_text(encoding="utf-8"))
    check(tavus, path, "personas", body, shown(body))


@pytest.mark.sampled(8)
@each("guardrails", "objectives")
def test_a_set_reads_back_as_it_was_given(tavus: Tavus, path: Path) -> None:
    body = json.loads(path.read_text(encoding="utf-8"))
    check(tavus, path, re.split(r"--|-\d", path.name)[0], body, body)


@each("document")
def test_a_document_reads_back_as_it_was_given(tavus: Tavus, path: Path) -> None:
    body = json.loads(path.read_text(encoding="utf-8"))
    given = without(body, "crawl", "properties")
    check(tavus, path, "documents", body, given | ({"crawl_config": body["crawl"]} if "crawl" in body else {}))


@each("replica")
def test_a_replica_reads_back_as_it_was_given(tavus: Tavus, path: Path) -> None:
    body = json.loads(path.read_text(encoding="utf-8"))
    check(tavus, path, "replicas", body, {"replica_name": body["replica_name"]})


@pytest.mark.sampled(6)
@each("conversation")
def test_a_conversation_reads_back_as_it_was_given(tavus: Tavus, path: Path) -> None:
    body = json.loads(path.read_text(encoding="utf-8"))
    kept = ("persona_id", "replica_id", "conversation_name", "callback_url")
    check(tavus, path, "conversations", body, {key: body[key] for key in kept if key in body})


@each("conversation-response")
def test_a_new_conversation_answers_the_keys_of_the_examples(tavus: Tavus, path: Path) -> None:
    example = json.loads(path.read_text(encoding="utf-8"))
    body = {"persona_id": "pdced222244b", "require_auth": "meeting_token" in example}
    created = tavus.ok("POST", "/v2/conversations", body)
    assert set(example) <= set(created)
    assert created["status"] == example["status"]


def fragment(body: Json) -> Json:
    """The layers that a fragment is about: whole layers, or fields of one of them."""
    if set(body) <= set(LAYERS):
        return body
    owners = {
        "llm": {"model", "base_url", "api_key", "headers", "extra_body", "default_query", "speculative_inference"},
        "stt": {"hotwords"},
        "conversational_flow": {"turn_detection_model", "turn_taking_patience", "replica_interruptibility"},
        "perception": {
            "ambient_awareness_queries",
            "perception_analysis_queries",
            "perception_tool_prompt",
            "perception_tools",
        },
    }
    return {layer: body for layer, fields in owners.items() if set(body) <= fields}


@pytest.mark.sampled(8)
@each("layer-fragment", "persona-fragment")
def test_a_fragment_holds_inside_a_persona(tavus: Tavus, path: Path) -> None:
    body = json.loads(path.read_text(encoding="utf-8"))
    layers = body.get("layers") or fragment(body)
    assert layers, "no layer has these fields"
    if {"model", "base_url"} & set(layers.get("llm", {})) and not str(layers["llm"].get("model")).startswith("tavus-"):
        layers = layers | {"llm": CUSTOM_LLM | layers["llm"]}
    persona = {"system_prompt": "You are a sample.", "layers": layers}
    check(tavus, path, "personas", persona, shown(persona))


@each("document-recrawl")
def test_a_recrawl_is_accepted(tavus: Tavus, path: Path) -> None:
    body = json.loads(path.read_text(encoding="utf-8"))
    assert tavus.call("POST", f"/v2/documents/{tavus.crawled()}/recrawl", body).status_code == 202


def patched_object(tavus: Tavus, operations: Json) -> tuple[str, str, str]:
    """Collection, id and refusal of an object that has what a patch touches."""
    touched = {operation["path"] for operation in operations}
    items = [path for path in touched if path.startswith("/data/")]
    if not items:
        layers: dict[str, Any] = {layer: {} for layer in LAYERS}
        layers["stt"] = {"hotwords": "word"}
        seed(tavus, {operation["path"][1:]: operation["value"] for operation in operations if "value" in operation})
        return "personas", tavus.persona(layers=layers), ""
    kind = "objectives" if any("objective_" in path for path in items) else "guardrails"
    item = {f"{kind[:-1]}_name": "one", f"{kind[:-1]}_prompt": "One.", "callback_url": "https://a.example.com"}
    created = tavus.ok("POST", f"/v2/{kind}", {"name": "Set", "data": [item]})
    # The guide's plural spelling is not a key of an item.
    plural = any(path.endswith("/guardrails_prompt") for path in items)
    return kind, created[f"{kind}_id"], "Invalid patch operation" if plural else ""


@each("patch")
def test_a_patch_changes_what_it_says(tavus: Tavus, path: Path) -> None:
    operations = json.loads(path.read_text(encoding="utf-8"))
    collection, ident, refusal = patched_object(tavus, operations)
    response = tavus.call("PATCH", f"/v2/{collection}/{ident}", operations)
    if refusal:
        assert (response.status_code, response.json()) == (400, {"error": refusal})
        return
    assert response.status_code == 200, response.text
    read = tavus.ok("GET", f"/v2/{collection}/{ident}")
    for operation in operations:
        value = read
        for part in operation["path"].strip("/").split("/"):
            value = value[int(part)] if isinstance(value, list) else value[part]
        assert covers(value, operation.get("value", ""))


def test_every_reason_is_still_needed() -> None:
    names = [path.name for path in files("persona", "guardrails", "objectives", "document", "replica", "conversation")]
    assert [pattern for pattern in REFUSED if not any(re.fullmatch(pattern, name) for name in names)] == []
