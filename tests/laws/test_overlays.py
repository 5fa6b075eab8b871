"""Overlays: two documents read as one mean the merged document, and every value has a line that says it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from tavusctl.config import loading, overlays, yaml12
from tavusctl.core.address import Address, Source
from tavusctl.core.json_tree import set_at
from tavusctl.core.model import ABSENT, Manifest
from tavusctl.core.project_settings import Environment, Project
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import as_object
from tavusctl.patch import join, split
from tavusctl.rewrite.apply_edits import splice
from tavusctl.rewrite.layered_edits import edits_by_layer
from tests.laws.specs import FREE, NUMBERS, SETS, TEXTS, WORDS, Body, some

COACH = Address("persona", "coach")
OTHER_WORDS = {"persona_name": "pal_name", "default_replica_id": "default_face_id"}


def or_null(value: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A value, or what takes one away."""
    return value | st.none()


TTS = some(tts_engine=st.just("cartesia"), voice_settings=or_null(some(speed=NUMBERS, emotion=TEXTS)))
LAYERS = some(tts=or_null(TTS), llm=or_null(some(model=WORDS, extra_body=or_null(FREE))))
SPEC = some(
    persona_name=WORDS,
    system_prompt=or_null(WORDS),
    default_replica_id=or_null(WORDS),
    document_ids=or_null(SETS),
    layers=or_null(LAYERS),
    extra=some(newer=some(one=or_null(WORDS), two=NUMBERS)),
)
AROUND = some(
    lifecycle=some(prevent_destroy=st.booleans(), on_remove=st.sampled_from(["delete", "retain"])),
)


@st.composite
def documents(draw: st.DrawFn) -> Body:
    """A manifest, or a part of one, in the older or the newer names."""
    spec = draw(SPEC)
    names = OTHER_WORDS if draw(st.booleans()) else {}
    return {**draw(AROUND), "spec": {names.get(key, key): value for key, value in spec.items()}}


def written(folder: Path, file: str, body: Body) -> None:
    """A manifest as people write it, in blocks or in braces."""
    path = folder / file
    path.parent.mkdir(exist_ok=True)
    text = yaml.safe_dump({"kind": "persona", "name": "coach", **body}, sort_keys=False, allow_unicode=True)
    path.write_text(text, encoding="utf-8")


def loaded(folder: Path, overlay: str) -> tuple[Manifest, list[str]]:
    """The only manifest of a project, and all that is said of it; how a word is spelled is not."""
    project = Project(str(folder), str(folder / "base"))
    found = loading.read(project, Environment(overlay=overlay), KINDS)
    every = (*found.manifests, *found.invalid_manifests)
    assert len(every) == 1
    return every[0], [one.message for one in found.diagnostics if one.id != "TV105"]


def named(spec: Body) -> Body:
    """A spec in the older names."""
    older = {new: old for old, new in OTHER_WORDS.items()}
    return {older.get(key, key): value for key, value in spec.items()}


def merged(base: Any, over: Any) -> Any:
    """What RFC 7396 makes of two objects, but that what the base lacks is taken as it is."""
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over
    found = dict(base)
    for key, value in over.items():
        if value is None and found.get(key) is not None:
            del found[key]
        else:
            found[key] = merged(base[key], value) if key in base else value
    return found


def both(base: Body, over: Body) -> Body:
    """Two documents as one, in the older names."""
    old, new = ({**one, "spec": named(one["spec"])} for one in (base, over))
    return dict(merged(old, new))


@given(documents(), documents())
def test_a_document_with_an_overlay_is_the_merged_document(base: Body, over: Body) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        written(folder, "base/coach.yaml", base)
        written(folder, "over/coach.yaml", over)
        laid, told = loaded(folder, "over")
        written(folder, "base/coach.yaml", both(base, over))
        alone, also_told = loaded(folder, "")
    same_places = replace(laid, source=alone.source, sources=alone.sources, overlay=None)
    assert json.dumps(same_places.spec, sort_keys=True) == json.dumps(alone.spec, sort_keys=True)
    assert replace(same_places, spec=alone.spec) == alone
    assert sorted(told) == sorted(also_told)


