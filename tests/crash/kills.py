"""The failures that a scenario has to survive: kills at every point, by the server, during recovery; disk errors."""

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
    """A kill at a point of a run, and then one in each of the runs that recover from it."""

    points: tuple[int, ...]

    def strike(self, scenario: Scenario) -> str:
        """Kill the runs; return the labels of the points."""
        results = [scenario.apply(Break(at)) for at in self.points]
        # A run may end before its point: with parallel calls the count varies, and recoveries are shorter.
        assert all(result.code in (KILLED, 0) for result in results), [result.out + result.err for result in results]
        return ", then ".join(result.label for result in results)

    def __str__(self) -> str:
        return "at " + ", ".join(map(str, self.points))


@dataclass(frozen=True)
class ByServer:
    """A kill by the server, before or after it has carried out a call."""

    method: str
    number: int  # the index of the call among those with this method, from 0
    phase: str

    def strike(self, scenario: Scenario) -> str:
        """Kill the run; return a description of the call."""
        account = scenario.project.account
        account.fault(match=f"{self.method} *", kind="kill", phase=self.phase, skip=self.number)
        result = scenario.apply()
        account.control("DELETE", "faults")
        assert result.code == KILLED, result.out + result.err
        return str(self)

    def __str__(self) -> str:
        return f"{self.phase} {self.method} {self.number + 1} is carried out"


@dataclass(frozen=True)
class BadDisk:
    """A disk error at a write: once, as on a defective disk, or at every write from there on, as on a full disk."""

    at: int
    error: int
    lasting: bool

    def strike(self, scenario: Scenario) -> str:
        """Let the disk fail; return the label of the point.  No changing request may be sent after the error."""
        result = scenario.apply(Break(self.at, self.error, self.lasting))
        # Exit code 0 is fine: files written after all steps (for `undo`, for waiting runs) may be missing.
        assert result.code == STATE_UNUSABLE or (result.code == 0 and result.out), result.out + result.err
        # Parallel calls may have been recorded in the journal before the error.
        assert result.after < scenario.width, f"{result.after} sent after a failure at {result.label}"
        return result.label

    def __str__(self) -> str:
        return f"{errno.errorcode[self.error]} at write {self.at}{' and after' if self.lasting else ''}"


Kill = AtPoint | ByServer | BadDisk


def kill_to_json(kill: Kill) -> dict[str, Any]:
    """A kill as a JSON object."""
    return {"kind": type(kill).__name__, **asdict(kill)}


def kill_from_json(body: dict[str, Any]) -> Kill:
    """A kill from its JSON object; the inverse of `kill_to_json`."""
    kinds: dict[str, type[Kill]] = {"AtPoint": AtPoint, "ByServer": ByServer, "BadDisk": BadDisk}
    members: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in body.items()}
    return kinds[members.pop("kind")](**members)


def bad_disks(points: int, every: int = 1) -> Iterator[Kill]:
    """A full disk (ENOSPC, lasting) and a defective one (EIO, once) at every N-th write."""
    for at in range(1, points + 1, every):
        yield from (BadDisk(at, errno.ENOSPC, lasting=True), BadDisk(at, errno.EIO, lasting=False))


def everywhere(points: int, every: int = 1) -> Iterator[Kill]:
    """A kill at every N-th point."""
    yield from (AtPoint((at,)) for at in range(1, points + 1, every))


def by_server(methods: Counter[str], every: int = 1) -> Iterator[Kill]:
    """A kill by the server before and after every N-th call of each method; `methods` counts the calls of a run."""
    for method, count in sorted(methods.items()):
        for phase in ("before", "after"):
            yield from (ByServer(method, number, phase) for number in range(0, count, every))


def repeated(points: int, count: int, seed: int = 0) -> Iterator[Kill]:
    """Kills of a run and of one to four recoveries after it, at random points.

    The first eighth of a run is left out, since most of its work comes later.
    """
    rng = random.Random(seed)
    for _ in range(count):
        first = rng.randint(points // 8, points)
        yield AtPoint((first, *(rng.randint(1, max(1, points // 2)) for _ in range(rng.randint(1, 4)))))
