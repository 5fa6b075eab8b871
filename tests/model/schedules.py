"""`make model`: random schedules of runs, people, an unreliable server, lost locks and kills, checked by the rules.

python -m tests.model.schedules [--schedules N] [--seed N] [--workers N] [--only WORD]

Within the limits of docs/design/limits.md, the whole protocol must break no rule.  Each protocol without one part must
break a rule, or the part would be useless.  Beyond each limit, the rates of broken rules are only printed.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import asdict, replace

from tests.history import events
from tests.history.events import Begin, Commit, End, Killed, ManifestsChanged
from tests.history.rules import RULES, Limits, Verdict, judge
from tests.model import people
from tests.model.protocol import KINDS, PROJECT, Disk, Manifests, Run, Steps, Variant
from tests.model.server import Odds, World

WHOLE = Variant()
WITHIN = Odds()
NOTHING_LEFT = Variant(**dict.fromkeys(asdict(WHOLE), False))
LACKING = {f"without {part}": replace(WHOLE, **{part: False}) for part in asdict(WHOLE) if part != "token"}
# For parts that are seldom needed: odds at which their case is frequent; the whole protocol must hold there, too.
OFTEN = {
    "without per_kind": replace(WITHIN, stall=0.6, untested=0.5, during_stall=0.9),
    "without passes": replace(WITHIN, shift=0.5, kill=0.05),
    "without created": replace(WITHIN, reuse=0.9),
    "without delay": replace(WITHIN, recording=25.0, latest=110.0, unanswered=0.2, late=0.6, kill=0.05),
}
# Parts that need not break a rule: two passes over a list only prevent a create with a name that an object missing from
# the list has, which no rule forbids; `per_kind` matters too seldom to be seen in a few hundred schedules.
UNJUDGED = ("without passes", "without per_kind")
LATE = replace(WITHIN, latest=400.0, unanswered=0.2, late=0.6)
BEYOND = {
    "two checkouts of a project": replace(WITHIN, checkouts=2),
    "a create that takes effect later than settle": LATE,
    "lists that lag behind by more than settle": replace(WITHIN, lag=300.0),
    "two passes over a list that miss the same object": replace(WITHIN, shift=0.3, shifts_twice=True),
    "an identical object of somebody else": replace(WITHIN, image=0.5),
    "a stall between the last check and the first byte": replace(WITHIN, stall_after_fence=0.06),
}
CHUNK = 250
# For `Limits.unseen`: a read and its call are at most FRESH seconds apart, and a response takes a moment.
UNSEEN_SECONDS = 6.0
FAILURES = Path("build/histories")
DUPLICATE, LOST, STRANGER = "created-once", "no-lost-update", "no-stranger"


class Trial(Struct, frozen=True):
    """The parameters that reproduce a schedule."""

    seed: int
    variant: Variant = WHOLE
    odds: Odds = WITHIN


class Counts(Struct):
    """The counts of a number of schedules."""

    schedules: int = 0
    broken: Counter[str] = msgspec.field(default_factory=Counter)  # the number of schedules that broke each rule
    looked: Counter[str] = msgspec.field(default_factory=Counter)  # the number of checks of each rule
    first: dict[str, int] = msgspec.field(default_factory=dict)  # the seed of the first schedule that broke each rule
    costly: int = 0  # the number of schedules with a duplicate of the costly kind
    person: int = 0  # the number of schedules that need a person in the end

    def add(self, other: Counts) -> None:
        """Add the counts of other schedules."""
        self.schedules += other.schedules
        self.broken += other.broken
        self.looked += other.looked
        self.person += other.person
        self.costly += other.costly
        self.first = {**other.first, **self.first}


def play(trial: Trial) -> World:
    """Play one schedule; the events of the returned world are its history."""
    world = World(random.Random(trial.seed), trial.odds)
    manifests = Manifests(
        dict.fromkeys(KINDS, "text 0"),
        {address: name for address, name in people.NAMES.items() if world.chance.random() < 0.6},
    )
    world.emit(ManifestsChanged(PROJECT, {address: manifests.fields(address) for address in manifests.texts}))
    disks = [Disk(f"s{number}") for number in range(trial.odds.checkouts)]
    actors = [people.portal(world), people.author(world, manifests)]
    starts = _Starts(world, manifests, disks, trial.variant)
    _interleave(world, starts, actors)
    _finish(world, starts)
    return world


class _Starts:
    """Starts runs, each with a new name."""

    def __init__(self, world: World, manifests: Manifests, disks: list[Disk], variant: Variant) -> None:
        self._world, self._manifests, self._disks, self._variant = world, manifests, disks, variant
        self.count = 0

    def __call__(self) -> tuple[str, Steps]:
        self.count += 1
        who = f"run {self.count}"
        disk = self._disks[self.count % len(self._disks)]
        key = self._world.chance.choice(["k", "other"])
        return who, Run(self._world, disk, self._manifests, self._variant, who, key).go()


def _interleave(world: World, start: _Starts, others: list[Steps], runs: int = 5) -> None:
    """Let two runs at a time and people take turns at random, until all runs ended or were killed.

    The next run starts when one ends or is killed.
    """
    runners: dict[str, Steps] = {}
    waits: dict[int, float] = {}
    while runs or runners:
        while runs and len(runners) < 2:
            who, steps = start()
            runners[who] = steps
            runs -= 1
        actor = world.chance.choice([*runners.values(), *others])
        if waits.get(id(actor), 0.0) > world.now:
            world.pass_time(world.chance.uniform(0, 10))
            continue
        who = next((name for name, steps in runners.items() if steps is actor), "")
        if who and world.happens(world.odds.kill):
            actor.close()
            del runners[who]
            if _has_begun(world, who):
                world.emit(Killed(who, time=world.now))
            continue
        try:
            waits[id(actor)] = world.now + next(actor)
        except StopIteration:
            waits.pop(id(actor), None)
            runners.pop(who, None)
            others[:] = [other for other in others if other is not actor]
        world.pass_time(world.chance.uniform(0, 0.5))


def _has_begun(world: World, who: str) -> bool:
    return any(isinstance(event, Begin) and event.who == who for event in world.events)


def _finish(world: World, start: _Starts) -> None:
    """Final runs without people and faults, after all late effects."""
    world.calm = True
    for _ in range(5 * world.odds.checkouts):
        world.pass_time(max(world.odds.latest, world.odds.lag, world.odds.lease) + 1)
        _, steps = start()
        for pause in steps:
            world.pass_time(pause + 0.01)


def limits(world: World) -> Limits:
    """The exceptions from the rules that docs/design/limits.md documents."""
    untested = frozenset(kind for kind, obeyed in world.obeys.items() if not obeyed)
    return Limits(unseen=UNSEEN_SECONDS, untested=untested)


def play_and_judge(trial: Trial) -> tuple[World, Verdict]:
    """Play a schedule, and check its history against the rules."""
    world = play(trial)
    return world, judge(world.events, limits(world))


def counted(variant: Variant, odds: Odds, seeds: range) -> Counts:
    """Play the schedules of some seeds, and count the broken rules."""
    counts = Counts()
    for seed in seeds:
        world, verdict = play_and_judge(Trial(seed, variant, odds))
        counts.schedules += 1
        counts.looked += verdict.looked
        rules = {violation.rule for violation in verdict.violations}
        counts.costly += _costly_twice(world)
        counts.broken.update(rules)
        for rule in rules:
            counts.first.setdefault(rule, seed)
        counts.person += _needs_a_person(world)
    return counts


def _costly_twice(world: World) -> bool:
    """Whether more than one costly object that runs created exists in the end."""
    creates = [event for event in world.events if isinstance(event, Commit) and event.action == "create" and event.call]
    created = {(commit.id, commit.time) for commit in creates if commit.kind == "costly"}
    return sum((thing.id, thing.created) in created for thing in world.things.values()) > 1


def _needs_a_person(world: World) -> bool:
    last = world.events[-1]
    return isinstance(last, End) and last.code != 0


def main(arguments: Sequence[str]) -> int:
    """Run all variants; exit code 1 if the whole protocol breaks a rule within the limits, or a part is useless."""
    parser = argparse.ArgumentParser(prog="schedules")
    parser.add_argument("--schedules", type=int, default=100_000, metavar="N", help="of the whole protocol")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the first one")
    parser.add_argument("--workers", type=int, default=2, metavar="N")
    parser.add_argument("--only", default="", metavar="WORD", help="variants whose names have this word")
    options = parser.parse_args(arguments)
    part = max(1, options.schedules // 50)
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        count = partial(_count, pool, options)
        _print_line("within the limits:")
        whole = count("the whole protocol", WHOLE, WITHIN, options.schedules)
        lacking = {name: count(name, variant, OFTEN.get(name, WITHIN), part) for name, variant in LACKING.items()}
        often = [count(f"the whole protocol, odds of {name!r}", WHOLE, odds, part) for name, odds in OFTEN.items()]
        count("without all of these parts", NOTHING_LEFT, WITHIN, part)
        for name, odds in BEYOND.items():
            count(f"beyond: {name}", WHOLE, odds, part)
        # The benefit of a token is beyond the limits: fewer costly objects exist twice in the end.
        late = count("beyond: late creates", WHOLE, LATE, part * 4)
        tokenless = count("beyond: late creates, without token", replace(WHOLE, token=False), LATE, part * 4)
    if whole:
        _print_line("checks: " + ", ".join(f"{rule} {whole.looked[rule]}" for rule in RULES))
    idle = [name for name, counts in lacking.items() if counts and not counts.broken and name not in UNJUDGED]
    for name in idle:
        _print_line(f"no rule was broken {name}: the model does not show that this part is needed")
    if late and tokenless and late.costly >= tokenless.costly:
        _print_line(f"tokens: {late.costly} costly objects twice with them, {tokenless.costly} without")
        return 1
    return 1 if idle or any(counts.broken for counts in (whole, *often) if counts) else 0


def _count(
    pool: ProcessPoolExecutor, options: argparse.Namespace, name: str, variant: Variant, odds: Odds, schedules: int
) -> Counts | None:
    if options.only not in name:
        return None
    started, total, seed = time.monotonic(), Counts(), options.seed
    last = started
    parts = [range(at, min(at + CHUNK, seed + schedules)) for at in range(seed, seed + schedules, CHUNK)]
    for counts in pool.map(partial(counted, variant, odds), parts):
        total.add(counts)
        if time.monotonic() - last > 20:
            last = time.monotonic()
            _print_line(f"    {total.schedules} of {schedules}, {total.schedules / (last - started):.0f} per second")
    seconds = time.monotonic() - started
    _print_line(f"  {name:52} {total.schedules:7} {_rates(total)}  {total.schedules / seconds:.0f} per second")
    _save_failures(name, variant, odds, total)
    return total


def _rates(counts: Counts) -> str:
    broken = {"duplicates": DUPLICATE, "lost updates": LOST, "objects of others": STRANGER}
    rest = {rule: rule for rule in RULES if rule not in broken.values() and counts.broken[rule]}
    rates = [f"{word} {counts.broken[rule]}" for word, rule in {**broken, **rest}.items()]
    return ", ".join(
        [*rates, f"costly twice {counts.costly}", f"needs a person {counts.person / counts.schedules:.1%}"]
    )


def _save_failures(name: str, variant: Variant, odds: Odds, counts: Counts) -> None:
    for rule, seed in counts.first.items():
        trial = Trial(seed, variant, odds)
        keep(FAILURES / f"model-{name}-{rule}.jsonl".replace(" ", "-").replace(":", ""), trial)


def keep(path: Path, trial: Trial) -> None:
    """Save the history of a schedule to a file, after a comment with the trial that reproduces it."""
    events.write(path, play(trial).events)
    remark = json.dumps({"trial": msgspec.to_builtins(trial)})
    path.write_text(f"# {remark}\n" + path.read_text("utf-8"), "utf-8")


def _print_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
