"""What stands where in a YAML text: nodes and entries with their spans, counted in characters."""

from __future__ import annotations

import re
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Final, Literal, Protocol, cast

import yaml
from msgspec import Struct, field

from tavusctl.config.yaml12.pairs import reading
from tavusctl.config.yaml12.scalars import plain
from tavusctl.rewrite.yaml_text import PLAIN, Layout

BREAK: Final = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_PARSER: Final = cast("type[_Parser]", getattr(yaml, "CSafeLoader", yaml.SafeLoader))
_BLANK: Final = re.compile("(?:\\s|(?<=\\s)#[^\n\r\x85\u2028\u2029]*)*")
_HEADER: Final = re.compile(r"[|>][-+0-9]*")


class Mark(Protocol):
    """The part of the parser's mark that is used."""

    index: int


class _Parser(Protocol):
    """The part of PyYAML's parsers that is used, in C or in Python."""

    def __init__(self, text: str) -> None: ...

    def get_event(self) -> yaml.Event:
        """The next event."""
        ...


class Node(Struct, eq=False):
    """A value as it is written."""

    kind: Literal["scalar", "mapping", "sequence", "alias"]
    start: int  # of its anchor, where it has one
    end: int  # of its last character, trailing comments and blank lines left out
    style: str  # of a scalar: "", "'", '"', "|", ">"; of a collection: "block", "flow", "bare" (a pair without braces)
    column: int  # where the entries of a block collection stand; of other nodes: where its parent's entries do
    text: str = ""  # of a scalar, read; of an alias, its name
    anchor: str = ""
    content: int = 0  # where it starts behind its anchor
    entries: list[Entry] = field(default_factory=list)

    @property
    def in_lines(self) -> bool:
        """Whether it is a block collection."""
        return self.style == "block"

    def walk(self) -> Iterator[Node]:
        """The node and all below it."""
        yield self
        for entry in self.entries:
            yield from entry.value.walk()


class Entry(Struct, eq=False):
    """A key with its value, or an item of a list."""

    key: Node | None
    value: Node
    start: int  # of the key, or of `?` or `-` before it
    opening: int | None  # behind `:` or `-`; None where a key has neither colon nor value

    @property
    def end(self) -> int:
        """The end of what belongs to the entry."""
        return max(self.value.end, self.opening or 0, self.key.end if self.key else 0)


