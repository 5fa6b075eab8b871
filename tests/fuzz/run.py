"""`make fuzz`: each target for some time, one after the other; what was found is kept in build/fuzz.

`python -m tests.fuzz.run --again FILE` judges an input that was kept once more.
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
    """The number of findings, at most 100."""
    parser = argparse.ArgumentParser(prog="tests.fuzz.run")
    parser.add_argument("targets", nargs="*", default=list(TARGETS), help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=float, default=1800, help="for each target")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--again", type=Path, help="an input that was kept")
    args = parser.parse_args()
    if args.again:
        return _again(args.again)
    found = 0
    for name in args.targets:
        with TARGETS[name]() as target:
            result = run(target, args.seconds, KEPT, seed=args.seed)
        found += len(result.findings)
        told = f"{result.executions} executions, {len(result.outcomes)} outcomes, {len(result.findings)} findings"
        sys.stdout.write(f"{name}: {told} (seed {args.seed})\n")
        for place, (_, wrong) in result.findings.items():
            sys.stdout.write(f"  {place}: {ascii(wrong)[1:200]}\n")
        sys.stdout.flush()
    return min(found, 100)


def _again(path: Path) -> int:
    name = path.name.rpartition("-")[0]
    with TARGETS[name]() as target:
        outcomes, wrong = judged(target, path.read_bytes())
    sys.stdout.write(f"{wrong or 'no finding: ' + '; '.join(sorted(outcomes))}\n")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
