"""The shell lines of a page, run in order as they are printed, on a terminal on which somebody says yes."""

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
    """Its blocks of shell lines."""
    return BLOCK.findall(page.read_text("utf-8"))


def commands(block: str) -> Iterator[str]:
    """The commands of a block: lines that bash understands by themselves, as a person types them."""
    so_far = ""
    for line in block.splitlines(keepends=True):
        so_far += line
        parsed = subprocess.run(["bash", "-n"], input=so_far, capture_output=True, text=True, check=False)
        if not so_far.endswith("\\\n") and parsed.returncode == 0 and not parsed.stderr:
            yield so_far
            so_far = ""
    assert not so_far, f"bash does not understand: {so_far}"


def _checked(command: str) -> str:
    """A command that is shown first, and whose failure ends the shell, also where it is a part of `one && other`."""
    shown = "\n".join(f"> {line}" for line in command.rstrip().splitlines())
    return f"cat <<'SHOWN'\n{shown}\nSHOWN\n{command}test $? = 0\n"


def run(lines: list[str], folder: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """Run blocks in one shell, which ends with the first command that fails; its exit code, and what was shown."""
    script = folder.parent / f"{folder.name}.sh"
    every = [command for block in lines for command in commands(block)]
    script.write_text("set -e -o pipefail\n" + "".join(map(_checked, every)), "utf-8")
    said = b""
    dumb = {**environment, "TERM": "dumb", "COLUMNS": "200"}
    with terminal(["bash", str(script)], folder, dumb, columns=200) as (process, outer):
        for part in _heard(outer, process):
            said += part
            if QUESTION.search(said):
                os.write(outer, f"{ANSWER}\n".encode())
    return process.returncode, said.decode().replace("\r\n", "\n")


def _heard(outer: int, process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """What comes to a terminal until the shell ends, or patience does."""
    deadline = time.monotonic() + PATIENCE
    while part := heard(outer):
        yield part
        if time.monotonic() > deadline:
            process.kill()
