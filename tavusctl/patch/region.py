"""The differing middle of two arrays, with the price of everything that can be done in it."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple, Protocol

from tavusctl.lib.json_types import Json, KeyPath
from tavusctl.patch.costs import ADD, REMOVE, REPLACE, WEIGHT, digits
from tavusctl.patch.edit_script import Plan
from tavusctl.patch.value_index import ValueIndex

Priced = tuple[float, Plan | None]
# What is declared below a place: the rest of a pattern, and the path to what identifies an item.
Spots = tuple[tuple[KeyPath, KeyPath], ...]

_CONTAINERS = (dict, list)


class Frame(NamedTuple):
    """Where a gap lies."""

    at: int  # bytes of the array's pointer, with a slash
    start: int  # items in front that stay
    appends: bool  # whether nothing follows
    spots: Spots  # what is declared for the items: identity of nested arrays
    identity: KeyPath  # the path inside an item to what identifies it; empty: nothing does


class Pricing(Protocol):
    """The differ, as gaps see it; a protocol because the differ makes gaps, so this module cannot import it."""

    ledger: ValueIndex
    effort: int  # what may still be spent on searching

    def pair(self, before: Json, after: Json, at: int, spots: Spots) -> Priced:
        """Cost and plan of making one value into another."""
        ...


class Region:
    """Old and new items between the equal ends of two arrays; `kept` is always the number of items kept in front.

    `old` and `new` are contents to be compared.  Prices are found when asked for: in long arrays most never are.
    """

    def __init__(self, differ: Pricing, old: list[Json], new: list[Json], frame: Frame) -> None:
        self.frame, self.differ = frame, differ
        self.old_values, self.new_values = old, new
        self.old, self.new = differ.ledger.contents(old), differ.ledger.contents(new)
        # The least that any operation at or below an item can cost: it removes one leaf there.
        self.least = REMOVE + frame.at + 1 + WEIGHT
        self.appends = frame.appends

    def drop(self, old: int) -> float:
        """Cost of removing an item, but for its index."""
        return REMOVE + self.frame.at + WEIGHT * self.differ.ledger.of(self.old_values[old]).leaves

    def put(self, new: int) -> float:
        """Cost of adding an item, but for its index."""
        facts = self.differ.ledger.of(self.new_values[new])
        return ADD + self.frame.at + facts.size + WEIGHT * facts.leaves

    @cached_property
    def drops(self) -> list[float]:
        """Cost of removing each item, but for its index."""
        return [self.drop(old) for old in range(len(self.old))]

    @cached_property
    def puts(self) -> list[float]:
        """Cost of adding each item, but for its index."""
        return [self.put(new) for new in range(len(self.new))]

    @cached_property
    def least_old(self) -> list[float]:
        """What each old item without an equal costs at least."""
        return self._least(self.old_values, self.drops)

    @cached_property
    def least_new(self) -> list[float]:
        """What each new item without an equal costs at least."""
        return self._least(self.new_values, self.puts)

    def _least(self, values: list[Json], costs: list[float]) -> list[float]:
        return [
            self.least if type(value) in _CONTAINERS else cost + 1 for value, cost in zip(values, costs, strict=True)
        ]

    def part(self, old: slice, new: slice) -> Region:
        """A gap inside this one."""
        ends = self.appends and old.stop == len(self.old) and new.stop == len(self.new)
        frame = self.frame._replace(start=self.frame.start + min(old.start, new.start), appends=ends)
        return Region(self.differ, self.old_values[old], self.new_values[new], frame)

    def spend(self) -> bool:
        """Take one step's effort from the diff, if there is some left."""
        self.differ.effort -= 1
        return self.differ.effort >= 0

    def index(self, kept: int) -> int:
        """What an index costs."""
        return digits(self.frame.start + kept)

    def change(self, old: int, new: int, kept: int) -> Priced:
        """Cost and plan of making one item into another."""
        if self.old[old] == self.new[new]:
            return 0, None
        at = self.frame.at + self.index(kept)
        return self.differ.pair(self.old_values[old], self.new_values[new], at, self.frame.spots)

    def edit(self, old: int, new: int, kept: int) -> float:
        """Cost of making one item into another."""
        return self.change(old, new, kept)[0]

    def least_edit(self, old: int, new: int) -> float:
        """A lower bound of `edit` but for the index."""
        if self.is_alike(old, new):
            return self.least
        facts = self.differ.ledger.of(self.new_values[new])
        leaves = facts.leaves + self.differ.ledger.of(self.old_values[old]).leaves
        return REPLACE + self.frame.at + facts.size + WEIGHT * leaves

    def is_alike(self, old: int, new: int) -> bool:
        """Whether an item can become another other than by being replaced."""
        kind = type(self.old_values[old])
        return kind in _CONTAINERS and kind is type(self.new_values[new])

    def identities(self) -> tuple[list[Json], list[Json]]:
        """What identifies each old and each new item, None where nothing does."""
        path = self.frame.identity
        return [_identity(value, path) for value in self.old_values], [_identity(v, path) for v in self.new_values]


def _identity(value: Json, path: KeyPath) -> Json:
    if not path:
        return None
    for key in path:
        if type(value) is not dict or key not in value:
            return None
        value = value[key]
    return value if isinstance(value, str) else None
