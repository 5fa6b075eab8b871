"""The collector of diagnostics of one YAML document, with the positions of its keys and values."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Final, Literal, TypeGuard, TypeVar

from msgspec import Struct

from tavusctl.core.address import Address, Source
from tavusctl.core.diagnostics import Diagnostic, Edit, Severity, written_at
from tavusctl.core.messages import correction_hint, described, key_hint, shown
from tavusctl.lib.json_types import Json, JsonObject
from tavusctl.patch.pointer import escape
from tavusctl.secrets.redaction import shortened

if TYPE_CHECKING:
    from tavusctl.config.yaml12 import Node

_WORDS: Final[dict[type, str]] = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    dict: "a mapping",
    list: "a list",
}
_MAX_DIAGNOSTICS: Final = 100  # of one document
_EMPTY: Final[Mapping[str, Collection[str]]] = {}
_NO_HINTS: Final[Mapping[str, str]] = {}
Fix = tuple[Edit, ...]
Expected = TypeVar("Expected")


class EnoughError(Exception):
    """Too many diagnostics for one document; those so far are kept."""


class DiagnosticCollector(Struct):
    """A document being read, and its diagnostics so far."""

    node: Node
    address: Address | None = None  # None until it is known; edits need it
    diagnostics: list[Diagnostic] = []

    def value_at(self, pointer: str) -> Source:
        """The location of a value, or of the nearest enclosing collection in the source."""
        return written_at(self.node.sources, pointer, self.node.source)

    def key_at(self, pointer: str) -> Source:
        """The location of the key of a value."""
        return self.node.keys.get(pointer) or self.value_at(pointer)

    def error(self, id: str, message: str, source: Source, hint: str = "", fix: Fix = ()) -> None:
        """Add a diagnostic that stops the command."""
        self.add(Diagnostic(id, message, source, hint, fix=fix))

    def edit(self, pointer: str, op: Literal["remove", "rename"], value: str | None = None) -> Fix:
        """An edit of the manifest that fixes a problem; empty while the address of the document is unknown."""
        return (Edit(self.address, pointer, op, value),) if self.address else ()

    def add(self, *diagnostics: Diagnostic) -> None:
        """Add diagnostics; EnoughError when there are more than `_MAX_DIAGNOSTICS`."""
        self.diagnostics += diagnostics
        if len(self.diagnostics) > _MAX_DIAGNOSTICS:
            last = self.diagnostics[-1]
            message = f"more than {_MAX_DIAGNOSTICS} problems; the rest of the document is not checked"
            self.diagnostics.append(Diagnostic("TV115", message, last.source))
            raise EnoughError

    def warning(self, id: str, message: str, source: Source, fix: Fix = (), *, hint: str = "") -> None:
        """Add a warning, which does not stop the command."""
        self.add(Diagnostic(id, message, source, hint, severity=Severity.WARNING, fix=fix))

    def report_unknown_keys(
        self,
        mapping: JsonObject,
        known: Collection[str],
        pointer: str = "",
        below: Mapping[str, Collection[str]] = _EMPTY,
        hints: Mapping[str, str] = _NO_HINTS,
        unproposed: Collection[str] = (),
    ) -> None:
        """Report every unknown key of a mapping.

        `below` has, for some of its members, the keys inside them; `hints` has hints for known mistakes; no hint
        proposes a key that is `unproposed`.
        """
        for key in mapping:
            if key not in known:
                place = f"{dotted(pointer)}: " if pointer else ""
                source = self.key_at(f"{pointer}/{escape(key)}")
                home = next((f"write it under `{member}:`" for member, keys in below.items() if key in keys), "")
                # The right key may stand in the base although its overlay misspells it.
                same_file = [
                    other for other in mapping if self.key_at(f"{pointer}/{escape(other)}").path == source.path
                ]
                hint = hints.get(key) or home or key_hint(key, known, same_file, unproposed)
                self.error("TV103", f"{place}unknown key {shown(key)}", source, hint)

    def found(self, value: Json, pointer: str) -> str:
        """A value that is found at a pointer, for a message about its type; a number as it is written."""
        from tavusctl.config.yaml12.scalars import plain  # noqa: PLC0415 - a check without an error needs no YAML

        text = self.node.numbers.get(pointer, "")
        if not text or isinstance(value, bool) or not isinstance(value, int | float):
            return described(value)

        return text if plain(text)[0] == value else described(value)

    def has_type(
        self, value: Json, expected: type[Expected], pointer: str, id: str = "TV104", hint: str = ""
    ) -> TypeGuard[Expected]:
        """Whether a value has a type; report it if not, with a hint that says how such a value is written."""
        fits = isinstance(value, expected) and not (expected is int and isinstance(value, bool))
        if expected is float:
            fits = isinstance(value, int | float) and not isinstance(value, bool)
        if not fits:
            message = (
                f"{dotted(pointer) or 'the document'}: expected {_WORDS[expected]}, found {self.found(value, pointer)}"
            )
            self.error(id, message, self.value_at(pointer), hint or correction_hint(value, _WORDS[expected]))
        return fits


def dotted(pointer: str) -> str:
    """A JSON Pointer in the notation of messages: `layers.llm.model`, `tools[0].name`."""
    text = ""
    for segment in pointer.split("/")[1:]:
        key = segment.replace("~1", "/").replace("~0", "~")
        text += f"[{key}]" if key.isdecimal() else f".{shortened(key, 60)}"
    return text.removeprefix(".")
