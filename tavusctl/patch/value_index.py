"""Facts of values that the differ needs: which values are equal, their length as JSON, their number of leaves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable
from itertools import count
from json.encoder import encode_basestring
from math import inf
from typing import NamedTuple

from tavusctl.lib.json_types import Json, JsonObject
from tavusctl.patch.equality import Pinned
from tavusctl.patch.pointer import escape

# The bytes assumed for a leaf that JSON does not have: it is printed as "(sensitive)".
OPAQUE_SIZE = 13
_NESTING = (dict, list, Pinned)
_WORD_SIZES = {True: 4, False: 5, None: 4}


class Facts(NamedTuple):
    """Facts of a value.  Equal values have equal numbers; an empty container counts as one leaf."""

    number: int
    size: float  # bytes of compact UTF-8 JSON; infinite for a Pinned value and what holds one, which are never written
    leaves: int


class ValueIndex:
    """The facts of every value of one diff.  The documents must stay alive and unchanged: containers go by `id()`."""

    def __init__(self) -> None:
        self._leaves: dict[type, dict[Json, Facts]] = defaultdict(dict)
        self._containers: dict[int, Facts] = {}
        self._contents: dict[Json, int] = {}
        self._key_sizes: dict[tuple[str, ...], int] = {}
        self._next = count()

    def of(self, value: Json) -> Facts:
        """The facts of a value."""
        kind = type(value)
        if kind is dict or kind is list or kind is Pinned:
            return self._containers.get(id(value)) or self._add(value)
        return self._leaves[kind].get(value) or self._add(value)

    def contents(self, values: list[Json]) -> list[Hashable]:
        """A stand-in for each value, for comparison only: the same for equal values, different for others."""
        return [value if type(value) is str else self.of(value).number for value in values]

    def _add(self, value: Json) -> Facts:
        """The facts of a value that is not in the index yet."""
        if type(value) is str or not isinstance(value, _NESTING):
            facts = self._leaves[type(value)][value] = Facts(next(self._next), _leaf_size(value), 1)
            return facts
        if isinstance(value, dict):
            facts = self._container_facts(value.values(), self._size_without_values(value), tuple(value))
        elif isinstance(value, list):
            facts = self._container_facts(value, len(value) + 1, None)
        else:
            facts = Facts(self._number((Pinned, self.of(value.value).number)), inf, 1)
        self._containers[id(value)] = facts
        return facts

    def _container_facts(self, values: Collection[Json], size: float, keys: tuple[str, ...] | None) -> Facts:
        leaves = 0
        numbers = []
        leaf_facts, containers = self._leaves, self._containers
        for value in values:
            kind = type(value)
            if kind is dict or kind is list or kind is Pinned:
                facts = containers.get(id(value)) or self._add(value)
            else:
                facts = leaf_facts[kind].get(value) or self._add(value)
            numbers.append(facts.number)
            size += facts.size
            leaves += facts.leaves
        content: Json = tuple(numbers) if keys is None else frozenset(zip(keys, numbers, strict=True))
        return Facts(self._number(content), size if numbers else 2, leaves or 1)

    def _size_without_values(self, value: JsonObject) -> int:
        """The bytes of an object without its values."""
        keys = tuple(value)
        size = self._key_sizes.get(keys)
        if size is None:
            size = self._key_sizes[keys] = sum([text_size(key) + 2 for key in keys]) + 1
        return size

    def _number(self, content: Json) -> int:
        number = self._contents.get(content)
        if number is None:
            number = self._contents[content] = next(self._next)
        return number


def text_size(text: str) -> int:
    """The bytes of a string as JSON, quotes and escapes included."""
    encoded = encode_basestring(text)
    return len(encoded) if encoded.isascii() else len(encoded.encode("utf-8", "surrogatepass"))


def segment_size(segment: str) -> int:
    """The bytes of a key inside a pointer, with its slash."""
    return text_size(escape(segment)) - 1


def _leaf_size(value: Json) -> int:
    if type(value) is str:
        return text_size(value)
    if type(value) is bool or value is None:
        return _WORD_SIZES[value]
    if type(value) is int or type(value) is float:
        return len(repr(value))
    return OPAQUE_SIZE
