"""Limits for a project as a whole: files, bytes, values and expressions.

The numbers are for ten thousand personas of 5 KB, with room.  What is over a limit ends the reading: a part of a
project that was taken for all of it would delete the rest.
"""

from __future__ import annotations

import sys
from typing import Final

from msgspec import Struct

from tavusctl.core.address import Source
from tavusctl.core.diagnostics import Diagnostic
from tavusctl.lib.json_types import Json

_MIB: Final = 1024 * 1024
MAX_YAML_BYTES: Final = 5 * _MIB  # of one file
_PARTS: Final = "split it into several projects, each with a tavusctl.yaml of its own"
_LESS: Final = "repeat less of it"


class Limits(Struct, frozen=True):
    """How much of each a project may have."""

    files: int = 50_000  # of manifests
    entries: int = 200_000  # names in the folders below manifests/
    depth: int = 32  # folders inside one another
    manifests: int = 128 * _MIB  # bytes of all manifests
    values: int = 2_000_000  # in all manifests, aliases expanded
    text: int = 256 * _MIB  # bytes in memory that expressions bring into all manifests
    document: int = 64 * _MIB  # the same, into one of them
    expressions: int = 500_000
    attachments: int = 10 * 1024 * _MIB  # bytes of all files for the API, each file once
    diagnostics: int = 50_000


LIMITS: Final = Limits()


class LimitExceededError(Exception):
    """The project is larger than is read; nothing after this place was looked at."""

    def __init__(self, message: str, source: Source, hint: str) -> None:
        super().__init__(message)
        self.diagnostic = Diagnostic("TV115", f"{message}; the rest of the project is not read", source, hint)


class Budget(Struct):
    """What was read so far; OverError at the place where it is too much."""

    limits: Limits = LIMITS
    entries: int = 0
    files: int = 0
    manifests: int = 0
    values: int = 0
    text: int = 0
    expressions: int = 0
    attachments: int = 0
    diagnostics: int = 0

    def entered(self, entries: int, depth: int, source: Source) -> None:
        """A folder has been listed."""
        self.entries += entries
        if depth > self.limits.depth:
            message = f"the folder is nested {depth} levels deep, more than the limit of {self.limits.depth}"
            raise LimitExceededError(message, source, "move its files up")
        if self.entries > self.limits.entries:
            message = (
                f"with this folder, the project has {self.entries} files "
                f"and folders, more than the limit of {self.limits.entries}"
            )
            raise LimitExceededError(message, source, "move files that are not manifests elsewhere, or " + _PARTS)

    def opened(self, size: int, source: Source) -> None:
        """A manifest file has been read."""
        self.files, self.manifests = self.files + 1, self.manifests + size
        if self.files > self.limits.files:
            message = f"this is file {self.files} of the project, more than the limit of {self.limits.files}"
            raise LimitExceededError(message, source, _PARTS)
        if self.manifests > self.limits.manifests:
            message = f"with this file, the manifests have {_size(self.manifests, self.limits.manifests)}"
            raise LimitExceededError(message, source, _PARTS)

    def parsed(self, values: int, source: Source) -> None:
        """The values of a file have been counted."""
        self.values += values
        if self.values > self.limits.values:
            message = (
                f"with this file, the manifests have {self.values} values, more than the limit of {self.limits.values}"
            )
            raise LimitExceededError(message, source, f"{_LESS} with aliases, or {_PARTS}")

    def brought(self, size: int, expressions: int, source: Source) -> None:
        """The expressions of a text have brought something of this size."""
        self.text, self.expressions = self.text + size, self.expressions + expressions
        if self.text > self.limits.text:
            texts = _size(self.text, self.limits.text)
            message = f"with this expression, `${{file:}}` and `${{var:}}` insert {texts} (counted each time)"
            raise LimitExceededError(message, source, f"{_LESS}, or {_PARTS}")
        if self.expressions > self.limits.expressions:
            message = (
                f"with this text, the project has {self.expressions} "
                f"expressions, more than the limit of {self.limits.expressions}"
            )
            raise LimitExceededError(message, source, _PARTS)

    def has_room(self, values: int, text: int, expressions: int) -> bool:
        """Whether so much more of each can be read."""
        more = (
            (self.values + values, self.limits.values),
            (self.text + text, self.limits.text),
            (text, self.limits.document),
            (self.expressions + expressions, self.limits.expressions),
        )
        return all(found <= most for found, most in more)

    def attached(self, size: int, source: Source) -> None:
        """A file for the API has been measured for the first time."""
        self.attachments += size
        if self.attachments > self.limits.attachments:
            message = f"with this file, the files to upload have {_size(self.attachments, self.limits.attachments)}"
            raise LimitExceededError(message, source, _PARTS)

    def told(self, diagnostics: int, source: Source) -> None:
        """Complaints have been made."""
        self.diagnostics += diagnostics
        if self.diagnostics > self.limits.diagnostics:
            message = f"there are more than {self.limits.diagnostics} problems"
            raise LimitExceededError(message, source, "fix these first")


def size_of(value: Json) -> int:
    """What a value takes in memory, in bytes, and a little more: a character beyond Latin makes a whole text wide."""
    if isinstance(value, dict):
        return sys.getsizeof(value) + sum(sys.getsizeof(key) + size_of(item) for key, item in value.items())
    if isinstance(value, list):
        return sys.getsizeof(value) + sum(map(size_of, value))
    return sys.getsizeof(value)


def _size(found: int, limit: int) -> str:
    if limit < _MIB:
        return f"{found} bytes, more than the limit of {limit} bytes"
    return f"{-(-found // _MIB)} MiB, more than the limit of {limit // _MIB} MiB"
