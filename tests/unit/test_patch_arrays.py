"""Arrays long and short: what changed is written, at the place where it is, and nothing beside it."""

from __future__ import annotations

from collections import Counter
from operator import eq
from random import Random
from typing import Any

import pytest

from tavusctl.patch import apply, diff
from tavusctl.patch.arrays import common_ends
from tests.laws.patches import WITH_MOVES, WITHOUT_MOVES

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
@pytest.mark.parametrize("allowed", [WITHOUT_MOVES, WITH_MOVES])
def test_what_goes_and_comes_in_a_long_array_is_all_that_is_written(items: list[Any], allowed: frozenset[str]) -> None:
    for seed in range(40):
        chance = Random(f"letters {seed}")
        after, many = items.copy(), 1 + seed % 6
        for _ in range(many):
            after.pop(chance.randrange(len(after)))
            after.insert(chance.randrange(len(after)), f"new {chance.random()}")

        patch = diff(items, after, allowed=allowed)
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
    assert {one["path"].partition("/")[2].partition("/")[2] for one in patch if one["op"] == "replace"} == {"n"}


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


def test_items_that_pass_all_others_are_brought_to_their_places() -> None:
    before = [f"{letter} {'words ' * 90}" for letter in "abcdefghi"]

    for last, first in ((8, 0), (0, 8), (8, 3)):
        kept = [before[last], before[first]]
        patch = diff({"x": before}, {"x": kept}, allowed=WITH_MOVES)
        assert apply({"x": before}, patch) == {"x": kept}
        assert [one["op"] for one in patch].count("remove") == 7
        assert len(patch) == (7 if last < first else 8)
