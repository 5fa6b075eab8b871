"""Atomic writes: a complete temporary file beside the target is synced to disk, then renamed or linked."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from tavusctl.lib.patterns import pattern

PRIVATE: Final = 0o600
_DEFAULT_RIGHTS: Final = 0o666  # without the bits of the umask
_CREATE_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_ABANDONED: Final = 3600  # seconds: older temporary files are not in use any more
_LONGEST_BEGINNING: Final = 200  # bytes; the name of a temporary file is longer, and may have 255
_TEMPORARY_NAME: Final = pattern(r"\..+\.[0-9]+\.[0-9a-f]{16}", re.DOTALL)
_FOLDER_FLAGS: Final = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_REMEDIES: Final[Mapping[int, str]] = {
    errno.ENOSPC: "free space on its disk, and run the command again",
    errno.EDQUOT: "free space of your quota on its disk, and run the command again",
    errno.EFBIG: "raise the limit of the size of files (`ulimit -f`), and run the command again",
    errno.EMFILE: "raise the limit of open files (`ulimit -n`), and run the command again",
    errno.ENFILE: "end other programs: all of them together have too many open files",
    errno.EROFS: "its disk is read-only: use a folder on another disk",
    errno.ENAMETOOLONG: "use a shorter name, or a folder with a shorter path",
}


class ChangedError(Exception):
    """A file to be replaced no longer has the content that was read."""


def replace(
    path: Path,
    content: bytes | Iterable[bytes | memoryview],
    *,
    rights: int = PRIVATE,
    keep_rights: bool = False,
    expect: bytes | None = None,
    folder: int | None = None,
) -> None:
    """Create or replace a file; the content may be in parts.

    It never has more than its final rights, and is private while it is written.
    With `keep_rights`, an existing file keeps its rights.  With `expect`, ChangedError if the file has another content.
    `folder` is a descriptor of the folder of the path, as from `open_folder`.
    """
    present = _current_rights(path, folder) if keep_rights else None
    temporary = _temporary_path(path, folder)
    try:
        parts = [content] if isinstance(content, bytes) else content
        _write(temporary, parts, folder, rights if present is None else present)
        _check(path, expect)
        if folder is None:
            os.replace(temporary, path)  # noqa: PTH105 - the same call, but raises with both names
        else:
            os.replace(temporary.name, path.name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        _unlink(temporary, folder)
        raise


def create(path: Path, content: bytes, *, folder: int | None = None) -> None:
    """Create a file; FileExistsError if the path exists, even if it was created in the meantime.

    Its rights are those that the umask of the process allows.  `folder` as for `replace`.
    """
    temporary = _temporary_path(path, folder)
    try:
        _write(temporary, [content], folder, None)
        _link_or_rename(temporary, path, folder)
    finally:
        _unlink(temporary, folder)


def drop_abandoned(*folders: Path | int) -> None:
    """Remove old temporary files, which killed processes have left, from folders that were just written to.

    Some may be descriptors.
    """
    for folder in folders:
        with contextlib.suppress(OSError), contextlib.ExitStack() as steps:
            # A descriptor opened with O_PATH cannot be listed.
            place, opened = (".", folder) if isinstance(folder, int) else (folder, None)
            descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=opened)
            steps.callback(os.close, descriptor)
            now = os.fstat(descriptor).st_mtime  # of the last write: a network disk has a clock of its own
            for name in filter(_TEMPORARY_NAME.fullmatch, os.listdir(descriptor)):  # noqa: PTH208 - has no path
                if os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mtime < now - _ABANDONED:
                    os.unlink(name, dir_fd=descriptor)


@contextlib.contextmanager
def open_folder(folder: Path) -> Iterator[int]:
    """A descriptor of a folder, opened component by component, so that none is a link, or becomes one meanwhile."""
    with contextlib.ExitStack() as steps:
        descriptor = os.open(folder.anchor, _FOLDER_FLAGS)
        steps.callback(os.close, descriptor)
        for part in folder.parts[1:]:
            descriptor = os.open(part, _FOLDER_FLAGS, dir_fd=descriptor)
            steps.callback(os.close, descriptor)
        yield descriptor


def sync_directory(path: Path) -> None:
    """Sync a folder to disk, so that the names in it are durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remedy(error: OSError, otherwise: str = "") -> str:
    """The hint for an error of a file; `otherwise` if the error itself does not show its cause."""
    return _REMEDIES.get(error.errno or 0, otherwise)


def _check(path: Path, expect: bytes | None) -> None:
    if expect is not None and path.read_bytes() != expect:
        raise ChangedError


def _temporary_path(path: Path, folder: int | None) -> Path:
    """A unique path for a temporary file beside a path; relative to the folder if that is open."""
    beginning = path.name if len(os.fsencode(path.name)) <= _LONGEST_BEGINNING else "tavusctl"
    name = f".{beginning}.{os.getpid()}.{secrets.token_hex(8)}"
    return Path(name) if folder is not None else path.with_name(name)


def _write(temporary: Path, parts: Iterable[bytes | memoryview], folder: int | None, rights: int | None) -> None:
    """Write and sync a new file, private to its owner until it is complete; without `rights`, the umask applies."""
    initial_rights = _DEFAULT_RIGHTS if rights is None else PRIVATE
    with os.fdopen(os.open(temporary, _CREATE_FLAGS, initial_rights, dir_fd=folder), "wb") as file:
        file.writelines(parts)
        file.flush()
        if rights is not None and rights != PRIVATE:
            os.fchmod(file.fileno(), rights)
        os.fsync(file.fileno())


def _link_or_rename(temporary: Path, path: Path, folder: int | None) -> None:
    """Give a file its name; unlike a rename, a link never replaces a file that was created meanwhile."""
    name = path if folder is None else Path(path.name)
    try:
        os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except FileExistsError:
        raise
    except OSError:  # the file system may not support links
        if os.path.lexists(path):
            raise
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)


def _unlink(temporary: Path, folder: int | None) -> None:
    with contextlib.suppress(OSError):
        os.unlink(temporary, dir_fd=folder)


def _current_rights(path: Path, folder: int | None) -> int | None:
    name: str | Path = path if folder is None else path.name
    try:
        return stat.S_IMODE(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode) & 0o777
    except FileNotFoundError:
        return None
