"""The objects that an undo would refer to again: somebody may have deleted them since."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

from tavusctl.core.address import Address, ObjectKey
from tavusctl.core.json_tree import leaves, pattern_of
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine.compare.references import referenced_objects
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import JsonObject
from tavusctl.patch import split
from tavusctl.state.journal import FinishedRun, Intent


def restored_references(finished_run: FinishedRun, known: Container[ObjectKey]) -> frozenset[ObjectKey]:
    """Kind and id of objects that the run has removed from references, where an apply had written an address.

    Without `known` ones.  Other ids may be those of other services, such as a voice of a text-to-speech engine.
    """
    restored = (key for intent in finished_run.intents for key in _restored(intent, KINDS[intent.address.kind]))
    return frozenset(key for key in restored if key not in known)


def _restored(intent: Intent, kind: ResourceKind) -> Iterator[ObjectKey]:
    applied = intent.before.applied if intent.before else {}
    managed = {leaf.kind for _, leaf in leaves(applied) if isinstance(leaf, Address)}
    before, after = (_references(kind, one) for one in (intent.inverse.values_before, intent.inverse.values_after))
    yield from (key for key in before - after if key[0] in managed)


def _references(kind: ResourceKind, values: JsonObject) -> set[ObjectKey]:
    """Kind and id of each reference in values by pointer."""
    values_by_path = ((pattern_of(split(pointer)), value) for pointer, value in values.items())
    return {key for path, value in values_by_path for key in referenced_objects(kind, value, path)}


def missing_names(operations: Iterable[JsonObject], missing: frozenset[ObjectKey]) -> list[str]:
    """The missing objects whose ids a patch would write, in words."""
    written = {leaf for _, leaf in leaves(list(operations)) if isinstance(leaf, str)}
    return sorted(f"the {kind} {remote_id}" for kind, remote_id in missing if remote_id in written)
