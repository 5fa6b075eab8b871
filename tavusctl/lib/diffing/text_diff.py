"""Readable differences of long texts: by lines, then by words inside changed lines, with moved paragraphs.

`rows` gives the difference side by side, `lines` in one column.  Both include every changed character.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from itertools import groupby

from msgspec import Struct

from tavusctl.lib.diffing import sequence_alignment
from tavusctl.lib.diffing.moved_paragraphs import Move, moves
from tavusctl.lib.diffing.sequence_alignment import Gap
from tavusctl.lib.patterns import pattern

# Japanese and Chinese have no spaces between words: there, a word is a run of one kana or a single ideograph.
_UNSPACED = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_TOKEN = pattern(rf"\s+|[^\W{_UNSPACED}]+|[\u3040-\u309f]+|[\u30a0-\u30ff]+|[{_UNSPACED}]|[^\w\s]")
_MIN_LIKENESS = 0.4  # lines with less in common are marked completely: many scattered marks would not be readable
_MAX_PAIRS = 400  # maximum of pairs of lines in a gap to compare; in larger gaps, lines are paired in order
_CONTEXT_CHARS = 32  # characters of unchanged text to keep on each side of a change in a long line
CONTEXT = 1
_MAX_BLANK_LINES = 12  # consecutive changed blank lines; more would hide what follows, so only their number is shown
_MAX_SPACE = 40  # consecutive white space, which `escape_invisible` replaces by its length

Parts = tuple[tuple[str, bool], ...]  # (text, changed); an empty text: only the other side changed there


class RowType(Enum):
    """The sort of a row."""

    SAME = "same"
    CHANGED = "changed"
    MOVED = "moved"
    NOTE = "note"  # a remark instead of text, such as for omitted rows


class Row(Struct, frozen=True):
    """A row of two texts side by side; a side without a line is None.  `old`, `new`: line numbers from 1, or 0."""

    row_type: RowType
    left: Parts | None = None
    right: Parts | None = None
    old: int = 0
    new: int = 0
    note: str = ""


class Line(Struct, frozen=True):
    """A line of a difference in one column: `sign` is "-", "+", " ", ">" (moved here) or "…" (note)."""

    sign: str
    parts: Parts


def rows(old: str, new: str) -> Iterator[Row]:
    """The changed rows of two texts, with one unchanged row before and after each change."""
    before, after = _split(old), _split(new)
    if before == after:
        yield Row(RowType.NOTE, note="only the line breaks at the end of the text differ")
    elif [line.removesuffix("\r") for line in before] == [line.removesuffix("\r") for line in after]:
        change = "CRLF -> LF" if old.count("\r\n") > new.count("\r\n") else "LF -> CRLF"
        yield Row(RowType.NOTE, note=f"only line endings differ: {change}")
    else:
        if old.split() == new.split():
            yield Row(RowType.NOTE, note="only white space differs")
        yield from _without_blank_runs(_with_context(list(_rows(before, after))))
        if old and new and old.endswith("\n") != new.endswith("\n"):
            word = "came" if new.endswith("\n") else "went"
            yield Row(RowType.NOTE, note=f"a line break at the end {word}")


def lines(old: str, new: str) -> Iterator[Line]:
    """The rows in one column: of each run of changes first the removed lines, then the added ones."""
    for sort, run in groupby(rows(old, new), lambda row: row.row_type):
        run_rows = list(run)
        if sort is RowType.CHANGED:
            yield from (Line("-", row.left) for row in run_rows if row.left is not None)
            yield from (Line("+", row.right) for row in run_rows if row.right is not None)
        elif sort is RowType.NOTE:
            yield from (Line("…", ((row.note, False),)) for row in run_rows)
        else:
            yield from (Line(">" if sort is RowType.MOVED else " ", row.right or ()) for row in run_rows)


def words(parts: Parts | None) -> str:
    """The text of one side of a row."""
    return "".join(text for text, _ in parts or ())


def shortened(line: Line, width: int = 76) -> Line:
    """A line longer than `width` with its unchanged parts cut; changed parts stay complete."""
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
    if len(text) <= 2 * _CONTEXT_CHARS + 3:
        return text
    head, tail = text[:_CONTEXT_CHARS], text[-_CONTEXT_CHARS:]
    return f"…{tail}" if first else f"{head}…" if last else f"{head} … {tail}"


def _split(text: str) -> list[str]:
    """The lines of a text, split at newlines only; other line separators of Unicode stay visible in them."""
    split_lines = text.split("\n")
    return split_lines if split_lines[-1] else split_lines[:-1]


def _rows(before: Sequence[str], after: Sequence[str]) -> Iterator[Row]:
    matched = sequence_alignment.pairs(before, after)
    gaps = list(sequence_alignment.gaps_between(matched, len(before), len(after)))
    moved = moves(before, after, gaps)
    moves_from = {place: move for move in moved for place in range(move.old, move.old + move.size)}
    moves_to = {place: move for move in moved for place in range(move.new, move.new + move.size)}
    low = start = 0
    for gap in [*gaps, Gap(len(before), len(before), len(after), len(after))]:
        same = zip(range(low, gap.low), range(start, gap.start), strict=True)
        yield from (Row(RowType.SAME, ((before[i], False),), ((after[j], False),), i + 1, j + 1) for i, j in same)
        yield from _gap_rows(before, after, gap, moves_from, moves_to)
        low, start = gap.high, gap.stop


def _gap_rows(
    before: Sequence[str], after: Sequence[str], gap: Gap, moves_from: Mapping[int, Move], moves_to: Mapping[int, Move]
) -> Iterator[Row]:
    """The rows of a gap: notes for lines moved away or here, the lines moved here, and pairs of the others."""
    old, new = range(gap.low, gap.high), range(gap.start, gap.stop)
    leaving = [moves_from[i] for i in old if i in moves_from and moves_from[i].old == i]
    arriving = [moves_to[j] for j in new if j in moves_to and moves_to[j].new == j]
    pairs = _line_pairs(before, after, [i for i in old if i not in moves_from], [j for j in new if j not in moves_to])
    for left, right in pairs:
        while left is not None and leaving and leaving[0].old < left:
            yield _left(leaving.pop(0), before)
        while right is not None and arriving and arriving[0].new < right:
            yield from _arrived(arriving.pop(0), before, after)
        yield _edited_row(before, after, left, right)
    yield from (_left(move, before) for move in leaving)
    for move in arriving:
        yield from _arrived(move, before, after)


def _left(move: Move, before: Sequence[str]) -> Row:
    return Row(RowType.NOTE, old=move.old + 1, note=_move_note(move, before, "to", move.new))


def _arrived(move: Move, before: Sequence[str], after: Sequence[str]) -> Iterator[Row]:
    yield Row(RowType.NOTE, new=move.new + 1, note=_move_note(move, before, "here from", move.old))
    yield from (
        Row(RowType.MOVED, None, ((after[move.new + step], False),), move.old + step + 1, move.new + step + 1)
        for step in range(move.size)
    )


def _move_note(move: Move, before: Sequence[str], where: str, line: int) -> str:
    count = "1 line" if move.size == 1 else f"{move.size} lines"
    first_text = next(text.strip() for text in before[move.old : move.old + move.size] if text.strip())
    shown = first_text if len(first_text) <= _CONTEXT_CHARS else first_text[:_CONTEXT_CHARS].rstrip() + "…"
    return f"{count} moved {where} line {line + 1}: {shown}"


def _line_pairs(
    before: Sequence[str], after: Sequence[str], old_places: list[int], new_places: list[int]
) -> Iterator[tuple[int | None, int | None]]:
    """The pairs of removed and added lines, by similarity if there are few, else in order; None: no counterpart."""
    few = len(old_places) * len(new_places) <= _MAX_PAIRS
    matches = (
        _best_pairs(before, after, old_places, new_places)
        if few
        else list(zip(range(len(old_places)), range(len(new_places)), strict=False))
    )
    low = start = 0
    for left, right in (*matches, (len(old_places), len(new_places))):
        yield from ((i, None) for i in old_places[low:left])
        yield from ((None, j) for j in new_places[start:right])
        if left < len(old_places):
            yield old_places[left], new_places[right]
        low, start = left + 1, right + 1


def _best_pairs(
    before: Sequence[str], after: Sequence[str], old_places: list[int], new_places: list[int]
) -> list[tuple[int, int]]:
    """The pairs of indices, in order, with the highest total similarity."""
    left, right = [_tokens(before[i]) for i in old_places], [_tokens(after[j]) for j in new_places]
    best = [[0.0] * (len(new_places) + 1) for _ in range(len(old_places) + 1)]
    similarity = [[sequence_alignment.similarity(old, new) for new in right] for old in left]
    for i in reversed(range(len(old_places))):
        for j in reversed(range(len(new_places))):
            paired = similarity[i][j] + best[i + 1][j + 1] if similarity[i][j] >= _MIN_LIKENESS else 0.0
            best[i][j] = max(paired, best[i + 1][j], best[i][j + 1])
    result, i, j = [], 0, 0
    while i < len(old_places) and j < len(new_places):
        if similarity[i][j] >= _MIN_LIKENESS and best[i][j] == similarity[i][j] + best[i + 1][j + 1]:
            result.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return result


def _edited_row(before: Sequence[str], after: Sequence[str], i: int | None, j: int | None) -> Row:
    left: Parts | None = None if i is None else ((before[i], True),)
    right: Parts | None = None if j is None else ((after[j], True),)
    if i is not None and j is not None:
        left, right = _word_parts(before[i], after[j])
    return Row(RowType.CHANGED, left, right, 0 if i is None else i + 1, 0 if j is None else j + 1)


def _word_parts(old: str, new: str) -> tuple[Parts, Parts]:
    """Both lines in parts, with changed parts marked; lines with little in common are marked completely."""
    if sequence_alignment.similarity(_tokens(old), _tokens(new)) < _MIN_LIKENESS:
        return ((old, True),), ((new, True),)
    before, after = _TOKEN.findall(old), _TOKEN.findall(new)
    left: list[tuple[str, bool]] = []
    right: list[tuple[str, bool]] = []
    low = start = 0
    matched = sequence_alignment.pairs(before, after)
    for gap in sequence_alignment.gaps_between(matched, len(before), len(after)):
        left += _parts(before, low, gap.low, gap.high)
        right += _parts(after, start, gap.start, gap.stop)
        low, start = gap.high, gap.stop
    return _join_parts([*left, ("".join(before[low:]), False)]), _join_parts([*right, ("".join(after[start:]), False)])


def _tokens(line: str) -> list[str]:
    """The words and punctuation of a line, without white space, which all lines have in common."""
    return [word for word in _TOKEN.findall(line) if not word.isspace()]


def _join_parts(parts: Sequence[tuple[str, bool]]) -> Parts:
    """The parts, joined where possible; white space between two changed words is marked as changed too."""
    parts = [part for part in parts if any(part)]
    last = len(parts) - 1
    marked = [
        (text, changed or (text.isspace() and 0 < place < last))  # an inner unchanged part is between changed ones
        for place, (text, changed) in enumerate(parts)
    ]
    runs = groupby(marked, lambda part: part[1])
    return tuple(("".join(text for text, _ in run), changed) for changed, run in runs)


def _parts(words: Sequence[str], same: int, low: int, high: int) -> Iterator[tuple[str, bool]]:
    """The parts for words that are unchanged from `same` up to `low`, and changed from `low` up to `high`.

    If only the other side has changed words, the second part is empty and marks the place.
    """
    yield "".join(words[same:low]), False
    yield _visible_space("".join(words[low:high])), True


def _visible_space(text: str) -> str:
    """The text; if it is only white space, and short, with visible marks for it."""
    if len(text) >= _MAX_SPACE:
        return text
    marks = {" ": "·", "\t": "→"}
    return "".join(marks.get(char, f"\\u{{{ord(char):x}}}") for char in text) if text.isspace() else text


def _with_context(all_rows: list[Row]) -> Iterator[Row]:
    """The changed rows with CONTEXT rows around, and an empty note for omitted rows between them."""
    kept: set[int] = set()
    for index, row in enumerate(all_rows):
        if row.row_type is not RowType.SAME:
            kept.update(range(index - CONTEXT, index + CONTEXT + 1))
    kept -= {index for index in kept if _is_blank_edge(all_rows, index, kept)}
    last: int | None = None
    for index, row in enumerate(all_rows):
        if index in kept:
            if last is not None and last + 1 < index:
                yield Row(RowType.NOTE)
            yield row
            last = index


def _without_blank_runs(all_rows: Iterator[Row]) -> Iterator[Row]:
    """The rows; of many consecutive changed blank lines only the first, and a note with the number of the others."""
    for blank, run in groupby(all_rows, _is_blank):
        run_rows = list(run)
        if blank and len(run_rows) > _MAX_BLANK_LINES:
            sign = "came" if run_rows[0].left is None else "went" if run_rows[0].right is None else "changed"
            yield from run_rows[:1]
            yield Row(RowType.NOTE, note=f"{len(run_rows) - 1} more lines without a word {sign}")
        else:
            yield from run_rows


def _is_blank(row: Row) -> bool:
    return row.row_type is RowType.CHANGED and not (words(row.left) + words(row.right)).strip()


def _is_blank_edge(all_rows: list[Row], index: int, kept: set[int]) -> bool:
    """Whether a row is an unchanged blank line at the edge of the rows that are kept."""
    if (
        not 0 <= index < len(all_rows)
        or all_rows[index].row_type is not RowType.SAME
        or words(all_rows[index].right).strip()
    ):
        return False
    return index - 1 not in kept or index + 1 not in kept
