"""`make crash`: every kill of every scenario; prints how many there were, and those that were not survived.

python -m tests.crash.sweep [--every N] [--workers N] [SCENARIO ...]
"""

from __future__ import annotations

import argparse
import errno
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from tavusctl.emulator import running
from tavusctl.emulator.border import Allowed
from tests.crash.kills import Kill, bad_disks, by_server, everywhere, repeated
from tests.crash.rig import Launcher, Scenario, launcher
from tests.crash.scenarios import NAMES, scenario
from tests.family import Family
from tests.scenarios.project import Account

CHUNK = 16  # kills that a worker takes at a time
REPEATED = 60  # kills of recoveries, per scenario
SPARSE = 10  # in scenarios in parallel a point is another one in every run: a sample is as good as all
Failure = tuple[str, str, str]  # scenario, kill, what was wrong


def main(arguments: Sequence[str]) -> int:
    """Sweep; 1 when a kill was not survived."""
    parser = argparse.ArgumentParser(prog="sweep")
    parser.add_argument("scenarios", nargs="*", default=NAMES, metavar="SCENARIO")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only each so many-th kill")
    parser.add_argument("--workers", type=int, default=2, metavar="N")
    told = parser.parse_args(arguments)
    failures: list[Failure] = []
    with ProcessPoolExecutor(told.workers, mp_context=get_context("spawn")) as pool:
        for name in told.scenarios or NAMES:
            begun = time.monotonic()
            points, kills = _planned(name, told.every)
            parts = [kills[at : at + CHUNK] for at in range(0, len(kills), CHUNK)]
            found = [one for part in pool.map(_survived, [name] * len(parts), parts) for one in part]
            failures += found
            seconds = time.monotonic() - begun
            _say(f"{name:16} {points:4} points  {len(kills):4} kills  {len(found)} not survived  {seconds:.0f} s")
            for _, kill, reason in found:
                _say(f"    {kill}: {reason}")
    return 1 if failures else 0


def _planned(name: str, every: int) -> tuple[int, list[Kill]]:
    with (
        running(allowed=Allowed(killable=Family())) as server,
        launcher() as lent,
        tempfile.TemporaryDirectory() as folder,
    ):
        this = _scenario(name, folder, server.url, lent)
        writes, points = this.measure(errno.EIO), this.measure()
        kills = [
            *everywhere(points, every),
            *bad_disks(writes, every),
            *by_server(this.writes, every),
            *repeated(points, max(1, REPEATED // every)),
        ]
        return points, kills


def _survived(name: str, kills: Sequence[Kill]) -> list[Failure]:
    """Strike, and check; what was not survived."""
    failures = []
    with (
        running(allowed=Allowed(killable=Family())) as server,
        launcher() as lent,
        tempfile.TemporaryDirectory() as folder,
    ):
        this = _scenario(name, folder, server.url, lent)
        this.measure()
        for kill in kills:
            where = ""
            try:
                this.ready()
                where = kill.strike(this)
                this.survive()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is reported, and the sweep goes on
                reason = f"{type(error).__name__}: {error}".replace("\n", " ")[:600]
                failures.append((name, f"{kill} ({where})", reason))
    return failures


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _scenario(name: str, folder: str, url: str, lent: Launcher) -> Scenario:
    return scenario(name, Path(folder), Account(url, "key-of-the-sweep"), lent)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
