"""What all drawings agree on: how marks look, how long a label may be, which way a graph runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from tavusctl.lib.graph import Edge, Graph, Mark, Node
from tavusctl.secrets.escape import escape_invisible

LONGEST: Final = 100  # characters of a label; the whole is in the manifest
# What XML has no place for; a lone half of a character cannot be written out at all.
_IMPOSSIBLE: Final = re.compile(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Look(Struct, frozen=True):
    """How a mark is told from others: by its colour, and without it by sign, width and dashes."""

    sign: str
    light: str  # colour on white
    dark: str  # colour on black
    width: float
    dashes: str  # lengths of dashes and gaps in pixels, empty for a whole line


LOOKS: Final[Mapping[Mark, Look]] = {
    "": Look("", "#57606a", "#8b949e", 1.25, ""),
    "added": Look("+", "#1a7f37", "#3fb950", 2.5, ""),
    "removed": Look("-", "#cf222e", "#f85149", 1.5, "2 3"),
    "changed": Look("~", "#9a6700", "#d29922", 2.5, "9 3"),
}
FAINT: Final = "5 4"  # dashes around what is not part of the whole


def label(item: Node | Edge) -> str:
    """A label as one line that can be written anywhere, its mark's sign in front."""
    text = one_line(item.label) or ("(no name)" if isinstance(item, Node) else "")
    return f"{LOOKS[item.mark].sign} {text}".strip()


def one_line(text: str, longest: int = LONGEST) -> str:
    """A text without line breaks and invisible characters, cut when it is too long."""
    # Cut before anything else looks at it: what is shown of ten megabytes are a hundred characters.
    shown = writable(" ".join(text[: longest * 4].split()))
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def writable(text: str) -> str:
    """A text of visible characters that every format can hold."""
    return _IMPOSSIBLE.sub("\ufffd", escape_invisible(text))


def runs_down(graph: Graph) -> bool:
    """Whether a graph runs from top to bottom: conditions need room between the nodes, mere references do not."""
    return any(edge.label for edge in graph.edges)
