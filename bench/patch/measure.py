"""The cost and the correctness of a patch, measured independently of the code under test."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jsonpatch

WEIGHT = 20
OPERATIONS = ("add", "remove", "replace")
Operation = dict[str, Any]


@dataclass(frozen=True)
class Measure:
    """The figures of one patch for one pair."""

    wrong: str  # why the patch is wrong; empty: it is correct
    operations: int = 0
    size: int = 0  # bytes as compact UTF-8 JSON
    touched: int = 0  # the number of leaves written or removed
    lost: int = 0  # the number of leaves among them that were written again with the same value

    @property
    def cost(self) -> int:
        """The cost that the differ minimises, except for the constant of two brackets."""
        return self.size + WEIGHT * self.touched


def measure(before: Any, after: Any, patch: list[Operation]) -> Measure:
    """Replay a patch step by step, then as a whole by the jsonpatch package; return its figures."""
    document = copy.deepcopy(before)
    touched = lost = 0
    for operation in patch:
        if operation["op"] not in OPERATIONS:
            return Measure(f"uses {operation['op']}")
        try:
            document, old, new = step(document, operation)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            return Measure(f"does not apply: {error!r}")
        touched += len(old) + len(new)
        lost += len(old.items() & new.items())
    if exact(document) != exact(after):
        return Measure("leads elsewhere")
    if exact(jsonpatch.apply_patch(copy.deepcopy(before), patch)) != exact(after):
        return Measure("leads elsewhere by the jsonpatch package")
    return Measure("", len(patch), len(compact(patch).encode("utf-8", "surrogatepass")), touched, lost)


def step(document: Any, operation: Operation) -> tuple[Any, dict[str, str], dict[str, str]]:
    """Apply an operation in place; return the document, and the leaves removed and written, by pointer."""
    holder = {"": document}
    value = operation.get("value")
    match operation["op"]:
        case "add":
            put(holder, operation["path"], value)
            return holder[""], {}, leaves(value)
        case "remove":
            return holder[""], leaves(take(holder, operation["path"])), {}
        case "replace" if operation["path"] == "":
            return copy.deepcopy(value), leaves(document), leaves(value)
        case "replace":
            container, key = place(holder, operation["path"])
            old = container[key]
            container[key] = copy.deepcopy(value)
            return holder[""], leaves(old), leaves(value)
    raise ValueError(operation["op"])


def put(holder: Any, pointer: str, value: Any) -> None:
    """Add a value; ValueError if a member with this key exists."""
    container, key = place(holder, pointer, adding=True)
    value = copy.deepcopy(value)
    if isinstance(container, list):
        container.insert(key, value)
    elif key in container:
        message = f"overwrites {pointer}"
        raise ValueError(message)
    else:
        container[key] = value


def take(holder: Any, pointer: str) -> Any:
    """Remove a value from its container, and return it."""
    container, key = place(holder, pointer)
    if container is holder:
        message = "the root cannot be removed"
        raise ValueError(message)
    return container.pop(key)


def place(holder: Any, pointer: str, *, adding: bool = False) -> tuple[Any, Any]:
    """The container in which the value at a pointer is, and its key or index there."""
    *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")]
    container: Any = holder
    for part in parents:
        container = container[key_in(container, part)]
    key = len(container) if adding and last == "-" and isinstance(container, list) else key_in(container, last)
    if isinstance(container, list) and not 0 <= key <= len(container) - (not adding):
        raise IndexError(pointer)
    if isinstance(container, dict) and not adding and key not in container:
        raise KeyError(pointer)
    return container, key


def key_in(container: Any, part: str) -> Any:
    """A segment of a pointer as a key or an index of this container."""
    if isinstance(container, dict):
        return part
    if isinstance(container, list) and (part == "0" or (part.isascii() and part.isdigit() and part[0] != "0")):
        return int(part)
    raise ValueError(part)


def leaves(value: Any) -> dict[str, str]:
    """The leaves of a value by pointer, as exact text; an empty container is one leaf."""
    return dict(walk(value, ""))


def walk(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """The leaves of a value as pairs of pointer and exact text."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from walk(inner, f"{path}/{key.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list) and value:
        for number, inner in enumerate(value):
            yield from walk(inner, f"{path}/{number}")
    else:
        yield path, exact(value)


def exact(value: Any) -> str:
    """A text that is the same only for values that are strictly equal."""
    return json.dumps(value, sort_keys=True)


def compact(value: Any) -> str:
    """A value as JSON without white space."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
