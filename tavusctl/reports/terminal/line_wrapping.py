"""Lines that fit a terminal: broken between words, with the following lines indented.  Colours have no width."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from unicodedata import east_asian_width

from tavusctl.reports.escaping import neutralise
from tavusctl.reports.terminal.styling import unstyle

WIDTH: Final = 80  # columns, if the width of the terminal is unknown
_HANGING_INDENT: Final = 4  # columns; more than the mark of a line has, so that no following line looks like a new one
_MARK: Final = 1  # column: a mark is never left alone on a line
_WORDS: Final = re.compile(r"\s+|\S+")


def wrap(text: str, width: int = WIDTH) -> str:
    """A text whose lines fit; a word that is longer than a line stays whole, so that it can be copied."""
    return neutralise("\n".join(part for line in text.split("\n") for part in _parts(line, width)))


def columns(text: str) -> int:
    """The width of a text on a terminal."""
    bare = unstyle(text)
    return len(bare) if bare.isascii() else sum(2 if east_asian_width(character) in "WF" else 1 for character in bare)


def _parts(line: str, width: int) -> Iterator[str]:
    if columns(line) <= width:
        yield line
        return
    words = _WORDS.findall(line)
    indent = " " * (len(words[0]) if words[0].isspace() else 0)
    hanging_indent = indent + " " * _HANGING_INDENT
    part, blank = indent, ""
    for word in words[1:] if indent else words:
        if word.isspace():
            blank = word
            continue
        if columns(f"{part}{blank}{word}") > width and columns(part.strip()) > _MARK:
            yield part
            part, blank = hanging_indent, ""
        part, blank = f"{part}{blank}{word}", ""
    yield part
