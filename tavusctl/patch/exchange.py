"""Members that only one of two objects has: dropped, put, or, where moves are allowed, renamed."""

from __future__ import annotations

from itertools import product
from typing import Any, NamedTuple

from tavusctl.patch.gap import Pricing
from tavusctl.patch.matching import ALL_PAIRS, pair_best, pair_equals
from tavusctl.patch.prices import ADD, MOVE, REMOVE, UNWRITABLE, WEIGHT
from tavusctl.patch.script import Bring, Drop, Put, Steps


class Member(NamedTuple):
    """A key with its value; `at` is the bytes of the pointer to it."""

    key: str
    value: Any
    at: int
    spots: tuple[Any, ...]


class Exchange:
    """The members to go and to come in one object."""

    def __init__(self, differ: Pricing, gone: list[Member], come: list[Member]) -> None:
        self._differ, self._gone, self._come = differ, gone, come

    def plan(self) -> tuple[float, Steps]:
        """Cost and steps of the cheapest exchange that was found."""
        cost: float = 0
        steps: Steps = []
        renamed = self._renamed() if self._differ.moving and self._gone and self._come else []
        for i, j in renamed:
            old, new = self._gone[i], self._come[j]
            edit, plan = self._differ.pair(old.value, new.value, new.at, new.spots)
            cost += _move(old, new) + edit
            steps.append((new.key, Bring(old.key)))
            if plan is not None:
                steps.append((new.key, plan))
        left, found = {i for i, _ in renamed}, {j for _, j in renamed}
        for i, old in enumerate(self._gone):
            if i not in left:
                cost += self._drop(old)
                steps.append((old.key, Drop(old.value)))
        for j, new in enumerate(self._come):
            if j not in found:
                cost += self._put(new)
                steps.append((new.key, Put(new.value)))
        return cost, steps

    def _drop(self, old: Member) -> float:
        return REMOVE + old.at + WEIGHT * self._differ.ledger.of(old.value).leaves

    def _put(self, new: Member) -> float:
        facts = self._differ.ledger.of(new.value)
        return ADD + new.at + facts.size + WEIGHT * facts.leaves

    def _saving(self, i: int, j: int) -> float:
        old, new = self._gone[i], self._come[j]
        edit, _ = self._differ.pair(old.value, new.value, new.at, new.spots)
        return self._drop(old) + min(self._put(new), UNWRITABLE) - _move(old, new) - edit

    def _renamed(self) -> list[tuple[int, int]]:
        gone, come = self._gone, self._come
        if len(gone) * len(come) <= ALL_PAIRS:
            return pair_best(product(range(len(gone)), range(len(come))), self._saving)
        number = self._differ.ledger.of
        return pair_equals(
            [(i, number(old.value).number) for i, old in enumerate(gone)],
            [(j, number(new.value).number) for j, new in enumerate(come)],
        )


def _move(old: Member, new: Member) -> int:
    return MOVE + old.at + new.at
