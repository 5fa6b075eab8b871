"""`make fuzz`: fuzzes one target after the other; findings are saved in build/fuzz.

`python -m tests.fuzz.run --again FILE` checks a saved input again.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tests.fuzz.engine import judged, run
from tests.fuzz.targets import TARGETS

KEPT = Path("build/fuzz")


def main() -> int:
    """Fuzz the targets; return the number of findings, at most 100, as the exit code."""
    parser = argparse.ArgumentParser(prog="tests.fuzz.run")
    parser.add_argument("targets", nargs="*", default=list(TARGETS), help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=float, default=1800, help="for each target")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--again", type=Path, help="an input that was kept")
    args = parser.parse_args()
    if args.again:
        return _check_saved(args.again)
    findings = 0
    for name in args.targets:
        with TARGETS[name]() as target:
            result = run(target, args.seconds, KEPT, seed=args.seed)
        findings += len(result.findings)
        summary = f"{result.executions} executions, {len(result.outcomes)} outcomes, {len(result.findings)} findings"
        sys.stdout.write(f"{name}: {summary} (seed {args.seed})\n")
        for place, (_, defect) in result.findings.items():
            sys.stdout.write(f"  {place}: {ascii(defect)[1:200]}\n")
        sys.stdout.flush()
    return min(findings, 100)


def _check_saved(path: Path) -> int:
    name = path.name.rpartition("-")[0]
    with TARGETS[name]() as target:
        outcomes, defect = judged(target, path.read_bytes())
    sys.stdout.write(f"{defect or 'no finding: ' + '; '.join(sorted(outcomes))}\n")
    return bool(defect)


if __name__ == "__main__":
    sys.exit(main())
