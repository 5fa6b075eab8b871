"""Types of JSON values (RFC 8259), as `json.loads` returns them, and checks of such types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NoReturn, TypeAlias

from msgspec import field

Json: TypeAlias = object  # any JSON value, of a type not yet checked
JsonObject: TypeAlias = dict[str, Json]  # a JSON object
Container: TypeAlias = JsonObject | list[Json]
KeyPath: TypeAlias = tuple[str, ...]  # keys from the root of a document to a value; list indices are text
PLAIN: Final = frozenset({str, int, float, bool, type(None)})  # types of leaves that are JSON values
# The value and the default of fields that are empty in nearly all of thousands of values: always the same mapping.
EMPTY: Final[Mapping[str, NoReturn]] = {}
NOTHING: Final = field(default_factory=lambda: EMPTY)


def special_leaves(value: Json) -> list[tuple[KeyPath, Json]]:
    """The leaves that are not JSON values, with their paths; fast for documents without such leaves, which are most."""
    if is_plain(value):
        return []
    if isinstance(value, dict):
        items = [*value.items()]
    elif isinstance(value, list):
        items = [(str(index), item) for index, item in enumerate(value)]
    else:
        return [((), value)]
    return [((key, *path), leaf) for key, item in items for path, leaf in special_leaves(item)]


def is_plain(value: Json) -> bool:
    """Whether all leaves are JSON values."""
    if type(value) is not dict and type(value) is not list:
        return type(value) in PLAIN
    for item in value.values() if type(value) is dict else value:
        if type(item) not in PLAIN and not is_plain(item):
            return False
    return True


def as_object(value: Json) -> JsonObject:
    """The value, if it is an object; else TypeError."""
    if not isinstance(value, dict):
        _refuse("an object", value)
    return value


def as_list(value: Json) -> list[Json]:
    """The value, if it is a list; else TypeError."""
    if not isinstance(value, list):
        _refuse("a list", value)
    return value


def as_text(value: Json) -> str:
    """The value, if it is text; else TypeError."""
    if not isinstance(value, str):
        _refuse("text", value)
    return value


def as_integer(value: Json) -> int:
    """The value, if it is a whole number; else TypeError."""
    if not isinstance(value, int) or isinstance(value, bool):
        _refuse("a whole number", value)
    return value


def as_number(value: Json) -> float:
    """The value, if it is a number; else TypeError."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        _refuse("a number", value)
    return value


def as_boolean(value: Json) -> bool:
    """The value, if it is true or false; else TypeError."""
    if not isinstance(value, bool):
        _refuse("true or false", value)
    return value


def _refuse(expected: str, value: Json) -> NoReturn:
    raise TypeError(f"expected {expected}, found a value of the type {type(value).__name__}")
