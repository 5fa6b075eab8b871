"""A live object as a manifest: what is said, in which order, and what is left out."""

from __future__ import annotations

from typing import Any

import pytest

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.model import Live
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import JsonObject, as_object
from tavusctl.patch import Pinned, resolve
from tavusctl.rewrite.export import Exported, export_manifest, recorded_base, render, shared_names
from tavusctl.secrets.values import MASK, REDACTED, Secret, SecretText

Body = dict[str, Any]
KEY = b"k" * 32
RULES, PRICES = Address("guardrails", "rules"), Address("document", "prices")
IDS = {"g1": RULES, "d1": PRICES, "p1": Address("persona", "coach")}
HEAD = "# yaml-language-server: $schema=../../schemas/{}.schema.json\n"


def exported_manifest(kind: str, body: Body, name: str = "coach") -> Exported:
    return export_manifest(Live(KINDS[kind], "p1", body, name="Coach"), Address(kind, name), IDS)


def text(exported: Exported, **options: Any) -> str:
    made = render(exported, "../../schemas", **options)
    return made.files[made.path].removeprefix(HEAD.format(exported.address.kind))


def persona(**body: Any) -> Exported:
    return exported_manifest("persona", {"persona_name": "Coach", "system_prompt": "Be kind.", **body})


def test_what_is_empty_or_a_default_goes_without_saying() -> None:
    body: Body = {
        "pipeline_mode": "full",
        "context": "",
        "objectives_id": None,
        "document_tags": [],
        "layers": {
            "stt": {"smart_turn_detection": None, "hotwords": ""},
            "tts": {"tts_emotion_control": "true", "voice_settings": {}, "api_key": ""},
            "conversational_flow": {"turn_taking_patience": "low", "replica_interruptibility": "medium"},
        },
    }

    assert persona(**body).spec == {
        "persona_name": "Coach",
        "system_prompt": "Be kind.",
        "layers": {"conversational_flow": {"turn_taking_patience": "low"}},
    }


def test_keys_stand_in_the_order_of_the_model_and_schemas_as_people_write_them() -> None:
    parameters: JsonObject = {
        "required": ["day"],
        "properties": {"day": {"enum": ["mo"], "type": "string"}},
        "type": "object",
    }
    tool: JsonObject = {
        "function": {"parameters": parameters, "name": "book", "description": "Book."},
        "type": "function",
    }

    assert text(
        exported_manifest(
            "persona", {"layers": {"llm": {"tools": [tool]}}, "system_prompt": "Hi.", "persona_name": "C"}
        )
    ) == (
        """\
kind: persona
name: coach
spec:
  persona_name: C
  system_prompt: Hi.
  layers:
    llm:
      tools:
        - type: function
          function:
            name: book
            description: Book.
            parameters:
              type: object
              properties:
                day:
                  type: string
                  enum: [mo]
              required: [day]
"""
    )


def test_what_is_empty_in_a_free_object_stays() -> None:
    tool: JsonObject = {
        "type": "function",
        "function": {"name": "end", "parameters": {"type": "object", "properties": {}}},
    }

    assert resolve(persona(layers={"llm": {"tools": [tool]}}).spec, "/layers/llm/tools") == [tool]


def test_ids_become_references_where_references_belong() -> None:
    spec = persona(guardrails_id="g1", document_ids=["d2", "d1", "d1"], objectives_id="g1", greeting="g1").spec

    assert spec["guardrails_id"] == RULES
    assert spec["document_ids"] == ["d2", PRICES]
    assert (spec["objectives_id"], spec["greeting"]) == ("g1", "g1")


def test_secrets_are_named_after_whose_they_are_and_remembered_without_being_known() -> None:
    known = Secret("value-of-header", KEY)
    exported = persona(
        layers={
            "llm": {
                "model": "gpt-4o",
                "base_url": "https://llm.example.com/v1",
                "api_key": Pinned(MASK),
                "headers": {"X-Key": known, "x_key": known},
            }
        }
    )

    assert dict(exported.secrets) == {
        "/layers/llm/api_key": "PERSONA_COACH_LLM_API_KEY",
        "/layers/llm/headers/X-Key": "PERSONA_COACH_LLM_HEADERS_X_KEY",
        "/layers/llm/headers/x_key": "PERSONA_COACH_LLM_HEADERS_X_KEY_2",
    }
    assert resolve(exported.spec, "/layers/llm/api_key") == SecretText(("", ""), ("PERSONA_COACH_LLM_API_KEY",))
    assert resolve(recorded_base(exported), "/layers/llm/api_key") == REDACTED
    assert resolve(recorded_base(exported), "/layers/llm/headers/X-Key") == known.fingerprint
    assert "api_key: ${secret:PERSONA_COACH_LLM_API_KEY}\n" in text(exported)
    assert "value-of-header" not in text(exported)


