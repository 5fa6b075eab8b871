"""Format a file without changing its values: a small canonical form, reached by local edits of the text.

Text of several lines goes into `|` blocks; no space at the end of a line and no tab outside text; one line end at the
end of the file; the comment that names the schema is right.  Everything else stays as its author wrote it.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Final

from tavusctl.config import yaml12
from tavusctl.core.diagnostics import errors_in
from tavusctl.core.errors import InternalError
from tavusctl.lib.patterns import pattern
from tavusctl.rewrite import block_edits, source_map, yaml_text
from tavusctl.rewrite.block_edits import Place
from tavusctl.rewrite.edit_steps import exact_text
from tavusctl.rewrite.quoting import Style
from tavusctl.rewrite.source_map import Node, SourceText

SCHEMA: Final = pattern(r"(?m)^#[ \t]*yaml-language-server:[ \t]*\$schema=(\S*)")
_GAP: Final = pattern(r"(?<! ) *+\t[ \t]*")


def format_document(content: bytes, path: str, schema: str = "") -> bytes:
    """The formatted bytes of a file; a file with errors, or without documents, is returned as it is.

    A step that would change a value is left out: blank lines may be part of a `|+` block, or show its indentation.
    `schema` is the schema that the comment at the top must name; empty if it is unknown.
    """
    bom = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
    text = content.removeprefix(bom).decode()
    values = _comparable_values(text, path)
    if not values:
        return content
    for rewrite in (_with_one_line_end, _without_tabs, _without_trailing_space, _with_text_blocks):
        new = rewrite(text, path)
        if new != text and _comparable_values(new, path) == values:
            text = new
    text = _with_schema(text, schema) if schema else text
    if _comparable_values(text, path) != values:
        message = f"`{path}` would change its meaning when formatted; it was not written"
        raise InternalError(message, "report this bug of tavusctl")
    return bom + text.encode()


def _comparable_values(text: str, path: str) -> list[str] | None:
    """Each document of a text as one text that can be compared; None if the text has errors."""
    parsed = yaml12.read(text.encode(), path)
    if errors_in(parsed.diagnostics):
        return None
    return [exact_text(document.value) for document in parsed.documents]


def _with_text_blocks(text: str, path: str) -> str:
    """The text with scalars of several lines as `|` blocks, where they follow a key or a dash.

    A scalar whose block would change a value of the file stays as it is.
    """
    values, skipped = _comparable_values(text, path), 0
    while True:
        source = source_map.parse(text)
        candidates = [(document, place) for document in source.documents for place in _multiline_scalars(document)][
            skipped:
        ]
        if not candidates:
            return text
        document, place = candidates[0]
        new = block_edits.replace_value(Style(source, source_map.layout(document), is_new=True), place, place.node.text)
        text, skipped = (new, skipped) if _comparable_values(new, path) == values else (text, skipped + 1)


def _multiline_scalars(document: Node) -> Iterator[Place]:
    """The quoted and plain scalars of several lines that a `|` block can hold; those with an anchor are left out."""
    stack = [Place(document)]
    while stack:
        place = stack.pop()
        node = place.node
        if node.kind == "scalar" and node.style in ("", '"', "'") and place.entry and not node.anchor:
            if "\n" in node.text.rstrip("\n") and yaml_text.fits_block(node.text):
                yield place
        elif node.in_lines:
            stack += [Place(entry.value, entry, place) for entry in reversed(node.entries)]


def _without_tabs(text: str, _: str) -> str:
    """The text with spaces in place of tabs between YAML tokens; tabs in scalars and in comments stay."""
    pieces, end = [], 0
    for start, stop in (*_scalar_spans(text), (len(text), len(text))):
        pieces += [_without_gap_tabs(text[end:start]), text[start:stop]]
        end = stop
    return "".join(pieces)


def _without_gap_tabs(gap: str) -> str:
    """A piece of text between two scalars, with one space in place of blanks with a tab; comments stay."""
    lines = re.split("([\n\r])", gap)
    return "".join(_GAP.sub(" ", code) + comment for code, comment in map(_split_comment, lines))


def _split_comment(line: str) -> tuple[str, str]:
    """A line split into the YAML before its comment, and the comment."""
    match = re.search(r"(?:^|(?<=[ \t]))#", line)
    return (line[: match.start()], line[match.start() :]) if match else (line, "")


def _without_trailing_space(text: str, _: str) -> str:
    spans = list(_scalar_spans(text))
    pieces, end = [], 0
    for match in re.finditer("[ \t]+(?=[\n\r]|\\Z)", text):
        if not any(start <= match.start() < stop for start, stop in spans):
            pieces.append(text[end : match.start()])
            end = match.end()
    return "".join([*pieces, text[end:]])


def _with_one_line_end(text: str, _: str) -> str:
    return text.rstrip(" \t\r\n") + SourceText(text).newline


def _scalar_spans(text: str) -> Iterator[tuple[int, int]]:
    """The start and the end of every scalar, in order."""
    for document in source_map.parse(text).documents:
        keys = (entry.key for node in document.walk() for entry in node.entries if entry.key)
        yield from sorted((one.content, one.end) for one in (*document.walk(), *keys) if one.kind == "scalar")


def _with_schema(text: str, schema: str) -> str:
    """The text with a comment that names the schema of a manifest for editors; a comment with a URL stays."""
    line = f"# yaml-language-server: $schema={schema}"
    head = text[: source_map.parse(text).documents[0].start]
    match = SCHEMA.search(head)
    if match:
        return text if "://" in match[1] else f"{text[: match.start()]}{line}{text[match.end() :]}"
    return text if head.lstrip().startswith(("%", "---")) else f"{line}{SourceText(text).newline}{text}"
