"""The nodes and the entries of a YAML text with their positions, which are offsets in characters."""

from __future__ import annotations

import re
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Final, Literal, cast

import yaml
from msgspec import Struct

from tavusctl.config.yaml12.composer import Events
from tavusctl.config.yaml12.scalars import plain
from tavusctl.config.yaml12.stand_ins import LINE_BREAK, reading
from tavusctl.lib.patterns import pattern
from tavusctl.rewrite.yaml_text import PLAIN, Layout

_PARSER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BLANK: Final = pattern("(?:[ \t\n\r]|(?<=[ \t\n\r])#[^\n\r]*)*")
HEADER: Final = pattern(r"[|>][-+0-9]*")


class Node(Struct, eq=False):
    """A value in the text."""

    kind: Literal["scalar", "mapping", "sequence", "alias"]
    start: int  # of its anchor, if it has one
    end: int  # behind its last character, without trailing comments and blank lines
    style: str  # of a scalar: "", "'", '"', "|", ">"; of a collection: "block", "flow", "bare" (a pair without braces)
    column: int  # of the entries of a block collection; of another node: of its parent's entries
    text: str = ""  # the value of a scalar; the name of an alias
    anchor: str = ""
    content: int = 0  # the start of the value, behind the anchor
    entries: list[Entry] = []

    @property
    def in_lines(self) -> bool:
        """Whether the node is a block collection."""
        return self.style == "block"

    def walk(self) -> Iterator[Node]:
        """The node and all values below it, without keys."""
        yield self
        for entry in self.entries:
            yield from entry.value.walk()


class Entry(Struct, eq=False):
    """A key with its value, or an item of a list."""

    key: Node | None
    value: Node
    start: int  # of the key, or of `?` or `-` before it
    opening: int | None  # behind `:` or `-`; None if a key has neither colon nor value

    @property
    def end(self) -> int:
        """The offset behind the entry."""
        return max(self.value.end, self.opening or 0, self.key.end if self.key else 0)


