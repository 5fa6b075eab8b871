"""One step of an edit, made in a text: only the characters of what changes are replaced.

Every function returns the new text and does not check it: `apply_edits.splice` parses it again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from tavusctl.config.yaml12 import LINE_BREAK
from tavusctl.lib.json_types import Json
from tavusctl.rewrite import flow_edits
from tavusctl.rewrite.quoting import Style
from tavusctl.rewrite.source_map import HEADER, Entry, Node, SourceText


class Place(Struct, frozen=True):
    """A value in its document, with the entry that holds it; a whole document has no entry."""

    node: Node
    entry: Entry | None = None
    around: Place | None = None  # the collection that has the entry
    in_flow: bool = False  # inside [ ] or { }


def replace_value(style: Style, place: Place, value: Json) -> str:
    """The text with a new value at a place."""
    entry, node, source = place.entry, place.node, style.source
    if place.in_flow or (entry is None and not node.in_lines):
        return flow_edits.replace_value(style, entry, node, value)
    if entry is None or place.around is None:
        return _splice(
            source, node.start, source.line_end(node.end), source.newline.join(style.block(value, node.column))
        )
    parent = place.around.node
    if entry.opening is None:
        first, *rest = style.entry("?", value, parent.column)
        offset = source.line_end(entry.end)
        return _splice(source, offset, offset, _lines_after(source, [first.replace("?", "", 1), *rest]))
    stands_below = style.below(value, source.column(entry.opening) + 1)
    return (
        _replaced_below(style, entry, parent, value) if stands_below else _replaced_inline(style, entry, parent, value)
    )


def remove_entry(style: Style, place: Place) -> str:
    """The text without the entry at a place; ValueError for a whole document."""
    source, entry, around = style.source, place.entry, place.around
    if entry is None or around is None:
        raise ValueError("a document cannot be removed")
    if place.in_flow:
        return flow_edits.remove_entry(source, entry, around.node)
    if len(around.node.entries) == 1:
        return _emptied(source, entry, around)
    if source.begins_line(entry.start):
        return _splice(source, *(_outdented(source, entry) if style.careful else _line_span(source, entry)))
    next_start = around.node.entries[1].start  # the first entry of a collection that begins behind a dash
    end = source.line_end(entry.end)
    if source.text[end:next_start].strip():
        return _splice(source, len(source.text[: entry.start].rstrip(" \t")), end)
    return _splice(source, entry.start, next_start)


def insert_entry(style: Style, place: Place, key: str, value: Json) -> str:
    """The text with a new entry in the collection at a place.

    `key` is the key in a mapping; in a list, the index of the item to insert before, or the list's length to append.
    """
    node, source = place.node, style.source
    if not node.in_lines:
        empty = not source.text[node.content + 1 : node.end - 1].strip()
        if empty and not place.in_flow and not style.is_json and place.entry:
            return replace_value(style, place, {key: value} if node.kind == "mapping" else [value])
        return flow_edits.insert_entry(style, node, key, value)
    if node.kind == "mapping":
        offset = source.line_end(node.entries[-1].end)
        return _splice(source, offset, offset, _lines_after(source, style.entry(key, value, node.column)))
    lines = style.item(value, node.column)
    if int(key) == 0:
        offset = node.entries[0].start
        return _splice(
            source, offset, offset, source.newline.join(lines)[node.column :] + source.newline + " " * node.column
        )
    offset = source.line_end(node.entries[int(key) - 1].end)
    return _splice(source, offset, offset, _lines_after(source, lines))


def rename_key(style: Style, place: Place, name: str) -> str:
    """The text with a new name for the key at a place; ValueError for an item of a list."""
    key = place.entry.key if place.entry else None
    if key is None:
        raise ValueError("items of a list have no name")
    return _splice(style.source, key.start, key.end, style.key(name, key, in_flow=place.in_flow))


def with_continuable_end(source: SourceText) -> str:
    """The text with `-` in the header of a block scalar at its end, if it has no line end there.

    The scalar has the same value: without that line end, it has none to keep.  A line below it would give it one.
    """
    text = source.text
    scalars = (node for document in source.documents[-1:] for node in document.walk() if node.style in ("|", ">"))
    last = next((node for node in scalars if node.end == len(text)), None)
    header = HEADER.match(text, last.content) if last else None
    if header is None:
        return text
    return _splice(source, header.start(), header.end(), re.sub(r"[-+]", "", header.group()) + "-")


def _replaced_inline(style: Style, entry: Entry, parent: Node, value: Json) -> str:
    """The text with a value that begins on the line of its key or dash, or where the old value begins."""
    source, node, opening = style.source, entry.value, entry.opening or 0
    head, *rest = style.inline(value, parent.column, node)
    gap = source.text[opening : node.start]
    lines = _lines_after(source, rest)
    if node.in_lines:
        first_line_end = source.line_end(opening)
        comment = "" if not LINE_BREAK.search(gap) else source.text[opening:first_line_end]
        comments = source.text[first_line_end : _before_break(source, node.start)] if LINE_BREAK.search(gap) else ""
        return _splice(source, opening, source.line_end(node.end), f" {head}{comment}{lines}{comments}")
    start = opening if not gap else node.start
    return _splice(
        source, start, source.line_end(node.end), f"{'' if gap else ' '}{head}{_trailing_comment(source, node)}{lines}"
    )


def _replaced_below(style: Style, entry: Entry, parent: Node, value: Json) -> str:
    """The text with a block collection that begins below its key, or after its dash."""
    source, node, opening = style.source, entry.value, entry.opening or 0
    end = source.line_end(node.end)
    tail = "" if node.in_lines else _trailing_comment(source, node)
    if LINE_BREAK.search(source.text, opening, node.start):
        column = source.column(node.start)
        if column <= parent.column and isinstance(value, dict):
            column = parent.column + style.layout.step
        first, *rest = style.block(value, column)
        return _splice(source, source.line_start(node.start), end, f"{first}{tail}{_lines_after(source, rest)}")
    if parent.kind == "sequence":
        first, *rest = style.item(value, parent.column)
        return _splice(source, entry.start, end, f"{first[parent.column :]}{tail}{_lines_after(source, rest)}")
    column = parent.column + (style.layout.dash if isinstance(value, list) else style.layout.step)
    return _splice(source, opening, end, f"{tail}{_lines_after(source, style.block(value, column))}")


def _emptied(source: SourceText, entry: Entry, around: Place) -> str:
    """The text without the only entry of a block collection, which becomes `{}` or `[]`."""
    node = around.node
    brackets = "{}" if node.kind == "mapping" else "[]"
    if around.entry is None or not LINE_BREAK.search(source.text, around.entry.opening or 0, entry.start):
        return _splice(source, entry.start, source.line_end(entry.end), brackets)
    offset = node.start + len(node.anchor) + 1 if node.anchor else around.entry.opening or 0
    start, end = _line_span(source, entry)
    return f"{source.text[:offset]} {brackets}{source.text[offset:start]}{source.text[end:]}"


def _line_span(source: SourceText, entry: Entry) -> tuple[int, int]:
    """The span of the lines of an entry; on a last line without a line end, with the line end before it instead."""
    start = source.line_start(entry.start)
    if source.line_end(entry.end) == len(source.text):
        return _before_break(source, start), len(source.text)
    return start, source.next_line(entry.end)


def _outdented(source: SourceText, entry: Entry) -> tuple[int, int, str]:
    """The span of the whole lines of an entry below a block scalar, and the comments that replace it.

    The line end before the entry belongs to that scalar.  Blank lines below the entry, and comments with more
    indentation, would become part of it: the former are dropped, the latter move to the column of the entry.
    """
    column, comments, end = source.column(entry.start), "", source.next_line(entry.end)
    while end < len(source.text):
        line = source.text[end : source.next_line(end)]
        text = line.lstrip(" \t")
        if text.strip() and not (text.startswith("#") and len(line) - len(text) > column):
            break
        comments += " " * column + text if text.strip() else ""
        end += len(line)
    return source.line_start(entry.start), end, comments


def _before_break(source: SourceText, index: int) -> int:
    """The offset at which the line before that of a character ends."""
    start = source.line_start(index)
    return start - (2 if source.text[:start].endswith("\r\n") else 1) if start else 0


def _trailing_comment(source: SourceText, node: Node) -> str:
    """The space and the comment that follow a value on its line; for a block scalar, that follow its header."""
    header = HEADER.match(source.text, node.content) if node.style in ("|", ">") else None
    end = header.end() if header else node.end
    return source.text[end : source.line_end(end)]


def _splice(source: SourceText, start: int, end: int, new: str = "") -> str:
    return f"{source.text[:start]}{new}{source.text[end:]}"


def _lines_after(source: SourceText, lines: Sequence[str]) -> str:
    """Lines to insert at the end of a line, each with a line end before it."""
    return "".join(f"{source.newline}{line}" for line in lines)
