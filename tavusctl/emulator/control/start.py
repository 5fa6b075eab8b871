"""The world at the start of a server: invalid arguments fail here, and not in a later request."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from tavusctl.emulator.account.world import World, build, in_file
from tavusctl.emulator.control import seeding
from tavusctl.emulator.http.access import Allowed
from tavusctl.emulator.http.messages import Json, Object


def start_world(
    *,
    db: str | Path | None,
    seed: str | Path | Mapping[str, Json] | None,
    faults: str | Path | list[Object] | None,
    behaviors: Mapping[str, Json] | None = None,
    allowed: Allowed | None = None,
) -> World:
    """A world from the arguments of `serve`, its seed checked; must run in the thread that serves."""
    world = build(db=db, seed=seed, faults=faults, behaviors=behaviors, allowed=allowed)
    with ExitStack() as cleanup:
        cleanup.callback(world.store.close)  # a failed start leaves no file open
        with in_file(seed):
            seeding.check(world, world.first_seed)
        cleanup.pop_all()
    return world
