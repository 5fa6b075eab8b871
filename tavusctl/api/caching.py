"""A reader that sends no request twice, so that two plans of one moment see the same account."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

from tavusctl.core.errors import Gone
from tavusctl.core.ports import NO_DOCUMENTS, Reader
from tavusctl.core.resource_kind import Listing
from tavusctl.lib.json_types import JsonObject

Response = TypeVar("Response")


class CachingReader:
    """A cache over another reader; it also remembers which objects do not exist."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._objects: dict[object, JsonObject | Gone] = {}
        self._lists: dict[object, list[JsonObject]] = {}

    @property
    def response_count(self) -> int:
        """The number of requests of the other reader that were answered so far."""
        return self._reader.response_count

    def get(self, path: str, query: Mapping[str, str] | None = None) -> JsonObject:
        """Return one object; raise Gone if it does not exist."""
        cached = _once(self._objects, (path, _key(query or {})), lambda: self._read(path, query))
        if isinstance(cached, Gone):
            raise cached
        return copy.deepcopy(cached)

    def list(
        self, path: str, listing: Listing, id_fields: tuple[str, ...], known: Mapping[str, JsonObject] = NO_DOCUMENTS
    ) -> list[JsonObject]:
        """Every object of a collection."""
        key = (path, _key(listing.full_query), id_fields)
        cached = _once(self._lists, key, lambda: self._reader.list(path, listing, id_fields, known))
        return copy.deepcopy(cached)

    def server_time(self) -> datetime:
        """The server's clock."""
        return self._reader.server_time()

    def _read(self, path: str, query: Mapping[str, str] | None) -> JsonObject | Gone:
        try:
            return self._reader.get(path, query)
        except Gone as gone:
            return gone


def _once(cache: dict[object, Response], key: object, request: Callable[[], Response]) -> Response:
    if key not in cache:
        cache[key] = request()
    return cache[key]


def _key(query: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(query.items()))
