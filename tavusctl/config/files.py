"""Files of the project, read without ever leaving it.

A path is followed through its links first; what it ends at must lie inside the project and under no name that begins
with a dot (`.git`, `.env`, the state).  The walk then opens one folder after the other without following links,
so that a link put there in between is refused too.
"""

from __future__ import annotations

import codecs
import contextlib
import difflib
import functools
import hashlib
import os
import re
import stat
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Final, TypeVar

from msgspec import Struct

from tavusctl.lib import unwritten_files

MAX_TEXT_BYTES: Final = 1024 * 1024
_SYSTEM: Final = frozenset(("proc", "sys", "dev"))
_IN_MEMORY: Final = ("dev", "shm")  # files like others, where machines keep checkouts, too
_ELSEWHERE = re.compile(r"[/\\~]|[A-Za-z]:")
_QUIET: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)
_FOLDER: Final = _QUIET | getattr(os, "O_DIRECTORY", 0) | _NO_LINK


_PIECE: Final = 1024 * 1024
_MOST_OPEN: Final = 100  # folders at a time
Taken = TypeVar("Taken")


class RefusedError(ValueError):
    """A file may not be read; the message continues the file name: `is not ...`."""

    too_large = False
    hint = ""  # what would be right


class TooLargeError(RefusedError):
    """The file is larger than is read."""

    too_large = True


def locate(path: str, manifests: Path, manifest: Path) -> Path:
    """Where a path in a manifest points: from the manifests folder, or with `./` and `../` from the manifest itself."""
    if _ELSEWHERE.match(path) or "\\" in path:
        message = "must be relative to the manifests folder, with `/` between folders"
        raise RefusedError(message)
    start = manifest.parent if path.startswith(("./", "../")) else manifests
    return start / path


def read_bytes(path: Path, root: Path, limit: int) -> bytes:
    """The content of a regular file inside the project, of at most `limit` bytes."""
    if (content := unwritten_files.content(path)) is not None:
        return _within(content, limit)
    return _opened(path, root, lambda descriptor: _read(descriptor, limit))


def measure(path: Path, root: Path, limit: int) -> tuple[int, str]:
    """The size and the digest of a regular file inside the project, of at most `limit` bytes."""
    if (content := unwritten_files.content(path)) is not None:
        return len(content), digest(_within(content, limit))
    return _opened(path, root, lambda descriptor: _measure(descriptor, limit))


