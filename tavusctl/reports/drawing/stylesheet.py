"""The style sheet of SVG drawings: colours for light and dark backgrounds, and lines that differ without colour."""

from __future__ import annotations

from typing import Final

from tavusctl.lib.graph import MARKS, Mark
from tavusctl.reports.drawing.style import FAINT, MARK_STYLES

FONT: Final = 13.0  # pixels, of nodes
SMALL: Final = 12.0  # of labels on edges
_FAMILY: Final = "system-ui,-apple-system,'Segoe UI',Roboto,sans-serif"


def _colours(mark: Mark, *, dark: bool) -> str:
    colour = MARK_STYLES[mark].dark if dark else MARK_STYLES[mark].light
    name = f".{mark}" if mark else ""
    return (
        f".tavusctl-graph .node{name} rect,.tavusctl-graph .edge{name}{{stroke:{colour}}}"
        f".tavusctl-graph .head{name}{{fill:{colour}}}"
        + (f".tavusctl-graph .label{name} text,.tavusctl-graph tspan{name}{{fill:{colour}}}" if mark else "")
    )


def _strokes(mark: Mark) -> str:
    look, name = MARK_STYLES[mark], f".{mark}" if mark else ""
    dashes = f";stroke-dasharray:{look.dashes}" if look.dashes else ""
    return f".tavusctl-graph .node{name} rect,.tavusctl-graph .edge{name}{{stroke-width:{look.width}{dashes}}}"


def _ground(page: str, box: str, text: str, soft: str) -> str:
    return (
        f".tavusctl-graph .ground,.tavusctl-graph .label rect{{fill:{page}}}"
        f".tavusctl-graph .node rect{{fill:{box}}}"
        f".tavusctl-graph text{{fill:{text}}}.tavusctl-graph .label text,.tavusctl-graph .legend{{fill:{soft}}}"
    )


# Every rule begins with the class of the drawing: inside a page it styles nothing else.
STYLE: Final = "".join(
    [
        ".tavusctl-graph{max-width:100%;height:auto}",
        f".tavusctl-graph text{{font:{FONT:g}px {_FAMILY};text-anchor:middle}}",
        f".tavusctl-graph .label text{{font-size:{SMALL:g}px}}",
        ".tavusctl-graph .heading{font-size:16px;font-weight:600;text-anchor:start}",
        ".tavusctl-graph .legend{text-anchor:start;white-space:pre}",
        ".tavusctl-graph .edge{fill:none}",
        f".tavusctl-graph .node.faint rect{{stroke-dasharray:{FAINT}}}",
        *map(_strokes, MARKS),
        _ground("#ffffff", "#f6f8fa", "#1f2328", "#57606a"),
        *(_colours(mark, dark=False) for mark in MARKS),
        "@media (prefers-color-scheme:dark){",
        _ground("#0d1117", "#161b22", "#e6edf3", "#9198a1"),
        *(_colours(mark, dark=True) for mark in MARKS),
        "}",
    ]
)
