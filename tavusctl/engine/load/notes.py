"""What is found wrong while one YAML document is read, each with its place."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from tavusctl.model import Complaint, Document, Severity, Source, Value
from tavusctl.patch.pointer import escape
from tavusctl.wording import shown, suggestion
from tavusctl.yaml12 import Node

_WORDS: Final[dict[type, str]] = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    dict: "a mapping",
    list: "a list",
}
_MAX_COMPLAINTS: Final = 100  # of one document


class EnoughError(Exception):
    """There is more wrong with a document than anyone reads; the complaints so far stand."""


@dataclass(slots=True)
class Notes:
    """A document being read, and the complaints about it so far."""

    node: Node
    complaints: list[Complaint] = field(default_factory=list)

    def value_at(self, pointer: str) -> Source:
        """Where a value stands, or the nearest collection around it that was written."""
        while pointer and pointer not in self.node.sources:
            pointer = pointer.rpartition("/")[0]
        return self.node.sources.get(pointer, self.node.source)

    def key_at(self, pointer: str) -> Source:
        """Where the key of a value stands."""
        return self.node.keys.get(pointer) or self.value_at(pointer)

    def error(self, id: str, message: str, source: Source, hint: str = "") -> None:  # noqa: A002 - as in Complaint
        """Note something that stops the command."""
        self.take(Complaint(id, message, source, hint))

    def take(self, *complaints: Complaint) -> None:
        """Note complaints that were made elsewhere; EnoughError when there are too many."""
        self.complaints += complaints
        if len(self.complaints) > _MAX_COMPLAINTS:
            last = self.complaints[-1]
            message = f"more than {_MAX_COMPLAINTS} problems; the rest of the document is not checked"
            self.complaints.append(Complaint("TV115", message, last.source))
            raise EnoughError

    def warning(self, id: str, message: str, source: Source, hint: str = "") -> None:  # noqa: A002 - as in Complaint
        """Note something that does not stop the command."""
        self.take(Complaint(id, message, source, hint, severity=Severity.WARNING))

    def unknown_keys(self, found: Document, known: Collection[str], pointer: str = "") -> None:
        """Complain about every key that does not belong into a mapping."""
        for key in found:
            if key not in known:
                place = f"{dotted(pointer)}: " if pointer else ""
                source = self.key_at(f"{pointer}/{escape(key)}")
                self.error("TV103", f"{place}unknown key {shown(key)}", source, suggestion(key, known))

    def typed(self, found: Value, wanted: type, pointer: str, id: str = "TV104") -> bool:  # noqa: A002 - as in Complaint
        """Whether a value has a type; a complaint when it has not."""
        fits = isinstance(found, wanted) and not (wanted is int and isinstance(found, bool))
        if wanted is float:
            fits = isinstance(found, int | float) and not isinstance(found, bool)
        if not fits:
            hint = "put it in quotes" if wanted is str and isinstance(found, bool | int | float) else ""
            message = f"{dotted(pointer) or 'the document'}: expected {_WORDS[wanted]}, found {shown(found)}"
            self.error(id, message, self.value_at(pointer), hint)
        return fits


def dotted(pointer: str) -> str:
    """A JSON Pointer as people say it: `layers.llm.model`, `tools[0].name`."""
    text = ""
    for segment in pointer.split("/")[1:]:
        key = segment.replace("~1", "/").replace("~0", "~")
        text += f"[{key}]" if key.isdecimal() else f".{key[:60]}"
    return text.removeprefix(".")
