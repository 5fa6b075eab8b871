"""The cost of an operation: its bytes as compact JSON, the comma to the next included, and the leaves it touches."""

from __future__ import annotations

from typing import Final

# The cost of each leaf that is written or removed, in bytes.
WEIGHT: Final = 20

# Each of these lacks the bytes of the pointer (`pointer_size` in other modules), and those of the value.
ADD: Final = len('{"op":"add","path":"","value":},')
REMOVE: Final = len('{"op":"remove","path":""},')
REPLACE: Final = len('{"op":"replace","path":"","value":},')


def digits(index: int) -> int:
    """The bytes of an array index."""
    return 1 if index < 10 else len(str(index))  # noqa: PLR2004 - the first number of two digits
