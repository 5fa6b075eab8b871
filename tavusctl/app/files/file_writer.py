"""The only writer of files that people name: reports, plan files, drawings, `.env`, schemas, manifests and their texts.

A repository may come from somebody else: a symbolic link in it must not lead a documented command out of the project.
A path below the project may contain a link only if its target is in the project, too.  A path outside of the project
must be absolute.

A file is written to a temporary file beside its target, readable only by its owner from the first byte, and renamed to
the target in one step.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from tavusctl.config.project_file.discovery import current_folder
from tavusctl.core.errors import RefusedError, UsageError
from tavusctl.core.project_settings import FILE
from tavusctl.lib import atomic_files
from tavusctl.secrets import redaction
from tavusctl.secrets.redaction import Record, View

PRIVATE: Final = atomic_files.PRIVATE
PUBLIC: Final = 0o644


def named(text: str) -> Path:
    """The path of a file to write, as an option names it; UsageError for `-`, which other programs print to."""
    if text == "-":
        hint = "leave the option out to print, such as `plan --format json`; a file of that name is `./-`"
        raise UsageError("`-` is not a file: no option writes to standard output", hint)
    return Path(text)


def record(text: str, what: str) -> Record:
    """Text that a program reads back; RefusedError if it contains the value of a secret."""
    names = redaction.secret_names_in(text)
    if names:
        message = f"{what} would contain the value of {', '.join(names)}; nothing was written"
        hint = "write `${secret:NAME}` instead of the value, or remove `NAME` from `secrets:` if it is not a secret"
        raise RefusedError(message, hint, id="E414")
    return Record(text)


def write(
    path: Path, text: View | Record, *, root: Path | None = None, rights: int = PRIVATE, keep_rights: bool = False
) -> None:
    """Replace a file atomically; UsageError if it cannot be written, or if its path leads out of the project.

    `root` is the folder of the project; its default is the project around the working folder.  With `keep_rights`, an
    existing file keeps its mode: for files of the user, of which tavusctl writes only a part.
    """
    content = text.encode("utf-8", "surrogateescape")
    try:
        target = real_path(path, root)
        if _is_special(path):
            path.write_bytes(content)
            return
        with atomic_files.open_folder(target.parent) as folder:
            atomic_files.replace(target, content, rights=rights, keep_rights=keep_rights, folder=folder)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not path.parent.exists():
            raise _without_folder(path) from None
        raise UsageError(f"cannot write `{path}`: {error.strerror}", atomic_files.remedy(error)) from None


def check_writable(path: Path) -> None:
    """Raise UsageError if a file cannot be written at a path: before anything is done whose result it is to have."""
    with errors_as_usage("write", path):  # such as of a name that is too long
        if path.is_dir():
            message = f"cannot write `{path}`: it is a folder"
            raise UsageError(message, "name a file in it")
        if not path.parent.is_dir():
            raise _without_folder(path)
    real_path(path)


def _without_folder(path: Path) -> UsageError:
    return UsageError(f"cannot write `{path}`: the folder `{path.parent}` does not exist", "create the folder first")


def create(path: Path, content: bytes, *, root: Path) -> None:
    """Create a file with the folders above it; errors as of `write`, also if the path exists.

    Its rights are those that the umask of the process allows.
    """
    with errors_as_usage("write", path):
        target = real_path(path, root)
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_files.open_folder(target.parent) as folder:
            atomic_files.create(target, content, folder=folder)


def make_folder(path: Path, *, rights: int = 0o777) -> None:
    """Create a folder and its parents; UsageError if it cannot be created."""
    with errors_as_usage("create the folder", path):
        path.mkdir(parents=True, exist_ok=True, mode=rights)


@contextlib.contextmanager
def errors_as_usage(verb: str, path: Path) -> Iterator[None]:
    """A context in which an OSError becomes a UsageError, such as "cannot read `FILE`: Permission denied"."""
    try:
        yield
    except OSError as error:
        message = f"cannot {verb} `{path}`: {error.strerror}"
        raise UsageError(message, atomic_files.remedy(error)) from None


def project_root() -> Path:
    """The root of the enclosing project, symbolic links resolved; the working folder if there is no project."""
    here = Path(os.path.realpath(current_folder()))
    return next((folder for folder in (here, *here.parents) if (folder / FILE).is_file()), here)


def real_path(path: Path, root: Path | None = None) -> Path:
    """The target of a path, all links resolved.

    UsageError if a relative path, or a path inside the project, leads out of the project.
    """
    named = Path(os.path.abspath(root)) if root else project_root()  # noqa: PTH100 - the name of a path may have links
    root = Path(os.path.realpath(named))
    literal = Path(os.path.abspath(path))  # noqa: PTH100 - links are checked below
    real = Path(os.path.realpath(path))
    if real.is_relative_to(root):
        return real
    inside = any(literal.is_relative_to(one) for one in (root, named)) or (
        Path(os.path.realpath(literal.parent)).is_relative_to(root)
    )
    if inside or not path.is_absolute():
        description = "is, or is below, a symbolic link that leads" if inside else "leads"
        message = f"{path} {description} out of the project, to {real}; nothing was written"
        raise UsageError(message, f"if you mean that file, write `{real}`", id="E1211")
    return real


def _is_special(path: Path) -> bool:
    """Whether something other than a file exists at a path, such as a terminal or a pipe: it cannot be replaced."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


_MANY = 5  # paths in one message


def new_files(folder: Path, files: Mapping[str, str], choice: str = "with `--out DIR`") -> dict[str, bytes]:
    """The files that do not exist yet; RefusedError if another file or link is in their place.

    `choice` is how another folder is chosen.
    """
    contents = {name: text.encode() for name, text in files.items()}
    names = cache(_names)
    obstacles = [_obstacle(folder, name, content, names) for name, content in sorted(contents.items())]
    in_the_way = [obstacle for obstacle in obstacles if obstacle]
    if in_the_way:
        more = f", and {len(in_the_way) - _MANY} more" if len(in_the_way) > _MANY else ""
        message = f"cannot overwrite: {'; '.join(in_the_way[:_MANY])}{more}; nothing was written"
        raise RefusedError(message, f"move it, or choose another folder {choice}", id="E424")
    return {name: content for name, content in contents.items() if not os.path.lexists(folder / name)}


def _obstacle(folder: Path, name: str, content: bytes, names: Callable[[Path], Mapping[str, str]]) -> str:
    """The obstacle to a file, as text; empty if there is none, or if the file exists with the same content."""
    *parents, last = Path(name).parts
    here = folder
    if os.path.lexists(folder) and not folder.is_dir():
        return f"`{folder}` is not a folder"
    for part in parents:
        here = here / part
        if here.is_symlink() or (here.exists() and not here.is_dir()):
            return f"{here} is {'a link' if here.is_symlink() else 'not a folder'}"
    existing = names(here).get(last.casefold(), last)
    if existing != last:
        return f"{here / existing}, which is the same file as {last} on some systems"
    return _occupied(here / last, content)


def _occupied(path: Path, content: bytes) -> str:
    if path.is_symlink():
        return f"`{path}` is a symbolic link"
    if not path.exists():
        return ""
    try:
        same = path.is_file() and path.read_bytes() == content
    except OSError as error:
        return f"cannot read `{path}`: {error.strerror}"
    return "" if same else str(path)


def _names(folder: Path) -> dict[str, str]:
    """The names in a folder, by their case-folded form."""
    return {one.name.casefold(): one.name for one in folder.iterdir()} if folder.is_dir() else {}
