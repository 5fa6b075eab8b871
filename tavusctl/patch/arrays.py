"""The cheapest alignment of the items in a region between two arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import eq

from tavusctl.lib.diffing.patience import longest_increasing
from tavusctl.lib.json_types import Json
from tavusctl.patch.alignment import Pairs, Search
from tavusctl.patch.anchors import pair_similar
from tavusctl.patch.region import Region

# How many pairs of items a region may have to be searched completely: about 33 items on each side.
LIST_EFFORT = 1100


def align(region: Region) -> Pairs:
    """Which items of a region are kept: the cheapest alignment of a short region, a good one of a long region."""
    rows, columns = len(region.old), len(region.new)
    if not rows or not columns:
        return []
    if rows == columns == 1:
        return [(0, 0)]
    if rows * columns > LIST_EFFORT:
        anchors = longest_increasing(pair_similar(region))
        if anchors:
            return _align_between(region, anchors)
        if set(region.old).isdisjoint(region.new):
            return _by_position(region)
    pairs = Search(region).run(LIST_EFFORT + 2 * (rows + columns))
    return _by_position(region) if pairs is None else pairs


def _by_position(region: Region) -> Pairs:
    return [(index, index) for index in range(min(len(region.old), len(region.new)))]


def _align_between(region: Region, anchors: Pairs) -> Pairs:
    """The anchors and the alignment of the items between them; equal neighbours of anchors are paired, too."""
    pairs: Pairs = []
    i = j = 0
    for i_end, j_end in [*anchors, (len(region.old), len(region.new))]:
        pairs += _align_part(region, slice(i, i_end), slice(j, j_end))
        pairs.append((i_end, j_end))
        i, j = i_end + 1, j_end + 1
    return pairs[:-1]


def _align_part(region: Region, rows: slice, columns: slice) -> Pairs:
    """The alignment of a part of a region; equal items at its ends are paired without a search."""
    start, shared_end = common_ends(region.old[rows], region.new[columns], eq)
    old = slice(rows.start + start, rows.stop - shared_end)
    new = slice(columns.start + start, columns.stop - shared_end)
    return [
        *zip(range(rows.start, old.start), range(columns.start, new.start), strict=True),
        *((old.start + i, new.start + j) for i, j in align(region.subregion(old, new))),
        *zip(range(old.stop, rows.stop), range(new.stop, columns.stop), strict=True),
    ]


def common_ends(old: Sequence[Json], new: Sequence[Json], equal: Callable[[Json, Json], bool]) -> tuple[int, int]:
    """How many items are equal at the start, and how many of the others are equal at the end."""
    shorter = min(len(old), len(new))
    start = end = 0
    while start < shorter and equal(old[start], new[start]):
        start += 1
    while end < shorter - start and equal(old[-1 - end], new[-1 - end]):
        end += 1
    return start, end
