"""Objects that a manifest dropped: whether they are removed whole, and what others have added to them.  Pure."""

from __future__ import annotations

from tavusctl.core.resource_kind import ResourceKind
from tavusctl.core.schema.model_fields import required_at
from tavusctl.fields.equivalence import same
from tavusctl.lib.json_types import Json, JsonObject, KeyPath
from tavusctl.patch import Pinned


def added_members(kind: ResourceKind, path: KeyPath, rest: JsonObject) -> JsonObject:
    """The members that are left in a dropped object, without those that have their defaults."""
    members = {name: value.value if isinstance(value, Pinned) else value for name, value in rest.items()}
    return {name: value for name, value in members.items() if not same(kind, (*path, name), None, value)}


def is_removed_whole(kind: ResourceKind, path: KeyPath, before: Json, rest: JsonObject) -> bool:
    """Whether a dropped object goes with all that is left in it.

    It does if nobody else fills it, because defaults would stay in it otherwise, or if it loses a key that it must
    have.  An object with parts stays: the calls that write these cannot remove it.
    """
    if any(part.spec_path[: len(path)] == path and part.spec_path != path for part in kind.parts):
        return False
    lost = before.keys() - rest.keys() if isinstance(before, dict) else set()
    return bool(lost & required_at(kind.model, path)) or not added_members(kind, path, rest)
