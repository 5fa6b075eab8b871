"""Reading files of the project, and never a file outside of it.

First the links of a path are resolved: its target must lie inside the project, and no name on the way to it may begin
with a dot (`.git`, `.env`, the state).  Then the folders are opened one after the other without following links, so
that a link created in between is refused too.
"""

from __future__ import annotations

import codecs
import contextlib
import difflib
import functools
import hashlib
import os
import stat
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Final, TypeVar

from msgspec import Struct

from tavusctl.lib import unwritten_files
from tavusctl.lib.patterns import pattern

MAX_TEXT_BYTES: Final = 1024 * 1024
_SYSTEM: Final = frozenset(("proc", "sys", "dev"))
_IN_MEMORY: Final = ("dev", "shm")  # holds ordinary files: some machines keep checkouts there
_ELSEWHERE = pattern(r"[/\\]|[A-Za-z]:")
_FILE: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW
_FOLDER: Final = _FILE | os.O_DIRECTORY


_LEAST_PIECE, _PIECE = 4 * 1024, 1024 * 1024  # bytes that are read at a time
_COPIES: Final = ("~", ".bak", ".old", ".orig", ".rej", ".swp", ".tmp")  # of files, made by editors and tools
_MOST_OPEN: Final = 100  # folders kept open at a time
Result = TypeVar("Result")


class UnreadableFileError(ValueError):
    """A file may not be read; the message continues the file name: `is not ...`."""

    too_large = False
    wrong_path = False  # the path names no file that may be read
    hint = ""  # the name that would be right
    advice = ""  # what to do with the file, if the name is right


class TooLargeError(UnreadableFileError):
    """The file is larger than the limit."""

    too_large = True


class WrongPathError(UnreadableFileError):
    """The path does not lead to a file of the project that may be read."""

    wrong_path = True


def locate(path: str, manifests: Path, manifest: Path) -> Path:
    """Resolve a path in a manifest: from the manifests folder, or with `./` and `../` from the manifest itself.

    Links are not followed.  UnreadableFileError if the path is absolute, begins with `~` or contains a backslash.
    """
    if path.startswith("~"):
        message = "must not begin with `~`"
        raise WrongPathError(message)
    if _ELSEWHERE.match(path) or "\\" in path:
        raise WrongPathError("must be relative to the manifests folder, with `/` between folders")
    return (manifest.parent if is_beside_manifest(path) else manifests) / path


def is_beside_manifest(path: str) -> bool:
    """Whether a path in a manifest is relative to the manifest, and not to the manifests folder."""
    return path.startswith(("./", "../"))


def real_name(path: Path, root: Path) -> str:
    """The path of a file from the root of the project, with all links resolved: two names of one file have the same.

    UnreadableFileError if it leads out of the project.
    """
    inner = _relative(os.path.realpath(path), os.path.realpath(root))
    if inner is None:
        raise WrongPathError("leads outside the project")
    return Path(inner).as_posix()


def read_bytes(path: Path, root: Path, limit: int) -> bytes:
    """The content of a regular file in the project; UnreadableFileError if it cannot be read or is over the limit."""
    if (content := unwritten_files.unwritten_content(path)) is not None:
        return _within(content, limit)
    return _with_descriptor(path, root, lambda descriptor: b"".join(_pieces(descriptor, limit)))


def measure(path: Path, root: Path, limit: int) -> tuple[int, str]:
    """The size and the digest of a regular file inside the project; errors as of `read_bytes`."""
    if (content := unwritten_files.unwritten_content(path)) is not None:
        return len(content), digest(_within(content, limit))
    return _with_descriptor(path, root, lambda descriptor: _measure(descriptor, limit))


