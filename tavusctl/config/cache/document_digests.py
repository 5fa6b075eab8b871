"""Digests of documents, in which a long text counts by its own digest: a text of several documents is hashed once."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from tavusctl.core.json_tree import canonical
from tavusctl.lib.json_types import PLAIN, Json, JsonObject

_LONG: Final = 256  # characters
# Not JSON: here no text is encoded like the digest of one.
_ENCODER: Final = msgspec.msgpack.Encoder(order="sorted")


class Digests:
    """SHA-256 of texts and documents of one run; what it knows about texts saves time and changes no digest."""

    def __init__(self) -> None:
        self._texts: dict[str, bytes] = {}

    def of_text(self, text: str) -> bytes:
        """The digest of a text."""
        known = self._texts.get(text)
        if known is None:
            known = self._texts[text] = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        return known

    def of(self, document: JsonObject) -> bytes:
        """The digest of a document, the same for equal ones."""
        try:
            encoded = _ENCODER.encode(self._in_object(document))
        except (TypeError, OverflowError, UnicodeEncodeError):  # values that the encoder cannot encode
            encoded = canonical(document).encode("utf-8", "surrogatepass")
        return hashlib.sha256(encoded).digest()

    def _in_object(self, value: JsonObject) -> JsonObject:
        """An object with digests in place of long texts; TypeError if a leaf is no JSON value."""
        changed = None
        for key, item in value.items():
            if type(item) is str:
                if len(item) < _LONG:
                    continue
                new: Json = self.of_text(item)
            elif type(item) is dict:
                new = self._in_object(item)
            elif type(item) is list:
                new = self._in_list(item)
            elif type(item) in PLAIN:
                continue
            else:
                raise TypeError
            if new is not item:
                changed = changed or {**value}
                changed[key] = new
        return changed or value

    def _in_list(self, value: list[Json]) -> list[Json]:
        """The same for a list."""
        if all(type(item) is str and len(item) < _LONG for item in value):
            return value
        return [self._in_object({"": item})[""] for item in value]
