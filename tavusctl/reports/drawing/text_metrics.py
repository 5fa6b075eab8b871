"""Lines of text and their approximate size, estimated without a font."""

from __future__ import annotations

import textwrap
import unicodedata
from typing import Final

from msgspec import Struct

_MAX_LINES: Final = 4


class TextMetrics(Struct, frozen=True):
    """Wrapped lines, and their size in pixels."""

    lines: tuple[str, ...]
    width: float
    height: float


def measure(text: str, size: float, columns: int) -> TextMetrics:
    """A text in lines of about `columns` letters; a text that needs too many lines ends in an ellipsis."""
    lines = textwrap.wrap(text, columns, max_lines=_MAX_LINES, placeholder=" …")
    width = max((sum(_width(letter) for letter in line) for line in lines), default=0) * size * 0.58
    return TextMetrics(tuple(lines), width, len(lines) * size * 1.35)


def _width(letter: str) -> float:
    """The width of a character in ordinary letters; a combining mark has none."""
    if unicodedata.combining(letter):
        return 0.0
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.8
    return 1.2 if letter.isupper() or letter in "mw@%—…" else 1.0
