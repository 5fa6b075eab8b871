"""The one writer of files that people name: reports, plan files, drawings, `.env`, schemas, what `init` makes.

A repository is somebody else's: a link in it must not lead a documented command out of the project.  Below the project
no component of a path is followed when it is a link, unless what it leads to lies in the project, too.  A path outside
of the project has to be named as such, from the root of the file system.

A file is written beside its place, for its owner alone from the first byte, and takes its place in one step.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tavusctl.core.errors import RefusedError, UsageError
from tavusctl.core.project_settings import FILE
from tavusctl.lib import atomic_files
from tavusctl.secrets import redaction
from tavusctl.secrets.redaction import Record, View

PRIVATE: Final = atomic_files.PRIVATE
PUBLIC: Final = 0o644


def record(text: str, what: str) -> Record:
    """Text that a program reads back; RefusedError if it contains the value of a secret."""
    names = redaction.names_in(text)
    if names:
        message = f"{what} would contain the value of {', '.join(names)}; nothing was written"
        hint = "write `${secret:NAME}` instead of the value, or remove `NAME` from `secrets:` if it is not a secret"
        raise RefusedError(message, hint, id="E414")
    return Record(text)


def write(
    path: Path, text: View | Record, *, root: Path | None = None, rights: int = PRIVATE, keep_rights: bool = False
) -> None:
    """Replace a file atomically; UsageError if it cannot be written or is outside the project.

    `root` is the folder of the project, that around the working folder unless told.  With `keep_rights`, a file that
    exists keeps its rights: it is somebody's, and only a part of it is ours.
    """
    content = text.encode("utf-8", "surrogateescape")
    try:
        place = where(path, root)
        if _is_special(path):
            path.write_bytes(content)
            return
        with atomic_files.opened(place.parent) as folder:
            atomic_files.replace(place, content, rights=rights, keep_rights=keep_rights, folder=folder)
    except OSError as error:
        message = f"cannot write `{path}`: {error.strerror}"
        raise UsageError(message) from None


def make_folder(path: Path, *, rights: int = 0o777) -> None:
    """Make a folder, and those around it; UsageError if it cannot be made."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=rights)
    except OSError as error:
        message = f"cannot create the folder `{path}`: {error.strerror}"
        raise UsageError(message) from None


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """Look at what is there before anything is written; UsageError if it cannot be read."""
    try:
        yield
    except OSError as error:
        message = f"cannot read `{path}`: {error.strerror}"
        raise UsageError(message) from None


def project_root() -> Path:
    """The root of the enclosing project, symbolic links resolved; the working folder if there is none."""
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
        how = "is, or is below, a symbolic link that leads" if inside else "leads"
        message = f"{path} {how} out of the project, to {real}; nothing was written"
        raise UsageError(message, f"if you mean that file, write `{real}`", id="E1211")
    return real


def _is_special(path: Path) -> bool:
    """Whether something is there that is no file, such as a terminal or a pipe: it cannot be replaced."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False
