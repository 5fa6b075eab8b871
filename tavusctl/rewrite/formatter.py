"""A file made tidy without a change of what it says: a small canonical form, reached by splices alone.

Texts of several lines stand in `|` blocks; no space at the end of a line and no tab outside text; one line end at the
end of the file; the comment that names the schema is right.  Everything else is left as its author wrote it.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Final

from tavusctl.config import yaml12
from tavusctl.core.diagnostics import Severity
from tavusctl.core.errors import InternalError
from tavusctl.rewrite import block_edits, source_map, yaml_text
from tavusctl.rewrite.block_edits import Place
from tavusctl.rewrite.edit_steps import exact
from tavusctl.rewrite.quoting import Style
from tavusctl.rewrite.source_map import Node, SourceText

SCHEMA: Final = re.compile(r"(?m)^#[ \t]*yaml-language-server:[ \t]*\$schema=(\S*)")
_GAP: Final = re.compile(r"[ \t]*\t[ \t]*")


def formatted(content: bytes, path: str, schema: str = "") -> bytes:
    """The tidy form of a file that is right; `schema` is what its first comment is to name, where that is known."""
    mark = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
    text = content.removeprefix(mark).decode()
    values = _values(text, path)
    if not values:
        return content
    for tidy in (_with_one_end, _in_blocks, _without_tabs, _without_trailing_space):
        text = tidy(text, path)
    text = _with_schema(text, schema) if schema else text
    if _values(text, path) != values:
        message = f"`{path}` would change its meaning when formatted; it was not written"
        raise InternalError(message, "report this bug of tavusctl")
    return mark + text.encode()


def _values(text: str, path: str) -> list[str] | None:
    """Each document of a text as one comparable text; None when it is wrong."""
    parsed = yaml12.read(text.encode(), path)
    if any(one.severity is Severity.ERROR for one in parsed.diagnostics):
        return None
    return [exact(one.value) for one in parsed.documents]


def _in_blocks(text: str, path: str) -> str:
    """Text of several lines in `|` blocks, where it stands behind a key or a dash."""
    values, tried = _values(text, path), 0
    while True:
        sheet = source_map.parse(text)
        waiting = [(document, place) for document in sheet.documents for place in _prose(document)][tried:]
        if not waiting:
            return text
        document, place = waiting[0]
        new = block_edits.replaced(Style(sheet, source_map.layout(document), is_new=True), place, place.node.text)
        text, tried = (new, tried) if _values(new, path) == values else (text, tried + 1)


def _prose(document: Node) -> Iterator[Place]:
    """Quoted and plain texts that have lines."""
    waiting = [Place(document)]
    while waiting:
        place = waiting.pop()
        node = place.node
        if node.kind == "scalar" and node.style in ("", '"', "'") and place.entry and not node.anchor:
            if "\n" in node.text.rstrip("\n") and yaml_text.fits_block(node.text):
                yield place
        elif node.in_lines:
            waiting += [Place(one.value, one, place) for one in reversed(node.entries)]


def _without_tabs(text: str, _: str) -> str:
    """Tabs between words of YAML made spaces; those in text and in comments stay."""
    pieces, end = [], 0
    for start, stop in (*_texts(text), (len(text), len(text))):
        pieces += [_spaced(text[end:start]), text[start:stop]]
        end = stop
    return "".join(pieces)


def _spaced(gap: str) -> str:
    """A piece between texts without its tabs."""
    lines = re.split("([\n\r\x85\u2028\u2029])", gap)
    return "".join(_GAP.sub(" ", code) + comment for code, comment in map(_parted, lines))


def _parted(line: str) -> tuple[str, str]:
    """A line of a piece before its comment, and the comment."""
    found = re.search(r"(?:^|(?<=\s))#", line)
    return (line[: found.start()], line[found.start() :]) if found else (line, "")


def _without_trailing_space(text: str, _: str) -> str:
    spans = list(_texts(text))
    pieces, end = [], 0
    for found in re.finditer("[ \t]+(?=[\n\r\x85\u2028\u2029]|\\Z)", text):
        if not any(start <= found.start() < stop for start, stop in spans):
            pieces.append(text[end : found.start()])
            end = found.end()
    return "".join([*pieces, text[end:]])


def _with_one_end(text: str, path: str) -> str:
    newline = SourceText(text).newline
    short = text.rstrip(" \t\r\n") + newline
    return short if _values(short, path) == _values(text, path) else text  # blank lines of a `|+` block are its own


def _texts(text: str) -> Iterator[tuple[int, int]]:
    """Where scalars stand, in their order."""
    sheet = source_map.parse(text)
    for document in sheet.documents:
        nodes = [one for node in document.walk() for entry in node.entries for one in (entry.key, entry.value) if one]
        yield from sorted((one.content, one.end) for one in [document, *nodes] if one.kind == "scalar")


def _with_schema(text: str, schema: str) -> str:
    """The comment that names the schema of a manifest, for editors; one that names an address stays."""
    line = f"# yaml-language-server: $schema={schema}"
    above = text[: source_map.parse(text).documents[0].start]
    found = SCHEMA.search(above)
    if found:
        return text if "://" in found[1] else f"{text[: found.start()]}{line}{text[found.end() :]}"
    return text if above.lstrip().startswith(("%", "---")) else f"{line}{SourceText(text).newline}{text}"
