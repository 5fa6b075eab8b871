"""Files that a command writes in addition to its output, collected for an enclosing command."""

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
def collect_written_files() -> Iterator[Written]:
    """A context that collects the files written in it, as pairs of a sort, such as `report`, and an absolute path."""
    written: Written = []
    token = _written.set(written)
    try:
        yield written
    finally:
        _written.reset(token)


def write(path: Path, text: View | Record, sort: str = "report") -> None:
    """Write a file that only its owner can read, and add it to the list of an enclosing `collect_written_files`."""
    file_writer.write(path, text)
    if (collected := _written.get()) is not None:
        collected.append((sort, path.absolute()))
