"""Laws of the tests that guard a patch."""

from __future__ import annotations

import copy
from typing import Any

import jsonpatch
from hypothesis import given
from hypothesis import strategies as st

from tavusctl import patch
from tavusctl.core.json_tree import value_at
from tavusctl.engine.compare import patch_guards
from tavusctl.kinds import KINDS
from tavusctl.patch.origins import origins
from tests.laws.patches import MANY, documents, edited, exact, keys, pairs

PERSONA = KINDS["persona"]
named = st.fixed_dictionaries({"function": st.fixed_dictionaries({"name": keys}), "more": documents})
bodies = st.builds(
    lambda rest, tools: {**rest, "layers": {"llm": {"tools": tools}}},
    st.dictionaries(keys, documents, max_size=4),
    st.lists(named, max_size=5),
)


@st.composite
def changes(draw: st.DrawFn) -> tuple[Any, Any]:
    before = draw(bodies)
    after = draw(edited(before))
    return before, after if isinstance(after, dict) else draw(bodies)


@MANY
@given(changes())
def test_all_tests_hold_on_the_document_that_was_read(pair: tuple[Any, Any]) -> None:
    before, after = pair
    operations = patch.diff(before, after)

    tests = list(patch_guards.tests(PERSONA, before, operations))

    assert {one["op"] for one in tests} <= {"test"}
    assert len({one["path"] for one in tests}) == len(tests)
    assert exact(jsonpatch.apply_patch(copy.deepcopy(before), copy.deepcopy(tests))) == exact(before)
    assert exact(patch.apply(before, [*tests, *operations])) == exact(after)


@MANY
@given(changes(), st.data())
def test_a_value_that_goes_is_tested_wherever_it_was(pair: tuple[Any, Any], data: st.DataObject) -> None:
    """So a document in which one of them is another value is not patched."""
    before, after = pair
    operations = patch.diff(before, after)
    goes = [way[-1] for one, way in zip(operations, origins(before, operations), strict=True) if one["op"] != "add"]
    places = [place for place in goes if place]
    if not places:
        return
    place = patch.join(data.draw(st.sampled_from(places)))
    other = patch.apply(before, [{"op": "replace", "path": place, "value": "edited meanwhile"}])
    tests = patch_guards.tests(PERSONA, before, operations)

    same = exact(patch.resolve(before, place)) == exact("edited meanwhile")
    try:
        patch.apply(other, tests)
    except patch.PatchError:
        assert not same
    else:
        assert same


@MANY
@given(changes(), st.data())
def test_every_edit_of_what_is_written_is_noticed_where_the_tests_are_said_to_cover_it(
    pair: tuple[Any, Any], data: st.DataObject
) -> None:
    """An edit changes or adds a value at the pointer of an operation, or removes it; items of lists aside."""
    before, after = pair
    operations = patch.diff(before, after)
    now = data.draw(edited(before) | st.just(after))
    tests = patch_guards.tests(PERSONA, before, operations)
    written = [patch.split(one["path"]) for one in operations]
    moved = [
        path
        for path in written
        if not any(isinstance(value_at(before, path[:depth]), list) for depth in range(1, len(path)))
        and exact(value_at(before, path)) != exact(value_at(now, path))
    ]
    try:
        patch.apply(now, tests)
    except patch.PatchError:
        return
    assert not moved or not patch_guards.cover(PERSONA, before, operations)


@MANY
@given(pairs())
def test_an_origin_is_where_the_value_was(pair: tuple[Any, Any]) -> None:
    """Of a leaf that is still there, for what a patch changes inside a container changes the container."""
    before, after = pair
    operations = patch.diff(before, after)
    now = before
    for operation, way in zip(operations, origins(before, operations), strict=True):
        path = patch.split(operation["path"])
        assert len(way) == len(path) + 1
        for depth, place in enumerate(way):
            if place is None:
                continue
            shown = patch.resolve(now, patch.join(path[:depth]))
            if not isinstance(shown, dict | list):
                assert exact(shown) == exact(patch.resolve(before, patch.join(place)))
        now = patch.apply(now, [operation])
