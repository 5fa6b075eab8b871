"""The world at the start of a server: invalid arguments fail here, and not in a later request."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tavusctl.emulator.account.store import Store
from tavusctl.emulator.account.world import World
from tavusctl.emulator.control import forms, seeding
from tavusctl.emulator.control.faults import Faults
from tavusctl.emulator.http.access import Allowed
from tavusctl.emulator.http.messages import Json, Object

LARGEST_FILE = 64 * 1024 * 1024  # bytes of a seed or of faults: a device has no end


def start_world(
    *,
    db: str | Path | None = None,
    seed: str | Path | Mapping[str, Json] | None = None,
    faults: str | Path | list[Object] | None = None,
    behaviors: Mapping[str, Json] | None = None,
    allowed: Allowed | None = None,
) -> World:
    """A world from the arguments of `serve`; must run in the thread that serves.  BadForm if a file is invalid."""
    first_seed, rules = _load(seed), _load(faults)
    with _in_file(seed):
        if not isinstance(first_seed, Mapping | None):
            raise forms.BadForm("the seed is an object of accounts")
    with _in_file(faults):
        rules = _fault_rules(rules or [])
        Faults().add(rules)
    with ExitStack() as cleanup:
        store = Store(db)
        cleanup.callback(store.close)  # a failed start leaves no file open
        world = World(
            store,
            allowed or Allowed(),
            first_seed=dict(first_seed or {}),
            first_behaviors=dict(behaviors or {}),
            first_faults=rules,
        )
        world.start()
        with _in_file(seed):
            seeding.check(world, world.first_seed)
        cleanup.pop_all()
    return world


def _load(source: str | Path | Json) -> Json:
    """The content of a JSON file, or the value that was given in its place."""
    if not isinstance(source, str | Path):
        return source
    try:
        with Path(source).open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
        if len(content) <= LARGEST_FILE:
            return json.loads(content.decode())
        message = f"the file `{source}` is larger than {LARGEST_FILE // 1024**2} MiB"
    except OSError as error:
        message = f"the file `{source}` cannot be read: {error.strerror}"
    except (ValueError, RecursionError) as error:  # invalid UTF-8 is a ValueError, too
        message = f"the file `{source}` is not valid JSON: {error}"
    raise forms.BadForm(message)


@contextmanager
def _in_file(source: str | Path | Json) -> Iterator[None]:
    """Raise a ValueError about the content of a file as BadForm that names the file."""
    try:
        yield
    except ValueError as error:
        if not isinstance(source, str | Path):
            raise
        raise forms.BadForm(f"`{source}`: {error}") from error


def _fault_rules(rules: Json) -> list[Json]:
    """The fault rules of a file: a list, an object with `faults` as GET faults returns it, or a single rule."""
    fault_rules = rules["faults"] if isinstance(rules, dict) and set(rules) == {"faults"} else rules
    if not isinstance(fault_rules, list | dict):
        raise forms.BadForm("faults are a list of rules")
    return fault_rules if isinstance(fault_rules, list) else [fault_rules]
