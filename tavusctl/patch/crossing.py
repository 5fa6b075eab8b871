"""Moves from one container to another: a value removed here and added there is brought over.

A remove is carried past the operations between it and the add, shifting indices on both sides, until the two stand
side by side and are one move.  Where it cannot be carried past, the two stay as they are.
"""

from __future__ import annotations

from tavusctl.patch.ledger import Ledger
from tavusctl.patch.matching import pair_equals
from tavusctl.patch.script import Operation, Path

# Carrying is quadratic in the operations; longer patches are left as they are.
MOST_OPERATIONS = 500

Swapped = tuple[Operation, Operation]


def join_moves(operations: list[Operation], ledger: Ledger) -> list[Operation]:
    """The operations with every remove and add of equal values made one move, where that can be."""
    removes = [(n, ledger.of(one.value).number) for n, one in enumerate(operations) if one.op == "remove"]
    adds = [(n, ledger.of(one.value).number) for n, one in enumerate(operations) if one.op == "add"]
    if len(operations) > MOST_OPERATIONS:
        return operations
    entries: list[tuple[int, Operation]] = list(enumerate(operations))
    for remove, add in pair_equals(removes, adds):
        entries = _join(entries, remove, add) or entries
    return [operation for _, operation in entries]


def _join(entries: list[tuple[int, Operation]], remove: int, add: int) -> list[tuple[int, Operation]] | None:
    """The numbered operations with one remove and one add joined; None when something is in the way."""
    entries = entries.copy()
    names = [name for name, _ in entries]
    at, goal = names.index(remove), names.index(add)
    while at + 1 < goal:
        swapped = _carry_later(entries[at][1], entries[at + 1][1])
        if swapped is None:
            return None
        entries[at], entries[at + 1] = (entries[at + 1][0], swapped[0]), (remove, swapped[1])
        at += 1
    while at > goal:
        swapped = _carry_earlier(entries[at - 1][1], entries[at][1])
        if swapped is None:
            return None
        entries[at - 1], entries[at] = (remove, swapped[0]), (entries[at - 1][0], swapped[1])
        at -= 1
    source, target = entries[at][1].path, entries[at + 1][1].path
    if target[: len(source)] == source:
        return None  # RFC 6902 forbids a move to below where it starts, even if that is another value by then
    entries[at : at + 2] = [(add, Operation("move", target, source=source))]
    return entries


def _carry_later(remove: Operation, other: Operation) -> Swapped | None:
    """`remove` then `other`, as an `other` then a `remove` that do the same."""
    if other.op == "move":
        return _carry_past_move(remove, other, later=True)
    path = _before(other.path, remove)
    place = _after(remove.path, other._replace(path=path)) if path is not None else None
    if path is None or place is None:
        return None
    return other._replace(path=path), remove._replace(path=place)


def _carry_earlier(other: Operation, remove: Operation) -> Swapped | None:
    """`other` then `remove`, as a `remove` then an `other` that do the same."""
    if other.op == "move":
        return _carry_past_move(remove, other, later=False)
    place = _before(remove.path, other)
    if place is None:
        return None
    carried = remove._replace(path=place)
    if other.path == place:
        return carried, other  # it was inserted in front of what goes
    path = _after(other.path, carried)
    return None if path is None else (carried, other._replace(path=path))


def _carry_past_move(remove: Operation, move: Operation, *, later: bool) -> Swapped | None:
    """As the two others, past a move, which is a remove and an add."""
    parts = [Operation("remove", move.source), Operation("add", move.path)]
    for at in (0, 1) if later else (1, 0):
        swapped = _carry_later(remove, parts[at]) if later else _carry_earlier(parts[at], remove)
        if swapped is None:
            return None
        parts[at], remove = swapped if later else swapped[::-1]
    moved = move._replace(source=parts[0].path, path=parts[1].path)
    return (moved, remove) if later else (remove, moved)


def _after(path: Path, operation: Operation) -> Path | None:
    """A path as it is once an operation is done; None when the operation is at or above what it names."""
    return _shifted(path, operation, 1 if operation.op == "add" else -1, adds=operation.op == "add")


def _before(path: Path, operation: Operation) -> Path | None:
    """A path as it was before an operation; None when the operation made what it names, or took its place."""
    return _shifted(path, operation, -1 if operation.op == "add" else 1, adds=operation.op == "remove")


def _shifted(path: Path, operation: Operation, shift: int, *, adds: bool) -> Path | None:
    depth = len(operation.path) - 1
    if path[:depth] != operation.path[:depth] or len(path) <= depth:
        return path
    here, index = path[depth], operation.path[depth]
    if isinstance(index, int) and isinstance(here, int) and operation.op != "replace":
        if here == index and not adds:
            return None
        return (*path[:depth], here + shift, *path[depth + 1 :]) if here >= index else path
    return None if here == index else path
