"""Find references to an object, and the changes that make them refer to its successor.  Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from tavusctl import patch
from tavusctl.core.address import Address, ObjectKey
from tavusctl.core.binding import Binding
from tavusctl.core.json_tree import leaves, leaves_with_patterns, with_addresses
from tavusctl.core.model import Cause, FieldChange, Live
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.fields.equivalence import same
from tavusctl.lib.json_types import Json, JsonObject, KeyPath

Reference = tuple[KeyPath, Address]


def references(body: JsonObject, targets: Collection[Address]) -> list[Reference]:
    """The references of a body to any of `targets`, each with its path."""
    return [(path, leaf) for path, leaf in leaves(body) if isinstance(leaf, Address) and leaf in targets]


def referenced_objects(kind: ResourceKind, value: Json, path: KeyPath = ()) -> Iterator[ObjectKey]:
    """Kind and id of each reference in a body, or in its value at a path (list indices as `*`), in its order."""
    for _, pattern, leaf in leaves_with_patterns(value):
        target = kind.field_at((*path, *pattern)).refers_to
        if target and leaf and isinstance(leaf, str):
            yield target, leaf


def repointing(references_by_path: Sequence[Reference], ids: Mapping[Address, str]) -> tuple[FieldChange, ...]:
    """The fields of a change that repoints references to the objects that their addresses will be bound to.

    `ids` has the ids that the references show now.
    """
    return tuple(
        FieldChange(patch.join(path), Cause.EDITED, ids[target], ids[target], target)
        for path, target in references_by_path
    )


def operations(references_by_path: Sequence[Reference]) -> tuple[JsonObject, ...]:
    """The patch of a change that repoints references."""
    return tuple({"op": "replace", "path": patch.join(path), "value": target} for path, target in references_by_path)


def old_versions(bindings: Iterable[Binding]) -> dict[str, Address]:
    """The addresses of replaced objects by the ids of their old versions."""
    return {old_id: binding.address for binding in bindings for old_id in binding.retired}


def is_outdated(kind: ResourceKind, change: FieldChange, value: Json, addresses: Mapping[str, Address]) -> bool:
    """Whether a live field has `value` with ids of old versions, which a later step changes; `addresses` has these."""
    shown = with_addresses(change.live, addresses)
    return shown != change.live and same(kind, patch.split(change.path), value, shown)


def uses(one: Live, address: Address | None, remote_id: str) -> bool:
    """Whether an object refers to another one, by address or id, or holds it; false for the object itself."""
    if one.address is not None and one.address == address:
        return False
    return remote_id in one.holds or any(
        leaf == remote_id or (address is not None and leaf == address) for _, leaf in leaves(one.body)
    )
