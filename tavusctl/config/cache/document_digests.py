"""Digests of documents, in which a long text counts by its own digest: a text of several documents is hashed once."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec

from tavusctl.core.json_tree import canonical
from tavusctl.lib.json_types import PLAIN, JsonObject

_LONG: Final = 256  # characters
_CONTAINERS: Final = frozenset({dict, list})
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
            encoded = _ENCODER.encode(self._shortened(document))
        except (TypeError, OverflowError, UnicodeEncodeError):  # values that the encoder cannot encode
            encoded = canonical(document).encode("utf-8", "surrogatepass")
        return hashlib.sha256(encoded).digest()

    def _shortened(self, value: Any) -> Any:
        """A container with digests in place of long texts; TypeError if a leaf is no JSON value."""
        changed = None
        for key, item in value.items() if type(value) is dict else enumerate(value):
            kind = type(item)
            if kind is str:
                if len(item) < _LONG:
                    continue
                new = self.of_text(item)
            elif kind in _CONTAINERS:
                new = self._shortened(item)
                if new is item:
                    continue
            elif kind in PLAIN:
                continue
            else:
                raise TypeError
            if changed is None:
                changed = value.copy()
            changed[key] = new
        return changed or value
