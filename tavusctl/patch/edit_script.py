"""Edit scripts, and the JSON Patch operations that they stand for."""

from __future__ import annotations

from typing import NamedTuple

from tavusctl.lib.json_types import Json, JsonObject
from tavusctl.patch.pointer import escape

# The place of each step (a key, an index as a number, "-" for the end of an array), and the step itself.
Steps = list[tuple[str | int, "EditScript"]]


class Insert(NamedTuple):
    """Write a value where there is none."""

    value: Json


class Replace(NamedTuple):
    """Write a value in place of another."""

    value: Json


class Remove(NamedTuple):
    """Remove a value."""


class Descend(NamedTuple):
    """Apply steps to members or items, one after the other; each index counts after the steps before it."""

    steps: Steps


EditScript = Insert | Replace | Remove | Descend
CostAndScript = tuple[float, EditScript | None]


def operations(script: EditScript | None) -> list[JsonObject]:
    """The operations of an edit script; none where there is no script."""
    patch: list[JsonObject] = []
    pending: list[tuple[str, EditScript]] = [("", script)] if script is not None else []
    while pending:
        path, step = pending.pop()
        match step:
            case Descend(steps):
                pending += [(f"{path}/{escape(str(at))}", inner) for at, inner in reversed(steps)]
            case Insert(value):
                patch.append({"op": "add", "path": path, "value": value})
            case Replace(value):
                patch.append({"op": "replace", "path": path, "value": value})
            case Remove():
                patch.append({"op": "remove", "path": path})
    return patch
