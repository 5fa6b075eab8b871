"""`make mutants`: wrong lines in the modules of [tool.mutants], and how many of them the tests notice.

python -m tests.mutants.score [--workers N] [--sample N] [--seed TEXT] [--group NAME] [--module PART] [--data FOLDER]

Every mutant is one small change (operators.py) and is run against tests that reach its line: the quickest, and some of
the others, until one fails.  With more mutants than --sample, as many are drawn by the seed, from every module alike.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from tests.mutants import reach, trial
from tests.mutants.groups import ROOT, groups
from tests.mutants.operators import Mutant, mutants

GOAL = Fraction(9, 10)
LONGEST = 6.0  # seconds that the quickest tests of a mutant may take together, and as many again for some others
OTHERS = 12
PATIENCE = 10.0  # seconds, beside several times what the tests take
RESULTS = ROOT / "tests/mutants/RESULTS.md"
_HEAD = """# Wrong lines, and how many of them the tests notice

Written by `make mutants`; seed {seed}.

| group | module | mutants | equivalent | tried | noticed | score |
| --- | --- | ---: | ---: | ---: | ---: | ---: |"""
EQUIVALENT = ROOT / "tests/mutants/equivalent.toml"


@dataclass(slots=True)
class Wrong:
    """A mutant in its module, and what became of it."""

    group: str
    module: Path
    mutant: Mutant
    code: str  # its line as it is written
    tests: Sequence[str] = ()
    noticed: bool = False

    @property
    def where(self) -> str:
        """File and line."""
        return f"{self.module.relative_to(ROOT)}:{self.mutant.line}"

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is called in the list of equivalents, where lines have no numbers."""
        return str(self.module.relative_to(ROOT)), self.code, self.mutant.what


@dataclass(slots=True)
class Tally:
    """Mutants of one group, or of all."""

    every: int = 0  # that there are
    equivalent: int = 0
    tried: list[Wrong] = field(default_factory=list)

    @property
    def score(self) -> Fraction:
        """The part that was noticed."""
        return Fraction(sum(one.noticed for one in self.tried), len(self.tried) or 1)


def main(arguments: Sequence[str]) -> int:
    """Score; 1 when a group is below the goal."""
    wanted = _parsed(arguments)
    told = groups()
    with tempfile.TemporaryDirectory() as folder:
        data = (wanted.data or Path(folder)) / "reach"
        if not data.exists():
            reach.measure(told, wanted.workers, data)
        shown = reach.read(told, data)
    tallies = {name: Tally() for name in told.modules if wanted.group in ("", name)}
    excused = {(one["module"], one["code"], one["change"]) for one in _listed()}
    for name, tally in tallies.items():
        for module in told.modules[name]:
            if wanted.module in str(module):
                _collect(tally, name, module, excused)
    _draw(tallies, wanted.sample, wanted.seed)
    chosen = [one for tally in tallies.values() for one in tally.tried]
    for one in chosen:
        one.tests = _tests(one, shown, told.modules[one.group])
    trial.warm_up(told.tests)
    _try_all(chosen, shown, wanted.workers)
    text = _table(tallies, wanted.seed)
    sys.stdout.write(text)
    if not (wanted.group or wanted.module):
        RESULTS.write_text(text, "utf-8")
    return 0 if all(tally.score >= GOAL for tally in tallies.values()) else 1


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="score")
    parser.add_argument("--workers", type=int, default=2, metavar="N")
    parser.add_argument("--sample", type=int, default=10**9, metavar="N", help="at most so many mutants of a group")
    parser.add_argument("--seed", default="1", metavar="TEXT")
    parser.add_argument("--group", default="", metavar="NAME", help="only this group")
    parser.add_argument("--module", default="", metavar="PART", help="only modules with this in their path")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="of an earlier `reach --keep FOLDER`")
    return parser.parse_args(arguments)


def _listed() -> list[dict[str, str]]:
    entries: list[dict[str, str]] = tomllib.loads(EQUIVALENT.read_text("utf-8")).get("equivalent", [])
    return entries


def _collect(tally: Tally, group: str, module: Path, excused: set[tuple[str, str, str]]) -> None:
    source = module.read_text("utf-8")
    lines = source.splitlines()
    for mutant in mutants(source):
        one = Wrong(group, module, mutant, lines[mutant.line - 1].strip())
        tally.every += 1
        if one.key in excused:
            tally.equivalent += 1
        else:
            tally.tried.append(one)