class SourceText:
    """A text and its documents; those that hold nothing are left out."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.documents: tuple[Node, ...] = ()
        self._starts = [0, *(found.end() for found in BREAK.finditer(text))]

    @property
    def newline(self) -> str:
        """How lines end."""
        found = re.search("\r?\n", self.text)
        return found.group() if found else "\n"

    def line_start(self, index: int) -> int:
        """Where the line of a character begins."""
        return self._starts[bisect_right(self._starts, index) - 1]

    def line_end(self, index: int) -> int:
        """Where the line of a character ends, its line end left out."""
        found = BREAK.search(self.text, index)
        return found.start() if found else len(self.text)

    def next_line(self, index: int) -> int:
        """Where the next line begins."""
        found = BREAK.search(self.text, index)
        return found.end() if found else len(self.text)

    def column(self, index: int) -> int:
        """The column of a character."""
        return index - self.line_start(index)

    def begins_line(self, index: int) -> bool:
        """Whether there is only space before a character in its line."""
        return not self.text[self.line_start(index) : index].strip(" \t")


def parse(text: str) -> SourceText:
    """The syntax of a text that is known to be readable."""
    sheet = SourceText(text)
    sheet.documents = tuple(_Reader(sheet).documents())
    return sheet


def layout(document: Node) -> Layout:
    """How far a document indents, by its first examples."""
    pairs = [(node, entry.value) for node in document.walk() if node.kind == "mapping" for entry in node.entries]
    below = [(node.column, value) for node, value in pairs if node.in_lines and value.in_lines]
    steps = [value.column - column for column, value in below if value.kind == "mapping"]
    dashes = [value.column - column for column, value in below if value.kind == "sequence"]
    step = next(iter(steps), 0) or next(iter(dashes), 0) or PLAIN.step
    return Layout(step, next(iter(dashes), step))


class _Reader:
    """Events made into nodes, with the places of the tokens that events do not tell."""

    def __init__(self, sheet: SourceText) -> None:
        self._sheet, self._text = sheet, sheet.text
        self._reading = reading(sheet.text)
        self._parser = _PARSER(self._reading.parsed)
        tokens = list(yaml.scan(self._reading.parsed, Loader=cast("type[yaml.SafeLoader]", _PARSER)))
        self._colons = [token.start_mark.index for token in tokens if isinstance(token, yaml.ValueToken)]
        self._dashes = [token.start_mark.index for token in tokens if isinstance(token, yaml.BlockEntryToken)]
        keys = (token for token in tokens if isinstance(token, yaml.KeyToken))
        self._questions = [t.start_mark.index for t in keys if t.end_mark.index > t.start_mark.index]
        self._anchors = {t.start_mark.index: t.end_mark.index for t in tokens if isinstance(t, yaml.AnchorToken)}

    def documents(self) -> Iterator[Node]:
        """Every document that holds something."""
        while not isinstance(event := self._parser.get_event(), yaml.StreamEndEvent):
            if isinstance(event, yaml.NodeEvent):
                node = self._node(event, 0)
                is_plain = isinstance(event, yaml.ScalarEvent) and event.implicit[0]
                if not (is_plain and plain(node.text)[0] is None):
                    yield node

    def _node(self, event: yaml.NodeEvent, column: int) -> Node:
        start, end, anchor = _index(event.start_mark), _index(event.end_mark), event.anchor or ""
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
        node = Node(kind, _index(event.start_mark), content, style, column, "", event.anchor or "", content)
        while not isinstance(inner := self._parser.get_event(), yaml.CollectionEndEvent):
            one = cast("yaml.NodeEvent", inner)
            node.entries.append(self._pair(one, node) if is_mapping else self._item(one, node))
        node.end = _index(inner.end_mark) if style == "flow" else node.entries[-1].end
        return node

    def _pair(self, event: yaml.NodeEvent, parent: Node) -> Entry:
        key = self._node(event, parent.column)
        question = _last(self._questions, key.start)
        start = question if question >= _end(parent) else key.start
        if parent.in_lines and not parent.entries:
            parent.column = self._sheet.column(start)
        following = cast("yaml.NodeEvent", self._parser.get_event())
        colon = _first(self._colons, key.end)
        has_colon = colon < max(_index(following.start_mark), key.end + 1)
        return Entry(key, self._node(following, parent.column), start, colon + 1 if has_colon else None)

    def _item(self, event: yaml.NodeEvent, parent: Node) -> Entry:
        start = _index(event.start_mark)
        if not parent.in_lines:
            return Entry(None, self._node(event, parent.column), start, start)
        dash = _last(self._dashes, start - 1)
        if not parent.entries:
            parent.column = self._sheet.column(dash)
        return Entry(None, self._node(event, parent.column), dash, dash + 1)

    def _behind_anchor(self, start: int) -> int:
        found = _BLANK.match(self._text, self._anchors[start])
        return found.end() if found else start

    def _block_end(self, start: int, end: int, parent: int) -> int:
        """Where the last line of a block scalar ends: blank lines behind it are its own only with `+`."""
        found = _HEADER.match(self._text, start)
        header = found.group() if found else "|"
        lines = list(_lines(self._text, start, end))
        first, *below = lines
        digits = header.strip("|>+-")
        indents = [len(line) - len(line.lstrip(" ")) for _, line in below if line.strip(" ")]
        indent = parent + int(digits) if digits else next(iter(indents), 0)
        own = [at + len(line) for at, line in below if line.strip(" ") or (indents and len(line) > indent)]
        if "+" in header and below:
            blank_end = below[-1][0] + len(below[-1][1])
            return blank_end if below[-1][1] or len(below) == 1 else below[-2][0] + len(below[-2][1])
        return own[-1] if own else first[0] + len(first[1])


def _lines(text: str, start: int, end: int) -> Iterator[tuple[int, str]]:
    """Lines of a part of a text, with where they start."""
    at = start
    for found in BREAK.finditer(text, start, end):
        yield at, text[at : found.start()]
        at = found.end()
    yield at, text[at:end]


def _index(mark: Mark | None) -> int:
    return mark.index if mark else 0


def _end(node: Node) -> int:
    """Where the next entry of a collection cannot begin before."""
    return node.entries[-1].end if node.entries else node.content


def _first(places: Sequence[int], index: int) -> int:
    """The first place at or after a character; far away without one."""
    at = bisect_left(places, index)
    return places[at] if at < len(places) else sys.maxsize


def _last(places: Sequence[int], index: int) -> int:
    """The last place at or before a character; -1 without one."""
    at = bisect_right(places, index)
    return places[at - 1] if at else -1
