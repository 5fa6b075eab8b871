"""`make mutants`: mutants of the modules in [tool.mutants], and how many of them the tests notice.

python -m tests.mutants.score [--workers N] [--sample N] [--seed TEXT] [--group NAME] [--module PART] [--data FOLDER]

Every mutant is one small change (operators.py) and is run against tests that reach its line: the quickest, and a
selection of the others, until one fails.  A group with more mutants than --sample is reduced to a pseudo-random sample
that depends on the seed.
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
LONGEST = 6.0  # total seconds for the quickest tests of a mutant, and the same again for the selection of others
OTHERS = 12
PATIENCE = 10.0  # seconds before a trial counts as hanging, in addition to four times the duration of its tests
RESULTS = ROOT / "tests/mutants/RESULTS.md"
_HEAD = """# Wrong lines, and how many of them the tests notice

Written by `make mutants`; seed {seed}.

| group | module | mutants | equivalent | tried | noticed | score |
| --- | --- | ---: | ---: | ---: | ---: | ---: |"""
EQUIVALENT = ROOT / "tests/mutants/equivalent.toml"


@dataclass(slots=True)
class Wrong:
    """A mutant in its module, and whether a test noticed it."""

    group: str
    module: Path
    mutant: Mutant
    code: str  # the source text of its line
    tests: Sequence[str] = ()
    noticed: bool = False

    @property
    def where(self) -> str:
        """File and line."""
        return f"{self.module.relative_to(ROOT)}:{self.mutant.line}"

    @property
    def key(self) -> tuple[str, str, str]:
        """The key of the mutant in equivalent.toml, which has no line numbers: module, code, change."""
        return str(self.module.relative_to(ROOT)), self.code, self.mutant.what


@dataclass(slots=True)
class Tally:
    """The mutants of one group."""

    every: int = 0  # the number of mutants
    equivalent: int = 0
    tried: list[Wrong] = field(default_factory=list)

    @property
    def score(self) -> Fraction:
        """The fraction of the tried mutants that a test noticed."""
        return Fraction(sum(wrong.noticed for wrong in self.tried), len(self.tried) or 1)


def main(arguments: Sequence[str]) -> int:
    """Compute the scores; exit code 1 if a group is below the goal."""
    options = _parsed(arguments)
    selection = groups()
    with tempfile.TemporaryDirectory() as folder:
        data = (options.data or Path(folder)) / "reach"
        if not data.exists():
            reach.measure(selection, options.workers, data)
        measured = reach.read(selection, data)
    tallies = {name: Tally() for name in selection.modules if options.group in ("", name)}
    equivalents = {(one["module"], one["code"], one["change"]) for one in _equivalent_entries()}
    for name, tally in tallies.items():
        for module in selection.modules[name]:
            if options.module in str(module):
                _collect(tally, name, module, equivalents)
    _draw(tallies, options.sample, options.seed)
    chosen = [wrong for tally in tallies.values() for wrong in tally.tried]
    for wrong in chosen:
        wrong.tests = _tests(wrong, measured, selection.modules[wrong.group])
    trial.warm_up(selection.tests)
    _try_all(chosen, measured, options.workers)
    text = _table(tallies, options.seed)
    sys.stdout.write(text)
    if not (options.group or options.module):
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


def _equivalent_entries() -> list[dict[str, str]]:
    entries: list[dict[str, str]] = tomllib.loads(EQUIVALENT.read_text("utf-8")).get("equivalent", [])
    return entries


def _collect(tally: Tally, group: str, module: Path, equivalents: set[tuple[str, str, str]]) -> None:
    source = module.read_text("utf-8")
    lines = source.splitlines()
    for mutant in mutants(source):
        wrong = Wrong(group, module, mutant, lines[mutant.line - 1].strip())
        tally.every += 1
        if wrong.key in equivalents:
            tally.equivalent += 1
        else:
            tally.tried.append(wrong)


def _draw(tallies: dict[str, Tally], sample: int, seed: str) -> None:
    """Reduce each group to `sample` mutants; the choice depends on the seed and the code of each mutant only."""

    def rank(wrong: Wrong) -> str:
        return hashlib.sha256("\0".join((seed, *wrong.key)).encode()).hexdigest()

    for tally in tallies.values():
        drawn = sorted(tally.tried, key=rank)[:sample]
        tally.tried = sorted(drawn, key=lambda wrong: (wrong.module, wrong.mutant.line))


def _tests(wrong: Wrong, measured: reach.Reach, group: Sequence[Path]) -> Sequence[str]:
    """Tests that reach the line: as many of the best as fit the time, and a selection of the others, quick to slow."""
    lines = measured.lines[wrong.module]
    # A line without a test of its own runs on import, so any test of the module can notice it.
    reaching = lines.get(wrong.mutant.line) or frozenset().union(*lines.values())
    ordered = measured.best_first(reaching, group)
    best = _within(ordered, measured)
    others = [test for test in ordered if test not in best]
    return [*best, *_within(others[:: max(1, len(others) // OTHERS)], measured)]


def _within(tests: Sequence[str], measured: reach.Reach) -> list[str]:
    """The tests that run within `LONGEST` seconds in total; a test that is too slow is skipped, later ones are not."""
    chosen, remaining = [], LONGEST
    for test in tests:
        if measured.seconds[test] <= remaining:
            chosen.append(test)
            remaining -= measured.seconds[test]
    return chosen


def _try_all(chosen: Sequence[Wrong], measured: reach.Reach, workers: int) -> None:
    """Run the trial of every mutant, `workers` at a time; tests that fail without any change are left out."""
    _leave_out_failing(chosen, measured, workers)
    pending, running, started_at = list(reversed(chosen)), dict[int, tuple[trial.Trial, Wrong]](), time.monotonic()
    while pending or running:
        while pending and len(running) < workers:
            wrong = pending.pop()
            if not wrong.tests:
                continue  # no test can notice it
            started = _trial(wrong.module, wrong.mutant.source(), wrong.tests, measured)
            started.start()
            running[started.pid] = started, wrong
        time.sleep(0.01)
        for pid, (started, wrong) in list(running.items()):
            noticed = started.poll()
            if noticed is None:
                continue
            wrong.noticed = noticed
            started.failed()
            del running[pid]
            if not noticed:
                _log(f"survived  {wrong.where}  {wrong.mutant.what}")
    _log(f"{len(chosen)} mutants in {time.monotonic() - started_at:.0f} s")


def _leave_out_failing(chosen: Sequence[Wrong], measured: reach.Reach, workers: int) -> None:
    """Remove tests that fail in these processes without any change: they would fail for every mutant."""
    tests = sorted({test for wrong in chosen for test in wrong.tests})
    module = chosen[0].module if chosen else ROOT
    parts = [part for part in (tests[start::workers] for start in range(workers)) if part]
    running = [_trial(module, module.read_text("utf-8"), part, measured) for part in parts]
    for unchanged in running:
        unchanged.start(to_the_end=True)
    failing: set[str] = set()
    for unchanged in running:
        while (noticed := unchanged.poll()) is None:
            time.sleep(0.05)
        failed = unchanged.failed()
        if noticed and not failed:
            message = "the tests cannot be run without any change"
            raise RuntimeError(message)
        failing.update(failed)
    for wrong in chosen:
        wrong.tests = [test for test in wrong.tests if test not in failing]
    for test in sorted(failing):
        _log(f"left out: {test} fails here without any change")


def _trial(module: Path, source: str, tests: Sequence[str], measured: reach.Reach) -> trial.Trial:
    return trial.Trial(module, source, tests, PATIENCE + 4 * sum(measured.seconds[test] for test in tests))


def _log(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _table(tallies: dict[str, Tally], seed: str) -> str:
    rows: list[str] = []
    survivors: list[str] = []
    for name, tally in tallies.items():
        rows.append(f"| **{name}** | all | {tally.every} | {tally.equivalent} | {_figures(tally.tried)} |")
        rows += [f"| | {module} | | | {_figures(tried)} |" for module, tried in _by_module(tally.tried)]
        survivors += [f"- `{wrong.where}` {_code(wrong.mutant.what)}" for wrong in tally.tried if not wrong.noticed]
    return "\n".join([_HEAD.format(seed=seed), *rows, "", "## Not noticed", "", *(survivors or ["None."]), ""])


def _code(text: str) -> str:
    return "`` " + text.replace("\n", " ") + " ``"


def _figures(tried: Sequence[Wrong]) -> str:
    noticed = sum(wrong.noticed for wrong in tried)
    return f"{len(tried)} | {noticed} | {100 * noticed / (len(tried) or 1):.1f} %"


def _by_module(tried: Iterable[Wrong]) -> list[tuple[str, list[Wrong]]]:
    groups_by_module: dict[str, list[Wrong]] = {}
    for wrong in tried:
        groups_by_module.setdefault(str(wrong.module.relative_to(ROOT)), []).append(wrong)
    return sorted(groups_by_module.items())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
