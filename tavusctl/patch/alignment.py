"""The cheapest alignment of two sequences: which items are kept, which are removed, which are inserted."""

from __future__ import annotations

from collections.abc import Hashable
from heapq import heappop, heappush
from itertools import accumulate

from tavusctl.patch.region import Region

# (old index, new index) of items that are kept, both increasing.
Pairs = list[tuple[int, int]]


# The cheapest known path to a state: its cost, the previous state, whether the last step pairs two items that differ,
# how many equal items were followed after that step, and how many items the path keeps.  A plain tuple, because one is
# created for every step that the search tries.
_Step = tuple[float, int | None, bool, int, int]


class Search:
    """A* over states (i, j): the first i old and the first j new items are aligned.  Neither sequence may be empty.

    Equal items at a state are always followed: costs obey the triangle inequality, so some cheapest alignment pairs
    them.  The exact cost of an edit is computed only when its lower bound is the best on the heap, so similar
    sequences are aligned in time near their length.
    """

    def __init__(self, region: Region) -> None:
        self._region, self._old, self._new = region, region.old, region.new
        self._remove_costs, self._insert_costs = region.remove_costs, region.insert_costs
        self._rows, self._columns = len(region.old), len(region.new)
        self._remaining_cost = _RemainingCost(region).of
        self._best: dict[int, _Step] = {}
        # Lower bound, -i - j (so that of equal bounds the state nearest the end comes first), state, and whether the
        # entry is an edit whose exact cost is not computed yet.
        self._heap: list[tuple[float, int, int, bool]] = []

    def run(self, effort: int) -> Pairs | None:
        """The cheapest alignment; None if it takes over `effort` states, or more than the diff has left to spend."""
        self._add_path(0, 0, 0, None, 0)
        goal = self._state(self._rows, self._columns)
        closed: set[int] = set()
        while effort and self._region.charge_step():
            _, _, state, pending = heappop(self._heap)
            if pending:
                self._expand_edit(state)
            elif state == goal:
                return self._pairs_to(goal)
            elif state not in closed:
                closed.add(state)
                self._expand(state)
                effort -= 1
        return None

    def _state(self, i: int, j: int) -> int:
        return i * (self._columns + 1) + j

    def _add_path(self, i: int, j: int, cost: float, previous: int | None, kept: int, *, is_edit: bool = False) -> None:
        start = i
        while i < self._rows and j < self._columns and self._old[i] == self._new[j]:
            i += 1
            j += 1
        state = i * (self._columns + 1) + j
        best = self._best.get(state)
        if best is None or cost < best[0]:
            self._best[state] = (cost, previous, is_edit, i - start, kept + i - start)
            heappush(self._heap, (cost + self._remaining_cost(i, j), -i - j, state, False))

    def _expand(self, state: int) -> None:
        i, j = divmod(state, self._columns + 1)
        cost, _, _, _, kept = self._best[state]
        kept_index_cost = self._region.index_size(kept)
        if i < self._rows:
            self._add_path(i + 1, j, cost + self._remove_costs[i] + kept_index_cost, state, kept)
        if j < self._columns:
            index_cost = 1 if i == self._rows and self._region.reaches_end else kept_index_cost
            self._add_path(i, j + 1, cost + self._insert_costs[j] + index_cost, state, kept)
        if i < self._rows and j < self._columns:
            bound = cost + self._region.min_edit_cost(i, j) + kept_index_cost + self._remaining_cost(i + 1, j + 1)
            heappush(self._heap, (bound, -i - j, state, True))

    def _expand_edit(self, state: int) -> None:
        i, j = divmod(state, self._columns + 1)
        cost, _, _, _, kept = self._best[state]
        self._add_path(i + 1, j + 1, cost + self._region.edit_cost(i, j, kept), state, kept + 1, is_edit=True)

    def _pairs_to(self, goal: int) -> Pairs:
        pairs: Pairs = []
        state: int | None = goal
        while state is not None:
            i, j = divmod(state, self._columns + 1)
            _, state, is_edit, equals, _ = self._best[state]
            pairs += [(i - back, j - back) for back in range(1, equals + 1 + is_edit)]
        return pairs[::-1]


class _RemainingCost:
    """A lower bound of the remaining cost: items without an equal item, and the difference of the lengths."""

    def __init__(self, region: Region) -> None:
        self._old = _suffix_sums(region.old, region.new, region.min_old_costs)
        self._new = _suffix_sums(region.new, region.old, region.min_new_costs)
        self._cheapest_removal = min(region.remove_costs)
        self._cheapest_insertion = min(region.insert_costs)
        self._rows, self._columns = len(region.old), len(region.new)

    def of(self, i: int, j: int) -> float:
        """The lower bound of the cost from the state (i, j) to the end."""
        surplus = (self._rows - i) - (self._columns - j)
        if surplus >= 0:
            return max(self._old[i], self._new[j] + surplus * self._cheapest_removal)
        return max(self._new[j], self._old[i] - surplus * self._cheapest_insertion)


def _suffix_sums(items: list[Hashable], others: list[Hashable], least: list[float]) -> list[float]:
    other_contents = set(others)
    costs = [0 if item in other_contents else cost for item, cost in zip(items, least, strict=True)]
    return list(accumulate(reversed(costs), initial=0))[::-1]
