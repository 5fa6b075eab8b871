"""The content of a lock object: holder, epoch, and the void part of the journal.

The object is never deleted: at its end, a run replaces it by a free lock.  So epochs only grow, and every change
replaces a version that was read.
"""

from __future__ import annotations

import hashlib
import json
from typing import Final

from msgspec import Struct, convert, to_builtins
from msgspec.structs import replace

from tavusctl.core.errors import LockError
from tavusctl.core.json_tree import canonical
from tavusctl.lib.json_types import Json, JsonObject, as_object
from tavusctl.state.lock_holder import Holder, from_json

FORMAT: Final = 1
_MAX_LEASE: Final = 86400
_MAX_SIZE: Final = 64 * 1024  # bytes
_ANY_TEXT: Final = "utf-8", "surrogatepass"  # names come from the environment, which may contain any bytes


class Group(Struct, frozen=True, order=True, array_like=True):
    """The journal records that one run writes between two clearings; they are cleared together."""

    epoch: int = 0
    turn: int = 0


class Lock(Struct, frozen=True):
    """The content of the lock object."""

    epoch: int
    holder: Holder | None  # None: free
    clean: bool = False  # free because its holder released it: none of its writes can still arrive
    since: float = 0.0  # when it was acquired, in seconds since the epoch by the clock of the store
    lease: float = 0.0  # seconds without a heartbeat after which another run may acquire it
    beat: int = 0
    cleared: Group = Group()  # journal records of this group and of earlier groups are void


def encode(lock: Lock) -> bytes:
    """The lock as JSON with a checksum."""
    document: JsonObject = {"format": FORMAT, **to_builtins(lock)}
    document["checksum"] = _checksum(document)
    return (json.dumps(document, sort_keys=True, ensure_ascii=False) + "\n").encode(*_ANY_TEXT)


def decode(content: bytes, where: str) -> Lock:
    """The lock in the bytes of its object; LockError if it is damaged, or written by another version of tavusctl."""
    try:
        return _decoded(as_object(json.loads(_text(content), object_pairs_hook=_unique_keys)))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        message = f"the lock {where} is corrupt, or another version of tavusctl wrote it"
        hint = f"make sure that no run is active, delete the object {where}, and run `tavusctl plan`"
        raise LockError(message, hint, id="E703") from None


def _text(content: bytes) -> str:
    if len(content) > _MAX_SIZE:
        raise ValueError
    return content.decode(*_ANY_TEXT)


def _unique_keys(members: list[tuple[str, Json]]) -> JsonObject:
    result = dict(members)
    if len(result) != len(members):
        raise ValueError
    return result


def _decoded(document: JsonObject) -> Lock:
    checksum, members = document.pop("checksum"), {name: document[name] for name in Lock.__struct_fields__}
    holder = members["holder"] and from_json(as_object(members["holder"]))
    lock = convert({**members, "holder": None}, Lock)
    if checksum != _checksum(document) or document["format"] != FORMAT or not 0 <= lock.lease <= _MAX_LEASE:
        raise ValueError
    return replace(lock, holder=holder)


def _checksum(document: JsonObject) -> str:
    return "sha256:" + hashlib.sha256(canonical(document).encode(*_ANY_TEXT)).hexdigest()
