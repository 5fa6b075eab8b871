"""Edits spliced into a file: what changes is replaced, every other byte stays.

After each step the text is read again; a text that does not say exactly what it should is never given out.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from typing import NoReturn

from msgspec.structs import replace

from tavusctl.config import yaml12
from tavusctl.core.address import Address
from tavusctl.core.diagnostics import Edit, Severity
from tavusctl.core.errors import InternalError, RefusedError
from tavusctl.fields import spellings
from tavusctl.kinds import KINDS, name_of
from tavusctl.lib.json_types import Json, as_text
from tavusctl.patch.pointer import PatchError, join, resolve, split
from tavusctl.rewrite import block_edits, edit_steps, source_map
from tavusctl.rewrite.block_edits import Place
from tavusctl.rewrite.edit_steps import Step, exact
from tavusctl.rewrite.quoting import Style
from tavusctl.rewrite.source_map import Node, SourceText


def splice(content: bytes, path: str, edits: Sequence[Edit]) -> bytes:
    """A file's bytes with edits made to its documents; RefusedError says which edit cannot be made, and why."""
    text = _Text(content, path)
    for edit in edits:
        text.make(edit)
    mark = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
    return mark + text.text.encode()


class _Text:
    """A text, and its documents as values."""

    def __init__(self, content: bytes, path: str) -> None:
        self.path = path
        parsed = yaml12.read(content, path)
        wrong = next((one for one in parsed.diagnostics if one.severity is Severity.ERROR), None)
        if wrong:
            self._refuse(f"it is not right as it is: {wrong.message} ({wrong.source})")
        self.text = content.removeprefix(codecs.BOM_UTF8).decode()
        self._values = [document.value for document in parsed.documents]

    def make(self, edit: Edit) -> None:
        """Make one edit."""
        index = self._find(edit.address)
        try:
            planned = edit_steps.of_edit(_as_written(edit, self._values[index]), self._values[index])
        except PatchError as error:
            self._refuse(str(error))
        for step in planned:
            self._take(index, step)

    def _find(self, address: Address) -> int:
        """Which document is the manifest of an address."""
        named = [
            index
            for index, value in enumerate(self._values)
            if isinstance(value, dict)
            and (name_of(str(value.get("kind"))), value.get("name")) == (address.kind, address.name)
        ]
        if len(named) != 1:
            count = f"{len(named)} documents" if named else "no document"
            self._refuse(f"it has {count} with kind: {address.kind} and name: {address.name}")
        return named[0]

    def _take(self, index: int, step: Step) -> None:
        """Make one step, and see that it did what it should and no more."""
        wanted = [edit_steps.made(value, step) if at == index else value for at, value in enumerate(self._values)]
        sheet = source_map.parse(self.text)
        document = sheet.documents[index]
        place = self._place(sheet, document, step)
        if place.node.style == "bare" and step.op == "insert":  # a pair without braces gets them
            pointer = join(split(step.pointer)[:-1])
            step = Step("replace", pointer, resolve(wanted[index], pointer))
        for careful in (False, True):
            text = self._made(
                Style(sheet, source_map.layout(document), _is_json(sheet, document), careful), place, step
            )
            if self._reads(text, wanted):
                self.text, self._values = text, wanted
                return
        message = f"the edit of `{step.pointer}` in {self.path} had an unexpected result; nothing was written"
        raise InternalError(message, "report this bug of tavusctl, and make the edit by hand")

    def _made(self, style: Style, place: Place, step: Step) -> str:
        try:
            if step.op == "replace":
                return block_edits.replaced(style, place, step.value)
            if step.op == "remove":
                return block_edits.removed(style, place)
            if step.op == "rename":
                return block_edits.renamed(style, place, as_text(step.value))
            return block_edits.inserted(style, place, split(step.pointer)[-1], step.value)
        except ValueError as error:
            self._refuse(f"YAML cannot carry {error}")

    def _reads(self, text: str, wanted: Sequence[Json]) -> bool:
        """Whether a text says what it should, and is read without complaint."""
        parsed = yaml12.read(text.encode("utf-8", "surrogatepass"), self.path)
        is_right = not any(one.severity is Severity.ERROR for one in parsed.diagnostics)
        return is_right and [exact(one.value) for one in parsed.documents] == [exact(value) for value in wanted]

    def _place(self, sheet: SourceText, document: Node, step: Step) -> Place:
        """The place of a step; that of the collection for what is new."""
        path = split(step.pointer)
        aliases = [one.text for one in document.walk() if one.kind == "alias"]
        place = Place(document)
        for segment in path[:-1] if step.op == "insert" else path:
            self._refuse_shared(sheet, place.node, aliases)
            place = _child(place, segment)
        if step.op == "insert":
            self._refuse_shared(sheet, place.node, aliases)
        elif step.op != "rename":
            below = list(place.node.walk())
            kept = [one.text for one in document.walk() if one.kind == "alias" and one not in below]
            for one in below:
                self._refuse_shared(sheet, one, kept, itself=False)
        return place

    def _refuse_shared(self, sheet: SourceText, node: Node, aliases: Sequence[str], *, itself: bool = True) -> None:
        """Refuse to change what stands in several places at once."""
        line = sheet.text.count("\n", 0, node.start) + 1
        if node.kind == "alias" and itself:
            self._refuse(f"line {line} has the YAML alias `*{node.text}` of a value elsewhere")
        if node.anchor in aliases:
            self._refuse(
                f"the value in line {line} has the YAML anchor `&{node.anchor}`, which an alias repeats elsewhere"
            )

    def _refuse(self, reason: str) -> NoReturn:
        message = f"{self.path} cannot be edited: {reason}"
        raise RefusedError(message, "edit the file by hand", id="E430")


def _as_written(edit: Edit, document: Json) -> Edit:
    """An edit with its pointer in the names that a document has for fields that have several."""
    above, *path = split(edit.pointer) or ("",)
    kind = KINDS.get(edit.address.kind)
    if kind is None or above != "spec" or not isinstance(document, dict):
        return edit
    return replace(edit, pointer=join((above, *spellings.written_path(kind, document.get(above), tuple(path)))))


def _child(place: Place, segment: str) -> Place:
    node = place.node
    in_flow = place.in_flow or not node.in_lines
    if node.kind == "sequence":
        entry = node.entries[int(segment)]
    else:
        entry = next(one for one in node.entries if one.key and one.key.text == segment)
    return Place(entry.value, entry, place, in_flow)


def _is_json(sheet: SourceText, document: Node) -> bool:
    """Whether a document is written as JSON: in braces, its keys in double quotes."""
    first = document.entries[0].key if document.entries else None
    return document.style == "flow" and first is not None and sheet.text[first.start] == '"'
