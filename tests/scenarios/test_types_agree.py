"""What a manifest may hold, the API takes, and the other way round: asked of the emulator, field by field."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from tavusctl.app.explain import FieldDescription, describe
from tavusctl.core.address import Address, Source
from tavusctl.core.model import Desired
from tavusctl.core.schema.model_fields import inner_models
from tavusctl.core.schema.spec_model import field_errors
from tavusctl.engine.compare.desired import new_document
from tavusctl.engine.compare.updates import with_wire_names
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import JsonObject
from tests.scenarios.project import Account, Project

pytestmark = pytest.mark.newer_api

TOOL = {"type": "function", "function": {"name": "book", "parameters": {"type": "object"}}}
FULL: dict[str, JsonObject] = {
    "persona": {
        "system_prompt": "You coach.",
        "layers": {
            "perception": {"perception_model": "raven-1", "visual_tools": [TOOL]},
            "stt": {"stt_engine": "tavus-advanced"},
            "conversational_flow": {"turn_detection_model": "sparrow-1"},
            "llm": {"model": "tavus-gpt-oss", "tools": [TOOL]},
            "tts": {"tts_engine": "cartesia", "voice_settings": {"speed": 1.0}},
            "vqa": {"prompt": "Look."},
            "knowledge_base": {"rag_n_chunks": 1},
        },
    },
    "replica": {"replica_name": "Anna", "train_video_url": "https://example.com/a.mp4"},
    "document": {"document_url": "https://example.com/a", "crawl": {"depth": 1, "max_pages": 5}},
    "guardrails": {"name": "Rules", "data": [{"guardrail_name": "a", "guardrail_prompt": "b"}]},
    "objectives": {"name": "Goals", "data": [{"objective_name": "a", "objective_prompt": "b"}]},
    "tool": {
        "name": "book",
        "description": "Books.",
        "delivery": {
            "api": {"url": "https://example.com/book", "auth": {"type": "basic", "username": "a", "password": "b"}}
        },
    },
    "guardrail": {"guardrail_name": "Calm", "guardrail_prompt": "Stay calm."},
    "dictionary": {"name": "Brands", "rules": [{"text": "a", "pronunciation": "b", "type": "alias"}]},
    "voice": {"voice_name": "Anna", "train_audio_url": "https://example.com/a.mp3"},
    "deployment": {"name": "Site", "persona_id": "p0123456789a", "channel": "embed", "limits": {"daily_call_limit": 1}},
}
BLANK: tuple[Any, ...] = ("", {}, [], " ", [" "])
SAMPLES: tuple[Any, ...] = ("word", *BLANK, True, 7, 0.5, ["word"], [7], {"word": "word"}, [{"word": "word"}])


def ways(model: type[BaseModel], value: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    """The document with each of its fields holding a sample of each type."""
    for key, models in inner_models(model).items():
        for sample in SAMPLES:
            yield f"{key}: {sample!r}", {**value, key: sample}
        for below in models:
            inner = value.get(key)
            if isinstance(inner, dict):
                yield from ((f"{key}.{at}", {**value, key: one}) for at, one in ways(below, inner))
            elif isinstance(inner, list):
                yield from ((f"{key}[0].{at}", {**value, key: [one]}) for at, one in ways(below, inner[0]))


# Where the two differ, and why that is right; by the beginning of the place.
STRICTER: dict[str, str] = {
    "system_prompt": "a prompt of white space says nothing",
    "data[0].guardrail_prompt": "as above",
    "replica_name": "a new replica may have no name, but no replica may lose its name",
    "layers.perception.visual_tools[0]": "the API looks at nothing below `function` but name, description, parameters",
    "layers.llm.tools[0]": "as above",
    "layers.tts.tts_emotion_control": "any text is taken, and the documentation has two",
    "layers.tts.voice_settings": "each engine has its own, and the API takes all",
    "layers.conversational_flow.idle_timeout": "its type is not documented",
    "layers.llm.": "an address or a key alone has no use",
    "document_url": "what is no address cannot be fetched",
    "train_image_url": "what is no address cannot be fetched",
    "consent_video_url": "as above",
    "model_name": "any text is taken, and training fails",
}
OTHERWISE: dict[str, str] = {
    "guardrail_ids: [' ']": "another check refuses what cannot be an id",
    "layers.conversational_flow.sleep_phrase: ' '": "a phrase of white space counts as none",
    "document_file": "never sent: the file is uploaded, and its address is sent",
    "upload": "never sent, either",
    "crawl.": "an older version of the API needs depth and max_pages",
    "data[0].tags": "newer versions of the API take tags",
    "default_replica_id": "no replica has this id",
    "persona_id": "no persona has this id",
    "layers.stt.hotwords": "a list is sent as one text",
    "data[0].next_": "no objective has this name, and the list is of older versions of the API",
    "default_voice_id": "no voice has this id",
    "tool_ids": "a call of its own sends it",
    "skills": "as above",
    "layers.conferencing": "as above",
}


def sent(kind: str, spec: JsonObject) -> JsonObject:
    """The body of the call that creates what a manifest declares."""
    desired = Desired(Address(kind, "x"), spec, Source("manifests/x.yaml", 1, 1), kind=KINDS[kind])
    return with_wire_names(KINDS[kind], new_document(desired))


@pytest.mark.parametrize("kind", KINDS)
def test_types_of_manifests_and_of_the_api_agree(kind: str, account: Account) -> None:
    apart = []
    for at, spec in ways(KINDS[kind].model, FULL[kind]):
        account.reset()  # as many crawls as one likes
        account.switch(era="today")
        if KINDS[kind].optional:
            account.seed(personas=[{"persona_id": "p0123456789a", "persona_name": "Host", "system_prompt": "x"}])
        valid = not field_errors(KINDS[kind].model, spec)
        body = sent(kind, spec) if valid else with_wire_names(KINDS[kind], spec)
        answer = account.call("POST", KINDS[kind].collection, body)
        taken = answer.status_code in (httpx.codes.OK, httpx.codes.CREATED)
        is_open = valid and "Must be one of" in answer.text  # it may be known by tomorrow: a warning, and it is sent
        if taken != valid and not is_open and not at.startswith(tuple(STRICTER if taken else OTHERWISE)):
            apart.append(f"{at}: the API {'takes' if taken else 'refuses'} it, {answer.text[:90]}")
    assert not apart, "\n".join(apart)


def limited(field: FieldDescription, value: Any) -> Iterator[tuple[Any, bool]]:
    """Values at each limit of a field and just beyond it, and whether they are within."""
    limits, item = field.limits, value[0] if isinstance(value, list) and value else "a"
    items = [{**item, "text": f"a{index}"} if isinstance(item, dict) else f"a{index}" for index in range(10_001)]
    texts = ((limits.max_length, True), (limits.max_length and limits.max_length + 1, False))
    counts = ((limits.max_items, True), (limits.max_items and limits.max_items + 1, False))
    numbers = (
        *((limits.minimum, True), (limits.maximum, True), (limits.above, False)),
        *((None if limits.minimum is None else limits.minimum - 1, False),),
        *((None if limits.maximum is None else limits.maximum + 1, False),),
    )
    yield from (("a" * length, is_within) for length, is_within in texts if length)
    yield from ((items[:count], is_within) for count, is_within in counts if count)
    yield from ((number, is_within) for number, is_within in numbers if number is not None)
    if limits.min_items:
        yield [], False
    if limits.max_item_length:
        yield from (([("a" * (limits.max_item_length + more))], not more) for more in (0, 1))


def placed(document: Any, keys: list[str], value: Any) -> Any:
    """The document with a value at a path, which leads through the first items of lists."""
    if isinstance(document, list):
        return [placed(document[0], keys, value)]
    inner = value if len(keys) == 1 else placed(document[keys[0]], keys[1:], value)
    return {**document, keys[0]: inner}


def fields_of(kind: str, keys: tuple[str, ...], value: Any) -> Iterator[tuple[list[str], FieldDescription, Any]]:
    """Each field of a document, and of the objects in it: its path, its description and its value."""
    document = value[0] if isinstance(value, list) else value
    for member in describe(KINDS[kind], ["spec", *keys]).members:
        key = member.path.rpartition(".")[2]
        yield [*keys, key], member, document.get(key)
        inner = document.get(key)
        if isinstance(inner[0] if isinstance(inner, list) and inner else inner, dict):
            yield from fields_of(kind, (*keys, key), inner)


UNLIMITED: dict[str, str] = {
    "tool_ids": "a call of its own sends it",
    "train_audio_url": "a text of one letter is no link",
}


@pytest.mark.parametrize("kind", KINDS)
def test_limits_of_manifests_and_of_the_api_agree(kind: str, account: Account) -> None:
    apart, count = [], 0
    for keys, field, value in fields_of(kind, (), FULL[kind]):
        for one, is_within in limited(field, value) if keys[-1] not in UNLIMITED else ():
            spec = placed(FULL[kind], keys, one)
            account.reset()
            account.switch(era="today")
            if KINDS[kind].optional:
                account.seed(personas=[{"persona_id": "p0123456789a", "persona_name": "Host", "system_prompt": "x"}])
            answer = account.call("POST", KINDS[kind].collection, with_wire_names(KINDS[kind], spec))
            taken = answer.status_code in (httpx.codes.OK, httpx.codes.CREATED)
            valid = not field_errors(KINDS[kind].model, spec)
            count += 1
            if not taken == valid == is_within:
                apart.append(f"{'.'.join(keys)}: valid {valid}, taken {taken}, within {is_within}: {str(one)[:20]}")
    assert not apart, "\n".join(apart)
    assert count or kind == "replica"


def test_an_example_of_the_documentation_is_taken_as_it_is(project: Project) -> None:
    project.manifest("persona", "a", {"system_prompt": "x", "layers": {"vqa": {"enable_vision": "false"}}})

    project.apply()

    (body,) = project.account.objects("personas").values()
    assert body["layers"]["vqa"]["enable_vision"] == "false"
    assert project.plan()["changes"] == []


def test_what_the_api_refuses_is_refused_before_it_is_sent(project: Project) -> None:
    project.manifest("persona", "a", {"system_prompt": "x", "layers": {"vqa": {"enable_vision": False}}})

    (found,) = [
        one for one in project.run("validate", "--format", "json").document["complaints"] if one["id"] == "TV104"
    ]

    assert found["message"] == "layers.vqa.enable_vision: expected text, found false"
    assert found["hint"] == "put it in quotes"
