"""What an operation costs: its bytes as compact JSON with a comma to the next, and the leaves it touches."""

from __future__ import annotations

from typing import Final

# Leaves weigh this many bytes each, written or removed.
WEIGHT: Final = 20

# `at` is always the bytes of the operation's pointer.
ADD: Final = len('{"op":"add","path":"","value":},')
REMOVE: Final = len('{"op":"remove","path":""},')
REPLACE: Final = len('{"op":"replace","path":"","value":},')


def digits(index: int) -> int:
    """The bytes of an array index."""
    return 1 if index < 10 else len(str(index))  # noqa: PLR2004 - the first number of two digits
