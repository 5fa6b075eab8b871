"""Plans of a change, and the operations they stand for."""

from __future__ import annotations

from typing import NamedTuple

from tavusctl.lib.json_types import Json, JsonObject
from tavusctl.patch.pointer import escape

# Where each step is done (a key, an index as a number, "-" for the end of an array), and the step: a Plan.
Steps = list[tuple[str | int, "Plan"]]


class Insert(NamedTuple):
    """A value written where nothing was."""

    value: Json


class Replace(NamedTuple):
    """A value written over another."""

    value: Json


class Remove(NamedTuple):
    """A value removed."""


class Descend(NamedTuple):
    """Steps on members or items, in the order they are done; indices are those of their moment."""

    steps: Steps


Plan = Insert | Replace | Remove | Descend


def operations(plan: Plan | None) -> list[JsonObject]:
    """A plan as JSON Patch writes it."""
    done: list[JsonObject] = []
    waiting: list[tuple[str, Plan]] = [("", plan)] if plan is not None else []
    while waiting:
        path, step = waiting.pop()
        match step:
            case Descend(steps):
                waiting += [(f"{path}/{_segment(at)}", inner) for at, inner in reversed(steps)]
            case Insert(value):
                done.append({"op": "add", "path": path, "value": value})
            case Replace(value):
                done.append({"op": "replace", "path": path, "value": value})
            case Remove():
                done.append({"op": "remove", "path": path})
    return done


def _segment(at: str | int) -> str | int:
    return escape(at) if isinstance(at, str) else at