@given(documents(), documents())
def test_every_place_is_a_line_that_says_the_value(base: Body, over: Body) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        written(folder, "base/coach.yaml", base)
        written(folder, "over/coach.yaml", over)
        laid, _ = loaded(folder, "over")
        said = {path: values(folder / path, path) for path in ("base/coach.yaml", "over/coach.yaml")}
    assert laid.source.path == "base/coach.yaml"
    assert laid.overlay is not None
    assert laid.overlay.path == "over/coach.yaml"
    spec = {**laid.spec, **{new: laid.spec[old] for old, new in OTHER_WORDS.items() if old in laid.spec}}
    for pointer, place in laid.sources.items():
        value = at(spec, pointer)
        here = said[place.path][place.line, place.column]
        assert any(is_part(one, value) for one in here), (pointer, place, here, value)


def values(path: Path, name: str) -> dict[tuple[int, int], list[Any]]:
    """What stands at each place of a file: a mapping and its first key begin at the same."""
    (node,) = yaml12.read(path.read_bytes(), name).documents
    found: dict[tuple[int, int], list[Any]] = {}
    for pointer, place in node.sources.items():
        found.setdefault((place.line, place.column), []).append(at(node.value, pointer))
    return found


def at(value: Any, pointer: str) -> Any:
    """What stands at a pointer; None where nothing does."""
    for key in split(pointer):
        value = value[int(key)] if isinstance(value, list) else value.get(key) if isinstance(value, dict) else None
    return value


def is_part(written_: Any, value: Any) -> bool:
    """Whether a file says a value, or the part of a mapping that the base has."""
    return isinstance(written_, dict) if isinstance(value, dict) else bool(written_ == value)


@given(documents(), documents(), SPEC, st.data())
def test_an_edit_of_both_gives_the_value_that_it_is_to_give(
    base: Body, over: Body, other: Body, data: st.DataObject
) -> None:
    low, high = (
        node(json.dumps({"kind": "persona", "name": "coach", **one}), name) for one, name in ((base, "b"), (over, "o"))
    )
    before = overlays.merge(low, high, KINDS["persona"], COACH).node
    spec = as_object(as_object(before.value)["spec"])
    assume(spec or other)
    key = data.draw(st.sampled_from(sorted({*spec, *other})))
    new = other.get(key, ABSENT)
    edits = edits_by_layer(COACH, low.value, high.value, ("spec", key), new)
    after = overlays.merge(edited(low, edits[0]), edited(high, edits[1]), KINDS["persona"], COACH).node
    result = as_object(as_object(after.value).get("spec", {}))
    expected = {one: value for one, value in named(spec).items() if one != named({key: 0}).popitem()[0]}
    if new is not ABSENT:
        expected[named({key: 0}).popitem()[0]] = new
    assert without_nothing(named(result)) == without_nothing(expected)


@given(LAYERS, LAYERS, LAYERS)
def test_an_edit_of_a_mapping_that_both_have_is_written_part_by_part(base: Body, over: Body, new: Body) -> None:
    low, high = (coach({"spec": {"layers": one}}, name) for one, name in ((base, "b"), (over, "o")))
    edits = edits_by_layer(COACH, low.value, high.value, ("spec", "layers"), new)
    after = overlays.merge(edited(low, edits[0]), edited(high, edits[1]), KINDS["persona"], COACH).node
    spec = as_object(as_object(after.value).get("spec", {}))
    assert without_nothing(spec.get("layers", {})) == without_nothing(new)
    as_it_was = {f"/spec/layers/{key}" for key in {*base} - {*over} if key in new and new[key] == base[key]}
    assert not [one for one in edits[0] if one.pointer in as_it_was]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("tts", "tts_engine"), "elevenlabs"),
        (("tts", "voice_settings"), {"speed": 0.9}),
        (("tts", "voice_settings", "speed"), 0.9),
        (("llm", "model"), "m"),
        (("llm", "extra_body"), {"k": 1}),
    ],
)
@given(base=LAYERS, over=LAYERS)
def test_an_edit_of_a_value_leaves_the_others_also_below_what_the_overlay_takes_away(
    base: Body, over: Body, path: tuple[str, ...], value: Any
) -> None:
    low, high = (coach({"spec": {"layers": one}}, name) for one, name in ((base, "b"), (over, "o")))
    before = as_object(as_object(overlays.merge(low, high, KINDS["persona"], COACH).node.value)["spec"])
    edits = edits_by_layer(COACH, low.value, high.value, ("spec", "layers", *path), value)
    after = overlays.merge(edited(low, edits[0]), edited(high, edits[1]), KINDS["persona"], COACH).node
    spec = as_object(as_object(after.value)["spec"])
    assert without_nothing(spec) == without_nothing(set_at(before, ("layers", *path), value))


