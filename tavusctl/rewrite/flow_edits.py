"""Steps on what stands inside [ ] and { }; lists that are written one item a line stay so."""

from __future__ import annotations

import re
from typing import Final

from tavusctl.lib.json_types import Json
from tavusctl.rewrite.quoting import Style
from tavusctl.rewrite.source_map import Entry, Node, SourceText

_COMMA: Final = re.compile("(?:[ \t\r\n\x85\u2028\u2029]|(?<=\\s)#[^\n\r\x85\u2028\u2029]*)*(,)")
_REST: Final = re.compile(r"[ \t]*,?[ \t]*(?:(?<=[\s,])#.*)?")


def replaced(style: Style, entry: Entry | None, node: Node, value: Json) -> str:
    """The text with another value."""
    text = style.sheet.text
    written = style.in_flow(value, node)
    if entry and entry.opening is None:
        return f"{text[: entry.end]}: {written}{text[entry.end :]}"
    is_close = node.start == node.end and text[node.start - 1] not in " \t\n\r[{,"
    return f"{text[: node.start]}{' ' if is_close else ''}{written}{text[node.end :]}"


def removed(sheet: SourceText, entry: Entry, parent: Node) -> str:
    """The text without an entry and its comma."""
    text, entries = sheet.text, parent.entries
    if len(entries) == 1:
        brackets = "{}" if parent.kind == "mapping" else "[]"
        return f"{text[: parent.content]}{brackets}{text[parent.end :]}"
    index = entries.index(entry)
    comma = _COMMA.match(text, entry.end)
    start, end = _span(sheet, entries, index)
    if index == len(entries) - 1 and start != entries[index - 1].end and not comma:
        before = _COMMA.match(text, entries[index - 1].end)
        if before:
            return f"{text[: before.start(1)]}{text[before.end(1) : start]}{text[end:]}"
    return f"{text[:start]}{text[end:]}"


def inserted(style: Style, node: Node, key: str, value: Json) -> str:
    """The text with a new key, or with a new item before the one at an index, or behind the last."""
    sheet, text, entries = style.sheet, style.sheet.text, node.entries
    written = style.in_flow(value)
    if node.kind == "mapping":
        written = f"{style.key_in_flow(key)}: {written}"
    if not entries:
        return f"{text[: node.end - 1]}{written}{text[node.end - 1 :]}"
    index = int(key) if node.kind == "sequence" else len(entries)
    if index == 0:
        start = entries[0].start
        between = f",{sheet.newline}{_margin(sheet, start)}" if _has_own_line(sheet, entries[0]) else ", "
        return f"{text[:start]}{written}{between}{text[start:]}"
    return _inserted_behind(sheet, entries[index - 1], written)


def _inserted_behind(sheet: SourceText, before: Entry, written: str) -> str:
    text, end = sheet.text, before.end
    if not _has_own_line(sheet, before):
        return f"{text[:end]}, {written}{text[end:]}"
    comma = _COMMA.match(text, end)
    line_end = sheet.line_end(comma.end() if comma else end)
    rest = text[end:line_end] if comma else f",{text[end:line_end]}"
    new = f"{sheet.newline}{_margin(sheet, before.start)}{written}{',' if comma else ''}"
    return f"{text[:end]}{rest}{new}{text[line_end:]}"


def _span(sheet: SourceText, entries: list[Entry], index: int) -> tuple[int, int]:
    """What goes with an entry: its lines where it has its own, else it and the space up to its neighbour."""
    entry = entries[index]
    if _has_own_line(sheet, entry):
        return sheet.line_start(entry.start), sheet.next_line(entry.end)
    if index < len(entries) - 1:
        return entry.start, entries[index + 1].start
    before = entries[index - 1].end
    if "#" in sheet.text[before : entry.start]:
        comma = _COMMA.match(sheet.text, entry.end)
        return entry.start, comma.end() if comma else entry.end
    return before, entry.end


def _has_own_line(sheet: SourceText, entry: Entry) -> bool:
    rest = sheet.text[entry.end : sheet.line_end(entry.end)]
    return sheet.begins_line(entry.start) and bool(_REST.fullmatch(rest))


def _margin(sheet: SourceText, index: int) -> str:
    return sheet.text[sheet.line_start(index) : index]
