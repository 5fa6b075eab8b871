"""One server for all processes of a test run: the first that wants it starts it, the last that used it ends it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Started = tuple[int, str]  # a process and the URL of what it serves


def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the processes of a run share; a worker's own is one below."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@contextlib.contextmanager
def lent(folder: Path, name: str, start: Callable[[], Started]) -> Iterator[str]:
    """The URL of a server; who uses it holds a lock, which ends with its process, whatever becomes of that."""
    note = folder / f"{name}.json"
    with (folder / f"{name}.users").open("a") as users:
        with _alone(folder, name):
            if not note.exists():
                note.write_text(json.dumps(start()))
            fcntl.flock(users, fcntl.LOCK_SH)
        pid, url = json.loads(note.read_text())
        try:
            yield url
        finally:
            with _alone(folder, name), contextlib.suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                note.unlink()
                os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def _alone(folder: Path, name: str) -> Iterator[None]:
    """No other process starts the server or ends it."""
    with (folder / f"{name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
