"""Graphs as drawings: one pure function for each language, in whose output a label is only text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tavusctl.lib.graph import Graph
from tavusctl.reports.drawing.flowchart import mermaid
from tavusctl.reports.drawing.graphviz import dot
from tavusctl.reports.drawing.svg import svg

__all__ = ["DRAWINGS", "dot", "mermaid", "svg"]

DRAWINGS: Final[Mapping[str, Callable[[Graph], str]]] = {"mermaid": mermaid, "dot": dot, "svg": svg}
