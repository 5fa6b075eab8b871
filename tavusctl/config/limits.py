"""Limits for a project as a whole: files, bytes, values and expressions.

The numbers allow ten thousand personas of 5 KB, with a margin.  Exceeding a limit ends the reading: if a part of a
project passed for all of it, an apply would delete the rest.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
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


# What exceeds each limit, and a hint.
_EXCEEDED: Final[Mapping[str, tuple[str, str]]] = {
    "depth": ("the folder is nested {total} levels deep, more than the limit of {limit}", "move its files up"),
    "entries": (
        "with this folder, the project has {total} files and folders, more than the limit of {limit}",
        f"move files that are not manifests elsewhere, or {_SPLIT}",
    ),
    "files": ("this is file {total} of the project, more than the limit of {limit}", _SPLIT),
    "manifests": ("with this file, the manifests have {size}", _SPLIT),
    "values": (
        "with this file, the manifests have {total} values, more than the limit of {limit}",
        f"{_REPEAT_LESS} with aliases, or {_SPLIT}",
    ),
    "text": (
        "with this expression, `${{file:}}` and `${{var:}}` insert {size} (counted each time)",
        f"{_REPEAT_LESS}, or {_SPLIT}",
    ),
    "expressions": ("with this text, the project has {total} expressions, more than the limit of {limit}", _SPLIT),
    "attachments": ("with this file, the files to upload have {size}", _SPLIT),
    "diagnostics": ("there are more than {limit} problems", "fix these first"),
}


class Budget(Struct):
    """How much was read so far."""

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

    def count(self, source: Source, **amounts: int) -> None:
        """Add amounts by the names of their limits; LimitExceededError at the source if one exceeds its limit."""
        for name, amount in amounts.items():
            setattr(self, name, getattr(self, name) + amount)
            self._check(name, getattr(self, name), source)

    def check_depth(self, depth: int, source: Source) -> None:
        """Check how many folders are inside one another; LimitExceededError if they are too many."""
        self._check("depth", depth, source)

    def _check(self, name: str, total: int, source: Source) -> None:
        limit: int = getattr(self.limits, name)
        if total > limit:
            message, hint = _EXCEEDED[name]
            raise LimitExceededError(message.format(total=total, limit=limit, size=_size(total, limit)), source, hint)

    def has_room(self, **amounts: int) -> bool:
        """Whether so much more, by the names of the limits, is within the limits; all text is of one document."""
        sums = ((getattr(self, name) + amount, getattr(self.limits, name)) for name, amount in amounts.items())
        return amounts.get("text", 0) <= self.limits.document and all(total <= limit for total, limit in sums)


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
