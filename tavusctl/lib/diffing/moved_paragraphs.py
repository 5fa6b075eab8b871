"""Paragraphs that were removed in one place of a text and added unchanged in another."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from tavusctl.lib.diffing.patience import unique_places
from tavusctl.lib.diffing.sequence_alignment import Gap

_IDENTIFYING = 16  # characters that a line needs to identify it in both places


class Move(Struct, frozen=True):
    """A run of `size` moved lines: its first line in the old and in the new text, counted from 0."""

    old: int
    new: int
    size: int


def moves(before: Sequence[str], after: Sequence[str], gaps: Sequence[Gap]) -> list[Move]:
    """The moves among the lines in gaps, in the order of the new text."""
    old_places = {place for low, high, _, _ in gaps for place in range(low, high)}
    new_places = {place for _, _, start, stop in gaps for place in range(start, stop)}
    place_of = _unique_lines(after, new_places)
    seeds = [(place, place_of[line]) for line, place in _unique_lines(before, old_places).items() if line in place_of]
    result = []
    for old, new in sorted(seeds):
        if old in old_places and new in new_places:
            move = _grown(before, after, old, new, old_places, new_places)
            old_places.difference_update(range(move.old, move.old + move.size))
            new_places.difference_update(range(move.new, move.new + move.size))
            result.append(move)
    return sorted(result, key=lambda move: move.new)


def _unique_lines(lines: Sequence[str], places: set[int]) -> dict[str, int]:
    unique = unique_places((place, lines[place]) for place in sorted(places))
    return {line: place for line, place in unique.items() if len("".join(line.split())) >= _IDENTIFYING}


def _grown(
    before: Sequence[str], after: Sequence[str], old: int, new: int, old_places: set[int], new_places: set[int]
) -> Move:
    """The move of a line, extended by adjacent lines that moved with it."""
    low = high = 0
    while old - low - 1 in old_places and new - low - 1 in new_places and before[old - low - 1] == after[new - low - 1]:
        low += 1
    while (
        old + high + 1 in old_places
        and new + high + 1 in new_places
        and before[old + high + 1] == after[new + high + 1]
    ):
        high += 1
    # Blank lines at the ends are not part of the paragraph.
    while low and not before[old - low].strip():
        low -= 1
    while high and not before[old + high].strip():
        high -= 1
    return Move(old - low, new - low, low + high + 1)
