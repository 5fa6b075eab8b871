"""Plans of a change, and the operations they stand for."""

from __future__ import annotations

from typing import Any, NamedTuple

from tavusctl.patch.pointer import escape

# Where each step is done, and the step: a Plan.
Steps = list[tuple[str | int, Any]]


class Put(NamedTuple):
    """A value written where nothing was."""

    value: Any


class Write(NamedTuple):
    """A value written over another."""

    value: Any


class Drop(NamedTuple):
    """A value removed."""


class Bring(NamedTuple):
    """A value taken from another place in the same container."""

    source: str | int


class Inside(NamedTuple):
    """Steps on members or items, in the order they are done; indices are those of their moment."""

    steps: Steps


Plan = Put | Write | Drop | Bring | Inside

DROP = Drop()


def operations(plan: Plan | None) -> list[dict[str, Any]]:
    """A plan as JSON Patch operations."""
    done: list[dict[str, Any]] = []
    waiting: list[tuple[str, str, Any]] = [("", "", plan)] if plan is not None else []
    while waiting:
        parent, path, step = waiting.pop()
        if isinstance(step, Inside):
            waiting += [(path, f"{path}/{_segment(at)}", inner) for at, inner in reversed(step.steps)]
        else:
            done.append(_operation(parent, path, step))
    return done


def _segment(at: str | int) -> str:
    return escape(at) if isinstance(at, str) else str(at)


def _operation(parent: str, path: str, step: Plan) -> dict[str, Any]:
    match step:
        case Put(value):
            return {"op": "add", "path": path, "value": value}
        case Write(value):
            return {"op": "replace", "path": path, "value": value}
        case Bring(source):
            return {"op": "move", "from": f"{parent}/{_segment(source)}", "path": path}
        case _:
            return {"op": "remove", "path": path}
