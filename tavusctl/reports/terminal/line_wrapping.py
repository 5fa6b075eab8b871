"""Lines that fit a terminal: broken between words, with the following lines indented.  Colours have no width.

A literal in backticks, such as a command, is one word, and so are the id and the slug of a diagnostic.  The excerpt of
a file is cut, on both sides if need be, so that its caret is seen and stays in place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final
from unicodedata import east_asian_width

from tavusctl.lib.patterns import pattern
from tavusctl.reports.escaping import neutralise
from tavusctl.reports.terminal.styling import unstyle

WIDTH: Final = 80  # columns, if the width of the terminal is unknown
_HANGING_INDENT: Final = 4  # columns; more than the mark of a line has, so that no following line looks like a new one
_MARK: Final = 1  # column: a mark is never left alone on a line
_WORDS: Final = pattern(r"\s+|(?:`[^`]*`|\[[A-Z]+[0-9]+ [a-z0-9-]+\]|\S)+")
_COMMAND: Final = pattern(r"[a-z ]+: tavusctl ")  # a line with a command at its end, to be copied
_GAP: Final = pattern(r"(?<=\S) {2,}(?=\S)")  # between columns
_NARROWEST_COLUMN: Final = 20  # columns of a terminal
EXCERPT: Final = "  | "  # before the line of a file, and before the caret below it
_AFTER_CARET: Final = 8  # columns of a terminal, at least, for what is wrong
_CARET: Final = pattern(rf"{re.escape(EXCERPT)}( *)(?=\x1b|\^)")


def wrap(text: str, width: int = WIDTH, *, is_table: bool = False) -> str:
    """A text whose lines fit; a word or a literal that is longer than a line stays whole, so that it can be copied.

    In a table, the following lines are below the last column, if that has room.
    """
    lines = _with_visible_carets(text.split("\n"), width)
    return neutralise("\n".join(part for line in lines for part in _parts(line, width, is_table=is_table)))


def columns(text: str) -> int:
    """The width of a text on a terminal."""
    bare = unstyle(text)
    return len(bare) if bare.isascii() else sum(2 if east_asian_width(character) in "WF" else 1 for character in bare)


def _with_visible_carets(lines: Sequence[str], width: int) -> Iterator[str]:
    """The lines; of an excerpt whose caret would be outside of the terminal, the end, and the caret below it."""
    cut = 0  # columns
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        caret = _CARET.match(following)
        if line.startswith(EXCERPT) and caret and len(caret[0]) > width - _AFTER_CARET:
            rest, place = line.removeprefix(EXCERPT), len(caret[1])
            start, column = 0, 0
            while place - column + 1 > width // 2:
                start, column = start + 1, column + columns(rest[start])
            cut = column - 1
            yield f"{EXCERPT}…{rest[start:]}"
        else:
            yield EXCERPT + line[len(EXCERPT) + cut :] if cut else line
            cut = 0


def _parts(line: str, width: int, *, is_table: bool) -> Iterator[str]:
    if columns(line) <= width or _COMMAND.match(line):
        yield line
        return
    if line.startswith(EXCERPT):
        yield _beginning(line, width)
        return
    words = _WORDS.findall(line)
    indent = " " * (len(words[0]) if words[0].isspace() else 0)
    column = _last_column(line) if is_table else 0
    hanging_indent = indent + " " * _HANGING_INDENT
    column_indent = " " * column if 0 < column < width - _NARROWEST_COLUMN else hanging_indent
    part, blank = indent, ""
    for word in words[1:] if indent else words:
        if word.isspace():
            blank = word
            continue
        if columns(f"{part}{blank}{word}") > width and columns(part.strip()) > _MARK:
            yield part
            part, blank = column_indent if columns(f"{column_indent}{word}") <= width else hanging_indent, ""
        part, blank = f"{part}{blank}{word}", ""
    yield part


def _last_column(line: str) -> int:
    """Where the last column of a line of a table begins; 0 if there is only one."""
    *_, last = [0, *(match.end() for match in _GAP.finditer(unstyle(line)))]
    return last


def _beginning(line: str, width: int) -> str:
    """The beginning of a line that is too long, with an ellipsis."""
    used = 0
    for index, character in enumerate(line):
        used += columns(character)
        if used >= width:
            return f"{line[:index]}…"
    return line
