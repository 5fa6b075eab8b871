"""Three ways of creating objects through an API that knows no idempotency keys.

`by_look` is how tavusctl does it: the intent on disk before the request, the id on disk before anything else, and
after a lost answer a look for what was not there before and reads as what was sent.  `by_token` names the object after
a token first and renames it once its id is on disk.  `naive` repeats what failed, and writes its state at the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from tests.model.world import STRANGER, APerson, Lost, Steps, Thing, World

ADDRESSES = ("one", "two")
_LOOKS = (0.0, 2.0, 5.0, 10.0, 30.0, 60.0)
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Intent:
    """A create on disk, without its result."""

    known: frozenset[int]
    time: float


@dataclass(slots=True)
class Disk:
    """What outlives a kill."""

    bound: dict[str, int] = field(default_factory=dict)
    pending: dict[str, Intent] = field(default_factory=dict)


Protocol = Callable[[World, Disk], Steps]


def by_look(world: World, disk: Disk) -> Steps:
    """Intent, one request, id; what is unknown is looked for."""
    for address, intent in list(disk.pending.items()):
        yield from _recovered(world, disk, address, intent)
    known = frozenset(world.things)
    names = {thing.name for thing in world.things.values() if not _is_bound(disk, thing)}
    # An address whose name the account has already is refused.
    wanted = [address for address in ADDRESSES if address not in disk.bound and address not in names]
    yield 0.0
    for address in wanted:
        disk.pending[address] = Intent(known, world.now)
        yield 0.0
        number = yield from _created(world, disk, address, known)
        yield 0.0
        disk.bound[address] = number
        disk.pending.pop(address, None)
        yield 0.0


def _created(world: World, disk: Disk, address: str, known: frozenset[int]) -> Generator[float, None, int]:
    for attempt in ("first", "second and last"):
        if attempt != "first":
            disk.pending[address] = Intent(known, world.now)
            yield 0.0
        try:
            return _posted(world, address, address)
        except Lost:
            began = world.now
        for at in (*_LOOKS, world.odds.settle):
            yield max(0.0, began + at - world.now)
            found = _seen(world, disk, address, known)
            if found:
                return found
    raise APerson


def _recovered(world: World, disk: Disk, address: str, intent: Intent) -> Steps:
    found = 0
    while not found and world.now - intent.time < world.odds.settle:
        yield 5.0
        found = _seen(world, disk, address, intent.known)
    yield 0.0
    found = found or _seen(world, disk, address, intent.known)
    if found:
        disk.bound[address] = found
    disk.pending.pop(address, None)


def _seen(world: World, disk: Disk, address: str, known: frozenset[int]) -> int:
    """What a lost create has made: new, nobody's, of the name and the content."""
    new = [thing for thing in world.things.values() if thing.name == address and thing.number not in known]
    new = [thing for thing in new if not _is_bound(disk, thing)]
    like = [thing.number for thing in new if thing.content == address]
    if (new and not like) or len(like) > 1:
        raise APerson
    return like[0] if like else 0


def by_token(world: World, disk: Disk) -> Steps:
    """As by look, but the name is a token until the id is on disk; twins that show a token later are removed."""
    yield 0.0
    for address in ADDRESSES:
        token = f"token of {address}"
        if address not in disk.bound:
            yield from _bound_by_token(world, disk, address, token)
        bound = world.things.get(disk.bound[address])
        if bound:
            bound.name = address
        yield 0.0
        for twin in [thing for thing in world.things.values() if thing.name == token]:
            del world.things[twin.number]
        yield 0.0


def _bound_by_token(world: World, disk: Disk, address: str, token: str) -> Steps:
    for _ in range(_TRIES):
        intent, found = disk.pending.get(address), _with_token(world, token)
        while intent and not found and world.now - intent.time < world.odds.settle:
            yield 5.0
            found = _with_token(world, token)
        yield 0.0
        if not found:
            disk.pending[address] = Intent(frozenset(), world.now)
            yield 0.0
            try:
                found = _posted(world, token, address)
            except Lost:
                continue
        yield 0.0
        disk.bound[address] = found
        disk.pending.pop(address, None)
        return
    raise APerson


def _with_token(world: World, token: str) -> int:
    return min((thing.number for thing in world.things.values() if thing.name == token), default=0)


def naive(world: World, disk: Disk) -> Steps:
    """Repeat what failed, and write the state when all is done."""
    made = dict(disk.bound)
    for address in ADDRESSES:
        for _ in range(_TRIES):
            yield 1.0
            if address in made:
                break
            try:
                made[address] = _posted(world, address, address)
            except Lost:
                continue
    yield 0.0
    disk.bound.update(made)


def portal(world: World) -> Steps:
    """People who make objects of names like ours while runs are under way."""
    for _ in range(world.chance.randint(0, 40)):
        yield 1.0
    name = world.chance.choice(ADDRESSES)
    if world.happens(world.odds.image):
        world.make(name, name, STRANGER)
    elif world.happens(0.2):
        world.make(name, "of their own", STRANGER)
    else:
        world.make(f"{name} (copy)", name, STRANGER)


def judged(world: World, disk: Disk) -> Counter[str]:
    """What is wrong in the end."""
    made = Counter(thing.maker for thing in world.things.values())
    bound = [world.things[number].maker for number in disk.bound.values() if number in world.things]
    return Counter(
        duplicates=any(made[address] > 1 for address in ADDRESSES),
        adopted=STRANGER in bound,
        person=len(disk.bound) < len(ADDRESSES),
    )


def _posted(world: World, name: str, address: str) -> int:
    return world.send(lambda: world.make(name, address, address)).number


def _is_bound(disk: Disk, thing: Thing) -> bool:
    return thing.number in disk.bound.values()


PROTOCOLS: dict[str, Protocol] = {"by look": by_look, "by token": by_token, "naive": naive}
