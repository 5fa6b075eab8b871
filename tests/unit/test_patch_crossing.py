"""A remove and an add joined into a move, among any other operations: the same document comes out."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from tavusctl.patch import Pinned, apply, diff, same
from tavusctl.patch.crossing import join_moves
from tavusctl.patch.ledger import Ledger
from tavusctl.patch.script import Operation, spell
from tests.golden.patches import below

VALUES: list[Any] = [["a", "b"], {"x": "c"}, "d", "e"]
Path = tuple[str | int, ...]


def places(document: Any, path: Path = ()) -> list[tuple[Path, Any]]:
    """Every container and where it is."""
    members = document.items() if isinstance(document, dict) else enumerate(document)
    inner = [found for key, one in members if isinstance(one, dict | list) for found in places(one, (*path, key))]
    return [(path, document), *inner]


def step(chance: Random, document: Any) -> Operation | None:
    """An operation that can be carried out."""
    path, held = places(document)[below(chance, len(places(document)))]
    keys: list[str | int] = list(held) if isinstance(held, dict) else list(range(len(held)))
    new = f"k{below(chance, 3)}" if isinstance(held, dict) else below(chance, len(held) + 1)
    value = VALUES[below(chance, len(VALUES))]
    how = below(chance, 7)
    if how < 3:
        return None if new in keys and isinstance(new, str) else Operation("add", (*path, new), value)
    if not keys:
        return None
    key = keys[below(chance, len(keys))]
    if how < 5:
        return Operation("remove", (*path, key), held[key])
    if how < 6:
        return Operation("replace", (*path, key), value)
    if isinstance(held, dict):
        return None if new in keys else Operation("move", (*path, new), source=(*path, key))
    return Operation("move", (*path, below(chance, len(held))), source=(*path, key))


def script(seed: int) -> tuple[Any, Any, list[Operation]]:
    """A document, what becomes of it, and the operations."""
    chance = Random(f"crossing {seed}")
    before: Any = {"a": [["a", "b"], "d", {"x": "c"}], "b": [{"x": "c"}, ["d"]], "c": {"k0": "e", "k1": ["a", "b"]}}
    after, steps = before, list[Operation]()
    while len(steps) < 2 + seed % 4:
        found = step(chance, after)
        if found is not None:
            after = apply(after, [spell(found)])
            steps.append(found)
    return before, after, steps


JOINS = [42, 35, 38, 30, 44]  # in five hundred scripts each


@pytest.mark.parametrize("part", range(5))
def test_joined_operations_lead_to_the_same_document(part: int) -> None:
    moves = 0
    for seed in range(500 * part, 500 * (part + 1)):
        before, after, steps = script(seed)
        joined = join_moves(list(steps), Ledger())
        assert same(apply(before, [spell(one) for one in joined]), after), seed
        assert len(steps) - len(joined) == count(joined, "move") - count(steps, "move"), seed
        moves += len(steps) - len(joined)
    assert moves == JOINS[part]


@pytest.mark.parametrize(("length", "joined"), [(499, 1), (500, 1), (501, 0)])
def test_only_patches_of_some_length_are_joined(length: int, joined: int) -> None:
    between = [Operation("replace", ("x", place), "new") for place in range(length - 2)]
    steps = [Operation("remove", ("a",), "words"), *between, Operation("add", ("b",), "words")]

    assert len(join_moves(steps, Ledger())) == length - joined


def test_a_value_is_taken_from_behind_what_was_put_in_front_of_it() -> None:
    steps = [
        Operation("add", ("b",), "words"),
        Operation("add", ("a", 1), "new"),
        Operation("remove", ("a", 2), "words"),
    ]

    assert [spell(one) for one in join_moves(steps, Ledger())] == [
        {"op": "move", "from": "/a/1", "path": "/b"},
        {"op": "add", "path": "/a/1", "value": "new"},
    ]


def count(steps: list[Operation], op: str) -> int:
    return sum(one.op == op for one in steps)


def test_a_pinned_value_is_never_written() -> None:
    with pytest.raises(ValueError, match=r"^a pinned value would have to be written$"):
        diff({"k": Pinned(1)}, {"k": Pinned(2)})
    assert diff({"k": Pinned(1)}, {"k": Pinned(1)}) == []


@pytest.mark.parametrize("hidden", [[Pinned(2)], {"x": [1, {"y": Pinned(2)}]}])
def test_a_pinned_value_is_never_written_however_deep(hidden: Any) -> None:
    with pytest.raises(ValueError, match=r"^a pinned value would have to be written$"):
        diff(deep({"k": 1}), deep({"k": hidden}))
    (longer,) = diff(deep([1, 3]), deep([1, 2, 3]))
    assert (longer["op"], longer["path"][-2:], longer["value"]) == ("add", "/1", 2)
    (shorter,) = diff(deep([1, 2, 3, 4]), deep([1, 3, 4]))
    assert (shorter["op"], shorter["path"][-2:]) == ("remove", "/1")


def deep(value: Any) -> Any:
    for _ in range(900):
        value = [value]
    return value


LARGE = [letter * 300 for letter in "abcdefgh"]
CORNERS: dict[str, tuple[Any, Any, int]] = {
    "turned round": (LARGE[:4], LARGE[3::-1], 3),
    "no name": ([{"name": "a"}, "text", {"other": 1}, {"name": 5}], [{"other": 1}, {"name": "a"}, "text", 7], 3),
    "nothing occurs once": (["a", "b"] * 20, ["b", "a", "a"] * 15, 15),
    "all new around one": (
        [*({"n": place} for place in range(14)), LARGE[0]], [LARGE[0], *(f"text {place}" for place in range(14))], 28,
    ),
    "parts in common": (
        [{"in": {"one": f"x{place}", "two": f"y{place}"}, "k": place} for place in range(40)],
        [{"in": {"one": f"x{place}", "two": f"y{place + 1}"}, "m": -place} for place in range(1, 40)],
        100,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CORNERS)
def test_arrays_of_odd_shapes(name: str) -> None:
    before, after, many = CORNERS[name]
    for allowed in ({"add", "remove", "replace"}, {"add", "remove", "replace", "move"}):
        patch = diff({"x": before}, {"x": after}, keyed_by={"/x": "name"}, allowed=allowed)
        assert same(apply({"x": before}, patch), {"x": after})
        assert len(patch) <= (many if "move" in allowed else 100)


def test_the_items_of_a_long_list_are_known_by_name() -> None:
    before = [{"name": f"n{place}", "text": f"text {place % 3}"} for place in range(45)]
    after = [one if place % 5 else {**one, "text": "edited"} for place, one in enumerate(before) if place != 21]
    patch = diff({"x": before}, {"x": after}, keyed_by={"/x": "name"})
    assert apply({"x": before}, patch) == {"x": after}
    assert [one["path"] for one in patch if one["op"] == "remove"] == ["/x/21"]
    assert len(patch) == 1 + 9