def own_model(**headers: str) -> Exported:
    sealed = {name: Secret(text, KEY) for name, text in headers.items()}
    llm = {"model": "gpt-4o", "base_url": "https://llm.example.com/v1", "api_key": Pinned(MASK), "headers": sealed}
    return persona(layers={"llm": llm})


def test_headers_that_give_access_to_nothing_stay_readable_and_are_remembered_as_others_are() -> None:
    shown = {"Content-Type": "application/json", "api-version": "2024-06-01", "X-Debug": "true", "Accept": "*/*"}
    hidden = {"X-Org": "acme", "Authorization": "Basic YWJj", "X-Api-Version": "sk-proj-0123456789abcdefABCDEF"}
    exported = own_model(**shown, **hidden)
    headers = as_object(resolve(exported.spec, "/layers/llm/headers"))

    assert {name: text for name, text in headers.items() if isinstance(text, str)} == shown
    assert resolve(recorded_base(exported), "/layers/llm/headers/Accept") == Secret("*/*", KEY).fingerprint


def test_equal_secrets_that_reads_show_have_one_name() -> None:
    first, second = own_model(**{"X-Key": "equal"}), persona(layers=own_model(**{"X-Key": "equal"}).live.body["layers"])
    names = shared_names([first, second])
    again = export_manifest(first.live, first.address, IDS, names)

    assert names == {"equal": "LLM_HEADERS_X_KEY"}
    assert dict(again.secrets)["/layers/llm/headers/X-Key"] == "LLM_HEADERS_X_KEY"
    assert shared_names([first, own_model(**{"X-Key": "other"})]) == {}


def test_a_key_that_reads_leave_out_is_there_when_nothing_else_makes_sense() -> None:
    own = persona(layers={"llm": {"model": "gpt-4o", "base_url": "https://llm.example.com/v1"}})
    stock = persona(layers={"llm": {"model": "tavus-gpt-4o"}, "tts": {"tts_engine": "elevenlabs"}})

    assert dict(own.secrets) == {"/layers/llm/api_key": "PERSONA_COACH_LLM_API_KEY"}
    assert (own.left_out, resolve(recorded_base(own), "/layers/llm/api_key")) == ({}, REDACTED)
    assert stock.secrets == ()


def test_what_a_manifest_cannot_say_is_left_out_with_the_reason() -> None:
    exported = persona(
        moods=["x"],
        greeting="a\0b",
        newer=[{"a": 1}, ["\0", 2]],
        tool_ids=[f"t{number}" for number in range(51)],
        layers={"stt": {"stt_engine": 4}, "llm": {"tools": [{"type": "function"}], "extra_body": {"n": 1}}},
    )

    assert exported.spec["layers"] == {"llm": {"extra_body": {"n": 1}}}
    assert exported.fault == ""
    assert exported.left_out == {
        "/moods": "a field that this version does not know",
        "/newer": "it contains a NUL character or half a surrogate pair, which YAML cannot represent",
        "/greeting": "it contains a NUL character or half a surrogate pair, which YAML cannot represent",
        "/layers/stt/stt_engine": "the kind takes text",
        "/tool_ids": "the kind takes at most 50 items",
        "/layers/llm/tools": "the key `function` is missing; add `function: {name, description, parameters}`",
    }


def test_what_a_newer_api_adds_to_a_list_item_is_left_out_alone() -> None:
    function = {"name": "book", "newer": ["a", "\0", {"b": "\0"}]}
    exported = persona(layers={"llm": {"tools": [{"type": "function", "function": function}]}})

    assert resolve(exported.spec, "/layers/llm/tools") == [{"type": "function", "function": {"name": "book"}}]
    assert set(exported.left_out) == {"/layers/llm/tools/0/function/newer"}


