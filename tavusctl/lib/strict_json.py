"""Strict and bounded parsing of untrusted JSON (RFC 8259): unique keys, finite numbers, valid characters, size limits.

The limits are on values and depth, not on bytes: in memory, the shortest values need thirty times the size of their
text, and very deep documents cannot be walked recursively.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Final, NoReturn

from msgspec import MsgspecError, Raw, ValidationError
from msgspec.json import Decoder

from tavusctl.lib.json_types import Container, Json, JsonObject
from tavusctl.lib.patterns import pattern

MAX_DEPTH: Final = 100  # manifests may have 64 levels, and documents that contain them add a few
MAX_VALUES: Final = 1_000_000  # in one document
MAX_RECORDED: Final = 8_000_000  # in a state, or in all records of a run; enough for the largest possible project
_QUICK_DECODER: Final = Decoder()  # accepts duplicate keys, but otherwise the same texts as `strict_json`
_MEMBERS_DECODER: Final = Decoder(dict[str, Raw])  # leaves the members of an object as they are
_ITEMS_DECODER: Final = Decoder(list[Raw])  # the same for the items of a list
_PIECE: Final = 256 * 1024  # bytes: a larger value is decoded in parts
# The empty object and the empty list of all documents: nobody adds to a document that was read.
_EMPTY: Final[Mapping[type, Container]] = {dict: {}, list: []}
_ESCAPED_COLON: Final = pattern(rb"\\u003[aA]")
_TOKENS: Final = pattern(rb'"(?:[^"\\]++|\\.)*+"?|[\[{,]', re.DOTALL)


def strict_json(content: bytes, most: int = MAX_VALUES) -> Json:
    """The value of a JSON text; ValueError describes its first fault.  `most` is the maximum number of values."""
    _check_size(content, most)
    try:
        value, colons = _decode(content, MAX_DEPTH)
        # The value lacks the colons of members whose key is there twice; an escaped colon could make up for one.
        if colons == content.count(b":") and not (rb"\u003" in content and _ESCAPED_COLON.search(content)):
            return value
    except (MsgspecError, RecursionError, UnicodeDecodeError):
        pass  # the slower parser below describes the fault
    return _decode_slowly(content)


def _decode(content: bytes | Raw, depth: int) -> tuple[Json, int]:
    """A value and the number of its colons; of a large one, each member or item on its own, to need less memory."""
    if memoryview(content).nbytes > _PIECE:
        with contextlib.suppress(ValidationError):
            members = {key: _decode(raw, depth - 1) for key, raw in _MEMBERS_DECODER.decode(content).items()}
            value = {key: member for key, (member, _) in members.items()}
            return value, len(value) + "".join(value).count(":") + sum(colons for _, colons in members.values())
        with contextlib.suppress(ValidationError):
            items = [_decode(raw, depth - 1) for raw in _ITEMS_DECODER.decode(content)]
            return [item for item, _ in items], sum(colons for _, colons in items)
    value = _QUICK_DECODER.decode(content)
    return value, _check_depth_and_intern(value, depth)


def _decode_slowly(content: bytes) -> Json:
    """The value of a JSON text, by a slower parser that detects duplicate keys and describes faults."""
    try:
        text = content.decode("utf-8")
        value = json.loads(
            text, object_pairs_hook=_unique_members, parse_constant=_refuse_infinite, parse_float=_finite
        )
        if "\\ud" in text or "\\uD" in text:  # only an escape can produce a lone surrogate
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise ValueError(_DEEP) from None
    _check_depth_and_intern(value, MAX_DEPTH)
    return value


def strict_lines(lines: Iterable[bytes], most: int = MAX_RECORDED) -> list[Json]:
    """The values of lines; ValueError describes the first fault.  `most` is the maximum of all values together."""
    values = []
    for line in lines:
        most -= max_values(line)
        if most < 0:
            raise ValueError(_MANY)
        values.append(strict_json(line))
    return values


_DEEP: Final = "it is nested too deeply"
_MANY: Final = "it has too many values"


def max_values(content: bytes) -> int:
    """An upper bound of the number of values in a JSON text."""
    return 1 + content.count(b",") + content.count(b"[") + content.count(b"{")


def _check_size(content: bytes, most: int) -> None:
    if len(content) < most or max_values(content) <= most:
        return
    values = 1
    for match in _TOKENS.finditer(content):  # skips commas and brackets in texts
        values += match.group()[:1] != b'"'
        if values > most:
            raise ValueError(_MANY)


def _check_depth_and_intern(value: Json, depth: int) -> int:
    """Check the depth of a parsed value, and count the colons in its JSON: one after each key, and those in texts.

    Its texts are interned, because thousands of bodies, and the manifests too, have equal texts; so are empty objects
    and lists, which stand for most fields that nobody has set.
    """
    if not isinstance(value, dict | list):
        return value.count(":") if isinstance(value, str) else 0
    colons, level = 0, [value]
    for remaining in range(depth, 0, -1):
        if remaining == 1 and any(isinstance(inner, dict | list) for outer in level for inner in _inner(outer)):
            break  # also if these are empty
        next_level: list[Container] = []
        for outer in level:
            colons += _intern_texts(outer, next_level)
        if not next_level:
            return colons
        level = next_level
    raise ValueError(_DEEP)


def _intern_texts(container: Container, containers: list[Container]) -> int:
    """Intern the texts of an object or a list, and share its empty containers; add the others, count colons."""
    colons = len(container) + "".join(container).count(":") if type(container) is dict else 0
    for at, inner in container.items() if type(container) is dict else enumerate(container):
        if type(inner) is str:
            container[at] = sys.intern(inner)  # type: ignore[index]  # a key, or the index of an item
            colons += inner.count(":")
        elif type(inner) is dict or type(inner) is list:
            if inner:
                containers.append(inner)
            else:
                container[at] = _EMPTY[type(inner)]  # type: ignore[index]  # as above
    return colons


def _inner(container: Container) -> Iterable[Json]:
    return container.values() if isinstance(container, dict) else container


def _unique_members(pairs: list[tuple[str, Json]]) -> JsonObject:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate key in a JSON object")
    return members


def _refuse_infinite(text: str) -> NoReturn:
    raise ValueError(f"it has the number {text}")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        _refuse_infinite(text)
    return value
