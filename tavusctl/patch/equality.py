"""Strict equality of JSON values: True is not 1, 1 is not 1.0, the order of keys means nothing."""

from __future__ import annotations

from msgspec import Struct

from tavusctl.lib.json_types import Json


class Pinned(Struct, frozen=True):
    """A value that may be compared and never written: no operation carries it."""

    value: Json


_NESTING = (dict, list, Pinned)


def same(first: Json, second: Json) -> bool:
    """Whether two values are equal, kind of number included; nesting may be as deep as memory allows."""
    if first is second:
        return True
    kind = type(first)
    if kind in _NESTING:
        return _same_inside(first, second)
    return kind is type(second) and bool(first == second)


def _same_inside(first: Json, second: Json) -> bool:
    waiting = [(first, second)]
    while waiting:
        one, other = waiting.pop()
        if one is other:
            continue
        if type(one) is str:  # as most are
            if type(other) is not str or one != other:
                return False
        elif type(one) is dict and type(other) is dict:
            if one.keys() != other.keys():
                return False
            waiting += [(value, other[key]) for key, value in one.items()]
        elif type(one) is list and type(other) is list and len(one) == len(other):
            waiting += zip(one, other, strict=True)
        elif type(one) is Pinned and type(other) is Pinned:
            waiting.append((one.value, other.value))
        elif type(one) is not type(other) or one != other:
            return False
    return True
