"""The differ for documents nested too deep for the other: right patches, pins kept, no search."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tavusctl.patch import Pinned, apply, same
from tavusctl.patch.edit_script import operations
from tavusctl.patch.fallback import change
from tests.laws.patches import grown


def patch(before: Any, after: Any) -> list[dict[str, Any]]:
    cost, plan = change(before, after)
    assert cost == 1
    return operations(plan)


@given(st.integers(0, 2**62).map(grown))
def test_a_coarse_patch_leads_from_before_to_after(pair: tuple[Any, Any]) -> None:
    before, after = pair

    assert same(apply(before, patch(before, after)), after)


def add(path: str, value: Any) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}


def remove(path: str) -> dict[str, Any]:
    return {"op": "remove", "path": path}


def replace(path: str, value: Any) -> dict[str, Any]:
    return {"op": "replace", "path": path, "value": value}


PATCHES: list[tuple[Any, Any, list[dict[str, Any]]]] = [
    ({"a": [1]}, {"a": [1]}, []),
    (1, True, [replace("", True)]),
    ([], {}, [replace("", {})]),
    ({"c": 1, "b": 1}, {"b": 2, "c": 2}, [replace("/b", 2), replace("/c", 2)]),
    (dict.fromkeys("qwertzuiop"), {}, [remove(f"/{key}") for key in "eiopqrtuwz"]),
    ({"k": 0}, dict.fromkeys("qwertzuiop"), [remove("/k"), *(add(f"/{key}", None) for key in "eiopqrtuwz")]),
    ([0, 1, 2, 3], [0, 3], [remove("/1"), remove("/1")]),
    ([0, 3], [0, 1, 2, 3], [add("/1", 2), add("/1", 1)]),
    ([0, 1], [0, 1, 2], [add("/2", 2)]),
    ([0, 1, 2], [0, 1], [remove("/2")]),
    ([[0], 1, [2]], [[3], 1, [4]], [replace("/2/0", 4), replace("/0/0", 3)]),
    ([5, [0]], [[1]], [remove("/0"), replace("/0/0", 1)]),
    ([[0]], [5, [1]], [add("/0", 5), replace("/1/0", 1)]),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "expected"), PATCHES)
def test_members_go_by_key_and_items_by_position_behind_the_common_start(
    before: Any, after: Any, expected: list[dict[str, Any]]
) -> None:
    assert patch(before, after) == expected


PIN, OTHER = Pinned("********"), Pinned("other")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"k": PIN}, {"k": OTHER}),
        ({}, {"k": PIN}),
        ([], [PIN]),
        ([1, 2], [1, {"x": [2, {"y": PIN}]}, 2]),
        ({"k": 1}, {"k": {"x": [PIN]}}),
        (1, [[{"x": PIN}]]),
    ],
)
def test_a_pinned_value_is_not_written(before: Any, after: Any) -> None:
    assert change(before, after)[0] == inf


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"k": PIN, "n": 1}, {"k": PIN, "n": 2}),
        ([PIN, 1], [PIN, 2]),
        ({"k": [{"x": PIN}]}, {}),
        ([PIN], []),
        ({"k": PIN}, {"k": "text"}),
    ],
)
def test_a_pinned_value_may_stay_and_go(before: Any, after: Any) -> None:
    assert same(apply(before, patch(before, after)), after)
