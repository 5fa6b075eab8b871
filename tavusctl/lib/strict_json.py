"""JSON as RFC 8259 means it, from a stranger: one value per key, finite numbers, real characters, and not without end.

What counts is what a text becomes in memory: the shortest values take thirty times as much there, and a document as
deep as a well cannot be walked.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from typing import Final, NoReturn

from tavusctl.lib.json_types import Json, JsonObject

MAX_DEPTH: Final = 100  # manifests have 64, and whatever keeps them adds a few
MAX_VALUES: Final = 1_000_000  # of one document
MAX_RECORDED: Final = 8_000_000  # of a state, or of all records of a run: what is kept of a project as large as can be
_MARKS: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{,]', re.DOTALL)


def strict_json(content: bytes, most: int = MAX_VALUES) -> Json:
    """The value in a body; ValueError says what is wrong with it."""
    _check_size(content, most)
    try:
        text = content.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_not_finite, parse_float=_finite)
        if "\\ud" in text or "\\uD" in text:  # only an escape can bring half a character
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise ValueError(_DEEP) from None
    _check_depth(value)
    return value


def strict_lines(lines: Iterable[bytes], most: int = MAX_RECORDED) -> list[Json]:
    """The values in lines, all of them together within a limit; ValueError says what is wrong with one."""
    found = []
    for line in lines:
        most -= _bound(line)
        if most < 0:
            raise ValueError(_MANY)
        found.append(strict_json(line))
    return found


_DEEP: Final = "it is nested too deeply"
_MANY: Final = "it has too many values"


def _bound(content: bytes) -> int:
    """As many values as there may be, and no fewer than there are."""
    return 1 + content.count(b",") + content.count(b"[") + content.count(b"{")


def _check_size(content: bytes, most: int) -> None:
    # A value takes a byte and a mark at least; where so few bytes are, nothing need be counted.
    if len(content) // 2 < most or _bound(content) <= most:
        return
    values = 1
    for found in _MARKS.finditer(content):  # commas in texts are none
        values += found.group()[:1] != b'"'
        if values > most:
            raise ValueError(_MANY)


def _check_depth(value: Json) -> None:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) is dict or type(inner) is list
        ]
        if not level:
            return
    raise ValueError(_DEEP)


def _unique(pairs: list[tuple[str, Json]]) -> JsonObject:
    # Thousands of bodies have the same keys, and texts that manifests have, too: each is in memory once.
    members = {key: sys.intern(value) if type(value) is str else value for key, value in pairs}
    if len(members) != len(pairs):
        message = "duplicate key in a JSON object"
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
