"""DOT, the language of Graphviz.  A label is a quoted string, in which quotes, backslashes and entities are escaped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tavusctl.lib.graph import Edge, Graph, Node
from tavusctl.reports.drawing.style import MARK_STYLES, label, one_line, runs_down

_LINES: Final = {"": "solid", "added": "bold", "removed": "dotted", "changed": "bold,dashed"}


def dot(graph: Graph) -> str:
    """The text of a directed graph."""
    names = {node.id: f"n{position}" for position, node in enumerate(graph.nodes)}
    lines = [
        f"digraph {_quoted(one_line(graph.title) or 'tavusctl')} {{",
        f"  rankdir={'TB' if runs_down(graph) else 'LR'};",
        '  graph [charset="UTF-8", fontname="Helvetica"];',
        '  node [shape=box, fontname="Helvetica", fontsize=12];',
        '  edge [fontname="Helvetica", fontsize=11];',
    ]
    lines += [f"  {names[node.id]}{_attribute_list(_node(node))};" for node in graph.nodes]
    lines += [f"  {names[edge.source]} -> {names[edge.target]}{_attribute_list(_edge(edge))};" for edge in graph.edges]
    return "\n".join([*lines, "}"]) + "\n"


def _node(node: Node) -> Mapping[str, str]:
    style = "rounded,dashed" if node.faint and not node.mark else f"rounded,{_LINES[node.mark]}"
    return {"label": label(node), "style": style, "color": MARK_STYLES[node.mark].light, "tooltip": node.detail}


def _edge(edge: Edge) -> Mapping[str, str]:
    return {"label": label(edge), "style": _LINES[edge.mark], "color": MARK_STYLES[edge.mark].light}


def _attribute_list(attributes: Mapping[str, str]) -> str:
    pairs = ", ".join(f"{name}={_quoted(one_line(value, 1000))}" for name, value in attributes.items() if value)
    return f" [{pairs}]"


def _quoted(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
