"""Which item of a long array has become which, guessed from contents in time near the length."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from tavusctl.patch.gap import Gap

Pair = tuple[int, int]
_Chain = tuple[Pair, "_Chain | None"]  # a pair and the one before it


def pair_alike(gap: Gap) -> list[Pair]:
    """Pairs of items that are equal, else have the same identity, else the most in common that no other item has.

    An old item is in one pair at most; what occurs twice on a side says nothing.
    """
    pairs = dict((*_pair_unique(gap.old, gap.new), *_pair_unique(*gap.identities())))
    taken = set(pairs.values())
    old_left = [place for place in range(len(gap.old)) if place not in pairs]
    new_left = [place for place in range(len(gap.new)) if place not in taken]
    pairs.update(_pair_by_parts(gap, old_left, new_left))
    return list(pairs.items())


def _pair_unique(old: Sequence[Hashable], new: Sequence[Hashable]) -> Iterable[Pair]:
    news = _once(enumerate(new))
    for content, place in _once(enumerate(old)).items():
        if content is not None and content in news:
            yield place, news[content]


def _once(entries: Iterable[tuple[int, Hashable]]) -> dict[Hashable, int]:
    """Where each content is that is in one place only."""
    places: dict[Hashable, int | None] = {}
    for place, content in entries:
        if places.setdefault(content, place) != place:
            places[content] = None
    return {content: place for content, place in places.items() if place is not None}


def _pair_by_parts(gap: Gap, old: list[int], new: list[int]) -> dict[int, int]:
    olds = _once((place, part) for place in old for part in _parts(gap, gap.old_values[place]))
    news = _once((place, part) for place in new for part in _parts(gap, gap.new_values[place]))
    votes = Counter((place, news[part]) for part, place in olds.items() if part in news)
    chosen: dict[int, int] = {}
    for (place, other), _ in votes.most_common():
        chosen.setdefault(place, other)
    return chosen


def _parts(gap: Gap, value: Any) -> Iterable[int]:
    """The contents of everything inside a container."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        inner = one.values() if type(one) is dict else one if type(one) is list else ()
        for part in inner:
            yield gap.differ.ledger.of(part).number
            if type(part) is dict or type(part) is list:
                waiting.append(part)


def rising(pairs: Iterable[Pair]) -> list[Pair]:
    """The most pairs whose places rise on both sides (longest increasing subsequence, by patience)."""
    tops: list[int] = []
    piles: list[_Chain] = []
    for pair in sorted(pairs):
        pile = bisect_left(tops, pair[1])
        tops[pile : pile + 1] = [pair[1]]
        piles[pile : pile + 1] = [(pair, piles[pile - 1] if pile else None)]
    found = []
    chain = piles[-1] if piles else None
    while chain:
        pair, chain = chain
        found.append(pair)
    return found[::-1]
