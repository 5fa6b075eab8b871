"""How a value is written in place of another: quoted text stays quoted, `|` stays `|`, plain text stays plain."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from msgspec import Struct

from tavusctl.config.yaml12 import LINE_BREAK
from tavusctl.lib.json_types import Json
from tavusctl.rewrite import yaml_text
from tavusctl.rewrite.source_map import Node, SourceText
from tavusctl.rewrite.yaml_text import Layout


class Style(Struct, frozen=True):
    """How values are written into a document; `careful` writes each on one line, texts in double quotes."""

    source: SourceText
    layout: Layout
    is_json: bool = False  # the document is JSON, and stays so
    careful: bool = False
    is_new: bool = False  # the style of the old value is not kept

    def below(self, value: Json, column: int) -> bool:
        """Whether a value that would follow its key at a column is written below the key instead."""
        return not self.careful and yaml_text.is_block(value, column)

    def block(self, value: Json, column: int) -> list[str]:
        """The lines of a collection at a column."""
        return [" " * column + json_text(value)] if self.careful else yaml_text.block(value, column, self.layout)

    def entry(self, key: str, value: Json, column: int) -> list[str]:
        """The lines of a new entry of a block mapping."""
        if self.careful:
            return [f"{' ' * column}{yaml_text.key(key)}: {json_text(value)}"]
        return yaml_text.entry(key, value, column, self.layout)

    def item(self, value: Json, column: int) -> list[str]:
        """The lines of a new item of a block list."""
        return [f"{' ' * column}- {json_text(value)}"] if self.careful else yaml_text.item(value, column, self.layout)

    def in_flow(self, value: Json, old: Node | None = None) -> str:
        """A value inside [ ] or { }."""
        if self.is_json or self.careful:
            return json_text(value)
        if isinstance(value, str) and old and old.kind == "scalar":
            return _in_quotes_of(old, value) or yaml_text.line(value, in_flow=True)
        return yaml_text.flow(value)

    def key_in_flow(self, key: str) -> str:
        """A new key inside { }."""
        return json_text(key) if self.is_json or self.careful else yaml_text.key(key, in_flow=True)

    def key(self, name: str, old: Node, *, in_flow: bool) -> str:
        """A new name for a key, in the quotes of the old one."""
        return _in_quotes_of(old, name) or yaml_text.key(name, in_flow=in_flow)

    def inline(self, value: Json, indent: int, old: Node | None = None) -> list[str]:
        """The text of a value after its key, then the lines below; `old` is the node that the value replaces."""
        if self.careful:
            return [json_text(value)]
        if isinstance(value, str) and old and old.kind == "scalar" and not self.is_new:
            lines = self._in_style_of(old, value, indent)
            if lines:
                return lines
        return yaml_text.inline(value, indent, self.layout)

    def _in_style_of(self, old: Node, text: str, indent: int) -> list[str]:
        """The lines of a text in the style of the scalar that it replaces; empty if it does not suit the text."""
        if old.style == "|" and yaml_text.fits_block(text):
            return yaml_text.literal(text, indent, self._step_of(old, indent))
        if old.style == ">" and yaml_text.fits_folded(text):
            return self._folded(old, text, indent)
        became_long = "\n" in text and "\n" not in old.text
        one_line = "" if became_long and yaml_text.fits_block(text) else _in_quotes_of(old, text)
        return [one_line] if one_line else []

    def _folded(self, old: Node, text: str, indent: int) -> list[str]:
        """The lines of a text as a `>` block; a paragraph that has not changed keeps its line breaks."""
        step = self._step_of(old, indent)
        width = yaml_text.WIDTH - indent - step
        filled = (list(lines) for has_text, lines in groupby(self._body(old)[1], bool) if has_text)
        old_paragraphs = {" ".join(lines): lines for lines in filled}
        parts = text.rstrip("\n").split("\n")
        paragraphs = [
            old_paragraphs.get(part) or _rewrapped(part, list(old_paragraphs.values()), width) for part in parts
        ]
        return yaml_text.fold(paragraphs, text, indent + step)

    def _body(self, old: Node) -> tuple[int, list[str]]:
        """The column of the lines of a block scalar, and the lines without their indentation."""
        lines = LINE_BREAK.split(self.source.text[old.content : old.end])[1:]
        column = min((len(line) - len(line.lstrip(" ")) for line in lines if line.strip()), default=0)
        return column, [line[column:] for line in lines]

    def _step_of(self, old: Node, indent: int) -> int:
        """By how many columns a block scalar is indented below its parent."""
        step = self._body(old)[0] - indent
        return step if step > 0 else self.layout.step


def json_text(value: Json) -> str:
    """A value as JSON that is YAML too."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{yaml_text.double_quoted(key)}: {json_text(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(json_text, value))}]"
    return yaml_text.double_quoted(value) if isinstance(value, str) else yaml_text.line(value)


def _in_quotes_of(old: Node, text: str) -> str:
    """A text in the quotes of the node that it replaces; empty if that has none, or if they cannot hold the text."""
    if old.style == '"':
        return yaml_text.double_quoted(text)
    return yaml_text.single_quoted(text) if old.style == "'" else ""


def _rewrapped(text: str, old_paragraphs: Sequence[list[str]], width: int) -> list[str]:
    """The lines of a changed paragraph; the old lines at its beginning and end stay if the text still has them."""
    for lines in old_paragraphs:
        head = _common(lines, text)
        tail = _common(lines[head:], text, from_end=True)
        first, last = lines[:head], lines[len(lines) - tail :]
        middle = text[len(" ".join([*first, ""])) : len(text) - len(" ".join(["", *last]))]
        new_lines = [*first, *yaml_text.wrapped(middle, width), *last]
        if (head or tail) and " ".join(new_lines) == text:
            return new_lines
    return yaml_text.wrapped(text, width)


def _common(lines: Sequence[str], text: str, *, from_end: bool = False) -> int:
    """How many of the lines a text begins with; with `from_end`, how many it ends with."""
    for count in range(len(lines), 0, -1):
        if from_end and text.endswith(" " + " ".join(lines[-count:])):
            return count
        if not from_end and text.startswith(" ".join(lines[:count]) + " "):
            return count
    return 0
