"""Bindings: what the state records of each object."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.core.address import Address, ObjectKey
from tavusctl.lib.json_types import NOTHING, Json, JsonObject


class Binding(Struct, frozen=True):
    """The record of a managed object: the id bound to its address, and the base that separates drift from edits."""

    address: Address
    remote_id: str
    applied: JsonObject = {}  # spec at the last apply; secrets as `Fingerprint`, references as Address
    prevent_destroy: bool = False  # recorded, so that removing the manifest does not lift the protection
    on_remove: str = "delete"
    successor: str = ""  # id of the successor of a replacement, until it is usable
    successor_spec: JsonObject = {}  # what the successor was created with
    retired: tuple[str, ...] = ()  # ids of old versions that are still to be deleted
    answered: Mapping[str, Json] = NOTHING  # pointer -> value that reads show, if it differs from `applied`
    externals: Mapping[str, str] = NOTHING  # address in `applied` -> id of the external object at that time
    # pointer -> value before a write whose result has not been read yet; the pointer "" is a created object
    unconfirmed: Mapping[str, Json] = NOTHING
    # pointer -> value sent, if the last write did not go live
    not_live: Mapping[str, Json] = NOTHING
    created_at: str = ""  # of the object, from the server; empty: not known yet
    successor_externals: Mapping[str, str] = NOTHING  # as `externals`, for `successor_spec`

    def with_documents(
        self,
        change: Callable[[JsonObject], JsonObject],
        change_of_successor: Callable[[JsonObject], JsonObject] | None = None,
    ) -> Binding:
        """The binding with `change` applied to each of its documents; the same object if none of them changes.

        `change_of_successor` is applied to `successor_spec` instead, if there is one.
        """
        before: dict[str, JsonObject] = {name: document for name in DOCUMENTS if (document := getattr(self, name))}
        changes = dict.fromkeys(before, change) | {"successor_spec": change_of_successor or change}
        after = {name: new for name, old in before.items() if (new := changes[name](old)) is not old}
        return replace(self, **after) if after else self

    @property
    def key(self) -> ObjectKey:
        """The kind and the id of the bound object."""
        return self.address.kind, self.remote_id

    @property
    def other_versions(self) -> tuple[str, ...]:
        """The ids of the successor and of the old versions, all of which only this binding records."""
        return tuple(filter(None, (self.successor, *self.retired)))

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all versions of the object."""
        return (self.remote_id, *self.other_versions)

    def of_object(self, remote_id: str) -> Binding:
        """A new binding of the address to another object: all other versions of the old one are to be deleted."""
        retired = tuple(version for version in self.other_versions if version != remote_id)
        return Binding(self.address, remote_id, retired=retired)

    def with_successor(self, remote_id: str, spec: JsonObject, externals: Mapping[str, str]) -> Binding:
        """The binding with a new successor; an abandoned one is to be deleted."""
        retired = (*self.retired, self.successor) if self.successor else self.retired
        return replace(self, successor=remote_id, successor_spec=spec, successor_externals=externals, retired=retired)

    def without_successor(self) -> Binding:
        """The binding without its successor."""
        return replace(self, successor="", successor_spec={}, successor_externals={})


DOCUMENTS: Final = ("applied", "successor_spec", "answered", "unconfirmed", "not_live")
MADE: Mapping[str, Json] = {"": None}  # `unconfirmed` of an object that was created and has not been read yet
