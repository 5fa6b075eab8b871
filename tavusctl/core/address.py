"""Addresses of resources, such as `persona/sales-coach`, and positions in files."""

from __future__ import annotations

from typing import Final, TypeAlias

from msgspec import Struct

from tavusctl.lib.patterns import pattern

# People type names, and files are named after them: lower case letters, digits and hyphens only.
NAME = pattern(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")

ObjectKey: TypeAlias = tuple[str, str]  # kind and id of an object of the account


class Address(Struct, frozen=True, order=True):
    """The name of a resource in a project: `persona/sales-coach`."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> Address:
        """Parse `kind/name`; ValueError, with an example, if the text is not an address."""
        kind, slash, name = text.partition("/")
        if not slash or not kind or not NAME.fullmatch(name):
            raise ValueError(f"`{text}` is not an address; write `KIND/NAME`, such as `persona/sales-coach`")
        return cls(kind, name)


class Source(Struct, frozen=True, order=True, gc=False):
    """A position in a file; line and column count from 1."""

    path: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


NOWHERE: Final = Source("", 0, 0)  # of what no file declares
