"""What a scenario has to survive: kills everywhere, by the server too, and of the recovery; disks that fail."""

from __future__ import annotations

import errno
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from tests.crash.rig import KILLED, Break, Scenario

STATE_UNUSABLE = 9


@dataclass(frozen=True)
class AtPoint:
    """A kill at a point of the client, and then at points of the runs that go on from there."""

    points: tuple[int, ...]

    def strike(self, scenario: Scenario) -> str:
        """Kill; where that was."""
        ended = [scenario.apply(Break(at)) for at in self.points]
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


@dataclass(frozen=True)
class BadDisk:
    """A disk that fails at a write: once, as one does that goes bad, or from then on, as one does that is full."""

    at: int
    error: int
    lasting: bool

    def strike(self, scenario: Scenario) -> str:
        """Fail; where that was.  Nothing may be sent any more that changes something."""
        ended = scenario.apply(Break(self.at, self.error, self.lasting))
        # What is written after everything is done, for an undo and for others who wait, may be missing.
        assert ended.code == STATE_UNUSABLE or (ended.code == 0 and ended.out), ended.out + ended.err
        # Calls beside it may have been on record already.
        assert ended.after < scenario.width, f"{ended.after} sent after a failure at {ended.label}"
        return ended.label

    def __str__(self) -> str:
        return f"{errno.errorcode[self.error]} at write {self.at}{' and after' if self.lasting else ''}"


Kill = AtPoint | ByServer | BadDisk


def spelled(kill: Kill) -> dict[str, Any]:
    """A kill as JSON."""
    return {"kind": type(kill).__name__, **asdict(kill)}


def in_words(body: dict[str, Any]) -> Kill:
    """A kill from its JSON."""
    kinds: dict[str, type[Kill]] = {"AtPoint": AtPoint, "ByServer": ByServer, "BadDisk": BadDisk}
    members: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in body.items()}
    return kinds[members.pop("kind")](**members)


def bad_disks(points: int, every: int = 1) -> Iterator[Kill]:
    """A disk that is full, and one that goes bad, at each write or at each so many-th."""
    for at in range(1, points + 1, every):
        yield from (BadDisk(at, errno.ENOSPC, lasting=True), BadDisk(at, errno.EIO, lasting=False))


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
