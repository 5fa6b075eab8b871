"""Programs that serve for the length of a `with` block."""

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
    """A program in a folder; yields the address that it says on stdout."""
    # In a CI, Vite does not end with its input; colours would stand in its address.
    known = {**os.environ, "PYTHONPATH": str(ROOT), "CI": "true", "NO_COLOR": "1", **environment}
    with subprocess.Popen(command, cwd=folder, env=known, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            found = (re.search(r"http://[\d.]+:\d+", line) for line in process.stdout)
            yield next(match[0] for match in found if match)
        finally:
            process.terminate()
