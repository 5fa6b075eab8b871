"""The steps through a gap once it is aligned."""

from __future__ import annotations

from tavusctl.patch.alignment import Pairs
from tavusctl.patch.edit_script import Insert, Remove, Steps
from tavusctl.patch.region import Region


def write_steps(gap: Region, pairs: Pairs) -> tuple[float, Steps]:
    """Cost and steps, in the order that keeps every index as low as can be: the number of items that stay in front.

    First what goes, front to back, then edits, then what comes, back to front.  What comes behind all that stays is
    appended.
    """
    drop_cost, drops = _drops(gap, pairs)
    edit_cost, edits = _edits(gap, pairs)
    put_cost, puts = _puts(gap, pairs)
    return drop_cost + edit_cost + put_cost, [*drops, *edits, *puts]


def _drops(gap: Region, pairs: Pairs) -> tuple[float, Steps]:
    cost: float = 0
    steps: Steps = []
    there = {old for old, _ in pairs}
    kept = 0
    for place in range(len(gap.old)):
        if place in there:
            kept += 1
        else:
            steps.append((gap.frame.start + kept, Remove()))
            cost += gap.drop(place) + gap.index(kept)
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


def _puts(gap: Region, pairs: Pairs) -> tuple[float, Steps]:
    cost: float = 0
    inserted: Steps = []
    appended: Steps = []
    there = {new for _, new in pairs}
    kept = 0
    for place, value in enumerate(gap.new_values):
        if place in there:
            kept += 1
        elif kept == len(pairs) and gap.appends:
            appended.append(("-", Insert(value)))
            cost += gap.put(place) + 1
        else:
            inserted.append((gap.frame.start + kept, Insert(value)))
            cost += gap.put(place) + gap.index(kept)
    return cost, [*appended, *reversed(inserted)]
