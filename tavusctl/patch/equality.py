"""Strict equality of JSON values: True is not 1, 1 is not 1.0, the order of keys means nothing."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class Pinned(Struct, frozen=True):
    """A value that may be compared and never written: no operation carries it."""

    value: Any


_NESTING = (dict, list, Pinned)


def same(first: Any, second: Any) -> bool:
    """Whether two values are equal, kind of number included; nesting may be as deep as memory allows."""
    if first is second:
        return True
    kind = type(first)
    if kind in _NESTING:
        return _same_inside(first, second)
    return kind is type(second) and bool(first == second)


def _same_inside(first: Any, second: Any) -> bool:
    waiting = [(first, second)]
    while waiting:
        one, other = waiting.pop()
        if one is other:
            continue
        kind = type(one)
        if kind is not type(other):
            return False
        if kind is dict:
            if one.keys() != other.keys():
                return False
            waiting += [(value, other[key]) for key, value in one.items()]
        elif kind is list:
            if len(one) != len(other):
                return False
            waiting += zip(one, other, strict=True)
        elif kind is Pinned:
            waiting.append((one.value, other.value))
        elif one != other:
            return False
    return True
