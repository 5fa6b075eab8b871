"""Who refers to an object, and what makes them refer to another version of it.  Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from tavusctl import patch
from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.json_tree import leaves
from tavusctl.core.model import Cause, FieldChange, Live
from tavusctl.lib.json_types import JsonObject, KeyPath

Reference = tuple[KeyPath, Address]


def references(body: JsonObject, targets: Collection[Address]) -> list[Reference]:
    """Where a body refers to some addresses."""
    return [(path, leaf) for path, leaf in leaves(body) if isinstance(leaf, Address) and leaf in targets]


def repointing(found: Sequence[Reference], bindings: Mapping[Address, Binding]) -> tuple[FieldChange, ...]:
    """The fields of a change after which references lead to what their addresses mean by then."""
    old = {target: bindings[target].remote_id for _, target in found}
    return tuple(
        FieldChange(patch.join(path), Cause.EDITED, old[target], old[target], target) for path, target in found
    )


def operations(found: Sequence[Reference]) -> tuple[JsonObject, ...]:
    """The patch of that change."""
    return tuple({"op": "replace", "path": patch.join(path), "value": target} for path, target in found)


def uses(one: Live, address: Address | None, remote_id: str) -> bool:
    """Whether an object refers to another, by either name, or holds it; not to itself."""
    if one.address is not None and one.address == address:
        return False
    return remote_id in one.holds or any(
        leaf == remote_id or (address is not None and leaf == address) for _, leaf in leaves(one.body)
    )
