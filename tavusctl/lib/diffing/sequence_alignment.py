"""Which items of two sequences are the same ones, in time that grows with their length: patience, then search.

Items that occur once on each side are anchors, and the longest run of them that rises on both sides is kept (Cohen's
patience diff); what lies between two anchors is aligned the same way, and searched only where it is short.  What is
left over counts as changed whole: a longer difference, never a wrong one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from tavusctl.lib.diffing.patience import once, rising

_SEARCHED = 4096  # pairs of items: a gap up to this is searched, which costs more than its product
_DEPTH = 12  # anchors within gaps between anchors; real text needs two or three

Pairs = list[tuple[int, int]]
Items = Sequence[Hashable]


class Gap(NamedTuple):
    """A part of both sequences: from `low` up to `high` of the one, from `start` up to `stop` of the other."""

    low: int
    high: int
    start: int
    stop: int

    @property
    def open(self) -> bool:
        """Whether both sides have an item."""
        return self.low < self.high and self.start < self.stop


def pairs(before: Items, after: Items) -> Pairs:
    """Positions of equal items, rising on both sides."""
    return list(_within(before, after, Gap(0, len(before), 0, len(after)), _DEPTH))


def gaps(matched: Pairs, before: int, after: int) -> Iterator[Gap]:
    """What lies between pairs; the lengths of both sequences tell where they end."""
    low = start = 0
    for left, right in (*matched, (before, after)):
        if left > low or right > start:
            yield Gap(low, left, start, right)
        low, start = left + 1, right + 1


def likeness(before: Items, after: Items) -> float:
    """How much two sequences have in common, from 0 to 1, wherever it stands."""
    if not before and not after:
        return 1.0
    shared = Counter(before) & Counter(after)
    return 2 * sum(shared.values()) / (len(before) + len(after))


def _within(before: Items, after: Items, gap: Gap, depth: int) -> Iterator[tuple[int, int]]:
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
        yield from _between(before, after, inner, depth)
    yield from reversed(ends)


def _between(before: Items, after: Items, gap: Gap, depth: int) -> Iterator[tuple[int, int]]:
    anchors = _anchors(before, after, gap) if depth else []
    if not anchors:
        yield from _searched(before, after, gap)
        return
    low, start = gap.low, gap.start
    for left, right in anchors:
        yield from _within(before, after, Gap(low, left, start, right), depth - 1)
        yield left, right
        low, start = left + 1, right + 1
    yield from _within(before, after, Gap(low, gap.high, start, gap.stop), depth - 1)


def _searched(before: Items, after: Items, gap: Gap) -> Iterator[tuple[int, int]]:
    low, high, start, stop = gap
    if (high - low) * (stop - start) <= _SEARCHED:
        matcher = SequenceMatcher(None, before[low:high], after[start:stop], autojunk=False)
        for left, right, size in matcher.get_matching_blocks():
            yield from ((low + left + step, start + right + step) for step in range(size))


def _anchors(before: Items, after: Items, gap: Gap) -> Pairs:
    """Items that occur once on each side, the longest rising run of them."""
    here = once((place, before[place]) for place in range(gap.low, gap.high))
    there = once((place, after[place]) for place in range(gap.start, gap.stop))
    return rising((position, there[item]) for item, position in here.items() if item in there)
