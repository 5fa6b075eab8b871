"""The kinds: which bodies their models take, where they complain, and what they say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tavusctl.fit import MAX_ERRORS, misfits, wrong
from tavusctl.kinds import KINDS
from tavusctl.model import ResourceKind, Update
from tavusctl.shape import Shape, members

CORPUS = Path(__file__).parents[1] / "corpus"
LAYERS = {"perception", "stt", "conversational_flow", "llm", "tts"}
COMPUTED = {"created_at", "updated_at", "persona_id"}

Place = tuple[str | int, ...]

UNKNOWN, MISSING, CHOICE = "extra_forbidden", "missing", "literal_error"
NEEDED, CLASH, WRONG = "missing_key", "not_together", "wrong_value"
OLD_EXPORT: dict[Place, str] = {
    ("llm",): UNKNOWN,
    ("tts",): UNKNOWN,
    ("stt",): UNKNOWN,
    ("perception",): UNKNOWN,
    ("tools",): UNKNOWN,
}


def plural_prompt(items: int, *, names_too: bool = False) -> dict[Place, str]:
    """Complaints about items that spell the prompt (and the name) in the plural; the singular is missing then."""
    keys = ["guardrails_prompt", *(["guardrails_name"] if names_too else [])]
    singular = ["guardrail_prompt", "guardrail_name"]
    return {
        **{("data", index, key): UNKNOWN for index in range(items) for key in keys},
        **{("data", index, key): MISSING for index in range(items) for key in singular},
    }


# The bodies of the corpus that the API would refuse or misread, with the place and sort of every complaint.
REFUSED: dict[str, dict[Place, str]] = {
    "seed/document--L3142-faq.json": {("document_url",): WRONG},
    "seed/guardrails--L4907-guardrails.json": {
        **plural_prompt(2, names_too=True),
        ("guardrails_id",): UNKNOWN,
    },
    "seed/layer-fragment--L5033-llm.json": {("layers", "llm", "model"): NEEDED},
    "seed/layer-fragment--L5045-llm.json": {("layers", "llm", "base_url"): NEEDED},
    "seed/layer-fragment--L5053-llm.json": {("layers", "llm", "api_key"): NEEDED},
    "seed/replica--L7980-quickstart.json": {("train_video_url",): WRONG, ("consent_video_url",): WRONG},
    "seed/replica--L8035-quickstart.json": {("train_video_url",): WRONG},
    "wild/guardrails-05.json": plural_prompt(1),
    "wild/guardrails-06.json": plural_prompt(3),
    "wild/guardrails-07.json": plural_prompt(1),
    "wild/guardrails-11.json": plural_prompt(1),
    "wild/objectives-04.json": {
        ("data", 0, "objective_name"): WRONG,
        ("data", 0, "confirmation_mode"): CHOICE,
        ("data", 0, "modality"): CHOICE,
    },
    "wild/objectives-05.json": {
        ("data", 0, "objective_name"): WRONG,
        ("data", 0, "confirmation_mode"): CHOICE,
        ("data", 0, "modality"): CHOICE,
    },
    "wild/objectives-14.json": {("data", 0, "objective_name"): WRONG, ("data", 0, "confirmation_mode"): CHOICE},
    "wild/persona-08.json": {("system_prompt",): NEEDED},
    "wild/persona-09.json": {("layers", "llm", "tools", 2, "function", "required"): UNKNOWN},
    "wild/persona-12.json": OLD_EXPORT,
    "wild/persona-13.json": OLD_EXPORT,
    "wild/persona-14.json": OLD_EXPORT,
    "wild/persona-15.json": OLD_EXPORT,
    "wild/persona-16.json": {**OLD_EXPORT, ("objectives_name",): UNKNOWN, ("guardrails_name",): UNKNOWN},
    "wild/persona-17.json": {**OLD_EXPORT, ("target_persona_name",): UNKNOWN},
    "wild/persona-20.json": {
        ("context_type",): UNKNOWN,
        ("layers", "vqa"): "model_type",
        ("layers", "meta_tts"): UNKNOWN,
        ("layers", "meta_llm"): UNKNOWN,
    },
    "wild/persona-21.json": {
        ("perception_model",): UNKNOWN,
        ("layers", "llm", "tools"): "list_type",
        ("layers", "conversational_context"): UNKNOWN,
    },
}


def specs() -> list[tuple[str, str, dict[str, Any]]]:
    """Every body of the corpus that is, or can stand in, a `spec`: file, kind, spec."""
    found = []
    for path in sorted(CORPUS.glob("*/*.json")):
        body = json.loads(path.read_text("utf-8"))
        sort = path.stem.split("--")[0] if path.parent.name == "seed" else path.stem.rsplit("-", 1)[0]
        if sort in KINDS:
            kind, spec = sort, {key: value for key, value in body.items() if key not in COMPUTED}
        elif sort == "persona-fragment":
            kind, spec = "persona", {"system_prompt": "Be brief.", **body}
        elif sort == "layer-fragment":
            kind, spec = "persona", {"system_prompt": "Be brief.", "layers": as_layers(path.stem, body)}
        elif sort == "document-recrawl":
            kind, spec = "document", {"document_url": "https://example.com/", **body}
        else:
            continue
        found.append((f"{path.parent.name}/{path.name}", kind, spec))
    return found


def as_layers(stem: str, body: dict[str, Any]) -> dict[str, Any]:
    """A fragment is one layer or several; the name of its page tells which layer a bare one is."""
    if set(body) <= LAYERS:
        return body
    return {stem.split("-", 4)[4].replace("-", "_"): body}


def complaints(kind: str, spec: object) -> dict[Place, str]:
    return {one.place: one.type for one in wrong(KINDS[kind].model, spec)}


def messages(kind: str, spec: object) -> list[str]:
    return [f"{'/'.join(map(str, one.place))}: {one.message}" for one in wrong(KINDS[kind].model, spec)]


@pytest.mark.parametrize(("file", "kind", "spec"), specs(), ids=lambda value: value if isinstance(value, str) else "")
def test_real_bodies_are_taken_or_refused_where_they_are_wrong(file: str, kind: str, spec: dict[str, Any]) -> None:
    assert complaints(kind, spec) == REFUSED.get(file, {})


def test_the_corpus_has_bodies_of_every_kind_and_every_refused_one() -> None:
    files = {file: kind for file, kind, _ in specs()}
    assert set(files.values()) == set(KINDS)
    assert set(REFUSED) <= set(files)
    assert len(files) - len(REFUSED) >= 85


def persona(**layers: Any) -> dict[str, Any]:
    return {"system_prompt": "Be brief.", "layers": layers}


def document(**fields: Any) -> dict[str, Any]:
    return {"document_url": "https://example.com/", **fields}


@pytest.mark.parametrize(
    ("kind", "spec", "expected"),
    [
        ("document", document(crawl={"depth": "2"}), {("crawl", "depth"): "int_type"}),
        ("document", document(crawl={"depth": 0}), {("crawl", "depth"): "greater_than_equal"}),
        ("document", document(crawl={"depth": 11}), {("crawl", "depth"): "less_than_equal"}),
        ("document", document(crawl={"depth": True}), {("crawl", "depth"): "int_type"}),
        ("document", document(crawl={"depth": 1, "max_pages": 101}), {("crawl", "max_pages"): "less_than_equal"}),
        ("document", document(document_name=["a"]), {("document_name",): "string_type"}),
        ("document", document(tags="sales"), {("tags",): "list_type"}),
        ("document", {}, {("document_url",): "missing_key"}),
        ("document", document(document_file="a.pdf"), {("document_file",): "not_together"}),
        ("document", document(upload="s3://a/b"), {("upload",): "not_together"}),
        ("document", {"document_file": "a.pdf", "crawl": {"depth": 1}}, {("crawl",): "not_together"}),
        ("persona", {"system_prompt": ["Be brief."]}, {("system_prompt",): "string_type"}),
        ("persona", {"system_prompt": "x", "layers": []}, {("layers",): "model_type"}),
        ("persona", {"pipeline_mode": "audio", "system_prompt": "x"}, {("pipeline_mode",): CHOICE}),
        ("persona", {"system_prompt": " \n"}, {("system_prompt",): NEEDED}),
        ("persona", {"pipeline_mode": "echo"}, {}),
        ("persona", persona(conversational_flow={"replica_interruptibility": "verylow"}), {}),
        (
            "persona",
            persona(conversational_flow={"turn_taking_patience": "verylow"}),
            {("layers", "conversational_flow", "turn_taking_patience"): CHOICE},
        ),
        ("persona", persona(stt={"hotwords": ["Acme", "SKU"]}), {}),
        ("persona", persona(stt={"hotwords": ["Acme", 1]}), {("layers", "stt", "hotwords"): WRONG}),
        ("persona", persona(tts={"tts_emotion_control": "true"}), {}),
        ("persona", persona(tts={"tts_emotion_control": 1}), {("layers", "tts", "tts_emotion_control"): WRONG}),
        ("persona", persona(tts={"voice_settings": {"speed": "normal"}}), {}),
        (
            "persona",
            persona(tts={"voice_settings": {"speed": "quick"}}),
            {("layers", "tts", "voice_settings", "speed"): WRONG},
        ),
        ("persona", persona(tts={"tts_engine": "elevenlabs", "voice_settings": {"stability": 1, "speed": 0.7}}), {}),
        (
            "persona",
            persona(tts={"tts_engine": "elevenlabs", "voice_settings": {"stability": 1.1, "speed": 0.5}}),
            {
                ("layers", "tts", "voice_settings", "stability"): WRONG,
                ("layers", "tts", "voice_settings", "speed"): WRONG,
            },
        ),
        ("persona", persona(llm={"model": "tavus-gpt-oss"}), {}),
        ("persona", persona(llm={"model": "gpt-4o", "base_url": "https://llm.example.com", "api_key": "secret"}), {}),
        (
            "persona",
            persona(llm={"base_url": "https://llm.example.com"}),
            {("layers", "llm", "base_url"): NEEDED},
        ),
        ("persona", persona(llm={"tools": [{"name": "wave", "description": "Wave."}]}), {}),
        (
            "persona",
            persona(llm={"tools": [{"type": "function"}]}),
            {("layers", "llm", "tools", 0, "function"): NEEDED},
        ),
        (
            "persona",
            persona(llm={"tools": [{"function": {"name": "wave"}}]}),
            {("layers", "llm", "tools", 0, "type"): NEEDED},
        ),
        (
            "persona",
            persona(llm={"tools": [{"type": "function", "function": {"name": "wave"}, "name": "wave"}]}),
            {("layers", "llm", "tools", 0, "name"): CLASH},
        ),
        ("replica", {"train_image_url": "https://example.com/a.png"}, {}),
        ("replica", {"replica_name": "Anna"}, {("train_video_url",): NEEDED}),
        ("guardrails", {"data": []}, {("data",): "too_short"}),
        (
            "guardrails",
            {"data": [{"guardrail_name": "be kind", "guardrail_prompt": "Be kind."}]},
            {("data", 0, "guardrail_name"): WRONG},
        ),
        (
            "objectives",
            {
                "data": [
                    {
                        "objective_name": "a",
                        "objective_prompt": "b",
                        "next_required_objective": "c",
                        "next_required_objectives": ["d"],
                    }
                ]
            },
            {("data", 0, "next_required_objective"): CLASH},
        ),
    ],
)
def test_types_and_rules_between_fields(kind: str, spec: dict[str, Any], expected: dict[Any, str]) -> None:
    assert complaints(kind, spec) == expected


def test_a_rule_between_fields_is_told_together_with_wrong_fields() -> None:
    spec = {"persona_nam": "A", "layers": {"llm": {"model": "gpt-4o", "tools": {}}, "tts": {"api_key": 5}}}
    assert complaints("persona", spec) == {
        ("persona_nam",): UNKNOWN,
        ("system_prompt",): NEEDED,
        ("layers", "llm", "tools"): "list_type",
        ("layers", "llm", "model"): NEEDED,
        ("layers", "tts", "api_key"): "string_type",
    }


def test_messages_say_what_was_found_and_what_would_be_right() -> None:
    own_model = persona(llm={"model": "gpt-4o"}, tts={"voice_settings": {"speed": 2}})
    assert messages("persona", own_model) == [
        "layers/llm/model: gpt-4o is not a Tavus model and needs base_url and api_key; add base_url and api_key",
        "layers/tts/voice_settings/speed: found 2 for speed; cartesia takes -1 to 1.5",
    ]
    assert messages("guardrails", {"data": [{"guardrail_name": "{x}", "guardrail_prompt": "p"}]}) == [
        "data/0/guardrail_name: found '{x}'; a guardrail name has letters, digits and underscores only, such as x",
    ]
    assert messages("document", {"document_url": "a.pdf"}) == [
        "document_url: found 'a.pdf'; write an address that begins with https:// or http:// and has no spaces",
    ]


def shapes(shape: type[Shape]) -> set[type[Shape]]:
    """A shape and all that it is made of."""
    return {shape}.union(*(shapes(below) for member in members(shape).values() for below in member.shapes))


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_field_is_described_and_every_optional_one_takes_null(kind: ResourceKind) -> None:
    for shape in shapes(kind.model):
        for name, member in members(shape).items():
            text = member.declared.text
            assert text.endswith("."), f"{shape.__name__}.{name} has no description that is a sentence"
            assert "\n" not in text
        optional = [name for name, member in members(shape).items() if not member.declared.is_required]
        errors = wrong(shape, dict.fromkeys(optional))
        assert not {one.place[0] for one in errors if one.type not in {MISSING, NEEDED}}, shape.__name__


def test_the_table_says_how_the_api_treats_each_kind() -> None:
    assert list(KINDS) == ["document", "guardrails", "objectives", "replica", "persona"]
    facts = {
        name: (kind.collection, kind.id_fields, kind.name_field, kind.update, kind.first_page, dict(kind.list_query))
        for name, kind in KINDS.items()
    }
    patch = Update.JSON_PATCH
    assert facts == {
        "document": ("/v2/documents", ("document_id", "uuid"), "document_name", Update.MERGE, 0, {}),
        "guardrails": ("/v2/guardrails", ("guardrails_id", "uuid", "id"), "name", patch, 1, {}),
        "objectives": ("/v2/objectives", ("objectives_id", "uuid", "id"), "name", patch, 1, {}),
        "replica": (
            "/v2/replicas",
            ("replica_id", "face_id"),
            "replica_name",
            Update.RENAME,
            1,
            {"replica_type": "user"},
        ),
        "persona": ("/v2/personas", ("persona_id", "pal_id"), "persona_name", patch, 1, {"persona_type": "user"}),
    }
    assert [name for name, kind in KINDS.items() if kind.costly] == ["replica"]
    assert [name for name, kind in KINDS.items() if kind.crawls] == ["document"]
    assert [name for name, kind in KINDS.items() if kind.whole == "data"] == ["guardrails", "objectives"]


def test_stock_objects_are_known_by_their_type() -> None:
    assert KINDS["persona"].stock({"persona_id": "p1", "persona_type": "system"})
    assert KINDS["replica"].stock({"replica_id": "r1", "replica_type": "system"})
    assert not KINDS["replica"].stock({"replica_id": "r1", "replica_type": "user"})
    assert not KINDS["persona"].stock({"persona_id": "p1"})


def fields_with(attribute: str) -> dict[str, Any]:
    return {
        f"{kind.name}{pointer}": getattr(field, attribute)
        for kind in KINDS.values()
        for pointer, field in kind.fields.items()
        if getattr(field, attribute)
    }


def test_declarations_of_fields() -> None:
    assert set(fields_with("secret")) == {
        "persona/layers/llm/api_key",
        "persona/layers/llm/headers/*",
        "persona/layers/tts/api_key",
    }
    assert fields_with("refers_to") == {
        "persona/default_replica_id": "replica",
        "persona/guardrails_id": "guardrails",
        "persona/objectives_id": "objectives",
        "persona/document_ids/*": "document",
    }
    assert fields_with("keyed_by") == {
        "guardrails/data": "guardrail_name",
        "objectives/data": "objective_name",
        "persona/layers/llm/tools": "function.name",
        "persona/layers/perception/perception_tools": "function.name",
        "persona/layers/perception/visual_tools": "function.name",
        "persona/layers/perception/audio_tools": "function.name",
    }
    assert fields_with("joined_by") == {"persona/layers/stt/hotwords": ", "}
    assert fields_with("single") == {"objectives/data/*/next_required_objectives": "next_required_objective"}
    assert {pointer for pointer in fields_with("replaces") if pointer.startswith("document")} == {
        "document/document_url",
        "document/document_file",
        "document/callback_url",
        "document/crawl",
        "document/crawl/depth",
        "document/crawl/max_pages",
        "document/properties",
        "document/properties/*",
    }
    everything_but_the_name = {f"replica/{name}" for name in members(KINDS["replica"].model)} - {"replica/replica_name"}
    assert everything_but_the_name <= set(fields_with("replaces")) & set(fields_with("unread"))


def test_of_too_many_complaints_some_of_every_sort_are_left() -> None:
    tools = [{f"key{number}": 1} for number in range(300)]
    found = misfits(KINDS["persona"], persona(llm={"tools": tools}))
    assert len(found) == 4 * MAX_ERRORS
    assert {one.type for one in found[:MAX_ERRORS]} == {UNKNOWN, NEEDED}