class SourceText:
    """A text and its documents; empty documents are left out."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.documents: tuple[Node, ...] = ()
        self._starts = [0, *(line_break.end() for line_break in LINE_BREAK.finditer(text))]

    @property
    def newline(self) -> str:
        """The first line end of the text; a line feed if it has none."""
        match = re.search("\r?\n", self.text)
        return match.group() if match else "\n"

    def line_start(self, index: int) -> int:
        """The offset of the start of the line that contains a character."""
        return self._starts[bisect_right(self._starts, index) - 1]

    def line_end(self, index: int) -> int:
        """The offset of the end of the line that contains a character, without the line end."""
        line_break = LINE_BREAK.search(self.text, index)
        return line_break.start() if line_break else len(self.text)

    def next_line(self, index: int) -> int:
        """The offset of the start of the next line, or of the end of the text."""
        line_break = LINE_BREAK.search(self.text, index)
        return line_break.end() if line_break else len(self.text)

    def column(self, index: int) -> int:
        """The column of a character."""
        return index - self.line_start(index)

    def begins_line(self, index: int) -> bool:
        """Whether only spaces and tabs are before a character on its line."""
        return not self.text[self.line_start(index) : index].strip(" \t")


def parse(text: str) -> SourceText:
    """The documents of a text that is known to be valid YAML, with their positions."""
    source = SourceText(text)
    source.documents = tuple(_Reader(source).documents())
    return source


def layout(document: Node) -> Layout:
    """The indentation of a document, as its first nested collections have it."""
    pairs = [(node, entry.value) for node in document.walk() if node.kind == "mapping" for entry in node.entries]
    nested = [(node.column, value) for node, value in pairs if node.in_lines and value.in_lines]
    steps = [value.column - column for column, value in nested if value.kind == "mapping"]
    dashes = [value.column - column for column, value in nested if value.kind == "sequence"]
    step = next(iter(steps), 0) or next(iter(dashes), 0) or PLAIN.step
    return Layout(step, next(iter(dashes), step))


class _Reader:
    """Builds nodes from the events of the parser, and adds the positions of tokens, which events lack."""

    def __init__(self, source: SourceText) -> None:
        self._source, self._text = source, source.text
        self._reading = reading(source.text)
        self._parser: Events = _PARSER(self._reading.parsed)
        tokens = list(yaml.scan(self._reading.parsed, Loader=_PARSER))
        self._colons = [token.start_mark.index for token in tokens if isinstance(token, yaml.ValueToken)]
        self._dashes = [token.start_mark.index for token in tokens if isinstance(token, yaml.BlockEntryToken)]
        keys = (token for token in tokens if isinstance(token, yaml.KeyToken))
        self._questions = [t.start_mark.index for t in keys if t.end_mark.index > t.start_mark.index]
        self._anchors = {t.start_mark.index: t.end_mark.index for t in tokens if isinstance(t, yaml.AnchorToken)}

    def documents(self) -> Iterator[Node]:
        """Every document that is not empty."""
        while not isinstance(event := self._parser.get_event(), yaml.StreamEndEvent):
            if isinstance(event, yaml.NodeEvent):
                node = self._node(event, 0)
                is_plain = isinstance(event, yaml.ScalarEvent) and event.implicit[0]
                if not (is_plain and plain(node.text)[0] is None):
                    yield node

    def _node(self, event: yaml.NodeEvent, column: int) -> Node:
        start, end, anchor = _start(event), _end(event), event.anchor or ""
        if isinstance(event, yaml.AliasEvent):
            return Node("alias", start, end, "", column, anchor, content=start)
        content = self._behind_anchor(start) if anchor else start
        if isinstance(event, yaml.ScalarEvent):
            style = event.style or ""
            end = self._block_end(content, end, column) if style in ("|", ">") else end
            text = self._reading.scalar(event)
            return Node("scalar", start, end, style, column, text, anchor, min(content, end))
        return self._collection(cast("yaml.CollectionStartEvent", event), content, column)

    def _collection(self, event: yaml.CollectionStartEvent, content: int, column: int) -> Node:
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        style = "block" if not event.flow_style else "flow" if self._text[content] in "[{" else "bare"
        kind: Literal["mapping", "sequence"] = "mapping" if is_mapping else "sequence"
        node = Node(kind, _start(event), content, style, column, "", event.anchor or "", content)
        while not isinstance(inner := self._parser.get_event(), yaml.CollectionEndEvent):
            child = cast("yaml.NodeEvent", inner)
            node.entries.append(self._pair(child, node) if is_mapping else self._item(child, node))
        node.end = _end(inner) if style == "flow" else node.entries[-1].end
        return node

    def _pair(self, event: yaml.NodeEvent, parent: Node) -> Entry:
        key = self._node(event, parent.column)
        question = _last_at_or_before(self._questions, key.start)
        start = question if question >= _least_start(parent) else key.start
        if parent.in_lines and not parent.entries:
            parent.column = self._source.column(start)
        following = cast("yaml.NodeEvent", self._parser.get_event())
        colon = _first_at_or_after(self._colons, key.end)
        has_colon = colon < max(_start(following), key.end + 1)
        return Entry(key, self._node(following, parent.column), start, colon + 1 if has_colon else None)

    def _item(self, event: yaml.NodeEvent, parent: Node) -> Entry:
        start = _start(event)
        if not parent.in_lines:
            return Entry(None, self._node(event, parent.column), start, start)
        dash = _last_at_or_before(self._dashes, start - 1)
        if not parent.entries:
            parent.column = self._source.column(dash)
        return Entry(None, self._node(event, parent.column), dash, dash + 1)

    def _behind_anchor(self, start: int) -> int:
        match = _BLANK.match(self._text, self._anchors[start])
        return match.end() if match else start

    def _block_end(self, start: int, end: int, parent: int) -> int:
        """The offset at which the last line of a block scalar ends; blank lines after it belong to it only with `+`."""
        match = HEADER.match(self._text, start)
        header = match.group() if match else "|"
        lines = list(_lines(self._text, start, end))
        first, *below = lines
        digits = header.strip("|>+-")
        indents = [len(line) - len(line.lstrip(" ")) for _, line in below if line.strip(" ")]
        indent = parent + int(digits) if digits else next(iter(indents), 0)
        shows_indent = bool(digits or indents)
        ends = [
            offset + len(line) for offset, line in below if line.strip(" ") or (shows_indent and len(line) > indent)
        ]
        if "+" in header and below:
            offset, line = below[-1] if below[-1][1] else lines[-2]
            return offset + len(line)
        return ends[-1] if ends else first[0] + len(first[1])


def _lines(text: str, start: int, end: int) -> Iterator[tuple[int, str]]:
    """The lines of a part of a text, each with the offset of its start."""
    offset = start
    for line_break in LINE_BREAK.finditer(text, start, end):
        yield offset, text[offset : line_break.start()]
        offset = line_break.end()
    yield offset, text[offset:end]


def _start(event: yaml.Event) -> int:
    return event.start_mark.index if event.start_mark else 0


def _end(event: yaml.Event) -> int:
    return event.end_mark.index if event.end_mark else 0


def _least_start(node: Node) -> int:
    """The smallest offset at which the next entry of a collection can begin."""
    return node.entries[-1].end if node.entries else node.content


def _first_at_or_after(offsets: Sequence[int], index: int) -> int:
    """The first of the sorted offsets at or after an index; sys.maxsize if there is none."""
    position = bisect_left(offsets, index)
    return offsets[position] if position < len(offsets) else sys.maxsize


def _last_at_or_before(offsets: Sequence[int], index: int) -> int:
    """The last of the sorted offsets at or before an index; -1 if there is none."""
    position = bisect_right(offsets, index)
    return offsets[position - 1] if position else -1
