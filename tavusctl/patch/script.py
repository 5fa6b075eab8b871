"""Plans of a change, and the operations they stand for."""

from __future__ import annotations

from typing import Any, NamedTuple

from tavusctl.patch.pointer import escape

# Keys, array indices as numbers, and "-" for the end of an array.
Path = tuple[str | int, ...]
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

    value: Any


class Bring(NamedTuple):
    """A value taken from another place in the same container."""

    source: str | int


class Inside(NamedTuple):
    """Steps on members or items, in the order they are done; indices are those of their moment."""

    steps: Steps


Plan = Put | Write | Drop | Bring | Inside


class Operation(NamedTuple):
    """One operation; `value` is what is written or removed, `source` where a move comes from."""

    op: str
    path: Path
    value: Any = None
    source: Path = ()


def operations(plan: Plan | None) -> list[Operation]:
    """A plan as operations."""
    done: list[Operation] = []
    waiting: list[tuple[Path, Any]] = [((), plan)] if plan is not None else []
    while waiting:
        path, step = waiting.pop()
        match step:
            case Inside(steps):
                waiting += [((*path, at), inner) for at, inner in reversed(steps)]
            case Put(value):
                done.append(Operation("add", path, value))
            case Write(value):
                done.append(Operation("replace", path, value))
            case Drop(value):
                done.append(Operation("remove", path, value))
            case _:  # Bring
                done.append(Operation("move", path, source=(*path[:-1], step.source)))
    return done


def spell(operation: Operation) -> dict[str, Any]:
    """An operation as JSON Patch writes it."""
    path = _pointer(operation.path)
    match operation.op:
        case "remove":
            return {"op": "remove", "path": path}
        case "move":
            return {"op": "move", "from": _pointer(operation.source), "path": path}
        case _:
            return {"op": operation.op, "path": path, "value": operation.value}


def _pointer(path: Path) -> str:
    return "".join([f"/{escape(at) if isinstance(at, str) else at}" for at in path])
