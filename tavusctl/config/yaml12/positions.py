"""Positions of values and keys by JSON Pointer, for ten thousand documents at a time."""

from __future__ import annotations

import functools
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tavusctl.core.address import Source

_WIDTH: Final = 3  # numbers of a position: index of its file, line, column


class Positions(Mapping[str, Source]):
    """Positions by pointer; each is made when it is asked for, and documents with equal pointers have these once."""

    __slots__ = ("_numbers", "_paths", "_places")

    def __init__(self, paths: Sequence[str], pointers: tuple[str, ...], numbers: Sequence[int]) -> None:
        """`numbers` has, for each pointer, an index into the paths of files, the line and the column."""
        self._paths = paths
        self._places = _places(pointers)
        self._numbers = array("I", numbers)

    def __getitem__(self, pointer: str) -> Source:
        number, line, column = self._numbers[self._places[pointer]]
        return Source(self._paths[number], line, column)

    def __contains__(self, pointer: object) -> bool:
        return pointer in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __repr__(self) -> str:
        return repr(dict(self))


@functools.lru_cache(maxsize=1024)
def _places(pointers: tuple[str, ...]) -> Mapping[str, slice]:
    """Where the numbers of each pointer are; of equal pointers, the last one counts."""
    return {pointer: slice(_WIDTH * place, _WIDTH * (place + 1)) for place, pointer in enumerate(pointers)}


class InnerPositions(Mapping[str, Source]):
    """Positions by pointers into a value of a document, without those in one of its members."""

    __slots__ = ("_omitted", "_pointer", "_positions")

    def __init__(self, positions: Mapping[str, Source], pointer: str, omitted: str) -> None:
        self._positions = positions
        self._pointer = pointer
        self._omitted = omitted

    def __getitem__(self, pointer: str) -> Source:
        if f"{pointer}/".startswith(f"{self._omitted}/"):
            raise KeyError(pointer)
        return self._positions[self._pointer + pointer]

    def __contains__(self, pointer: object) -> bool:
        is_omitted = f"{pointer}/".startswith(f"{self._omitted}/")
        return not is_omitted and f"{self._pointer}{pointer}" in self._positions

    def __iter__(self) -> Iterator[str]:
        start, omitted = f"{self._pointer}/", f"{self._omitted}/"
        inner = (key.removeprefix(self._pointer) for key in self._positions if f"{key}/".startswith(start))
        return (pointer for pointer in inner if not f"{pointer}/".startswith(omitted))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return repr(dict(self))
