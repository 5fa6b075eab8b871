"""JSON as RFC 8259 means it, from a stranger: one value per key, finite numbers, real characters."""

from __future__ import annotations

import json
import sys
from typing import NoReturn

from tavusctl.kind import Document, Value


def strict_json(content: bytes) -> Value:
    """The value in a body; ValueError says what is wrong with it."""
    try:
        text = content.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_not_finite, parse_float=_finite)
        if "\\ud" in text.lower():  # only an escape can bring half a character
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        message = "it is nested too deeply"
        raise ValueError(message) from None
    return value


def _unique(pairs: list[tuple[str, Value]]) -> Document:
    # Thousands of bodies have the same keys, and texts that manifests have, too: each is in memory once.
    members = {key: sys.intern(value) if type(value) is str else value for key, value in pairs}
    if len(members) != len(pairs):
        message = "it has two members of one name"
        raise ValueError(message)
    return members


def _not_finite(text: str) -> NoReturn:
    message = f"it has the number {text}"
    raise ValueError(message)


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        _not_finite(text)
    return value
