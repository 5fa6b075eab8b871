"""An account, a disk and a clock for protocols to run in, and the chance that decides what goes wrong and when.

Actors are generators: at every `yield` another actor may go on, time may pass, and a run may be killed.  What an actor
yields is how long it waits at least.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TypeVar

Steps = Generator[float, None, None]
Made = TypeVar("Made")
STRANGER = "stranger"


@dataclass(slots=True)
class Thing:
    """An object of the account."""

    number: int
    name: str
    content: str
    maker: str  # for whom it was made: an address, or a stranger


@dataclass(frozen=True, slots=True)
class Odds:
    """What may go wrong, and what may not: the assumptions of a schedule."""

    kill: float = 0.04  # at each step of a run
    lost: float = 0.15  # a request that never arrives
    unanswered: float = 0.15  # a change that is made and not told of
    late: float = 0.15  # of those not told of: made only after a while
    latest: float = 80.0  # how late at most
    settle: float = 120.0  # how long a run looks before it says that nothing was made
    locked: bool = True  # one run at a time
    image: float = 0.0  # strangers that are the very image of what is wanted


class Lost(Exception):
    """No answer: nobody can say whether the change was made."""


class APerson(Exception):
    """Not to be decided by a program."""


@dataclass(slots=True)
class World:
    """Everything there is, and the next chance."""

    chance: random.Random
    odds: Odds
    now: float = 0.0
    things: dict[int, Thing] = field(default_factory=dict)
    coming: list[tuple[float, Callable[[], object]]] = field(default_factory=list)  # changes that are late
    count: int = 0
    holder: object = None  # of the lock
    calm: bool = False  # nothing goes wrong any more

    def happens(self, probability: float) -> bool:
        """Whether it does, this time."""
        return not self.calm and self.chance.random() < probability

    def make(self, name: str, content: str, maker: str) -> Thing:
        """A new object."""
        self.count += 1
        self.things[self.count] = Thing(self.count, name, content, maker)
        return self.things[self.count]

    def send(self, change: Callable[[], Made]) -> Made:
        """A request: the answer, or Lost."""
        if self.happens(self.odds.lost):
            raise Lost
        if not self.happens(self.odds.unanswered):
            return change()
        if self.happens(self.odds.late):
            self.coming.append((self.now + self.chance.uniform(0, self.odds.latest), change))
        else:
            change()
        raise Lost

    def pass_time(self, seconds: float) -> None:
        """Let time pass; what is late happens on its way."""
        self.now += seconds
        due = sorted((one for one in self.coming if one[0] <= self.now), key=lambda one: one[0])
        self.coming = [one for one in self.coming if one[0] > self.now]
        for _, change in due:
            change()


def alone(world: World, steps: Steps) -> Steps:
    """A run that holds the lock, or ends at once where another one does; a kill frees it, as the kernel does."""
    if world.odds.locked and world.holder:
        return
    world.holder = steps
    try:
        yield from steps
    except APerson:
        return
    finally:
        if world.holder is steps:
            world.holder = None


def interleave(world: World, start: Callable[[], Steps], others: list[Steps], *, runs: int) -> None:
    """Let two runs at a time and the others take turns by chance; a run that ended or was killed gets a successor."""
    runners: list[Steps] = []
    waits: dict[int, float] = {}
    while runs or runners:
        while runs and len(runners) < 2:
            runners.append(alone(world, start()))
            runs -= 1
        actor = world.chance.choice([*runners, *others])
        if waits.get(id(actor), 0.0) > world.now:
            world.pass_time(world.chance.uniform(0, 10))
        elif actor in runners and world.happens(world.odds.kill):
            actor.close()
            runners.remove(actor)
        else:
            _go_on(world, actor, runners if actor in runners else others, waits)


def _go_on(world: World, actor: Steps, among: list[Steps], waits: dict[int, float]) -> None:
    try:
        waits[id(actor)] = world.now + next(actor)
    except StopIteration:
        waits.pop(id(actor), None)
        among.remove(actor)
    world.pass_time(world.chance.uniform(0, 1))


def finish(world: World, start: Callable[[], Steps], *, runs: int = 3) -> None:
    """Runs without anybody else and without faults, once all that is late has happened, too."""
    world.calm = True
    for _ in range(runs):
        for pause in alone(world, start()):
            world.pass_time(pause + 0.01)
        world.pass_time(world.odds.latest)
