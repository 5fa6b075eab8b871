"""Markdown tables that GitHub and the documentation site both render."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

NOTE = "<!-- Made by `make reference`; what it says comes from the code. -->"


def cell(text: str) -> str:
    """A text escaped for one table cell, on one line."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a table."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
