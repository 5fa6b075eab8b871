"""The cheapest alignment of two sequences: which items stay, which are dropped, which are put in."""

from __future__ import annotations

from collections.abc import Hashable
from heapq import heappop, heappush
from itertools import accumulate

from tavusctl.patch.region import Region

# (old index, new index) of items that stay, both ascending.
Pairs = list[tuple[int, int]]


# How a state is best reached: cost, the state before, whether the step pairs two items that differ, how many equal
# items were followed after it, and items kept in all.  A bare tuple: there is one for every step tried.
_Step = tuple[float, int | None, bool, int, int]


class Search:
    """A* over states (i, j): so many old and new items are dealt with.  There is one at least on either side.

    Equal items at a state are always followed: costs obey the triangle inequality, so some cheapest alignment does.
    The cost of an edit is asked for only when its lower bound is the best way on, so similar sequences are
    aligned in time near their length.
    """

    def __init__(self, gap: Region) -> None:
        self._gap, self._old, self._new = gap, gap.old, gap.new
        self._drops, self._puts = gap.drops, gap.puts
        self._rows, self._columns = len(gap.old), len(gap.new)
        self._ahead = _Ahead(gap).of
        self._best: dict[int, _Step] = {}
        self._heap: list[tuple[float, int, int, bool]] = []  # bound, less items to go first, state, edit pending

    def run(self, effort: int) -> Pairs | None:
        """The cheapest alignment; None when it takes more than `effort` states."""
        self._reach(0, 0, 0, None, 0)
        goal = self._state(self._rows, self._columns)
        closed: set[int] = set()
        while effort and self._gap.spend():
            _, _, state, pending = heappop(self._heap)
            if pending:
                self._edit(state)
            elif state == goal:
                return self._trace(goal)
            elif state not in closed:
                closed.add(state)
                self._leave(state)
                effort -= 1
        return None

    def _state(self, i: int, j: int) -> int:
        return i * (self._columns + 1) + j

    def _reach(self, i: int, j: int, cost: float, came: int | None, kept: int, *, edits: bool = False) -> None:
        start = i
        while i < self._rows and j < self._columns and self._old[i] == self._new[j]:
            i += 1
            j += 1
        state = i * (self._columns + 1) + j
        known = self._best.get(state)
        if known is None or cost < known[0]:
            self._best[state] = (cost, came, edits, i - start, kept + i - start)
            heappush(self._heap, (cost + self._ahead(i, j), -i - j, state, False))

    def _leave(self, state: int) -> None:
        i, j = divmod(state, self._columns + 1)
        cost, _, _, _, kept = self._best[state]
        index = self._gap.index(kept)
        if i < self._rows:
            self._reach(i + 1, j, cost + self._drops[i] + index, state, kept)
        if j < self._columns:
            place = 1 if i == self._rows and self._gap.appends else index
            self._reach(i, j + 1, cost + self._puts[j] + place, state, kept)
        if i < self._rows and j < self._columns:
            bound = cost + self._gap.least_edit(i, j) + index + self._ahead(i + 1, j + 1)
            heappush(self._heap, (bound, -i - j, state, True))

    def _edit(self, state: int) -> None:
        i, j = divmod(state, self._columns + 1)
        cost, _, _, _, kept = self._best[state]
        self._reach(i + 1, j + 1, cost + self._gap.edit(i, j, kept), state, kept + 1, edits=True)

    def _trace(self, goal: int) -> Pairs:
        pairs: Pairs = []
        state: int | None = goal
        while state is not None:
            i, j = divmod(state, self._columns + 1)
            _, state, edits, equals, _ = self._best[state]
            pairs += [(i - back, j - back) for back in range(1, equals + 1 + edits)]
        return pairs[::-1]


class _Ahead:
    """A lower bound of what is still to pay: items without an equal, and the difference of the lengths."""

    def __init__(self, gap: Region) -> None:
        self._old = _sums_behind(gap.old, gap.new, gap.least_old)
        self._new = _sums_behind(gap.new, gap.old, gap.least_new)
        self._drop = min(gap.drops)
        self._put = min(gap.puts)
        self._rows, self._columns = len(gap.old), len(gap.new)

    def of(self, i: int, j: int) -> float:
        """The bound for a state."""
        more = (self._rows - i) - (self._columns - j)
        if more >= 0:
            return max(self._old[i], self._new[j] + more * self._drop)
        return max(self._new[j], self._old[i] - more * self._put)


def _sums_behind(items: list[Hashable], others: list[Hashable], least: list[float]) -> list[float]:
    known = set(others)
    alone = [0 if item in known else cost for item, cost in zip(items, least, strict=True)]
    return list(accumulate(reversed(alone), initial=0))[::-1]
