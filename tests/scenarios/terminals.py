"""Runs commands as people start them: on a terminal, or with their output in a pipe or in the log of a job."""

from __future__ import annotations

import os
import pty
import signal
import struct
import subprocess
import termios
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import ioctl
from pathlib import Path

from tests.scenarios.project import TAVUSCTL, Project

# Environment variables that change colour, prompts or width of the output.
_FREE = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "CI", "GITHUB_ACTIONS", "COLUMNS", "LINES")


@dataclass(frozen=True)
class Screen:
    """The exit code of a command, and everything that it wrote to its terminal."""

    code: int
    said: str


def environment(project: Project, **more: str) -> dict[str, str]:
    """The environment variables of a command on a terminal with all features."""
    inherited = {name: value for name, value in os.environ.items() if name not in _FREE}
    return {**inherited, "TERM": "xterm-256color", **project.account.variables, **project.environment, **more}


@contextmanager
def terminal(
    command: Sequence[str], folder: Path, variables: Mapping[str, str], columns: int = 80
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Start a command on a new terminal; yield its process and the file descriptor of the user's side.

    The terminal controls the process, so that Ctrl-C ("\x03") interrupts it.
    """
    outer, inner = pty.openpty()
    ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    try:
        with subprocess.Popen(
            command,
            cwd=folder,
            env=variables,
            stdin=inner,
            stdout=inner,
            stderr=inner,
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509 - it only makes calls of the system
        ) as process:
            os.close(inner)
            yield process, outer
    finally:
        os.close(outer)


def _take_terminal() -> None:
    """Let the terminal on standard input control this process, and obey Ctrl-C, as no job in the background does."""
    ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def on_a_terminal(project: Project, *args: str, columns: int = 80, **more: str) -> Screen:
    """Run a command on a new terminal."""
    output = b""
    with terminal([*TAVUSCTL, *args], project.root, environment(project, **more), columns) as (process, outer):
        while part := heard(outer):
            output += part
    return Screen(process.returncode, output.decode().replace("\r\n", "\n"))


def answered(project: Project, answer: str, *args: str) -> Screen:
    """Run a command on a new, wide terminal, and type an answer at its prompt; "\x04" is the end of the input."""
    output, typed = b"", False
    with terminal([*TAVUSCTL, *args], project.root, environment(project), columns=160) as (process, outer):
        while part := heard(outer):
            output += part
            if not typed and b" to confirm: " in output:
                typed = True
                os.write(outer, answer.encode())
    return Screen(process.returncode, output.decode().replace("\r\n", "\n"))


def in_a_pipe(project: Project, *args: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command without a terminal, as in the log of a job."""
    return subprocess.run(
        [*TAVUSCTL, *args],
        cwd=project.root,
        env=environment(project, **more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def heard(outer: int) -> bytes:
    """Read the next output from the user's side of a terminal; empty once every writer has ended."""
    try:
        return os.read(outer, 65536)
    except OSError:  # every writer has ended
        return b""
