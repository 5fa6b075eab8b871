"""New files in folders with other files: what is in their place is found before the first of them is written."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from tavusctl.core.errors import RefusedError

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
