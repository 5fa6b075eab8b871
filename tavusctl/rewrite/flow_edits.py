"""Steps of edits inside flow collections, [ ] and { }; a list with one item on each line keeps that form."""

from __future__ import annotations

from typing import Final

from tavusctl.lib.json_types import Json
from tavusctl.lib.patterns import pattern
from tavusctl.rewrite.quoting import Style
from tavusctl.rewrite.source_map import Entry, Node, SourceText

_COMMA: Final = pattern("(?:[ \t\r\n]|(?<=[ \t\r\n])#[^\n\r]*+)*+(,)")
_REST: Final = pattern(r"[ \t]*+,?[ \t]*+(?:(?<=[ \t,])#[^\n\r]*)?")


def replace_value(style: Style, entry: Entry | None, node: Node, value: Json) -> str:
    """The text with a new value for a node; `entry` is the entry that holds it, None for a whole document."""
    text = style.source.text
    new_text = style.in_flow(value, node)
    if entry and entry.opening is None:
        return f"{text[: entry.end]}: {new_text}{text[entry.end :]}"
    needs_space = node.start == node.end and text[node.start - 1] not in " \t\n\r[{,"
    return f"{text[: node.start]}{' ' if needs_space else ''}{new_text}{text[node.end :]}"


def remove_entry(source: SourceText, entry: Entry, parent: Node) -> str:
    """The text without an entry and its comma."""
    text, entries = source.text, parent.entries
    if len(entries) == 1:
        brackets = "{}" if parent.kind == "mapping" else "[]"
        return f"{text[: parent.content]}{brackets}{text[parent.end :]}"
    index = entries.index(entry)
    comma = _COMMA.match(text, entry.end)
    start, end = _span(source, entries, index)
    if index == len(entries) - 1 and start != entries[index - 1].end and not comma:
        previous_comma = _COMMA.match(text, entries[index - 1].end)
        if previous_comma:
            return f"{text[: previous_comma.start(1)]}{text[previous_comma.end(1) : start]}{text[end:]}"
    return f"{text[:start]}{text[end:]}"


def insert_entry(style: Style, node: Node, key: str, value: Json) -> str:
    """The text with a new entry in a flow collection.

    `key` is the key in a mapping; in a list, the index of the item to insert before, or the list's length to append.
    """
    source, text, entries = style.source, style.source.text, node.entries
    new_text = style.in_flow(value)
    if node.kind == "mapping":
        new_text = f"{style.key_in_flow(key)}: {new_text}"
    if not entries:
        return f"{text[: node.end - 1]}{new_text}{text[node.end - 1 :]}"
    index = int(key) if node.kind == "sequence" else len(entries)
    if index == 0:
        start = entries[0].start
        separator = f",{source.newline}{_margin(source, start)}" if _has_own_line(source, entries[0]) else ", "
        return f"{text[:start]}{new_text}{separator}{text[start:]}"
    return _inserted_after(source, entries[index - 1], new_text)


def _inserted_after(source: SourceText, previous: Entry, new_text: str) -> str:
    text, end = source.text, previous.end
    if not _has_own_line(source, previous):
        return f"{text[:end]}, {new_text}{text[end:]}"
    comma = _COMMA.match(text, end)
    line_end = source.line_end(comma.end() if comma else end)
    rest = text[end:line_end] if comma else f",{text[end:line_end]}"
    new_line = f"{source.newline}{_margin(source, previous.start)}{new_text}{',' if comma else ''}"
    return f"{text[:end]}{rest}{new_line}{text[line_end:]}"


def _span(source: SourceText, entries: list[Entry], index: int) -> tuple[int, int]:
    """The span to remove for an entry: its own lines if it has them, else it and the space up to its neighbour."""
    entry = entries[index]
    if _has_own_line(source, entry):
        return source.line_start(entry.start), source.next_line(entry.end)
    if index < len(entries) - 1:
        return entry.start, entries[index + 1].start
    previous_end = entries[index - 1].end
    if "#" in source.text[previous_end : entry.start]:
        comma = _COMMA.match(source.text, entry.end)
        return entry.start, comma.end() if comma else entry.end
    return previous_end, entry.end


def _has_own_line(source: SourceText, entry: Entry) -> bool:
    rest = source.text[entry.end : source.line_end(entry.end)]
    return source.begins_line(entry.start) and bool(_REST.fullmatch(rest))


def _margin(source: SourceText, offset: int) -> str:
    return source.text[source.line_start(offset) : offset]
