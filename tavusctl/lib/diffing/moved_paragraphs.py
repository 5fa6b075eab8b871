"""Paragraphs that went in one place of a text and came in another, letter by letter the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from tavusctl.lib.diffing.sequence_alignment import Gap

_TELLING = 16  # letters of a line that is surely the same one in both places


class Move(Struct, frozen=True):
    """A run of lines: where it was, where it is, and how many lines it has.  Numbers count from 0."""

    old: int
    new: int
    size: int


def moves(before: Sequence[str], after: Sequence[str], gaps: Sequence[Gap]) -> list[Move]:
    """The moves among what went and came, in the order of the new text."""
    went = {place for low, high, _, _ in gaps for place in range(low, high)}
    came = {place for _, _, start, stop in gaps for place in range(start, stop)}
    here = _once(after, came)
    seeds = [(place, here[line]) for line, place in _once(before, went).items() if line in here]
    found = []
    for old, new in sorted(seeds):
        if old in went and new in came:
            move = _grown(before, after, old, new, went, came)
            went.difference_update(range(move.old, move.old + move.size))
            came.difference_update(range(move.new, move.new + move.size))
            found.append(move)
    return sorted(found, key=lambda move: move.new)


def _once(lines: Sequence[str], places: set[int]) -> dict[str, int]:
    counts = Counter(lines[place] for place in places)
    return {
        lines[place]: place
        for place in sorted(places)
        if counts[lines[place]] == 1 and len("".join(lines[place].split())) >= _TELLING
    }


def _grown(before: Sequence[str], after: Sequence[str], old: int, new: int, went: set[int], came: set[int]) -> Move:
    """A move with the lines around it that moved along."""
    low = high = 0
    while old - low - 1 in went and new - low - 1 in came and before[old - low - 1] == after[new - low - 1]:
        low += 1
    while old + high + 1 in went and new + high + 1 in came and before[old + high + 1] == after[new + high + 1]:
        high += 1
    # Blank lines around belong to no paragraph.
    while low and not before[old - low].strip():
        low -= 1
    while high and not before[old + high].strip():
        high -= 1
    return Move(old - low, new - low, low + high + 1)
