"""A reader that asks for nothing twice: two plans of one moment must see the same account."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from datetime import datetime

from tavusctl.errors import Gone
from tavusctl.model import Document, Value
from tavusctl.ports import Reader


class Remembering:
    """Another reader's answers, each asked for once; objects that are gone are remembered as well."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._known: dict[object, Value] = {}

    @property
    def answers(self) -> int:
        """How many requests the other reader had answered."""
        return self._reader.answers

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Document:
        """One object; Gone when there is none."""
        found = self._once(("get", path, _key(query or {})), lambda: self._or_gone(path, query))
        if isinstance(found, Gone):
            raise found
        return copy.deepcopy(found)

    def list(
        self, path: str, *, first_page: int, query: Mapping[str, str], id_fields: tuple[str, ...]
    ) -> list[Document]:
        """Every object of a collection."""
        key = ("list", path, first_page, _key(query), id_fields)
        ask = self._reader.list
        found = self._once(key, lambda: ask(path, first_page=first_page, query=query, id_fields=id_fields))
        return copy.deepcopy(found)

    def server_time(self) -> datetime:
        """The server's clock."""
        return self._reader.server_time()

    def _or_gone(self, path: str, query: Mapping[str, str] | None) -> Document | Gone:
        try:
            return self._reader.get(path, query)
        except Gone as gone:
            return gone

    def _once(self, key: object, ask: Callable[[], Value]) -> Value:
        if key not in self._known:
            self._known[key] = ask()
        return self._known[key]


def _key(query: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(query.items()))
