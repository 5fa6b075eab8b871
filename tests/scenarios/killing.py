"""Kill -9 a command at its n-th boundary: before every durable write, every rename, every send and every receive.

The command runs in a forked child, so that a kill costs a fork and not an interpreter.  No product code knows of this:
the calls of the standard library count themselves, and the n-th one ends the process as the kernel would.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from typing import Any

from tests.scenarios.project import Project

DONE = 0


class _Boundaries:
    """Counts what can be cut in two; at the chosen one the process is killed."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.passed = 0

    def counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*args: Any, **named: Any) -> Any:
            self.passed += 1
            if self.passed == self.at:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **named)

        return counting

    def watch(self) -> None:
        """From here on, in this process."""
        for name in ("fsync", "replace", "unlink", "ftruncate"):
            setattr(os, name, self.counted(getattr(os, name)))
        for name in ("send", "sendall", "recv"):
            setattr(socket.socket, name, self.counted(getattr(socket.socket, name)))


def run_and_kill(project: Project, at: int, *args: str) -> tuple[bool, int]:
    """Run a command and kill it at a boundary; whether it was killed, and how many boundaries it passed otherwise."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        boundaries = _Boundaries(at)
        boundaries.watch()
        project.run(*args)
        os.write(writer, str(boundaries.passed).encode())
        os._exit(DONE)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        passed = pipe.read()
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status), int(passed or 0)
