"""Runs the shell blocks of a page in order, as printed, on a terminal where every confirmation is answered `yes`.

A conversation that waits for Ctrl-C gets it.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.scenarios.terminals import heard, terminal

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
QUESTION = re.compile(rb"to confirm: $")
ANSWER = "yes"
PATIENCE = 600  # seconds for a page


def blocks(page: Path) -> list[str]:
    """The content of every `sh` code block of a page."""
    return BLOCK.findall(page.read_text("utf-8"))


def commands(block: str) -> Iterator[str]:
    """Split a block into commands: the fewest lines that bash parses as complete, with a trailing newline."""
    so_far = ""
    for line in block.splitlines(keepends=True):
        so_far += line
        parsed = subprocess.run(["bash", "-n"], input=so_far, capture_output=True, text=True, check=False)
        if not so_far.endswith("\\\n") and parsed.returncode == 0 and not parsed.stderr:
            yield so_far
            so_far = ""
    assert not so_far, f"bash does not understand: {so_far}"


def _echoed_and_checked(command: str) -> str:
    """A command that is printed first and whose failure ends the shell, even a failure of `a` in `a && b`."""
    shown = "\n".join(f"> {line}" for line in command.rstrip().splitlines())
    return f"cat <<'SHOWN'\n{shown}\nSHOWN\n{command}test $? = 0\n"


def run(lines: list[str], folder: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """Run blocks in one shell, which ends at the first failing command; return its exit code and its output."""
    script = folder.parent / f"{folder.name}.sh"
    all_commands = [command for block in lines for command in commands(block)]
    script.write_text("set -e -o pipefail\n" + "".join(map(_echoed_and_checked, all_commands)), "utf-8")
    output, interrupted = b"", 0
    shell_environment = {**environment, "TERM": "dumb", "COLUMNS": "200"}
    with terminal(["bash", str(script)], folder, shell_environment, columns=200) as (process, outer):
        for part in _output(outer, process):
            output += part
            if QUESTION.search(output):
                os.write(outer, f"{ANSWER}\n".encode())
            elif output.count(b"press Ctrl-C here") > interrupted:
                interrupted += 1
                os.write(outer, b"\x03")
    return process.returncode, output.decode().replace("\r\n", "\n")


def _output(outer: int, process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """The output of a terminal, until the shell ends; it is killed after `PATIENCE` seconds."""
    deadline = time.monotonic() + PATIENCE
    while part := heard(outer):
        yield part
        if time.monotonic() > deadline:
            process.kill()
