"""`make model`: runs, people, a free server, lost locks and kills in random schedules, each judged by the rules.

python -m tests.model.schedules [--schedules N] [--seed N] [--workers N] [--only WORD]

Under the limits that docs/design/limits.md writes down the whole protocol must do nothing wrong; each protocol that
lacks a part must do something wrong, or the part is for nothing; beyond each limit the rates are printed.
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
from tests.history.events import Begin, Commit, End, Killed, Wants
from tests.history.rules import RULES, Limits, Verdict, judge
from tests.model import people
from tests.model.protocol import KINDS, PROJECT, Disk, Manifests, Run, Steps, Variant
from tests.model.server import Odds, World

WHOLE = Variant()
WITHIN = Odds()
NOTHING_LEFT = Variant(**dict.fromkeys(asdict(WHOLE), False))
LACKING = {f"without {part}": replace(WHOLE, **{part: False}) for part in asdict(WHOLE) if part != "token"}
# Where a part is seldom needed, what it is for happens more often; the whole protocol must hold there, too.
OFTEN = {
    "without per_kind": replace(WITHIN, stall=0.6, untested=0.5, during_stall=0.9),
    "without passes": replace(WITHIN, shift=0.5, kill=0.05),
    "without created": replace(WITHIN, reuse=0.9),
    "without delay": replace(WITHIN, recording=25.0, latest=110.0, unanswered=0.2, late=0.6, kill=0.05),
}
# Two passes keep a create from getting the name of a stranger that a list lacked, which is no rule of a history; and
# that a kind is asked for itself matters too seldom to be seen in some hundred schedules.
UNJUDGED = ("without passes", "without per_kind")
LATE = replace(WITHIN, latest=400.0, unanswered=0.2, late=0.6)
BEYOND = {
    "two checkouts of a project": replace(WITHIN, checkouts=2),
    "a create that comes later than settle": LATE,
    "lists behind by more than settle": replace(WITHIN, lag=300.0),
    "two passes over a list that lack the same": replace(WITHIN, shift=0.3, shifts_twice=True),
    "a stranger that is the very image": replace(WITHIN, image=0.5),
    "a stall between the last look and the first byte": replace(WITHIN, stall_after_fence=0.06),
}
CHUNK = 250
REDACTED = 6.0  # seconds: a look and its call are at most FRESH apart, and an answer takes a moment
FAILURES = Path("build/histories")
DUPLICATE, LOST, STRANGER = "created-once", "no-lost-update", "no-stranger"


class Trial(Struct, frozen=True):
    """What it takes to do a schedule again."""

    seed: int
    variant: Variant = WHOLE
    odds: Odds = WITHIN


class Found(Struct):
    """What some schedules came to."""

    schedules: int = 0
    broken: Counter[str] = msgspec.field(default_factory=Counter)  # schedules by rule
    looked: Counter[str] = msgspec.field(default_factory=Counter)
    first: dict[str, int] = msgspec.field(default_factory=dict)
    costly: int = 0  # schedules with a duplicate of the costly kind
    person: int = 0  # schedules that in the end need a person

    def add(self, other: Found) -> None:
        """Put two together."""
        self.schedules += other.schedules
        self.broken += other.broken
        self.looked += other.looked
        self.person += other.person
        self.costly += other.costly
        self.first = {**other.first, **self.first}


def played(trial: Trial) -> World:
    """One schedule; its history is in the world's events."""
    world = World(random.Random(trial.seed), trial.odds)
    manifests = Manifests(
        dict.fromkeys(KINDS, "text 0"),
        {one: name for one, name in people.NAMES.items() if world.chance.random() < 0.6},
    )
    world.emit(Wants(PROJECT, {one: manifests.fields(one) for one in manifests.texts}))
    disks = [Disk(f"s{number}") for number in range(trial.odds.checkouts)]
    actors = [people.portal(world), people.author(world, manifests)]
    starts = _Starts(world, manifests, disks, trial.variant)
    _interleave(world, starts, actors)
    _finish(world, starts)
    return world


class _Starts:
    """Starts runs, each under a name of its own."""

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
    """Two runs at a time and people take turns by chance; a run that ended or was killed gets a successor."""
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
        who = next((one for one, steps in runners.items() if steps is actor), "")
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
            others[:] = [one for one in others if one is not actor]
        world.pass_time(world.chance.uniform(0, 0.5))


def _has_begun(world: World, who: str) -> bool:
    return any(isinstance(one, Begin) and one.who == who for one in world.events)


def _finish(world: World, start: _Starts) -> None:
    """Runs without people and without faults, once all that is late has happened, too."""
    world.calm = True
    for _ in range(5 * world.odds.checkouts):
        world.pass_time(max(world.odds.latest, world.odds.lag, world.odds.lease) + 1)
        _, steps = start()
        for pause in steps:
            world.pass_time(pause + 0.01)


def limits(world: World) -> Limits:
    """What the documentation does not promise: see docs/design/limits.md."""
    untested = frozenset(kind for kind, obeyed in world.obeys.items() if not obeyed)
    return Limits(unseen=REDACTED, untested=untested)


