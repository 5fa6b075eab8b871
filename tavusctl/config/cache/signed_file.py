"""A signed cache file: it is used only if it is complete and was written by this user, else it counts as missing.

It lies in `.tavusctl/cache/` below the folder of the project, and no link on the way to it is followed.  Its signature
(HMAC-SHA-256) is made with a key that only its user has: a cache file that came with the files of a project could make
a command report something untrue.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from tavusctl.lib import atomic_files

_MAGIC: Final = b"tavusctl cache 4\n"
_SIGNED: Final = len(_MAGIC) + hashlib.sha256().digest_size
_IGNORED: Final = b"*\n"  # git ignores everything in the folder
_OWNER: Final = 0o700
_MAX_BYTES: Final = 1024**3
Content = TypeVar("Content", bound=Struct)


def read(path: Path, key: bytes, what: type[Content]) -> Content | None:
    """The content of a cache file; None if it is missing, damaged, or signed with another key."""
    data = raw(path)
    content = memoryview(data)[_SIGNED:]
    if not hmac.compare_digest(data[:_SIGNED], _MAGIC + _signature(path, [content], key)):
        return None
    with contextlib.suppress(msgspec.MsgspecError):
        return msgspec.msgpack.decode(content, type=what)
    return None


def raw(path: Path) -> bytes:
    """The bytes of a cache file, whoever wrote it; empty if it is missing or no regular file of a usual size."""
    try:
        with _folder(path, make=False) as folder:
            # Without O_NONBLOCK, opening a named pipe would wait for someone to write into it.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            with os.fdopen(os.open(path.name, flags, dir_fd=folder), "rb") as file:
                status = os.fstat(file.fileno())
                is_usual = stat.S_ISREG(status.st_mode) and status.st_size <= _MAX_BYTES
                return file.read(status.st_size) if is_usual else b""
    except OSError:
        return b""


def names(folder: Path) -> list[str]:
    """The names in the folder of the cache; none if there is a link on the way to it."""
    with contextlib.suppress(OSError), _folder(folder / ".gitignore", make=False) as descriptor:
        return os.listdir(descriptor)  # noqa: PTH208 - of a descriptor
    return []


def write(path: Path, key: bytes, what: Struct) -> None:
    """Replace a cache file atomically; if that fails, nothing is raised, since a missing cache only costs time."""
    write_parts(path, key, map(msgspec.msgpack.encode, [what]))


def write_parts(path: Path, key: bytes, encoded: Iterable[bytes | memoryview]) -> None:
    """The same for a content that is encoded in parts."""
    # A file name may be invalid Unicode, and a number too large to serialise.
    with contextlib.suppress(OSError, TypeError, ValueError, OverflowError), _folder(path, make=True) as folder:
        parts = [*encoded]
        atomic_files.replace(path.with_name(".gitignore"), _IGNORED, folder=folder)
        atomic_files.replace(path, [_MAGIC, _signature(path, parts, key), *parts], folder=folder)
        atomic_files.drop_abandoned(folder)


def drop(path: Path) -> None:
    """Remove a file, if it is there."""
    with contextlib.suppress(OSError), _folder(path, make=False) as folder:
        os.unlink(path.name, dir_fd=folder)


@contextlib.contextmanager
def _folder(path: Path, *, make: bool) -> Iterator[int]:
    """Open the folder of a cache file, from the folder of the project and without following a link."""
    with atomic_files.open_folder(path.parents[2]) as project, contextlib.ExitStack() as steps:
        folder = project
        for name in (path.parents[1].name, path.parent.name):
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, _OWNER, dir_fd=folder)
            folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            steps.callback(os.close, folder)
        yield folder


def _signature(path: Path, parts: Iterable[bytes | memoryview], key: bytes) -> bytes:
    """The signature of a content; it covers the file name, so that no cache file passes for another."""
    signed = hmac.new(key, path.name.encode("utf-8", "surrogateescape") + b"\n", "sha256")
    for part in parts:
        signed.update(part)
    return signed.digest()
