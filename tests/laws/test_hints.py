"""A hint leads out of a complaint, and never into the next one: what it proposes is done, and looked at again."""

from __future__ import annotations

import copy
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import JsonObject
from tests import checked
from tests.scenarios.test_types_agree import FULL

TOLD = {"TV102", "TV103", "TV231", "TV233", "TV121", "TV122", "TV123"}
_MOVE = re.compile(r"write it under `([\w.]+):`")
_NAME = re.compile(r"(?:did you mean|write) `([\w.-]+)`\??$")


def mappings(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all mappings of a document."""
    if isinstance(value, dict):
        yield path
        for key, item in value.items():
            yield from mappings(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from mappings(item, (*path, index))


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def followed(spec: JsonObject, path: tuple[Any, ...], wrong: str, hint: str) -> JsonObject | None:
    """The document with what a hint proposes done to a key; None when it proposes nothing that a machine can do."""
    made = copy.deepcopy(spec)
    around = at(made, path)
    moved, named = _MOVE.search(hint), _NAME.search(hint)
    if "remove it" in hint or "remove one of the two" in hint or hint.startswith("write a YAML comment"):
        del around[wrong]
    elif moved:
        value, here = around.pop(wrong), at(made, ())
        for key in moved[1].split(".") if moved[1] != "spec" else ():
            here = here.setdefault(key, {})
            here = here[0] if isinstance(here, list) else here
        assert wrong not in here
        here[wrong] = value
    elif named:
        assert named[1] not in around, f"{hint}: it is there already"
        around[named[1]] = around.pop(wrong)
    else:
        return None
    return made


def diagnostics_of(kind: str, spec: JsonObject) -> list[Diagnostic]:
    with tempfile.TemporaryDirectory() as folder:
        told = checked.of(Path(folder), {"kind": kind, "name": "coach", "spec": spec})
    return [one for one in told if one.id in TOLD]


KEYS = sorted(
    {key for kind in KINDS.values() for key in (*kind.computed, *kind.id_fields)}
    | {pointer.split("/")[-1] for kind in KINDS.values() for pointer in (*kind.key_aliases, *kind.mistakes)}
    | {
        key
        for body in FULL.values()
        for path in mappings(body)
        if isinstance(at(body, path), dict)
        for key in at(body, path)
    }
    | {"persona_nme", "sytem_prompt", "depht", "tool", "_comment", "//", "$schema", "recrawl", "temprature", "context_"}
)


@given(st.sampled_from(sorted(KINDS)), st.sampled_from(KEYS), st.data())
def test_what_a_hint_says_of_a_key_puts_it_right(kind: str, key: str, data: st.DataObject) -> None:
    spec = copy.deepcopy(FULL[kind])
    path = data.draw(st.sampled_from(sorted(mappings(spec), key=str)))
    if key in at(spec, path):
        return
    at(spec, path)[key] = "x"
    told = [one for one in diagnostics_of(kind, spec) if repr(key) in one.message]
    for one in told:
        made = followed(spec, path, key, one.hint)
        again = diagnostics_of(kind, made) if made is not None else []
        assert [(left.message, left.hint) for left in again] == [], (spec, one.message, one.hint)


def texts(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all texts of a document."""
    for outer in mappings(value, path):
        yield from ((*outer, key) for key, item in at(value, outer).items() if isinstance(item, str))


EXPRESSIONS = (
    "${ENTER_KEY}",
    "${env:LLM_KEY}",
    "${{ secrets.ONE }}",
    "${ONE}",
    "${secret: ONE}",
    "${secret:NEW}",
    "${secrt:ONE}",
)


@given(st.sampled_from(sorted(KINDS)), st.sampled_from(EXPRESSIONS), st.sampled_from(["", "Bearer "]), st.data())
def test_no_hint_names_a_secret_where_none_may_stand(
    kind: str, expression: str, before: str, data: st.DataObject
) -> None:
    spec = copy.deepcopy(FULL[kind])
    if "layers" in spec:
        spec["layers"]["llm"]["headers"] = {"Authorization": "none"}  # type: ignore[index]  # of a persona
    *path, key = data.draw(st.sampled_from(sorted(texts(spec), key=str)))

    def told(text: str) -> list[Diagnostic]:
        at(spec, tuple(path))[key] = text
        with tempfile.TemporaryDirectory() as folder:
            document = {"kind": kind, "name": "coach", "spec": spec}
            settings = {"tavusctl.yaml": "version: 1\nsecrets: [ONE]\n"}
            return [one for one in checked.of(Path(folder), document, **settings) if one.id in ("TV109", "TV112")]

    is_refused = any("is not a secret field" in one.message for one in told(f"{before}${{secret:ONE}}"))
    found, *_ = told(f"{before}{expression}")  # tools are the same in several layers
    names_secret = any(one in found.hint for one in ("${secret:", "`secret`", "`secrets:`", "`ONE`"))
    assert names_secret != is_refused, (path, key, found.hint)


NAMES = st.sampled_from(["ask", "ask_name", "ask_nam", "ask_names", "tell", "tel"])


@given(st.lists(NAMES, min_size=1, max_size=4, unique=True), st.data())
def test_what_a_hint_says_of_a_next_objective_puts_it_right(names: list[str], data: st.DataObject) -> None:
    items = [{"objective_name": name, "objective_prompt": "Ask."} for name in names]
    for item in items:
        following = data.draw(st.lists(NAMES, max_size=2, unique=True))
        if following:
            item["next_required_objectives"] = following  # type: ignore[assignment]  # a list among texts
    spec: JsonObject = {"name": "Goals", "data": items}
    before = [one for one in diagnostics_of("objectives", spec) if one.id == "TV233"]
    for one in diagnostics_of("objectives", spec):
        named = re.search(r"did you mean `(\w+)`", one.hint)
        if one.id == "TV231" and named:
            made = copy.deepcopy(spec)
            _, _, index, _, place = (
                one.pointer.split("/")[:5] if one.pointer.count("/") > 3 else ("", *one.pointer.split("/"))
            )
            following = made["data"][int(index)]["next_required_objectives"]  # type: ignore[index]  # of objectives
            assert named[1] not in following
            following[int(place)] = named[1]
            after = diagnostics_of("objectives", made)
            assert len([left for left in after if left.id == "TV233"]) <= len(before), (one.message, one.hint)
            assert one.message not in [left.message for left in after]


# What is written, in which kind and where; what is said.
SAID: list[tuple[str, str, Any, str]] = [
    ("persona", "/layers/perception/model", "raven-1", "`perception_model` is present"),
    ("persona", "/conversation_name", "x", "remove it: it is a setting of a conversation"),
    ("persona", "/custom_greeting", "Hi", "write `greeting`"),
    ("persona", "/_comment", "x", "write a YAML comment that starts with `#`"),
    ("persona", "/lifecycle", {}, "write `lifecycle:` beside `spec:`"),
    ("persona", "/persona_nme", "x", "did you mean `persona_name`?"),
    ("document", "/status", "ready", "remove it: the API sets it"),
    ("document", "/document_id", "d-1", "run `tavusctl import document/coach ID`"),
    ("document", "/url", "https://example.com/a", "`document_url` is present and means the same"),
    ("document", "/depth", 2, "remove it here: it is present under `crawl:`"),
    ("replica", "/training_progress", "10/100", "remove it: the API sets it"),
    ("guardrails", "/data/0/name", "x", "`guardrail_name` is present"),
    ("objectives", "/data/0/prompt", "x", "`objective_prompt` is present"),
]


@pytest.mark.parametrize(("kind", "pointer", "value", "hint"), SAID)
def test_a_frequent_mistake_is_told_what_is_meant(kind: str, pointer: str, value: Any, hint: str) -> None:
    spec = copy.deepcopy(FULL[kind])
    *path, key = [int(one) if one.isdecimal() else one for one in pointer.split("/")[1:]]
    at(spec, tuple(path))[key] = value

    (found,) = diagnostics_of(kind, spec)

    assert found.id == "TV103"
    assert found.severity is Severity.ERROR
    assert hint in found.hint


@pytest.mark.parametrize(
    ("found", "right"),
    [
        ("HTTPS://example.com/a", "write `https://example.com/a`"),
        ("www.example.com/a", "write `https://www.example.com/a`"),
        ("example.com/a", "write `https://example.com/a`"),
        (" https://example.com/a ", "write `https://example.com/a`"),
        ("a.pdf", "expected a URL that starts with `https://`"),
        ("ftp://example.com/a", "expected a URL that starts with `https://`"),
    ],
)
def test_an_address_is_told_as_it_can_be_written(found: str, right: str, tmp_path: Path) -> None:
    told = checked.of(tmp_path, {"kind": "document", "name": "a", "spec": {"document_url": found}})

    (one,) = [one for one in told if one.id == "TV104"]
    assert right in f"{one.message}; {one.hint}"


# A pointer that an ignore names, and what is said of it; nothing where it leads to a field.
POINTERS: JsonObject = {
    "/layers/tts/external_voice_id": "",
    "/layers/tts": "",
    "/layers/llm/extra_body/temperature": "",
    "/layers/llm/headers/X-Key": "",
    "/layers/tts/newest": "",  # stands under extra:
    "/layers/transport/anything": "",
    "/layers/llm/tools": "",
    "/layers/tts/voice_id": "",
    "/layers/tts/voice_settngs/speed": (
        "does not point to a field of a persona; did you mean `/layers/tts/voice_settings/speed`?"
    ),
    "/spec/layers/tts": "starts with `spec`, but pointers start below `spec`; write `/layers/tts`",
    "/spec/Layers/tts": "starts with `spec`, but pointers start below `spec`; did you mean `/layers/tts`?",
    "/Layers/tts": "does not point to a field of a persona; did you mean `/layers/tts`?",
    "/voice_settings": "does not point to a field of a persona; did you mean `/layers/tts/voice_settings`?",
    "/layers/llm/tools/0": (
        "points into a list, but `/layers/llm/tools` is managed as a whole; write `/layers/llm/tools`"
    ),
    "/layers/llm/tools/*/function": "contains a wildcard, which JSON Pointers do not have; write `/layers/llm/tools`",
    "/document_ids/0": "points into a list, but `/document_ids` is managed as a whole; write `/document_ids`",
    "/layers/stt/hotwords/1": "points into a list, but `/layers/stt/hotwords` is managed as a whole",
    "/system_prompt/text": "continues below `/system_prompt`, which has no fields; write `/system_prompt`",
    "/nothing/like/it": "does not point to a field of a persona",
    "/persona_id": "does not point to a field of a persona; remove it: the API sets this field",
    "/pal_id": "remove it: the API sets this field",
    "/created_at": "remove it: the API sets this field",
    "/spec/persona_id": "remove it: the API sets this field",
    "layers/tts": "is not a JSON Pointer into `spec`; write a JSON Pointer such as `/layers/tts`",
}


def ignoring(pointer: str) -> JsonObject:
    spec: JsonObject = {"system_prompt": "x", "extra": {"layers": {"tts": {"newest": 1}}}}
    return {"kind": "persona", "name": "a", "spec": spec, "lifecycle": {"ignore_changes": [pointer]}}


@pytest.mark.parametrize(("pointer", "said"), POINTERS.items())
def test_an_ignore_that_can_match_nothing_is_told(pointer: str, said: str, tmp_path: Path) -> None:
    told = [one for one in checked.of(tmp_path, ignoring(pointer)) if one.id == "TV116"]

    assert bool(told) == bool(said)
    for one in told:
        assert said in f"{one.message}; {one.hint}"
        assert (one.source and one.source.line) == 16
        for meant in re.findall(r"/[\w/]+", one.hint):
            again = checked.of(tmp_path, ignoring(meant))
            assert [left for left in again if left.id == "TV116"] == []
