"""A graph laid out: boxes, ways between them, labels on the ways; parts that are not joined stand side by side."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from tavusctl.reports.drawing.coordinates import Coordinates, Size, placed
from tavusctl.reports.drawing.ranks import Ends, Layers, layered

Point = tuple[float, float]
_LOOP: Final = 30.0  # how far a way from a node to itself goes out
_BETWEEN: Final = 40.0  # between parts that are not joined
_NARROWEST: Final = 800.0  # a row of parts is filled at least this far
_SPREAD: Final = 0.7  # the part of a node's side on which its ways begin and end


class Box(Struct, frozen=True):
    """A rectangle: its upper left corner, and its size."""

    x: float
    y: float
    width: float
    height: float

    def moved(self, x: float, y: float) -> Box:
        """The same rectangle elsewhere."""
        return Box(self.x + x, self.y + y, self.width, self.height)

    def swapped(self) -> Box:
        """The rectangle seen in a mirror along the diagonal."""
        return Box(self.y, self.x, self.height, self.width)


class Route(Struct, frozen=True):
    """The way of an edge, from its source to its target."""

    points: tuple[Point, ...]
    label: Box | None = None

    def moved(self, x: float, y: float) -> Route:
        """The same way elsewhere."""
        return Route(tuple((a + x, b + y) for a, b in self.points), self.label and self.label.moved(x, y))

    def swapped(self) -> Route:
        """The way seen in a mirror along the diagonal."""
        return Route(tuple((b, a) for a, b in self.points), self.label and self.label.swapped())


class Drawing(Struct, frozen=True):
    """Where everything stands: boxes in the order of nodes, routes in the order of edges."""

    boxes: tuple[Box, ...]
    routes: tuple[Route, ...]
    width: float
    height: float


def arranged(sizes: Sequence[Size], edges: Sequence[Ends], labels: Sequence[Size | None], *, down: bool) -> Drawing:
    """Lay out nodes and labels of the given sizes; ways run down, or to the right."""
    boxes: dict[int, Box] = {}
    routes: dict[int, Route] = {}
    parts = [_Part(nodes, sizes, edges, labels, down=down) for nodes in _parts(len(sizes), edges)]
    shelf = _Shelf(max(_NARROWEST, 1.4 * math.sqrt(sum(part.area for part in parts))))
    for part in parts:
        x, y = shelf.next(part.width, part.height)
        boxes.update((node, box.moved(x, y)) for node, box in part.boxes.items())
        routes.update((edge, route.moved(x, y)) for edge, route in part.routes.items())
    return Drawing(
        tuple(boxes[n] for n in range(len(sizes))),
        tuple(routes[n] for n in range(len(edges))),
        shelf.width,
        shelf.height,
    )


def _parts(count: int, edges: Sequence[Ends]) -> list[list[int]]:
    """Nodes that are joined, in the order of their first; nodes that stand alone come last."""
    part = list(range(count))

    def root(node: int) -> int:
        while part[node] != node:
            part[node] = node = part[part[node]]
        return node

    for a, b in edges:
        low, high = sorted((root(a), root(b)))
        part[high] = low
    found: defaultdict[int, list[int]] = defaultdict(list)
    for node in range(count):
        found[root(node)].append(node)
    return sorted(found.values(), key=lambda nodes: (len(nodes) == 1, nodes[0]))


class _Shelf:
    """Places for rectangles, in rows from left to right."""

    def __init__(self, limit: float) -> None:
        self.width = self.height = 0.0
        self._limit = limit
        self._x = self._y = 0.0

    def next(self, width: float, height: float) -> Point:
        """The upper left corner for the next rectangle."""
        if self._x and self._x + width > self._limit:
            self._x, self._y = 0.0, self.height + _BETWEEN
        corner = self._x, self._y
        self._x += width + _BETWEEN
        self.width, self.height = max(self.width, corner[0] + width), max(self.height, corner[1] + height)
        return corner


class _Part:
    """Joined nodes laid out by themselves, in numbers of the whole; across and along as in `places` until the end."""

    def __init__(
        self,
        nodes: Sequence[int],
        sizes: Sequence[Size],
        edges: Sequence[Ends],
        labels: Sequence[Size | None],
        *,
        down: bool,
    ) -> None:
        own = {node: n for n, node in enumerate(nodes)}
        self._edges = [n for n, (a, _) in enumerate(edges) if a in own]
        self._ends = [(own[edges[n][0]], own[edges[n][1]]) for n in self._edges]
        self._sizes = [_turned(sizes[node], down=down) for node in nodes]
        self._labels = [_turned(labels[n] or (0.0, 0.0), down=down) for n in self._edges]
        self._loops = self._outward()
        self._layers = layered(len(nodes), self._ends)
        self._places = placed(self._layers, self._room(), len(nodes))
        self._ports = _ports(self._layers, self._places, self._sizes)
        boxes = {node: self._box(n) for n, node in enumerate(nodes)}
        routes = {edge: self._route(n) for n, edge in enumerate(self._edges)}
        self.boxes: Mapping[int, Box] = boxes if down else {n: box.swapped() for n, box in boxes.items()}
        self.routes: Mapping[int, Route] = routes if down else {n: way.swapped() for n, way in routes.items()}
        self.width, self.height = _turned(self._places.size, down=down)
        self.area = (self.width + _BETWEEN) * (self.height + _BETWEEN)

    def _outward(self) -> Mapping[int, float]:
        """How far beside its node the label of each loop begins: one outside the other."""
        ends: defaultdict[int, float] = defaultdict(float)
        begins: dict[int, float] = {}
        for edge, (node, other) in enumerate(self._ends):
            if node == other:
                begins[edge] = ends[node] + _LOOP
                ends[node] = begins[edge] + self._labels[edge][0]
        return begins

    def _room(self) -> Mapping[int, Size]:
        """How much room each position takes: a node with its loops, the bend that carries a label."""
        room = dict(enumerate(self._sizes))
        for edge, label in enumerate(self._labels):
            node = self._ends[edge][0]
            if edge in self._loops:
                across = self._sizes[node][0]
                room[node] = (across + 2 * (self._loops[edge] + label[0]), max(room[node][1], label[1]))
            elif label[0]:
                room[self._bend(edge)] = label
        return room

    def _bend(self, edge: int) -> int:
        """The bend that carries the label: the one next to the source."""
        chain = self._layers.chains[edge]
        return chain[-2] if edge in self._layers.turned else chain[1]

    def _box(self, node: int) -> Box:
        across, along = self._sizes[node]
        return Box(self._places.across[node] - across / 2, self._middle(node) - along / 2, across, along)

    def _middle(self, position: int) -> float:
        return sum(self._places.row[position]) / 2

    def _route(self, edge: int) -> Route:
        node, other = self._ends[edge]
        if node == other:
            return self._loop(edge, node)
        first, *bends, last = self._layers.chains[edge]
        upper, lower = self._box(first), self._box(last)
        points = [(self._ports[edge, first], upper.y + upper.height)]
        points += [(self._places.across[bend], at) for bend in bends for at in self._passed(bend)]
        points.append((self._ports[edge, last], lower.y))
        bend = self._bend(edge)
        return Route(
            tuple(points[::-1] if edge in self._layers.turned else points),
            self._tag(edge, self._places.across[bend], self._middle(bend)),
        )

    def _passed(self, bend: int) -> Size | tuple[()]:
        """Where a way enters and leaves a row; a row without height is nothing to go round."""
        top, bottom = self._places.row[bend]
        return (top, bottom) if bottom > top else ()

    def _loop(self, edge: int, node: int) -> Route:
        box, middle = self._box(node), self._middle(node)
        side, quarter = box.x + box.width, box.height / 4
        out = side + self._loops[edge] - _LOOP * 0.2
        points = ((side, middle - quarter), (out, middle - quarter), (out, middle + quarter), (side, middle + quarter))
        return Route(points, self._tag(edge, side + self._loops[edge] + self._labels[edge][0] / 2, middle))

    def _tag(self, edge: int, across: float, along: float) -> Box | None:
        """The box of an edge's label around a middle."""
        width, height = self._labels[edge]
        return Box(across - width / 2, along - height / 2, width, height) if width else None


def _turned(size: Size, *, down: bool) -> Size:
    return size if down else size[::-1]


def _ports(layers: Layers, places: Coordinates, sizes: Sequence[Size]) -> Mapping[tuple[int, int], float]:
    """Where on a node's side each way begins or ends, by edge and node: in the order in which they go on."""
    sides: defaultdict[tuple[int, bool], list[tuple[float, int]]] = defaultdict(list)
    for edge, chain in enumerate(layers.chains):
        if chain:
            sides[chain[0], True].append((places.across[chain[1]], edge))
            sides[chain[-1], False].append((places.across[chain[-2]], edge))
    return dict(_spread(sides, places, sizes))


def _spread(
    sides: Mapping[tuple[int, bool], list[tuple[float, int]]], places: Coordinates, sizes: Sequence[Size]
) -> Iterator[tuple[tuple[int, int], float]]:
    for (node, _), ways in sides.items():
        for n, (_, edge) in enumerate(sorted(ways)):
            share = (n + 1) / (len(ways) + 1) - 0.5
            yield (edge, node), places.across[node] + share * sizes[node][0] * _SPREAD
