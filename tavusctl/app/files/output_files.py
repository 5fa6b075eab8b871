"""Files that a command leaves behind beside its result, noted for a command around it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

from tavusctl.app.files import file_writer
from tavusctl.secrets.redaction import Record, View

Written = list[tuple[str, Path]]
_written: ContextVar[Written | None] = ContextVar("written", default=None)


@contextlib.contextmanager
def noting() -> Iterator[Written]:
    """What a command that is run within another one writes, by sort, as absolute paths."""
    written: Written = []
    token = _written.set(written)
    try:
        yield written
    finally:
        _written.reset(token)


def write(path: Path, text: View | Record, sort: str = "report") -> None:
    """Write a file that only its owner can read, and note it for a command around this one."""
    file_writer.write(path, text)
    if (noted := _written.get()) is not None:
        noted.append((sort, path.absolute()))
