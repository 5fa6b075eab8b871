"""Members that only one of two objects has: dropped and put."""

from __future__ import annotations

from typing import Any, NamedTuple

from tavusctl.patch.ledger import Ledger
from tavusctl.patch.prices import ADD, REMOVE, WEIGHT
from tavusctl.patch.script import Drop, Put, Steps


class Member(NamedTuple):
    """A key with its value; `at` is the bytes of the pointer to it."""

    key: str
    value: Any
    at: int


def exchange(ledger: Ledger, gone: list[Member], come: list[Member]) -> tuple[float, Steps]:
    """Cost and steps of dropping some members and putting others."""
    cost: float = 0
    steps: Steps = []
    for old in gone:
        cost += REMOVE + old.at + WEIGHT * ledger.of(old.value).leaves
        steps.append((old.key, Drop()))
    for new in come:
        facts = ledger.of(new.value)
        cost += ADD + new.at + facts.size + WEIGHT * facts.leaves
        steps.append((new.key, Put(new.value)))
    return cost, steps
