"""One step carried out on a text: only the characters of what changes are touched.

Every function gives the new text.  Whether that says what it should is for `splice` to see, which reads it again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from tavusctl.lib.json_types import Json
from tavusctl.rewrite import flow_edits
from tavusctl.rewrite.quoting import Style
from tavusctl.rewrite.source_map import BREAK, Entry, Node, SourceText

_HEADER: Final = re.compile(r"[|>][-+0-9]*")


class Place(Struct, frozen=True):
    """A value in its document, with the entry it is the value of; a whole document has none."""

    node: Node
    entry: Entry | None = None
    around: Place | None = None  # the collection that has the entry
    in_flow: bool = False  # inside [ ] or { }


def replaced(style: Style, place: Place, value: Json) -> str:
    """The text with another value at a place."""
    entry, node, sheet = place.entry, place.node, style.sheet
    if place.in_flow or (entry is None and not node.in_lines):
        return flow_edits.replaced(style, entry, node, value)
    if entry is None or place.around is None:
        return _cut(sheet, node.start, sheet.line_end(node.end), _joined(sheet, style.block(value, node.column)))
    parent = place.around.node
    if entry.opening is None:
        first, *rest = style.entry("?", value, parent.column)
        at = sheet.line_end(entry.end)
        return _cut(sheet, at, at, _under(sheet, [first.replace("?", "", 1), *rest]))
    stands_below = style.below(value, sheet.column(entry.opening) + 1)
    return _below(style, entry, parent, value) if stands_below else _behind(style, entry, parent, value)


def removed(style: Style, place: Place) -> str:
    """The text without the entry of a place."""
    sheet, entry, around = style.sheet, place.entry, place.around
    if entry is None or around is None:
        message = "a document cannot be removed"
        raise ValueError(message)
    if place.in_flow:
        return flow_edits.removed(sheet, entry, around.node)
    if len(around.node.entries) == 1:
        return _emptied(sheet, entry, around)
    if sheet.begins_line(entry.start):
        return _cut(sheet, *_lines_of(sheet, entry, careful=style.careful))
    following = around.node.entries[1].start  # the first entry of a collection that begins behind a dash
    end = sheet.line_end(entry.end)
    if sheet.text[end:following].strip():
        return _cut(sheet, len(sheet.text[: entry.start].rstrip(" \t")), end)
    return _cut(sheet, entry.start, following)


def inserted(style: Style, place: Place, key: str, value: Json) -> str:
    """The text with a new key, or with a new item before the one at an index, or behind the last."""
    node, sheet = place.node, style.sheet
    if not node.in_lines:
        empty = not sheet.text[node.content + 1 : node.end - 1].strip()
        if empty and not place.in_flow and not style.is_json and place.entry:
            return replaced(style, place, {key: value} if node.kind == "mapping" else [value])
        return flow_edits.inserted(style, node, key, value)
    if node.kind == "mapping":
        at = sheet.line_end(node.entries[-1].end)
        return _cut(sheet, at, at, _under(sheet, style.entry(key, value, node.column)))
    lines = style.item(value, node.column)
    if int(key) == 0:
        at = node.entries[0].start
        return _cut(sheet, at, at, _joined(sheet, lines)[node.column :] + sheet.newline + " " * node.column)
    at = sheet.line_end(node.entries[int(key) - 1].end)
    return _cut(sheet, at, at, _under(sheet, lines))


def renamed(style: Style, place: Place, name: str) -> str:
    """The text with another name for the key of a place."""
    key = place.entry.key if place.entry else None
    if key is None:
        message = "items of a list have no name"
        raise ValueError(message)
    return _cut(style.sheet, key.start, key.end, style.key(name, key, in_flow=place.in_flow))


def _behind(style: Style, entry: Entry, parent: Node, value: Json) -> str:
    """A value that begins in the line of its key (or dash), or where the old one stood."""
    sheet, node, opening = style.sheet, entry.value, entry.opening or 0
    head, *rest = style.inline(value, parent.column, node)
    gap = sheet.text[opening : node.start]
    lines = _under(sheet, rest)
    if node.in_lines:
        last = sheet.line_end(opening)
        comment = "" if not BREAK.search(gap) else sheet.text[opening:last]
        comments = sheet.text[last : _before_break(sheet, node.start)] if BREAK.search(gap) else ""
        return _cut(sheet, opening, sheet.line_end(node.end), f" {head}{comment}{lines}{comments}")
    start = opening if not gap else node.start
    return _cut(sheet, start, sheet.line_end(node.end), f"{'' if gap else ' '}{head}{_tail(sheet, node)}{lines}")


def _below(style: Style, entry: Entry, parent: Node, value: Json) -> str:
    """A collection whose entries stand on lines of their own."""
    sheet, node, opening = style.sheet, entry.value, entry.opening or 0
    end = sheet.line_end(node.end)
    tail = "" if node.in_lines else _tail(sheet, node)
    if BREAK.search(sheet.text, opening, node.start):
        column = sheet.column(node.start)
        if column <= parent.column and isinstance(value, dict):
            column = parent.column + style.layout.step
        first, *rest = style.block(value, column)
        return _cut(sheet, sheet.line_start(node.start), end, f"{first}{tail}{_under(sheet, rest)}")
    if parent.kind == "sequence":
        first, *rest = style.item(value, parent.column)
        return _cut(sheet, entry.start, end, f"{first[parent.column :]}{tail}{_under(sheet, rest)}")
    column = parent.column + (style.layout.dash if isinstance(value, list) else style.layout.step)
    return _cut(sheet, opening, end, f"{tail}{_under(sheet, style.block(value, column))}")


def _emptied(sheet: SourceText, entry: Entry, around: Place) -> str:
    """The text without the only entry of a block collection."""
    node = around.node
    brackets = "{}" if node.kind == "mapping" else "[]"
    if around.entry is None or not BREAK.search(sheet.text, around.entry.opening or 0, entry.start):
        return _cut(sheet, entry.start, sheet.line_end(entry.end), brackets)
    at = node.start + len(node.anchor) + 1 if node.anchor else around.entry.opening or 0
    start, end = _lines_of(sheet, entry)
    return f"{sheet.text[:at]} {brackets}{sheet.text[at:start]}{sheet.text[end:]}"


def _lines_of(sheet: SourceText, entry: Entry, *, careful: bool = False) -> tuple[int, int]:
    """The whole lines of an entry; in a text without a last line end, the line end before them instead.

    Next to a block scalar, blank lines below and the line end before would become part of it, or be missed by it.
    """
    start, end = sheet.line_start(entry.start), sheet.next_line(entry.end)
    while careful and end < len(sheet.text) and not sheet.text[end : sheet.line_end(end)].strip(" \t"):
        end = sheet.next_line(end)
    if sheet.line_end(entry.end) == len(sheet.text) and not careful:
        return _before_break(sheet, start), len(sheet.text)
    return start, end


def _before_break(sheet: SourceText, index: int) -> int:
    """Where the line before that of a character ends."""
    start = sheet.line_start(index)
    return start - (2 if sheet.text[:start].endswith("\r\n") else 1) if start else 0


def _tail(sheet: SourceText, node: Node) -> str:
    """What stands behind a value in its line: space and a comment; for a block scalar, behind its header."""
    header = _HEADER.match(sheet.text, node.content) if node.style in ("|", ">") else None
    end = header.end() if header else node.end
    return sheet.text[end : sheet.line_end(end)]


def _cut(sheet: SourceText, start: int, end: int, new: str = "") -> str:
    return f"{sheet.text[:start]}{new}{sheet.text[end:]}"


def _joined(sheet: SourceText, lines: Sequence[str]) -> str:
    return sheet.newline.join(lines)


def _under(sheet: SourceText, lines: Sequence[str]) -> str:
    """Lines below the one that ends here."""
    return "".join(f"{sheet.newline}{line}" for line in lines)
