"""`make model`: random interleavings of runs, people, lost and late answers, and kills; prints what went wrong.

python -m tests.model.schedules [--schedules N] [--seed N]
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from tests.model import creating, updating
from tests.model.world import Odds, World, finish, interleave

ASSUMED = Odds()
OUTSIDE = {
    "without the lock": Odds(locked=False),
    "made after the settle time": Odds(latest=400.0),
    "strangers that are the very image": Odds(image=0.5),
}
Trial = Callable[[int], Counter[str]]


def created(protocol: creating.Protocol, odds: Odds, seed: int) -> Counter[str]:
    """One schedule of creates, and what was wrong in the end."""
    world, disk = World(random.Random(seed), odds), creating.Disk()
    start = partial(protocol, world, disk)
    interleave(world, start, [creating.portal(world)], runs=4)
    finish(world, start)
    return creating.judged(world, disk)


def updated(odds: Odds, seed: int, *, tested: bool) -> Counter[str]:
    """One schedule of updates, and what was wrong."""
    world, held = World(random.Random(seed), odds), updating.Held()
    start = partial(updating.run, world, held, tested=tested)
    interleave(world, start, [updating.portal(world, held), updating.author(world, held)], runs=5)
    finish(world, start)
    return updating.judged(held)


def counted(trial: Trial, schedules: int, seed: int) -> tuple[Counter[str], dict[str, int]]:
    """How many schedules went wrong, by what was wrong, and the first seed of each."""
    found: Counter[str] = Counter()
    first: dict[str, int] = {}
    for one in range(seed, seed + schedules):
        for what, times in trial(one).items():
            if times:
                found[what] += 1
                first.setdefault(what, one)
    return found, first


def trials(odds: Odds) -> dict[str, Trial]:
    """Every protocol under some odds."""
    made: dict[str, Trial] = {
        f"create {name}": partial(created, protocol, odds) for name, protocol in creating.PROTOCOLS.items()
    }
    return {
        **made,
        "update with test": partial(updated, odds, tested=True),
        "update without": partial(updated, odds, tested=False),
    }


def main(arguments: Sequence[str]) -> int:
    """Count; 1 when our protocol does wrong under its assumptions."""
    parser = argparse.ArgumentParser(prog="schedules")
    parser.add_argument("--schedules", type=int, default=100_000, metavar="N", help="of each, under the assumptions")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the first one")
    told = parser.parse_args(arguments)
    _say(f"under the assumptions (lock held; what is late comes within {ASSUMED.latest:g} s of {ASSUMED.settle:g}):")
    found = {name: _shown(name, one, told.schedules, told.seed) for name, one in trials(ASSUMED).items()}
    for title, odds in OUTSIDE.items():
        _say(f"outside: {title}:")
        for name, one in trials(odds).items():
            _shown(name, one, max(1, told.schedules // 10), told.seed)
    ours = found["create by look"] + found["update with test"]
    return 1 if ours["duplicates"] or ours["adopted"] or ours["lost"] else 0


def _shown(name: str, trial: Trial, schedules: int, seed: int) -> Counter[str]:
    begun = time.monotonic()
    found, first = counted(trial, schedules, seed)
    kinds = ("lost",) if name.startswith("update") else ("duplicates", "adopted")
    told = [f"{what} {found[what]}" + (f" (seed {first[what]})" if found[what] else "") for what in (*kinds, "person")]
    _say(f"  {name:18} {schedules:7} schedules  {', '.join(told)}  {time.monotonic() - begun:.0f} s")
    return found


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
