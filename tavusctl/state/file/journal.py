"""A journal in a local file: every line is on disk before `append` returns."""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from tavusctl.core.errors import StateError
from tavusctl.lib.atomic_files import sync_directory
from tavusctl.state.hash_chain import Chain, follow, link

LIMIT = 256 * 1024 * 1024  # bytes: larger than any run writes; reading it whole must not end the process


class JournalFile:
    """Lines appended to a file that only its owner can read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._guard = threading.Lock()
        self._known: Chain | None = None  # without its records: head and size are what an append needs
        self._distrusted = False  # after a failed fsync the kernel may show what the disk does not have

    def records(self) -> list[bytes]:
        """What was appended, in order; a line that was cut off while it was written is left out."""
        with self._guard:
            return list(self._read().records)

    def append(self, record: bytes) -> None:
        """Add a record and wait for the disk."""
        with self._guard:
            if self._distrusted:
                raise _unusable(self.path, "append to", "an earlier write did not reach the disk")
            known = self._known or self._read()
            line, head = link(known.head, record)
            self._write(known, line if known.complete else b"\n" + line)
            size = known.size + len(line) + (not known.complete)
            self._known = Chain((), head, size)

    def clear(self) -> None:
        """Remove the file."""
        with self._guard:
            self._known = None
            try:
                self.path.unlink()
                sync_directory(self.path.parent)
            except FileNotFoundError:
                pass  # there was never a journal
            except OSError as error:
                raise _unusable(self.path, "clear", error.strerror) from None

    def _read(self) -> Chain:
        try:
            content = read_private(self.path, LIMIT)
        except FileNotFoundError:
            content = b""
        except OSError as error:
            raise _unusable(self.path, "read", error.strerror) from None
        return follow(content, f"the journal {self.path}")

    def _write(self, known: Chain, line: bytes) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
            descriptor = os.open(self.path, flags, 0o600)
        except OSError as error:
            raise _unusable(self.path, "append to", error.strerror) from None
        try:
            self._write_line(descriptor, known, line)
        finally:
            os.close(descriptor)

    def _write_line(self, descriptor: int, known: Chain, line: bytes) -> None:
        try:
            size = os.fstat(descriptor).st_size
            if size != known.size:
                if self._known is not None:
                    raise _unusable(self.path, "append to", "another process has changed it")
                os.ftruncate(descriptor, known.size)  # a torn end, never acknowledged
            _write_all(descriptor, line)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, known.size)
            raise _unusable(self.path, "append to", error.strerror) from None
        try:
            os.fsync(descriptor)
            if known.size == 0:
                sync_directory(self.path.parent)
        except OSError as error:
            self._distrusted = True
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, known.size)
            raise _unusable(self.path, "append to", error.strerror) from None


def read_private(path: Path, limit: int) -> bytes:
    """The content of a file; OSError also when it is a link, a device, of another user or for others to write."""
    with opened_private(path, limit) as file:
        return file.read()


@contextlib.contextmanager
def opened_private(path: Path, limit: int) -> Iterator[BufferedReader]:
    """The file itself; errors as of `read_private`."""
    # Without O_NONBLOCK, opening a named pipe would wait for someone to write into it.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        fault = fault_of(os.fstat(file.fileno()), limit)
        if fault:
            raise OSError(0, fault)
        yield file


def fault_of(found: os.stat_result, limit: int) -> str:
    """Why a file cannot be one of ours, or nothing."""
    if not stat.S_ISREG(found.st_mode):
        return "it is not a regular file"
    if found.st_nlink > 1:
        return "it has a second name (a hard link)"
    if found.st_uid not in (os.geteuid(), 0) and os.geteuid() != 0:
        return "it belongs to another user"
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "other users may write to it; remove that permission with `chmod 600`"
    if found.st_size > limit:
        return f"it is larger than {limit} bytes"
    return ""


def _write_all(descriptor: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]


def _unusable(path: Path, verb: str, reason: str | None) -> StateError:
    message = f"cannot {verb} the journal {path}: {reason}"
    return StateError(message, "check its folder and the disk", id="E903")
