"""The kinds: which bodies their models take, where they complain, and what they say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from tavusctl.core.resource_kind import Listing, PartStyle, ResourceKind, Update
from tavusctl.core.schema.model_fields import fields_at, inner_models, known_values
from tavusctl.core.schema.spec_model import MAX_ERRORS, field_errors
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import JsonObject
from tests.house.tree import ROOT

CORPUS = ROOT / "tests/corpus"
LAYERS = {"perception", "stt", "conversational_flow", "llm", "tts"}
COMPUTED = {"created_at", "updated_at", "persona_id"}

Place = tuple[str | int, ...]

UNKNOWN, MISSING, TEXT = "extra_forbidden", "missing", "value_error"
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
    "seed/document--L3142-faq.json": {("document_url",): TEXT},
    "seed/guardrails--L4907-guardrails.json": {
        **plural_prompt(2, names_too=True),
        ("guardrails_id",): UNKNOWN,
    },
    "seed/layer-fragment--L5033-llm.json": {("layers", "llm", "model"): NEEDED},
    "seed/layer-fragment--L5045-llm.json": {("layers", "llm", "base_url"): NEEDED},
    "seed/layer-fragment--L5053-llm.json": {("layers", "llm", "api_key"): NEEDED},
    "seed/replica--L7980-quickstart.json": {("train_video_url",): TEXT, ("consent_video_url",): TEXT},
    "seed/replica--L8035-quickstart.json": {("train_video_url",): TEXT},
    "wild/guardrails-05.json": plural_prompt(1),
    "wild/guardrails-06.json": plural_prompt(3),
    "wild/guardrails-07.json": plural_prompt(1),
    "wild/guardrails-11.json": plural_prompt(1),
    "wild/objectives-04.json": {
        ("data", 0, "objective_name"): TEXT,
    },
    "wild/objectives-05.json": {
        ("data", 0, "objective_name"): TEXT,
    },
    "wild/objectives-14.json": {("data", 0, "objective_name"): TEXT},
    "wild/persona-08.json": {(): NEEDED},
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


def diagnostics(kind: str, spec: object) -> dict[Place, str]:
    errors = field_errors(KINDS[kind].model, spec)
    return {(*map(_step, one.path), *filter(None, [one.missing])): one.type for one in errors}


def _step(key: str) -> str | int:
    return int(key) if key.isdecimal() else key


@pytest.mark.parametrize(("file", "kind", "spec"), specs(), ids=lambda value: value if isinstance(value, str) else "")
def test_real_bodies_are_taken_or_refused_where_they_are_wrong(file: str, kind: str, spec: dict[str, Any]) -> None:
    assert diagnostics(kind, spec) == REFUSED.get(file, {})


def test_the_corpus_has_bodies_of_every_kind_and_every_refused_one() -> None:
    files = {file: kind for file, kind, _ in specs()}
    assert set(files.values()) == {name for name, kind in KINDS.items() if not kind.optional}
    assert set(REFUSED) <= set(files)
    assert len(files) - len(REFUSED) >= 85


def persona(**layers: Any) -> dict[str, Any]:
    return {"system_prompt": "Be brief.", "layers": layers}


def tool(**fields: Any) -> dict[str, Any]:
    return {"name": "look", "description": "Looks.", **fields}


def document(**fields: Any) -> dict[str, Any]:
    return {"document_url": "https://example.com/", **fields}


@pytest.mark.parametrize(
    ("kind", "spec", "expected"),
    [
        ("tool", tool(origin="vision"), {}),
        ("tool", tool(origin="vision", on_call="generate_filler"), {("on_call",): CLASH}),
        ("tool", tool(origin="audio", static_filler="Hm."), {("static_filler",): CLASH}),
        ("tool", tool(origin="audio", on_resolve="generate_response"), {("on_resolve",): CLASH}),
        ("tool", tool(origin="audio", on_resolve="fire_and_forget"), {}),
        ("tool", tool(on_call="static_filler"), {(): NEEDED}),
        ("persona", {"pipeline_mode": ["audio"], "system_prompt": "x"}, {("pipeline_mode",): "string_type"}),
        ("persona", {"pipeline_mode": "echo"}, {}),
        ("persona", persona(conversational_flow={"replica_interruptibility": "verylow"}), {}),
        ("persona", persona(tts={"tts_engine": "newer", "voice_settings": {"speed": "quick"}}), {}),
        ("persona", persona(stt={"hotwords": ["Acme", "SKU"]}), {}),
        ("persona", persona(tts={"tts_emotion_control": "true"}), {}),
        ("persona", persona(tts={"voice_settings": {"speed": "normal"}}), {}),
        (
            "persona",
            persona(conversational_flow={"sleep_phrase": "good night"}),
            {("layers", "conversational_flow", "sleep_phrase"): NEEDED},
        ),
        (
            "persona",
            persona(llm={"model": "tavus-gemma-4", "enable_llm_proxy": True}),
            {("layers", "llm", "enable_llm_proxy"): CLASH},
        ),
        ("persona", {"pipeline_mode": "speech-to-speech"}, {}),
        ("persona", persona() | {"pipeline_mode": "echo"}, {("system_prompt",): CLASH}),
        ("persona", {"pipeline_mode": "speech-to-speech", "context": "Hi."}, {("context",): CLASH}),
        ("persona", {"pipeline_mode": "echo", "system_prompt": "", "context": None}, {}),
        ("persona", persona() | {"pipeline_mode": "newer than this"}, {}),
        (
            "replica",
            {"train_image_url": "https://e.com/a.png", "voice_name": "a", "default_voice_id": "v1"},
            {("voice_name",): CLASH},
        ),
        ("persona", persona(tts={"tts_engine": "elevenlabs", "voice_settings": {"stability": 1, "speed": 0.7}}), {}),
        ("persona", persona(llm={"model": "tavus-gpt-oss"}), {}),
        ("persona", persona(llm={"model": "gpt-4o", "base_url": "https://llm.example.com", "api_key": "secret"}), {}),
        ("persona", persona(llm={"tools": [{"name": "wave", "description": "Wave."}]}), {}),
        ("persona", persona(llm={"headers": {"a": None}, "model": None}), {}),
        ("persona", {"system_prompt": "x", "layers": "\ud800"}, {("layers",): "model_type"}),
        ("replica", {"train_image_url": "https://example.com/a.png", "voice_name": "anna"}, {}),
        ("replica", {"train_image_url": "https://e.com/a.png"}, {("train_image_url",): NEEDED}),
        (
            "replica",
            {"train_image_url": "https://e.com/a.png", "train_video_url": "https://e.com/a.mp4", "voice_name": "a"},
            {("train_image_url",): CLASH},
        ),
        ("persona", persona(conferencing={"username": "acme"}), {("layers", "conferencing", "username"): NEEDED}),
        ("persona", persona(conferencing={"allowlist": []}), {}),
        *(
            ("persona", {"default_replica_id": "r1", **persona(conferencing={"username": name})}, wrong)
            for name, wrong in (
                *(("acme-host", {}), ("", {})),
                *((name, {("layers", "conferencing", "username"): TEXT}) for name in ("a b", "a@meet.tavus.io", " ")),
            )
        ),
        ("persona", {"system_prompt": "x", "tool_ids": ["a"] * 51}, {("tool_ids",): "too_long"}),
        ("guardrail", {"guardrail_name": " ", "guardrail_prompt": "x"}, {("guardrail_name",): "blank_text"}),
        ("guardrail", {"guardrail_name": "a" * 101, "guardrail_prompt": "x"}, {("guardrail_name",): "string_too_long"}),
        *(
            ("guardrail", {"guardrail_prompt": "x", "tags": [tag]}, {("tags", 0): TEXT} if wrong else {})
            for tag, wrong in (("Tone of-1_a", False), ("a" * 64, False), ("a" * 65, True), ("a.b", True), ("", True))
        ),
        ("replica", {"replica_name": "Anna"}, {(): NEEDED}),
        ("guardrails", {"data": []}, {("data",): "too_short"}),
        (
            "guardrails",
            {"data": [{"guardrail_name": "be kind", "guardrail_prompt": "Be kind."}]},
            {("data", 0, "guardrail_name"): TEXT},
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
    assert diagnostics(kind, spec) == expected


@pytest.mark.parametrize(
    ("kind", "path", "known"),
    [
        ("persona", ("pipeline_mode",), ("full", "speech-to-speech", "echo")),
        ("persona", ("layers", "tts", "voice_settings", "speed"), ("slowest", "slow", "normal", "fast", "fastest")),
        ("objectives", ("data", "*", "confirmation_mode"), ("auto", "manual")),
        ("persona", ("persona_name",), ()),
        ("persona", ("layers", "llm", "extra_body", "pipeline_mode"), ()),
    ],
)
def test_known_values_of_a_field(kind: str, path: tuple[str, ...], known: tuple[str, ...]) -> None:
    assert known_values(KINDS[kind].model, path) == known


BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "minLength", "maxLength", "minItems", "maxItems")
# The limits that the pages of the API name; where they name none, no manifest is refused.
LIMITS = {
    "document /crawl/depth": {"minimum": 1, "maximum": 10},
    "document /crawl/max_pages": {"minimum": 1, "maximum": 100},
    "dictionary /name": {"maxLength": 255},
    "dictionary /rules": {"maxItems": 10_000},
    "dictionary /rules/*/text": {"maxLength": 200},
    "dictionary /rules/*/pronunciation": {"maxLength": 500},
    "voice /voice_name": {"maxLength": 255},
    "voice /train_audio_url": {"maxLength": 2048},
    "voice /description": {"maxLength": 1000},
    "voice /tags": {"maxItems": 50},
    "voice /tags/*": {"maxLength": 64},
    "tool /delivery/api/timeout": {"maximum": 60, "exclusiveMinimum": 0},
    "guardrail /guardrail_name": {"maxLength": 100},
    "guardrail /callback_url": {"maxLength": 2048},
    "guardrail /tags": {"maxItems": 32},
    "guardrails /data": {"minItems": 1},
    "objectives /data": {"minItems": 1},
    "persona /guardrail_ids": {"maxItems": 50},
    "persona /tool_ids": {"maxItems": 50},
    "persona /skills/presentation/document_ids": {"minItems": 1},
    **{
        f"deployment /limits/{name}": {"minimum": 1}
        for name in ("daily_call_limit", "daily_call_limit_per_user", "concurrent_call_limit", "max_call_duration")
    },
}


def limits(document: dict[str, Any], schema: dict[str, Any], pointer: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """The limits of the fields below a schema, by pointer; that a text is not empty is none."""
    if "$ref" in schema:
        schema = document["$defs"][schema["$ref"].rpartition("/")[2]]
    ends = {name: end for name, end in schema.items() if name in BOUNDS and (name, end) != ("minLength", 1)}
    if ends:
        yield pointer, ends
    inner = [(f"{pointer}/{name}", below) for name, below in schema.get("properties", {}).items()]
    inner += [(f"{pointer}/*", schema[name]) for name in ("items", "additionalProperties") if name in schema]
    for place, below in [*inner, *((pointer, choice) for choice in schema.get("anyOf", []))]:
        if isinstance(below, dict):
            yield from limits(document, below, place)


def test_the_limits_of_fields_are_those_of_the_api() -> None:
    schemas = {kind.name: kind.model.model_json_schema() for kind in KINDS.values()}
    found = {f"{name} {place}": ends for name, one in schemas.items() for place, ends in limits(one, one)}

    assert found == LIMITS


def models(model: type[BaseModel]) -> set[type[BaseModel]]:
    """A model and all that it is made of."""
    return {model}.union(*(models(below) for inner in inner_models(model).values() for below in inner))


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_field_is_described_and_every_optional_one_takes_null(kind: ResourceKind) -> None:
    for model in models(kind.model):
        for name, field in model.model_fields.items():
            text = field.description or ""
            assert text.endswith("."), f"{model.__name__}.{name} has no description that is a sentence"
            assert "\n" not in text
        optional = [name for name, field in model.model_fields.items() if not field.is_required()]
        errors = field_errors(model, dict.fromkeys(optional))
        assert not {one.path for one in errors if one.type not in {MISSING, NEEDED}}, model.__name__
        assert all(type(None) in get_args(model.model_fields[name].annotation) for name in optional), model.__name__


def test_the_table_says_how_the_api_treats_each_kind() -> None:
    facts = {name: (kind.collection, kind.id_fields, kind.name_field, kind.update) for name, kind in KINDS.items()}
    patch, merge = Update.JSON_PATCH, Update.MERGE
    assert facts == {
        "document": ("/v2/documents", ("document_id", "uuid"), "document_name", merge),
        "guardrails": ("/v2/guardrails", ("guardrails_id", "uuid", "id"), "name", patch),
        "objectives": ("/v2/objectives", ("objectives_id", "uuid", "id"), "name", patch),
        "replica": ("/v2/replicas", ("replica_id", "face_id"), "replica_name", Update.RENAME),
        "persona": ("/v2/personas", ("persona_id", "pal_id"), "persona_name", patch),
        "guardrail": ("/v2/guardrails", ("uuid", "guardrail_id", "guardrails_id", "id"), "guardrail_name", patch),
        "tool": ("/v2/tools", ("tool_id",), "name", merge),
        "dictionary": ("/v2/pronunciation-dictionaries", ("pronunciation_dictionary_id",), "name", patch),
        "voice": ("/v2/voices", ("voice_id",), "voice_name", merge),
        "deployment": ("/v2/deployments", ("deployment_id",), "name", Update.VERSIONED_PATCH),
    }
    lists = {name: kind.listing for name, kind in KINDS.items()}
    assert lists == {
        "document": Listing(first_page=0),
        "guardrails": Listing(query={"legacy": "true"}, completeness_key="data"),
        "objectives": Listing(completeness_key="data"),
        "replica": Listing(owner_query={"replica_type": "user"}, newer_owner_query={"face_type": "user"}),
        "persona": Listing(owner_query={"persona_type": "user"}, newer_owner_query={"pal_type": "user"}),
        "guardrail": Listing(first_page=0, query={"legacy": "false"}),
        "tool": Listing(owner_query={"type": "user"}, stock_query={"type": "all"}),
        "dictionary": Listing(first_page=0, completeness_key="rules"),
        "voice": Listing(owner_query={"voice_type": "user"}),
        "deployment": Listing(first_page=0, items="deployments", total="total"),
    }
    newer = ["dictionary", "voice", "tool", "guardrail", "deployment"]
    assert [name for name, kind in KINDS.items() if kind.optional] == newer
    assert [name for name, kind in KINDS.items() if kind.expensive] == ["replica"]
    assert [name for name, kind in KINDS.items() if kind.can_recrawl] == ["document"]


def test_two_kinds_of_one_collection_are_told_apart() -> None:
    single: JsonObject = {"uuid": "g1", "guardrail_name": "calm"}
    rules: JsonObject = {"uuid": "g2", "name": "Rules", "data": []}
    told = {name: [KINDS[name].is_of_kind(body) for body in (single, rules)] for name in ("guardrail", "guardrails")}
    assert told == {"guardrail": [True, False], "guardrails": [False, True]}
    folders = [kind.folder or kind.collection.rpartition("/")[2] for kind in KINDS.values()]
    assert len(set(folders)) == len(KINDS)


def test_stock_objects_are_known_by_their_type() -> None:
    assert KINDS["persona"].is_builtin({"persona_id": "p1", "persona_type": "system"})
    assert KINDS["replica"].is_builtin({"replica_id": "r1", "replica_type": "system"})
    assert not KINDS["replica"].is_builtin({"replica_id": "r1", "replica_type": "user"})
    assert not KINDS["persona"].is_builtin({"persona_id": "p1"})


def test_what_has_parts_is_never_replaced_and_its_parts_are_fields() -> None:
    """The parts of a successor would be written to the object that it succeeds."""
    for kind in (one for one in KINDS.values() if one.parts):
        assert not [pointer for pointer, field in kind.fields.items() if field.replaces]
        assert not kind.provisioning
        for part in kind.parts:
            assert part.spec_path[-1] in fields_at(kind.model, part.spec_path[:-1])
            assert bool(part.path) == bool(part.key) == (part.style is not PartStyle.ALONE)


def fields_with(attribute: str) -> dict[str, Any]:
    return {
        f"{kind.name}{pointer}": getattr(field, attribute)
        for kind in KINDS.values()
        for pointer, field in kind.fields.items()
        if getattr(field, attribute)
    }


def test_declarations_of_fields() -> None:
    auth = {f"tool/delivery/api/auth/{key}" for key in ("token", "password", "value", "secret", "client_secret")}
    assert set(fields_with("masked")) >= {*auth, "deployment/password"}
    assert set(fields_with("secret")) == {
        *auth,
        "tool/delivery/api/headers/*",
        "deployment/password",
        "persona/layers/llm/api_key",
        "persona/layers/llm/headers/*",
        "persona/layers/tts/api_key",
    }
    assert fields_with("refers_to") == {
        "persona/default_replica_id": "replica",
        "persona/guardrails_id": "guardrails",
        "persona/guardrail_ids/*": "guardrail",
        "persona/layers/tts/voice_id": "voice",
        "persona/layers/tts/pronunciation_dictionary_id": "dictionary",
        "replica/default_voice_id": "voice",
        "persona/objectives_id": "objectives",
        "persona/document_ids/*": "document",
        "deployment/persona_id": "persona",
        "persona/tool_ids/*": "tool",
        "persona/skills/presentation/document_ids/*": "document",
    }
    assert fields_with("keyed_by") == {
        "guardrails/data": "guardrail_name",
        "objectives/data": "objective_name",
        "dictionary/rules": "text",
        "persona/layers/llm/tools": "function.name",
        "persona/layers/perception/perception_tools": "function.name",
        "persona/layers/perception/visual_tools": "function.name",
        "persona/layers/perception/audio_tools": "function.name",
    }
    assert fields_with("joined_by") == {"persona/layers/stt/hotwords": ", "}
    assert fields_with("scalar_alias") == {"objectives/data/*/next_required_objectives": "next_required_objective"}
    assert {pointer for pointer in fields_with("replaces") if pointer.startswith("document")} == {
        "document/document_url",
        "document/document_file",
        "document/callback_url",
        "document/crawl",
        "document/crawl/depth",
        "document/crawl/max_pages",
        "document/participant_tags",
        "document/custom_description",
        "document/is_customer_support_document",
        "document/font_size_aware_extraction",
        "document/properties",
        "document/properties/*",
    }
    fixed = set(KINDS["replica"].model.model_fields) - {"replica_name", "default_voice_id"}
    assert {f"replica/{name}" for name in fixed} <= set(fields_with("replaces")) & set(fields_with("write_only"))


def test_of_too_many_complaints_some_of_every_sort_are_left() -> None:
    tools = [{f"key{number}": 1} for number in range(300)]
    found = field_errors(KINDS["persona"].model, persona(llm={"tools": tools}))
    assert len(found) == 4 * MAX_ERRORS
    assert {one.type for one in found[:MAX_ERRORS]} == {UNKNOWN, NEEDED}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_what_an_object_holds_is_computed_and_never_in_a_manifest(kind: ResourceKind) -> None:
    assert {*kind.holds} <= kind.computed
    assert not {*kind.holds} & {*kind.model.model_fields}
