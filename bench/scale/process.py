"""Whole processes on the clock: seconds, CPU seconds and memory, of several runs the median."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MEGABYTE = 1024  # of the kilobytes that the system counts


@dataclass(frozen=True)
class Cost:
    """What one run, or the median of several, took."""

    wall: float  # seconds
    cpu: float  # seconds, user and system
    memory: float  # megabytes at the most
    stopped: bool = False  # it would have taken longer


def once(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], *, patience: float | None = None
) -> Cost:
    """One run of a command that must succeed; after `patience` seconds it is stopped, and took at least that."""
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        impatience = threading.Timer(patience or threading.TIMEOUT_MAX, process.kill)
        impatience.daemon = True
        impatience.start()
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        impatience.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        stopped = patience is not None and wall >= patience
        if process.returncode and not stopped:
            output.seek(0)
            sys.exit(f"{' '.join(command)} ended with {process.returncode}:\n{output.read().decode()[-2000:]}")
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / MEGABYTE, stopped)


def several(commands: Mapping[str, tuple[Sequence[str], Path, Mapping[str, str]]], times: int) -> dict[str, Cost]:
    """The median of each command; they take turns, so that a noisy minute is everybody's."""
    runs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(times):
        for name, (command, folder, environment) in commands.items():
            runs[name].append(once(command, folder, environment))
    return {name: median(costs) for name, costs in runs.items()}


def median(costs: Sequence[Cost]) -> Cost:
    """Figure by figure."""
    return Cost(
        statistics.median(one.wall for one in costs),
        statistics.median(one.cpu for one in costs),
        statistics.median(one.memory for one in costs),
    )
