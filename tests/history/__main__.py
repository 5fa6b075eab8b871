"""python -m tests.history FILE...: check saved histories against the rules; exit code 1 if a rule is broken."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.history.events import Event, read, to_json_line
from tests.history.rules import RULES, Verdict, judge


def main(arguments: Sequence[str]) -> int:
    """Check each file, and print every violation with the events that show it."""
    parser = argparse.ArgumentParser(prog="python -m tests.history")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--all", action="store_true", help="print the whole history, too")
    options = parser.parse_args(arguments)
    broken = 0
    for path in options.files:
        events = read(path)
        verdict = judge(events)
        broken += len(verdict.violations)
        if options.all:
            sys.stdout.writelines(f"{index:5} {to_json_line(event)}\n" for index, event in enumerate(events))
        sys.stdout.write(f"{path}: {len(events)} events, {len(verdict.violations)} broken\n{shown(verdict, events)}")
    return 1 if broken else 0


def shown(verdict: Verdict, events: Sequence[Event]) -> str:
    """A verdict as text: each violation with its events, then the counts."""
    lines = []
    for violation in verdict.violations:
        lines.append(f"{violation.rule}: {violation.text}")
        lines += [f"    {index:5} {to_json_line(events[index])[:300]}" for index in violation.events]
    return "".join(line + "\n" for line in (*lines, counts(verdict)))


def counts(verdict: Verdict) -> str:
    """How many times each rule had something to check, as one line."""
    return "looked: " + ", ".join(f"{rule} {verdict.looked[rule]}" for rule in RULES)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
