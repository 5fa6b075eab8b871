"""`make crash`: every kill of every scenario; prints how many there were, and those that were not survived.

python -m tests.crash.sweep [--every N] [--workers N] [SCENARIO ...]
python -m tests.crash.sweep --again FILE     the kill of a history that was kept, once more

Every history ends in the checker.  One that is not survived is kept in build/histories; `python -m tests.history FILE`
judges it.  In the end it is told how often each rule has looked; a rule that never looked proves nothing.
"""

from __future__ import annotations

import argparse
import errno
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from tavusctl.emulator import running
from tavusctl.emulator.http.border import Allowed
from tests.crash.kills import Kill, bad_disks, by_server, everywhere, in_words, repeated, spelled
from tests.crash.rig import HISTORIES, Launcher, Scenario, launcher
from tests.crash.scenarios import NAMES, scenario
from tests.family import Family
from tests.history.recorder import keep
from tests.history.rules import RULES
from tests.scenarios.project import Account

CHUNK = 48  # kills that a worker takes at a time
REPEATED = 60  # kills of recoveries, per scenario
SPARSE = 10  # in scenarios in parallel a point is another one in every run: a sample is as good as all
Failure = tuple[str, str, str]  # scenario, kill, what was wrong


def main(arguments: Sequence[str]) -> int:
    """Sweep; 1 when a kill was not survived."""
    parser = argparse.ArgumentParser(prog="sweep")
    parser.add_argument("scenarios", nargs="*", default=NAMES, metavar="SCENARIO")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only each so many-th kill")
    parser.add_argument("--workers", type=int, default=2, metavar="N")
    parser.add_argument("--again", type=Path, metavar="FILE", help="a history that was kept")
    told = parser.parse_args(arguments)
    if told.again:
        return _again(told.again)
    failures: list[Failure] = []
    looked: Counter[str] = Counter()
    with ProcessPoolExecutor(told.workers, mp_context=get_context("spawn")) as pool:
        for name in told.scenarios or NAMES:
            begun = time.monotonic()
            points, kills = _planned(name, told.every)
            parts = [kills[at : at + CHUNK] for at in range(0, len(kills), CHUNK)]
            found: list[Failure] = []
            for part, counted in pool.map(_survived, [name] * len(parts), parts):
                found += part
                looked += counted
            failures += found
            seconds = time.monotonic() - begun
            _say(f"{name:16} {points:4} points  {len(kills):4} kills  {len(found)} not survived  {seconds:.0f} s")
            for _, kill, reason in found:
                _say(f"    {kill}: {reason}")
    _say("looked: " + ", ".join(f"{rule} {looked[rule]}" for rule in RULES))
    return 1 if failures else 0


def _again(path: Path) -> int:
    """Strike as it was struck when a history was kept."""
    about = json.loads(path.read_text("utf-8").splitlines()[0].removeprefix("# "))
    failures, _ = _survived(about["scenario"], [in_words(about["kill"])])
    for _, kill, reason in failures:
        _say(f"{kill}: {reason}")
    return 1 if failures else 0


def _planned(name: str, every: int) -> tuple[int, list[Kill]]:
    with (
        running(allowed=Allowed(killable=Family())) as server,
        launcher("--warm") as lent,
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


def _survived(name: str, kills: Sequence[Kill]) -> tuple[list[Failure], Counter[str]]:
    """Strike, and check; what was not survived, and how often each rule looked."""
    failures: list[Failure] = []
    looked: Counter[str] = Counter()
    with (
        running(allowed=Allowed(killable=Family())) as server,
        launcher("--warm") as lent,
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
                if this.recorder:
                    file = f"crash-{name}-{kill}.jsonl".replace(" ", "-").replace(",", "")
                    keep(HISTORIES / file, this.recorder, scenario=name, kill=spelled(kill))
                reason = f"{type(error).__name__}: {error}".replace("\n", " ")[:600]
                failures.append((name, f"{kill} ({where})", reason))
            looked += this.judged().looked
    return failures, looked


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _scenario(name: str, folder: str, url: str, lent: Launcher) -> Scenario:
    return scenario(name, Path(folder), Account(url, "key-of-the-sweep"), lent)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
