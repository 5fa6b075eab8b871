"""Where an edit of a text belongs that was put together of words and expressions.

Either the account's text still has all that the expressions brought, word for word, and the words around it were
edited; or all else is as it was, and the edit is in what one expression brought.  Anything else is not clear.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from msgspec import Struct

from tavusctl.config.interpolation import literally, pieces, unescaped

_MOST = 500  # ways to find the expressions again in a text


class Piece(Struct, frozen=True):
    """A part of a text as it is written, and what it stands for."""

    raw: str
    text: str
    is_expression: bool


class Edited(Struct, frozen=True):
    """What an edit makes of a text: how it is written now, or what an expression brings now."""

    raw: str
    expression: str = ""
    text: str = ""


def split_template(raw: str, brings: Callable[[str], str | None]) -> tuple[Piece, ...] | None:
    """The pieces of a text; None when what an expression brings is not known."""
    found = []
    for piece, is_expression in pieces(raw):
        text = brings(piece) if is_expression else unescaped(piece)
        if text is None:
            return None
        found.append(Piece(piece, text, is_expression))
    return tuple(found)


def edited(parts: Sequence[Piece], live: str) -> Edited | None:
    """Where an edit belongs that has made another text of these pieces; None when that is not clear."""
    return _around(parts, live) or _inside(parts, live)


def _around(parts: Sequence[Piece], live: str) -> Edited | None:
    """The words around the expressions were edited, in the one way that leaves most of them as they were."""
    brought = [one for one in parts if one.is_expression]
    if not all(one.text for one in brought):
        return None
    words = _words(parts)
    ways = list(islice(_ways([one.text for one in brought], live), _MOST + 1))
    likeness = [sum(old == new for old, new in zip(words, way, strict=True)) for way in ways]
    best = [way for way, count in zip(ways, likeness, strict=True) if count == max(likeness)]
    if len(best) != 1 or len(ways) > _MOST:
        return None
    written = [_written(old, new, raw) for old, new, raw in zip(words, best[0], _raw_words(parts), strict=True)]
    return Edited(
        "".join(text for pair in zip(written, [*(one.raw for one in brought), ""], strict=True) for text in pair)
    )


def _inside(parts: Sequence[Piece], live: str) -> Edited | None:
    """What one expression brought was edited, and nothing else was."""
    found = []
    for index, part in enumerate(parts):
        before = "".join(one.text for one in parts[:index])
        after = "".join(one.text for one in parts[index + 1 :])
        fits = live.startswith(before) and live.endswith(after) and len(live) >= len(before) + len(after)
        if part.is_expression and fits:
            found.append(
                Edited("".join(one.raw for one in parts), part.raw, live[len(before) : len(live) - len(after)])
            )
    return found[0] if len(found) == 1 else None


def _words(parts: Sequence[Piece]) -> list[str]:
    return [unescaped(raw) for raw in _raw_words(parts)]


def _raw_words(parts: Sequence[Piece]) -> list[str]:
    """The words before, between and after the expressions, as they are written."""
    words = [""]
    for one in parts:
        if one.is_expression:
            words.append("")
        else:
            words[-1] += one.raw
    return words


def _written(old: str, new: str, raw: str) -> str:
    return raw if old == new else literally(new)


def _ways(texts: Sequence[str], live: str) -> Iterator[list[str]]:
    """What may stand before, between and after some texts, for every way to find them in their order."""
    if not texts:
        yield [live]
        return
    at = live.find(texts[0])
    while at >= 0:
        for rest in _ways(texts[1:], live[at + len(texts[0]) :]):
            yield [live[:at], *rest]
        at = live.find(texts[0], at + 1)
