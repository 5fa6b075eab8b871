"""The secrets of an object whose update is reversed: no record has them, but its manifest may still name them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec.structs import replace

from tavusctl import patch
from tavusctl.core.json_tree import is_empty, set_at, value_at
from tavusctl.core.model import ABSENT, Desired
from tavusctl.engine.undo.context import UndoContext
from tavusctl.lib.json_types import JsonObject
from tavusctl.secrets.values import Fingerprint, Secret
from tavusctl.state.journal import Intent


def removed_secrets(intent: Intent) -> list[str]:
    """Pointers of secrets that the run removed; a secret that it changed still exists."""
    return [pointer for pointer in intent.inverse.unrecorded if is_empty(value_at(intent.spec, patch.split(pointer)))]


def writes_around(pointer: str, operations: Iterable[JsonObject]) -> bool:
    """Whether a patch writes into the object that contains a secret, or restores that object as a whole."""
    holder = patch.split(pointer)[:-1]
    paths = [patch.split(operation["path"]) for operation in operations]
    return any(path[: len(holder)] == holder or holder[: len(path)] == path for path in paths)


def with_secrets(operations: Sequence[JsonObject], secrets: Mapping[str, Secret]) -> Iterator[JsonObject]:
    """A patch that also restores secrets: inside of the object that it adds, otherwise by operations of their own."""
    remaining = {patch.split(pointer): secret for pointer, secret in secrets.items()}
    for operation in operations:
        path, value = patch.split(operation["path"]), operation.get("value")
        if isinstance(value, dict):
            for inner in [place for place in remaining if place[: len(path)] == path]:
                value = set_at(value, inner[len(path) :], remaining.pop(inner))
        yield operation if value is operation.get("value") else {**operation, "value": value}
    yield from ({"op": "add", "path": patch.join(path), "value": secret} for path, secret in remaining.items())


def with_run_secrets(intent: Intent, before: JsonObject) -> JsonObject:
    """What was applied before, with the secrets that the run has sent in place of the old ones: these still exist."""
    for pointer in intent.inverse.unrecorded:
        path = patch.split(pointer)
        current = value_at(intent.spec, path)
        before = set_at(before, path, ABSENT if is_empty(current) else current)
    return before


def with_current_secrets(desired: Desired, lacks: Iterable[str], context: UndoContext) -> tuple[Desired, list[str]]:
    """A desired object with the secrets to send along that its manifest still has; pointers of those it lacks."""
    spec, lost = desired.spec, []
    for pointer in lacks:
        path, secret = patch.split(pointer), context.secrets.get((desired.address, pointer))
        fingerprint = value_at(spec, path)
        if secret and isinstance(fingerprint, Fingerprint) and secret.matches(fingerprint):
            spec = set_at(spec, path, secret)
        else:
            lost.append(pointer)
    return replace(desired, spec=spec), lost