def digest(content: bytes) -> str:
    """The digest of a content, as `measure` gives it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class _Folder(Struct, frozen=True):
    """A folder of a project that was walked to without a link, in the spelling of the disk: open, with its names."""

    descriptor: int
    names: frozenset[str]


_folders: ContextVar[dict[tuple[str, str], _Folder] | None] = ContextVar("folders", default=None)


@contextlib.contextmanager
def many() -> Iterator[None]:
    """While many files are read, folders stay open, so that nobody walks to each a thousand times."""
    folders: dict[tuple[str, str], _Folder] = {}
    before = _folders.set(folders)
    try:
        yield
    finally:
        _folders.reset(before)
        for one in folders.values():
            os.close(one.descriptor)


def _open_at_hand(path: Path, root: Path) -> int | None:
    """A descriptor of a file in a folder that is open; None where it has to be walked to."""
    folder, _, name = os.fspath(path).rpartition(os.sep)
    known = (_folders.get() or {}).get((os.fspath(root), folder))
    if known is None or name not in known.names or name.startswith("."):
        return None
    try:
        return os.open(name, _QUIET | _NO_LINK, dir_fd=known.descriptor)
    except OSError:
        return None


def _keep_at_hand(path: Path, root: Path) -> None:
    """Keep the folder of a file open, if it is where its path says, without a link."""
    folders, top = _folders.get(), os.fspath(root)
    folder = os.fspath(path).rpartition(os.sep)[0]
    inner = _below(folder, top)
    if folders is None or len(folders) == _MOST_OPEN or inner is None or os.open not in os.supports_dir_fd:
        return
    with contextlib.suppress(OSError, RefusedError):
        real = os.path.realpath(root)
        descriptor = _open(real, _inside(os.path.join(real, inner), real), _FOLDER)  # noqa: PTH118 - as above
        folders[top, folder] = _Folder(descriptor, frozenset(os.listdir(descriptor)))  # noqa: PTH208 - names only


def _opened(path: Path, root: Path, take: Callable[[int], Taken]) -> Taken:
    descriptor = _open_at_hand(path, root)
    if descriptor is None:
        descriptor = _walked_to(path, root)
        _keep_at_hand(path, root)
    try:
        return take(descriptor)
    except OSError as error:
        raise RefusedError(_reason(error)) from None
    finally:
        os.close(descriptor)


def _walked_to(path: Path, root: Path) -> int:
    """A descriptor of a file of the project, in the spelling of the disk."""
    try:
        descriptor = _open_inside(path, root)
    except FileNotFoundError:
        raise _missing(path, root) from None
    except (OSError, ValueError) as error:
        raise error if isinstance(error, RefusedError) else RefusedError(_reason(error)) from None
    try:
        _check_spelling(path, root)
    except RefusedError:
        os.close(descriptor)
        raise
    return descriptor


def _open_inside(path: Path, root: Path) -> int:
    """A descriptor of a file of the project, after links on the way to it are followed."""
    real_root, written = os.path.realpath(root), os.fspath(path)
    inner = _below(written, os.fspath(root))
    if os.open in os.supports_dir_fd and inner and ".." not in inner.split(os.sep):  # noqa: PTH206 - as below
        straight = os.path.join(real_root, inner)  # noqa: PTH118 - for each file of the project
        with contextlib.suppress(OSError, RefusedError):  # a link is on the way, or no file that may be read at its end
            return _open(real_root, _inside(straight, real_root))
    return _open(real_root, _inside(os.path.realpath(path, strict=True), real_root))


def read_text(path: Path, root: Path) -> str:
    """The text of a prompt or the like."""
    return as_text(read_bytes(path, root, MAX_TEXT_BYTES))


def as_text(content: bytes) -> str:
    """The text of a file without its final line break."""
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = f"is not UTF-8 text (line {line})"
        raise RefusedError(message) from None
    if "\0" in text:
        message = "is not text: it contains NUL characters"
        raise RefusedError(message)
    # State and account have the same text, as a rule: then it is in memory once, and compared at a glance.
    return sys.intern(text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text)


def _missing(path: Path, root: Path) -> RefusedError:
    """A file that is not there, and the one that was probably meant."""
    error = RefusedError("does not exist")
    there = otherwise_spelled(path, root)
    error.hint = f"did you mean `{there}`?" if there else ""
    return error


def _check_spelling(path: Path, root: Path) -> None:
    """Refuse a name that only some systems find: it is another one by its letters' case, or by how they are made."""
    there = os.path.normpath(root)
    inner = _below(os.path.normpath(path), there)
    for name in inner.split(os.sep) if inner else ():  # noqa: PTH206 - for each file of the project
        folder, there = there, os.path.join(there, name)  # noqa: PTH118 - as above
        if not _has_name(folder, name):
            break
    else:
        return
    error = RefusedError("exists only in another spelling, which other systems do not find")
    error.hint = f"did you mean `{otherwise_spelled(Path(there), root)}`?"
    raise error


def otherwise_spelled(path: Path, root: Path) -> str:
    """A path as the disk has it where a name in it differs in case, in Unicode form or by a slip; empty without one.

    It is given as it can be written in place of the path: from the root of the project.
    """
    top = Path(os.path.normpath(root))
    steps = [one.name for one in _steps(path, root)]
    here = top
    for step in steps:
        names = _names(here)
        found = step if step in names else _likest(step, names)
        if not found:
            return ""
        here /= found
    return here.relative_to(top).as_posix() if steps and here != top.joinpath(*steps) else ""


def _steps(path: Path, root: Path) -> list[Path]:
    """The folders and the file on the way from the root to a path."""
    top, end = Path(os.path.normpath(root)), Path(os.path.normpath(path))
    if not end.is_relative_to(top):
        return []
    parts = end.relative_to(top).parts
    return [top.joinpath(*parts[:length]) for length in range(1, len(parts) + 1)]


