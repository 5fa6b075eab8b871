"""The files that applications read their settings from: `NAME=value` lines, read and changed in place.

Libraries differ in what quotes and backslashes mean, so values are written in forms that they read alike, and whatever
else is in a file is left as it is, byte by byte.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

_PLAIN: Final = re.compile(r"[A-Za-z0-9_.,:/@%+-]*")
# Comments are matched, too, so that a quote in one does not begin a value; and a quoted value may go over lines.
_STATEMENT: Final = re.compile(
    r"""^(?:
        [^\S\n]*\#[^\n]*
      | \ufeff?[^\S\n]*(?:export[^\S\n]+)?(?P<name>[\w.-]+)[^\S\n]*=[^\S\n]*
        (?P<value>'[^']*'|"(?:\\.|[^"\\])*"|`[^`]*`|[^\n]*?)
        (?=[^\S\n]*(?:(?<=\s)\#[^\n]*)?$)
    )""",
    re.MULTILINE | re.VERBOSE | re.DOTALL,
)


class UnwritableError(ValueError):
    """A value that not every library would read back."""


def quoted(value: str) -> str:
    """A value as every library reads it; UnwritableError when there is no such form."""
    if _PLAIN.fullmatch(value):
        return value
    if value.isprintable():
        if not set(value) & set("'\\$"):
            return f"'{value}'"
        if not set(value) & set('"\\$`'):
            return f'"{value}"'
    message = "it has characters that programs read differently from one another"
    raise UnwritableError(message)


def stale(text: str, values: Mapping[str, str]) -> list[str]:
    """Names that a file does not have, or has with another value."""
    found: dict[str, set[str]] = {}
    for name, value, _ in _assignments(text):
        found.setdefault(name, set()).add(_meant(value))
    return [name for name, value in values.items() if found.get(name) != {value}]


def merged(text: str, values: Mapping[str, str]) -> str:
    """The text of a file in which names have these values; new ones stand at its end, all else stays as it is."""
    pieces, end, known = [], 0, set()
    for name, value, start in _assignments(text):
        known.add(name)
        if name in values and _meant(value) != values[name]:
            end_of_value = start + len(value)
            # A comment after an empty value must not come to touch the new one.
            gap = " " if text[end_of_value : end_of_value + 1] == "#" else ""
            pieces += [text[end:start], quoted(values[name]), gap]
            end = end_of_value
    result = "".join([*pieces, text[end:]])
    newline = "\r\n" if "\r\n" in text else "\n"
    new = [f"{name}={quoted(value)}{newline}" for name, value in values.items() if name not in known]
    return result + (newline if new and result and not result.endswith("\n") else "") + "".join(new)


def _assignments(text: str) -> Iterator[tuple[str, str, int]]:
    """Every name, its value as it is written, and where that begins."""
    for found in _STATEMENT.finditer(text):
        if found["name"]:
            yield found["name"], found["value"], found.start("value")


def _meant(value: str) -> str:
    """The value that is meant by one as written."""
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"`":
        return value[1:-1]
    return value
