"""Addresses for objects that have none, made from their display names; every run makes the same ones.

An address is also the name of a file on every system: no dots or slashes, one case, none of the names that Windows
reserves.  Objects that would share a name all carry a piece of their id, whatever order they are listed in.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from anyascii import anyascii

from tavusctl.core.address import Address, ObjectKey
from tavusctl.core.model import Live
from tavusctl.lib.patterns import pattern
from tavusctl.secrets.redaction import redacted

MAX_NAME_LENGTH: Final = 63
_READ_LENGTH: Final = 250  # characters of a display name that are used
_TAIL_LENGTH: Final = 6  # characters of an id that tell namesakes apart
_RESERVED: Final = frozenset(
    ("con", "prn", "aux", "nul", *(f"{port}{digit}" for port in ("com", "lpt") for digit in range(10)))
)
_APOSTROPHES = pattern("['`\u2019]")
_OTHER = pattern("[^a-z0-9]+")


def addresses(objects: Sequence[Live], taken: AbstractSet[Address]) -> dict[ObjectKey, Address]:
    """An address for every object, by kind and id; `taken` are the addresses of other objects."""
    stems = {
        live.key: Address(live.kind.name, slug(redacted(live.name)) or _joined(live.kind.name, _mark(live.remote_id)))
        for live in objects
    }
    shared = {address for address, count in Counter(stems.values()).items() if count > 1}
    plain = {key: stem for key, stem in stems.items() if stem not in shared | taken and stem.name not in _RESERVED}
    chosen, used = dict(plain), {*taken, *plain.values()}
    for key in sorted(stems.keys() - plain.keys()):
        chosen[key] = next(candidate for candidate in _candidates(stems[key], key[1]) if candidate not in used)
        used.add(chosen[key])
    return chosen


def slug(text: str) -> str:
    """Text in lower-case letters, digits and hyphens; empty when it has no letter and no digit."""
    plain = anyascii(_APOSTROPHES.sub("", text[:_READ_LENGTH])).lower()
    return _cut(_OTHER.sub("-", plain).strip("-"), MAX_NAME_LENGTH)


def _candidates(stem: Address, remote_id: str) -> Iterator[Address]:
    """The name with a part of the id after it, then with the whole id, then with ever more of a digest of it."""
    digest = hashlib.sha256(remote_id.encode("utf-8", "surrogatepass")).hexdigest()
    digests = (digest[:length] for length in range(_TAIL_LENGTH, MAX_NAME_LENGTH))
    for mark in (_mark(remote_id)[-_TAIL_LENGTH:].strip("-"), _mark(remote_id), *digests):
        yield Address(stem.kind, _joined(stem.name, mark))


def _mark(remote_id: str) -> str:
    """An id as a part of a name."""
    return slug(remote_id) or hashlib.sha256(remote_id.encode("utf-8", "surrogatepass")).hexdigest()[:_TAIL_LENGTH]


def _joined(stem: str, mark: str) -> str:
    """The stem and the mark with a hyphen between them; the stem is shortened if the name is too long."""
    head = _cut(stem, MAX_NAME_LENGTH - 1 - len(mark)) if len(mark) < MAX_NAME_LENGTH - 1 else ""
    return f"{head}-{mark}"[:MAX_NAME_LENGTH].strip("-")


def _cut(text: str, length: int) -> str:
    """The beginning of a name; it ends after a whole word if that leaves more than half of the length."""
    if len(text) <= length:
        return text
    head = text[:length]
    whole = head if text[length] == "-" else head.rpartition("-")[0]
    return (whole if len(whole) > length // 2 else head).strip("-")
