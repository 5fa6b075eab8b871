"""The steps through a gap once it is aligned, and which items are worth moving."""

from __future__ import annotations

from itertools import product
from math import inf

from tavusctl.patch.alignment import Pairs
from tavusctl.patch.gap import Gap
from tavusctl.patch.likeness import pair_alike
from tavusctl.patch.matching import ALL_PAIRS, pair_best, pair_equals
from tavusctl.patch.prices import MOVE, UNWRITABLE
from tavusctl.patch.script import Bring, Drop, Put, Steps


def find_moves(gap: Gap, pairs: Pairs) -> Pairs:
    """Which items that do not stay are worth moving, and to where: equal ones, else the same, else the most alike."""

    def saving(old: int, new: int) -> float:
        return gap.drop(old) + min(gap.put(new), UNWRITABLE) - gap.move(old, new)

    moves: Pairs = []
    for olds, news in ((gap.old, gap.new), gap.identities()):
        gone, come = _left(gap, [*pairs, *moves])
        moves += pair_best(pair_equals(((i, olds[i]) for i in gone), ((j, news[j]) for j in come)), saving)
    gone, come = _left(gap, [*pairs, *moves])
    if len(gone) * len(come) <= ALL_PAIRS:
        moves += pair_best(product(gone, come), saving)
    return moves


def _left(gap: Gap, pairs: Pairs) -> tuple[list[int], list[int]]:
    """The old and the new items that are in no pair."""
    old, new = {old for old, _ in pairs}, {new for _, new in pairs}
    return [i for i in range(len(gap.old)) if i not in old], [j for j in range(len(gap.new)) if j not in new]


class Eased:
    """The prices of a gap when every item is one that moves or stays, for alignment only.

    An item that has become another shares the cost of its move with it; it is made into no third one.
    """

    def __init__(self, gap: Gap, moves: Pairs) -> None:
        self._gap = gap
        self.old, self.new, self.appends = gap.old, gap.new, gap.appends
        self.drops, self.puts = gap.drops.copy(), gap.puts.copy()
        self.least_old, self.least_new = gap.least_old, gap.least_new  # half of a move and its edit costs more
        self._becomes = dict(moves)
        self._was = {new: old for old, new in moves}
        for old, new in moves:
            self._share(old, new, gap.move(old, new))

    def _share(self, old: int, new: int, cost: float) -> None:
        """The cost of a move, half for what goes and half for what comes, and neither more than it would be alone."""
        drop = max(min(cost / 2, self.drops[old]), cost - self.puts[new])
        self.drops[old], self.puts[new] = drop, cost - drop

    def spend(self) -> bool:
        """As in the gap."""
        return self._gap.spend()

    def index(self, kept: int) -> int:
        """As in the gap."""
        return self._gap.index(kept)

    def edit(self, old: int, new: int, kept: int) -> float:
        """As in the gap, if the one may become the other."""
        return self._gap.edit(old, new, kept) if self._may_become(old, new) else inf

    def least_edit(self, old: int, new: int) -> float:
        """As in the gap, if the one may become the other."""
        return self._gap.least_edit(old, new) if self._may_become(old, new) else inf

    def _may_become(self, old: int, new: int) -> bool:
        return self._becomes.get(old, new) == new and self._was.get(new, old) == old


def likely_moves(gap: Gap) -> Pairs:
    """Which item has likely become which, those that stay included."""
    if len(gap.old) * len(gap.new) > ALL_PAIRS:
        return pair_alike(gap)
    return find_moves(gap, [])


def write_steps(gap: Gap, pairs: Pairs, moves: Pairs) -> tuple[float, Steps]:
    """Cost and steps, in the order that keeps every index as low as can be.

    First what goes, front to back, then moves, then edits, then what comes, back to front: without moves each index
    is the number of items that stay in front of it.  What comes behind all of them is appended.
    """
    final = sorted([*pairs, *moves], key=lambda pair: pair[1])
    there = {old for old, _ in final}
    start, at = gap.frame.start, gap.frame.at
    cost: float = 0
    steps: Steps = []
    present: list[int] = []
    for place, value in enumerate(gap.old_values):
        if place in there:
            present.append(place)
        else:
            steps.append((start + len(present), Drop(value)))
            cost += gap.drop(place) + gap.index(len(present))
    for source, target in _shifts(present, [old for old, _ in final], {old for old, _ in moves}):
        steps.append((start + target, Bring(start + source)))
        cost += MOVE + 2 * at + gap.index(source) + gap.index(target)
    more, edits = _edits(gap, final)
    extra, puts = _puts(gap, final)
    return cost + more + extra, [*steps, *edits, *puts]


def _shifts(present: list[int], wanted: list[int], moved: set[int]) -> list[tuple[int, int]]:
    """From where to where each moved item goes, in the order of where they are wanted."""
    shifts = []
    for place, item in enumerate(wanted):
        if item in moved:
            source = present.index(item)
            del present[source]
            target = present.index(wanted[place - 1]) + 1 if place else 0
            present.insert(target, item)
            if source != target:
                shifts.append((source, target))
    return shifts


def _edits(gap: Gap, final: Pairs) -> tuple[float, Steps]:
    cost: float = 0
    steps: Steps = []
    for kept, (old, new) in enumerate(final):
        extra, plan = gap.change(old, new, kept)
        cost += extra
        if plan is not None:
            steps.append((gap.frame.start + kept, plan))
    return cost, steps


def _puts(gap: Gap, final: Pairs) -> tuple[float, Steps]:
    cost: float = 0
    inserted: Steps = []
    appended: Steps = []
    there = {new for _, new in final}
    kept = 0
    for place, value in enumerate(gap.new_values):
        if place in there:
            kept += 1
        elif kept == len(final) and gap.appends:
            appended.append(("-", Put(value)))
            cost += gap.put(place) + 1
        else:
            inserted.append((gap.frame.start + kept, Put(value)))
            cost += gap.put(place) + gap.index(kept)
    return cost, [*appended, *reversed(inserted)]
