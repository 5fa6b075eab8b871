"""Pointers into spec that a setting names: whether there is a field for them at all."""

from __future__ import annotations

import typing
from typing import Any

from tavusctl.fit import fields_at, homes
from tavusctl.model import Document, ResourceKind, Value
from tavusctl.model import Path as KeyPath
from tavusctl.patch.pointer import join, split
from tavusctl.shape import Shape, members
from tavusctl.wording import nearest


def fault(kind: ResourceKind, spec: Document, pointer: str) -> tuple[str, str] | None:
    """Why a pointer can match nothing, and what would be right; None when it leads to a field.

    A key that stands under `extra:` is one, and so is every key of an object that is free in form.
    """
    path = split(pointer)
    if path[0] == "spec":
        return "begins with spec, and pointers begin below it", _write(kind, spec, path[1:])
    wild = next((index for index, key in enumerate(path) if key in ("*", "-")), None)
    if wild is not None:
        return "has a wildcard, and pointers have none", _write(kind, spec, path[:wild])
    return _walk(kind, spec, path)


def _write(kind: ResourceKind, spec: Document, path: KeyPath) -> str:
    """A hint to write a pointer, if that is one."""
    if not path:
        return ""
    wrong = fault(kind, spec, join(path))
    return wrong[1] if wrong else f"write {join(path)}"


def _walk(kind: ResourceKind, spec: Document, path: KeyPath) -> tuple[str, str] | None:
    held: Value = spec
    for length, key in enumerate(path):
        above = path[:length]
        if above and _is_list(kind, above, held):
            return f"leads into a list, and {join(above)} is managed as a whole", _write(kind, spec, above)
        known = fields_at(kind.model, above)
        held = held.get(key) if isinstance(held, dict) else None
        if key in known or held is not None:
            continue
        if known or not above:
            return f"leads to no field of a {kind.name}", _meant(kind, above, key, path[length + 1 :])
        # Below what has no declared fields: free in form, or a value that has nothing below it.
        if _is_free(kind, above):
            return None
        return f"leads on from {join(above)}, which has no fields", _write(kind, spec, above)
    return None


def _meant(kind: ResourceKind, above: KeyPath, key: str, below: KeyPath) -> str:
    known = fields_at(kind.model, above)
    right = kind.spelled((*above, key)) or nearest(key, known)
    if right:
        return f"did you mean {join((*above, right, *below))}?"
    places = homes(kind.model, key)
    return f"did you mean {join((*places[0], key, *below))}?" if len(places) == 1 else ""


def _declared(kind: ResourceKind, path: KeyPath) -> Any:
    """The type of a field; None where none is declared."""
    level: tuple[type[Shape], ...] = (kind.model,)
    found = None
    for key in path:
        shape = next((one for one in level if key in members(one)), None)
        if shape is None:
            return None
        member = members(shape)[key]
        found, level = member.type, member.shapes
    return found


def _takes(hint: Any, container: type) -> bool:
    """Whether a type has a kind of collection among its choices."""
    origin = typing.get_origin(hint)
    if origin in (list, dict):
        return origin is container
    return any(_takes(one, container) for one in typing.get_args(hint))


def _is_list(kind: ResourceKind, path: KeyPath, held: Value) -> bool:
    return isinstance(held, list) or _takes(_declared(kind, path), list)


def _is_free(kind: ResourceKind, path: KeyPath) -> bool:
    """Whether a field, or one above it, takes any keys."""
    declared = [_declared(kind, path[:length]) for length in range(1, len(path) + 1)]
    return None in declared or any(_takes(one, dict) for one in declared)