def judged(trial: Trial) -> tuple[World, Verdict]:
    """A schedule and what the rules say of it."""
    world = played(trial)
    return world, judge(world.events, limits(world))


def counted(variant: Variant, odds: Odds, seeds: range) -> Found:
    """What some schedules come to."""
    found = Found()
    for seed in seeds:
        world, verdict = judged(Trial(seed, variant, odds))
        found.schedules += 1
        found.looked += verdict.looked
        rules = {one.rule for one in verdict.violations}
        found.costly += _costly_twice(world)
        found.broken.update(rules)
        for rule in rules:
            found.first.setdefault(rule, seed)
        found.person += _needs_a_person(world)
    return found


def _costly_twice(world: World) -> bool:
    """Whether in the end runs have left more than one object of the costly kind."""
    creates = [one for one in world.events if isinstance(one, Commit) and one.action == "create" and one.call]
    made = {(one.id, one.time) for one in creates if one.kind == "costly"}
    return sum((one.id, one.created) in made for one in world.things.values()) > 1


def _needs_a_person(world: World) -> bool:
    last = world.events[-1]
    return isinstance(last, End) and last.code != 0


def main(arguments: Sequence[str]) -> int:
    """Count; 1 when the whole protocol does wrong within the limits, or a part is for nothing."""
    parser = argparse.ArgumentParser(prog="schedules")
    parser.add_argument("--schedules", type=int, default=100_000, metavar="N", help="of the whole protocol")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the first one")
    parser.add_argument("--workers", type=int, default=2, metavar="N")
    parser.add_argument("--only", default="", metavar="WORD", help="variants whose names have this word")
    told = parser.parse_args(arguments)
    part = max(1, told.schedules // 50)
    with ProcessPoolExecutor(told.workers, mp_context=get_context("spawn")) as pool:
        count = partial(_count, pool, told)
        _say("within the limits:")
        whole = count("the whole protocol", WHOLE, WITHIN, told.schedules)
        lacking = {name: count(name, one, OFTEN.get(name, WITHIN), part) for name, one in LACKING.items()}
        often = [count(f"the whole protocol, odds of {name!r}", WHOLE, odds, part) for name, odds in OFTEN.items()]
        count("without any of it", NOTHING_LEFT, WITHIN, part)
        for name, odds in BEYOND.items():
            count(f"beyond: {name}", WHOLE, odds, part)
        # What a token is for lies beyond the limits: fewer costly objects are there twice in the end.
        late = count("beyond: late creates", WHOLE, LATE, part * 4)
        tokenless = count("beyond: late creates, without token", replace(WHOLE, token=False), LATE, part * 4)
    if whole:
        _say("looked: " + ", ".join(f"{rule} {whole.looked[rule]}" for rule in RULES))
    idle = [name for name, found in lacking.items() if found and not found.broken and name not in UNJUDGED]
    for name in idle:
        _say(f"nothing went wrong {name}: the model cannot tell what it is for")
    if late and tokenless and late.costly >= tokenless.costly:
        _say(f"tokens: {late.costly} costly objects twice with them, {tokenless.costly} without")
        return 1
    return 1 if idle or any(one.broken for one in (whole, *often) if one) else 0


def _count(
    pool: ProcessPoolExecutor, told: argparse.Namespace, name: str, variant: Variant, odds: Odds, schedules: int
) -> Found | None:
    if told.only not in name:
        return None
    begun, found, seed = time.monotonic(), Found(), told.seed
    last = begun
    parts = [range(at, min(at + CHUNK, seed + schedules)) for at in range(seed, seed + schedules, CHUNK)]
    for one in pool.map(partial(counted, variant, odds), parts):
        found.add(one)
        if time.monotonic() - last > 20:
            last = time.monotonic()
            _say(f"    {found.schedules} of {schedules}, {found.schedules / (last - begun):.0f} per second")
    seconds = time.monotonic() - begun
    _say(f"  {name:52} {found.schedules:7} {_rates(found)}  {found.schedules / seconds:.0f} per second")
    _keep(name, variant, odds, found)
    return found


def _rates(found: Found) -> str:
    broken = {"duplicates": DUPLICATE, "lost updates": LOST, "strangers": STRANGER}
    rest = {rule: rule for rule in RULES if rule not in broken.values() and found.broken[rule]}
    told = [f"{word} {found.broken[rule]}" for word, rule in {**broken, **rest}.items()]
    return ", ".join([*told, f"costly twice {found.costly}", f"a person {found.person / found.schedules:.1%}"])


def _keep(name: str, variant: Variant, odds: Odds, found: Found) -> None:
    for rule, seed in found.first.items():
        trial = Trial(seed, variant, odds)
        keep(FAILURES / f"model-{name}-{rule}.jsonl".replace(" ", "-").replace(":", ""), trial)


def keep(path: Path, trial: Trial) -> None:
    """Keep a schedule in a file, with what it takes to do it again."""
    events.write(path, played(trial).events)
    remark = json.dumps({"trial": msgspec.to_builtins(trial)})
    path.write_text(f"# {remark}\n" + path.read_text("utf-8"), "utf-8")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
