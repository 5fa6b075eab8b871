"""Rules that all drawings share: the look of marks, the length of a label, the direction of a graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from tavusctl.lib.graph import Edge, Graph, Mark, Node
from tavusctl.lib.patterns import pattern
from tavusctl.secrets.escape import escape_invisible

MAX_LABEL_LENGTH: Final = 100  # characters of a label; the manifest has the whole text
# Characters that XML does not allow; a lone surrogate cannot even be encoded.
_IMPOSSIBLE: Final = pattern(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class MarkStyle(Struct, frozen=True):
    """The look of a mark: it differs from other marks in colour, and without colour in sign, width and dashes."""

    sign: str
    light: str  # colour on white
    dark: str  # colour on black
    width: float
    dashes: str  # lengths of dashes and gaps in pixels, empty for a whole line


MARK_STYLES: Final[Mapping[Mark, MarkStyle]] = {
    "": MarkStyle("", "#57606a", "#8b949e", 1.25, ""),
    "added": MarkStyle("+", "#1a7f37", "#3fb950", 2.5, ""),
    "removed": MarkStyle("-", "#cf222e", "#f85149", 1.5, "2 3"),
    "changed": MarkStyle("~", "#9a6700", "#d29922", 2.5, "9 3"),
}
FAINT: Final = "5 4"  # dashes around a faint node: outside the project, or not found


def label(item: Node | Edge) -> str:
    """A label as one line that any format can hold, the sign of its mark in front."""
    text = one_line(item.label) or ("(no name)" if isinstance(item, Node) else "")
    return f"{MARK_STYLES[item.mark].sign} {text}".strip()


def one_line(text: str, max_length: int = MAX_LABEL_LENGTH) -> str:
    """A text without line breaks and invisible characters, cut when it is too long."""
    # Cut first: of a text of ten megabytes only a hundred characters are shown.
    shown = writable(" ".join(text[: max_length * 4].split()))
    return shown if len(shown) <= max_length else shown[: max_length - 1] + "…"


def writable(text: str) -> str:
    """A text of visible characters that every format can hold."""
    return _IMPOSSIBLE.sub("\ufffd", escape_invisible(text))


def runs_down(graph: Graph) -> bool:
    """Whether a graph runs from top to bottom: conditions need room between the nodes, mere references do not."""
    return any(edge.label for edge in graph.edges)
