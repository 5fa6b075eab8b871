"""What is wrong, where, about which resource, and what would put it right: the words of every complaint."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Literal

from msgspec import Struct

from tavusctl.kind import Value

# Names are what people type and what files are called: lower case, digits, hyphens.
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


class Address(Struct, frozen=True, order=True):
    """What a person calls a resource: `persona/sales-coach`."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read `kind/name`; ValueError says what would be right."""
        kind, slash, name = text.partition("/")
        if not slash or not kind or not NAME.fullmatch(name):
            message = f"{text!r} is not an address; write kind/name, such as persona/sales-coach"
            raise ValueError(message)
        return cls(kind, name)


class Source(Struct, frozen=True, order=True, gc=False):
    """Where a value was written; line and column count from 1."""

    path: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


class Passage(Struct, frozen=True):
    """Where a part of a value begins, and the file that it was brought from; an empty path is the manifest's own."""

    start: int  # character
    path: str


def written_at(sources: Mapping[str, Source], pointer: str, otherwise: Source) -> Source:
    """Where the value at a JSON Pointer stands, or the nearest collection around it that was written."""
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
    value: Value = None  # what to set, or the new name of the key


class Complaint(Struct, frozen=True):
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
