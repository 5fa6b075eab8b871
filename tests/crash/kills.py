"""The kills that a scenario has to survive: at every point, by the server at every write, and of the recovery."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from tests.crash.rig import KILLED, Scenario


@dataclass(frozen=True)
class AtPoint:
    """A kill at a point of the client, and then at points of the runs that go on from there."""

    points: tuple[int, ...]

    def strike(self, scenario: Scenario) -> str:
        """Kill; where that was."""
        ended = [scenario.apply(at) for at in self.points]
        # A run in parallel need not come to its last points, nor a shorter one to those of the first.
        assert all(one.code in (KILLED, 0) for one in ended), [one.out + one.err for one in ended]
        return ", then ".join(one.label for one in ended)

    def __str__(self) -> str:
        return "at " + ", ".join(map(str, self.points))


@dataclass(frozen=True)
class ByServer:
    """A kill by the server, before or after it has made the change."""

    method: str
    number: int  # which of the calls with this method, from 0
    phase: str

    def strike(self, scenario: Scenario) -> str:
        """Kill; where that was."""
        account = scenario.project.account
        account.fault(match=f"{self.method} *", kind="kill", phase=self.phase, skip=self.number)
        ended = scenario.apply()
        account.control("DELETE", "faults")
        assert ended.code == KILLED, ended.out + ended.err
        return str(self)

    def __str__(self) -> str:
        return f"{self.phase} {self.method} {self.number + 1} is carried out"


Kill = AtPoint | ByServer


def everywhere(points: int, every: int = 1) -> Iterator[Kill]:
    """A kill at each point, or at each so many-th."""
    yield from (AtPoint((at,)) for at in range(1, points + 1, every))


def by_server(methods: Counter[str], every: int = 1) -> Iterator[Kill]:
    """A kill before and after each write of a run."""
    for method, count in sorted(methods.items()):
        for phase in ("before", "after"):
            yield from (ByServer(method, number, phase) for number in range(0, count, every))


def repeated(points: int, count: int, seed: int = 0) -> Iterator[Kill]:
    """Kills of a run and of up to four that go on after it, at points by chance; most work is done in the middle."""
    chance = random.Random(seed)
    for _ in range(count):
        first = chance.randint(points // 8, points)
        yield AtPoint((first, *(chance.randint(1, max(1, points // 2)) for _ in range(chance.randint(1, 4)))))
