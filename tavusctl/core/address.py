"""What things are called and where they are written: addresses such as `persona/sales-coach`, and places in files."""

from __future__ import annotations

import re

from msgspec import Struct

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
            message = f"`{text}` is not an address; write `KIND/NAME`, such as `persona/sales-coach`"
            raise ValueError(message)
        return cls(kind, name)


class Source(Struct, frozen=True, order=True, gc=False):
    """Where a value was written; line and column count from 1."""

    path: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"
