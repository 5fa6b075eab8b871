"""Layers of a graph: the row of each node, and the order of each row, so that few edges cross.

The method is Sugiyama's: edges that close a cycle are reversed; the longest path to a node gives its row; an edge has
a bend of its own in every row that it crosses; sweeps up and down sort each row by the positions of linked nodes.
Rows of nodes have even numbers; the odd rows between them have bends only, which makes room for labels.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from graphlib import TopologicalSorter
from itertools import pairwise
from typing import Final

from msgspec import Struct

Ends = tuple[int, int]
_SWEEP_COUNT: Final = 12


class Layers(Struct, frozen=True):
    """Rows of positions; a position below the number of nodes is a node, any other a bend of an edge."""

    rows: tuple[tuple[int, ...], ...]
    chains: tuple[tuple[int, ...], ...]  # for each edge the positions it passes, downwards
    turned: frozenset[int]  # edges whose chain runs from target to source

    def links(self) -> Iterator[Ends]:
        """Every segment of an edge between two neighbouring rows, from the upper to the lower position."""
        return _links(self.chains)


def assign_layers(count: int, edges: Sequence[Ends]) -> Layers:
    """Layers of nodes 0 to `count` - 1; an edge from a node to itself has an empty chain."""
    turned = _cycle_edges(count, edges)
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
    for position, row_number in enumerate(row):
        rows[row_number].append(position)
    return Layers(_ordered_rows(rows, chains), tuple(chains), turned)


def _neighbours(count: int, edges: Sequence[Ends]) -> list[list[tuple[int, int]]]:
    neighbours: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    for number, (a, b) in enumerate(edges):
        neighbours[a].append((b, number))
    return neighbours


def _cycle_edges(count: int, edges: Sequence[Ends]) -> frozenset[int]:
    """The edges that close a cycle in a depth-first search from the nodes in order.

    Without them the graph has no cycle but edges from a node to itself, which are not among them.
    """
    neighbours, turned = _neighbours(count, edges), set()
    entered, finished = [False] * count, [False] * count
    for start in range(count):
        path = [] if entered[start] else [(start, iter(neighbours[start]))]
        entered[start] = True
        while path:
            node, unvisited = path[-1]
            step = next(unvisited, None)
            if step is None:
                finished[node] = True
                path.pop()
                continue
            other, number = step
            if entered[other] and not finished[other] and other != node:
                turned.add(number)
            elif not entered[other]:
                entered[other] = True
                path.append((other, iter(neighbours[other])))
    return frozenset(turned)


def _ranks(count: int, edges: Sequence[Ends]) -> list[int]:
    """The rank of each node: the number of edges on the longest path to it.

    A node that no edge leads to is moved down to just above the first of its targets.
    """
    above: list[list[int]] = [[] for _ in range(count)]
    for upper, lower in edges:
        above[lower].append(upper)
    rank = [0] * count
    for node in TopologicalSorter(dict(enumerate(above))).static_order():
        rank[node] = max((rank[other] + 1 for other in above[node]), default=0)
    for node, neighbours in enumerate(_neighbours(count, edges)):
        if not above[node]:
            rank[node] = min((rank[other] - 1 for other, _ in neighbours), default=0)
    return rank


def _links(chains: Sequence[Sequence[int]]) -> Iterator[Ends]:
    return (pair for chain in chains for pair in pairwise(chain))


def _ordered_rows(rows: list[list[int]], chains: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    """The rows in the order with the fewest crossings that the sweeps find."""
    above: dict[int, list[int]] = {}
    below: dict[int, list[int]] = {}
    for upper, lower in _links(chains):
        below.setdefault(upper, []).append(lower)
        above.setdefault(lower, []).append(upper)
    best, fewest = rows, _crossings(rows, below)
    for sweep in range(_SWEEP_COUNT):
        if not fewest:
            break
        rows = _sorted_rows(rows, above) if sweep % 2 == 0 else _sorted_rows(rows[::-1], below)[::-1]
        crossings = _crossings(rows, below)
        if crossings < fewest:
            best, fewest = rows, crossings
    return tuple(map(tuple, best))


def _sorted_rows(rows: Sequence[Sequence[int]], links: dict[int, list[int]]) -> list[list[int]]:
    """Each row sorted by the mean position of a node's links in the previous row.

    A node without links there is sorted by its own position.
    """
    sorted_rows = [list(rows[0])]
    for row in rows[1:]:
        positions = {node: index for index, node in enumerate(sorted_rows[-1])}
        mean = {}
        for index, node in enumerate(row):
            linked_positions = [positions[other] for other in links.get(node, ())]
            mean[node] = sum(linked_positions) / len(linked_positions) if linked_positions else float(index)
        sorted_rows.append(sorted(row, key=mean.__getitem__))
    return sorted_rows


def _crossings(rows: Sequence[Sequence[int]], below: dict[int, list[int]]) -> int:
    """The number of pairs of links that cross: inversions among the lower ends, read from left to right."""
    crossings = 0
    for row, following in pairwise(rows):
        positions = {node: index for index, node in enumerate(following)}
        earlier_ends: list[int] = []
        for node in row:
            ends = sorted(positions[other] for other in below.get(node, ()))
            crossings += sum(len(earlier_ends) - bisect_left(earlier_ends, end + 1) for end in ends)
            for end in ends:
                insort(earlier_ends, end)
    return crossings
