"""What an operation costs: its bytes as compact JSON with a comma to the next, and the leaves it touches."""

from __future__ import annotations

from typing import Final

# Leaves weigh this many bytes each, written or removed.
WEIGHT: Final = 20

# `at` is always the bytes of the operation's pointer.
ADD: Final = len('{"op":"add","path":"","value":},')
REMOVE: Final = len('{"op":"remove","path":""},')
REPLACE: Final = len('{"op":"replace","path":"","value":},')
MOVE: Final = len('{"op":"move","from":"","path":""},')

# What a value that may not be written costs beside others: more than any patch, and finite, so that what else a way
# costs still counts.
UNWRITABLE: Final = 1e15


def least_operation(at: int, *, moving: bool) -> int:
    """The least that any operation at or below a pointer can cost: a remove of one leaf, or a move of a value."""
    remove = REMOVE + at + WEIGHT
    return min(remove, MOVE + 2 * at) if moving else remove


def digits(index: int) -> int:
    """The bytes of an array index."""
    return 1 if index < 10 else len(str(index))  # noqa: PLR2004 - the first number of two digits
