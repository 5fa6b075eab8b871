"""Laws of the cost by which the differ chooses: it is that of the operations which come out."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bench.patch.measure import measure
from tavusctl.patch import Pinned
from tavusctl.patch.differ import Differ
from tavusctl.patch.edit_script import operations
from tavusctl.patch.value_index import ValueIndex
from tests.laws.patches import grown, pairs


def reckoned(before: Any, after: Any) -> tuple[float, list[dict[str, Any]]]:
    """The cost of the cheapest operations, and these."""
    cost, plan = Differ().change(before, after, 0, ())
    return cost, operations(plan)


def measured(before: Any, after: Any, patch: list[dict[str, Any]]) -> int:
    """The cost of a patch as nobody but this test reckons it, a comma after every operation."""
    found = measure(before, after, patch)
    assert not found.wrong
    return found.cost - 1 if patch else 0


@given(pairs() | st.integers(0, 2**62).map(grown))
@example(({"/": 1, "": {"": "a"}}, {}))
def test_the_cost_that_is_reckoned_with_is_that_of_the_patch(pair: tuple[Any, Any]) -> None:
    cost, patch = reckoned(*pair)

    assert cost == measured(*pair, patch)


def test_indices_of_two_digits_cost_two_bytes() -> None:
    values: list[Any] = [None, "words", [], {}, {"a": 1, "b": "words"}, {"a": 2, "b": "words"}, [1, "é"], [1, [2, 3]]]
    for seed in range(100):
        chance = Random(f"digits {seed}")
        before = chance.choices([*values, {"seed": seed}], k=8 + seed % 7)
        after = chance.choices(before, k=8 + seed % 5) if seed % 2 else chance.sample(before, k=len(before))
        before, after = json.loads(json.dumps([before, after]))  # no object stands in two places
        cost, patch = reckoned(before, after)

        assert cost == measured(before, after, patch), seed


WORDS = ["", "a", 'a "quoted" word', "back\\slash", "line\n", "\x7f", "é", "日本", "\U0001f600", "\ud83d"]
LEAVES = [None, True, False, 0, -1, 10, 1.0, 0.25, 1e300, -2.5e-7, *WORDS]


@pytest.mark.parametrize("leaf", LEAVES, ids=ascii)
def test_every_leaf_is_measured_as_it_is_written(leaf: Any) -> None:
    for before, after in (
        ({}, {"k": leaf}), ({"k": leaf}, {}), ({"k": [0]}, {"k": leaf}), ([], [leaf]), ({}, {"k": [{"x": leaf}, []]}),
    ):  # fmt: skip
        cost, patch = reckoned(before, after)
        assert cost == measured(before, after, patch)


@pytest.mark.parametrize("key", [*WORDS, "~", "/", "m~n/o", "0", "-"], ids=ascii)
def test_every_key_is_measured_as_it_is_written(key: str) -> None:
    for before, after in (
        ({}, {key: 1}), ({key: 1}, {key: 2}), ({key: [1, 2, 3]}, {key: [1, 3]}), ({}, {"k": {key: 1, "o": 2}}),
        ({key: "a text of some length"}, {"other": "a text of some length"}),
    ):  # fmt: skip
        cost, patch = reckoned(before, after)
        assert cost == measured(before, after, patch)


@pytest.mark.parametrize("place", [9, 10, 11, 99, 100])
def test_every_index_is_measured_as_it_is_written(place: int) -> None:
    before: list[Any] = [{"number": number} for number in range(place + 3)]
    renumbered = [{"number": -1} if number in (place - 5, place) else one for number, one in enumerate(before)]
    for after in (
        renumbered,
        [*before[: place - 3], *before[place + 2 :]],
        [*before[: place - 2], "one", "two", *before[place - 2 : place], "three", "four", *before[place:]],
        [*reversed(before)],
        [*before[:place], *before[place + 1 :]],
        [*before[:place], "new", *before[place:]],
        [*before[:place], {"number": "new"}, *before[place + 1 :]],
        [before[place], *before[:place], *before[place + 1 :]],
        [*before[1 : place + 1], before[0], *before[place + 1 :]],
    ):
        cost, patch = reckoned({"key": before}, {"key": after})
        assert cost == measured({"key": before}, {"key": after}, patch)


class Opaque:
    """A leaf that is no JSON, and that notices how often it is looked up."""

    looked_up = 0

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        self.looked_up += 1
        return 1


def test_what_is_no_json_is_measured_as_it_is_printed() -> None:
    assert reckoned({}, {"k": Opaque()})[0] == reckoned({}, {"k": "(sensitive)"})[0]
    assert reckoned({"k": Pinned(1)}, {})[0] == reckoned({"k": 1}, {})[0]


def test_a_container_is_measured_once() -> None:
    leaf, ledger = Opaque(), ValueIndex()
    inner: list[Any] = [leaf, 1]
    first = ledger.of({"a": [inner]})
    looked_up = leaf.looked_up

    assert ledger.of({"a": [inner]}) == first
    assert leaf.looked_up == looked_up
