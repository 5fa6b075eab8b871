"""What the state remembers of one object."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.lib.json_types import Json, JsonObject


class Binding(Struct, frozen=True):
    """What we last did to an object: proof of ownership, and the base that tells drift from edits."""

    address: Address
    remote_id: str
    applied: JsonObject = field(default_factory=dict)  # secrets as `secret.Fingerprint`, references as Address
    prevent_destroy: bool = False  # remembered: leaving the manifest out does not lift it
    on_remove: str = "delete"
    successor: str = ""  # id of the new half of a replacement that is not usable yet
    successor_spec: JsonObject = field(default_factory=dict)  # what the successor was created with
    retired: tuple[str, ...] = ()  # old halves still to delete
    unkept: Mapping[str, str] = field(default_factory=dict)  # as older versions wrote `answered`: digests
    answered: Mapping[str, Json] = field(default_factory=dict)  # pointer -> what reads show, where it is not `applied`
    externals: Mapping[str, str] = field(default_factory=dict)  # ids that addresses of `applied` stood for
    # pointer -> what was there before a write that nobody has read back; "" for an object that was made
    unconfirmed: Mapping[str, Json] = field(default_factory=dict)
    # pointer -> what was sent, where the last write did not go live
    not_live: Mapping[str, Json] = field(default_factory=dict)
    created_at: str = ""  # of the object, as the server said; empty: not known yet

    def with_documents(self, change: Callable[[JsonObject], JsonObject]) -> Binding:
        """The binding with each of its documents changed; itself where none of them is."""
        before: dict[str, JsonObject] = {name: found for name in DOCUMENTS if (found := getattr(self, name))}
        after = {name: new for name, one in before.items() if (new := change(one)) is not one}
        return replace(self, **after) if after else self


DOCUMENTS: Final = ("applied", "successor_spec", "answered", "unconfirmed", "not_live")
MADE: Mapping[str, Json] = {"": None}  # `unconfirmed` of an object that was made and has not been read
