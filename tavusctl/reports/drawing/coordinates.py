"""Places of layered nodes: rows below one another, each node as near as can be to what it is joined to.

Lengths are pixels, `across` a row and `along` the way of the edges; a drawing may swap the two.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from msgspec import Struct

from tavusctl.reports.drawing.ranks import Layers

Size = tuple[float, float]  # across, along
Joined = Mapping[int, Sequence[tuple[int, float]]]  # by position: others, and how much they matter
_NOTHING: Final = (0.0, 0.0)
_GAP: Final = 28.0  # between neighbours of a row
_NARROW: Final = 14.0  # beside a mere line
_STEEPEST: Final = 5.0  # rows are so far apart that no line runs flatter than this, within these two limits
_ROWS: Final = (22.0, 80.0)
_SWEEPS: Final = 24
_STRAIGHT: Final = 12.0  # how much more a bend wants to stand under a bend than a node under a node


class Coordinates(Struct, frozen=True):
    """The middle of every position across, and the two edges of its row along."""

    across: Mapping[int, float]
    row: Mapping[int, tuple[float, float]]
    size: Size


def placed(layers: Layers, sizes: Mapping[int, Size], count: int) -> Coordinates:
    """Places for the layers of at least one node; positions without a size are bends, which are lines."""
    across = _across(layers, sizes, count)
    left = min(at - _half(sizes, node) for node, at in across.items())
    across = {node: at - left for node, at in across.items()}
    rows: dict[int, tuple[float, float]] = {}
    bottom = 0.0
    for row, gap in zip(layers.rows, (0.0, *_gaps(layers, across)), strict=True):
        top = bottom + gap
        bottom = top + max(sizes.get(node, _NOTHING)[1] for node in row)
        rows.update(dict.fromkeys(row, (top, bottom)))
    width = max(at + _half(sizes, node) for node, at in across.items())
    return Coordinates(across, rows, (width, bottom))


def _gaps(layers: Layers, across: Mapping[int, float]) -> Sequence[float]:
    """The room between each two rows: more where lines go far to the side."""
    number = {node: n for n, row in enumerate(layers.rows) for node in row}
    farthest = [0.0] * (len(layers.rows) - 1)
    for upper, lower in layers.links():
        n = number[upper]
        farthest[n] = max(farthest[n], abs(across[upper] - across[lower]))
    least, most = _ROWS
    return [min(max(far / _STEEPEST, least), most) for far in farthest]


def _half(sizes: Mapping[int, Size], node: int) -> float:
    return sizes.get(node, _NOTHING)[0] / 2


def _across(layers: Layers, sizes: Mapping[int, Size], count: int) -> dict[int, float]:
    """Sweeps down and up, each node drawn to what it is joined to in the row before; the last ones look both ways."""
    above, below = _joined(layers, count)
    both = {node: [*above.get(node, ()), *below.get(node, ())] for row in layers.rows for node in row}
    shifts = {row: _shifts(row, sizes) for row in layers.rows}
    at = {node: shift for row in layers.rows for node, shift in shifts[row].items()}
    for sweep in range(_SWEEPS):
        is_down, is_late = sweep % 2 == 0, sweep >= _SWEEPS - 4
        joined = both if is_late else above if is_down else below
        for row in layers.rows if is_down else layers.rows[::-1]:
            at.update(_apart(shifts[row], {node: _wish(node, at, joined) for node in row}))
    return at


def _joined(layers: Layers, count: int) -> tuple[Joined, Joined]:
    above: defaultdict[int, list[tuple[int, float]]] = defaultdict(list)
    below: defaultdict[int, list[tuple[int, float]]] = defaultdict(list)
    for upper, lower in layers.links():
        weight = _STRAIGHT if upper >= count and lower >= count else 1.0
        below[upper].append((lower, weight))
        above[lower].append((upper, weight))
    return above, below


def _shifts(row: Sequence[int], sizes: Mapping[int, Size]) -> dict[int, float]:
    """The places of a row when everything stands as near to its neighbour as it may."""
    shifts = dict.fromkeys(row[:1], 0.0)
    for left, right in pairwise(row):
        gap = _GAP if left in sizes and right in sizes else _NARROW
        shifts[right] = shifts[left] + _half(sizes, left) + gap + _half(sizes, right)
    return shifts


def _wish(node: int, at: Mapping[int, float], joined: Joined) -> tuple[float, float]:
    """Where a node would best stand, and how much it matters."""
    weight = sum(each for _, each in joined.get(node, ()))
    if not weight:
        return at[node], 0.1
    return sum(at[other] * each for other, each in joined[node]) / weight, weight


def _apart(shifts: Mapping[int, float], wishes: Mapping[int, tuple[float, float]]) -> dict[int, float]:
    """The places nearest to the wishes, in squares and by weight, that keep order and gaps.

    Neighbours in each other's way are moved as one block.
    """
    blocks: list[tuple[float, float, list[int]]] = []  # place of the first, weight, nodes
    for node, shift in shifts.items():
        wish, weight = wishes[node]
        place, nodes = wish - shift, [node]
        while blocks and blocks[-1][0] > place:
            before, mass, others = blocks.pop()
            place = (before * mass + place * weight) / (mass + weight)
            weight, nodes = mass + weight, others + nodes
        blocks.append((place, weight, nodes))
    return {node: place + shifts[node] for place, _, nodes in blocks for node in nodes}
