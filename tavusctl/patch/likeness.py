"""Which item of a long array has become which, guessed from contents in time near the length."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from tavusctl.patch.gap import Gap

_TWICE = -1


def pair_alike(gap: Gap) -> list[tuple[int, int]]:
    """Pairs of items that are equal, else have the same identity, else the most in common that no other item has.

    An old item is in one pair at most; what occurs twice on a side says nothing.
    """
    pairs = dict(_pair_unique(gap.old, gap.new))
    if gap.frame.identity:
        for old, new in _pair_unique(*gap.identities()):
            pairs.setdefault(old, new)
    taken = set(pairs.values())
    old_left = [place for place in range(len(gap.old)) if place not in pairs]
    new_left = [place for place in range(len(gap.new)) if place not in taken]
    pairs.update(_pair_by_parts(gap, old_left, new_left))
    return list(pairs.items())


def _pair_unique(old: Sequence[Hashable], new: Sequence[Hashable]) -> Iterable[tuple[int, int]]:
    news = _places(enumerate(new))
    for content, place in _places(enumerate(old)).items():
        other = news.get(content, _TWICE)
        if content is not None and place >= 0 and other >= 0:
            yield place, other


def _places(entries: Iterable[tuple[int, Hashable]]) -> dict[Hashable, int]:
    """Where each content is, `_TWICE` when it is in several places."""
    places: dict[Hashable, int] = {}
    for place, content in entries:
        if places.setdefault(content, place) != place:
            places[content] = _TWICE
    return places


def _pair_by_parts(gap: Gap, old: list[int], new: list[int]) -> Iterable[tuple[int, int]]:
    olds = _places((place, part) for place in old for part in _parts(gap, gap.old_values[place]))
    news = _places((place, part) for place in new for part in _parts(gap, gap.new_values[place]))
    votes: Counter[tuple[int, int]] = Counter()
    for part, place in olds.items():
        other = news.get(part, _TWICE)
        if place >= 0 and other >= 0:
            votes[place, other] += 1
    chosen: dict[int, tuple[int, int]] = {}
    for (place, other), count in votes.items():
        if count > chosen.get(place, (0, 0))[0]:
            chosen[place] = (count, other)
    return [(place, other) for place, (_, other) in chosen.items()]


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
