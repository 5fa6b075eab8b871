"""The layout of a graph: boxes for nodes, routes for edges, labels on the routes.

Parts of the graph that are not connected are put side by side.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from tavusctl.reports.drawing.coordinates import Coordinates, Size, coordinates_of
from tavusctl.reports.drawing.ranks import Ends, Layers, assign_layers

Point = tuple[float, float]
_LOOP: Final = 30.0  # how far the route of an edge from a node to itself leaves the node
_BETWEEN: Final = 40.0  # between parts that are not connected
_NARROWEST: Final = 800.0  # the least width up to which a row of parts is filled
_SPREAD: Final = 0.7  # the share of a node's side on which routes begin and end


class Box(Struct, frozen=True):
    """A rectangle: its upper left corner, and its size."""

    x: float
    y: float
    width: float
    height: float

    def shifted(self, x: float, y: float) -> Box:
        """The rectangle, moved by x and y."""
        return Box(self.x + x, self.y + y, self.width, self.height)

    def transposed(self) -> Box:
        """The rectangle with x and y swapped."""
        return Box(self.y, self.x, self.height, self.width)


class Route(Struct, frozen=True):
    """The route of an edge, from its source to its target."""

    points: tuple[Point, ...]
    label: Box | None = None

    def shifted(self, x: float, y: float) -> Route:
        """The route, moved by x and y."""
        return Route(tuple((a + x, b + y) for a, b in self.points), self.label and self.label.shifted(x, y))

    def transposed(self) -> Route:
        """The route with x and y swapped."""
        return Route(tuple((b, a) for a, b in self.points), self.label and self.label.transposed())


class Drawing(Struct, frozen=True):
    """The positions of a whole graph: boxes in the order of nodes, routes in the order of edges."""

    boxes: tuple[Box, ...]
    routes: tuple[Route, ...]
    width: float
    height: float


def arrange(sizes: Sequence[Size], edges: Sequence[Ends], labels: Sequence[Size | None], *, down: bool) -> Drawing:
    """Lay out nodes and labels of the given sizes; edges run down, or else to the right."""
    boxes: dict[int, Box] = {}
    routes: dict[int, Route] = {}
    parts = [_Part(nodes, sizes, edges, labels, down=down) for nodes in _parts(len(sizes), edges)]
    shelf = _Shelf(max(_NARROWEST, 1.4 * math.sqrt(sum(part.area for part in parts))))
    for part in parts:
        x, y = shelf.next(part.width, part.height)
        boxes.update((node, box.shifted(x, y)) for node, box in part.boxes.items())
        routes.update((edge, route.shifted(x, y)) for edge, route in part.routes.items())
    return Drawing(
        tuple(boxes[n] for n in range(len(sizes))),
        tuple(routes[n] for n in range(len(edges))),
        shelf.width,
        shelf.height,
    )


def _parts(count: int, edges: Sequence[Ends]) -> list[list[int]]:
    """The nodes of each connected part, in the order of the parts' first nodes; single nodes come last."""
    parent = list(range(count))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = node = parent[parent[node]]
        return node

    for a, b in edges:
        low, high = sorted((root(a), root(b)))
        parent[high] = low
    members: defaultdict[int, list[int]] = defaultdict(list)
    for node in range(count):
        members[root(node)].append(node)
    return sorted(members.values(), key=lambda nodes: (len(nodes) == 1, nodes[0]))


