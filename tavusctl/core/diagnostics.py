"""What is wrong, where, about which resource, and what would put it right: the words of every complaint."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.core.address import Address, Source
from tavusctl.lib.json_types import Json


class Passage(Struct, frozen=True):
    """Where a part of a value begins, and the file that it was brought from; an empty path is the manifest's own."""

    start: int  # character
    path: str


def written_at(sources: Mapping[str, Source], pointer: str, otherwise: Source) -> Source:
    """The location of the value at a JSON Pointer, or of its nearest enclosing collection."""
    while pointer and pointer not in sources:
        pointer = pointer.rpartition("/")[0]
    return sources.get(pointer, otherwise)


class Blame(Struct, frozen=True):
    """Who wrote a line last, as git knows it, or the line that stood in its place before."""

    source: Source  # of the line as it is
    commit: str
    author: str
    date: datetime  # by the author's clock
    summary: str  # the first line of what the author said
    overridden: bool = False  # the line was changed since: this is who wrote what it overrides
    at_least: bool = False  # the history that is here begins with that commit: the line may be older


class Severity(StrEnum):
    """How much a complaint weighs: an error stops the command, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class Edit(Struct, frozen=True):
    """One change of a manifest's text: set the value at a pointer (new keys included), remove it, or rename a key."""

    address: Address
    pointer: str  # JSON Pointer into the whole document: "/spec/layers/tts", "/lifecycle"
    op: Literal["set", "remove", "rename"]
    value: Json = None  # what to set, or the new name of the key


class Diagnostic(Struct, frozen=True):
    """One thing wrong with a file: what was found, what would be right, and where."""

    id: str  # stable: TV101, ...
    message: str
    source: Source | None = None
    hint: str = ""
    address: Address | None = None
    severity: Severity = Severity.ERROR
    excerpt: str = ""  # the line it is about
    pointer: str = ""  # JSON Pointer into spec of what a rule remarks on
    fix: tuple[Edit, ...] = ()  # what would put it right, where that is mechanical


def place(diagnostic: Diagnostic) -> tuple[str, int, int, str, str]:
    """What complaints are sorted by: file, line, column."""
    source = diagnostic.source or Source("", 0, 0)
    return source.path, source.line, source.column, diagnostic.id, diagnostic.message


def said(diagnostics: Iterable[Diagnostic], about: Callable[[str], str]) -> tuple[Diagnostic, ...]:
    """Complaints without what they quote of the secrets in the text that they are about."""
    return tuple(replace(one, message=about(one.message), hint=about(one.hint)) for one in diagnostics)
