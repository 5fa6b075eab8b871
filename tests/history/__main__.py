"""python -m tests.history FILE...: judge histories that were kept; 1 when a rule is broken."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.history.events import Event, read, spelled
from tests.history.rules import RULES, Verdict, judge


def main(arguments: Sequence[str]) -> int:
    """Judge each file, and print what was broken with the events that show it."""
    parser = argparse.ArgumentParser(prog="python -m tests.history")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--all", action="store_true", help="print the whole history, too")
    told = parser.parse_args(arguments)
    broken = 0
    for path in told.files:
        events = read(path)
        verdict = judge(events)
        broken += len(verdict.violations)
        if told.all:
            sys.stdout.writelines(f"{at:5} {spelled(event)}\n" for at, event in enumerate(events))
        sys.stdout.write(f"{path}: {len(events)} events, {len(verdict.violations)} broken\n{shown(verdict, events)}")
    return 1 if broken else 0


def shown(verdict: Verdict, events: Sequence[Event]) -> str:
    """A verdict as text."""
    lines = []
    for one in verdict.violations:
        lines.append(f"{one.rule}: {one.text}")
        lines += [f"    {at:5} {spelled(events[at])[:300]}" for at in one.events]
    return "".join(line + "\n" for line in (*lines, counts(verdict)))


def counts(verdict: Verdict) -> str:
    """How often each rule looked."""
    return "looked: " + ", ".join(f"{rule} {verdict.looked[rule]}" for rule in RULES)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
