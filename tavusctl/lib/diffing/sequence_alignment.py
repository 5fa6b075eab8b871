"""Alignment of the equal items of two sequences, in nearly linear time: patience diff, then search.

Items that occur once on each side are anchors, of which the longest list in the same order on both sides is used
(Cohen's patience diff).  The gaps between anchors are aligned in the same way; short gaps without anchors are searched,
and long ones count as changed completely: the difference may be longer than needed, but is never wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from tavusctl.lib.diffing.patience import longest_increasing, unique_places

_MAX_PAIRS = 4096  # pairs of items: larger gaps are not searched, as the cost grows faster than the number of pairs
_MAX_DEPTH = 12  # levels of anchors in gaps between anchors; real text needs two or three

Pairs = list[tuple[int, int]]
Items = Sequence[Hashable]


class Gap(NamedTuple):
    """A part of both sequences: `low` up to `high` of the first, `start` up to `stop` of the second, ends excluded."""

    low: int
    high: int
    start: int
    stop: int

    @property
    def open(self) -> bool:
        """Whether both sides have items."""
        return self.low < self.high and self.start < self.stop


def pairs(before: Items, after: Items) -> Pairs:
    """The pairs of positions of equal items, increasing on both sides."""
    return list(_align(before, after, Gap(0, len(before), 0, len(after)), _MAX_DEPTH))


def gaps_between(matched: Pairs, before: int, after: int) -> Iterator[Gap]:
    """The gaps between matched pairs; `before` and `after` are the lengths of the sequences."""
    low = start = 0
    for left, right in (*matched, (before, after)):
        if left > low or right > start:
            yield Gap(low, left, start, right)
        low, start = left + 1, right + 1


def similarity(before: Items, after: Items) -> float:
    """The share of items that two sequences have in common, from 0 to 1, at any positions (Dice coefficient)."""
    if not before and not after:
        return 1.0
    shared = Counter(before) & Counter(after)
    return 2 * sum(shared.values()) / (len(before) + len(after))


def _align(before: Items, after: Items, gap: Gap, depth: int) -> Iterator[tuple[int, int]]:
    low, high, start, stop = gap
    while low < high and start < stop and before[low] == after[start]:
        yield low, start
        low, start = low + 1, start + 1
    ends: Pairs = []
    while low < high and start < stop and before[high - 1] == after[stop - 1]:
        high, stop = high - 1, stop - 1
        ends.append((high, stop))
    inner = Gap(low, high, start, stop)
    if inner.open:
        yield from _align_gap(before, after, inner, depth)
    yield from reversed(ends)


def _align_gap(before: Items, after: Items, gap: Gap, depth: int) -> Iterator[tuple[int, int]]:
    anchors = _anchors(before, after, gap) if depth else []
    if not anchors:
        yield from _search_gap(before, after, gap)
        return
    low, start = gap.low, gap.start
    for left, right in anchors:
        yield from _align(before, after, Gap(low, left, start, right), depth - 1)
        yield left, right
        low, start = left + 1, right + 1
    yield from _align(before, after, Gap(low, gap.high, start, gap.stop), depth - 1)


def _search_gap(before: Items, after: Items, gap: Gap) -> Iterator[tuple[int, int]]:
    low, high, start, stop = gap
    if (high - low) * (stop - start) <= _MAX_PAIRS:
        matcher = SequenceMatcher(None, before[low:high], after[start:stop], autojunk=False)
        for left, right, size in matcher.get_matching_blocks():
            yield from ((low + left + step, start + right + step) for step in range(size))


def _anchors(before: Items, after: Items, gap: Gap) -> Pairs:
    """The pairs of items that are unique on each side, the longest list in the same order on both sides."""
    old_places = unique_places((place, before[place]) for place in range(gap.low, gap.high))
    new_places = unique_places((place, after[place]) for place in range(gap.start, gap.stop))
    return longest_increasing(
        (position, new_places[item]) for item, position in old_places.items() if item in new_places
    )
