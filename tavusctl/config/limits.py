"""Limits for a project as a whole: files, bytes, values and expressions.

The numbers allow ten thousand personas of 5 KB, with a margin.  Exceeding a limit ends the reading: if a part of a
project passed for all of it, an apply would delete the rest.
"""

from __future__ import annotations

import sys
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.core.address import Source
from tavusctl.core.diagnostics import Diagnostic
from tavusctl.lib.json_types import Json

_MIB: Final = 1024 * 1024
MAX_YAML_BYTES: Final = 5 * _MIB  # of one file
_SPLIT: Final = "split it into several projects, each with a tavusctl.yaml of its own"
_REPEAT_LESS: Final = "repeat less of it"


class Limits(Struct, frozen=True):
    """The limits of a project."""

    files: int = 50_000  # YAML files with manifests
    entries: int = 200_000  # names in the folders below manifests/
    depth: int = 32  # folders inside one another
    manifests: int = 128 * _MIB  # bytes of all manifests
    values: int = 2_000_000  # in all manifests, aliases expanded
    text: int = 256 * _MIB  # bytes in memory that expressions insert into all manifests
    document: int = 64 * _MIB  # the same, into one document
    expressions: int = 500_000
    attachments: int = 10 * 1024 * _MIB  # bytes of all files for the API, each file once
    diagnostics: int = 50_000


LIMITS: Final = Limits()
_ADDED_UP: Final = ("files", "manifests", "values", "text", "expressions", "attachments", "diagnostics")


# The limits of some files of a project, if those of the other files are within the same limits: half of each.
LIMITS_OF_PART: Final = replace(LIMITS, **{name: getattr(LIMITS, name) // 2 for name in _ADDED_UP})


class LimitExceededError(Exception):
    """The project exceeds a limit; nothing after the source of the diagnostic was read."""

    def __init__(self, message: str, source: Source, hint: str) -> None:
        super().__init__(message)
        self.diagnostic = Diagnostic("TV115", f"{message}; the rest of the project is not read", source, hint)


class Budget(Struct):
    """How much was read so far; the counting methods raise LimitExceededError at the source that exceeds a limit."""

    limits: Limits = LIMITS
    entries: int = 0
    files: int = 0
    manifests: int = 0
    values: int = 0
    text: int = 0
    expressions: int = 0
    attachments: int = 0
    diagnostics: int = 0

    @property
    def share(self) -> float:
        """How much of its limit the largest amount takes: 1 for all of it."""
        return max(float(getattr(self, name) / getattr(self.limits, name)) for name in _ADDED_UP)

    def count_entries(self, entries: int, depth: int, source: Source) -> None:
        """Count the entries of a listed folder, and check its depth."""
        self.entries += entries
        if depth > self.limits.depth:
            message = f"the folder is nested {depth} levels deep, more than the limit of {self.limits.depth}"
            raise LimitExceededError(message, source, "move its files up")
        if self.entries > self.limits.entries:
            message = (
                f"with this folder, the project has {self.entries} files "
                f"and folders, more than the limit of {self.limits.entries}"
            )
            raise LimitExceededError(message, source, "move files that are not manifests elsewhere, or " + _SPLIT)

    def count_file(self, size: int, source: Source) -> None:
        """Count a manifest file, and its bytes."""
        self.files, self.manifests = self.files + 1, self.manifests + size
        if self.files > self.limits.files:
            message = f"this is file {self.files} of the project, more than the limit of {self.limits.files}"
            raise LimitExceededError(message, source, _SPLIT)
        if self.manifests > self.limits.manifests:
            message = f"with this file, the manifests have {_size(self.manifests, self.limits.manifests)}"
            raise LimitExceededError(message, source, _SPLIT)

    def count_values(self, values: int, source: Source) -> None:
        """Count the values of a file."""
        self.values += values
        if self.values > self.limits.values:
            message = (
                f"with this file, the manifests have {self.values} values, more than the limit of {self.limits.values}"
            )
            raise LimitExceededError(message, source, f"{_REPEAT_LESS} with aliases, or {_SPLIT}")

    def count_inserted(self, size: int, expressions: int, source: Source) -> None:
        """Count the bytes that the expressions of a text insert, and the expressions."""
        self.text, self.expressions = self.text + size, self.expressions + expressions
        if self.text > self.limits.text:
            texts = _size(self.text, self.limits.text)
            message = f"with this expression, `${{file:}}` and `${{var:}}` insert {texts} (counted each time)"
            raise LimitExceededError(message, source, f"{_REPEAT_LESS}, or {_SPLIT}")
        if self.expressions > self.limits.expressions:
            message = (
                f"with this text, the project has {self.expressions} "
                f"expressions, more than the limit of {self.limits.expressions}"
            )
            raise LimitExceededError(message, source, _SPLIT)

    def has_room(self, values: int, text: int, expressions: int) -> bool:
        """Whether so many more values, bytes of inserted text and expressions are within the limits."""
        amounts = (
            (self.values + values, self.limits.values),
            (self.text + text, self.limits.text),
            (text, self.limits.document),
            (self.expressions + expressions, self.limits.expressions),
        )
        return all(amount <= limit for amount, limit in amounts)

    def count_attachment(self, size: int, source: Source) -> None:
        """Count the bytes of a file to upload, once for each file."""
        self.attachments += size
        if self.attachments > self.limits.attachments:
            message = f"with this file, the files to upload have {_size(self.attachments, self.limits.attachments)}"
            raise LimitExceededError(message, source, _SPLIT)

    def count_diagnostics(self, diagnostics: int, source: Source) -> None:
        """Count diagnostics."""
        self.diagnostics += diagnostics
        if self.diagnostics > self.limits.diagnostics:
            message = f"there are more than {self.limits.diagnostics} problems"
            raise LimitExceededError(message, source, "fix these first")


def size_of(value: Json) -> int:
    """The memory that a value takes, in bytes; a bit too high if objects are shared.

    The length of texts would not do: one character beyond Latin-1 makes each character of a text two or four bytes.
    """
    if isinstance(value, dict):
        return sys.getsizeof(value) + sum(sys.getsizeof(key) + size_of(item) for key, item in value.items())
    if isinstance(value, list):
        return sys.getsizeof(value) + sum(map(size_of, value))
    return sys.getsizeof(value)


def _size(size: int, limit: int) -> str:
    if limit < _MIB:
        return f"{size} bytes, more than the limit of {limit} bytes"
    return f"{-(-size // _MIB)} MiB, more than the limit of {limit // _MIB} MiB"
