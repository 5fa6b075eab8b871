"""The part of two arrays between their equal ends, with the cost of every possible change in it."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple, Protocol

from tavusctl.lib.json_types import Json, KeyPath
from tavusctl.patch.costs import ADD, REMOVE, REPLACE, WEIGHT, digits
from tavusctl.patch.edit_script import CostAndScript
from tavusctl.patch.value_index import ValueIndex

# The patterns of `keyed_by` that match so far: the rest of the pattern, and the path inside an item to its identity.
IdentityPatterns = tuple[tuple[KeyPath, KeyPath], ...]

_CONTAINERS = (dict, list)


class Frame(NamedTuple):
    """The place of a region: its array, and its position in it."""

    pointer_size: int  # bytes of the array's pointer, with a slash
    start: int  # items in front that stay
    reaches_end: bool  # whether no items of the arrays follow
    patterns: IdentityPatterns  # patterns for arrays inside the items
    identity: KeyPath  # the path inside an item to its identity; empty if items have none


class Pricing(Protocol):
    """What a region needs of the differ; a protocol, because the differ imports this module."""

    value_index: ValueIndex
    effort: int  # how many steps of the search are left

    def change_cached(self, before: Json, after: Json, pointer_size: int, patterns: IdentityPatterns) -> CostAndScript:
        """Cost and script of changing one value into another."""


class Region:
    """Old and new items between the equal ends of two arrays; `kept` is always the number of items kept in front.

    `old` and `new` are contents, for comparison only.  Costs are computed on demand: in long arrays, most are never
    needed.
    """

    def __init__(self, differ: Pricing, old: list[Json], new: list[Json], frame: Frame) -> None:
        self.frame, self.differ = frame, differ
        self.old_values, self.new_values = old, new
        self.old, self.new = differ.value_index.contents(old), differ.value_index.contents(new)
        # The least cost of any operation at or inside an item: that of removing one leaf there.
        self.min_cost = REMOVE + frame.pointer_size + 1 + WEIGHT
        self.reaches_end = frame.reaches_end

    def remove_cost(self, old: int) -> float:
        """The cost of removing an item, without its index."""
        return REMOVE + self.frame.pointer_size + WEIGHT * self.differ.value_index.of(self.old_values[old]).leaves

    def insert_cost(self, new: int) -> float:
        """The cost of adding an item, without its index."""
        facts = self.differ.value_index.of(self.new_values[new])
        return ADD + self.frame.pointer_size + facts.size + WEIGHT * facts.leaves

    @cached_property
    def remove_costs(self) -> list[float]:
        """The cost of removing each item, without its index."""
        return [self.remove_cost(old) for old in range(len(self.old))]

    @cached_property
    def insert_costs(self) -> list[float]:
        """The cost of adding each item, without its index."""
        return [self.insert_cost(new) for new in range(len(self.new))]

    @cached_property
    def min_old_costs(self) -> list[float]:
        """The least cost of each old item that has no equal new item."""
        return self._least(self.old_values, self.remove_costs)

    @cached_property
    def min_new_costs(self) -> list[float]:
        """The least cost of each new item that has no equal old item."""
        return self._least(self.new_values, self.insert_costs)

    def _least(self, values: list[Json], costs: list[float]) -> list[float]:
        return [
            self.min_cost if type(value) in _CONTAINERS else cost + 1 for value, cost in zip(values, costs, strict=True)
        ]

    def subregion(self, old: slice, new: slice) -> Region:
        """A region inside this one."""
        appends = self.reaches_end and old.stop == len(self.old) and new.stop == len(self.new)
        frame = self.frame._replace(start=self.frame.start + min(old.start, new.start), reaches_end=appends)
        return Region(self.differ, self.old_values[old], self.new_values[new], frame)

    def charge_step(self) -> bool:
        """Charge one step to the effort of the diff; False if no effort is left."""
        self.differ.effort -= 1
        return self.differ.effort >= 0

    def index_size(self, kept: int) -> int:
        """The bytes of the index of an item."""
        return digits(self.frame.start + kept)

    def change(self, old: int, new: int, kept: int) -> CostAndScript:
        """Cost and script of changing an old item into a new one; no cost and no script if they are equal."""
        if self.old[old] == self.new[new]:
            return 0, None
        pointer_size = self.frame.pointer_size + self.index_size(kept)
        return self.differ.change_cached(self.old_values[old], self.new_values[new], pointer_size, self.frame.patterns)

    def edit_cost(self, old: int, new: int, kept: int) -> float:
        """The cost of changing an old item into a new one."""
        return self.change(old, new, kept)[0]

    def min_edit_cost(self, old: int, new: int) -> float:
        """A lower bound of the cost of `edit`, without the index."""
        if self.is_editable(old, new):
            return self.min_cost
        facts = self.differ.value_index.of(self.new_values[new])
        leaves = facts.leaves + self.differ.value_index.of(self.old_values[old]).leaves
        return REPLACE + self.frame.pointer_size + facts.size + WEIGHT * leaves

    def is_editable(self, old: int, new: int) -> bool:
        """Whether an old item can be changed into a new one in place: both are objects, or both are arrays."""
        kind = type(self.old_values[old])
        return kind in _CONTAINERS and kind is type(self.new_values[new])

    def identities(self) -> tuple[list[Json], list[Json]]:
        """The identity of each old and each new item, None for items without identity."""
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
