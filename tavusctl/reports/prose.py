"""Differences of long text, for reading: lines first, then words inside changed lines."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass

_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
CONTEXT = 1


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a difference: `sign` is "-", "+", " " or "…"; `parts` are (text, changed)."""

    sign: str
    parts: tuple[tuple[str, bool], ...]


def lines(old: str, new: str) -> Iterator[Line]:
    """The changed lines of two texts with one unchanged line around, words marked where a line was edited."""
    before, after = old.splitlines(), new.splitlines()
    if before == after:
        yield Line("…", (("only the end of the text or its line breaks differ", False),))
        return
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for number, group in enumerate(matcher.get_grouped_opcodes(CONTEXT)):
        if number:
            yield Line("…", (("", False),))
        for tag, low, high, start, stop in group:
            if tag == "equal":
                yield from (Line(" ", ((text, False),)) for text in before[low:high])
            else:
                yield from _changed(before[low:high], after[start:stop])


def _changed(before: list[str], after: list[str]) -> Iterator[Line]:
    pairs = list(zip(before, after, strict=False))
    marked = [_words(old, new) for old, new in pairs]
    yield from (Line("-", old) for old, _ in marked)
    yield from (Line("-", ((text, True),)) for text in before[len(pairs) :])
    yield from (Line("+", new) for _, new in marked)
    yield from (Line("+", ((text, True),)) for text in after[len(pairs) :])


def _words(old: str, new: str) -> tuple[tuple[tuple[str, bool], ...], tuple[tuple[str, bool], ...]]:
    """Both lines in parts, changed ones marked; lines with little in common are marked whole."""
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    if matcher.quick_ratio() < 0.4:  # noqa: PLR2004 - below this, marks scatter and help nobody
        return ((old, True),), ((new, True),)
    left: list[tuple[str, bool]] = []
    right: list[tuple[str, bool]] = []
    for tag, low, high, start, stop in matcher.get_opcodes():
        changed = tag != "equal"
        left += [("".join(before[low:high]), changed)] if high > low else []
        right += [("".join(after[start:stop]), changed)] if stop > start else []
    return tuple(left), tuple(right)
