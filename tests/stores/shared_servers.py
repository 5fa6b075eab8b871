"""Shares one server between all processes of a test run: the first user starts it, the last user ends it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Started = tuple[int, str]  # the id of a server process, and its URL


def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that all processes of a test run share; the folder of a pytest-xdist worker is inside it."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@contextlib.contextmanager
def shared_server(folder: Path, name: str, start: Callable[[], Started]) -> Iterator[str]:
    """The URL of a shared server.

    Every user holds a shared lock on a file; the system releases it when the process ends, even if it is killed.
    """
    record = folder / f"{name}.json"
    with (folder / f"{name}.users").open("a") as users:
        with _exclusively(folder, name):
            if not record.exists():
                record.write_text(json.dumps(start()))
            fcntl.flock(users, fcntl.LOCK_SH)
        pid, url = json.loads(record.read_text())
        try:
            yield url
        finally:
            with _exclusively(folder, name), contextlib.suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                record.unlink()
                os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def _exclusively(folder: Path, name: str) -> Iterator[None]:
    """Prevent other processes from starting or ending the server."""
    with (folder / f"{name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
