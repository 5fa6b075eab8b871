"""Measures whole processes: wall-clock seconds, CPU seconds and memory; the median of several runs."""

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
    """The cost of one run, or the median of several."""

    wall: float  # seconds
    cpu: float  # seconds, user and system
    memory: float  # the peak, in megabytes
    stopped: bool = False  # the run was stopped at the time limit


def once(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], *, patience: float | None = None
) -> Cost:
    """Run a command that must succeed; after `patience` seconds it is stopped, and that time is its cost."""
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
    """The median cost of each command; the commands run in turns, so that a busy minute affects all of them."""
    runs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(times):
        for name, (command, folder, environment) in commands.items():
            runs[name].append(once(command, folder, environment))
    return {name: median(costs) for name, costs in runs.items()}


def median(costs: Sequence[Cost]) -> Cost:
    """The median of each figure."""
    return Cost(
        statistics.median(cost.wall for cost in costs),
        statistics.median(cost.cpu for cost in costs),
        statistics.median(cost.memory for cost in costs),
    )