def _has_name(folder: str, name: str) -> bool:
    """Whether a folder has a name in this very spelling; also where nobody may list it."""
    try:
        changed = os.stat(folder).st_mtime_ns  # noqa: PTH116 - for each file of the project
    except OSError:
        return True
    if name in _listed(folder, changed):
        return True
    names = _names(Path(folder))  # it may have come since, and the clock of the disk has not moved
    return not names or name in names


@functools.lru_cache(maxsize=64)
def _listed(folder: str, _changed: int) -> frozenset[str]:
    """The names in a folder, listed once for all files in it."""
    return frozenset(_names(Path(folder)))


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - names only
    except OSError:
        return []


def _likest(name: str, names: Sequence[str]) -> str:
    """The name that is the same to a reader, or differs by a letter or two."""
    shown = [one for one in names if not one.startswith(".")]
    same = [one for one in shown if _read_alike(one) == _read_alike(name)]
    close = same or difflib.get_close_matches(name, shown, n=1, cutoff=0.8)
    return close[0] if close else ""


def _read_alike(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def _inside(real: str, root: str) -> tuple[str, ...]:
    """The way from the root to a resolved path."""
    inner = _below(real, root)
    if inner is None:
        message = "leads outside the project"
        raise RefusedError(message)
    first = tuple(real.split(os.sep, 3)[1:3])
    if first and first[0] in _SYSTEM and first != _IN_MEMORY:
        message = "is a system file, not a file of the project"
        raise RefusedError(message)
    way = tuple(inner.split(os.sep)) if inner else ()  # noqa: PTH206 - as above
    if any(part.startswith(".") for part in way):
        message = "leads to a name that starts with a dot, which is never read"
        raise RefusedError(message)
    return way


def _below(path: str, root: str) -> str | None:
    """The rest of a path below the root, empty for the root itself; None for a path that leads elsewhere."""
    top = os.path.join(root, "")  # noqa: PTH118 - for each file of the project
    if os.path.normcase(path).startswith(os.path.normcase(top)):
        return path[len(top) :]
    return "" if os.path.normcase(path) == os.path.normcase(root) else None


def _open(root: str, way: tuple[str, ...], last: int = _QUIET | _NO_LINK) -> int:
    """A descriptor of the file, or folder, at the end of the way; `last` is how that is opened."""
    if os.open not in os.supports_dir_fd:
        return os.open(Path(root, *way), _QUIET)
    descriptor = os.open(root, _FOLDER)
    for index, part in enumerate(way):
        flags = last if index == len(way) - 1 else _FOLDER
        parent = descriptor
        try:
            descriptor = os.open(part, flags, dir_fd=parent)
        finally:
            os.close(parent)
    return descriptor


def _read(descriptor: int, limit: int) -> bytes:
    return b"".join(_pieces(descriptor, limit))


def _measure(descriptor: int, limit: int) -> tuple[int, str]:
    size, found = 0, hashlib.sha256()
    for piece in _pieces(descriptor, limit):
        size += len(piece)
        found.update(piece)
    return size, f"sha256:{found.hexdigest()}"


def _pieces(descriptor: int, limit: int) -> Iterator[bytes]:
    """A file, piece by piece; TooLargeError as soon as it is longer than the limit."""
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        message = "is a folder" if stat.S_ISDIR(found.st_mode) else "is not a regular file"
        raise RefusedError(message)
    left = limit + 1
    while left > 0 and (piece := os.read(descriptor, min(left, _PIECE))):
        left -= len(piece)
        yield piece
    if left <= 0:
        raise _too_large(limit)


def _within(content: bytes, limit: int) -> bytes:
    """A content that is not written yet; TooLargeError where its file would be longer than the limit."""
    if len(content) > limit:
        raise _too_large(limit)
    return content


def _too_large(limit: int) -> TooLargeError:
    size = f"{limit // 1024**2} MiB" if limit >= 1024**2 else f"{limit} bytes"
    return TooLargeError(f"is larger than {size}")


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, OSError):
        return f"cannot be read: {error.strerror}"
    return "contains a NUL character in its name"
