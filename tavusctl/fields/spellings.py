"""Fields that have several names: what manifests and reads call them, in the names that the kind declares.  Pure.

The API renames fields and takes both names for a long time.  Within tavusctl a field has one name, that of the model; a
manifest may have any, a read shows one of them, and a patch writes the one that the read shows.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from tavusctl.core.json_tree import is_empty, keys
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.lib.json_types import Json, JsonObject, KeyPath
from tavusctl.patch.pointer import join, split


class Doubled(Struct, frozen=True):
    """Two names of one field in one object."""

    path: KeyPath  # of the object, in the names of the model
    names: tuple[str, str]


def read(kind: ResourceKind, raw: JsonObject) -> JsonObject:
    """A read body in the spelling of `spec`."""
    return named(kind, kind.normalise(raw))


def named(kind: ResourceKind, document: JsonObject, path: KeyPath = ()) -> JsonObject:
    """A document in the names of the model; of two names for one field, the one that holds something counts."""
    here = _place(kind, path)
    return _named(here, document) if here.names or here.below else document


class _Place(Struct, frozen=True):
    """An object in the documents of a kind, as far as members at or below it have several names."""

    names: Mapping[str, str]  # others of its members, with those of the model
    below: Mapping[str, _Place]  # by the names of the model

    def concerns(self, document: JsonObject) -> bool:
        """Whether a document has any of these."""
        return not (self.names.keys().isdisjoint(document) and self.below.keys().isdisjoint(document))


@functools.cache
def _place(kind: ResourceKind, path: KeyPath) -> _Place:
    patterns = [tuple(split(pointer)) for pointer, declared in kind.fields.items() if declared.also]
    inner = dict.fromkeys(one[len(path)] for one in patterns if one[: len(path)] == path and len(one) > len(path) + 1)
    return _Place(kind.other_names(path), {key: _place(kind, (*path, key)) for key in inner})


def _named(here: _Place, document: JsonObject) -> JsonObject:
    found: JsonObject = {}
    for other, value in document.items():
        key = here.names.get(other, other)
        if key not in found or (not is_empty(value) and (is_empty(found[key]) or key == other)):
            inner = here.below.get(key)
            found[key] = _named(inner, value) if inner and isinstance(value, dict) else value
    return found


def may_have_others(kind: ResourceKind, document: Json) -> bool:
    """Whether a document has any key that is another name of some field, wherever it stands."""
    return not _words(kind).isdisjoint(keys(document))


@functools.cache
def _words(kind: ResourceKind) -> frozenset[str]:
    return frozenset(other for declared in kind.fields.values() for other in declared.also)


def doubled(kind: ResourceKind, document: JsonObject, path: KeyPath = ()) -> Iterator[Doubled]:
    """Fields that a document has under more than one name."""
    here = _place(kind, path)
    first: dict[str, str] = {}
    for other, value in document.items():
        key = here.names.get(other, other)
        if first.setdefault(key, other) != other:
            yield Doubled(path, (first[key], other))
        if isinstance(value, dict) and key in here.below:
            yield from doubled(kind, value, (*path, key))


def shown(kind: ResourceKind, body: JsonObject) -> dict[str, str]:
    """What a read calls the fields that it has under another name than the model, by pointer."""
    return {join(path): other for path, other in _others(_place(kind, ()), body, ())}


def _others(here: _Place, body: JsonObject, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    if not here.concerns(body):
        return
    for other, value in body.items():
        key = here.names.get(other, other)
        if other in here.names and key not in body:
            yield (*path, key), other
        inner = here.below.get(key)
        if inner and isinstance(value, dict):
            yield from _others(inner, value, (*path, key))


def pointer(kind: ResourceKind, written: str) -> str:
    """A pointer into a document, in the names of the model."""
    path: KeyPath = ()
    for key in split(written):
        path = (*path, kind.other_names(path).get(key, key))
    return join(path)


def written_path(kind: ResourceKind, document: Json, path: KeyPath) -> KeyPath:
    """A path in the names of the model, as a document has it that may have others."""
    found: KeyPath = ()
    for depth, key in enumerate(path):
        here = document if isinstance(document, dict) else {}
        if key not in here:
            names = kind.other_names(path[:depth])
            key = next((other for other, own in names.items() if own == key and other in here), key)  # noqa: PLW2901
        document = here.get(key)
        found = (*found, key)
    return found


def as_shown(operations: Sequence[JsonObject], names: Mapping[str, str]) -> list[JsonObject]:
    """A patch in the names that a read shows."""
    if not names:
        return list(operations)
    return [_as_shown(one, names) for one in operations]


def _as_shown(operation: JsonObject, names: Mapping[str, str]) -> JsonObject:
    path = split(operation["path"])
    places = [join(path[: depth + 1]) for depth in range(len(path))]
    told = {**operation, "path": join(tuple(names.get(one, key) for one, key in zip(places, path, strict=True)))}
    value = operation.get("value")
    if isinstance(value, dict):
        told["value"] = _renamed(value, join(path), names)
    return told


def _renamed(value: JsonObject, at: str, names: Mapping[str, str]) -> JsonObject:
    found: JsonObject = {}
    for key, item in value.items():
        here = at + join((key,))
        found[names.get(here, key)] = _renamed(item, here, names) if isinstance(item, dict) else item
    return found
