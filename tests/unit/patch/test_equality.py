"""Equality of JSON values: strict in kinds, blind to the order of keys, without a limit of depth."""

from __future__ import annotations

from math import nan
from typing import Any

import pytest

from tavusctl.patch import Pinned, same

DIFFERENT: list[Any] = [
    None, True, False, 0, 1, 1.0, 0.5, "", "1", "a", [], {}, [1], [1.0], [True], [1, 2], [2, 1], [[1]], [[]],
    {"a": 1}, {"a": True}, {"b": 1}, {"a": 1, "b": 2}, {"a": [1, {"b": "c"}]}, {"a": [1, {"b": "d"}]},
    Pinned(1), Pinned(True), Pinned([1]), [Pinned(1)], {"a": Pinned(1)}, {"a": [Pinned(2)]}, {"a": [Pinned(3)]},
]  # fmt: skip


def test_values_are_the_same_as_themselves_only() -> None:
    for place, one in enumerate(DIFFERENT):
        for other_place, other in enumerate(DIFFERENT):
            assert same(one, other) is (place == other_place), (one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("words " * 2000, "words " * 2000),
        (10**20, 10**20 + 0),
        (0.0, -0.0),
        ({"a": 1, "b": [2.0]}, {"b": [2.0], "a": 1}),
        ([{"a": [10**20, {}]}, []], [{"a": [10**20, {}]}, []]),
        (Pinned({"a": [1]}), Pinned({"a": [1]})),
        (nan, nan),
        ([nan, {"a": nan}], [nan, {"a": nan}]),
    ],
)
def test_values_are_the_same_however_they_are_made(one: Any, other: Any) -> None:
    assert same(one, other) is True


def test_no_depth_is_too_deep() -> None:
    def nested(value: Any) -> Any:
        for _ in range(10_000):
            value = {"a": [value]}
        return value

    assert same(nested(1), nested(1))
    assert not same(nested(1), nested(1.0))
