"""The storage that a shared store needs: small files, read whole and written only on a condition.

Every write is "create, if the file does not exist" or "replace, if it still has this version", so that it can be
retried: if an answer is lost, reading the file back shows whether the write was carried out.  For this, the contents of
two writes are never equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol

from msgspec import Struct


class Version(Struct, frozen=True):
    """The version of a file, as its storage identifies it."""

    e_tag: str
    version: str | None = None


class Blob(Struct, frozen=True):
    """A file: its content, its version, and the time of its last write by the clock of the storage."""

    content: bytes
    version: Version
    modified: datetime


class WriteConflict(Exception):
    """A conditional write failed: another writer was first."""


class Folder(Protocol):
    """A folder of a bucket, or of a ref in a git repository."""

    url: str  # for messages
    is_local: bool  # whether a holder of the lock that is gone on this machine is gone everywhere

    def refresh(self) -> None:
        """Let reads show the files as they are now, or newer ones; until the next call, they may show the same files.

        Without a call, the first read does it.  What this run has written is always shown.
        """
        ...

    def get(self, name: str) -> Blob | None:
        """A file; None if it does not exist."""
        ...

    def put(self, name: str, content: bytes, expected: Version | None) -> Version:
        """Write a file if it still has the expected version (None: if it does not exist); else WriteConflict."""
        ...

    def write_times(self, folder: str) -> Mapping[str, datetime]:
        """The names of the files in a folder, with the times of their writes."""
        ...

    def delete_unused(self, names: Iterable[str]) -> None:
        """Delete files that are no longer read; those that cannot be deleted are left."""
        ...

    def time(self) -> datetime:
        """The current time by the clock that sets `Blob.modified`."""
        ...

    def check(self) -> None:
        """Raise StateError (E911) if the storage does not enforce the conditions of writes."""
        ...
