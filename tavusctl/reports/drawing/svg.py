"""Drawings in SVG: one file without scripts, fonts or links, readable on a light and on a dark background."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise
from typing import Final

from msgspec import Struct

from tavusctl.lib.graph import MARKS, Edge, Graph, Mark, Node
from tavusctl.reports.drawing.layout import Box, Drawing, Point, Route, arrange
from tavusctl.reports.drawing.style import MARK_STYLES, label, one_line, runs_down, writable
from tavusctl.reports.drawing.stylesheet import FONT, SMALL, STYLE

_MAX_LINES: Final = 4

_MARGIN: Final = 20.0
_BAND_HEIGHT: Final = 32.0  # of the title, and of the legend
_LEGEND_WIDTH: Final = 320.0
_MAX_TOOLTIP: Final = 2_000  # characters of a tooltip


def svg(graph: Graph) -> str:
    """The text of an SVG file."""
    nodes = [measure(label(node), FONT, 30) for node in graph.nodes]
    edges = [measure(label(edge), SMALL, 22) for edge in graph.edges]
    drawing = _layout(graph, nodes, edges)
    title, marked = one_line(graph.title), _is_marked(graph)
    top = _MARGIN + (_BAND_HEIGHT if title else 0.0)
    width = max(drawing.width, len(title) * 9.0, _LEGEND_WIDTH if marked else 0.0) + 2 * _MARGIN
    height = top + drawing.height + _MARGIN + (_BAND_HEIGHT if marked else 0.0)
    parts = [
        _opening(width, height),
        f"<title>{escape(title) or 'Graph'}</title>",
        f"<style>{STYLE}</style>",
        f"<defs>{''.join(map(_arrowhead, MARKS))}</defs>",
        f'<rect class="ground" width="{width:.0f}" height="{height:.0f}"/>',
        *([f'<text class="heading" x="{_MARGIN:.0f}" y="{_MARGIN + 13:.0f}">{escape(title)}</text>'] if title else []),
        f'<g transform="translate({_MARGIN:.0f} {top:.0f})">',
        *_elements(graph, drawing, nodes, edges),
        "</g>",
        *([f'<text class="legend" x="{_MARGIN:.0f}" y="{height - _MARGIN:.0f}">{_legend()}</text>'] if marked else []),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _opening(width: float, height: float) -> str:
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" class="tavusctl-graph" role="img" {size}>'


def _layout(graph: Graph, nodes: Sequence[TextMetrics], edges: Sequence[TextMetrics]) -> Drawing:
    numbers = {node.id: n for n, node in enumerate(graph.nodes)}
    return arrange(
        [(text.width + 24, text.height + 16) for text in nodes],
        [(numbers[edge.source], numbers[edge.target]) for edge in graph.edges],
        [(text.width + 8, text.height + 2) if text.lines else None for text in edges],
        down=runs_down(graph),
    )


def _elements(
    graph: Graph, drawing: Drawing, nodes: Sequence[TextMetrics], edges: Sequence[TextMetrics]
) -> Iterator[str]:
    """The elements of a drawing: lines first, labels over them, nodes on top."""
    for edge, route in zip(graph.edges, drawing.routes, strict=True):
        path = _loop(route.points) if edge.source == edge.target else _curve(route.points, down=runs_down(graph))
        yield f'<path class="edge {edge.mark}" d="{path}" marker-end="url(#{_arrow(edge.mark)})"/>'
    for edge, route, text in zip(graph.edges, drawing.routes, edges, strict=True):
        yield from _label(edge, route, text)
    for node, box, text in zip(graph.nodes, drawing.boxes, nodes, strict=True):
        yield from _node(node, box, text)


def _node(node: Node, box: Box, text: TextMetrics) -> Iterator[str]:
    yield f'<g class="node {node.mark}{" faint" if node.faint else ""}">'
    if node.detail:
        yield f"<title>{escape(writable(node.detail[:_MAX_TOOLTIP]))}</title>"
    yield _rect(box, radius=7)
    yield _text(box, text, FONT)
    yield "</g>"


def _label(edge: Edge, route: Route, text: TextMetrics) -> Iterator[str]:
    if route.label:
        yield f'<g class="label {edge.mark}">'
        yield _rect(route.label, radius=3)
        yield _text(route.label, text, SMALL)
        yield "</g>"


def _rect(box: Box, radius: int) -> str:
    return f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="{radius}"/>'


def _text(box: Box, text: TextMetrics, size: float) -> str:
    """Lines of text in the middle of a box."""
    x, step = box.x + box.width / 2, size * 1.35
    y = box.y + (box.height - text.height) / 2 + size
    lines = (f'<tspan x="{x:.1f}" y="{y + n * step:.1f}">{escape(line)}</tspan>' for n, line in enumerate(text.lines))
    return f"<text>{''.join(lines)}</text>"


def _curve(points: Sequence[Point], *, down: bool) -> str:
    """The path of a curve through points, which leaves each point in the direction of the graph."""
    parts = [f"M{_pair(points[0])}"]
    for (ax, ay), (bx, by) in pairwise(points):
        middle = ((ax, (ay + by) / 2), (bx, (ay + by) / 2)) if down else (((ax + bx) / 2, ay), ((ax + bx) / 2, by))
        parts.append(f"C{_pair(middle[0])} {_pair(middle[1])} {_pair((bx, by))}")
    return " ".join(parts)


def _loop(points: Sequence[Point]) -> str:
    first, *rest = map(_pair, points)
    return f"M{first} C{' '.join(rest)}"


def _pair(point: Point) -> str:
    return f"{point[0]:.1f},{point[1]:.1f}"


def _arrow(mark: Mark) -> str:
    return f"tavusctl-arrow-{mark or 'plain'}"


def _arrowhead(mark: Mark) -> str:
    return (
        f'<marker id="{_arrow(mark)}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="9" markerHeight="9"'
        f' markerUnits="userSpaceOnUse" orient="auto"><path class="head {mark}" d="M0,1 L10,5 L0,9 z"/></marker>'
    )


def _is_marked(graph: Graph) -> bool:
    return any(node.mark for node in graph.nodes) or any(edge.mark for edge in graph.edges)


def _legend() -> str:
    return "  ".join(f'<tspan class="{mark}">{MARK_STYLES[mark].sign} {mark}</tspan>' for mark in MARKS if mark)


class TextMetrics(Struct, frozen=True):
    """Wrapped lines, and their size in pixels."""

    lines: tuple[str, ...]
    width: float
    height: float


def measure(text: str, size: float, columns: int) -> TextMetrics:
    """A text in lines of about `columns` letters; a text that needs too many lines ends in an ellipsis."""
    lines = textwrap.wrap(text, columns, max_lines=_MAX_LINES, placeholder=" …")
    width = max((sum(_width(letter) for letter in line) for line in lines), default=0) * size * 0.58
    return TextMetrics(tuple(lines), width, len(lines) * size * 1.35)


def _width(letter: str) -> float:
    """The width of a character in ordinary letters; a combining mark has none."""
    if unicodedata.combining(letter):
        return 0.0
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.8
    return 1.2 if letter.isupper() or letter in "mw@%—…" else 1.0
