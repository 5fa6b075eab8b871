"""Apply operations (RFC 6902) to a document without changing the original."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from tavusctl.lib.json_types import Container, Json, JsonObject
from tavusctl.patch import pointer as pointers
from tavusctl.patch.equality import same
from tavusctl.patch.pointer import PatchError


def apply(document: Json, operations: Iterable[Mapping[str, Json]]) -> Json:
    """The document after the operations; PatchError if one does not fit the document or is not a valid operation.

    Containers are copied before they are first written to, so the result shares unchanged parts with the input.
    """
    draft = _Draft(document)
    for operation in operations:
        step = _STEPS.get(operation.get("op"))
        if step is None:
            raise PatchError(f"no operation: {operation.get('op')!r}")
        try:
            step(draft, operation)
        except KeyError as missing:
            raise PatchError(f"{operation['op']} without {missing.args[0]!r}") from None
    return draft.top[""]


class _Draft:
    """A document being changed: `top` holds its root, and only the copied containers in `own` may be written to."""

    def __init__(self, document: Json) -> None:
        self.top: JsonObject = {"": document}
        self.own: dict[int, Container] = {id(self.top): self.top}

    def place(self, pointer: Json) -> tuple[Container, str]:
        """The container of a pointer's target, copied so that it may be written to, and the target's last segment."""
        path = ("", *pointers.split(pointer))
        container: Container = self.top
        for segment in path[:-1]:
            container = self._enter(container, segment)
        return container, path[-1]

    def _enter(self, container: Container, segment: str) -> Container:
        inner = pointers.child(container, segment)
        if not isinstance(inner, (dict, list)):
            raise PatchError(f"{segment!r} holds nothing")
        if id(inner) in self.own:
            return inner
        copy = inner.copy()
        self.own[id(copy)] = copy
        if isinstance(container, list):
            container[int(segment)] = copy
        else:
            container[segment] = copy
        return copy


def _add(draft: _Draft, operation: Mapping[str, Json]) -> None:
    container, segment = draft.place(operation["path"])
    value = operation["value"]
    if isinstance(container, dict):
        container[segment] = value
    elif segment == "-":
        container.append(value)
    else:
        container.insert(pointers.index(segment, len(container)), value)


def _remove(draft: _Draft, operation: Mapping[str, Json]) -> None:
    if operation["path"] == "":
        raise PatchError("the whole document cannot be removed")
    container, segment = draft.place(operation["path"])
    pointers.child(container, segment)
    if isinstance(container, dict):
        del container[segment]
    else:
        del container[int(segment)]


def _replace(draft: _Draft, operation: Mapping[str, Json]) -> None:
    container, segment = draft.place(operation["path"])
    pointers.child(container, segment)
    if isinstance(container, dict):
        container[segment] = operation["value"]
    else:
        container[int(segment)] = operation["value"]


def _test(draft: _Draft, operation: Mapping[str, Json]) -> None:
    if not same(pointers.resolve(draft.top[""], operation["path"]), operation["value"]):
        raise PatchError(f"another value at {operation['path']!r}")


_STEPS: dict[object, Callable[[_Draft, Mapping[str, Json]], None]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "test": _test,
}
