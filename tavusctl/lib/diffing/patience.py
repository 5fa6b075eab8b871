"""Anchors of a comparison (Cohen's patience diff): the longest ordered set of items that are unique on both sides."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterable
from typing import TypeVar

Pair = tuple[int, int]
Content = TypeVar("Content", bound=Hashable)
_Chain = tuple[Pair, "_Chain | None"]  # a pair and the one before it


def unique_places(entries: Iterable[tuple[int, Content]]) -> dict[Content, int]:
    """The places of the contents that occur exactly once."""
    places: dict[Content, int | None] = {}
    for place, content in entries:
        if places.setdefault(content, place) != place:
            places[content] = None
    return {content: place for content, place in places.items() if place is not None}


def longest_increasing(pairs: Iterable[Pair]) -> list[Pair]:
    """The longest list of pairs with increasing places on both sides (longest increasing subsequence, by patience)."""
    tops: list[int] = []
    piles: list[_Chain] = []
    for pair in sorted(pairs):
        pile = bisect_left(tops, pair[1])
        tops[pile : pile + 1] = [pair[1]]
        piles[pile : pile + 1] = [(pair, piles[pile - 1] if pile else None)]
    result = []
    chain = piles[-1] if piles else None
    while chain:
        pair, chain = chain
        result.append(pair)
    return result[::-1]
