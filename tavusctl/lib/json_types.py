"""Types of JSON values (RFC 8259): what `json.loads` returns, and what has not been looked into yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NoReturn, TypeAlias

Json: TypeAlias = object  # any JSON value, not looked into
JsonObject: TypeAlias = dict[str, Json]  # a JSON object
Container: TypeAlias = JsonObject | list[Json]
KeyPath: TypeAlias = tuple[str, ...]  # keys from the root of a document to a value; list indices are text
PLAIN: Final = frozenset({str, int, float, bool, type(None)})  # types of leaves that are JSON values


def special_leaves(value: Json) -> list[tuple[KeyPath, Json]]:
    """The leaves that are no JSON values, with their paths: few documents have any, and those few have few."""
    if isinstance(value, dict):
        inner = [(key, item) for key, item in value.items() if type(item) not in PLAIN]
    elif isinstance(value, list):
        inner = [(str(index), item) for index, item in enumerate(value) if type(item) not in PLAIN]
    else:
        return [] if type(value) in PLAIN else [((), value)]
    return [((key, *path), leaf) for key, item in inner for path, leaf in special_leaves(item)]


def with_members(value: Container, change: Callable[[Json], Json]) -> Container:
    """A collection with each of its members changed; itself where none is, so that equal documents are one."""
    if isinstance(value, dict):
        changed = {key: new for key, item in value.items() if (new := change(item)) is not item}
        return value | changed if changed else value
    items = [change(item) for item in value]
    return items if any(new is not item for new, item in zip(items, value, strict=True)) else value


def as_object(value: Json) -> JsonObject:
    """A value that has to be an object; TypeError when it is none."""
    if not isinstance(value, dict):
        _refuse("an object", value)
    return value


def as_list(value: Json) -> list[Json]:
    """A value that has to be a list; TypeError when it is none."""
    if not isinstance(value, list):
        _refuse("a list", value)
    return value


def as_text(value: Json) -> str:
    """A value that has to be text; TypeError when it is none."""
    if not isinstance(value, str):
        _refuse("text", value)
    return value


def as_integer(value: Json) -> int:
    """A value that has to be a whole number; TypeError when it is none."""
    if not isinstance(value, int) or isinstance(value, bool):
        _refuse("a whole number", value)
    return value


def as_number(value: Json) -> float:
    """A value that has to be a number; TypeError when it is none."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        _refuse("a number", value)
    return value


def as_boolean(value: Json) -> bool:
    """A value that has to be true or false; TypeError when it is neither."""
    if not isinstance(value, bool):
        _refuse("true or false", value)
    return value


def _refuse(expected: str, value: Json) -> NoReturn:
    message = f"expected {expected}, found a value of the type {type(value).__name__}"
    raise TypeError(message)
