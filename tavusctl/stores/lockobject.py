"""What the lock object of a store says: who holds the state, in which epoch, and up to where the journal is void.

The object is never deleted: a run that ends writes it anew as free.  So epochs only grow, and every change is a
replacement of a version that was read.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from msgspec import Struct

from tavusctl.document import canonical
from tavusctl.errors import LockError
from tavusctl.stores.holder import Holder, from_json

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
    document: dict[str, Any] = {
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
        return _decoded(json.loads(_text(content), object_pairs_hook=_once))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        message = f"the lock {where} is damaged, or was not written by this tavusctl"
        hint = f"make sure that no run is under way, delete the object {where}, and run tavusctl plan"
        raise LockError(message, hint, id="E703") from None


def _text(content: bytes) -> str:
    if len(content) > _LARGEST:
        raise ValueError
    return content.decode(*_ANY_TEXT)


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        raise ValueError
    return found


def _decoded(document: dict[str, Any]) -> Lock:
    checksum = document.pop("checksum")
    epoch, turn = document["cleared"]
    lock = Lock(
        epoch=document["epoch"],
        holder=from_json(document["holder"]) if document["holder"] is not None else None,
        clean=document["clean"],
        since=document["since"],
        lease=document["lease"],
        beat=document["beat"],
        cleared=Group(epoch, turn),
    )
    if checksum != _checksum(document) or document["format"] != FORMAT or not 0 <= lock.lease <= _LONGEST_LEASE:
        raise ValueError
    return lock


def _checksum(document: dict[str, Any]) -> str:
    return "sha256:" + hashlib.sha256(canonical(document).encode(*_ANY_TEXT)).hexdigest()
