"""Edits spliced into a file: what changes is replaced, every other byte stays.

After each step the text is read again; a text that does not say exactly what it should is never given out.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from typing import NoReturn

from tavusctl import yaml12
from tavusctl.errors import InternalError, RefusedError
from tavusctl.model import Address, Edit, Severity, Value
from tavusctl.patch.pointer import MisfitError, join, resolve, split
from tavusctl.writeback import steps, surgery, syntax
from tavusctl.writeback.steps import Step, exact
from tavusctl.writeback.style import Style
from tavusctl.writeback.surgery import Place
from tavusctl.writeback.syntax import Node, Sheet


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
        wrong = next((one for one in parsed.complaints if one.severity is Severity.ERROR), None)
        if wrong:
            self._refuse(f"it is not right as it is: {wrong.message} ({wrong.source})")
        self.text = content.removeprefix(codecs.BOM_UTF8).decode()
        self._values = [document.value for document in parsed.documents]

    def make(self, edit: Edit) -> None:
        """Make one edit."""
        index = self._find(edit.address)
        try:
            planned = steps.of_edit(edit, self._values[index])
        except MisfitError as error:
            self._refuse(str(error))
        for step in planned:
            self._take(index, step)

    def _find(self, address: Address) -> int:
        """Which document is the manifest of an address."""
        named = [
            index
            for index, value in enumerate(self._values)
            if isinstance(value, dict) and (value.get("kind"), value.get("name")) == (address.kind, address.name)
        ]
        if len(named) != 1:
            count = f"{len(named)} documents" if named else "no document"
            self._refuse(f"it has {count} with kind: {address.kind} and name: {address.name}")
        return named[0]

    def _take(self, index: int, step: Step) -> None:
        """Make one step, and see that it did what it should and no more."""
        wanted = [steps.made(value, step) if at == index else value for at, value in enumerate(self._values)]
        sheet = syntax.parse(self.text)
        document = sheet.documents[index]
        place = self._place(sheet, document, step)
        if place.node.style == "bare" and step.op == "insert":  # a pair without braces gets them
            pointer = join(split(step.pointer)[:-1])
            step = Step("replace", pointer, resolve(wanted[index], pointer))
        for careful in (False, True):
            text = self._made(Style(sheet, syntax.layout(document), _is_json(sheet, document), careful), place, step)
            if self._reads(text, wanted):
                self.text, self._values = text, wanted
                return
        message = f"the edit of {step.pointer} in {self.path} did not come out as it should; nothing was written"
        raise InternalError(message, "this is a defect of tavusctl; make the edit by hand")

    def _made(self, style: Style, place: Place, step: Step) -> str:
        try:
            if step.op == "replace":
                return surgery.replaced(style, place, step.value)
            if step.op == "remove":
                return surgery.removed(style, place)
            if step.op == "rename":
                return surgery.renamed(style, place, step.value)
            return surgery.inserted(style, place, split(step.pointer)[-1], step.value)
        except ValueError as error:
            self._refuse(f"YAML cannot carry {error}")

    def _reads(self, text: str, wanted: Sequence[Value]) -> bool:
        """Whether a text says what it should, and is read without complaint."""
        parsed = yaml12.read(text.encode("utf-8", "surrogatepass"), self.path)
        is_right = not any(one.severity is Severity.ERROR for one in parsed.complaints)
        return is_right and [exact(one.value) for one in parsed.documents] == [exact(value) for value in wanted]

    def _place(self, sheet: Sheet, document: Node, step: Step) -> Place:
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

    def _refuse_shared(self, sheet: Sheet, node: Node, aliases: Sequence[str], *, itself: bool = True) -> None:
        """Refuse to change what stands in several places at once."""
        line = sheet.text.count("\n", 0, node.start) + 1
        if node.kind == "alias" and itself:
            self._refuse(f"line {line} has the alias *{node.text}, for what is written elsewhere")
        if node.anchor in aliases:
            self._refuse(f"the value in line {line} has the anchor &{node.anchor}, and an alias repeats it elsewhere")

    def _refuse(self, reason: str) -> NoReturn:
        message = f"{self.path} cannot be changed: {reason}"
        raise RefusedError(message, "edit the file by hand", id="E430")


def _child(place: Place, segment: str) -> Place:
    node = place.node
    in_flow = place.in_flow or not node.in_lines
    if node.kind == "sequence":
        entry = node.entries[int(segment)]
    else:
        entry = next(one for one in node.entries if one.key and one.key.text == segment)
    return Place(entry.value, entry, place, in_flow)


def _is_json(sheet: Sheet, document: Node) -> bool:
    """Whether a document is written as JSON: in braces, its keys in double quotes."""
    first = document.entries[0].key if document.entries else None
    return document.style == "flow" and first is not None and sheet.text[first.start] == '"'
