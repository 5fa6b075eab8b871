"""JSON Pointers (RFC 6901): paths of values in a document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tavusctl.lib.json_types import Json, KeyPath
from tavusctl.lib.patterns import pattern

_INVALID_ESCAPE = pattern("~(?![01])")
# Array indices have no sign, no leading zero and only ASCII digits.
_INDEX = pattern(r"0|[1-9][0-9]*")


class PatchError(ValueError):
    """A pointer or an operation does not fit the document."""


def escape(segment: str) -> str:
    """A key as it is written inside a pointer."""
    return segment.replace("~", "~0").replace("/", "~1") if "~" in segment or "/" in segment else segment


def join(path: Iterable[str]) -> str:
    """The pointer to a path of keys."""
    return "".join([f"/{escape(segment)}" for segment in path])


def split(pointer: Json) -> KeyPath:
    """The path of keys of a pointer; PatchError if the text is not a pointer."""
    if pointer == "":
        return ()
    if not isinstance(pointer, str) or not pointer.startswith("/") or _INVALID_ESCAPE.search(pointer):
        raise PatchError(f"not a pointer: {pointer!r}")
    parts = pointer[1:].split("/")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in parts) if "~" in pointer else tuple(parts)


def with_parents(pointer: str) -> Iterator[str]:
    """A pointer and those above it, without that of the document."""
    while pointer:
        yield pointer
        pointer = pointer.rpartition("/")[0]


def resolve(document: Json, pointer: Json) -> Json:
    """The value at a pointer; PatchError if there is none."""
    for segment in split(pointer):
        document = child(document, segment)
    return document


def child(container: Json, segment: str) -> Json:
    """The member or item of a container; PatchError if there is none."""
    if isinstance(container, dict) and segment in container:
        return container[segment]
    if isinstance(container, list):
        return container[index(segment, len(container) - 1)]
    raise PatchError(f"nothing at {segment!r}")


def index(segment: str, last: int) -> int:
    """A segment as an array index of at most `last`; PatchError if it is not one."""
    if _INDEX.fullmatch(segment) and len(segment) <= len(str(last)) and int(segment) <= last:
        return int(segment)
    raise PatchError(f"{segment!r} is no index up to {last}")
