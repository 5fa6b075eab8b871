"""Two ways of updating a field that people edit, too: with a test of the value that was read, and without one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial

from tests.model.world import APerson, Lost, Steps, World

PORTAL = "portal"


@dataclass(slots=True)
class Held:
    """The field in the account, and the manifest and the base of the runs."""

    value: str = "0"
    version: int = 0  # goes up with every write
    writer: str = ""
    wanted: str = "0"
    base: str = "0"  # on disk: what was applied last
    lost: int = 0  # edits that a run has overwritten without having read them
    past: list[str] = field(default_factory=list)

    def write(self, value: str, writer: str) -> None:
        """Set it."""
        self.past.append(self.value)
        self.value, self.writer, self.version = value, writer, self.version + 1


def run(world: World, held: Held, *, tested: bool) -> Steps:
    """Read, compare three ways, write; after a lost answer read again, and write again only what is as it was read."""
    wanted = held.wanted
    yield 0.0
    seen, version = held.value, held.version
    yield 0.0
    if seen not in (held.base, wanted) and held.base != wanted:
        raise APerson  # changed on both sides
    for _ in ("first", "second and last"):
        if seen == wanted:
            break
        if not tested:  # the best that can be done without a test: read once more, as late as possible
            if held.value != seen:
                raise APerson
            version = held.version
            yield 0.0
        try:
            if not world.send(partial(_patched, held, seen, version, wanted, tested=tested)):
                raise APerson  # the test failed
        except Lost:
            yield 1.0
            if held.value == wanted:
                break
            if held.value != seen:
                raise APerson from None
            continue
        break
    yield 0.0
    held.base = wanted


def _patched(held: Held, seen: str, version: int, wanted: str, *, tested: bool) -> bool:
    if tested and held.value != seen:
        return False
    if held.writer == PORTAL and held.version != version:
        held.lost += 1
    held.write(wanted, "run")
    return True


def portal(world: World, held: Held) -> Steps:
    """People who edit the field; sometimes back to what it was before."""
    for number in range(3):
        for _ in range(world.chance.randint(0, 12)):
            yield 1.0
        back = held.past and world.happens(world.odds.image)
        held.write(held.past[-1] if back else f"edit {number}", PORTAL)


def author(world: World, held: Held) -> Steps:
    """Somebody who edits the manifest."""
    for number in range(3):
        for _ in range(world.chance.randint(0, 12)):
            yield 1.0
        held.wanted = f"version {number}"


def judged(held: Held) -> Counter[str]:
    """What was wrong."""
    return Counter(lost=held.lost > 0, person=held.value != held.wanted)
