"""Plans of a change, and the operations they stand for."""

from __future__ import annotations

from typing import Any, NamedTuple

from tavusctl.patch.pointer import escape

# Where each step is done (a key, an index as a number, "-" for the end of an array), and the step: a Plan.
Steps = list[tuple[str | int, Any]]


class Put(NamedTuple):
    """A value written where nothing was."""

    value: Any


class Write(NamedTuple):
    """A value written over another."""

    value: Any


class Drop(NamedTuple):
    """A value removed."""


class Inside(NamedTuple):
    """Steps on members or items, in the order they are done; indices are those of their moment."""

    steps: Steps


Plan = Put | Write | Drop | Inside


def operations(plan: Plan | None) -> list[dict[str, Any]]:
    """A plan as JSON Patch writes it."""
    done: list[dict[str, Any]] = []
    waiting: list[tuple[str, Any]] = [("", plan)] if plan is not None else []
    while waiting:
        path, step = waiting.pop()
        match step:
            case Inside(steps):
                waiting += [(f"{path}/{_segment(at)}", inner) for at, inner in reversed(steps)]
            case Put(value):
                done.append({"op": "add", "path": path, "value": value})
            case Write(value):
                done.append({"op": "replace", "path": path, "value": value})
            case _:  # Drop
                done.append({"op": "remove", "path": path})
    return done


def _segment(at: str | int) -> str | int:
    return escape(at) if isinstance(at, str) else at
