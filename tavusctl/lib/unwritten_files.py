"""Files as they are to be: while they are looked at, whoever reads finds them as if they were written."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path

_contents: ContextVar[Mapping[str, bytes]] = ContextVar("contents", default={})  # noqa: B039 - nobody writes into it


@contextlib.contextmanager
def unwritten(root: Path, contents: Mapping[str, bytes]) -> Iterator[None]:
    """Have files read with other contents, and found where there are none, by their paths from the root."""
    token = _contents.set({os.path.realpath(root / path): content for path, content in contents.items()})
    try:
        yield
    finally:
        _contents.reset(token)


def content(path: Path) -> bytes | None:
    """What a file is to contain; None for one that stays as it is on the disk."""
    contents = _contents.get()
    return contents.get(os.path.realpath(path)) if contents else None


def new(root: Path) -> list[Path]:
    """The files that do not exist yet, as paths below a root."""
    real = os.path.realpath(root)
    missing = [Path(path) for path in _contents.get() if not os.path.lexists(path)]
    return [root / path.relative_to(real) for path in missing if path.is_relative_to(real)]
