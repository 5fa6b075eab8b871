"""A simple differ without search or recursion, for documents nested too deeply for `Differ`.

Members are compared by key, and items by position behind the common start: correct, but far from the smallest patch.
"""

from __future__ import annotations

from math import inf

from tavusctl.lib.json_types import Json, JsonObject
from tavusctl.patch.edit_script import CostAndScript, Descend, EditScript, Insert, Remove, Replace, Steps
from tavusctl.patch.equality import Pinned, same

_Pair = tuple[Json, Json, str | int, Steps]


def change(before: Json, after: Json) -> CostAndScript:
    """An edit script from one value to another, not the cheapest; its cost is infinite for a Pinned value, else 1."""
    top: Steps = []
    pending: list[_Pair] = [(before, after, "", top)]
    written: list[Json] = []
    while pending:
        old, new, at, steps = pending.pop()
        inner: Steps = []
        script: EditScript = Descend(inner)
        if type(old) is dict and type(new) is dict:
            pending += _members(old, new, inner, written)
        elif type(old) is list and type(new) is list:
            pending += _items(old, new, inner, written)
        elif not same(old, new):
            written.append(new)
            script = Replace(new)
        steps.append((at, script))
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
    removed, inserted = len(old) - shorter, len(new) - shorter
    steps += [(start, Remove())] * removed
    written += new[start : start + inserted]
    steps += [(start, Insert(value)) for value in reversed(new[start : start + inserted])]
    pairs = zip(old[start + removed :], new[start + inserted :], strict=True)
    return [(before, after, start + inserted + i, steps) for i, (before, after) in enumerate(pairs)]


def _holds_pinned(value: Json) -> bool:
    pending = [value]
    while pending:
        part = pending.pop()
        if type(part) is Pinned:
            return True
        if type(part) is dict:
            pending += part.values()
        elif type(part) is list:
            pending += part
    return False
