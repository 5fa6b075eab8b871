"""Diagnostics: what is wrong, where, about which resource, and how to fix it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.core.address import NOWHERE, Address, Source
from tavusctl.lib.json_types import Json


class Passage(Struct, frozen=True):
    """A part of a text: where it begins, and the file that it is included from; empty for text of the manifest."""

    start: int  # offset in characters
    path: str


def included_at(text: str, offset: int, passages: Sequence[Passage]) -> Source | None:
    """The location of a character of a text in the file that it is included from; None if the manifest has it."""
    passage = next((part for part in reversed(passages) if part.start <= offset), None)
    if passage is None or not passage.path:
        return None
    line = text.count("\n", passage.start, offset) + 1
    start = text.rfind("\n", passage.start, offset) + 1 or passage.start
    return Source(passage.path, line, offset - start + 1)


def written_at(sources: Mapping[str, Source], pointer: str, otherwise: Source) -> Source:
    """The location of the value at a JSON Pointer, or of its nearest enclosing collection; else `otherwise`."""
    while pointer and pointer not in sources:
        pointer = pointer.rpartition("/")[0]
    return sources.get(pointer, otherwise)


class Blame(Struct, frozen=True):
    """The last commit that changed a line, or the line that it replaces, from git."""

    source: Source  # of the line as it is now
    commit: str
    author: str
    date: datetime  # author date
    summary: str  # first line of the commit message
    overridden: bool = False  # the line was changed since: this commit wrote the line that it overrides
    at_least: bool = False  # the clone is shallow and begins with this commit: the line may be older


class Severity(StrEnum):
    """The severity of a diagnostic: an error stops the command, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class Edit(Struct, frozen=True):
    """A change of a manifest's text: set the value at a pointer (also of a new key), remove it, or rename a key."""

    address: Address
    pointer: str  # JSON Pointer into the whole document: "/spec/layers/tts", "/lifecycle"
    op: Literal["set", "remove", "rename"]
    value: Json = None  # the value to set, or the new name of the key


class Diagnostic(Struct, frozen=True):
    """A problem of a file, a plan or a state: its message, its location, and how to fix it."""

    id: str  # stable: TV101, ...
    message: str
    source: Source | None = None
    hint: str = ""
    address: Address | None = None
    severity: Severity = Severity.ERROR
    excerpt: str = ""  # the source line
    pointer: str = ""  # JSON Pointer into spec of the value that a lint rule is about
    fix: tuple[Edit, ...] = ()  # edits that fix it, if it can be fixed automatically


def warning(
    id: str, message: str, hint: str = "", address: Address | None = None, source: Source | None = None
) -> Diagnostic:
    """A diagnostic that stops no command."""
    return Diagnostic(id, message, source, hint, address, Severity.WARNING)


def errors_in(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The diagnostics that stop the command."""
    return [one for one in diagnostics if one.severity is Severity.ERROR]


def place(diagnostic: Diagnostic) -> tuple[str, int, int, str, str]:
    """The sort key of a diagnostic: file, line, column, id, message."""
    source = diagnostic.source or NOWHERE
    return source.path, source.line, source.column, diagnostic.id, diagnostic.message


def redacted_diagnostics(diagnostics: Iterable[Diagnostic], redact: Callable[[str], str]) -> tuple[Diagnostic, ...]:
    """Diagnostics about a text, with the secrets that they quote from it redacted; `redact` redacts one message."""
    return tuple(
        replace(diagnostic, message=redact(diagnostic.message), hint=redact(diagnostic.hint))
        for diagnostic in diagnostics
    )
