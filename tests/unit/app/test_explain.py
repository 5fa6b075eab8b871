"""What `explain` says; it needs no project."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tavusctl.app.explain import FieldDescription, describe
from tavusctl.cli import run
from tavusctl.kinds import KINDS


def explained(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    assert run(["explain", *args]) == 0
    return capsys.readouterr().out


def facts(capsys: pytest.CaptureFixture[str], path: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(explained(capsys, path, "--format", "json"))
    return document


def every(kind: str, *keys: str) -> Iterator[FieldDescription]:
    """A field and all below it."""
    found = describe(KINDS[kind], keys)
    yield found
    for member in found.members:
        below = member.path.split(".")[1:]
        # parameters of a tool may hold anything, and so may extra: nothing is known below
        yield from every(kind, *below) if below != [*keys] else ()


@pytest.mark.sampled(4)
@pytest.mark.parametrize("kind", KINDS)
def test_every_field_has_a_meaning(kind: str) -> None:
    found = list(every(kind))
    assert len(found) > len(KINDS[kind].fields) / 2
    assert [one.path for one in found if not one.text or not one.sort] == []
    assert len({one.path for one in found}) == len(found)


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_that_a_kind_declares_is_explained(kind: str) -> None:
    for pointer, declared in KINDS[kind].fields.items():
        with_any_name = pointer.split("/")[1:]
        keys = [key for key in with_any_name if key != "*"]  # items of a list have no key, those of a map any name
        found = describe(KINDS[kind], ["spec", *keys])
        if declared not in (found.declared, found.each):
            found, keys = describe(KINDS[kind], ["spec", *with_any_name]), with_any_name
        assert declared in (found.declared, found.each)
        inside = ["spec"] if keys == ["name"] else []  # a manifest has a name, too
        assert found.path == ".".join([kind, *inside, *keys])


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("guardrail.tags", "length     at most 32 items"),
        ("guardrail.tags", "pattern    ^[A-Za-z0-9_ -]{1,64}$"),
        ("guardrail.guardrail_name", "length     at most 100 characters"),
        ("voice.tags", "length     at most 50 items, each at most 64 characters"),
        ("guardrails.data", "length     at least 1 item"),
        ("tool.delivery.api.timeout", "range      more than 0, at most 60"),
        ("document.crawl.depth", "range      1 to 10"),
        ("deployment.limits.daily_call_limit", "range      at least 1"),
    ],
)
def test_every_limit_is_told(capsys: pytest.CaptureFixture[str], path: str, line: str) -> None:
    assert line in explained(capsys, path)


def test_limits_are_numbers_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    tags, timeout = facts(capsys, "voice.tags"), facts(capsys, "tool.delivery.api.timeout")

    assert (tags["max_items"], tags["max_item_length"]) == (50, 64)
    assert (timeout["above"], timeout["maximum"]) == (0, 60)


def test_kinds_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    out = explained(capsys)
    assert all(f"{kind.name} " in out and kind.summary in out for kind in KINDS.values())
    assert json.loads(explained(capsys, "--format", "json")) == {k.name: k.summary for k in KINDS.values()}


def test_a_kind_has_its_fields_and_the_keys_around_them(capsys: pytest.CaptureFixture[str]) -> None:
    found = facts(capsys, "document")
    assert list(found["fields"]) == [
        *("document_url", "document_file", "upload", "document_name", "tags"),
        *("crawl", "callback_url", "participant_tags", "custom_description", "is_customer_support_document"),
        *("font_size_aware_extraction", "properties", "extra"),
        *("kind", "name", "moved_from", "lifecycle", "external", "id", "recrawl", "watch"),
    ]
    assert facts(capsys, "objectives")["fields"]["data"]["required"] is True


def test_a_field_is_told_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    assert explained(capsys, "persona.layers.tts.voice_settings.speed").splitlines() == [
        "persona.layers.tts.voice_settings.speed  number or text",
        "  Speed: -1.0 to 1.5 or a word for Cartesia, 0.7 to 1.2 for ElevenLabs.",
        "",
        "  values     slowest, slow, normal, fast, fastest",
        "  change     in place",
    ]


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("persona.pipeline_mode", {"values": ["full", "speech-to-speech", "echo"], "defaults": ["full"]}),
        ("pal.pipeline_mode", {"change": "in place"}),
        ("persona.default_replica_id", {"refers_to": "replica"}),
        ("persona.document_ids", {"refers_to": "document", "unordered": True, "type": "list of texts"}),
        ("persona.layers.llm.api_key", {"secret": True}),
        ("persona.layers.llm.headers", {"secret": True}),
        ("persona.layers.llm.headers.X-Team", {"secret": True}),
        ("persona.layers.llm.tools.function.name", {"required": True}),
        ("document.document_url", {"change": "replacement", "required": False}),
        ("document.crawl.depth", {"change": "replacement", "minimum": 1, "maximum": 10}),
        ("document.document_name", {"change": "in place"}),
        ("document/document_name", {"change": "in place"}),
        ("document.spec.tags", {"path": "document.tags"}),
        ("document.lifecycle.on_remove", {"values": ["delete", "retain"], "defaults": ["delete"]}),
        ("document.recrawl.every", {"type": "text"}),
        ("objectives.spec.name", {"description": "Name of the set, shown in lists."}),
        ("objectives.data.objective_name", {"required": True, "pattern": r"^\S+$"}),
        ("objectives.data.next_conditional_objectives", {"type": "mapping of names to texts"}),
        ("replica.replica_name", {"change": "in place"}),
        ("replica.model_name", {"change": "replacement", "unread": True}),
    ],
)
def test_what_is_known_of_a_field(path: str, known: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    found = facts(capsys, path)
    assert {key: found.get(key) for key in known} == known


def test_a_field_that_is_going_away_says_what_to_write(capsys: pytest.CaptureFixture[str]) -> None:
    assert "deprecated the API does not keep it; use `tags`" in explained(capsys, "document.properties")
    assert "Older free-form notes. (deprecated)" in explained(capsys, "document")


@pytest.mark.parametrize(
    ("path", "error", "hint"),
    [
        ("personna", "unknown kind `personna`", "did you mean `persona`?"),
        ("persona.layrs", "`persona` has no field `layrs`", "did you mean `layers`?"),
        ("persona.layers.tts.sped", "`persona.layers.tts` has no field `sped`", "tts_engine"),
        ("persona.persona_name.x", "`persona.persona_name` has no field `x`", ""),
        ("guardrails.recrawl", "`guardrails` has no field `recrawl`", ""),
        ("persona..layers", "`persona` has no field ``", ""),
    ],
)
def test_a_slip_of_the_pen(path: str, error: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", path]) == 12
    err = capsys.readouterr().err
    assert error in err
    assert hint in err
