"""Apply edits to the text of a YAML file: only the values that change are replaced, every other byte stays.

After each step the text is parsed again; a text whose values are not exactly the expected ones is never returned.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from typing import NoReturn

from msgspec.structs import replace

from tavusctl.config import yaml12
from tavusctl.core.address import Address
from tavusctl.core.diagnostics import Edit, errors_in
from tavusctl.core.errors import InternalError, RefusedError
from tavusctl.fields import spellings
from tavusctl.kinds import KINDS, name_of
from tavusctl.lib.json_types import Json, as_text
from tavusctl.patch.pointer import PatchError, join, resolve, split
from tavusctl.rewrite import block_edits, edit_steps, source_map, yaml_text
from tavusctl.rewrite.block_edits import Place
from tavusctl.rewrite.edit_steps import Step, exact_text
from tavusctl.rewrite.quoting import Style
from tavusctl.rewrite.source_map import Node, SourceText


def splice(content: bytes, path: str, edits: Sequence[Edit]) -> bytes:
    """The bytes of a file after edits of its documents; RefusedError says which edit cannot be made, and why."""
    text = _Text(content, path)
    for edit in edits:
        text.make(edit)
    return text.content


def set_key(content: bytes, path: str, key: str, value: Json) -> bytes:
    """The bytes of a file of one mapping, or of an empty file, after a key is set; RefusedError as for `splice`."""
    text = _Text(content, path)
    text.set_key(key, value)
    return text.content


def is_manifest_of(document: Json, address: Address) -> bool:
    """Whether a document is the manifest of an address."""
    envelope = document if isinstance(document, dict) else {}
    return (name_of(str(envelope.get("kind"))), envelope.get("name")) == (address.kind, address.name)


class _Text:
    """The text of a file while it is edited, and its documents as JSON values."""

    def __init__(self, content: bytes, path: str) -> None:
        self.path = path
        parsed = yaml12.read(content, path)
        if errors := errors_in(parsed.diagnostics):
            self._refuse(f"it is invalid already: {errors[0].message} ({errors[0].source})")
        self._bom = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
        self.text = content.removeprefix(codecs.BOM_UTF8).decode()
        self._values = [document.value for document in parsed.documents]

    @property
    def content(self) -> bytes:
        """The bytes of the file."""
        return self._bom + self.text.encode()

    def make(self, edit: Edit) -> None:
        """Make one edit in the text."""
        index = self._find(edit.address)
        self._make(index, _as_written(edit, self._values[index]))

    def set_key(self, key: str, value: Json) -> None:
        """Set a key of the only document, a mapping; an empty text gets one."""
        if not self._values:
            newline = SourceText(self.text).newline
            gap = newline if self.text and not self.text.endswith("\n") else ""
            self.text += gap + "".join(f"{line}{newline}" for line in yaml_text.block({key: value}))
        elif len(self._values) > 1 or not isinstance(self._values[0], dict):
            self._refuse("it is not one mapping")
        else:
            self._make(0, Edit(Address("", ""), join((key,)), "set", value))

    def _make(self, index: int, edit: Edit) -> None:
        try:
            steps = edit_steps.steps_of_edit(edit, self._values[index])
        except PatchError as error:
            self._refuse(str(error))
        for step in steps:
            self._make_step(index, step)

    def _find(self, address: Address) -> int:
        """The index of the document that is the manifest of an address."""
        matches = [index for index, value in enumerate(self._values) if is_manifest_of(value, address)]
        if len(matches) != 1:
            count = f"{len(matches)} documents" if matches else "no document"
            self._refuse(f"it has {count} with kind: {address.kind} and name: {address.name}")
        return matches[0]

    def _make_step(self, index: int, step: Step) -> None:
        """Make one step, and check that it changes the values as expected and nothing else."""
        expected = [
            edit_steps.apply_step(value, step) if position == index else value
            for position, value in enumerate(self._values)
        ]
        for before in dict.fromkeys((self.text, block_edits.with_continuable_end(source_map.parse(self.text)))):
            text = self._changed(before, index, step, expected)
            if text is not None:
                self.text, self._values = text, expected
                return
        message = f"the edit of `{step.pointer}` in {self.path} had an unexpected result; nothing was written"
        raise InternalError(message, "report this bug of tavusctl, and make the edit by hand")

    def _changed(self, before: str, index: int, step: Step, expected: Sequence[Json]) -> str | None:
        """A text after one step of a document; None if its values are not the expected ones."""
        source = source_map.parse(before)
        document = source.documents[index]
        place = self._place(source, document, step)
        if place.node.style == "bare" and step.op == "insert":  # a pair without braces gets them
            pointer = join(split(step.pointer)[:-1])
            step = Step("replace", pointer, resolve(expected[index], pointer))
        for careful in (False, True):
            style = Style(source, source_map.layout(document), _is_json(source, document), careful)
            text = self._text_after(style, place, step)
            if self._has_values(text, expected):
                return text
        return None

    def _text_after(self, style: Style, place: Place, step: Step) -> str:
        try:
            if step.op == "replace":
                return block_edits.replace_value(style, place, step.value)
            if step.op == "remove":
                return block_edits.remove_entry(style, place)
            if step.op == "rename":
                return block_edits.rename_key(style, place, as_text(step.value))
            return block_edits.insert_entry(style, place, split(step.pointer)[-1], step.value)
        except ValueError as error:
            self._refuse(f"YAML cannot carry {error}")

    def _has_values(self, text: str, expected: Sequence[Json]) -> bool:
        """Whether a text is valid YAML and its documents have exactly the expected values."""
        parsed = yaml12.read(text.encode("utf-8", "surrogatepass"), self.path)
        return not errors_in(parsed.diagnostics) and [exact_text(document.value) for document in parsed.documents] == [
            exact_text(value) for value in expected
        ]

    def _place(self, source: SourceText, document: Node, step: Step) -> Place:
        """The place that a step changes; for an insert, the collection that the new entry goes into.

        RefusedError where an alias or an anchor with aliases elsewhere is in the way.
        """
        path = split(step.pointer)
        aliases = [node.text for node in document.walk() if node.kind == "alias"]
        place = Place(document)
        for segment in path[:-1] if step.op == "insert" else path:
            self._refuse_shared(source, place.node, aliases)
            place = _child(place, segment)
        if step.op == "insert":
            self._refuse_shared(source, place.node, aliases)
        elif step.op != "rename":
            nodes = list(place.node.walk())
            other_aliases = [node.text for node in document.walk() if node.kind == "alias" and node not in nodes]
            for node in nodes:
                self._refuse_shared(source, node, other_aliases, itself=False)
        return place

    def _refuse_shared(self, source: SourceText, node: Node, aliases: Sequence[str], *, itself: bool = True) -> None:
        """Refuse to change a value that stands in several places at once, by an anchor and its aliases.

        With `itself`, a node that is an alias is refused, too.
        """
        line = source.text.count("\n", 0, node.start) + 1
        if node.kind == "alias" and itself:
            self._refuse(f"line {line} has the YAML alias `*{node.text}` of a value elsewhere")
        if node.anchor in aliases:
            self._refuse(
                f"the value in line {line} has the YAML anchor `&{node.anchor}`, which an alias repeats elsewhere"
            )

    def _refuse(self, reason: str) -> NoReturn:
        raise RefusedError(f"{self.path} cannot be edited: {reason}", "edit the file by hand", id="E430")


def _as_written(edit: Edit, document: Json) -> Edit:
    """The edit, its pointer in the names that the document uses where a field has several names."""
    section, *path = split(edit.pointer) or ("",)
    kind = KINDS.get(edit.address.kind)
    if kind is None or section != "spec" or not isinstance(document, dict):
        return edit
    return replace(edit, pointer=join((section, *spellings.written_path(kind, document.get(section), tuple(path)))))


def _child(place: Place, segment: str) -> Place:
    node = place.node
    in_flow = place.in_flow or not node.in_lines
    if node.kind == "sequence":
        entry = node.entries[int(segment)]
    else:
        entry = next(pair for pair in node.entries if pair.key and pair.key.text == segment)
    return Place(entry.value, entry, place, in_flow)


def _is_json(source: SourceText, document: Node) -> bool:
    """Whether a document is written as JSON: in braces, its keys in double quotes."""
    first = document.entries[0].key if document.entries else None
    return document.style == "flow" and first is not None and source.text[first.start] == '"'
