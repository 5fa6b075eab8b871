"""Finding again what seems to have gone: which removed value is which added one."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable

# Removed with added values that are compared one by one; beyond that only equal ones are found.
ALL_PAIRS = 144

Pair = tuple[int, int]
_Chain = tuple[Pair, "_Chain | None"]  # a pair and the one before it


def pair_equals(gone: Iterable[tuple[int, Hashable]], come: Iterable[tuple[int, Hashable]]) -> list[Pair]:
    """Pairs of places with equal contents, first with first; None is equal to nothing."""
    waiting: defaultdict[Hashable, deque[int]] = defaultdict(deque)
    for place, content in come:
        if content is not None:
            waiting[content].append(place)
    return [(place, waiting[content].popleft()) for place, content in gone if waiting[content]]


def pair_best(candidates: Iterable[Pair], saving: Callable[[int, int], float]) -> list[Pair]:
    """Pairs with the greatest savings first; a pair that saves nothing is none."""
    savings = sorted((-saving(i, j), i, j) for i, j in candidates)
    left: set[int] = set()
    found: set[int] = set()
    pairs = []
    for lost, i, j in savings:
        if lost < 0 and i not in left and j not in found:
            left.add(i)
            found.add(j)
            pairs.append((i, j))
    return pairs


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
