"""Find out where an edit belongs in a text that is composed of words and expressions.

Either the live text still has the values of all expressions, unchanged, and the words around them were edited; or all
else is unchanged, and the value of one expression was edited.  Anything else is ambiguous.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from msgspec import Struct

from tavusctl.config.interpolation import escape_expressions, pieces, unescaped

_MAX_PLACEMENTS = 500  # ways to find the values of the expressions in a live text; more are ambiguous


class Piece(Struct, frozen=True):
    """A part of a text: `raw` as it is written, `text` the value."""

    raw: str
    text: str
    is_expression: bool


class TemplateEdit(Struct, frozen=True):
    """An edited text as it is written now; with `expression`, the value of that was edited, and is `text` now."""

    raw: str
    expression: str = ""
    text: str = ""


def split_template(raw: str, value_of: Callable[[str], str | None]) -> tuple[Piece, ...] | None:
    """The pieces of a text; None if `value_of` returns no value for one of its expressions."""
    parts = []
    for piece, is_expression in pieces(raw):
        text = value_of(piece) if is_expression else unescaped(piece)
        if text is None:
            return None
        parts.append(Piece(piece, text, is_expression))
    return tuple(parts)


def find_edit(parts: Sequence[Piece], live: str) -> TemplateEdit | None:
    """The edit that turned these pieces into the live text; None if it is ambiguous."""
    return _edit_of_words(parts, live) or _edit_of_value(parts, live)


def _edit_of_words(parts: Sequence[Piece], live: str) -> TemplateEdit | None:
    """An edit of the words around the expressions; None if it is ambiguous.

    Of several ways to place the expressions, the one that leaves most of the words unchanged counts.
    """
    expressions = [part for part in parts if part.is_expression]
    if not all(part.text for part in expressions):
        return None
    words = [unescaped(raw) for raw in _raw_words(parts)]
    placements = list(islice(_placements([part.text for part in expressions], live), _MAX_PLACEMENTS + 1))
    unchanged_counts = [sum(old == new for old, new in zip(words, placement, strict=True)) for placement in placements]
    best = [
        placement
        for placement, count in zip(placements, unchanged_counts, strict=True)
        if count == max(unchanged_counts)
    ]
    if len(best) != 1 or len(placements) > _MAX_PLACEMENTS:
        return None
    edited = zip(words, best[0], _raw_words(parts), strict=True)
    raw_words = [raw if old == new else escape_expressions(new) for old, new, raw in edited]
    return TemplateEdit(
        "".join(
            text for pair in zip(raw_words, [*(part.raw for part in expressions), ""], strict=True) for text in pair
        )
    )


def _edit_of_value(parts: Sequence[Piece], live: str) -> TemplateEdit | None:
    """An edit of the value of one expression and of nothing else; None if it is ambiguous."""
    edits = []
    for index, part in enumerate(parts):
        before = "".join(piece.text for piece in parts[:index])
        after = "".join(piece.text for piece in parts[index + 1 :])
        fits = live.startswith(before) and live.endswith(after) and len(live) >= len(before) + len(after)
        if part.is_expression and fits:
            edits.append(
                TemplateEdit(
                    "".join(piece.raw for piece in parts), part.raw, live[len(before) : len(live) - len(after)]
                )
            )
    return edits[0] if len(edits) == 1 else None


def _raw_words(parts: Sequence[Piece]) -> list[str]:
    """The raw text before, between and after the expressions."""
    words = [""]
    for part in parts:
        if part.is_expression:
            words.append("")
        else:
            words[-1] += part.raw
    return words


def _placements(texts: Sequence[str], live: str) -> Iterator[list[str]]:
    """The words before, between and after some texts, for every way to find the texts in their order."""
    if not texts:
        yield [live]
        return
    offset = live.find(texts[0])
    while offset >= 0:
        for rest in _placements(texts[1:], live[offset + len(texts[0]) :]):
            yield [live[:offset], *rest]
        offset = live.find(texts[0], offset + 1)
