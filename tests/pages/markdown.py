"""Tables of Markdown, as GitHub and the site read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

NOTE = "<!-- Made by `make reference`; what it says comes from the code. -->"


def cell(text: str) -> str:
    """A text in one cell of a table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a table."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
