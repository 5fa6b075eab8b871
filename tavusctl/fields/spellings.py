"""Fields with several names: translate between the names in manifests and reads and those of the model.  Pure.

The API renames fields and accepts both names for a long time.  Within tavusctl a field has one name, that of the model;
a manifest may have any of them, a read shows one, and a patch writes the one that the read shows.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from tavusctl.core.json_tree import is_empty
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.lib.json_types import EMPTY, Json, JsonObject, KeyPath
from tavusctl.patch.pointer import join, split


class DuplicateField(Struct, frozen=True):
    """Two names of one field in one object."""

    path: KeyPath  # of the object, in the names of the model
    names: tuple[str, str]


def read(kind: ResourceKind, raw: JsonObject) -> JsonObject:
    """A read body, normalised and with the names of the model, as in `spec`."""
    return with_model_names(kind, kind.normalise(raw))


def with_model_names(kind: ResourceKind, document: JsonObject) -> JsonObject:
    """A document with the names of the model; of two names of one field, the one that has a value counts."""
    here = _place(kind, ())
    return _named(here, document) if here.names or here.below else document


class _Place(Struct, frozen=True):
    """An object in the documents of a kind, with its members, direct or nested, that have several names."""

    names: Mapping[str, str]  # other names of direct members -> their names in the model
    below: Mapping[str, _Place]  # objects in it, by their names in the model

    def concerns(self, document: JsonObject) -> bool:
        """Whether a document has any of these members."""
        return not (self.names.keys().isdisjoint(document) and self.below.keys().isdisjoint(document))


@functools.cache
def _place(kind: ResourceKind, path: KeyPath) -> _Place:
    patterns = [split(pointer) for pointer, declared in kind.fields.items() if declared.aliases]
    inner_keys = dict.fromkeys(
        pattern[len(path)] for pattern in patterns if pattern[: len(path)] == path and len(pattern) > len(path) + 1
    )
    return _Place(kind.other_names(path), {key: _place(kind, (*path, key)) for key in inner_keys})


def _named(here: _Place, document: JsonObject) -> JsonObject:
    result: JsonObject = {}
    for other, value in document.items():
        key = here.names.get(other, other)
        if key not in result or (not is_empty(value) and (is_empty(result[key]) or key == other)):
            inner_place = here.below.get(key)
            result[key] = _named(inner_place, value) if inner_place and isinstance(value, dict) else value
    return result


def duplicate_fields(kind: ResourceKind, document: JsonObject, path: KeyPath = ()) -> Iterator[DuplicateField]:
    """Fields that a document has under more than one name."""
    here = _place(kind, path)
    first_names: dict[str, str] = {}
    for other, value in document.items():
        key = here.names.get(other, other)
        if first_names.setdefault(key, other) != other:
            yield DuplicateField(path, (first_names[key], other))
        if isinstance(value, dict) and key in here.below:
            yield from duplicate_fields(kind, value, (*path, key))


def shown_names(kind: ResourceKind, body: JsonObject) -> Mapping[str, str]:
    """The names in a read of fields that it shows under another name than the model, by pointer."""
    return {join(path): name for path, name in _shown_names(_place(kind, ()), body, ())} or EMPTY


def _shown_names(here: _Place, body: JsonObject, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    if not here.concerns(body):
        return
    for other, value in body.items():
        key = here.names.get(other, other)
        if other in here.names and key not in body:
            yield (*path, key), other
        inner_place = here.below.get(key)
        if inner_place and isinstance(value, dict):
            yield from _shown_names(inner_place, value, (*path, key))


def model_pointer(kind: ResourceKind, written: str) -> str:
    """A pointer into a document, translated to the names of the model."""
    path: KeyPath = ()
    for key in split(written):
        path = (*path, kind.other_names(path).get(key, key))
    return join(path)


def written_path(kind: ResourceKind, document: Json, path: KeyPath) -> KeyPath:
    """A path in the names of the model, translated to the names that a document has."""
    result: KeyPath = ()
    for depth, key in enumerate(path):
        here = document if isinstance(document, dict) else {}
        if key not in here:
            names = kind.other_names(path[:depth])
            key = next((other for other, own in names.items() if own == key and other in here), key)  # noqa: PLW2901
        document = here.get(key)
        result = (*result, key)
    return result


def with_shown_names(operations: Sequence[JsonObject], names: Mapping[str, str]) -> list[JsonObject]:
    """A patch with the names that a read shows."""
    if not names:
        return list(operations)
    return [_as_shown(operation, names) for operation in operations]


def _as_shown(operation: JsonObject, names: Mapping[str, str]) -> JsonObject:
    path = split(operation["path"])
    pointers = [join(path[: depth + 1]) for depth in range(len(path))]
    renamed = {
        **operation,
        "path": join(tuple(names.get(pointer, key) for pointer, key in zip(pointers, path, strict=True))),
    }
    value = operation.get("value")
    if isinstance(value, dict):
        renamed["value"] = _renamed(value, join(path), names)
    return renamed


def _renamed(value: JsonObject, parent: str, names: Mapping[str, str]) -> JsonObject:
    result: JsonObject = {}
    for key, item in value.items():
        pointer = parent + join((key,))
        result[names.get(pointer, key)] = _renamed(item, pointer, names) if isinstance(item, dict) else item
    return result