@pytest.mark.parametrize(
    ("kind", "body", "reason"),
    [
        ("replica", {"replica_name": "Anna"}, "the API does not return its source"),
        (
            "document",
            {"document_url": "https://b.s3.amazonaws.com/x.pdf?X-Amz-Signature=abc&X-Amz-Expires=60"},
            "its source is a signed URL, which gives access to everyone who reads it, and expires",
        ),
        (
            "persona",
            {"persona_name": "Mute"},
            "`system_prompt` is missing or empty; set `system_prompt` or `pipeline_mode: echo`",
        ),
        (
            "persona",
            {"system_prompt": "\ud800"},
            "it contains a NUL character or half a surrogate pair, which YAML cannot represent",
        ),
        (
            "document",
            {"document_name": "x"},
            "`document_url` is missing or empty; set `document_url`, or `document_file` for a file",
        ),
        (
            "document",
            {"document_url": "https://b.s3.amazonaws.com/a.pdf?X-Amz-Signature=abc"},
            "its source is a signed URL, which gives access to everyone who reads it, and expires",
        ),
        (
            "objectives",
            {"data": [{"objective_name": "two words", "objective_prompt": "x"}]},
            "an objective name must not contain white space, found `two words`; write `two_words`",
        ),
    ],
)
def test_an_object_that_no_manifest_can_tell_is_referred_to(kind: str, body: Body, reason: str) -> None:
    exported = exported_manifest(kind, body)

    assert (exported.fault, exported.spec) == (reason, {})
    assert text(exported) == (
        f"# Coach: external, not managed; {reason}\nkind: {kind}\nname: coach\nexternal: true\nid: p1\n"
    )


def test_a_name_cannot_get_out_of_its_comment() -> None:
    nasty = export_manifest(
        Live(KINDS["replica"], "r1", {}, name="a\nspec: {}\r\x85\u2028b"), Address("replica", "a"), {}
    )

    assert text(nasty).splitlines()[0] == ("# a spec: {} b: external, not managed; the API does not return its source")


LONG = "You are a coach.\n\nYou are kind."


def files(prompt: str, **options: Any) -> tuple[str, dict[str, str]]:
    """How the prompt stands in the manifest, and the files of prose."""
    made = render(persona(system_prompt=prompt), "../../schemas", **options)
    lines = made.files[made.path].split("  system_prompt: ")[1]
    return lines.rstrip("\n"), {path: content for path, content in made.files.items() if path != made.path}


def test_long_prose_has_a_file_of_its_own() -> None:
    assert files(LONG) == ("${file:prompts/coach.md}", {"prompts/coach.md": LONG + "\n"})
    assert files("word " * 41 + "end") == ("${file:prompts/coach.md}", {"prompts/coach.md": "word " * 41 + "end\n"})
    assert files("Be kind.") == ("Be kind.", {})
    assert files(LONG, files_from="../") == ("${file:../prompts/coach.md}", {"prompts/coach.md": LONG + "\n"})


def test_the_second_prose_of_an_object_is_told_from_another_object() -> None:
    made = render(persona(system_prompt=LONG, context=LONG), "../../schemas")

    assert sorted(made.files) == ["personas/coach.yaml", "prompts/coach.context.md", "prompts/coach.md"]


@pytest.mark.parametrize(
    "prompt",
    ["\na", "a\n", "a\r\nb", "a\rb", "\ufeffa\nb", "a\x1b[31m\nb", "a\u2028\nb", "x" * 1_000_001],
)
def test_prose_that_a_file_would_not_give_back_stays_in_the_manifest(prompt: str) -> None:
    assert files(prompt)[1] == {}


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("", "\n", "|\n    ${file:prompts/coach.md}"),
        ("", "\n\n", "|+\n    ${file:prompts/coach.md}"),
        ("\n", "", "|-\n\n    ${file:prompts/coach.md}"),
    ],
)
def test_line_ends_around_long_prose_stay_in_the_manifest(before: str, after: str, shown: str) -> None:
    assert files(before + LONG + after) == (shown, {"prompts/coach.md": LONG + "\n"})


def test_expressions_in_text_are_text() -> None:
    assert files("Say ${file:x} and $${y}.") == ("Say $${file:x} and $$${y}.", {})
    assert files("${ref:persona/x}\nmore")[1] == {"prompts/coach.md": "${ref:persona/x}\nmore\n"}


def test_what_a_binding_remembers_is_said_again() -> None:
    binding = Binding(Address("persona", "coach"), "p1", prevent_destroy=True, on_remove="retain")

    assert text(persona(), binding=binding).endswith("lifecycle:\n  prevent_destroy: true\n  on_remove: retain\n")
    assert "lifecycle" not in text(persona(), binding=Binding(Address("persona", "coach"), "p1"))
