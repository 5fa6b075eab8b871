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

from msgspec import MsgspecError
from msgspec.json import Decoder

from tavusctl.lib.json_types import Container, Json, JsonObject

MAX_DEPTH: Final = 100  # manifests have 64, and whatever keeps them adds a few
MAX_VALUES: Final = 1_000_000  # of one document
MAX_RECORDED: Final = 8_000_000  # of a state, or of all records of a run: what is kept of a project as large as can be
_QUICK: Final = Decoder()  # takes two values for one key, and otherwise what is taken here, and nothing else
_KEYS: Final = re.compile(rb'"[ \n\t\r]*:')
_QUOTED: Final = re.compile(rb'\\"[ \n\t\r]*:')
_MARKS: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{,]', re.DOTALL)


def strict_json(content: bytes, most: int = MAX_VALUES) -> Json:
    """The value in a body; ValueError says what is wrong with it."""
    _check_size(content, most)
    try:
        value = _QUICK.decode(content)
        if _settle(value) == _most_keys(content):
            return value
    except (MsgspecError, RecursionError, UnicodeDecodeError):
        pass  # what is wrong is told by the parser that knows all of it
    return _told(content)


def _told(content: bytes) -> Json:
    """The same by a parser that sees each key, and says what is wrong."""
    try:
        text = content.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_not_finite, parse_float=_finite)
        if "\\ud" in text or "\\uD" in text:  # only an escape can bring half a character
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise ValueError(_DEEP) from None
    _settle(value)
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
    if len(content) < most or _bound(content) <= most:
        return
    values = 1
    for found in _MARKS.finditer(content):  # commas in texts are none
        values += found.group()[:1] != b'"'
        if values > most:
            raise ValueError(_MANY)


def _settle(value: Json) -> int:
    """Check the depth of a value that was just read, and count its keys.

    Thousands of bodies have the same texts, and manifests have them, too: each is in memory once.
    """
    keys, level = 0, [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH):
        below: list[Container] = []
        for outer in level:
            if type(outer) is dict:
                keys += len(outer)
                for key, inner in outer.items():
                    if type(inner) is str:
                        outer[key] = sys.intern(inner)
                    elif type(inner) is dict or type(inner) is list:
                        below.append(inner)
            else:
                below += [inner for inner in outer if type(inner) is dict or type(inner) is list]
        if not below:
            return keys
        level = below
    raise ValueError(_DEEP)


def _most_keys(content: bytes) -> int:
    """As many keys as a text has, or more where other texts begin with a colon, or have a quote before one."""
    found = len(_KEYS.findall(content))
    is_plain = b'\\\\"' not in content  # so a quote behind a backslash ends no text
    return found - len(_QUOTED.findall(content)) if is_plain else found


def _unique(pairs: list[tuple[str, Json]]) -> JsonObject:
    members = dict(pairs)
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
