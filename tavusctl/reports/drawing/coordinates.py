"""Coordinates of layered nodes, row below row; each node is as close as possible to the nodes linked to it.

Lengths are pixels, `across` a row and `along` the direction of the edges; a drawing may swap the two.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from msgspec import Struct

from tavusctl.reports.drawing.ranks import Layers

Size = tuple[float, float]  # across, along
Links = Mapping[int, Sequence[tuple[int, float]]]  # by position: the linked positions, with weights
_NOTHING: Final = (0.0, 0.0)
_GAP: Final = 28.0  # between two nodes of a row
_GAP_AT_BEND: Final = 14.0  # beside a bend, which is only a line
_FLATTEST: Final = 5.0  # pixels across for one along: no line between two rows is flatter, within the limits of _ROWS
_ROWS: Final = (22.0, 80.0)  # the smallest and the largest gap between two rows
_SWEEP_COUNT: Final = 24
_STRAIGHT: Final = 12.0  # the weight of a link between two bends; that of any other link is 1


class Coordinates(Struct, frozen=True):
    """The center of every position across, and the two edges of its row along."""

    across: Mapping[int, float]
    row: Mapping[int, tuple[float, float]]
    size: Size


def coordinates_of(layers: Layers, sizes: Mapping[int, Size], count: int) -> Coordinates:
    """The coordinates of layers with at least one node; a position without a size is a bend, where a line passes."""
    across = _centers_across(layers, sizes, count)
    left = min(center - _half(sizes, node) for node, center in across.items())
    across = {node: center - left for node, center in across.items()}
    rows: dict[int, tuple[float, float]] = {}
    bottom = 0.0
    for row, gap in zip(layers.rows, (0.0, *_gaps(layers, across)), strict=True):
        top = bottom + gap
        bottom = top + max(sizes.get(node, _NOTHING)[1] for node in row)
        rows.update(dict.fromkeys(row, (top, bottom)))
    width = max(center + _half(sizes, node) for node, center in across.items())
    return Coordinates(across, rows, (width, bottom))


def _gaps(layers: Layers, across: Mapping[int, float]) -> Sequence[float]:
    """The gap between every two neighbouring rows: larger if lines between them go far to the side."""
    row_numbers = {node: n for n, row in enumerate(layers.rows) for node in row}
    farthest = [0.0] * (len(layers.rows) - 1)
    for upper, lower in layers.links():
        n = row_numbers[upper]
        farthest[n] = max(farthest[n], abs(across[upper] - across[lower]))
    smallest, largest = _ROWS
    return [min(max(distance / _FLATTEST, smallest), largest) for distance in farthest]


def _half(sizes: Mapping[int, Size], node: int) -> float:
    return sizes.get(node, _NOTHING)[0] / 2


def _centers_across(layers: Layers, sizes: Mapping[int, Size], count: int) -> dict[int, float]:
    """The centers after sweeps down and up, in which each node moves towards its links in the previous row.

    In the last sweeps each node moves towards its links in both neighbouring rows.
    """
    above, below = _links_by_side(layers, count)
    both = {node: [*above.get(node, ()), *below.get(node, ())] for row in layers.rows for node in row}
    closest = {row: _closest_centers(row, sizes) for row in layers.rows}
    centers = {node: center for row in layers.rows for node, center in closest[row].items()}
    for sweep in range(_SWEEP_COUNT):
        is_down, is_last = sweep % 2 == 0, sweep >= _SWEEP_COUNT - 4
        links = both if is_last else above if is_down else below
        for row in layers.rows if is_down else layers.rows[::-1]:
            centers.update(
                _without_overlaps(closest[row], {node: _preferred_center(node, centers, links) for node in row})
            )
    return centers


def _links_by_side(layers: Layers, node_count: int) -> tuple[Links, Links]:
    above: defaultdict[int, list[tuple[int, float]]] = defaultdict(list)
    below: defaultdict[int, list[tuple[int, float]]] = defaultdict(list)
    for upper, lower in layers.links():
        weight = _STRAIGHT if upper >= node_count and lower >= node_count else 1.0
        below[upper].append((lower, weight))
        above[lower].append((upper, weight))
    return above, below


def _closest_centers(row: Sequence[int], sizes: Mapping[int, Size]) -> dict[int, float]:
    """The centers of a row whose positions are as close together as allowed; the first is 0."""
    centers = dict.fromkeys(row[:1], 0.0)
    for left, right in pairwise(row):
        gap = _GAP if left in sizes and right in sizes else _GAP_AT_BEND
        centers[right] = centers[left] + _half(sizes, left) + gap + _half(sizes, right)
    return centers


def _preferred_center(node: int, centers: Mapping[int, float], links: Links) -> tuple[float, float]:
    """The center that a position would have by its links alone, else its present center; and the weight."""
    weight = sum(link_weight for _, link_weight in links.get(node, ()))
    if not weight:
        return centers[node], 0.1
    return sum(centers[other] * link_weight for other, link_weight in links[node]) / weight, weight


def _without_overlaps(closest: Mapping[int, float], preferred: Mapping[int, tuple[float, float]]) -> dict[int, float]:
    """The centers that keep order and gaps, and are nearest to the preferred ones by weighted least squares.

    Neighbours that would overlap are moved as one block.
    """
    blocks: list[tuple[float, float, list[int]]] = []  # offset from the closest centers, weight, nodes
    for node, closest_center in closest.items():
        center, weight = preferred[node]
        offset, nodes = center - closest_center, [node]
        while blocks and blocks[-1][0] > offset:
            other_offset, other_weight, other_nodes = blocks.pop()
            offset = (other_offset * other_weight + offset * weight) / (other_weight + weight)
            weight, nodes = other_weight + weight, other_nodes + nodes
        blocks.append((offset, weight, nodes))
    return {node: offset + closest[node] for offset, _, nodes in blocks for node in nodes}
