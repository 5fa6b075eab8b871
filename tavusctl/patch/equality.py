"""Strict equality of JSON values: True is not 1, 1 is not 1.0, the order of keys is ignored."""

from __future__ import annotations

from msgspec import Struct

from tavusctl.lib.json_types import Json


class Pinned(Struct, frozen=True):
    """A value that may be compared but never written: no operation contains it."""

    value: Json


_NESTING = (dict, list, Pinned)


def same(first: Json, second: Json) -> bool:
    """Whether two values are equal, the types of numbers included.  Does not recurse, so any depth is accepted."""
    if first is second:
        return True
    kind = type(first)
    if kind in _NESTING:
        return _same_inside(first, second)
    return kind is type(second) and bool(first == second)


def _same_inside(first: Json, second: Json) -> bool:
    pending = [(first, second)]
    while pending:
        left, right = pending.pop()
        if left is right:
            continue
        if type(left) is str:  # most values are strings, so they come first
            if type(right) is not str or left != right:
                return False
        elif type(left) is dict and type(right) is dict:
            if left.keys() != right.keys():
                return False
            pending += [(value, right[key]) for key, value in left.items()]
        elif type(left) is list and type(right) is list and len(left) == len(right):
            pending += zip(left, right, strict=True)
        elif type(left) is Pinned and type(right) is Pinned:
            pending.append((left.value, right.value))
        elif type(left) is not type(right) or left != right:
            return False
    return True
