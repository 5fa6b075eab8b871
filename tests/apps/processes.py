"""Starts server programs for the length of a `with` block."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TAVUSCTL = Path(sys.executable).with_name("tavusctl")


@contextmanager
def started(command: Sequence[str], folder: Path, **environment: str) -> Iterator[str]:
    """Start a program in a folder; yield the URL that it prints on standard output."""
    # With CI set, Vite does not end when its standard input ends; colours would break the URL.
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "CI": "true", "NO_COLOR": "1", **environment}
    with subprocess.Popen(command, cwd=folder, env=variables, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            matches = (re.search(r"http://[\d.]+:\d+", line) for line in process.stdout)
            yield next(match[0] for match in matches if match)
        finally:
            process.terminate()
