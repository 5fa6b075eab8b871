"""Rows for people: columns side by side, as wide as what is in them, and narrower where the line would break."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tavusctl.reports.terminal.line_wrapping import columns
from tavusctl.secrets.escape import escape_invisible
from tavusctl.secrets.redaction import redacted

_GAP: Final = "  "
_NARROWEST: Final = 8  # columns that a text keeps, whatever the width


def drawn(head: Sequence[str], rows: Sequence[Sequence[str]], *, width: int = 0, whole: int = -1) -> str:
    """Rows under their head, a line each; nothing is cut in column `whole`, nor anywhere without a width.

    Secrets are taken out before anything is cut: nobody would find a half of one.
    """
    cells = [[escape_invisible(redacted(cell)).replace("\n", " ") or "-" for cell in row] for row in rows]
    widths = [max(map(columns, column)) for column in zip(head, *cells, strict=True)]
    while width and sum(widths) + len(_GAP) * (len(widths) - 1) > width:
        widest = max((one for one in range(len(widths)) if one != whole), key=widths.__getitem__)
        if widths[widest] <= _NARROWEST:
            break
        widths[widest] -= 1
    lines = [_GAP.join(map(_fitted, row, widths)).rstrip() for row in [head, *cells]]
    return "".join(f"{line}\n" for line in lines)


def _fitted(text: str, width: int) -> str:
    if columns(text) <= width:
        return text + " " * (width - columns(text))
    kept = text
    while columns(kept) > width - 1:
        kept = kept[:-1]
    return kept + "…" + " " * (width - 1 - columns(kept))
