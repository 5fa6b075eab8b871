"""People: those who edit, delete and make objects in the portal, and those who edit manifests."""

from __future__ import annotations

from tests.history.events import Fields, Wants
from tests.model.protocol import KINDS, PROJECT, Manifests, Steps
from tests.model.server import World

# Names as manifests give them; servers spell some of them otherwise.
NAMES = {"cheap": "Coach ", "other": "Ka\u0308ufer & Co", "costly": "A face of a rather long name indeed"}


def portal(world: World) -> Steps:
    """Edits, deletes, and objects of names like ours."""
    for number in range(world.chance.randint(1, 6)):
        for _ in range(world.chance.randint(0, 25)):
            yield 1.0
        ids = list(world.things)
        act = world.chance.random()
        if act < 0.3 or not ids:
            _stranger(world, number)
        elif act < 0.85:
            world.write(world.chance.choice(ids), {"/text": f"by hand {number}"})
        else:
            world.remove(world.chance.choice(ids))


def _stranger(world: World, number: int) -> None:
    address = world.chance.choice(list(KINDS))
    name = world.chance.choice([address, NAMES[address]])
    fields: Fields = {"/name": f"{name} (copy)", "/text": f"of their own {number}"}
    if world.happens(world.odds.image):
        fields = {"/name": name, "/text": "text 0"}
    elif world.happens(0.2):
        fields["/name"] = name
    world.make(KINDS[address], fields)


def author(world: World, manifests: Manifests) -> Steps:
    """New texts, and manifests that come and go."""
    for number in range(1, world.chance.randint(2, 4)):
        for _ in range(world.chance.randint(0, 30)):
            yield 1.0
        address = world.chance.choice(list(KINDS))
        if world.chance.random() < 0.3:
            manifests.texts.pop(address, None)
        else:
            manifests.texts[address] = f"text {number}"
        world.emit(Wants(PROJECT, {one: manifests.fields(one) for one in manifests.texts}, world.now))
