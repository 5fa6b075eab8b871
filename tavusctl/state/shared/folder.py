"""What a shared store asks of the place that holds it: small files, read whole and written only on a condition.

Every write is "create, if there is none" or "replace, if it is still this version", so that it can be repeated: an
answer that was lost is settled by reading the file back.  Contents of two writes are never equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol

from msgspec import Struct


class Version(Struct, frozen=True):
    """What a place calls the content of a file at one time."""

    e_tag: str
    version: str | None = None


class Blob(Struct, frozen=True):
    """A file: its content, its version, and when it was written by the clock of the place."""

    content: bytes
    version: Version
    modified: datetime


class Taken(Exception):
    """A conditional write failed: another writer was first."""


class Folder(Protocol):
    """A folder of a bucket, or of a ref in a git repository."""

    url: str  # what people call the place

    def get(self, name: str) -> Blob | None:
        """A file, or None."""
        ...

    def put(self, name: str, content: bytes, expected: Version | None) -> Version:
        """Write, if the file is still at the expected version (None: if there is none); Taken when it is not."""
        ...

    def dated(self, folder: str) -> Mapping[str, datetime]:
        """Names of the files in a folder, and when they were written."""
        ...

    def sweep(self, names: Iterable[str]) -> None:
        """Delete what nobody reads any more; what cannot be deleted is left."""
        ...

    def time(self) -> datetime:
        """The clock by which `Blob.modified` is told."""
        ...

    def check(self) -> None:
        """Refuse a place that does not keep conditions of writes; StateError, id E911."""
        ...
