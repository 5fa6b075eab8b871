"""The edit steps of a region whose items have been aligned."""

from __future__ import annotations

from tavusctl.patch.alignment import Pairs
from tavusctl.patch.edit_script import Insert, Remove, Steps
from tavusctl.patch.region import Region


def write_steps(gap: Region, pairs: Pairs) -> tuple[float, Steps]:
    """Cost and steps, in the order that keeps every index lowest: the number of items in front that stay.

    First removals, front to back, then edits, then insertions, back to front.  New items behind the last one that stays
    are appended, unless other items follow the region in the array.
    """
    removal_cost, removals = _removals(gap, pairs)
    edit_cost, edits = _edits(gap, pairs)
    insertion_cost, insertions = _insertions(gap, pairs)
    return removal_cost + edit_cost + insertion_cost, [*removals, *edits, *insertions]


def _removals(gap: Region, pairs: Pairs) -> tuple[float, Steps]:
    cost: float = 0
    steps: Steps = []
    paired_old = {old for old, _ in pairs}
    kept = 0
    for index in range(len(gap.old)):
        if index in paired_old:
            kept += 1
        else:
            steps.append((gap.frame.start + kept, Remove()))
            cost += gap.drop(index) + gap.index(kept)
    return cost, steps


def _edits(gap: Region, pairs: Pairs) -> tuple[float, Steps]:
    cost: float = 0
    steps: Steps = []
    for kept, (old, new) in enumerate(pairs):
        extra, plan = gap.change(old, new, kept)
        cost += extra
        if plan is not None:
            steps.append((gap.frame.start + kept, plan))
    return cost, steps


def _insertions(gap: Region, pairs: Pairs) -> tuple[float, Steps]:
    cost: float = 0
    inserted: Steps = []
    appended: Steps = []
    paired_new = {new for _, new in pairs}
    kept = 0
    for index, value in enumerate(gap.new_values):
        if index in paired_new:
            kept += 1
        elif kept == len(pairs) and gap.appends:
            appended.append(("-", Insert(value)))
            cost += gap.put(index) + 1
        else:
            inserted.append((gap.frame.start + kept, Insert(value)))
            cost += gap.put(index) + gap.index(kept)
    return cost, [*appended, *reversed(inserted)]
