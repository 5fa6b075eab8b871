"""Which item of a long array has become which: by content, by identity, by parts, in the order of both."""

from __future__ import annotations

from itertools import combinations, pairwise
from random import Random
from typing import Any

import pytest

from tavusctl.lib.diffing.patience import longest_increasing
from tavusctl.patch.arrays import pair_similar
from tavusctl.patch.differ import Differ
from tavusctl.patch.region import Frame, Region


def alike(old: list[Any], new: list[Any], identity: tuple[str, ...] = ()) -> list[tuple[int, int]]:
    frame = Frame(pointer_size=1, start=0, reaches_end=True, patterns=(), identity=identity)
    return sorted(pair_similar(Region(Differ(), old, new, frame)))


def test_as_many_pairs_as_can_be_rise_on_both_sides() -> None:
    chance = Random("rising")
    for size in (0, 1, 2, 3, *[4, 5, 6, 7, 8] * 20):
        pairs = [(place, chance.randrange(8)) for place in chance.sample(range(9), size)]
        found = longest_increasing(pairs)

        assert set(found) <= set(pairs)
        assert rises(found)
        assert not any(rises(sorted(more)) for more in combinations(pairs, len(found) + 1))


def rises(pairs: list[tuple[int, int]]) -> bool:
    return all(one < other for side in zip(*pairs, strict=True) for one, other in pairwise(side))


A, B, C = ({"text": f"words of {letter}", "n": number} for number, letter in enumerate("ABC"))
ALIKE: dict[str, tuple[list[Any], list[Any], list[tuple[int, int]]]] = {
    "equal, wherever they stand": ([A, B, "t"], ["t", "u", A], [(0, 2), (2, 0)]),
    "equal, but twice on a side": ([A, A, A, "t"], [A, "t", "t", "t"], []),
    "by name": ([{"name": "a", "n": 1}, {"name": "b"}], [{"name": "c"}, {"name": "a", "m": 2}], [(0, 1)]),
    "by a name that stands twice": ([{"name": "a", "n": 1}, {"name": "a"}], [{"name": "a", "m": 2}], []),
    "by most parts": ([[1, 2, 3], [4, 5, 6]], [[1, 5, 6, 7], [2, 3, 4, 8]], [(0, 1), (1, 0)]),
    "by as many parts: the first": ([[1, 2]], [[1, 3], [2, 4]], [(0, 0)]),
    "by a part that stands twice": ([[1, 2], [1, 3]], [[1, 4]], []),
    "by a part that is twice in one": ([[1, 1, 2]], [[3, 3], [1, 1, 4]], [(0, 1)]),
    "by parts deep inside": ([0, {"x": {"y": [1, [2]]}}], [{"z": [[[2]], 3]}, 4], [(1, 0)]),
    "by a part which only pairs have, too": ([A, {"m": A["text"]}], [{"k": 0, "l": A["text"]}, A], [(0, 1), (1, 0)]),
    "not at all": ([A, 1, [], {}], [B, 2, "t"], []),
}  # fmt: skip


@pytest.mark.parametrize("case", ALIKE)
def test_items_are_found_again(case: str) -> None:
    old, new, pairs = ALIKE[case]

    assert alike(old, new, ("name",)) == pairs
    if case != "by name":
        assert alike(old, new) == pairs


def test_identity_may_be_deep_inside_and_is_a_text() -> None:
    old = [{"f": {"name": "a"}, "n": 1}, {"f": {"name": 5}, "n": 2}, {"f": "a"}, {"n": 3}, "f"]
    new = [{"g": 0}, {"f": {"name": 5, "m": 6}}, {"f": {"name": "a", "k": 7}}]

    assert alike(old[:1], new, ("f", "name")) == [(0, 2)]
    assert alike(old[2:], new, ("f", "name")) == [(0, 2)]  # by the word that they share
    gap = Region(Differ(), old, new, Frame(1, 0, True, (), ("f", "name")))
    assert gap.identities() == (["a", None, None, None, None], [None, None, "a"])
