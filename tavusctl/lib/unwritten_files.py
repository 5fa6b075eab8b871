"""File contents that are not written yet: within `as_if_written`, readers get them as if they were on disk."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path

_contents: ContextVar[Mapping[str, bytes]] = ContextVar("contents", default={})  # noqa: B039 - it is never modified


@contextlib.contextmanager
def as_if_written(root: Path, contents: Mapping[str, bytes]) -> Iterator[None]:
    """Replace the contents of files, by path from the root, for readers of this module; also of new files."""
    token = _contents.set({os.path.realpath(root / path): content for path, content in contents.items()})
    try:
        yield
    finally:
        _contents.reset(token)


def unwritten_content(path: Path) -> bytes | None:
    """The new content of a file; None for a file that stays as it is on disk."""
    contents = _contents.get()
    return contents.get(os.path.realpath(path)) if contents else None


def new_files(root: Path) -> list[Path]:
    """The files that do not exist yet, as paths below a root."""
    real = os.path.realpath(root)
    missing = [Path(path) for path in _contents.get() if not os.path.lexists(path)]
    return [root / path.relative_to(real) for path in missing if path.is_relative_to(real)]
