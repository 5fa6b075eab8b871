"""Layers of a graph: which row each node stands in, and in which order, so that few edges cross.

After Sugiyama: edges that run against the rest are turned round, rows follow from the longest way, an edge passes
every row on its way at a bend of its own, and sweeps up and down sort each row by what it is joined to.  Rows of nodes
have even numbers; the odd ones between them have bends only, where labels find room.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from msgspec import Struct

Ends = tuple[int, int]
_SWEEPS: Final = 12


class Layers(Struct, frozen=True):
    """Rows of positions; a position is a node below `count`, and a bend of an edge from there on."""

    rows: tuple[tuple[int, ...], ...]
    chains: tuple[tuple[int, ...], ...]  # for each edge the positions it passes, downwards
    turned: frozenset[int]  # edges whose chain runs from target to source

    def links(self) -> Iterator[Ends]:
        """Every piece of an edge between two rows that follow each other, from the upper to the lower."""
        return _links(self.chains)


def layered(count: int, edges: Sequence[Ends]) -> Layers:
    """Layers of nodes 0 to `count` - 1; an edge from a node to itself has an empty chain."""
    turned = _against(count, edges)
    down = [(b, a) if n in turned else (a, b) for n, (a, b) in enumerate(edges)]
    row = [2 * rank for rank in _ranks(count, [ends for ends in down if ends[0] != ends[1]])]
    chains: list[tuple[int, ...]] = []
    for upper, lower in down:
        if upper == lower:
            chains.append(())
            continue
        bends = range(len(row), len(row) + row[lower] - row[upper] - 1)
        row += range(row[upper] + 1, row[lower])
        chains.append((upper, *bends, lower))
    rows: list[list[int]] = [[] for _ in range(max(row, default=-1) + 1)]
    for position, at in enumerate(row):
        rows[at].append(position)
    return Layers(_untangled(rows, chains), tuple(chains), turned)


def _neighbours(count: int, edges: Sequence[Ends]) -> list[list[tuple[int, int]]]:
    found: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    for number, (a, b) in enumerate(edges):
        found[a].append((b, number))
    return found


def _against(count: int, edges: Sequence[Ends]) -> frozenset[int]:
    """Edges that close a circle, as a walk in the order of the nodes meets them; without them there is no circle."""
    nexts, turned = _neighbours(count, edges), set()
    entered, left = [False] * count, [False] * count
    for start in range(count):
        trail = [] if entered[start] else [(start, iter(nexts[start]))]
        entered[start] = True
        while trail:
            node, ways = trail[-1]
            step = next(ways, None)
            if step is None:
                left[node] = True
                trail.pop()
                continue
            other, number = step
            if entered[other] and not left[other] and other != node:
                turned.add(number)
            elif not entered[other]:
                entered[other] = True
                trail.append((other, iter(nexts[other])))
    return frozenset(turned)


def _ranks(count: int, edges: Sequence[Ends]) -> list[int]:
    """How many edges the longest way to a node has; what nothing leads to stands just above what it leads to."""
    nexts, waiting = _neighbours(count, edges), [0] * count
    for _, lower in edges:
        waiting[lower] += 1
    first = [node for node in range(count) if not waiting[node]]
    rank, order = [0] * count, [*first]
    for node in order:
        for other, _ in nexts[node]:
            rank[other] = max(rank[other], rank[node] + 1)
            waiting[other] -= 1
            if not waiting[other]:
                order.append(other)
    for node in first:
        rank[node] = min((rank[other] - 1 for other, _ in nexts[node]), default=0)
    return rank


def _links(chains: Sequence[Sequence[int]]) -> Iterator[Ends]:
    return (pair for chain in chains for pair in pairwise(chain))


def _untangled(rows: list[list[int]], chains: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    """The rows in the best order that the sweeps find."""
    above: dict[int, list[int]] = {}
    below: dict[int, list[int]] = {}
    for upper, lower in _links(chains):
        below.setdefault(upper, []).append(lower)
        above.setdefault(lower, []).append(upper)
    best, fewest = rows, _crossings(rows, below)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        rows = _swept(rows, above) if sweep % 2 == 0 else _swept(rows[::-1], below)[::-1]
        crossings = _crossings(rows, below)
        if crossings < fewest:
            best, fewest = rows, crossings
    return tuple(map(tuple, best))


def _swept(rows: Sequence[Sequence[int]], joined: dict[int, list[int]]) -> list[list[int]]:
    """Each row sorted by the mean place of what it is joined to in the row before; what is joined to nothing stays."""
    sorted_rows = [list(rows[0])]
    for row in rows[1:]:
        place = {node: at for at, node in enumerate(sorted_rows[-1])}
        mean = {}
        for at, node in enumerate(row):
            places = [place[other] for other in joined.get(node, ())]
            mean[node] = sum(places) / len(places) if places else float(at)
        sorted_rows.append(sorted(row, key=mean.__getitem__))
    return sorted_rows


def _crossings(rows: Sequence[Sequence[int]], below: dict[int, list[int]]) -> int:
    """How many pairs of links cross: inversions among the lower ends, read from left to right."""
    crossings = 0
    for row, following in pairwise(rows):
        place = {node: at for at, node in enumerate(following)}
        seen: list[int] = []
        for node in row:
            ends = sorted(place[other] for other in below.get(node, ()))
            crossings += sum(len(seen) - bisect_left(seen, end + 1) for end in ends)
            for end in ends:
                insort(seen, end)
    return crossings
