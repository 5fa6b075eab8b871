"""A plain differ without search or recursion, for documents nested too deep for the other.

Members go by key and items by position behind the common start: correct, and far from the smallest patch.
"""

from __future__ import annotations

from math import inf

from tavusctl.lib.json_types import Json, JsonObject
from tavusctl.patch.edit_script import Descend, Insert, Plan, Remove, Replace, Steps
from tavusctl.patch.equality import Pinned, same

Priced = tuple[float, Plan | None]
_Pair = tuple[Json, Json, str | int, Steps]


def change(before: Json, after: Json) -> Priced:
    """Some plan from one value to another; its cost is infinite when there is none, and otherwise says nothing."""
    top: Steps = []
    waiting: list[_Pair] = [(before, after, "", top)]
    written: list[Json] = []
    while waiting:
        old, new, at, steps = waiting.pop()
        inner: Steps = []
        plan: Plan = Descend(inner)
        if type(old) is dict and type(new) is dict:
            waiting += _members(old, new, inner, written)
        elif type(old) is list and type(new) is list:
            waiting += _items(old, new, inner, written)
        elif not same(old, new):
            written.append(new)
            plan = Replace(new)
        steps.append((at, plan))
    return inf if any(map(_holds_pinned, written)) else 1, top[0][1]


def _members(old: JsonObject, new: JsonObject, steps: Steps, written: list[Json]) -> list[_Pair]:
    steps += [(key, Remove()) for key in sorted(old.keys() - new.keys())]
    added = sorted(new.keys() - old.keys())
    written += [new[key] for key in added]
    steps += [(key, Insert(new[key])) for key in added]
    return [(old[key], new[key], key, steps) for key in sorted(old.keys() & new.keys(), reverse=True)]


def _items(old: list[Json], new: list[Json], steps: Steps, written: list[Json]) -> list[_Pair]:
    start, shorter = 0, min(len(old), len(new))
    while len(old) != len(new) and start < shorter and same(old[start], new[start]):
        start += 1
    gone, come = len(old) - shorter, len(new) - shorter
    steps += [(start, Remove())] * gone
    written += new[start : start + come]
    steps += [(start, Insert(value)) for value in reversed(new[start : start + come])]
    pairs = zip(old[start + gone :], new[start + come :], strict=True)
    return [(one, other, start + come + i, steps) for i, (one, other) in enumerate(pairs)]


def _holds_pinned(value: Json) -> bool:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if type(one) is Pinned:
            return True
        if type(one) is dict:
            waiting += one.values()
        elif type(one) is list:
            waiting += one
    return False
