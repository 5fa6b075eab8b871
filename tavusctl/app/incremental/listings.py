"""A reader that computes a digest of each listed object, and can leave out objects that are known to be equal."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime

from tavusctl.config.cache.document_digests import Digests
from tavusctl.core.ports import NO_DOCUMENTS, Reader
from tavusctl.core.resource_kind import Listing, ResourceKind
from tavusctl.lib.json_types import JsonObject

ObjectKey = tuple[str, str]  # path of the collection, id


class Listings:
    """A reader over another one."""

    def __init__(self, reader: Reader, digests: Digests) -> None:
        self._reader = reader
        self.digests = digests
        self._digests: dict[ObjectKey, bytes] = {}
        self._requested: set[str] = set()  # paths of single reads
        self._lists: dict[object, list[JsonObject]] = {}  # kept for the next request
        self.left_out: AbstractSet[ObjectKey] = frozenset()  # objects that listings leave out

    @property
    def response_count(self) -> int:
        """The number of responses so far."""
        return self._reader.response_count

    def get(self, path: str, query: Mapping[str, str] | None = None) -> JsonObject:
        """Return one object; raise errors.Gone if it does not exist."""
        self._requested.add(path)
        return self._reader.get(path, query)

    def list(
        self, path: str, listing: Listing, id_fields: tuple[str, ...], known: Mapping[str, JsonObject] = NO_DOCUMENTS
    ) -> list[JsonObject]:
        """The objects of a collection, without those that are left out."""
        key = _key(path, listing)
        if self.left_out:
            items = self._lists.get(key)
            if items is None:
                items = self._lists[key] = self._reader.list(path, listing, id_fields, known)
            return [item for item in items if (path, _id_of(item, id_fields)) not in self.left_out]
        items = self._lists.pop(key, None)
        if items is None:
            items = self._reader.list(path, listing, id_fields, known)
        self._digests |= {(path, _id_of(item, id_fields)): self.digests.of(item) for item in items}
        return items

    def server_time(self) -> datetime:
        """The server's clock."""
        return self._reader.server_time()

    def listed(self, kind: ResourceKind) -> dict[str, JsonObject]:
        """The objects of the collection of a kind by id, which the next listing repeats without a request."""
        items = self.list(kind.collection, kind.listing, kind.id_fields)
        self._lists[_key(kind.collection, kind.listing)] = items
        return {_id_of(item, kind.id_fields): item for item in items}

    def digest_of(self, collection: str, remote_id: str) -> bytes:
        """The digest of an object as it was listed; empty if it was not listed, or also read by itself."""
        if f"{collection}/{remote_id}" in self._requested:
            return b""
        return self._digests.get((collection, remote_id), b"")


def _key(path: str, listing: Listing) -> object:
    return path, tuple(sorted(listing.full_query.items()))


def _id_of(item: JsonObject, id_fields: tuple[str, ...]) -> str:
    return next((value for name in id_fields if isinstance(value := item.get(name), str) and value), "")
