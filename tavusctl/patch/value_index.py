"""What the differ must know of a value: which other values equal it, its length as JSON, how many leaves it has."""

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

# What an opaque leaf is taken to measure: it is printed as "(sensitive)".
OPAQUE_SIZE = 13
_NESTING = (dict, list, Pinned)
_WORDS = {True: 4, False: 5, None: 4}


class Facts(NamedTuple):
    """Equal values have equal numbers; an empty container is one leaf."""

    number: int
    size: float  # bytes of compact UTF-8 JSON; infinite when a Pinned is inside, which is never written
    leaves: int


class ValueIndex:
    """Facts of every value met during one diff; the documents must stay alive and unchanged meanwhile."""

    def __init__(self) -> None:
        self._leaves: dict[type, dict[Json, Facts]] = defaultdict(dict)
        self._containers: dict[int, Facts] = {}
        self._contents: dict[Json, int] = {}
        self._shapes: dict[tuple[str, ...], int] = {}
        self._next = count()

    def of(self, value: Json) -> Facts:
        """The facts of a value."""
        kind = type(value)
        if kind is dict or kind is list or kind is Pinned:
            return self._containers.get(id(value)) or self._enter(value)
        return self._leaves[kind].get(value) or self._enter(value)

    def contents(self, values: list[Json]) -> list[Hashable]:
        """What stands for each value when only equality matters: the same for equal values, for others not."""
        return [value if type(value) is str else self.of(value).number for value in values]

    def _enter(self, value: Json) -> Facts:
        """The facts of a value that is met for the first time."""
        if type(value) is str or not isinstance(value, _NESTING):
            facts = self._leaves[type(value)][value] = Facts(next(self._next), _leaf_size(value), 1)
            return facts
        if isinstance(value, dict):
            facts = self._weigh(value.values(), self._shape(value), tuple(value))
        elif isinstance(value, list):
            facts = self._weigh(value, len(value) + 1, None)
        else:
            facts = Facts(self._number((Pinned, self.of(value.value).number)), inf, 1)
        self._containers[id(value)] = facts
        return facts

    def _weigh(self, inside: Collection[Json], size: float, keys: tuple[str, ...] | None) -> Facts:
        leaves = 0
        numbers = []
        known, containers = self._leaves, self._containers
        for value in inside:
            kind = type(value)
            if kind is dict or kind is list or kind is Pinned:
                facts = containers.get(id(value)) or self._enter(value)
            else:
                facts = known[kind].get(value) or self._enter(value)
            numbers.append(facts.number)
            size += facts.size
            leaves += facts.leaves
        content: Json = tuple(numbers) if keys is None else frozenset(zip(keys, numbers, strict=True))
        return Facts(self._number(content), size if numbers else 2, leaves or 1)

    def _shape(self, value: JsonObject) -> int:
        """The bytes of an object but for its values."""
        keys = tuple(value)
        size = self._shapes.get(keys)
        if size is None:
            size = self._shapes[keys] = sum([text_size(key) + 2 for key in keys]) + 1
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
    """The bytes that a key takes inside a pointer, with its slash."""
    return text_size(escape(segment)) - 1


def _leaf_size(value: Json) -> int:
    if type(value) is str:
        return text_size(value)
    if type(value) is bool or value is None:
        return _WORDS[value]
    if type(value) is int or type(value) is float:
        return len(repr(value))
    return OPAQUE_SIZE
