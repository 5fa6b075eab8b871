"""Differences of long text, for reading: lines first, then words inside changed lines, moved paragraphs as moved.

`rows` is the difference side by side, `lines` the same in one column.  Every changed character is in both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from itertools import groupby

from msgspec import Struct

from tavusctl.lib.diffing import sequence_alignment
from tavusctl.lib.diffing.moved_paragraphs import Move, moves
from tavusctl.lib.diffing.sequence_alignment import Gap

_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
_ALIKE = 0.4  # lines with less in common are marked whole: scattered marks help nobody
_PAIRED = 400  # pairs of lines in one gap that are weighed; longer gaps are paired in order
_KEPT = 32  # characters of unchanged text on each side of a change, where a line is long
CONTEXT = 1
_BLANK = 12  # changed lines without a word, in a row: more of them push out of sight what follows, and are counted
_OUT_OF_SIGHT = 40  # white space in a row, which `visible` counts

Parts = tuple[tuple[str, bool], ...]  # text, and whether it changed; an empty one is where the other side changed


class Sort(Enum):
    """What a row is about."""

    SAME = "same"
    CHANGED = "changed"
    MOVED = "moved"
    NOTE = "note"  # words of ours: what is left out, or what can be said shorter


class Row(Struct, frozen=True):
    """One row of two texts side by side; a side that is None has no line there.  Numbers count from 1."""

    sort: Sort
    left: Parts | None = None
    right: Parts | None = None
    old: int = 0
    new: int = 0
    note: str = ""


class Line(Struct, frozen=True):
    """One line of a difference: `sign` is "-", "+", " ", ">" (moved here) or "…"; `parts` are (text, changed)."""

    sign: str
    parts: Parts


def rows(old: str, new: str) -> Iterator[Row]:
    """The changed rows of two texts with one unchanged row around."""
    before, after = _split(old), _split(new)
    if before == after:
        yield Row(Sort.NOTE, note="only the line breaks at the end of the text differ")
    elif [line.removesuffix("\r") for line in before] == [line.removesuffix("\r") for line in after]:
        yield Row(Sort.NOTE, note="only line endings differ (CRLF, LF)")
    else:
        if old.split() == new.split():
            yield Row(Sort.NOTE, note="only white space differs")
        yield from _unpadded(_near(list(_rows(before, after))))
        if old and new and old.endswith("\n") != new.endswith("\n"):
            word = "came" if new.endswith("\n") else "went"
            yield Row(Sort.NOTE, note=f"a line break at the end {word}")


def lines(old: str, new: str) -> Iterator[Line]:
    """The same in one column: what went, then what came."""
    for sort, run in groupby(rows(old, new), lambda row: row.sort):
        found = list(run)
        if sort is Sort.CHANGED:
            yield from (Line("-", row.left) for row in found if row.left is not None)
            yield from (Line("+", row.right) for row in found if row.right is not None)
        elif sort is Sort.NOTE:
            yield from (Line("…", ((row.note, False),)) for row in found)
        else:
            yield from (Line(">" if sort is Sort.MOVED else " ", row.right or ()) for row in found)


def words(parts: Parts | None) -> str:
    """The text of a side."""
    return "".join(text for text, _ in parts or ())


def shortened(line: Line, width: int = 76) -> Line:
    """A line whose unchanged stretches are cut; what changed stays whole."""
    if line.sign == "…" or sum(len(text) for text, _ in line.parts) <= width:
        return line
    if line.sign in (" ", ">"):
        return Line(line.sign, ((line.parts[0][0][: width - 1] + "…", False),))
    last = len(line.parts) - 1
    cut = (
        (text if changed else _cut(text, first=not index, last=index == last), changed)
        for index, (text, changed) in enumerate(line.parts)
    )
    return Line(line.sign, tuple(cut))


def _cut(text: str, *, first: bool, last: bool) -> str:
    if len(text) <= 2 * _KEPT + 3:
        return text
    head, tail = text[:_KEPT], text[-_KEPT:]
    return f"…{tail}" if first else f"{head}…" if last else f"{head} … {tail}"


def _split(text: str) -> list[str]:
    """Lines as an editor counts them; other separators of Unicode are no line breaks and stay to be seen."""
    found = text.split("\n")
    return found if found[-1] else found[:-1]


def _rows(before: Sequence[str], after: Sequence[str]) -> Iterator[Row]:
    matched = sequence_alignment.pairs(before, after)
    gaps = list(sequence_alignment.gaps(matched, len(before), len(after)))
    moved = moves(before, after, gaps)
    away = {place: move for move in moved for place in range(move.old, move.old + move.size)}
    here = {place: move for move in moved for place in range(move.new, move.new + move.size)}
    low = start = 0
    for gap in [*gaps, _end(before, after)]:
        same = zip(range(low, gap.low), range(start, gap.start), strict=True)
        yield from (Row(Sort.SAME, ((before[i], False),), ((after[j], False),), i + 1, j + 1) for i, j in same)
        yield from _changed(before, after, gap, away, here)
        low, start = gap.high, gap.stop


def _changed(
    before: Sequence[str],
    after: Sequence[str],
    gap: Gap,
    away: Mapping[int, Move],
    here: Mapping[int, Move],
) -> Iterator[Row]:
    """One gap: what moved away is told, what is left is paired, and what moved here stands at its place."""
    old, new = range(gap.low, gap.high), range(gap.start, gap.stop)
    leaving = [away[i] for i in old if i in away and away[i].old == i]
    arriving = [here[j] for j in new if j in here and here[j].new == j]
    pairs = _paired(before, after, [i for i in old if i not in away], [j for j in new if j not in here])
    for left, right in pairs:
        while left is not None and leaving and leaving[0].old < left:
            yield _left(leaving.pop(0), before)
        while right is not None and arriving and arriving[0].new < right:
            yield from _arrived(arriving.pop(0), before, after)
        yield _edited(before, after, left, right)
    yield from (_left(move, before) for move in leaving)
    for move in arriving:
        yield from _arrived(move, before, after)


def _end(before: Sequence[str], after: Sequence[str]) -> Gap:
    return Gap(len(before), len(before), len(after), len(after))


def _left(move: Move, before: Sequence[str]) -> Row:
    return Row(Sort.NOTE, old=move.old + 1, note=_told(move, before, "to", move.new))


def _arrived(move: Move, before: Sequence[str], after: Sequence[str]) -> Iterator[Row]:
    yield Row(Sort.NOTE, new=move.new + 1, note=_told(move, before, "here from", move.old))
    yield from (
        Row(Sort.MOVED, None, ((after[move.new + step], False),), move.old + step + 1, move.new + step + 1)
        for step in range(move.size)
    )


def _told(move: Move, before: Sequence[str], where: str, line: int) -> str:
    count = "1 line" if move.size == 1 else f"{move.size} lines"
    begun = next(text.strip() for text in before[move.old : move.old + move.size] if text.strip())
    shown = begun if len(begun) <= _KEPT else begun[:_KEPT].rstrip() + "…"
    return f"{count} moved {where} line {line + 1}: {shown}"


def _paired(
    before: Sequence[str], after: Sequence[str], gone: list[int], come: list[int]
) -> Iterator[tuple[int | None, int | None]]:
    """Which line became which: by likeness where that can be weighed, else in order."""
    few = len(gone) * len(come) <= _PAIRED
    found = (
        _most_alike(before, after, gone, come) if few else list(zip(range(len(gone)), range(len(come)), strict=False))
    )
    low = start = 0
    for left, right in (*found, (len(gone), len(come))):
        yield from ((i, None) for i in gone[low:left])
        yield from ((None, j) for j in come[start:right])
        if left < len(gone):
            yield gone[left], come[right]
        low, start = left + 1, right + 1


def _most_alike(before: Sequence[str], after: Sequence[str], gone: list[int], come: list[int]) -> list[tuple[int, int]]:
    """The pairing in order with the most in common."""
    left, right = [_telling(before[i]) for i in gone], [_telling(after[j]) for j in come]
    best = [[0.0] * (len(come) + 1) for _ in range(len(gone) + 1)]
    alike = [[sequence_alignment.likeness(one, other) for other in right] for one in left]
    for i in reversed(range(len(gone))):
        for j in reversed(range(len(come))):
            paired = alike[i][j] + best[i + 1][j + 1] if alike[i][j] >= _ALIKE else 0.0
            best[i][j] = max(paired, best[i + 1][j], best[i][j + 1])
    found, i, j = [], 0, 0
    while i < len(gone) and j < len(come):
        if alike[i][j] >= _ALIKE and best[i][j] == alike[i][j] + best[i + 1][j + 1]:
            found.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return found


def _edited(before: Sequence[str], after: Sequence[str], i: int | None, j: int | None) -> Row:
    left: Parts | None = None if i is None else ((before[i], True),)
    right: Parts | None = None if j is None else ((after[j], True),)
    if i is not None and j is not None:
        left, right = _words(before[i], after[j])
    return Row(Sort.CHANGED, left, right, 0 if i is None else i + 1, 0 if j is None else j + 1)


def _words(old: str, new: str) -> tuple[Parts, Parts]:
    """Both lines in parts, changed ones marked; lines with little in common are marked whole."""
    if sequence_alignment.likeness(_telling(old), _telling(new)) < _ALIKE:
        return ((old, True),), ((new, True),)
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    left: list[tuple[str, bool]] = []
    right: list[tuple[str, bool]] = []
    low = start = 0
    matched = sequence_alignment.pairs(before, after)
    for gap in sequence_alignment.gaps(matched, len(before), len(after)):
        left += _parts(before, low, gap.low, gap.high)
        right += _parts(after, start, gap.start, gap.stop)
        low, start = gap.high, gap.stop
    return _joined([*left, ("".join(before[low:]), False)]), _joined([*right, ("".join(after[start:]), False)])


def _telling(line: str) -> list[str]:
    """The words of a line, without the white space that all lines have."""
    return [word for word in _WORDS.findall(line) if not word.isspace()]


def _joined(parts: Sequence[tuple[str, bool]]) -> Parts:
    """Parts with the white space between two changed words marked along."""
    parts = [part for part in parts if any(part)]
    last = len(parts) - 1
    marked = [
        (text, changed or (text.isspace() and 0 < place < last))  # unchanged parts have changed ones around
        for place, (text, changed) in enumerate(parts)
    ]
    runs = groupby(marked, lambda part: part[1])
    return tuple(("".join(text for text, _ in run), changed) for changed, run in runs)


def _parts(words: Sequence[str], same: int, low: int, high: int) -> Iterator[tuple[str, bool]]:
    """Words that are the same from `same` up to `low`, and changed from there up to `high`.

    Where the other side alone has something, an empty part keeps the place.
    """
    yield "".join(words[same:low]), False
    yield _seen("".join(words[low:high])), True


def _seen(text: str) -> str:
    """White space that changed, so that it can be seen."""
    if len(text) >= _OUT_OF_SIGHT:
        return text
    marks = {" ": "·", "\t": "→"}
    return "".join(marks.get(one, f"\\u{{{ord(one):x}}}") for one in text) if text.isspace() else text


def _near(found: list[Row]) -> Iterator[Row]:
    """The rows around changes, and a note in place of every stretch that is left out."""
    kept: set[int] = set()
    for index, row in enumerate(found):
        if row.sort is not Sort.SAME:
            kept.update(range(index - CONTEXT, index + CONTEXT + 1))
    kept -= {index for index in kept if _tells_nothing(found, index, kept)}
    left_out = False
    shown = False
    for index, row in enumerate(found):
        if index in kept:
            if left_out and shown:
                yield Row(Sort.NOTE)
            yield row
            shown, left_out = True, False
        else:
            left_out = True


def _unpadded(found: Iterator[Row]) -> Iterator[Row]:
    """Rows with a number in place of many changed lines that have no word."""
    for blank, run in groupby(found, _is_blank):
        together = list(run)
        if blank and len(together) > _BLANK:
            sign = "came" if together[0].left is None else "went" if together[0].right is None else "changed"
            yield from together[:1]
            yield Row(Sort.NOTE, note=f"{len(together) - 1} more lines without a word {sign}")
        else:
            yield from together


def _is_blank(row: Row) -> bool:
    return row.sort is Sort.CHANGED and not (words(row.left) + words(row.right)).strip()


def _tells_nothing(found: list[Row], index: int, kept: set[int]) -> bool:
    """Whether a row is a blank line at the end of what is shown."""
    if not 0 <= index < len(found) or found[index].sort is not Sort.SAME or words(found[index].right).strip():
        return False
    return index - 1 not in kept or index + 1 not in kept
