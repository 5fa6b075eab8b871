"""Documents: a value at a place, also inside lists."""

from __future__ import annotations

import copy

import pytest

from tavusctl.core.json_tree import pattern_in, set_at, value_at
from tavusctl.core.model import ABSENT
from tavusctl.lib.json_types import Json, JsonObject

DOCUMENT: JsonObject = {"name": "a", "items": [{"key": 1}, [{"key": 2}, "x"], "y"]}


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("name",), "b", {**DOCUMENT, "name": "b"}),
        (("name",), ABSENT, {"items": DOCUMENT["items"]}),
        (("new", "below"), 1, {**DOCUMENT, "new": {"below": 1}}),
        (("items", "0", "key"), 3, {"name": "a", "items": [{"key": 3}, [{"key": 2}, "x"], "y"]}),
        (("items", "0", "key"), ABSENT, {"name": "a", "items": [{}, [{"key": 2}, "x"], "y"]}),
        (("items", "1", "0", "key"), 3, {"name": "a", "items": [{"key": 1}, [{"key": 3}, "x"], "y"]}),
        (("items", "2"), "z", {"name": "a", "items": [{"key": 1}, [{"key": 2}, "x"], "z"]}),
        (("items", "2"), ABSENT, DOCUMENT),  # no item is taken out,
        (("items", "3"), "z", DOCUMENT),  # none is put in,
        (("items", "2", "key"), 1, DOCUMENT),  # and a text has no members
    ],
)
def test_a_value_is_put_at_a_place_of_a_copy(path: tuple[str, ...], value: Json, expected: JsonObject) -> None:
    before = copy.deepcopy(DOCUMENT)
    assert set_at(DOCUMENT, path, value) == expected
    assert before == DOCUMENT


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("name",), "a"),
        (("items", "1", "0", "key"), 2),
        (("items", "3"), ABSENT),
        (("items", "\u00b2"), ABSENT),  # a digit, but no number
        (("items", "-"), ABSENT),
        (("name", "0"), ABSENT),
    ],
)
def test_a_value_is_found_at_a_place(path: tuple[str, ...], value: Json) -> None:
    assert value_at(DOCUMENT, path, ABSENT) == value
    assert value_at(DOCUMENT, path) == (None if value is ABSENT else value)


def test_a_pattern_has_stars_for_items_of_lists_alone() -> None:
    assert pattern_in({**DOCUMENT, "by_year": {"2026": []}}, ("by_year", "2026", "0")) == ("by_year", "2026", "*")
