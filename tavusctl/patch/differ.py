"""The cheapest edit script that changes one document into another."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Final

from tavusctl.lib.json_types import Container, Json, JsonObject
from tavusctl.patch.arrays import align, common_ends, write_steps
from tavusctl.patch.costs import ADD, REMOVE, REPLACE, WEIGHT, digits
from tavusctl.patch.edit_script import CostAndScript, Descend, Insert, Remove, Replace, Steps, operations
from tavusctl.patch.equality import same
from tavusctl.patch.pointer import split
from tavusctl.patch.region import Frame, IdentityPatterns, Region
from tavusctl.patch.value_index import ValueIndex, segment_size

NOT_KEYED: Final[Mapping[str, str]] = {}
NOTHING: Final[CostAndScript] = (0, None)
_CONTAINERS: Final = (dict, list)

# How many states the searches of one diff may visit, and members they may compare, in total: about a second.
DIFF_EFFORT: Final = 200_000


def diff(
    before: Json, after: Json, *, keyed_by: Mapping[str, str] = NOT_KEYED, by_member: bool = False
) -> list[JsonObject]:
    """The cheapest operations from one document to another; ValueError when a Pinned value would have to be written.

    With `by_member`, an object is changed member by member, and never replaced as a whole document.

    `keyed_by` maps patterns of pointers to arrays (`*` is any key or index) to the member that identifies their items;
    a dot in its name leads to a member inside a member.
    """
    patterns = tuple((split(pattern), tuple(member.split("."))) for pattern, member in keyed_by.items())
    cost, script = Differ(by_member=by_member).change(before, after, 0, patterns)
    if cost == inf:
        raise ValueError("a pinned value would have to be written")
    return operations(script)


class Differ:
    """The state of one diff: facts of values, and cached edit scripts of pairs.  `pointer_size` is in bytes."""

    def __init__(self, *, by_member: bool = False) -> None:
        self._by_member = by_member
        self.value_index = ValueIndex()
        self.effort = DIFF_EFFORT
        self._sizes = _Sizes()
        self._pairs: dict[tuple[int, int, int, IdentityPatterns], CostAndScript] = {}

    def change(
        self, before: Json, after: Json, pointer_size: int, patterns: IdentityPatterns, limit: float = inf
    ) -> CostAndScript:
        """The cheapest edit script for two values; objects whose steps cost over `limit` are replaced whole."""
        if before is after:
            return NOTHING
        if type(before) is dict and type(after) is dict:
            return self._change_object(before, after, pointer_size, patterns, limit)
        if type(before) is list and type(after) is list:
            return self._change_array(before, after, pointer_size, patterns)
        if same(before, after):
            return NOTHING
        return self._replacement_cost(before, after, pointer_size), Replace(after)

    def change_cached(self, before: Json, after: Json, pointer_size: int, patterns: IdentityPatterns) -> CostAndScript:
        """The same as `change`, cached, for values that may be compared several times."""
        key = (self.value_index.of(before).number, self.value_index.of(after).number, pointer_size, patterns)
        cached = self._pairs.get(key)
        if cached is None:
            limit = self._replacement_cost(before, after, pointer_size)
            self.effort -= _effort(before, after)
            cached = self._pairs[key] = self.change(before, after, pointer_size, patterns, limit)
        return cached

    def _replacement_cost(self, before: Json, after: Json, pointer_size: int) -> float:
        old, new = self.value_index.of(before), self.value_index.of(after)
        is_same_type = type(before) is type(after)
        if is_same_type and (old.size == inf or (self._by_member and not pointer_size)):
            return inf
        return REPLACE + pointer_size + new.size + WEIGHT * (old.leaves + new.leaves)

    def _cheaper(
        self, cost: float, steps: Steps, before: Container, after: Container, pointer_size: int
    ) -> CostAndScript:
        """The steps, or one replacement of the whole if that is cheaper; a single step is always kept."""
        # Weighing a replacement value takes time, so first compare the cost with a lower bound of it.
        if len(steps) > 1 and cost > WEIGHT * (len(before) + len(after)):
            replacement = self._replacement_cost(before, after, pointer_size)
            if replacement < cost:
                return replacement, Replace(after)
        return cost, Descend(steps)

    def _change_object(
        self, before: JsonObject, after: JsonObject, pointer_size: int, patterns: IdentityPatterns, limit: float
    ) -> CostAndScript:
        cost: float = 0
        steps: Steps = []
        if before.keys() != after.keys():
            cost, steps = self._unshared_members(before, after, pointer_size)
        for key, old in before.items():
            if key not in after:
                continue
            new = after[key]
            if type(old) is str and old == new:
                continue
            extra, script = self.change(old, new, pointer_size + self._sizes[key], _below(patterns, key), limit - cost)
            if script is not None:
                cost += extra
                steps.append((key, script))
                if cost > limit and len(steps) > 1:
                    return self._replacement_cost(before, after, pointer_size), Replace(after)
        if not steps:
            return NOTHING
        steps.sort(key=lambda step: str(step[0]))
        return self._cheaper(cost, steps, before, after, pointer_size)

    def _unshared_members(self, before: JsonObject, after: JsonObject, pointer_size: int) -> tuple[float, Steps]:
        """Cost and steps that remove the members of the old object only, and insert those of the new object only."""
        cost: float = 0
        steps: Steps = []
        for key in before.keys() - after.keys():
            cost += REMOVE + pointer_size + self._sizes[key] + WEIGHT * self.value_index.of(before[key]).leaves
            steps.append((key, Remove()))
        for key in after.keys() - before.keys():
            new = self.value_index.of(after[key])
            cost += ADD + pointer_size + self._sizes[key] + new.size + WEIGHT * new.leaves
            steps.append((key, Insert(after[key])))
        return cost, steps

    def _change_array(
        self, before: list[Json], after: list[Json], pointer_size: int, patterns: IdentityPatterns
    ) -> CostAndScript:
        start, shared_end = common_ends(before, after, same)
        old, new = before[start : len(before) - shared_end], after[start : len(after) - shared_end]
        if not old and not new:
            return NOTHING
        item_patterns = _below(patterns, "*")
        if len(old) == len(new) == 1:
            cost, script = self.change(old[0], new[0], pointer_size + 1 + digits(start), item_patterns)
            return self._cheaper(cost, [(start, script)] if script is not None else [], before, after, pointer_size)
        identity = next((member for rest, member in patterns if not rest), ())
        region = Region(self, old, new, Frame(pointer_size + 1, start, not shared_end, item_patterns, identity))
        cost, steps = write_steps(region, align(region))
        return self._cheaper(cost, steps, before, after, pointer_size)


class _Sizes(dict[str, int]):
    """The bytes that each key takes in a pointer, slash included."""

    def __missing__(self, key: str) -> int:
        size = self[key] = segment_size(key)
        return size


def _effort(before: Json, after: Json) -> int:
    """The effort of comparing two values: the number of members or items on both sides, 1 for other values."""
    return len(before) + len(after) if isinstance(before, _CONTAINERS) and isinstance(after, _CONTAINERS) else 1


def _below(patterns: IdentityPatterns, segment: str) -> IdentityPatterns:
    if not patterns:
        return patterns
    return tuple((rest[1:], member) for rest, member in patterns if rest and rest[0] in ("*", segment))
