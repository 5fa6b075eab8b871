"""Laws of moves: within a container, between containers, together with edits."""

from __future__ import annotations

import copy
import json
from typing import Any

import jsonpatch
from hypothesis import given
from hypothesis import strategies as st

from bench.patch.measure import measure
from tavusctl.patch import MisfitError, apply, diff
from tests.laws.patches import MANY, WITH_MOVES, WITHOUT_MOVES, documents, exact

items = st.sampled_from([{"name": "greet", "steps": [1, 2]}, ["a", "longer", "list"], {}, "words", 7, None]) | documents
shelves = st.one_of(st.lists(items, max_size=5), st.dictionaries(st.sampled_from("abcde"), items, max_size=4))


@st.composite
def relocated(draw: st.DrawFn) -> tuple[Any, Any]:
    """Shelves, and the same with things put on other shelves, some changed on the way."""
    drawn = {"x": draw(shelves), "y": {"deep": draw(shelves), "z": [draw(shelves)]}, "list": [draw(shelves), 1]}
    # no object may stand in two places: the jsonpatch package changes it in both
    before, after = json.loads(json.dumps(drawn)), json.loads(json.dumps(drawn))
    for _ in range(draw(st.integers(1, 4))):
        places: list[Any] = [after["x"], after["y"]["deep"], after["y"]["z"][0], after["list"][0]]
        source, target = draw(st.sampled_from(places)), draw(st.sampled_from(places))
        if source:
            value = source.pop(
                draw(st.sampled_from(sorted(source) if isinstance(source, dict) else range(len(source))))
            )
            if draw(st.integers(0, 4)) == 0:
                value = [value]
            if isinstance(target, dict):
                target[draw(st.sampled_from("abcdef"))] = value
            else:
                target.insert(draw(st.integers(0, len(target))), value)
    return before, after


@MANY
@given(relocated())
def test_moves_between_containers_lead_from_before_to_after(pair: tuple[Any, Any]) -> None:
    before, after = pair
    patch = diff(before, after, allowed=WITH_MOVES)

    assert exact(apply(before, patch)) == exact(after)
    assert exact(jsonpatch.apply_patch(copy.deepcopy(before), copy.deepcopy(patch))) == exact(after)
    found, plain = (
        measure(before, after, diff(before, after, allowed=allowed), allowed) for allowed in (WITH_MOVES, WITHOUT_MOVES)
    )
    assert not found.wrong
    assert found.cost <= plain.cost


@given(relocated())
def test_no_move_can_be_left_out(pair: tuple[Any, Any]) -> None:
    before, after = pair
    patch = diff(before, after, allowed=WITH_MOVES)

    for left_out in range(len(patch)):
        try:
            reached = apply(before, patch[:left_out] + patch[left_out + 1 :])
        except MisfitError:
            continue
        assert exact(reached) != exact(after)


def test_a_value_put_in_another_container_is_moved_there() -> None:
    tool = {"name": "book", "description": "Books a table for as many as there are"}
    before = {"old": ["first", tool, "last"], "new": [1, 2, 3, 4], "z": {"a": 1}}
    after = {"old": ["FIRST", "last"], "new": [0, 1, 2, tool, 3, 4], "z": {"b": 1}}

    assert diff(before, after, allowed=WITH_MOVES) == [
        {"op": "move", "from": "/old/1", "path": "/new/2"},
        {"op": "add", "path": "/new/0", "value": 0},
        {"op": "replace", "path": "/old/0", "value": "FIRST"},
        {"op": "move", "from": "/z/a", "path": "/z/b"},
    ]
    assert {operation["op"] for operation in diff(before, after)} == {"add", "remove", "replace"}
