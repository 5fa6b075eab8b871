"""The one writer of files that people name: reports, plan files, drawings, `.env`, schemas, what `init` makes.

A repository is somebody else's: a link in it must not lead a documented command out of the project.  Below the project
no component of a path is followed when it is a link, unless what it leads to lies in the project, too.  A path outside
of the project has to be named as such, from the root of the file system.

A file is written beside its place, for its owner alone from the first byte, and takes its place in one step.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tavusctl import redaction
from tavusctl.engine.load.project import FILE
from tavusctl.errors import RefusedError, UsageError
from tavusctl.redaction import Record, View

PRIVATE: Final = 0o600
PUBLIC: Final = 0o644
_FOLDER: Final = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def record(text: str, what: str) -> Record:
    """A text that a program reads back; RefusedError when the value of a secret stands in it."""
    names = redaction.names_in(text)
    if names:
        message = f"{what} would hold the value of {', '.join(names)}; nothing was written"
        hint = "write `${secret:NAME}` where the value stands, or take NAME out of `secrets:` if it is no secret"
        raise RefusedError(message, hint, id="E414")
    return Record(text)


def write(
    path: Path, text: View | Record, *, root: Path | None = None, rights: int = PRIVATE, keep_rights: bool = False
) -> None:
    """Put a text in place of a file; UsageError when it cannot be written, or lies where nothing may be written.

    `root` is the folder of the project, that around the working folder unless told.  With `keep_rights`, a file that
    exists keeps its rights: it is somebody's, and only a part of it is ours.
    """
    content = text.encode("utf-8", "surrogateescape")
    try:
        place = where(path, root)
        if _is_special(path):
            path.write_bytes(content)
            return
        with _opened(place.parent) as folder:
            _replace(folder, place.name, content, rights, keep_rights=keep_rights)
    except OSError as error:
        message = f"cannot write {path}: {error.strerror}"
        raise UsageError(message) from None


def project_root() -> Path:
    """The folder of the project around the working folder, links resolved; the working folder where there is none."""
    here = Path(os.path.realpath(Path.cwd()))
    return next((folder for folder in (here, *here.parents) if (folder / FILE).is_file()), here)


def where(path: Path, root: Path | None = None) -> Path:
    """Where a path leads, all links resolved; UsageError when it leads somewhere else than it says."""
    root = Path(os.path.realpath(root)) if root else project_root()
    said = Path(os.path.abspath(path))  # noqa: PTH100 - links are looked at below
    real = Path(os.path.realpath(path))
    if real.is_relative_to(root):
        return real
    inside = said.is_relative_to(root) or Path(os.path.realpath(said.parent)).is_relative_to(root)
    if inside or not path.is_absolute():
        how = "is a link, or lies behind one, that leads" if inside else "leads"
        message = f"{path} {how} out of the project, to {real}; nothing was written"
        raise UsageError(message, f"if that is what you mean, write {real}", id="E1211")
    return real


def _is_special(path: Path) -> bool:
    """Whether something is there that is no file, such as a terminal or a pipe: it cannot be replaced."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """A folder, opened step by step: none of them has become a link since it was looked at."""
    with contextlib.ExitStack() as opened:
        descriptor = os.open(folder.anchor, _FOLDER)
        opened.callback(os.close, descriptor)
        for part in folder.parts[1:]:
            descriptor = os.open(part, _FOLDER, dir_fd=descriptor)
            opened.callback(os.close, descriptor)
        yield descriptor


def _replace(folder: int, name: str, content: bytes, rights: int, *, keep_rights: bool) -> None:
    temporary = f".{name}.{secrets.token_hex(4)}"
    try:
        with os.fdopen(os.open(temporary, _NEW, PRIVATE, dir_fd=folder), "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), _rights(folder, name, rights) if keep_rights else rights)
            os.fsync(file.fileno())
        os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise


def _rights(folder: int, name: str, otherwise: int) -> int:
    try:
        return stat.S_IMODE(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode) & 0o777
    except FileNotFoundError:
        return otherwise
