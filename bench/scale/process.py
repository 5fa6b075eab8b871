"""Whole processes on the clock: seconds, CPU seconds and memory, of several runs the median."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

RELAY = Path(__file__).with_name("relay.py")


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
    relay = [sys.executable, "-I", "-S", str(RELAY), *command]
    process = subprocess.Popen(
        relay,
        cwd=folder,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return Cost(patience or 0, patience or 0, 0, stopped=True)
    code, wall, cpu, memory = json.loads(output.splitlines()[-1])
    if code:
        sys.exit(f"{' '.join(command)} ended with {code}:\n{output.decode()[-2000:]}")
    return Cost(wall, cpu, memory)


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
