"""Pairs of growing size: long arrays, deep nesting, long texts, and documents of 1 MB with nothing in common."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

from bench.patch.pairs import row

Growing = tuple[str, Any, Any]


def growing() -> Iterator[Growing]:
    """The name and the documents of every measured point."""
    for size in (10, 100, 1_000, 10_000):
        for name, make in (("objects", objects), ("numbers", numbers), ("texts", texts)):
            before = make(size)
            yield f"{size:,} {name}, 5 edits", before, five_edits(before)
            yield f"{size:,} {name}, every tenth edited", before, every_tenth(before)
    objects_before = objects(300)
    yield "300 objects, all edited", objects_before, [{**item, "on": None} for item in objects_before]
    for depth in (16, 64, 256):
        yield f"nested {depth} deep", nested(depth, "a"), nested(depth, "b")
    text = " ".join(map(str, range(18_000)))
    yield "text of 100 KB", {"text": text, "a": 1}, {"text": f"{text}!", "a": 1}
    yield "10 texts of 100 KB", [f"{n}{text}" for n in range(10)], [f"{n}{text}" for n in range(1, 11)]


def unrelated() -> Iterator[Growing]:
    """The name and the documents of pairs of 1 MB that have only their shape in common."""
    for name, make in (("objects", objects), ("numbers", numbers), ("texts", texts)):
        yield f"1 MB of other {name}", make(MEGABYTE[name], seed=1), make(MEGABYTE[name], seed=2)
    yield "1 MB of another tree", tree(random.Random(1), 4), tree(random.Random(2), 4)


MEGABYTE = {"objects": 14_000, "numbers": 120_000, "texts": 60_000}


def objects(size: int, seed: int = 0) -> list[Any]:
    """An array of objects."""
    dice = random.Random(seed)
    return [row(place + seed * size, dice) for place in range(size)]


def numbers(size: int, seed: int = 0) -> list[Any]:
    """An array of numbers, many of which occur several times."""
    dice = random.Random(seed)
    return [dice.randrange(1000) + seed * 1000 for _ in range(size)]


def texts(size: int, seed: int = 0) -> list[Any]:
    """An array of different texts."""
    return [f"text {seed} {place}" for place in range(size)]


def five_edits(before: list[Any]) -> list[Any]:
    """An array with two items removed, two inserted and one edited, all over its length."""
    after = copy.deepcopy(before)
    size = len(before)
    after.insert(size * 9 // 10, "new")
    del after[size * 7 // 10]
    after[size // 2] = {**after[size // 2], "text": "edited"} if isinstance(after[size // 2], dict) else "edited"
    after.insert(size // 3, "newer")
    del after[size // 10]
    return after


def every_tenth(before: list[Any]) -> list[Any]:
    """An array with every tenth item edited."""
    return [
        ({**item, "on": None} if isinstance(item, dict) else "edited") if place % 10 == 5 else item
        for place, item in enumerate(copy.deepcopy(before))
    ]


def nested(depth: int, leaf: str) -> Any:
    """A leaf inside so many alternating objects and arrays."""
    value: Any = leaf
    for level in range(depth):
        value = [value, level] if level % 2 else {"inner": value, "level": level}
    return value


def tree(dice: random.Random, depth: int) -> Any:
    """A wide document with random keys."""
    if depth == 0:
        return f"leaf {dice.randrange(10**9)}"
    inner: Callable[[], Any] = lambda: tree(dice, depth - 1)  # noqa: E731
    if depth % 2:
        return {f"key {dice.randrange(20)}": inner() for _ in range(16)}
    return [inner() for _ in range(12)]
