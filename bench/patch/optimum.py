"""The least cost of any patch between two small documents, proved by search through all documents on the way."""

from __future__ import annotations

import copy
import json
import math
from collections import Counter
from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import product
from typing import Any

from bench.patch.measure import WEIGHT, compact, exact, leaves, step

# The shortest operation that can be: {"op":"remove","path":"/"} and a comma.
SHORTEST = 27


class TooLargeError(Exception):
    """The search took more operations than it may."""


def least_cost(before: Any, after: Any, *, known: int, patience: int = 30_000) -> int:
    """The least cost (bytes without brackets, a comma after every operation, and weighted leaves) up to a known one.

    Values written are parts of `after`, whole or with parts left out: others would have to be written twice.  After
    `patience` operations have been tried, TooLargeError.
    """
    if sum(map(how_many_prunings, parts(after))) > patience:
        raise TooLargeError
    values = list({exact(value): value for part in parts(after) for value in prunings(part)}.values())
    tried = 0
    target, goal = leaf_counts(after), exact(after)
    best = {exact(before): 0}
    heap = [(ahead(before, target, goal), 0, exact(before))]
    closed: set[str] = set()
    while heap:
        bound, cost, text = heappop(heap)
        if bound >= known:
            return known
        if text == goal:
            return cost
        if text in closed:
            continue
        closed.add(text)
        document = json.loads(text)
        for operation in operations(document, values):
            tried += 1
            if tried > patience:
                raise TooLargeError
            found, old, new = step(copy.deepcopy(document), operation)
            reached = exact(found)
            total = cost + len(compact(operation).encode()) + 1 + WEIGHT * (len(old) + len(new))
            bound = total + ahead(found, target, goal)
            if bound < known and total < best.get(reached, known):
                best[reached] = total
                heappush(heap, (bound, total, reached))
    return known


def ahead(document: Any, target: Counter[str], goal: str) -> int:
    """A lower bound: leaves that must go or come, one operation at least."""
    if exact(document) == goal:
        return 0
    counts = leaf_counts(document)
    come, gone = target - counts, counts - target
    return SHORTEST + sum((len(leaf) + WEIGHT) * n for leaf, n in come.items()) + WEIGHT * gone.total()


def leaf_counts(value: Any) -> Counter[str]:
    """How often each leaf occurs; empty containers come and go by themselves and are left out."""
    return Counter(leaf for leaf in leaves(value).values() if leaf not in ("{}", "[]"))


def parts(value: Any) -> Iterator[Any]:
    """A value and everything in it."""
    yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from parts(inner)


def how_many_prunings(value: Any) -> int:
    """How many there are: of a document of a hundred members, more than any memory holds."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return math.prod(1 + how_many_prunings(one) for one in inner)


def prunings(value: Any) -> Iterator[Any]:
    """A value with every choice of members and items left out."""
    if isinstance(value, dict):
        for chosen in product(*([None, *([one] for one in prunings(inner))] for inner in value.values())):
            yield {key: one[0] for key, one in zip(value, chosen, strict=True) if one is not None}
    elif isinstance(value, list):
        for chosen in product(*([None, *([one] for one in prunings(inner))] for inner in value)):
            yield [one[0] for one in chosen if one is not None]
    else:
        yield value


def operations(document: Any, values: list[Any]) -> Iterator[dict[str, Any]]:
    """Every operation worth trying on a document."""
    for pointer in pointers(document, ""):
        if pointer:
            yield {"op": "remove", "path": pointer}
        yield from ({"op": "replace", "path": pointer, "value": value} for value in values)
    for pointer in openings(document, "", values):
        yield from ({"op": "add", "path": pointer, "value": value} for value in values)


def pointers(value: Any, path: str) -> Iterator[str]:
    """Every pointer into a value."""
    yield path
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield from pointers(inner, f"{path}/{segment(key)}")


def openings(value: Any, path: str, values: list[Any]) -> Iterator[str]:
    """Every pointer at which something can be added without overwriting."""
    if isinstance(value, dict):
        known = {key for one in values if isinstance(one, dict) for key in one}
        yield from (f"{path}/{segment(key)}" for key in sorted(known - value.keys()))
        for key, inner in value.items():
            yield from openings(inner, f"{path}/{segment(key)}", values)
    elif isinstance(value, list):
        yield from (f"{path}/{number}" for number in range(len(value) + 1))
        for number, inner in enumerate(value):
            yield from openings(inner, f"{path}/{number}", values)


def segment(key: str | int) -> str:
    """A key inside a pointer."""
    return str(key).replace("~", "~0").replace("/", "~1")
