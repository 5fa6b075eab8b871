"""`make coverage`: which test reaches which line of the modules in [tool.mutants]; every branch must be.

python -m tests.mutants.reach [--workers N]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import coverage

from tests.mutants.contexts import SECONDS
from tests.mutants.groups import ROOT, Groups, groups

# The same tests are run on a server of a few lines, which is there at once.
WITHOUT_SERVERS = "not [s3] and not [az]"


@dataclass(frozen=True)
class Reach:
    """What a run of the tests has shown."""

    lines: Mapping[Path, Mapping[int, frozenset[str]]]  # tests by line
    seconds: Mapping[str, float]  # by test

    def best_first(self, tests: Iterable[str], about: Collection[Path]) -> list[str]:
        """The quickest tests first, and of these those that are about little else than some modules."""
        inside = [self._breadth[path] for path in about]

        def weight(test: str) -> tuple[float, str]:
            elsewhere = self._breadth_in_all[test] - sum(breadth[test] for breadth in inside)
            return self.seconds[test] * (1 + elsewhere), test

        return sorted(tests, key=weight)

    @cached_property
    def _breadth(self) -> dict[Path, Counter[str]]:
        """How many lines of a module a test reaches."""
        return {path: Counter(test for tests in lines.values() for test in tests) for path, lines in self.lines.items()}

    @cached_property
    def _breadth_in_all(self) -> Counter[str]:
        return sum(self._breadth.values(), Counter())


def measure(told: Groups, workers: int, data: Path) -> bool:
    """Run the tests once; whether all passed."""
    seconds = data.with_name("seconds.json")
    command = [sys.executable, "-m", "coverage", "run", f"--data-file={data}", "-m", "pytest", "-p", "no:cacheprovider"]
    tests = ["-p", "tests.mutants.contexts", "-n", str(workers), "-k", WITHOUT_SERVERS, *told.tests]
    environment = {**os.environ, SECONDS: str(seconds), "TAVUSCTL_LAWS": "steady"}
    passed = subprocess.run([*command, *tests], check=False, cwd=ROOT, env=environment).returncode == 0
    combined = coverage.Coverage(str(data))
    combined.combine([str(data.parent)], strict=True)
    combined.save()
    return passed


def read(told: Groups, data: Path) -> Reach:
    """What that run has shown."""
    seconds: dict[str, float] = json.loads(data.with_name("seconds.json").read_text("utf-8"))
    found = coverage.CoverageData(str(data))
    found.read()
    lines: dict[Path, dict[int, frozenset[str]]] = {}
    for path in told.all_modules:
        reached = found.contexts_by_lineno(str(path))
        lines[path] = {line: frozenset(test for test in tests if test in seconds) for line, tests in reached.items()}
    return Reach(lines, seconds)


def report(told: Groups, data: Path) -> bool:
    """Print the branches that no test reaches; whether there are none."""
    measured = coverage.Coverage(str(data))
    measured.load()
    covered = measured.report([str(path) for path in told.all_modules], precision=2)
    return covered >= 100.0


def main(arguments: Sequence[str]) -> int:
    """Measure and report; 1 when a branch is not reached."""
    parser = argparse.ArgumentParser(prog="reach")
    parser.add_argument("--workers", type=int, default=2, metavar="N")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave the data there, for the next step")
    wanted = parser.parse_args(arguments)
    told = groups()
    with tempfile.TemporaryDirectory() as folder:
        data = (wanted.keep or Path(folder)) / "reach"
        passed = measure(told, wanted.workers, data)
        return 0 if report(told, data) and passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
