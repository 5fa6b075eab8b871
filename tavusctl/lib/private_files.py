"""Reading regular files only, never a pipe or a device; and private files, which nobody else can have written."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Final

LIMIT: Final = 256 * 1024 * 1024  # bytes; no run writes more, and reading a whole file must not exhaust memory


def read_regular(path: Path, limit: int = LIMIT) -> bytes:
    """The content of a file, also behind a link; OSError if it is a folder, a device or a pipe, or too large."""
    with open(path, "rb", opener=_open_at_once) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(0, "it is not a regular file")
        if status.st_size > limit:
            raise OSError(0, f"it is larger than {limit} bytes")
        return file.read()


def read_private(path: Path, limit: int = LIMIT) -> bytes:
    """The content of a file; OSError if it is a link, a device, of another user, too large, or writable by others."""
    with open_private(path, limit) as file:
        return file.read()


@contextlib.contextmanager
def open_private(path: Path, limit: int = LIMIT) -> Iterator[BufferedReader]:
    """The file, opened for reading; raises the same errors as `read_private`."""
    descriptor = _open_at_once(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        fault = fault_of(os.fstat(file.fileno()), limit)
        if fault:
            raise OSError(0, fault)
        yield file


def _open_at_once(path: str | Path, flags: int) -> int:
    # Without O_NONBLOCK, opening a named pipe would wait for someone to write into it.
    return os.open(path, flags | os.O_NONBLOCK)


def fault_of(status: os.stat_result, limit: int = LIMIT) -> str:
    """Why a file is not safe to read as one of ours; empty if it is."""
    if not stat.S_ISREG(status.st_mode):
        return "it is not a regular file"
    if status.st_nlink > 1:
        return "it has a second name (a hard link)"
    if status.st_uid not in (os.geteuid(), 0) and os.geteuid() != 0:
        return "it belongs to another user"
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "other users may write to it; remove that permission with `chmod 600`"
    if status.st_size > limit:
        return f"it is larger than {limit} bytes"
    return ""