def digest(content: bytes) -> str:
    """The digest of a content in the form that `measure` returns: `sha256:...`."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class _Folder(Struct, frozen=True):
    """An open folder of the project and the names in it; its path has no links, and is spelled as on the disk."""

    descriptor: int
    names: frozenset[str]


_folders: ContextVar[dict[tuple[str, str], _Folder] | None] = ContextVar("folders", default=None)


@contextlib.contextmanager
def keep_folders_open() -> Iterator[None]:
    """Keep folders open while many files are read, so that the path to a folder is not walked for each of its files."""
    folders: dict[tuple[str, str], _Folder] = {}
    before = _folders.set(folders)
    try:
        yield
    finally:
        _folders.reset(before)
        _listed.cache_clear()  # the names of all files, which nobody asks for again
        for folder in folders.values():
            os.close(folder.descriptor)


def _open_in_cached_folder(path: Path, root: Path) -> int | None:
    """A descriptor of a file in a folder that is kept open; None if the file has to be opened by its path."""
    folder, _, name = os.fspath(path).rpartition(os.sep)
    open_folder = (_folders.get() or {}).get((os.fspath(root), folder))
    if open_folder is None or name not in open_folder.names or name.startswith("."):
        return None
    try:
        return os.open(name, _FILE, dir_fd=open_folder.descriptor)
    except OSError:
        return None


def _keep_folder_open(path: Path, root: Path) -> None:
    """Keep the folder of a file open, unless there is a link on the path to it."""
    folders, top = _folders.get(), os.fspath(root)
    folder = os.fspath(path).rpartition(os.sep)[0]
    inner = _relative(folder, top)
    if folders is None or len(folders) == _MOST_OPEN or inner is None:
        return
    with contextlib.suppress(OSError, UnreadableFileError):
        real = os.path.realpath(root)
        descriptor = _open(real, _inside(os.path.join(real, inner), real), _FOLDER)  # noqa: PTH118 - as above
        folders[top, folder] = _Folder(descriptor, frozenset(os.listdir(descriptor)))  # noqa: PTH208 - names only


def _with_descriptor(path: Path, root: Path, use: Callable[[int], Result]) -> Result:
    descriptor = _open_in_cached_folder(path, root)
    if descriptor is None:
        descriptor = _open_by_path(path, root)
        _keep_folder_open(path, root)
    try:
        return use(descriptor)
    except OSError as error:
        raise UnreadableFileError(_reason(error)) from None
    finally:
        os.close(descriptor)


def _open_by_path(path: Path, root: Path) -> int:
    """Open a file of the project by its path, which must be spelled as on the disk."""
    try:
        descriptor = _open_inside(path, root)
    except FileNotFoundError:
        raise _missing(path, root) from None
    except (OSError, ValueError) as error:
        raise error if isinstance(error, UnreadableFileError) else UnreadableFileError(_reason(error)) from None
    try:
        _check_spelling(path, root)
    except UnreadableFileError:
        os.close(descriptor)
        raise
    return descriptor


def _open_inside(path: Path, root: Path) -> int:
    """Open a file of the project, after resolving the links on its path."""
    real_root, written = os.path.realpath(root), os.fspath(path)
    inner = _relative(written, os.fspath(root))
    if inner and ".." not in inner.split(os.sep):  # noqa: PTH206 - as below
        straight = os.path.join(real_root, inner)  # noqa: PTH118 - for each file of the project
        # There may be a link on the path, or no readable file at its end.
        with contextlib.suppress(OSError, UnreadableFileError):
            return _open(real_root, _inside(straight, real_root))
    return _open(real_root, _inside(os.path.realpath(path, strict=True), real_root))


def read_text(path: Path, root: Path) -> str:
    """The text of a file such as a prompt, of at most 1 MiB."""
    return as_text(read_bytes(path, root, MAX_TEXT_BYTES))


def as_text(content: bytes) -> str:
    """Decode UTF-8 text, without a byte order mark and the final line break; UnreadableFileError if it is not text."""
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        unreadable = UnreadableFileError(f"is not UTF-8 text (line {line})")
        unreadable.advice = "save it as UTF-8"
        raise unreadable from None
    if "\0" in text:
        raise UnreadableFileError("is not text: it contains NUL characters")
    # State and account usually have the same text: interned, it is in memory once, and comparing it is immediate.
    return sys.intern(text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text)


def _missing(path: Path, root: Path) -> UnreadableFileError:
    """The error for a file that does not exist, with the name of the file that was probably meant."""
    error = WrongPathError("does not exist")
    similar = similar_path(path, root, os.path.isfile)
    error.hint = f"did you mean `{similar}`?" if similar else ""
    return error


def _check_spelling(path: Path, root: Path) -> None:
    """Refuse a path that only some systems find: a name on the disk differs in case or in Unicode normalization."""
    existing = os.path.normpath(root)
    inner = _relative(os.path.normpath(path), existing)
    for name in inner.split(os.sep) if inner else ():  # noqa: PTH206 - for each file of the project
        folder, existing = existing, os.path.join(existing, name)  # noqa: PTH118 - as above
        if not _has_name(folder, name):
            break
    else:
        return
    error = UnreadableFileError("exists only in another spelling, which other systems do not find")
    error.hint = f"did you mean `{similar_path(Path(existing), root)}`?"
    raise error


def similar_path(path: Path, root: Path, wanted: Callable[[Path], bool] = os.path.lexists) -> str:
    """The existing path that is most similar to a path; empty if there is none, or if the path itself exists.

    Names may differ in case, in Unicode form or by a typing error.  `wanted` tells whether the path may be proposed:
    a folder does not help who needs a file.  The result is relative to the root of the project.
    """
    top, end = Path(os.path.normpath(root)), Path(os.path.normpath(path))
    steps = end.relative_to(top).parts if end.is_relative_to(top) else ()
    existing = top
    for number, step in enumerate(steps, 1):
        names = [name for name in _names(existing) if number < len(steps) or wanted(existing / name)]
        similar = step if step in names else _most_similar(step, names)
        if not similar:
            return ""
        existing /= similar
    return existing.relative_to(top).as_posix() if existing not in (top, end) else ""


def _has_name(folder: str, name: str) -> bool:
    """Whether a folder has a name in exactly this spelling; also true if the folder cannot be listed."""
    try:
        modified = os.stat(folder).st_mtime_ns  # noqa: PTH116 - for each file of the project
    except OSError:
        return True
    if name in _listed(folder, modified):
        return True
    names = _names(Path(folder))  # not cached: a new file may have left the time of the folder unchanged
    return not names or name in names


@functools.lru_cache(maxsize=64)
def _listed(folder: str, _modified: int) -> frozenset[str]:
    """The names in a folder; cached until its modification time changes."""
    return frozenset(_names(Path(folder)))


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - names only
    except OSError:
        return []


def _most_similar(name: str, names: Sequence[str]) -> str:
    """The most similar of some names: equal but for case and Unicode form, or with a few other letters; else empty."""
    visible = [other for other in names if not other.startswith(".") and not other.endswith(_COPIES)]
    same = [other for other in visible if _normalized(other) == _normalized(name)]
    matches = same or difflib.get_close_matches(name, visible, n=1, cutoff=0.8)
    return matches[0] if matches else ""


def _normalized(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def _inside(real: str, root: str) -> tuple[str, ...]:
    """The names from the root to a resolved path; UnreadableFileError if a file there may not be read."""
    relative = _relative(real, root)
    if relative is None:
        raise WrongPathError("leads outside the project")
    first = tuple(real.split(os.sep, 3)[1:3])
    if first and first[0] in _SYSTEM and first != _IN_MEMORY:
        raise WrongPathError("is a system file, not a file of the project")
    names = tuple(relative.split(os.sep)) if relative else ()  # noqa: PTH206 - as above
    if any(part.startswith(".") for part in names):
        raise WrongPathError("leads to a name that starts with a dot, which is never read")
    return names


def _relative(path: str, root: str) -> str | None:
    """The path relative to the root, empty for the root itself; None for a path outside the root."""
    top = os.path.join(root, "")  # noqa: PTH118 - for each file of the project
    if path.startswith(top):
        return path[len(top) :]
    return "" if path == root else None


def _open(root: str, names: tuple[str, ...], last: int = _FILE) -> int:
    """Open the file or folder at the end of some names below the root; `last` are the flags for it."""
    descriptor = os.open(root, _FOLDER)
    for index, name in enumerate(names):
        flags = last if index == len(names) - 1 else _FOLDER
        parent = descriptor
        try:
            descriptor = os.open(name, flags, dir_fd=parent)
        finally:
            os.close(parent)
    return descriptor


def _measure(descriptor: int, limit: int) -> tuple[int, str]:
    size, hasher = 0, hashlib.sha256()
    for piece in _pieces(descriptor, limit):
        size += len(piece)
        hasher.update(piece)
    return size, f"sha256:{hasher.hexdigest()}"


def _pieces(descriptor: int, limit: int) -> Iterator[bytes]:
    """The content of a file in pieces of at most 1 MiB; TooLargeError as soon as it is longer than the limit."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        message = "is a folder" if stat.S_ISDIR(status.st_mode) else "is not a regular file"
        raise WrongPathError(message)
    remaining, most, unread = limit + 1, min(max(status.st_size + 1, _LEAST_PIECE), _PIECE), status.st_size
    while remaining > 0 and (piece := os.read(descriptor, wanted := min(remaining, most))):
        remaining, unread = remaining - len(piece), unread - len(piece)
        yield piece
        if unread <= 0 and len(piece) < wanted:  # the end; nearly all files are read by one call
            break
    if remaining <= 0:
        raise _too_large(limit)


def _within(content: bytes, limit: int) -> bytes:
    """The content of a file that is not written yet; TooLargeError if it is longer than the limit."""
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
