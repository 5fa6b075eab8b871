"""The content of a lock object: holder, epoch, and the void part of the journal.

The object is never deleted: a run that ends writes it anew as free.  So epochs only grow, and every change is a
replacement of a version that was read.
"""

from __future__ import annotations

import hashlib
import json
from typing import Final

from msgspec import Struct

from tavusctl.core.errors import LockError
from tavusctl.core.json_tree import canonical
from tavusctl.lib.json_types import Json, JsonObject, as_boolean, as_integer, as_list, as_number, as_object
from tavusctl.state.lock_holder import Holder, from_json

FORMAT: Final = 1
_LONGEST_LEASE: Final = 86400
_LARGEST: Final = 64 * 1024  # bytes
_ANY_TEXT: Final = "utf-8", "surrogatepass"  # names come from an environment, which may have any bytes


class Group(Struct, frozen=True, order=True):
    """Journal records that are cleared together: one run, from one clearing to the next."""

    epoch: int = 0
    turn: int = 0


class Lock(Struct, frozen=True):
    """The content of the lock object."""

    epoch: int
    holder: Holder | None  # None: free
    clean: bool = False  # free because its holder said so: nothing of it can still be under way
    since: float = 0.0  # when it was taken, in seconds since the epoch by the clock of the store
    lease: float = 0.0  # seconds without a heartbeat after which another run may take it
    beat: int = 0
    cleared: Group = Group()  # journal records of this group and those before it are void


def encode(lock: Lock) -> bytes:
    """The lock as JSON with a checksum."""
    document: JsonObject = {
        "format": FORMAT,
        "epoch": lock.epoch,
        "holder": lock.holder.to_json() if lock.holder else None,
        "clean": lock.clean,
        "since": lock.since,
        "lease": lock.lease,
        "beat": lock.beat,
        "cleared": [lock.cleared.epoch, lock.cleared.turn],
    }
    document["checksum"] = _checksum(document)
    return (json.dumps(document, sort_keys=True, ensure_ascii=False) + "\n").encode(*_ANY_TEXT)


def decode(content: bytes, where: str) -> Lock:
    """The lock in the bytes of its object; LockError when it is damaged, or of a newer tavusctl."""
    try:
        return _decoded(as_object(json.loads(_text(content), object_pairs_hook=_once)))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        message = f"the lock {where} is corrupt, or another version of tavusctl wrote it"
        hint = f"make sure that no run is active, delete the object {where}, and run `tavusctl plan`"
        raise LockError(message, hint, id="E703") from None


def _text(content: bytes) -> str:
    if len(content) > _LARGEST:
        raise ValueError
    return content.decode(*_ANY_TEXT)


def _once(members: list[tuple[str, Json]]) -> JsonObject:
    found = dict(members)
    if len(found) != len(members):
        raise ValueError
    return found


def _decoded(document: JsonObject) -> Lock:
    checksum = document.pop("checksum")
    epoch, turn = map(as_integer, as_list(document["cleared"]))
    lock = Lock(
        epoch=as_integer(document["epoch"]),
        holder=from_json(as_object(document["holder"])) if document["holder"] is not None else None,
        clean=as_boolean(document["clean"]),
        since=as_number(document["since"]),
        lease=as_number(document["lease"]),
        beat=as_integer(document["beat"]),
        cleared=Group(epoch, turn),
    )
    if checksum != _checksum(document) or document["format"] != FORMAT or not 0 <= lock.lease <= _LONGEST_LEASE:
        raise ValueError
    return lock


def _checksum(document: JsonObject) -> str:
    return "sha256:" + hashlib.sha256(canonical(document).encode(*_ANY_TEXT)).hexdigest()
