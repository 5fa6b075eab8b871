"""Missing, null, "", [] and {} are one state: a key that holds nothing is never remarked on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.core.schema.model_fields import inner_models
from tavusctl.core.schema.spec_model import RULES, field_errors
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import JsonObject
from tests import checked

TOOL = {"type": "function", "function": {"name": "book", "description": "Books.", "parameters": {"type": "object"}}}
# By kind: right as they are, with a setting of each sort that a rule compares others with.
FULL: dict[str, list[JsonObject]] = {
    "persona": [
        {
            "system_prompt": "You coach.",
            "layers": {
                "perception": {"perception_model": model},
                "stt": {"stt_engine": "tavus-turbo"},
                "conversational_flow": {"turn_detection_model": "sparrow-1"},
                "llm": {"model": "tavus-gpt-oss", "tools": [TOOL]},
                "tts": {"tts_engine": "cartesia", "voice_settings": {"speed": 1.0}},
                "vqa": {},
            },
        }
        for model in ("raven-0", "raven-1", "off")
    ],
    "tool": [
        {"name": "book", "description": "Books.", "delivery": {"app_message": True}},
        {
            "name": "book",
            "description": "Books.",
            "delivery": {"api": {"url": "https://example.com/book", "auth": {"type": "none"}}},
        },
    ],
    "guardrail": [{"guardrail_name": "Calm", "guardrail_prompt": "Stay calm."}],
    "dictionary": [
        {"name": "Brands", "rules": [{"text": "a", "pronunciation": "b", "type": one}]} for one in ("alias", "ipa")
    ],
    "voice": [{"voice_name": "Anna", "train_audio_url": "https://example.com/a.mp3"}],
    "deployment": [
        {"name": "Site", "persona_id": "p1234567890ab", "channel": "embed", "limits": {"daily_call_limit": 1}}
    ],
    "replica": [{"replica_name": "Anna", "train_video_url": "https://example.com/a.mp4"}],
    "document": [{"document_url": "https://example.com/a", "tags": ["a"]}],
    "guardrails": [{"name": "Rules", "data": [{"guardrail_name": "a", "guardrail_prompt": "b"}]}],
    "objectives": [
        {
            "name": "Goals",
            "data": [
                {"objective_name": "a", "objective_prompt": "b", "next_required_objectives": ["c"]},
                {"objective_name": "c", "objective_prompt": "d"},
            ],
        }
    ],
}
NOTHING: tuple[Any, ...] = (None, "", [], {})


def with_nothing(model: type[BaseModel], value: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    """The document with one key more that holds nothing, in each place and spelling that its model takes."""
    for key, models in inner_models(model).items():
        for nothing in NOTHING if key not in value else ():
            errors = field_errors(model, {**{k: v for k, v in value.items() if v}, key: nothing})
            if all(error.type in RULES for error in errors):
                yield f"{key}={nothing!r}", {**value, key: nothing}
        for below in models:
            inner = value.get(key)
            if isinstance(inner, dict):
                yield from ((f"{key}.{at}", {**value, key: one}) for at, one in with_nothing(below, inner))
            elif isinstance(inner, list):
                ways = with_nothing(below, inner[0])
                yield from ((f"{key}.{at}", {**value, key: [one, *inner[1:]]}) for at, one in ways)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("kind", KINDS)
def test_a_key_that_holds_nothing_is_not_remarked_on(kind: str, tmp_path: Path) -> None:
    documents = [
        (f"{number}: {at}", {"kind": kind, "name": f"n{number}-{n}", "spec": spec})
        for number, full in enumerate(FULL[kind])
        for n, (at, spec) in enumerate(with_nothing(KINDS[kind].model, full))
    ]

    told = remarks(checked.of(tmp_path / "more", *(one for _, one in documents)))

    assert len(documents) > 3
    # Samples are remarked on as they are, where a project has two of them or where their whole kind is an older one.
    plain = [{**one, "spec": FULL[kind][int(at.partition(":")[0])]} for at, one in documents]
    usual = remarks(checked.of(tmp_path / "plain", *plain))
    ways = {f"{kind}/{one['name']}": at for at, one in documents}
    assert [(ways.get(address, address), *rest) for address, *rest in (told - usual).elements()] == []


def remarks(told: Iterable[Diagnostic]) -> Counter[tuple[str, str, str]]:
    """What is said of each, wherever it stands in the file."""
    return Counter((str(one.address or one.source), one.id, one.message) for one in told)


def test_every_field_that_is_going_away_is_told_when_it_holds_something(tmp_path: Path) -> None:
    going = {
        pointer: one for pointer, one in KINDS["persona"].fields.items() if one.deprecated and not one.has_own_rule
    }
    samples: dict[str, Any] = {"/layers/stt/smart_turn_detection": True, "/layers/vqa": {"prompt": "Look."}}
    samples |= {"/layers/transport": {"a": 1}, "/layers/conversational_flow/active_listening": "low"}
    samples |= {"/layers/conversational_flow/turn_commitment": "low"}
    documents = []
    for number, pointer in enumerate(going):
        spec: JsonObject = samples.get(pointer, "something")
        for key in reversed(pointer.split("/")[1:]):
            spec = {key: spec}
        documents.append({"kind": "persona", "name": f"n{number}", "spec": {"system_prompt": "x", **spec}})

    told = [one for one in checked.of(tmp_path, *documents) if one.id == "TV114"]

    assert {one.address and one.address.name for one in told} == {one["name"] for one in documents}
    assert all(one.severity is Severity.WARNING for one in told)
