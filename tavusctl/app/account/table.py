"""Tables of text: each column as wide as its widest cell, and narrower where the line would exceed the width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tavusctl.reports.terminal.line_wrapping import columns
from tavusctl.secrets.escape import escape_invisible
from tavusctl.secrets.redaction import redacted

_GAP: Final = "  "
_NARROWEST: Final = 8  # characters that a column keeps, however small the width is


def draw_table(head: Sequence[str], rows: Sequence[Sequence[str]], *, width: int = 0, whole: int = -1) -> str:
    """A table with one line for each row; without a width nothing is cut, and column `whole` (its index) never is.

    Secrets are redacted before cells are cut, because half of a secret would not be recognised.
    """
    cells = [[escape_invisible(redacted(cell)).replace("\n", " ") or "-" for cell in row] for row in rows]
    widths = [max(map(columns, column)) for column in zip(head, *cells, strict=True)]
    while width and sum(widths) + len(_GAP) * (len(widths) - 1) > width:
        widest = max((index for index in range(len(widths)) if index != whole), key=widths.__getitem__)
        if widths[widest] <= _NARROWEST:
            break
        widths[widest] -= 1
    lines = [_GAP.join(map(_fitted, row, widths)).rstrip() for row in [head, *cells]]
    return "".join(f"{line}\n" for line in lines)


def _fitted(text: str, width: int) -> str:
    if columns(text) <= width:
        return text + " " * (width - columns(text))
    cut = text
    while columns(cut) > width - 1:
        cut = cut[:-1]
    return cut + "…" + " " * (width - 1 - columns(cut))
