"""The cheapest plan from one document to another."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from types import MappingProxyType
from typing import Any, Final

from tavusctl.patch import coarse
from tavusctl.patch.array_steps import write_steps
from tavusctl.patch.arrays import align, common_ends
from tavusctl.patch.equality import same
from tavusctl.patch.gap import Frame, Gap, Priced
from tavusctl.patch.ledger import Ledger, segment_size
from tavusctl.patch.pointer import split
from tavusctl.patch.prices import ADD, REMOVE, REPLACE, WEIGHT, digits
from tavusctl.patch.script import Drop, Inside, Put, Steps, Write, operations

NOT_KEYED: Final[Mapping[str, str]] = MappingProxyType({})
NOTHING: Final[Priced] = (0, None)

# States that searches may look at and members that they may compare in one diff; about a second's worth.
EFFORT: Final = 200_000

# What is declared below a place: the rest of a pattern, and the path to what identifies an item.
Spots = tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]


def diff(before: Any, after: Any, *, keyed_by: Mapping[str, str] = NOT_KEYED) -> list[dict[str, Any]]:
    """The cheapest operations from one document to another; ValueError when a Pinned value would have to be written.

    `keyed_by` maps patterns of pointers to arrays (`*` is any key or index) to the member that identifies their items;
    dots descend.
    """
    spots = tuple((split(pattern), tuple(member.split("."))) for pattern, member in keyed_by.items())
    try:
        cost, plan = Differ().change(before, after, 0, spots)
    except RecursionError:
        cost, plan = coarse.change(before, after)
    if cost == inf:
        message = "a pinned value would have to be written"
        raise ValueError(message)
    return operations(plan)


class Differ:
    """One diff: what it knows of values, and the cheapest plans it found.  `at` is the bytes of a pointer."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.effort = EFFORT
        self._sizes = _Sizes()
        self._pairs: dict[tuple[int, int, int, Spots], Priced] = {}

    def change(self, before: Any, after: Any, at: int, spots: Spots, limit: float = inf) -> Priced:
        """The cheapest plan from one value to another; where it would cost more than `limit`, the whole replaced."""
        if before is after:
            return NOTHING
        kind = type(before)
        if kind is type(after):
            if kind is dict:
                return self._members(before, after, at, spots, limit)
            if kind is list:
                return self._items(before, after, at, spots)
            if same(before, after):
                return NOTHING
        return self._replace(before, after, at), Write(after)

    def pair(self, before: Any, after: Any, at: int, spots: Spots) -> Priced:
        """As `change`, for values that may be paired again."""
        key = (self.ledger.of(before).number, self.ledger.of(after).number, at, spots)
        found = self._pairs.get(key)
        if found is None:
            limit = self._replace(before, after, at)
            self.effort -= (
                len(before) + len(after) if type(before) in (dict, list) and type(after) in (dict, list) else 1
            )
            found = self._pairs[key] = self.change(before, after, at, spots, limit)
        return found

    def _replace(self, before: Any, after: Any, at: int) -> float:
        old, new = self.ledger.of(before), self.ledger.of(after)
        if old.size == inf and type(before) is type(after):
            return inf
        return REPLACE + at + new.size + WEIGHT * (old.leaves + new.leaves)

    def _cheaper(self, cost: float, steps: Steps, before: Any, after: Any, at: int) -> Priced:
        """The steps, or the whole replaced; one step always stands, and sizes are looked at only when they matter."""
        if len(steps) > 1 and cost > WEIGHT * (len(before) + len(after)):
            whole = self._replace(before, after, at)
            if whole < cost:
                return whole, Write(after)
        return cost, Inside(steps)

    def _members(self, before: dict[str, Any], after: dict[str, Any], at: int, spots: Spots, limit: float) -> Priced:
        cost: float = 0
        steps: Steps = []
        if before.keys() != after.keys():
            cost, steps = self._exchange(before, after, at)
        for key, old in before.items():
            if key not in after:
                continue
            new = after[key]
            if type(old) is str and old == new:
                continue
            extra, plan = self.change(old, new, at + self._sizes[key], _below(spots, key), limit - cost)
            if plan is not None:
                cost += extra
                steps.append((key, plan))
                if cost > limit and len(steps) > 1:
                    return self._replace(before, after, at), Write(after)
        if not steps:
            return NOTHING
        steps.sort(key=_key)
        return self._cheaper(cost, steps, before, after, at)

    def _exchange(self, before: dict[str, Any], after: dict[str, Any], at: int) -> tuple[float, Steps]:
        """The members that only one side has, dropped and put."""
        cost: float = 0
        steps: Steps = []
        for key in before.keys() - after.keys():
            cost += REMOVE + at + self._sizes[key] + WEIGHT * self.ledger.of(before[key]).leaves
            steps.append((key, Drop()))
        for key in after.keys() - before.keys():
            new = self.ledger.of(after[key])
            cost += ADD + at + self._sizes[key] + new.size + WEIGHT * new.leaves
            steps.append((key, Put(after[key])))
        return cost, steps

    def _items(self, before: list[Any], after: list[Any], at: int, spots: Spots) -> Priced:
        start, end = common_ends(before, after, same)
        old, new = before[start : len(before) - end], after[start : len(after) - end]
        if not old and not new:
            return NOTHING
        inner = _below(spots, "*")
        if len(old) == len(new) == 1:
            cost, plan = self.change(old[0], new[0], at + 1 + digits(start), inner)
            return self._cheaper(cost, [(start, plan)], before, after, at)
        identity = next((member for rest, member in spots if not rest), ())
        gap = Gap(self, old, new, Frame(at + 1, start, not end, inner, identity))
        cost, steps = write_steps(gap, align(gap))
        return self._cheaper(cost, steps, before, after, at)


class _Sizes(dict[str, int]):
    """The bytes of keys in a pointer, slash included."""

    def __missing__(self, key: str) -> int:
        size = self[key] = segment_size(key)
        return size


def _below(spots: Spots, segment: str) -> Spots:
    if not spots:
        return spots
    return tuple((rest[1:], member) for rest, member in spots if rest and rest[0] in ("*", segment))


def _key(step: tuple[str | int, Any]) -> str:
    return str(step[0])