def _draw(tallies: dict[str, Tally], sample: int, seed: str) -> None:
    """At most so many of each group, and always the same ones while the code stays as it is."""

    def lot(one: Wrong) -> str:
        return hashlib.sha256("\0".join((seed, *one.key)).encode()).hexdigest()

    for tally in tallies.values():
        drawn = sorted(tally.tried, key=lot)[:sample]
        tally.tried = sorted(drawn, key=lambda one: (one.module, one.mutant.line))


def _tests(one: Wrong, shown: reach.Reach, group: Sequence[Path]) -> Sequence[str]:
    """Tests that reach the line: the best, as long as they are quick, and some of the others, from quick to slow."""
    lines = shown.lines[one.module]
    # A line that no test reaches is run on import, for whatever needs the module.
    reaching = lines.get(one.mutant.line) or frozenset().union(*lines.values())
    ordered = shown.best_first(reaching, group)
    best = _within(ordered, shown)
    others = [test for test in ordered if test not in best]
    return [*best, *_within(others[:: max(1, len(others) // OTHERS)], shown)]


def _within(tests: Sequence[str], shown: reach.Reach) -> list[str]:
    """As many of the tests as are run in some seconds; a slow one is left out, not what comes behind it."""
    found, left = [], LONGEST
    for test in tests:
        if shown.seconds[test] <= left:
            found.append(test)
            left -= shown.seconds[test]
    return found


def _try_all(chosen: Sequence[Wrong], shown: reach.Reach, workers: int) -> None:
    """Run every trial, so many at a time; nothing is counted by a test that fails without any change."""
    _leave_out_failing(chosen, shown, workers)
    waiting, running, begun = list(reversed(chosen)), dict[int, tuple[trial.Trial, Wrong]](), time.monotonic()
    while waiting or running:
        while waiting and len(running) < workers:
            one = waiting.pop()
            if not one.tests:
                continue  # nobody would notice
            started = _trial(one.module, one.mutant.source(), one.tests, shown)
            started.start()
            running[started.pid] = started, one
        time.sleep(0.01)
        for pid, (started, one) in list(running.items()):
            noticed = started.poll()
            if noticed is None:
                continue
            one.noticed = noticed
            started.failed()
            del running[pid]
            if not noticed:
                _say(f"survived  {one.where}  {one.mutant.what}")
    _say(f"{len(chosen)} mutants in {time.monotonic() - begun:.0f} s")


def _leave_out_failing(chosen: Sequence[Wrong], shown: reach.Reach, workers: int) -> None:
    """A test that fails in these processes without any change would notice everything."""
    tests = sorted({test for one in chosen for test in one.tests})
    module = chosen[0].module if chosen else ROOT
    parts = [part for part in (tests[at::workers] for at in range(workers)) if part]
    running = [_trial(module, module.read_text("utf-8"), part, shown) for part in parts]
    for same in running:
        same.start(to_the_end=True)
    failing: set[str] = set()
    for same in running:
        while (noticed := same.poll()) is None:
            time.sleep(0.05)
        failed = same.failed()
        if noticed and not failed:
            message = "the tests cannot be run without any change"
            raise RuntimeError(message)
        failing.update(failed)
    for one in chosen:
        one.tests = [test for test in one.tests if test not in failing]
    for test in sorted(failing):
        _say(f"left out: {test} fails here without any change")


def _trial(module: Path, source: str, tests: Sequence[str], shown: reach.Reach) -> trial.Trial:
    return trial.Trial(module, source, tests, PATIENCE + 4 * sum(shown.seconds[test] for test in tests))


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _table(tallies: dict[str, Tally], seed: str) -> str:
    rows: list[str] = []
    left: list[str] = []
    for name, tally in tallies.items():
        rows.append(f"| **{name}** | all | {tally.every} | {tally.equivalent} | {_figures(tally.tried)} |")
        rows += [f"| | {module} | | | {_figures(one)} |" for module, one in _by_module(tally.tried)]
        left += [f"- `{one.where}` {_code(one.mutant.what)}" for one in tally.tried if not one.noticed]
    return "\n".join([_HEAD.format(seed=seed), *rows, "", "## Not noticed", "", *(left or ["None."]), ""])


def _code(text: str) -> str:
    return "`` " + text.replace("\n", " ") + " ``"


def _figures(tried: Sequence[Wrong]) -> str:
    noticed = sum(one.noticed for one in tried)
    return f"{len(tried)} | {noticed} | {100 * noticed / (len(tried) or 1):.1f} %"


def _by_module(tried: Iterable[Wrong]) -> list[tuple[str, list[Wrong]]]:
    found: dict[str, list[Wrong]] = {}
    for one in tried:
        found.setdefault(str(one.module.relative_to(ROOT)), []).append(one)
    return sorted(found.items())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
