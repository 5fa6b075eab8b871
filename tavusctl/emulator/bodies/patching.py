"""JSON Patch (RFC 6902) as the API applies it: the whole patch to a copy, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jsonpatch
import jsonpointer

from tavusctl.emulator.http.messages import Json, Object

MEMBERS = {
    "add": ("value",),
    "replace": ("value",),
    "test": ("value",),
    "remove": (),
    "move": ("from",),
    "copy": ("from",),
}

# What the library raises for paths that lead through scalars.
_OF_SCALARS = (TypeError, KeyError, IndexError, ValueError, AttributeError, RecursionError)


class Unpatchable(ValueError):
    """The patch is malformed, or does not fit the document; where the library fails, the text is its own."""


def apply(document: Object, operations: Json, *, ignore_test: bool = False) -> Object:
    """A patched copy of a document.  Unpatchable if an operation is malformed or fails, or the result is no object."""
    _check(operations)
    if ignore_test:
        operations = [operation for operation in operations if operation["op"] != "test"]
    try:
        patched = jsonpatch.JsonPatch(operations).apply(document)
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, *_OF_SCALARS) as error:
        raise Unpatchable(str(error)) from error
    if not isinstance(patched, dict):
        raise Unpatchable("the document would no longer be an object")
    return patched


def _check(operations: Json) -> None:
    if not isinstance(operations, list):
        raise Unpatchable("a patch is a list of operations")
    for operation in operations:
        if not _well_formed(operation):
            raise Unpatchable(f"not an operation: {operation!r}")


def _well_formed(operation: Json) -> bool:
    if not isinstance(operation, dict) or not isinstance(operation.get("path"), str):
        return False
    name = operation.get("op")
    members = MEMBERS.get(name) if isinstance(name, str) else None
    if members is None or any(member not in operation for member in members):
        return False
    return "from" not in members or isinstance(operation["from"], str)


def carry_over(pointers: list[str], before: Object, after: Object) -> None:
    """Undo in `after` the changes at some pointers, like a server that silently ignores writes to these fields."""
    for pointer in pointers:
        path = jsonpointer.JsonPointer(pointer)
        old_value = path.resolve(before, _ABSENT)
        if path.resolve(after, _ABSENT) is _ABSENT and old_value is _ABSENT:
            continue
        parent, name = path.to_last(after) if _has_parent(path, after) else (None, None)
        if not isinstance(parent, dict):
            continue
        if old_value is _ABSENT:
            parent.pop(name, None)
        else:
            parent[name] = old_value


NORMALISERS: dict[str, Callable[[Json], Json]] = {
    "trim": lambda value: value.strip() if isinstance(value, str) else value,
    "lower": lambda value: value.lower() if isinstance(value, str) else value,
    "round": lambda value: round(value) if isinstance(value, float) else value,
    "sort": lambda value: sorted(value) if isinstance(value, list) else value,
}


def apply_write_behaviors(behaviors: Mapping[str, Json], before: Object, after: Object) -> None:
    """Change `after` to what the server stores, as the behaviours `ignore_fields` and `tidied_fields` say."""
    carry_over(behaviors["ignore_fields"], before, after)
    for pointer, tidy in behaviors["tidied_fields"].items():
        path = jsonpointer.JsonPointer(pointer)
        value = path.resolve(after, _ABSENT)
        if value is not _ABSENT and value != path.resolve(before, _ABSENT):  # only a value that this write has changed
            parent, name = path.to_last(after)
            parent[name] = NORMALISERS[tidy](value)


_ABSENT = object()


def _has_parent(path: jsonpointer.JsonPointer, document: Object) -> bool:
    parent = jsonpointer.JsonPointer.from_parts(path.parts[:-1])
    return parent.resolve(document, _ABSENT) is not _ABSENT
