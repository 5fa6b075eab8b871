"""About how many tokens a text has."""

from __future__ import annotations


def about(text: str) -> int:
    """An approximate count."""
    return -(-len(text) // 4)
