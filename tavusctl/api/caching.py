"""A reader that asks for nothing twice: two plans of one moment must see the same account."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

from tavusctl.core.errors import Gone
from tavusctl.core.ports import Reader
from tavusctl.core.resource_kind import Listing
from tavusctl.lib.json_types import JsonObject

Answered = TypeVar("Answered")


class CachingReader:
    """Another reader's answers, each asked for once; objects that are gone are remembered as well."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._objects: dict[object, JsonObject | Gone] = {}
        self._lists: dict[object, list[JsonObject]] = {}

    @property
    def answers(self) -> int:
        """How many requests the other reader had answered."""
        return self._reader.answers

    def get(self, path: str, query: Mapping[str, str] | None = None) -> JsonObject:
        """Return one object; raise Gone if it does not exist."""
        found = _once(self._objects, (path, _key(query or {})), lambda: self._or_gone(path, query))
        if isinstance(found, Gone):
            raise found
        return copy.deepcopy(found)

    def list(self, path: str, listing: Listing, id_fields: tuple[str, ...]) -> list[JsonObject]:
        """Every object of a collection."""
        key = (path, _key({**listing.query, **listing.own}), id_fields)
        found = _once(self._lists, key, lambda: self._reader.list(path, listing, id_fields))
        return copy.deepcopy(found)

    def server_time(self) -> datetime:
        """The server's clock."""
        return self._reader.server_time()

    def _or_gone(self, path: str, query: Mapping[str, str] | None) -> JsonObject | Gone:
        try:
            return self._reader.get(path, query)
        except Gone as gone:
            return gone


def _once(known: dict[object, Answered], key: object, ask: Callable[[], Answered]) -> Answered:
    if key not in known:
        known[key] = ask()
    return known[key]


def _key(query: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(query.items()))
