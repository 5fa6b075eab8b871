"""Walking documents: JSON values whose leaves may also be addresses, secrets and fingerprints."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias, TypeGuard, overload

from msgspec.json import Encoder

from tavusctl.core.address import Address
from tavusctl.core.model import ABSENT, Absent
from tavusctl.lib.json_types import PLAIN, Json, JsonObject, KeyPath, as_object, is_plain
from tavusctl.patch import Pinned
from tavusctl.secrets.values import SHOWN, Fingerprint, Secret, SecretText, TextPrint

Hidden: TypeAlias = Secret | Fingerprint | TextPrint | Pinned  # leaves that may not be shown
Leaf: TypeAlias = Address | SecretText | Hidden | Absent  # what stands in documents in place of JSON values


def is_empty(value: Json) -> bool:
    """Whether a value is one of the spellings of "not set": missing, null, "", [] or {}."""
    return value is ABSENT or value is None or (isinstance(value, str | list | dict) and not value)


@overload
def map_leaves(value: JsonObject, change: Callable[[Json], Json]) -> JsonObject: ...
@overload
def map_leaves(value: list[JsonObject], change: Callable[[Json], Json]) -> list[JsonObject]: ...
@overload
def map_leaves(value: Json, change: Callable[[Json], Json]) -> Json: ...
def map_leaves(value: Json, change: Callable[[Json], Json]) -> Json:
    """A document with every leaf changed; what stays as it is is not copied, as most of most documents."""
    if type(value) is dict:
        changed = None
        for key, item in value.items():
            new = change(item) if type(item) in PLAIN else map_leaves(item, change)
            if new is not item:
                changed = changed or {**value}
                changed[key] = new
        return changed or value
    if type(value) is list:
        items = None
        for index, item in enumerate(value):
            new = change(item) if type(item) in PLAIN else map_leaves(item, change)
            if new is not item:
                items = items or [*value]
                items[index] = new
        return items or value
    return change(value)


def settled(value: Json, change: Callable[[Json, KeyPath], Json], path: KeyPath = ()) -> Json:
    """A copy of a document with every leaf changed by what it is and where it is declared; list indices are `*`."""
    if isinstance(value, dict):
        return {key: settled(item, change, (*path, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [settled(item, change, (*path, "*")) for item in value]
    return change(value, path)


def leaves(value: Json, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Json]]:
    """Every leaf of a document with its path; list indices are numbers in text."""
    found: list[tuple[KeyPath, Json]] = []
    _gather(value, path, found)
    return iter(found)


def _gather(value: Json, path: KeyPath, found: list[tuple[KeyPath, Json]]) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            if type(item) in PLAIN:
                found.append(((*path, key), item))
            else:
                _gather(item, (*path, key), found)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _gather(item, (*path, str(index)), found)
    else:
        found.append((path, value))


def texts(value: Json) -> list[str]:
    """Every text of a document, wherever it stands."""
    found: list[str] = []
    _gather_texts(value, found)
    return found


def _gather_texts(value: Json, found: list[str]) -> None:
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else (value,):
        if type(item) is str:
            found.append(item)
        elif type(item) is dict or type(item) is list:
            _gather_texts(item, found)


def keys(value: Json) -> Iterator[str]:
    """Every key of a document, wherever it stands."""
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            if type(item) not in PLAIN:
                yield from keys(item)


def pattern_of(path: KeyPath) -> KeyPath:
    """A path as kinds declare it: `*` for list indices."""
    return tuple("*" if key.isdecimal() else key for key in path)


def placed(value: Json, path: KeyPath, pattern: KeyPath) -> Iterator[tuple[KeyPath, KeyPath, Json]]:
    """Every leaf with its path, and with the pattern of that."""
    found: list[tuple[KeyPath, KeyPath, Json]] = []
    _place(value, path, pattern, found)
    return iter(found)


def _place(value: Json, path: KeyPath, pattern: KeyPath, found: list[tuple[KeyPath, KeyPath, Json]]) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            _place(item, (*path, key), (*pattern, key), found)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _place(item, (*path, str(index)), (*pattern, "*"), found)
    else:
        found.append((path, pattern, value))


def canonical(value: Json) -> str:
    """One text for equal documents: sorted keys, compact, secrets as fingerprints."""
    return _CANONICAL.encode(value)


def quick_bytes(value: Json) -> bytes:
    """The bytes of the canonical text by a much faster encoder, which spells some numbers otherwise."""
    try:
        return _QUICK.encode(value) if is_plain(value) else canonical(value).encode()
    except (OverflowError, UnicodeEncodeError):  # what it does not know
        return canonical(value).encode("utf-8", "surrogatepass")


def is_hidden(value: Json) -> TypeGuard[Hidden]:
    """Whether a value may not be shown: a secret, what is on record of one, a mask."""
    return isinstance(value, Hidden)


def emptied(value: Json) -> Json:
    """The empty value of the type that a value has when it is sent."""
    if value is None:
        return None
    return type(value)() if isinstance(value, dict | list | str | int | float) else ""


def with_leaves(document: JsonObject, changed: Mapping[KeyPath, Leaf | str]) -> JsonObject:
    """A document with other leaves at some paths (list indices are numbers in text); what stays is not copied."""
    return as_object(_with_leaves(document, changed))


def _with_leaves(value: Json, changed: Mapping[KeyPath, Json]) -> Json:
    if not changed:
        return value
    if () in changed:
        return changed[()]
    below: dict[str, dict[KeyPath, Json]] = {}
    for (first, *rest), leaf in changed.items():
        below.setdefault(first, {})[tuple(rest)] = leaf
    if isinstance(value, list):
        return [_with_leaves(item, below.get(str(index), {})) for index, item in enumerate(value)]
    return {key: _with_leaves(item, below.get(key, {})) for key, item in as_object(value).items()}


def set_at(document: JsonObject, path: KeyPath, value: Json) -> JsonObject:
    """A copy of a document with another value at a place, or with none there; what a list lacks stays out."""
    inner = document.get(path[0])
    if len(path) > 1:
        if isinstance(inner, list):
            value = _set_item(inner, path[1:], value)
        else:
            value = set_at(inner if isinstance(inner, dict) else {}, path[1:], value)
    if value is ABSENT:
        return {key: item for key, item in document.items() if key != path[0]}
    return {**document, path[0]: value}


def _set_item(items: list[Json], path: KeyPath, value: Json) -> list[Json]:
    """The same for a list: an item is changed, and none is put in or taken out."""

    def changed(item: Json) -> Json:
        if len(path) == 1:
            return item if value is ABSENT else value
        if isinstance(item, list):
            return _set_item(item, path[1:], value)
        return set_at(item, path[1:], value) if isinstance(item, dict) else item

    return [changed(item) if str(index) == path[0] else item for index, item in enumerate(items)]


def with_value_of(document: JsonObject, place: KeyPath, other: JsonObject) -> JsonObject:
    """A document with the value that another one has at a place; objects that it alone fills come and go with it."""
    above = _holders(other, place)
    value: Json = above[-1].get(place[-1], ABSENT) if len(above) == len(place) else ABSENT
    if value is ABSENT and place[-1] not in _innermost(document, place):
        return document
    changed = set_at(document, place, value)
    for length in range(len(place) - 1, 0, -1):
        if value is ABSENT and len(above) <= length and not _innermost(changed, place[: length + 1]):
            changed = set_at(changed, place[:length], ABSENT)
    return changed


def _holders(document: JsonObject, place: KeyPath) -> list[JsonObject]:
    """The objects on the way to a place, as far as they are there."""
    found = [document]
    for key in place[:-1]:
        inner = found[-1].get(key)
        if not isinstance(inner, dict):
            break
        found.append(inner)
    return found


def _innermost(document: JsonObject, place: KeyPath) -> JsonObject:
    """The object that a place is in; an empty one when there is none."""
    found = _holders(document, place)
    return found[-1] if len(found) == len(place) else {}


def digest(value: Json) -> str:
    """SHA-256 of the canonical text, in hex."""
    return hashlib.sha256(canonical(value).encode("utf-8", "surrogatepass")).hexdigest()


def plain(value: Json) -> Json:
    """A document with its engine leaves in the spelling of manifests; secrets are not in it."""
    return map_leaves(value, _shown)


def _shown(leaf: Json) -> Json:
    if isinstance(leaf, Address):
        return f"${{ref:{leaf}}}"
    if isinstance(leaf, Hidden):
        return SHOWN
    return None if leaf is ABSENT else leaf


def _leaf_text(leaf: object) -> Json:
    if isinstance(leaf, Address):
        return {"tavusctl:ref": str(leaf)}
    if isinstance(leaf, Secret):
        return {"tavusctl:secret": leaf.fingerprint.digest}
    if isinstance(leaf, Fingerprint):
        return {"tavusctl:secret": leaf.digest}
    if isinstance(leaf, TextPrint):
        return {"tavusctl:text": leaf.digest}
    if isinstance(leaf, Pinned):
        return leaf.value
    if leaf is ABSENT:
        return {"tavusctl:absent": True}
    message = f"{type(leaf).__name__} does not belong in a document"
    raise TypeError(message)


_QUICK: Final = Encoder(order="sorted")
_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_leaf_text)
