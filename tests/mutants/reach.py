"""`make coverage`: which test reaches which line of the modules in [tool.mutants]; every branch must be reached.

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

# The same tests also run against a small server in Python, which starts at once.
WITHOUT_SERVERS = "not [s3] and not [az]"


@dataclass(frozen=True)
class Reach:
    """The result of a run of the tests: which lines each test reaches, and its duration."""

    lines: Mapping[Path, Mapping[int, frozenset[str]]]  # the tests that reach a line, by module and line
    seconds: Mapping[str, float]  # the duration of each test

    def best_first(self, tests: Iterable[str], about: Collection[Path]) -> list[str]:
        """Sort tests so that quick tests that reach few lines outside the modules `about` come first."""
        inside = [self._breadth[path] for path in about]

        def weight(test: str) -> tuple[float, str]:
            elsewhere = self._breadth_in_all[test] - sum(breadth[test] for breadth in inside)
            return self.seconds[test] * (1 + elsewhere), test

        return sorted(tests, key=weight)

    @cached_property
    def _breadth(self) -> dict[Path, Counter[str]]:
        """The number of lines that each test reaches, by module."""
        return {path: Counter(test for tests in lines.values() for test in tests) for path, lines in self.lines.items()}

    @cached_property
    def _breadth_in_all(self) -> Counter[str]:
        return sum(self._breadth.values(), Counter())


def measure(told: Groups, workers: int, data: Path) -> bool:
    """Run the tests once, with coverage data in the file `data`; return whether all passed."""
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
    """Read the result of `measure` from its data file."""
    seconds: dict[str, float] = json.loads(data.with_name("seconds.json").read_text("utf-8"))
    coverage_data = coverage.CoverageData(str(data))
    coverage_data.read()
    lines: dict[Path, dict[int, frozenset[str]]] = {}
    for path in told.all_modules:
        reached = coverage_data.contexts_by_lineno(str(path))
        lines[path] = {line: frozenset(test for test in tests if test in seconds) for line, tests in reached.items()}
    return Reach(lines, seconds)


def report(told: Groups, data: Path) -> bool:
    """Print the coverage of the modules; return whether every line and branch is reached."""
    measured = coverage.Coverage(str(data))
    measured.load()
    covered = measured.report([str(path) for path in told.all_modules], precision=2)
    return covered >= 100.0


def main(arguments: Sequence[str]) -> int:
    """Measure and report; exit code 1 if a test failed or a branch is not reached."""
    parser = argparse.ArgumentParser(prog="reach")
    parser.add_argument("--workers", type=int, default=2, metavar="N")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave the data there, for the next step")
    options = parser.parse_args(arguments)
    selection = groups()
    with tempfile.TemporaryDirectory() as folder:
        data = (options.keep or Path(folder)) / "reach"
        passed = measure(selection, options.workers, data)
        return 0 if report(selection, data) and passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
