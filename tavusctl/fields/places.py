"""Places in the documents of a kind, and what the kind declares of them; made once for thousands of documents."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Final

from tavusctl.core.resource_kind import ResourceKind
from tavusctl.core.schema.model_fields import known_values
from tavusctl.lib.json_types import PLAIN, Json, KeyPath
from tavusctl.patch.pointer import escape

_MANY_KEYS: Final = 500  # how many declarations are kept below one: an object may have any number of keys


class Declared:
    """What a kind declares of the places with one pattern; list indices are `*`."""

    __slots__ = ("_below", "is_free", "is_shown", "kind", "known_values", "pattern", "traits")

    def __init__(self, kind: ResourceKind, pattern: KeyPath) -> None:
        self.kind, self.pattern = kind, pattern
        self.traits = kind.field_at(pattern)
        self.known_values = known_values(kind.model, pattern)
        self.is_free = bool(pattern) and kind.is_free(pattern)
        # Texts for people, references and names of objects are shown, unless their field is secret.
        is_read = self.traits.long_text or bool(self.traits.refers_to) or pattern == (kind.name_field,)
        self.is_shown = is_read and not self.traits.secret
        self._below: dict[str, Declared] = {}

    def at(self, key: str) -> Declared:
        """What is declared of a member, or of the items of a list."""
        declared = self._below.get(key)
        if declared is None:
            declared = Declared(self.kind, (*self.pattern, key))
            if len(self._below) < _MANY_KEYS:
                self._below[key] = declared
        return declared


class Place:
    """A place in the documents of a kind; list indices in its path are text."""

    __slots__ = ("below", "declared", "path", "pointer")
    _room = 10_000  # how many more places are kept

    def __init__(self, declared: Declared, path: KeyPath = (), pointer: str = "") -> None:
        self.declared, self.path, self.pointer = declared, path, pointer
        self.below: dict[str | int, Place] = {}

    def at(self, key: str | int) -> Place:
        """The place of a member, or of an item."""
        place = self.below.get(key)
        if place is None:
            text = str(key)
            declared = self.declared.at("*" if isinstance(key, int) else key)
            place = Place(declared, (*self.path, text), f"{self.pointer}/{escape(text)}")
            if Place._room:
                self.below[key] = place
                Place._room -= 1
        return place


@functools.cache
def root(kind: ResourceKind) -> Place:
    """The place of a whole document."""
    return Place(Declared(kind, ()))


def members(value: Json) -> Iterable[tuple[str | int, Json]]:
    """The members of an object, or the items of a list with their indices; none of another value."""
    return value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()


def values(kind: ResourceKind, document: Json) -> list[tuple[Place, Json]]:
    """A document and every value in it, with their places; an object or a list comes before what it holds."""
    found: list[tuple[Place, Json]] = []
    _collect(root(kind), document, found)
    return found


def _collect(here: Place, value: Json, found: list[tuple[Place, Json]]) -> None:
    found.append((here, value))
    below = here.below
    # Without a call for each object of thousands of documents.
    for key, item in value.items() if type(value) is dict else members(value):
        place = below.get(key) or here.at(key)
        if type(item) in PLAIN:
            found.append((place, item))
        else:
            _collect(place, item, found)
