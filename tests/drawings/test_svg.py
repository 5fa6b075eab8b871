from __future__ import annotations

import itertools
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tavusctl.lib.graph import MARKS, Edge, Graph, Mark, Node
from tavusctl.reports.drawing import svg
from tavusctl.reports.drawing.layout import Box, arrange
from tavusctl.reports.drawing.ranks import assign_layers
from tavusctl.reports.drawing.style import label
from tests.drawings.graphs import HOSTILE, graphs

SVG = "{http://www.w3.org/2000/svg}"
ELEMENTS = {"svg", "title", "style", "defs", "marker", "path", "rect", "g", "text", "tspan"}
ATTRIBUTES = {
    *("class", "role", "width", "height", "viewBox", "id", "refX", "refY", "markerWidth", "markerHeight"),
    *("markerUnits", "orient", "d", "rx", "transform", "x", "y", "marker-end"),
}


def drawn(graph: Graph) -> ET.Element:
    return ET.fromstring(svg(graph))  # noqa: S314 - our own


def texts(root: ET.Element, sort: str) -> list[str]:
    groups = (g for g in root.iter(f"{SVG}g") if sort in (g.get("class") or "").split())
    return ["".join(each.text or "" for each in group.iter(f"{SVG}tspan")) for group in groups]


def overlap(one: Box, other: Box) -> bool:
    apart_x = one.x + one.width <= other.x + 0.01 or other.x + other.width <= one.x + 0.01
    apart_y = one.y + one.height <= other.y + 0.01 or other.y + other.height <= one.y + 0.01
    return not (apart_x or apart_y)


def touches(box: Box, point: tuple[float, float]) -> bool:
    (x, y), slack = point, 0.01
    across = box.x - slack <= x <= box.x + box.width + slack
    along = box.y - slack <= y <= box.y + box.height + slack
    sides = min(abs(x - box.x), abs(x - box.x - box.width), abs(y - box.y), abs(y - box.y - box.height))
    return across and along and sides <= slack


@pytest.mark.sweep
@given(graphs())
def test_labels_are_text_and_nothing_else_comes_in(graph: Graph) -> None:
    root = drawn(graph)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= ELEMENTS
    assert {name for element in root.iter() for name in element.attrib} <= ATTRIBUTES
    for shown, node in zip(texts(root, "node"), graph.nodes, strict=True):
        assert beginning(shown) == bare(label(node))[: len(beginning(shown))]
    assert len(texts(root, "label")) == sum(bool(label(edge)) for edge in graph.edges)
    assert len([path for path in root.iter(f"{SVG}path") if "edge" in path.attrib["class"].split()]) == len(graph.edges)


def bare(text: str) -> str:
    return re.sub(r"\s", "", text)


def beginning(text: str) -> str:
    """What is shown before an ellipsis."""
    return bare(text).removesuffix("…")


def test_every_hostile_label_is_shown() -> None:
    shown = texts(drawn(Graph(tuple(Node(str(n), text) for n, text in enumerate(HOSTILE)))), "node")
    assert len(shown) == len(HOSTILE)
    assert all(shown)
    assert max(map(len, shown)) <= 100


@given(
    st.lists(st.tuples(st.floats(20, 200), st.floats(20, 90)), min_size=1, max_size=9),
    st.data(),
    st.booleans(),
)
def test_boxes_are_apart_and_ways_lead_from_one_to_the_other(
    sizes: list[tuple[float, float]], data: st.DataObject, down: bool
) -> None:
    node = st.integers(0, len(sizes) - 1)
    edges = data.draw(st.lists(st.tuples(node, node), max_size=16))
    sized = st.none() | st.tuples(st.floats(10, 120), st.floats(10, 60))
    labels = data.draw(st.lists(sized, min_size=len(edges), max_size=len(edges)))
    scene = arrange(sizes, edges, labels, down=down)
    tags = [route.label for route in scene.routes if route.label]
    assert [(box.width, box.height) for box in scene.boxes] == sizes
    assert len(tags) == sum(label is not None for label in labels)
    for one, other in itertools.combinations([*scene.boxes], 2):
        assert not overlap(one, other)
    for tag, box in itertools.product(tags, scene.boxes):
        assert not overlap(tag, box)
    for one, other in itertools.combinations(tags, 2):
        assert not overlap(one, other)
    for (source, target), route in zip(edges, scene.routes, strict=True):
        assert touches(scene.boxes[source], route.points[0])
        assert touches(scene.boxes[target], route.points[-1])
    for box in (*scene.boxes, *tags):
        assert box.x > -0.01
        assert box.y > -0.01
        assert box.x + box.width < scene.width + 0.01
        assert box.y + box.height < scene.height + 0.01


@given(st.integers(1, 12), st.data())
def test_every_edge_goes_down_and_without_circles_none_is_turned(count: int, data: st.DataObject) -> None:
    node = st.integers(0, count - 1)
    edges = data.draw(st.lists(st.tuples(node, node), max_size=30))
    layers = assign_layers(count, edges)
    row = {position: n for n, each in enumerate(layers.rows) for position in each}
    for n, (ends, chain) in enumerate(zip(edges, layers.chains, strict=True)):
        assert [row[position] for position in chain] == ([*range(row[chain[0]], row[chain[-1]] + 1)] if chain else [])
        assert (chain[:1] + chain[-1:]) == (() if ends[0] == ends[1] else ends[::-1] if n in layers.turned else ends)
    assert assign_layers(count, [ends for ends in edges if ends[0] < ends[1]]).turned == frozenset()


def test_a_tree_is_drawn_without_crossings() -> None:
    edges = [(n, child) for n in range(15) for child in (2 * n + 2, 2 * n + 1)]
    layers = assign_layers(31, edges)
    place = {position: n for row in layers.rows for n, position in enumerate(row)}
    row = {position: n for n, each in enumerate(layers.rows) for position in each}
    for (a, b), (c, d) in itertools.combinations(layers.links(), 2):
        assert row[a] != row[c] or (place[a] - place[c]) * (place[b] - place[d]) >= 0


def test_marks_are_seen_without_colour() -> None:
    marks: tuple[Mark, ...] = MARKS
    graph = Graph(
        tuple(Node(mark or "same", mark or "same", mark) for mark in marks),
        tuple(Edge("same", mark or "same", "if", mark) for mark in marks),
    )
    root = drawn(graph)
    assert texts(root, "node") == ["same", "+ added", "- removed", "~ changed"]
    assert texts(root, "label") == ["if", "+ if", "- if", "~ if"]
    style = root.findtext(f"{SVG}style") or ""
    for mark in ("added", "removed", "changed"):
        assert re.search(rf"\.edge\.{mark}{{stroke-width", style)
    assert "prefers-color-scheme:dark" in style


def test_equal_graphs_are_drawn_alike_and_an_empty_one_is_a_drawing() -> None:
    graph = Graph((Node("a", "A"), Node("b", "B")), (Edge("a", "b"), Edge("b", "a"), Edge("a", "a")), "Both")
    assert svg(graph) == svg(graph)
    assert drawn(Graph()).findtext(f"{SVG}title") == "Graph"
