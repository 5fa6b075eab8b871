"""Positions of values and keys by JSON Pointer, for ten thousand documents at a time."""

from __future__ import annotations

import functools
import sys
from array import array
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from tavusctl.core.address import Source

_WIDTH: Final = 3  # numbers of a position: index of its file, line, column
Places: TypeAlias = dict[str, int]  # by pointer: where the numbers of its position begin


class Positions(Mapping[str, Source]):
    """Positions by pointer; each is made when it is asked for, and documents with equal pointers have these once."""

    __slots__ = ("numbers", "paths", "places")

    def __init__(self, paths: tuple[str, ...], places: Places, numbers: array[int]) -> None:
        """The numbers of a position are an index into the paths of files, the line and the column."""
        self.paths = paths
        self.places = places
        self.numbers = numbers

    @classmethod
    def of(cls, positions: Mapping[str, Source]) -> Positions:
        """The positions of any mapping."""
        if isinstance(positions, Positions):
            return positions
        if isinstance(positions, InnerPositions):
            return positions.apart
        paths = {path: index for index, path in enumerate(dict.fromkeys(one.path for one in positions.values()))}
        numbers = [number for one in positions.values() for number in (paths[one.path], one.line, one.column)]
        return cls(tuple(paths), places_of(tuple(positions)), compact(numbers))

    def __getitem__(self, pointer: str) -> Source:
        place, numbers = self.places[pointer], self.numbers
        return Source(self.paths[numbers[place]], numbers[place + 1], numbers[place + 2])

    def __contains__(self, pointer: object) -> bool:
        return pointer in self.places

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)

    def __repr__(self) -> str:
        return repr(dict(self))


def compact(numbers: list[int]) -> array[int]:
    """Numbers of positions in two bytes each, or in four if one is too large for that."""
    try:
        return array("H", numbers)
    except OverflowError:
        return array("I", numbers)


@functools.lru_cache(maxsize=1024)
def places_of(pointers: tuple[str, ...]) -> Places:
    """The places of positions in the order of their pointers; of equal pointers, the last one counts."""
    return {pointer: _WIDTH * index for index, pointer in enumerate(pointers)}


class InnerPositions(Mapping[str, Source]):
    """Positions by pointers into a value of a document, without those in one of its members."""

    __slots__ = ("_omitted", "_pointer", "_positions")

    def __init__(self, positions: Mapping[str, Source], pointer: str, omitted: str) -> None:
        self._positions = positions
        self._pointer = pointer
        self._omitted = omitted

    @property
    def apart(self) -> Positions:
        """The same without the positions of the rest of the document."""
        positions = Positions.of(self._positions)
        places = _inner_places(tuple(positions.places.items()), self._pointer, self._omitted)
        return Positions(positions.paths, places, positions.numbers)

    def __getitem__(self, pointer: str) -> Source:
        if f"{pointer}/".startswith(f"{self._omitted}/"):
            raise KeyError(pointer)
        return self._positions[self._pointer + pointer]

    def __contains__(self, pointer: object) -> bool:
        is_omitted = f"{pointer}/".startswith(f"{self._omitted}/")
        return not is_omitted and f"{self._pointer}{pointer}" in self._positions

    def __iter__(self) -> Iterator[str]:
        return iter(self.apart)

    def __len__(self) -> int:
        return len(self.apart)

    def __repr__(self) -> str:
        return repr(dict(self))


@functools.lru_cache(maxsize=1024)
def _inner_places(places: tuple[tuple[str, int], ...], pointer: str, omitted: str) -> Places:
    inner = ((key[len(pointer) :], place) for key, place in places if f"{key}/".startswith(f"{pointer}/"))
    return {sys.intern(key): place for key, place in inner if not f"{key}/".startswith(f"{omitted}/")}