class _Shelf:
    """Finds positions for rectangles, in rows from left to right."""

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
    """The layout of one connected part; `boxes` and `routes` have the numbers of nodes and edges of the whole graph.

    Inside, nodes and edges are numbered from 0, and lengths are across and along as in `coordinates` until the end.
    """

    def __init__(
        self,
        nodes: Sequence[int],
        sizes: Sequence[Size],
        edges: Sequence[Ends],
        labels: Sequence[Size | None],
        *,
        down: bool,
    ) -> None:
        own_number = {node: n for n, node in enumerate(nodes)}
        self._edges = [n for n, (a, _) in enumerate(edges) if a in own_number]
        self._ends = [(own_number[edges[n][0]], own_number[edges[n][1]]) for n in self._edges]
        self._sizes = [_oriented(sizes[node], down=down) for node in nodes]
        self._labels = [_oriented(labels[n] or (0.0, 0.0), down=down) for n in self._edges]
        self._loops = self._loop_distances()
        self._layers = assign_layers(len(nodes), self._ends)
        self._coordinates = coordinates_of(self._layers, self._needed_sizes(), len(nodes))
        self._ports = _ports(self._layers, self._coordinates, self._sizes)
        boxes = {node: self._box(n) for n, node in enumerate(nodes)}
        routes = {edge: self._route(n) for n, edge in enumerate(self._edges)}
        self.boxes: Mapping[int, Box] = boxes if down else {n: box.transposed() for n, box in boxes.items()}
        self.routes: Mapping[int, Route] = routes if down else {n: route.transposed() for n, route in routes.items()}
        self.width, self.height = _oriented(self._coordinates.size, down=down)
        self.area = (self.width + _BETWEEN) * (self.height + _BETWEEN)

    def _loop_distances(self) -> Mapping[int, float]:
        """By edge from a node to itself: how far beside the node its label begins, each outside the one before."""
        ends: defaultdict[int, float] = defaultdict(float)
        begins: dict[int, float] = {}
        for edge, (node, other) in enumerate(self._ends):
            if node == other:
                begins[edge] = ends[node] + _LOOP
                ends[node] = begins[edge] + self._labels[edge][0]
        return begins

    def _needed_sizes(self) -> Mapping[int, Size]:
        """The size that each position needs: a node with its loops, or the bend that has the label of an edge."""
        needed = dict(enumerate(self._sizes))
        for edge, label in enumerate(self._labels):
            node = self._ends[edge][0]
            if edge in self._loops:
                across = self._sizes[node][0]
                needed[node] = (across + 2 * (self._loops[edge] + label[0]), max(needed[node][1], label[1]))
            elif label[0]:
                needed[self._label_bend(edge)] = label
        return needed

    def _label_bend(self, edge: int) -> int:
        """The bend that has the label of an edge: the one next to its source."""
        chain = self._layers.chains[edge]
        return chain[-2] if edge in self._layers.turned else chain[1]

    def _box(self, node: int) -> Box:
        across, along = self._sizes[node]
        return Box(self._coordinates.across[node] - across / 2, self._middle(node) - along / 2, across, along)

    def _middle(self, position: int) -> float:
        return sum(self._coordinates.row[position]) / 2

    def _route(self, edge: int) -> Route:
        node, other = self._ends[edge]
        if node == other:
            return self._loop(edge, node)
        first, *bends, last = self._layers.chains[edge]
        upper, lower = self._box(first), self._box(last)
        points = [(self._ports[edge, first], upper.y + upper.height)]
        points += [(self._coordinates.across[bend], at) for bend in bends for at in self._row_edges(bend)]
        points.append((self._ports[edge, last], lower.y))
        bend = self._label_bend(edge)
        return Route(
            tuple(points[::-1] if edge in self._layers.turned else points),
            self._label_box(edge, self._coordinates.across[bend], self._middle(bend)),
        )

    def _row_edges(self, bend: int) -> Size | tuple[()]:
        """The two coordinates along at which a route enters and leaves a row; empty for a row without height."""
        top, bottom = self._coordinates.row[bend]
        return (top, bottom) if bottom > top else ()

    def _loop(self, edge: int, node: int) -> Route:
        box, middle = self._box(node), self._middle(node)
        side, quarter = box.x + box.width, box.height / 4
        out = side + self._loops[edge] - _LOOP * 0.2
        points = ((side, middle - quarter), (out, middle - quarter), (out, middle + quarter), (side, middle + quarter))
        return Route(points, self._label_box(edge, side + self._loops[edge] + self._labels[edge][0] / 2, middle))

    def _label_box(self, edge: int, across: float, along: float) -> Box | None:
        """The box of an edge's label around a center; None if it has no label."""
        width, height = self._labels[edge]
        return Box(across - width / 2, along - height / 2, width, height) if width else None


def _oriented(size: Size, *, down: bool) -> Size:
    return size if down else size[::-1]


def _ports(layers: Layers, coordinates: Coordinates, sizes: Sequence[Size]) -> Mapping[tuple[int, int], float]:
    """Where on the side of a node each route begins or ends, by edge and node.

    Routes are in the order of the positions that they come from or go to next.
    """
    sides: defaultdict[tuple[int, bool], list[tuple[float, int]]] = defaultdict(list)
    for edge, chain in enumerate(layers.chains):
        if chain:
            sides[chain[0], True].append((coordinates.across[chain[1]], edge))
            sides[chain[-1], False].append((coordinates.across[chain[-2]], edge))
    ports = {}
    for (node, _), neighbours in sides.items():
        for n, (_, edge) in enumerate(sorted(neighbours)):
            share = (n + 1) / (len(neighbours) + 1) - 0.5
            ports[edge, node] = coordinates.across[node] + share * sizes[node][0] * _SPREAD
    return ports
