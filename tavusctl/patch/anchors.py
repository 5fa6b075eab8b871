"""Which item of a long array has become which, guessed from contents in time near the length."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

from tavusctl.lib.diffing.patience import Pair, once
from tavusctl.lib.json_types import Json
from tavusctl.patch.region import Region


def pair_alike(gap: Region) -> list[Pair]:
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
    news = once(enumerate(new))
    for content, place in once(enumerate(old)).items():
        if content is not None and content in news:
            yield place, news[content]


def _pair_by_parts(gap: Region, old: list[int], new: list[int]) -> dict[int, int]:
    olds = once((place, part) for place in old for part in _parts(gap, gap.old_values[place]))
    news = once((place, part) for place in new for part in _parts(gap, gap.new_values[place]))
    votes = Counter((place, news[part]) for part, place in olds.items() if part in news)
    chosen: dict[int, int] = {}
    for (place, other), _ in votes.most_common():
        chosen.setdefault(place, other)
    return chosen


def _parts(gap: Region, value: Json) -> Iterable[int]:
    """The contents of everything inside a container."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        inner = one.values() if type(one) is dict else one if type(one) is list else ()
        for part in inner:
            yield gap.differ.ledger.of(part).number
            if type(part) is dict or type(part) is list:
                waiting.append(part)
