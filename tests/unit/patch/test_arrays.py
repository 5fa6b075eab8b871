"""Arrays long and short: what changed is written, at the place where it is, and nothing beside it."""

from __future__ import annotations

from collections import Counter
from operator import eq
from random import Random
from typing import Any

import pytest

from tavusctl.lib.json_types import as_text
from tavusctl.patch import apply, diff, same
from tavusctl.patch.arrays import common_ends

ENDS = [
    ("", "", (0, 0)),
    ("abc", "abc", (3, 0)),
    ("abc", "abXc", (2, 1)),
    ("abcd", "aXcd", (1, 2)),
    ("aa", "aaa", (2, 0)),
    ("aba", "a", (1, 0)),
    ("abc", "Xac", (0, 1)),
    ("Xabc", "Yabc", (0, 3)),
    ("abc", "cab", (0, 0)),
    ("bab", "aab", (0, 2)),
]


@pytest.mark.parametrize(("old", "new", "ends"), ENDS)
def test_equal_items_in_front_and_at_the_end_are_counted_once(old: str, new: str, ends: tuple[int, int]) -> None:
    assert common_ends(old, new, eq) == ends


LETTERS = [letter * 9 for letter in "abc"] * 40
BLOCKS: list[Any] = [part for place in range(12) for part in ("x", "x", "y", {"block": place}, "z", "x", "z")]


@pytest.mark.parametrize("items", [LETTERS, BLOCKS], ids=["nothing occurs once", "much occurs often"])
def test_what_goes_and_comes_in_a_long_array_is_all_that_is_written(items: list[Any]) -> None:
    for seed in range(40):
        chance = Random(f"letters {seed}")
        after, many = items.copy(), 1 + seed % 6
        for _ in range(many):
            after.pop(chance.randrange(len(after)))
            after.insert(chance.randrange(len(after)), f"new {chance.random()}")

        patch = diff(items, after)
        assert apply(items, patch) == after
        assert len(patch) <= 2 * many, seed


@pytest.mark.parametrize("keyed_by", [{}, {"": "name"}])
def test_every_item_of_a_long_array_is_edited_where_it_stands_while_others_come_and_go(
    keyed_by: dict[str, str],
) -> None:
    before = [{"name": f"tool {place}", "text": f"words {place}", "n": 1} for place in range(200)]
    after = [{**one, "n": 2} for place, one in enumerate(before) if place % 7]
    for place in (5, 20, 40):
        after.insert(place, {"name": f"added {place}", "text": "new", "n": 3})

    patch = diff(before, after, keyed_by=keyed_by)
    assert apply(before, patch) == after
    assert Counter(one["op"] for one in patch) == {"remove": 29, "replace": 171, "add": 3}
    assert {as_text(one["path"]).partition("/")[2].partition("/")[2] for one in patch if one["op"] == "replace"} == {
        "n"
    }


def test_some_items_are_found_again_among_as_many_as_are_searched_completely() -> None:
    """No part of an item is only its own, so nothing but the search can tell which they are."""
    large = "words " * 900
    many = [{"text": f"words {place % 11}", "n": place % 13, "large": large} for place in range(275)]
    some = [{**many[place], "new": True} for place in (90, 120, 150, 240)]

    for before, after, edit, other in ((many, some, "add", "remove"), (some, many, "remove", "add")):
        patch = diff(before, after)
        assert apply(before, patch) == after
        assert Counter(one["op"] for one in patch) == {edit: 4, other: 271}
        assert [one["path"] for one in patch if one["op"] == edit] == ["/0/new", "/1/new", "/2/new", "/3/new"]


LARGE = [letter * 300 for letter in "abcdefgh"]
CORNERS: dict[str, tuple[Any, Any, int]] = {
    "turned round": (LARGE[:4], LARGE[3::-1], 4),
    "no name": ([{"name": "a"}, "text", {"other": 1}, {"name": 5}], [{"other": 1}, {"name": "a"}, "text", 7], 3),
    "nothing occurs once": (["a", "b"] * 20, ["b", "a", "a"] * 15, 16),
    "all new around one": (
        [*({"n": place} for place in range(14)), LARGE[0]], [LARGE[0], *(f"text {place}" for place in range(14))], 1,
    ),
    "parts in common": (
        [{"in": {"one": f"x{place}", "two": f"y{place}"}, "k": place} for place in range(40)],
        [{"in": {"one": f"x{place}", "two": f"y{place + 1}"}, "m": -place} for place in range(1, 40)],
        1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CORNERS)
def test_arrays_of_odd_shapes_take_so_many_operations(name: str) -> None:
    before, after, many = CORNERS[name]

    patch = diff({"x": before}, {"x": after}, keyed_by={"/x": "name"})
    assert same(apply({"x": before}, patch), {"x": after})
    assert len(patch) == many


def test_the_items_of_a_long_list_are_known_by_name() -> None:
    before = [{"name": f"n{place}", "text": f"text {place % 3}"} for place in range(45)]
    after = [one if place % 5 else {**one, "text": "edited"} for place, one in enumerate(before) if place != 21]

    patch = diff({"x": before}, {"x": after}, keyed_by={"/x": "name"})
    assert apply({"x": before}, patch) == {"x": after}
    assert [one["path"] for one in patch if one["op"] == "remove"] == ["/x/21"]
    assert len(patch) == 1 + 9
