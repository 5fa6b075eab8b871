"""Mermaid flowcharts, which GitHub and GitLab draw inside Markdown.

All signs in a label but the most harmless are written as the numbers of their characters: no text can end the label,
be read as Markdown or HTML, or give an instruction.  Nodes are known by their position, never by their id.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Final

from tavusctl.lib.graph import MARKS, Graph
from tavusctl.reports.drawing.style import FAINT, LOOKS, label, one_line, runs_down

# All but letters, digits, blanks and commas; signs inside a word may stay.
_CODED: Final = re.compile(r"[^\w ,'/-]|(?<![^\W_])['/-]|['/-](?![^\W_])")
_OWN: Final = "\ufb02"  # the ligature fl, by which Mermaid marks character codes while it reads


def mermaid(graph: Graph) -> str:
    """The text of a flowchart."""
    number = {node.id: f"n{position}" for position, node in enumerate(graph.nodes)}
    lines = [*_title(graph), f"flowchart {'TD' if runs_down(graph) else 'LR'}"]
    lines += [f'  {number[node.id]}["{_quoted(label(node))}"]' for node in graph.nodes]
    for edge in graph.edges:
        text = label(edge)
        arrow = f'-->|"{_quoted(text)}"|' if text else "-->"
        lines.append(f"  {number[edge.source]} {arrow} {number[edge.target]}")
    return "\n".join([*lines, *_styles(graph)]) + "\n"


def _title(graph: Graph) -> Iterator[str]:
    if graph.title:
        text = json.dumps(one_line(graph.title)).replace("<", "\\u003c").replace("%", "\\u0025")
        yield from ("---", f"title: {text}", "---")


def _quoted(text: str) -> str:
    return _CODED.sub(lambda found: f"#{ord(found.group())};", text.replace(_OWN, "fl"))


def _styles(graph: Graph) -> Iterator[str]:
    """Colours of lines only, so that fill and text stay readable in any theme."""
    faint = [n for n, node in enumerate(graph.nodes) if node.faint]
    if faint:
        yield f"  classDef faint stroke-dasharray:{FAINT}"
        yield f"  class {_listed(faint, 'n')} faint"
    for mark in MARKS[1:]:
        look = LOOKS[mark]
        style = f"stroke:{look.light},stroke-width:{look.width}px"
        style += f",stroke-dasharray:{look.dashes}" if look.dashes else ""
        if nodes := [n for n, node in enumerate(graph.nodes) if node.mark == mark]:
            yield f"  classDef {mark} {style}"
            yield f"  class {_listed(nodes, 'n')} {mark}"
        if edges := [n for n, edge in enumerate(graph.edges) if edge.mark == mark]:
            yield f"  linkStyle {_listed(edges)} {style}"


def _listed(numbers: Iterable[int], prefix: str = "") -> str:
    return ",".join(f"{prefix}{n}" for n in numbers)
