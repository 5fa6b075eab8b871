"""Laws of what patches keep: pinned values, identity, opaque leaves, deep and large documents, the optimum."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bench.patch.measure import measure
from bench.patch.optimum import TooLargeError, least_cost
from tavusctl.lib.json_types import JsonObject, as_text
from tavusctl.lib.strict_json import MAX_DEPTH
from tavusctl.patch import Pinned, apply, diff, same
from tests.laws.patches import MANY, documents, edited, keys, leaves

TOOLS = {"/tools": "function.name"}
SMALL = settings(max_examples=settings().max_examples)

tiny = st.recursive(
    st.sampled_from([None, True, 1, "some words", "another, longer text"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=4,
)


def tool(name: str, words: str) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": f"{words} of {name}, at some length, as descriptions of tools are",
            "parameters": {"type": "object", "properties": {f"{name}_id": {"type": "string"}}, "required": [name]},
        },
    }


names = st.lists(st.text("abcdefgh", min_size=3, max_size=8), min_size=2, max_size=6, unique=True)


@given(names, st.data())
def test_an_edited_tool_is_edited_where_it_stands_when_others_come_and_go(
    tools: list[str], data: st.DataObject
) -> None:
    before: JsonObject = {"tools": [tool(name, "Purpose") for name in tools]}
    chosen = data.draw(st.sampled_from(tools))
    stays = [name for name in tools if name == chosen or data.draw(st.booleans())]
    stays.insert(data.draw(st.integers(0, len(stays))), "brand_new")
    after: JsonObject = {"tools": [tool(name, "FieldDescription" if name == chosen else "Purpose") for name in stays]}

    patch = diff(before, after, keyed_by=TOOLS)

    assert [as_text(op["path"]).rpartition("/")[2] for op in patch if op["op"] == "replace"].count("description") >= 1
    assert not any(f'"{chosen}_id"' in str(op.get("value")) for op in patch)


@st.composite
def pinned_pairs(draw: st.DrawFn) -> tuple[Any, Any]:
    """Documents whose objects hold pinned keys, the same on both sides, beside whatever else changes."""
    before = draw(st.dictionaries(st.sampled_from("abc"), documents, max_size=3))
    after = draw(edited(before))
    assume(isinstance(after, dict))
    secrets = draw(st.dictionaries(st.sampled_from(["api_key", "secret"]), leaves, min_size=1))
    held = {key: Pinned(value) for key, value in secrets.items()}
    return {"layer": before | held, "rest": draw(documents)}, {"layer": after | held, "rest": draw(documents)}


@given(pinned_pairs())
def test_a_pinned_value_is_never_written(pair: tuple[Any, Any]) -> None:
    before, after = pair
    patch = diff(before, after)

    assert not any("Pinned" in repr(operation) for operation in patch)
    assert same(apply(before, patch), after)


@given(documents, documents)
def test_a_pinned_value_that_would_have_to_be_written_is_refused(one: Any, other: Any) -> None:
    assume(not same(one, other))
    with pytest.raises(ValueError, match="pinned"):
        diff({"key": Pinned(one)}, {"key": Pinned(other)})
    with pytest.raises(ValueError, match="pinned"):
        diff({"rest": one}, {"rest": one, "key": Pinned(one)})


def test_what_holds_a_pinned_value_goes_only_as_a_whole() -> None:
    before: JsonObject = {
        "llm": {"api_key": Pinned("********"), "a": 1, "b": 2, "c": 3},
        "tts": {"api_key": Pinned("********")},
    }

    assert diff(before, {"llm": {"api_key": Pinned("********"), "a": 7, "b": 8, "c": 9}}) == [
        {"op": "replace", "path": "/llm/a", "value": 7},
        {"op": "replace", "path": "/llm/b", "value": 8},
        {"op": "replace", "path": "/llm/c", "value": 9},
        {"op": "remove", "path": "/tts"},
    ]


@MANY
@given(st.dictionaries(keys, documents, max_size=4), st.data())
def test_by_member_no_operation_is_of_the_whole_object(before: JsonObject, data: st.DataObject) -> None:
    after = data.draw(edited(before) | st.dictionaries(keys, documents, max_size=4))
    assume(isinstance(after, dict))

    patch = diff(before, after, by_member=True)

    assert all(operation["path"] for operation in patch)
    assert same(apply(before, patch), after)
    if all(operation["path"] for operation in diff(before, after)):
        assert patch == diff(before, after)


class Opaque:
    """A leaf that is no JSON."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Opaque) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


def test_an_opaque_leaf_is_compared_and_passed_on_as_it_is() -> None:
    wanted = Opaque("new")

    assert diff({"key": Opaque("same")}, {"key": Opaque("same")}) == []
    (operation,) = diff({"key": Opaque("old"), "list": [1]}, {"key": wanted, "list": [1]})
    assert operation["value"] is wanted
    (operation,) = diff([1, Opaque("a"), 2, 3], [1, Opaque("a"), wanted, 2, 3])
    assert operation["value"] is wanted


@pytest.mark.parametrize(
    "nest",
    [
        lambda old, new, level: ([old, level], [level, new, 0]),
        lambda old, new, level: ([old, old], [level, new]),
        lambda old, new, level: ({"a": old}, {"a": new, "b": level}),
        lambda old, new, level: ([old, level], [level, new, 0]) if level % 2 else ({"a": old}, {"a": new, "b": level}),
    ],
)
def test_documents_may_be_nested_as_deep_as_they_are_read(nest: Callable[[Any, Any, int], tuple[Any, Any]]) -> None:
    before: Any = 1
    after: Any = 2
    for level in range(MAX_DEPTH):
        before, after = nest(before, after, level)

    assert same(apply(before, diff(before, after)), after)


def test_edits_in_a_long_array_stay_where_they_are() -> None:
    before: list[dict[str, Any]] = [
        {"number": number, "text": f"item {number}", "tags": ["a", "b"]} for number in range(2000)
    ]
    after = copy.deepcopy(before)
    after[10]["text"] = "edited"
    after[1500]["tags"].append("c")
    del after[700]
    after.insert(100, {"number": -1, "text": "new", "tags": []})

    assert diff(before, after) == [
        {"op": "remove", "path": "/700"},
        {"op": "replace", "path": "/10/text", "value": "edited"},
        {"op": "add", "path": "/1499/tags/-", "value": "c"},
        {"op": "add", "path": "/100", "value": after[100]},
    ]


@SMALL
@given(tiny, st.data())
def test_a_patch_between_small_documents_costs_the_least_there_is(before: Any, data: st.DataObject) -> None:
    after = data.draw(edited(before) | tiny)
    found = measure(before, after, diff(before, after))
    assert not found.wrong
    if same(before, after):
        return
    try:
        least = least_cost(before, after, known=found.cost - 1, patience=20_000)
    except TooLargeError:
        return

    assert found.cost - 1 == least
