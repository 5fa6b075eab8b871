"""The least cost of any patch between two small documents, proved by a search over intermediate documents."""

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

# The bytes of the shortest possible operation: {"op":"remove","path":"/"} and a comma.
SHORTEST = 27


class TooLargeError(Exception):
    """The search has exceeded its limit of operations."""


def least_cost(before: Any, after: Any, *, known: int, patience: int = 30_000) -> int:
    """The least cost: bytes without brackets, a comma after every operation, and weighted leaves; at most `known`.

    Only parts of `after`, whole or with some members left out, are tried as values: other values would have to be
    written twice.  TooLargeError after `patience` operations.
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
            next_document, old, new = step(copy.deepcopy(document), operation)
            next_text = exact(next_document)
            total = cost + len(compact(operation).encode()) + 1 + WEIGHT * (len(old) + len(new))
            bound = total + ahead(next_document, target, goal)
            if bound < known and total < best.get(next_text, known):
                best[next_text] = total
                heappush(heap, (bound, total, next_text))
    return known


def ahead(document: Any, target: Counter[str], goal: str) -> int:
    """A lower bound of the remaining cost: the leaves to be added and removed, and at least one operation."""
    if exact(document) == goal:
        return 0
    counts = leaf_counts(document)
    added, removed = target - counts, counts - target
    return SHORTEST + sum((len(leaf) + WEIGHT) * n for leaf, n in added.items()) + WEIGHT * removed.total()


def leaf_counts(value: Any) -> Counter[str]:
    """The number of times that each leaf occurs; empty containers, which appear as side effects, are left out."""
    return Counter(leaf for leaf in leaves(value).values() if leaf not in ("{}", "[]"))


def parts(value: Any) -> Iterator[Any]:
    """A value and every value inside it."""
    yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from parts(inner)


def how_many_prunings(value: Any) -> int:
    """The number of prunings of a value; too many to list for a document with a hundred members."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return math.prod(1 + how_many_prunings(item) for item in inner)


def prunings(value: Any) -> Iterator[Any]:
    """A value with every subset of its members and items left out."""
    if isinstance(value, dict):
        for chosen in product(*([None, *([pruned] for pruned in prunings(inner))] for inner in value.values())):
            yield {key: boxed[0] for key, boxed in zip(value, chosen, strict=True) if boxed is not None}
    elif isinstance(value, list):
        for chosen in product(*([None, *([pruned] for pruned in prunings(inner))] for inner in value)):
            yield [boxed[0] for boxed in chosen if boxed is not None]
    else:
        yield value


def operations(document: Any, values: list[Any]) -> Iterator[dict[str, Any]]:
    """Every operation on a document that could lead to an optimum."""
    for pointer in pointers(document, ""):
        if pointer:
            yield {"op": "remove", "path": pointer}
        yield from ({"op": "replace", "path": pointer, "value": value} for value in values)
    for pointer in openings(document, "", values):
        yield from ({"op": "add", "path": pointer, "value": value} for value in values)


def pointers(value: Any, path: str) -> Iterator[str]:
    """The pointers of a value and of every value inside it."""
    yield path
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield from pointers(inner, f"{path}/{segment(key)}")


def openings(value: Any, path: str, values: list[Any]) -> Iterator[str]:
    """Every pointer at which a value can be added without overwriting another."""
    if isinstance(value, dict):
        keys = {key for item in values if isinstance(item, dict) for key in item}
        yield from (f"{path}/{segment(key)}" for key in sorted(keys - value.keys()))
        for key, inner in value.items():
            yield from openings(inner, f"{path}/{segment(key)}", values)
    elif isinstance(value, list):
        yield from (f"{path}/{number}" for number in range(len(value) + 1))
        for number, inner in enumerate(value):
            yield from openings(inner, f"{path}/{number}", values)


def segment(key: str | int) -> str:
    """A key as an escaped segment of a pointer."""
    return str(key).replace("~", "~0").replace("/", "~1")
