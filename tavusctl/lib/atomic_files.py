"""Files that are there whole or not at all: written beside their place, on disk, and put into it in one step."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PRIVATE: Final = 0o600
_EVERYBODY: Final = 0o666  # less what the umask takes away
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_ABANDONED: Final = 3600  # seconds; nothing is in the making for so long
_STEP: Final = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class ChangedError(Exception):
    """A file that is to be replaced does not have the content that was read."""


def replace(
    path: Path,
    content: bytes,
    *,
    rights: int = PRIVATE,
    keep_rights: bool = False,
    expect: bytes | None = None,
    folder: int | None = None,
) -> None:
    """Put a file in its place, whatever is there; it is never wider than its rights, nor for anybody else before.

    With `keep_rights`, a file that is there keeps those that it has.  With `expect`, ChangedError where it has another
    content by now.  `folder` is the folder of the path, opened: see `opened`.
    """
    present = _rights(path, folder) if keep_rights else None
    temporary = _beside(path, folder)
    try:
        _write(temporary, content, folder, rights if present is None else present)
        _check(path, expect)
        if folder is None:
            os.replace(temporary, path)  # noqa: PTH105 - the same call, but raises with both names
        else:
            os.replace(temporary.name, path.name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        _drop(temporary, folder)
        raise


def create(path: Path, content: bytes) -> None:
    """Put a new file in its place; FileExistsError where something is there, even if it has come meanwhile.

    Its rights are those that the umask of the process leaves.
    """
    temporary = _beside(path, None)
    try:
        _write(temporary, content, None, None)
        _settle(temporary, path)
    finally:
        _drop(temporary, None)


def drop_abandoned(path: Path, *, folder: int | None = None) -> None:
    """Remove what processes that were killed have left of a file in the making.  `folder` as for `replace`."""
    of_this = re.compile(rf"\.{re.escape(path.name)}\.[0-9]+\.[0-9a-f]{{16}}")
    with contextlib.suppress(OSError), contextlib.ExitStack() as steps:
        place = path.parent if folder is None else "."  # one that is open for its path alone cannot be listed
        here = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
        steps.callback(os.close, here)
        for name in filter(of_this.fullmatch, os.listdir(here)):  # noqa: PTH208 - it is open, and has no path
            if os.stat(name, dir_fd=here, follow_symlinks=False).st_mtime < time.time() - _ABANDONED:
                os.unlink(name, dir_fd=here)


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[int]:
    """A folder, opened step by step: no component of its path is a link, or has become one since it was looked at."""
    with contextlib.ExitStack() as steps:
        descriptor = os.open(folder.anchor, _STEP)
        steps.callback(os.close, descriptor)
        for part in folder.parts[1:]:
            descriptor = os.open(part, _STEP, dir_fd=descriptor)
            steps.callback(os.close, descriptor)
        yield descriptor


def sync_directory(path: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check(path: Path, expect: bytes | None) -> None:
    if expect is not None and path.read_bytes() != expect:
        raise ChangedError


def _beside(path: Path, folder: int | None) -> Path:
    """The name of a file in the making, its own; from the folder where that is open."""
    name = f".{path.name}.{os.getpid()}.{secrets.token_hex(8)}"
    return Path(name) if folder is not None else path.with_name(name)


def _write(temporary: Path, content: bytes, folder: int | None, rights: int | None) -> None:
    """Write a new file, for its owner alone until it is whole; without rights, with those that the umask leaves."""
    first = _EVERYBODY if rights is None else PRIVATE
    with os.fdopen(os.open(temporary, _NEW, first, dir_fd=folder), "wb") as file:
        file.write(content)
        file.flush()
        if rights is not None and rights != PRIVATE:
            os.fchmod(file.fileno(), rights)
        os.fsync(file.fileno())


def _settle(temporary: Path, path: Path) -> None:
    """Give a file its name; unlike a rename, a link never takes the place of a file that has come meanwhile."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if os.path.lexists(path):
            raise
        temporary.rename(path)


def _drop(temporary: Path, folder: int | None) -> None:
    with contextlib.suppress(OSError):
        os.unlink(temporary, dir_fd=folder)


def _rights(path: Path, folder: int | None) -> int | None:
    name: str | Path = path if folder is None else path.name
    try:
        return stat.S_IMODE(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode) & 0o777
    except FileNotFoundError:
        return None
