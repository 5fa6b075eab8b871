"""Mermaid flowcharts, which GitHub and GitLab draw inside Markdown.

All characters of a label but harmless ones are written as their numbers: no text can end the label, be read as
Markdown or HTML, or give a directive.  Nodes are named by their position, never by their id.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Final

from tavusctl.lib.graph import MARKS, Graph
from tavusctl.lib.patterns import pattern
from tavusctl.reports.drawing.style import FAINT, MARK_STYLES, label, one_line, runs_down

# All but letters, digits, spaces and commas; apostrophes, slashes and hyphens inside a word stay.
_TO_ENCODE: Final = pattern(r"[^\w ,'/-]|(?<![^\W_])['/-]|['/-](?![^\W_])")
_MERMAID_MARK: Final = "\ufb02"  # the ligature fl, which Mermaid itself puts before character codes while it parses


def mermaid(graph: Graph) -> str:
    """The text of a flowchart."""
    names = {node.id: f"n{position}" for position, node in enumerate(graph.nodes)}
    lines = [*_title(graph), f"flowchart {'TD' if runs_down(graph) else 'LR'}"]
    lines += [f'  {names[node.id]}["{_encoded(label(node))}"]' for node in graph.nodes]
    for edge in graph.edges:
        text = label(edge)
        arrow = f'-->|"{_encoded(text)}"|' if text else "-->"
        lines.append(f"  {names[edge.source]} {arrow} {names[edge.target]}")
    return "\n".join([*lines, *_styles(graph)]) + "\n"


def _title(graph: Graph) -> Iterator[str]:
    if graph.title:
        text = json.dumps(one_line(graph.title)).replace("<", "\\u003c").replace("%", "\\u0025")
        yield from ("---", f"title: {text}", "---")


def _encoded(text: str) -> str:
    return _TO_ENCODE.sub(lambda match: f"#{ord(match.group())};", text.replace(_MERMAID_MARK, "fl"))


def _styles(graph: Graph) -> Iterator[str]:
    """Styles of lines only: fill and text keep the colours of the theme, and stay readable."""
    faint = [n for n, node in enumerate(graph.nodes) if node.faint]
    if faint:
        yield f"  classDef faint stroke-dasharray:{FAINT}"
        yield f"  class {_comma_separated(faint, 'n')} faint"
    for mark in MARKS[1:]:
        look = MARK_STYLES[mark]
        style = f"stroke:{look.light},stroke-width:{look.width}px"
        style += f",stroke-dasharray:{look.dashes}" if look.dashes else ""
        if nodes := [n for n, node in enumerate(graph.nodes) if node.mark == mark]:
            yield f"  classDef {mark} {style}"
            yield f"  class {_comma_separated(nodes, 'n')} {mark}"
        if edges := [n for n, edge in enumerate(graph.edges) if edge.mark == mark]:
            yield f"  linkStyle {_comma_separated(edges)} {style}"


def _comma_separated(numbers: Iterable[int], prefix: str = "") -> str:
    return ",".join(f"{prefix}{n}" for n in numbers)
