"""The cheapest alignment of the items in a region between two arrays, and the steps that it leads to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from operator import eq

from tavusctl.lib.diffing.patience import Pair, longest_increasing, unique_places
from tavusctl.lib.json_types import Json
from tavusctl.patch.alignment import Pairs, Search
from tavusctl.patch.edit_script import Insert, Remove, Steps
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


def pair_similar(region: Region) -> list[Pair]:
    """Pairs of old and new items: equal items, else items with the same identity, else items with most in common.

    Contents are common to two items only if no other item on either side has them.  An old item is in one pair at most.
    """
    pairs = dict((*_pair_unique(region.old, region.new), *_pair_unique(*region.identities())))
    paired_new = set(pairs.values())
    unpaired_old = [index for index in range(len(region.old)) if index not in pairs]
    unpaired_new = [index for index in range(len(region.new)) if index not in paired_new]
    pairs.update(_pair_by_parts(region, unpaired_old, unpaired_new))
    return list(pairs.items())


def _pair_unique(old: Sequence[Hashable], new: Sequence[Hashable]) -> Iterable[Pair]:
    new_places = unique_places(enumerate(new))
    for content, index in unique_places(enumerate(old)).items():
        if content is not None and content in new_places:
            yield index, new_places[content]


def _pair_by_parts(region: Region, old: list[int], new: list[int]) -> dict[int, int]:
    old_parts = unique_places(
        (old_index, part) for old_index in old for part in _parts(region, region.old_values[old_index])
    )
    new_parts = unique_places(
        (new_index, part) for new_index in new for part in _parts(region, region.new_values[new_index])
    )
    votes = Counter((old_index, new_parts[part]) for part, old_index in old_parts.items() if part in new_parts)
    pairs: dict[int, int] = {}
    for (old_index, new_index), _ in votes.most_common():
        pairs.setdefault(old_index, new_index)
    return pairs


def _parts(region: Region, value: Json) -> Iterable[int]:
    """The numbers of the contents of every value inside a container."""
    pending = [value]
    while pending:
        container = pending.pop()
        children = container.values() if type(container) is dict else container if type(container) is list else ()
        for child in children:
            yield region.differ.value_index.of(child).number
            if type(child) is dict or type(child) is list:
                pending.append(child)


def write_steps(region: Region, pairs: Pairs) -> tuple[float, Steps]:
    """Cost and steps, in the order that keeps every index lowest: the number of items in front that stay.

    First removals, front to back, then edits, then insertions, back to front.  New items behind the last one that stays
    are appended, unless other items follow the region in the array.
    """
    removal_cost, removals = _removals(region, pairs)
    edit_cost, edits = _edits(region, pairs)
    insertion_cost, insertions = _insertions(region, pairs)
    return removal_cost + edit_cost + insertion_cost, [*removals, *edits, *insertions]


def _removals(region: Region, pairs: Pairs) -> tuple[float, Steps]:
    cost: float = 0
    steps: Steps = []
    paired_old = {old for old, _ in pairs}
    kept = 0
    for index in range(len(region.old)):
        if index in paired_old:
            kept += 1
        else:
            steps.append((region.frame.start + kept, Remove()))
            cost += region.remove_cost(index) + region.index_size(kept)
    return cost, steps


def _edits(region: Region, pairs: Pairs) -> tuple[float, Steps]:
    cost: float = 0
    steps: Steps = []
    for kept, (old, new) in enumerate(pairs):
        extra, script = region.change(old, new, kept)
        cost += extra
        if script is not None:
            steps.append((region.frame.start + kept, script))
    return cost, steps


def _insertions(region: Region, pairs: Pairs) -> tuple[float, Steps]:
    cost: float = 0
    inserted: Steps = []
    appended: Steps = []
    paired_new = {new for _, new in pairs}
    kept = 0
    for index, value in enumerate(region.new_values):
        if index in paired_new:
            kept += 1
        elif kept == len(pairs) and region.reaches_end:
            appended.append(("-", Insert(value)))
            cost += region.insert_cost(index) + 1
        else:
            inserted.append((region.frame.start + kept, Insert(value)))
            cost += region.insert_cost(index) + region.index_size(kept)
    return cost, [*appended, *reversed(inserted)]
