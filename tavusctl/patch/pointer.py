"""JSON Pointers (RFC 6901): the names of places in a document."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

_STRAY = re.compile("~(?![01])")
# Array indices have no sign, no leading zero and only ASCII digits.
_INDEX = re.compile(r"0|[1-9][0-9]*")


class MisfitError(ValueError):
    """A pointer or an operation does not fit the document."""


def escape(segment: str) -> str:
    """One key as it is written inside a pointer."""
    return segment.replace("~", "~0").replace("/", "~1")


def join(path: Iterable[str]) -> str:
    """The pointer to a path of keys."""
    return "".join([f"/{escape(segment)}" for segment in path])


def split(pointer: Any) -> tuple[str, ...]:
    """The path of keys a pointer names; MisfitError when it is not a pointer."""
    if pointer == "":
        return ()
    if not isinstance(pointer, str) or not pointer.startswith("/") or _STRAY.search(pointer):
        message = f"not a pointer: {pointer!r}"
        raise MisfitError(message)
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/"))


def resolve(document: Any, pointer: str) -> Any:
    """What stands at a pointer; MisfitError when nothing does."""
    for segment in split(pointer):
        document = child(document, segment)
    return document


def child(container: Any, segment: str) -> Any:
    """The member or item of a container; MisfitError when there is none."""
    if isinstance(container, dict) and segment in container:
        return container[segment]
    if isinstance(container, list):
        return container[index(segment, len(container) - 1)]
    message = f"nothing at {segment!r}"
    raise MisfitError(message)


def index(segment: str, last: int) -> int:
    """A segment as an array index up to `last`; MisfitError otherwise."""
    if _INDEX.fullmatch(segment) and len(segment) <= len(str(last)) and int(segment) <= last:
        return int(segment)
    message = f"{segment!r} is no index up to {last}"
    raise MisfitError(message)
