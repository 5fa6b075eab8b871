"""What is drawn is what the real Mermaid and the real Graphviz read: every label as text, and nothing besides."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given

from tavusctl.lib.graph import Edge, Graph, Node
from tavusctl.reports.drawing import dot, mermaid
from tavusctl.reports.drawing.style import label
from tests.drawings.conftest import Read
from tests.drawings.graphs import HOSTILE, graphs

pytestmark = [pytest.mark.external, pytest.mark.needs("npm")]

SVG = "{http://www.w3.org/2000/svg}"


def check(graph: Graph, read: Read) -> None:
    found = read(mermaid(graph), dot(graph))
    assert "error" not in found
    number = {node.id: f"n{n}" for n, node in enumerate(graph.nodes)}
    nodes = [(number[node.id], label(node)) for node in graph.nodes]
    edges = [(number[edge.source], number[edge.target], label(edge)) for edge in graph.edges]

    chart = found["mermaid"]
    assert [(node["id"], node["label"]) for node in chart["nodes"]] == [(n, plain(text)) for n, text in nodes]
    assert [tuple(edge) for edge in chart["edges"]] == [(a, b, plain(text)) for a, b, text in edges]
    assert all(set(node["classes"]) <= {"added", "removed", "changed", "faint"} for node in chart["nodes"])
    assert chart["links"] == chart["inside"] == 0
    assert chart["config"] == {}, "a directive was obeyed"

    drawn = ET.fromstring(found["dot"].partition("\n")[2])  # noqa: S314 - from Graphviz
    assert sorted(texts(drawn, "node")) == sorted(bare(text) for _, text in nodes)
    assert sorted(texts(drawn, "edge")) == sorted(bare(text) for _, _, text in edges)


def plain(text: str) -> str:
    """Mermaid has one character for itself."""
    return text.replace("\ufb02", "fl").strip()


def bare(text: str) -> str:
    """Graphviz writes blanks as it likes."""
    return re.sub(r"\s", "", text)


def texts(drawn: ET.Element, sort: str) -> list[str]:
    groups = drawn.iterfind(f".//{SVG}g[@class='{sort}']")
    return [bare("".join(each.text or "" for each in group.iter(f"{SVG}text"))) for group in groups]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_label_is_read_as_text(text: str, read: Read) -> None:
    check(Graph((Node(text, text, "added", text), Node("b", text)), (Edge(text, "b", text),), text), read)


@pytest.mark.sweep
@given(graphs())
def test_any_graph_is_read_as_it_is(read: Read, graph: Graph) -> None:
    check(graph, read)
