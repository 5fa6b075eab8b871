"""Applying operations (RFC 6902) to a document without changing the one that was given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from tavusctl.lib.json_types import Container, Json, JsonObject
from tavusctl.patch import pointer as pointers
from tavusctl.patch.equality import same
from tavusctl.patch.pointer import PatchError


def apply(document: Json, operations: Iterable[Mapping[str, Json]]) -> Json:
    """The document after the operations; PatchError when one does not fit, or is none.

    Containers are copied before they are first written to, so the result shares what did not change with the input.
    """
    room = _Room(document)
    for operation in operations:
        step = _STEPS.get(operation.get("op"))
        if step is None:
            message = f"no operation: {operation.get('op')!r}"
            raise PatchError(message)
        try:
            step(room, operation)
        except KeyError as missing:
            message = f"{operation['op']} without {missing.args[0]!r}"
            raise PatchError(message) from None
    return room.top[""]


class _Room:
    """A document being changed: its root hangs in `top`, and only containers in `own` may be written to."""

    def __init__(self, document: Json) -> None:
        self.top: JsonObject = {"": document}
        self.own: dict[int, Container] = {id(self.top): self.top}

    def place(self, pointer: Json) -> tuple[Container, str]:
        """The container that holds a pointer's target, made ours, and the segment of the target in it."""
        path = ("", *pointers.split(pointer))
        container: Container = self.top
        for segment in path[:-1]:
            container = self._enter(container, segment)
        return container, path[-1]

    def _enter(self, container: Container, segment: str) -> Container:
        found = pointers.child(container, segment)
        if not isinstance(found, (dict, list)):
            message = f"{segment!r} holds nothing"
            raise PatchError(message)
        if id(found) in self.own:
            return found
        ours = found.copy()
        self.own[id(ours)] = ours
        if isinstance(container, list):
            container[int(segment)] = ours
        else:
            container[segment] = ours
        return ours


def _add(room: _Room, operation: Mapping[str, Json]) -> None:
    container, segment = room.place(operation["path"])
    value = operation["value"]
    if isinstance(container, dict):
        container[segment] = value
    elif segment == "-":
        container.append(value)
    else:
        container.insert(pointers.index(segment, len(container)), value)


def _remove(room: _Room, operation: Mapping[str, Json]) -> None:
    if operation["path"] == "":
        message = "the whole document cannot be removed"
        raise PatchError(message)
    container, segment = room.place(operation["path"])
    pointers.child(container, segment)
    if isinstance(container, dict):
        del container[segment]
    else:
        del container[int(segment)]


def _replace(room: _Room, operation: Mapping[str, Json]) -> None:
    container, segment = room.place(operation["path"])
    pointers.child(container, segment)
    if isinstance(container, dict):
        container[segment] = operation["value"]
    else:
        container[int(segment)] = operation["value"]


def _test(room: _Room, operation: Mapping[str, Json]) -> None:
    if not same(pointers.resolve(room.top[""], operation["path"]), operation["value"]):
        message = f"another value at {operation['path']!r}"
        raise PatchError(message)


_STEPS: dict[object, Callable[[_Room, Mapping[str, Json]], None]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "test": _test,
}
