"""`make crash`: every kill of every scenario; prints the number of kills, and those that were not survived.

python -m tests.crash.sweep [--every N] [--workers N] [SCENARIO ...]
python -m tests.crash.sweep --again FILE     repeat the kill of a saved history

Every history is checked against the rules.  The history of a kill that was not survived is saved in build/histories;
`python -m tests.history FILE` checks it again.  The last line shows the number of checks of each rule: a rule without
checks proves nothing.
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
from tavusctl.emulator.http.access import Allowed
from tests.crash.kills import Kill, bad_disks, by_server, everywhere, kill_from_json, kill_to_json, repeated
from tests.crash.rig import HISTORIES, Launcher, Scenario, launcher
from tests.crash.scenarios import NAMES, scenario
from tests.family import Family
from tests.history.recorder import keep
from tests.history.rules import RULES
from tests.scenarios.project import Account

CHUNK = 48  # the number of kills that a worker takes at a time
REPEATED = 60  # the number of kills of recoveries per scenario
SPARSE = 10  # with parallel calls a point differs from run to run, so every tenth point is as good as all
Failure = tuple[str, str, str]  # scenario, kill, reason


def main(arguments: Sequence[str]) -> int:
    """Run all kills; exit code 1 if one was not survived."""
    parser = argparse.ArgumentParser(prog="sweep")
    parser.add_argument("scenarios", nargs="*", default=NAMES, metavar="SCENARIO")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only each so many-th kill")
    parser.add_argument("--workers", type=int, default=2, metavar="N")
    parser.add_argument("--again", type=Path, metavar="FILE", help="a history that was kept")
    options = parser.parse_args(arguments)
    if options.again:
        return _repeat_saved(options.again)
    failures: list[Failure] = []
    checks: Counter[str] = Counter()
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        for name in options.scenarios or NAMES:
            started = time.monotonic()
            points, kills = _plan_kills(name, options.every)
            parts = [kills[start : start + CHUNK] for start in range(0, len(kills), CHUNK)]
            not_survived: list[Failure] = []
            for part, part_checks in pool.map(_run_kills, [name] * len(parts), parts):
                not_survived += part
                checks += part_checks
            failures += not_survived
            seconds = time.monotonic() - started
            _print_line(
                f"{name:16} {points:4} points  {len(kills):4} kills  {len(not_survived)} not survived  {seconds:.0f} s"
            )
            for _, kill, reason in not_survived:
                _print_line(f"    {kill}: {reason}")
    _print_line("looked: " + ", ".join(f"{rule} {checks[rule]}" for rule in RULES))
    return 1 if failures else 0


def _repeat_saved(path: Path) -> int:
    """Repeat the kill of a saved history."""
    about = json.loads(path.read_text("utf-8").splitlines()[0].removeprefix("# "))
    failures, _ = _run_kills(about["scenario"], [kill_from_json(about["kill"])])
    for _, kill, reason in failures:
        _print_line(f"{kill}: {reason}")
    return 1 if failures else 0


def _plan_kills(name: str, every: int) -> tuple[int, list[Kill]]:
    with (
        running(allowed=Allowed(killable=Family())) as server,
        launcher("--warm") as shared_launcher,
        tempfile.TemporaryDirectory() as folder,
    ):
        case = _scenario(name, folder, server.url, shared_launcher)
        writes, points = case.measure(errno.EIO), case.measure()
        kills = [
            *everywhere(points, every),
            *bad_disks(writes, every),
            *by_server(case.writes, every),
            *repeated(points, max(1, REPEATED // every)),
        ]
        return points, kills


def _run_kills(name: str, kills: Sequence[Kill]) -> tuple[list[Failure], Counter[str]]:
    """Carry out kills and check each; return the failures, and the number of checks of each rule."""
    failures: list[Failure] = []
    checks: Counter[str] = Counter()
    with (
        running(allowed=Allowed(killable=Family())) as server,
        launcher("--warm") as shared_launcher,
        tempfile.TemporaryDirectory() as folder,
    ):
        case = _scenario(name, folder, server.url, shared_launcher)
        case.measure()
        for kill in kills:
            label = ""
            try:
                case.ready()
                label = kill.strike(case)
                case.survive()
            except Exception as error:  # noqa: BLE001 - any error is reported, and the sweep goes on
                if case.recorder:
                    file = f"crash-{name}-{kill}.jsonl".replace(" ", "-").replace(",", "")
                    keep(HISTORIES / file, case.recorder, scenario=name, kill=kill_to_json(kill))
                reason = f"{type(error).__name__}: {error}".replace("\n", " ")[:600]
                failures.append((name, f"{kill} ({label})", reason))
            checks += case.verdict().looked
    return failures, checks


def _print_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _scenario(name: str, folder: str, url: str, runner: Launcher) -> Scenario:
    return scenario(name, Path(folder), Account(url, "key-of-the-sweep"), runner)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
