"""The edit steps of a region whose items have been aligned."""

from __future__ import annotations

from tavusctl.patch.alignment import Pairs
from tavusctl.patch.edit_script import Insert, Remove, Steps
from tavusctl.patch.region import Region


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