def without_nothing(value: Any) -> Any:
    """A value less what is null, and the mappings that hold nothing else: they say that nothing is there."""
    if not isinstance(value, dict):
        return value
    members = {key: without_nothing(one) for key, one in value.items()}
    return {key: one for key, one in members.items() if one not in (None, {})}


def coach(body: Body, name: str) -> yaml12.Node:
    """A document of one persona."""
    return node(json.dumps({"kind": "persona", "name": "coach", **body}), name)


def node(text: str, name: str) -> yaml12.Node:
    """The only document of a text."""
    return yaml12.read(text.encode(), name).documents[0]


def edited(document: yaml12.Node, edits: Any) -> yaml12.Node:
    """A document after edits of its text."""
    text = json.dumps(document.value)
    return node(splice(text.encode(), document.source.path, edits).decode(), document.source.path)


SORTS: list[tuple[Any, Any, str]] = [({"b": 1}, [1], "a mapping"), ([1], {"b": 1}, "a list")]


@pytest.mark.parametrize(("base", "over", "sort"), SORTS)
def test_a_list_and_a_mapping_do_not_lie_over_each_other(base: Any, over: Any, sort: str) -> None:
    low, high = coach({"spec": {"a": base}}, "base"), coach({"spec": {"a": over}}, "over")
    laid = overlays.merge(low, high, KINDS["persona"], COACH)
    (told,) = laid.diagnostics
    assert (told.id, told.source) == ("TV104", high.sources["/spec/a"])
    assert f"write {sort}, as at {low.sources['/spec/a']}" in told.hint
    assert laid.node.value == low.value


def test_places_of_both_are_kept_apart() -> None:
    low = node("kind: persona\nname: coach\nspec:\n  layers:\n    tts: {a: 1}\n    llm: {b: 2}\n", "low")
    high = node("kind: persona\nname: coach\nspec:\n  layers:\n    tts: {a: 3, c: 4}\n", "high")
    laid = overlays.merge(low, high, KINDS["persona"], COACH).node
    places = {pointer: place for pointer, place in laid.sources.items() if pointer.startswith("/spec/layers/")}
    assert places == {
        "/spec/layers/tts": Source("low", 5, 10),
        "/spec/layers/llm": Source("low", 6, 10),
        "/spec/layers/llm/b": Source("low", 6, 14),
        "/spec/layers/tts/a": Source("high", 5, 14),
        "/spec/layers/tts/c": Source("high", 5, 20),
    }
    assert laid.keys["/spec/layers/tts/c"] == Source("high", 5, 17)
    assert join(("spec", "layers", "tts", "a")) in laid.keys


@pytest.mark.parametrize("in_base", [(), ("persona_name",), ("pal_name",)])
@pytest.mark.parametrize("in_overlay", [("persona_name", "pal_name"), ("pal_name", "persona_name")])
def test_a_field_of_two_names_in_an_overlay_is_an_error_in_any_order(
    tmp_path: Path, in_base: tuple[str, ...], in_overlay: tuple[str, ...]
) -> None:
    written(tmp_path / "base", "a.yaml", {"spec": {**dict.fromkeys(in_base, "Base"), "system_prompt": "x"}})
    written(tmp_path / "over", "a.yaml", {"spec": {name: f"Name {name}" for name in in_overlay}})

    _, messages = loaded(tmp_path, "over")

    assert sorted(one for one in messages if "names of the same field" in one) in (
        ["`pal_name` and `persona_name` are names of the same field in persona"],
        ["`persona_name` and `pal_name` are names of the same field in persona"],
    )


@pytest.mark.parametrize(
    "in_overlay", [{"persona_name": "A", "pal_name": None}, {"pal_name": None, "persona_name": "A"}]
)
def test_an_overlay_may_move_a_field_to_its_other_name(tmp_path: Path, in_overlay: Body) -> None:
    written(tmp_path / "base", "a.yaml", {"spec": {"pal_name": "Base", "system_prompt": "x"}})
    written(tmp_path / "over", "a.yaml", {"spec": in_overlay})

    manifest, messages = loaded(tmp_path, "over")

    assert (manifest.spec["persona_name"], messages) == ("A", [])
