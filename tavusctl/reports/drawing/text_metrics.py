"""Lines of text and the room they take, as near as one can tell without a font."""

from __future__ import annotations

import textwrap
import unicodedata
from typing import Final

from msgspec import Struct

_MOST_LINES: Final = 4


class TextMetrics(Struct, frozen=True):
    """Wrapped lines, and their size in pixels."""

    lines: tuple[str, ...]
    width: float
    height: float


def measured(text: str, size: float, columns: int) -> TextMetrics:
    """A text in lines of about `columns` letters; what is longer than a few lines ends in an ellipsis."""
    lines = textwrap.wrap(text, columns, max_lines=_MOST_LINES, placeholder=" …")
    width = max((_columns(line) for line in lines), default=0) * size * 0.58
    return TextMetrics(tuple(lines), width, len(lines) * size * 1.35)


def _columns(line: str) -> float:
    return sum(_width(letter) for letter in line)


def _width(letter: str) -> float:
    """Compared with an ordinary letter; a mark that sits on another takes no room."""
    if unicodedata.combining(letter):
        return 0.0
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.8
    return 1.2 if letter.isupper() or letter in "mw@%—…" else 1.0
