"""Dotenv files, from which applications read settings: `NAME=value` lines, read and changed in place.

Libraries differ in the meaning of quotes and backslashes, so values are only written in forms that all of them read
alike.  Everything else in a file stays unchanged, byte by byte.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from tavusctl.lib.patterns import pattern

_PLAIN: Final = pattern(r"[A-Za-z0-9_.,:/@%+-]*")
# Comments are matched too, so that a quote in one does not start a value; a quoted value may have several lines.
_STATEMENT: Final = pattern(
    r"""^(?:
        [^\S\n]*\#[^\n]*
      | \ufeff?[^\S\n]*(?:export[^\S\n]+)?(?P<name>[\w.-]+)[^\S\n]*=[^\S\n]*
        (?P<value>'[^']*'|"(?:\\.|[^"\\])*"|`[^`]*`|[^\n]*?)
        (?=[^\S\n]*(?:(?<=\s)\#[^\n]*)?$)
    )""",
    re.MULTILINE | re.VERBOSE | re.DOTALL,
)


class UnwritableError(ValueError):
    """A value without a form that every library reads alike."""


def quoted(value: str) -> str:
    """A value, quoted if needed, in a form that every library reads alike; UnwritableError if there is none."""
    if _PLAIN.fullmatch(value):
        return value
    if value.isprintable():
        if not set(value) & set("'\\$"):
            return f"'{value}'"
        if not set(value) & set('"\\$`'):
            return f'"{value}"'
    raise UnwritableError("it has characters that programs read differently from one another")


def differing_names(text: str, values: Mapping[str, str]) -> list[str]:
    """The names that a file does not define, or defines with another value than in `values`."""
    existing: dict[str, set[str]] = {}
    for name, value, _ in _assignments(text):
        existing.setdefault(name, set()).add(_unquoted(value))
    return [name for name, value in values.items() if existing.get(name) != {value}]


def merge(text: str, values: Mapping[str, str]) -> str:
    """The text of a file with these values; new names are added at the end, everything else stays unchanged."""
    pieces, end, existing_names = [], 0, set()
    for name, value, start in _assignments(text):
        existing_names.add(name)
        if name in values and _unquoted(value) != values[name]:
            end_of_value = start + len(value)
            # The new value must not touch a comment that follows an empty value.
            gap = " " if text[end_of_value : end_of_value + 1] == "#" else ""
            pieces += [text[end:start], quoted(values[name]), gap]
            end = end_of_value
    result = "".join([*pieces, text[end:]])
    newline = "\r\n" if "\r\n" in text else "\n"
    new = [f"{name}={quoted(value)}{newline}" for name, value in values.items() if name not in existing_names]
    return result + (newline if new and result and not result.endswith("\n") else "") + "".join(new)


def _assignments(text: str) -> Iterator[tuple[str, str, int]]:
    """Every name with its value as written and the offset of that value."""
    for match in _STATEMENT.finditer(text):
        if match["name"]:
            yield match["name"], match["value"], match.start("value")


def _unquoted(value: str) -> str:
    """The value of a written form, without its quotes."""
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"`":
        return value[1:-1]
    return value
