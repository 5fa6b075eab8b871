"""People in the model: some edit, delete and create objects in the portal, others edit manifests."""

from __future__ import annotations

from tests.history.events import Fields, ManifestsChanged
from tests.model.protocol import KINDS, PROJECT, Manifests, Steps
from tests.model.server import World

# Names as in manifests; a server may store some of them in another form.
NAMES = {"cheap": "Coach ", "other": "Ka\u0308ufer & Co", "costly": "A face of a rather long name indeed"}


def portal(world: World) -> Steps:
    """A person who edits and deletes objects, and creates objects with names that are similar to ours."""
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
    imitated = world.chance.choice(list(KINDS))
    name = world.chance.choice([imitated, NAMES[imitated]])
    fields: Fields = {"/name": f"{name} (copy)", "/text": f"of their own {number}"}
    if world.happens(world.odds.image):
        fields = {"/name": name, "/text": "text 0"}
    elif world.happens(0.2):
        fields["/name"] = name
    world.make(KINDS[imitated], fields)


def author(world: World, manifests: Manifests) -> Steps:
    """A person who edits, adds and removes manifests."""
    for number in range(1, world.chance.randint(2, 4)):
        for _ in range(world.chance.randint(0, 30)):
            yield 1.0
        address = world.chance.choice(list(KINDS))
        if world.chance.random() < 0.3:
            manifests.texts.pop(address, None)
        else:
            manifests.texts[address] = f"text {number}"
        world.emit(ManifestsChanged(PROJECT, {name: manifests.fields(name) for name in manifests.texts}, world.now))
