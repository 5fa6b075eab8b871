"""The search for an alignment: the cheapest there is, within its limits; what a gap is priced at."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from bench.patch.measure import compact
from tavusctl.patch.alignment import Pairs, Search
from tavusctl.patch.costs import WEIGHT
from tavusctl.patch.differ import DIFF_EFFORT, Differ
from tavusctl.patch.region import Frame, Region

TEXTS = ["", "some words", "words of some length, as prompts have", "other words of some length"]


def gap(old: list[Any], new: list[Any], *, start: int = 0, appends: bool = True) -> Region:
    frame = Frame(pointer_size=len("/items/"), start=start, reaches_end=appends, patterns=(), identity=())
    return Region(Differ(), old, new, frame)


def item(chance: Random) -> Any:
    how = chance.randrange(6)
    text = chance.choice(TEXTS)
    if how < 2:
        return [chance.randrange(3), text, None, []][chance.randrange(4)]
    return {"a": text, "b": chance.randrange(3)} if how < 5 else [text, chance.randrange(3)]


def lists(chance: Random) -> tuple[list[Any], list[Any]]:
    """Two arrays, neither empty, the second an edit of the first."""
    old = [item(chance) for _ in range(1 + chance.randrange(6))]
    new = [one for one in old if chance.randrange(4)]
    for _ in range(chance.randrange(4)):
        new.insert(chance.randrange(len(new) + 1), item(chance))
    if chance.randrange(2):
        chance.shuffle(new)
    return old, new or [item(chance)]


def least(prices: Region, i: int, j: int, kept: int, known: dict[tuple[int, int, int], float]) -> float:
    """The least cost from a state on, by trying everything."""
    if (i, j, kept) not in known:
        rows, columns = len(prices.old), len(prices.new)
        ways = [0.0] if (i, j) == (rows, columns) else []
        if i < rows:
            ways.append(prices.remove_costs[i] + prices.index_size(kept) + least(prices, i + 1, j, kept, known))
        if j < columns:
            place = 1 if i == rows and prices.reaches_end else prices.index_size(kept)
            ways.append(prices.insert_costs[j] + place + least(prices, i, j + 1, kept, known))
        if i < rows and j < columns:
            equal = prices.old[i] == prices.new[j]
            paid = 0 if equal else prices.edit_cost(i, j, kept)
            ways.append(paid + least(prices, i + 1, j + 1, kept + 1, known))
        known[i, j, kept] = min(ways)
    return known[i, j, kept]


def cost(prices: Region, pairs: Pairs) -> float:
    """What an alignment costs."""
    total, i, j, kept = 0.0, 0, 0, 0
    for old, new in [*pairs, (len(prices.old), len(prices.new))]:
        total += sum(prices.remove_costs[at] + prices.index_size(kept) for at in range(i, old))
        ends = old == len(prices.old) and prices.reaches_end
        total += sum(prices.insert_costs[at] + (1 if ends else prices.index_size(kept)) for at in range(j, new))
        if old < len(prices.old) and prices.old[old] != prices.new[new]:
            total += prices.edit_cost(old, new, kept)
        i, j, kept = old + 1, new + 1, kept + 1
    return total


SEEDS = range(150)


def test_no_alignment_is_cheaper_than_the_one_that_is_found() -> None:
    for seed in SEEDS:
        prices = gap(*lists(Random(f"alignment {seed}")), appends=seed % 2 == 0)
        pairs = Search(prices).run(1000)

        assert pairs is not None, seed
        assert pairs == sorted(pairs), seed
        assert cost(prices, pairs) == least(prices, 0, 0, 0, {}), seed


@pytest.mark.parametrize("appends", [False, True])
@pytest.mark.parametrize("start", [6, 8, 9, 96, 98, 99, 1000])
def test_a_search_reckons_with_what_its_alignment_costs(start: int, appends: bool) -> None:
    for seed in range(60):
        prices = gap(*lists(Random(f"alignment {seed}")), start=start, appends=appends)
        search = Search(prices)
        pairs = search.run(1000)

        assert pairs is not None
        assert search._best[search._state(len(prices.old), len(prices.new))][0] == cost(prices, pairs), seed


def test_a_search_looks_at_no_more_than_it_must() -> None:
    """A looser bound or a state that is left twice finds the same, later: in long arrays, too late."""
    spent = 0
    for seed in SEEDS:
        prices = gap(*lists(Random(f"alignment {seed}")))
        Search(prices).run(1000)
        spent += DIFF_EFFORT - prices.differ.effort

    assert spent <= 2143


def test_a_search_ends_when_its_effort_is_spent() -> None:
    prices = gap([{"n": 1}, "gone", {"n": 2}, "same"], [{"n": 3}, {"n": 4}, "same", "new"])
    found = [(0, 0), (2, 1), (3, 2)]

    assert Search(prices).run(10) == found
    assert Search(prices).run(9) is None
    prices.differ.effort = 0
    assert Search(prices).run(1000) is None


def test_equal_items_are_followed_at_once() -> None:
    numbers: list[Any] = list(range(500))

    assert Search(gap(numbers, numbers)).run(1) == [(number, number) for number in numbers]


def test_every_step_takes_from_the_effort_of_the_diff() -> None:
    one = gap([1], [2])
    one.differ.effort = 2

    assert [one.charge_step(), one.charge_step(), one.charge_step()] == [True, True, False]


def test_an_item_is_priced_as_the_operation_that_is_written() -> None:
    items: list[Any] = [{"text": f"words {number}"} for number in range(3)]
    one = gap(items, [items[2], "é", {}], start=8)

    def bytes_of(operation: dict[str, Any]) -> int:
        return len(compact(operation).encode()) + len(",")

    assert [one.index_size(0), one.index_size(1), one.index_size(2)] == [1, 1, 2]
    assert one.remove_cost(0) + one.index_size(2) == bytes_of({"op": "remove", "path": "/items/10"}) + WEIGHT
    assert one.insert_cost(1) + one.index_size(2) == bytes_of({"op": "add", "path": "/items/10", "value": "é"}) + WEIGHT
    assert one.edit_cost(0, 1, 2) == bytes_of({"op": "replace", "path": "/items/10", "value": "é"}) + 2 * WEIGHT
    assert one.edit_cost(2, 0, 2) == 0
    assert one.min_cost == bytes_of({"op": "remove", "path": "/items/8"}) + WEIGHT
    assert one.insert_cost(2) + 1 == bytes_of({"op": "add", "path": "/items/-", "value": {}}) + WEIGHT


def test_a_part_of_a_gap_lies_where_it_lies() -> None:
    whole = gap(["a", "b", "c", "d"], ["a", "B", "c", "D", "e"], start=7)
    front, end = whole.subregion(slice(1, 2), slice(1, 3)), whole.subregion(slice(3, 4), slice(2, 5))

    assert (front.old_values, front.new_values, front.frame.start, front.reaches_end) == (["b"], ["B", "c"], 8, False)
    assert (end.old_values, end.new_values, end.frame.start, end.reaches_end) == (["d"], ["c", "D", "e"], 9, True)
    assert [whole.subregion(slice(0, i), slice(0, j)).reaches_end for i, j in ((4, 4), (3, 5), (4, 5))] == [
        False,
        False,
        True,
    ]
    assert not gap(["a"], ["b"], appends=False).subregion(slice(0, 1), slice(0, 1)).reaches_end
