"""Hints for invalid YAML: what the author of a line probably has to correct."""

from __future__ import annotations

import re
from typing import Final

from tavusctl.lib.patterns import pattern

_KEY: Final = pattern(r"\s*(?:- )*[\w.-]+\s*")
_FRAME: Final = pattern(r"[\s\u200b\ufeff]*[-\w.]*[\s\u200b\ufeff]*[:\uff1a]?[\s\u200b\ufeff]*")  # up to the value
_CLOSED: Final = pattern(r"[^\[{]*: +(?:\[.*\]|\{.*\})\s*")  # more text follows what only begins like a list
_LOOK_ALIKE: Final = pattern(r"[^\S \t\r\n]|[\u200b\ufeff\uff1a]")
_TYPOGRAPHIC: Final = pattern(r"\s*(?:- +)*(?:[\w.-]+: +)?(?:- +)*[\u201c-\u201f\u2018-\u201b\u00ab\u00bb]")
_INDICATORS: Final = ("%", "@", "`", "*", "&", "?")  # a text that begins with one needs quotes
_SPACED: Final = pattern(r"\$\{\s*(ref|file|var|secret)\s*:\s+[^\s{}]+\s*\}")
_QUOTES: Final = r"write a quote inside a text as `''` between single quotes, as `\"` between double quotes"
_SAME_INDENT: Final = "indent all keys of one mapping, and all items of one list, by the same number of spaces"
_BY_PROBLEM: Final = (  # part of the problem that the parser names, in C or in Python, and its hint
    ("',' or", "separate the items with commas, and close the bracket"),
    ("node content", "close the bracket"),
    ("unknown escape character", r"write a backslash as `\\`, or use single quotes"),
    ("comment or", "write the text into the lines below, and indent them"),
    ("line break", "write the text into the lines below, and indent them"),
    ("sequence entries", "put quotes around the text, or write the list into the lines below"),
    ("'-' indicator", _SAME_INDENT),
)
_STRAIGHT_QUOTES = 'the quotes of a text must be straight: replace the typographic ones by `"`'


def hint(problem: str, above: str, line: str, column: int) -> str:
    """The hint for a problem of the parser at a column (from 1) of a line; `above` is the last line with text before.

    Empty if the cause is unknown.  It quotes no text of the file, which may be a secret.
    """
    return (
        look_alike_hint(line)
        or look_alike_hint(above, "the line above")
        or (_STRAIGHT_QUOTES if _TYPOGRAPHIC.match(line) else _usual_hint(problem, above, line, column))
    )


def _usual_hint(problem: str, above: str, line: str, column: int) -> str:
    """The hint for a problem among ordinary characters."""
    before = line[: column - 1]
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "indent with spaces, not with tabs"
    spaced = _SPACED.search(line)
    if spaced:
        return f"remove the spaces inside `${{{spaced[1]}:...}}`"
    if "${" in line and re.search(r"\[|(?<!\$)\{", line):
        return 'inside `[ ]` and `{ }`, put `"${...}"` in quotes'
    if "mapping values" in problem and _KEY.fullmatch(before) and above:
        return _continued_value_hint(above)
    if "mapping values" in problem or line[column - 1 : column] in _INDICATORS:
        return "put quotes around the text"
    if "expected key" in problem or "<block end>" in problem:
        return _key_hint(above, before, line[column - 1 :])
    if "node content" in problem and line[column - 1 : column] in (",", "]", "}"):
        return "remove it, or write a value before it"
    return next((advice for part, advice in _BY_PROBLEM if part in problem), "")


def look_alike_hint(line: str, where: str = "this line") -> str:
    """The hint for a character before a value that only looks like a space or a colon; empty if there is none."""
    frame = _FRAME.match(line)
    found = _LOOK_ALIKE.search(frame.group()) if frame else None
    if not found:
        return ""
    right = "a colon `:`" if found.group() == "\uff1a" else "a normal space"
    return f"in {where}, replace the character U+{ord(found.group()):04X} by {right}"


def _key_hint(above: str, before: str, after: str) -> str:
    """The hint for a line in which the parser expects a key between two texts."""
    if before.rstrip()[-1:] in ("'", '"'):
        return _QUOTES
    if _CLOSED.fullmatch(before):
        return "put quotes around the text"
    if after.startswith("- ") and not above.lstrip().startswith("-"):
        return "remove `- ` at the beginning of the line"
    return _SAME_INDENT


def _continued_value_hint(above: str) -> str:
    """The hint for a key that the parser read as more text of the line above."""
    _, colon, value = above.strip().partition(":")
    if not colon or (value and not value.startswith(" ")):
        return "put a colon and a space after the key in the line above"
    return "begin the key in this line and the key in the line above in the same column"
