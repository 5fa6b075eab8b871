"""A strategy for graphs of many shapes, with labels that drawing languages could take for syntax."""

from __future__ import annotations

from hypothesis import strategies as st

from tavusctl.lib.graph import MARKS, Edge, Graph, Node

HOSTILE = (
    "end",
    "subgraph",
    '"]; click n0 "javascript:alert(1)"',
    "<img src=x onerror=alert(1)>",
    "</style><script>alert(1)</script>",
    "]]>",
    "`**bold**`",
    "1. item",
    "- item",
    "# heading",
    '%%{init: {"theme": "dark"}}%%',
    "%% a comment",
    "style: #35; x",
    "classDef a fill:#fff;",
    "n0 --> n1",
    "@{shape: x}",
    "fa:fa-car",
    "$$\\frac{1}{2}$$",
    "---\ntitle: x\n---",
    "one\r\ntwo\u2028three",
    "\\N \\G \\l \\",
    '\\"',
    "&lt;b&gt; &amp; &#65; &nbsp;",
    "#quot; #35;",
    "\ufb02\u00b0\u00b060\u00b6\u00df",
    "\u202eabc\u200b",
    "\x00\x1b[31m\x9b",
    "\ud800",
    "\uffff",
    "ünï 日本語 😀 e\u0301",
    "if the participant agrees",
    "x" * 10_000,
    "word " * 2_000,
    " ",
    "",
)
LABELS = st.sampled_from(HOSTILE) | st.text(max_size=40)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """A graph of up to eight nodes, with loops, cycles and several edges between two nodes."""
    ids = draw(st.lists(LABELS, max_size=8, unique=True))
    marks = st.sampled_from(MARKS)
    nodes = [Node(id_, draw(LABELS), draw(marks), draw(LABELS), draw(st.booleans())) for id_ in ids]
    ends = st.sampled_from(ids) if ids else st.nothing()
    edges = draw(st.lists(st.builds(Edge, ends, ends, LABELS, marks), max_size=12))
    return Graph(tuple(nodes), tuple(edges), draw(LABELS))
