"""Walking documents: JSON values whose leaves may also be addresses, secrets and fingerprints."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from operator import is_
from typing import Final, TypeAlias, TypeGuard, overload

from msgspec.json import Encoder

from tavusctl.core.address import Address
from tavusctl.core.model import ABSENT, Absent
from tavusctl.lib.json_types import PLAIN, Json, JsonObject, KeyPath, as_object, is_plain
from tavusctl.patch import Pinned
from tavusctl.secrets.values import SHOWN, Fingerprint, Secret, SecretText, TextFingerprint

Hidden: TypeAlias = Secret | Fingerprint | TextFingerprint | Pinned  # leaves that must not be shown
Leaf: TypeAlias = Address | SecretText | Hidden | Absent  # leaves of documents that are not JSON values


def is_empty(value: Json) -> bool:
    """Whether a value counts as "not set": missing, null, "", [] or {}."""
    return value is ABSENT or value is None or (isinstance(value, str | list | dict) and not value)


@overload
def map_leaves(value: JsonObject, change: Callable[[Json], Json]) -> JsonObject: ...
@overload
def map_leaves(value: list[JsonObject], change: Callable[[Json], Json]) -> list[JsonObject]: ...
@overload
def map_leaves(value: Json, change: Callable[[Json], Json]) -> Json: ...
def map_leaves(value: Json, change: Callable[[Json], Json]) -> Json:
    """A document with `change` applied to every leaf; parts that stay the same are not copied."""
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


@overload
def with_addresses(document: JsonObject, addresses: Mapping[str, Json]) -> JsonObject: ...
@overload
def with_addresses(document: Json, addresses: Mapping[str, Json]) -> Json: ...
def with_addresses(document: Json, addresses: Mapping[str, Json]) -> Json:
    """A document with addresses in place of known ids; `addresses` has them by id."""
    if addresses.keys().isdisjoint(texts(document)):  # most documents have no references
        return document
    return map_leaves(document, lambda leaf: addresses.get(leaf, leaf) if isinstance(leaf, str) else leaf)


@overload
def replace_addresses(document: JsonObject, replacements: Mapping[Address, Json]) -> JsonObject: ...
@overload
def replace_addresses(document: Json, replacements: Mapping[Address, Json]) -> Json: ...
def replace_addresses(document: Json, replacements: Mapping[Address, Json]) -> Json:
    """A document with ids, or other addresses, in place of the addresses in `replacements`."""
    return map_leaves(document, lambda leaf: replacements.get(leaf, leaf) if isinstance(leaf, Address) else leaf)


def map_leaves_with_path(value: Json, change: Callable[[Json, KeyPath], Json], path: KeyPath = ()) -> Json:
    """A copy of a document with every leaf replaced by `change(leaf, path)`; list indices in the path are `*`."""
    if isinstance(value, dict):
        return {key: map_leaves_with_path(item, change, (*path, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [map_leaves_with_path(item, change, (*path, "*")) for item in value]
    return change(value, path)


def leaves(value: Json) -> Iterator[tuple[KeyPath, Json]]:
    """Every leaf of a document with its path; list indices are decimal texts."""
    items: list[tuple[KeyPath, Json]] = []
    _collect_leaves(value, (), items)
    return iter(items)


def _collect_leaves(value: Json, path: KeyPath, items: list[tuple[KeyPath, Json]]) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            if type(item) in PLAIN:
                items.append(((*path, key), item))
            else:
                _collect_leaves(item, (*path, key), items)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _collect_leaves(item, (*path, str(index)), items)
    else:
        items.append((path, value))


def share_parts(document: Json, other: Json) -> bool:
    """Put parts of another document in place of equal ones, so that both have them in memory once.

    Returns whether the two are equal.  Parts with numbers may stay apart, because 1, 1.0 and true are equal.
    """
    if type(document) is dict and type(other) is dict:
        is_equal = len(document) == len(other)
        for key, part in other.items():
            own = document.get(key, ABSENT)
            if own is part:
                continue
            if (type(own) is dict or type(own) is list) and share_parts(own, part):
                document[key] = part
            else:
                is_equal = False
        return is_equal
    if type(document) is list and type(other) is list and len(document) == len(other):
        for index, (own, part) in enumerate(zip(document, other, strict=True)):
            if own is not part and share_parts(own, part):
                document[index] = part
        return all(map(is_, document, other))
    return False


@overload
def unshared(value: JsonObject) -> JsonObject: ...
@overload
def unshared(value: list[JsonObject]) -> list[JsonObject]: ...
@overload
def unshared(value: Json) -> Json: ...
def unshared(value: Json) -> Json:
    """A copy in which no container stands in two places, so that a library that writes in place changes one of them."""
    if type(value) is dict:
        return {key: unshared(item) for key, item in value.items()}
    return [unshared(item) for item in value] if type(value) is list else value


def texts(value: Json) -> list[str]:
    """Every text of a document, at any depth."""
    items: list[str] = []
    _collect_texts(value, items)
    return items


def _collect_texts(value: Json, texts_found: list[str], keys_found: list[str] | None = None) -> None:
    if keys_found is not None and isinstance(value, dict):
        keys_found += value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else (value,):
        if type(item) is str:
            texts_found.append(item)
        elif type(item) is dict or type(item) is list:
            _collect_texts(item, texts_found, keys_found)


def texts_and_keys(value: Json) -> list[str]:
    """Every text of a document, and every key of the objects in it, at any depth."""
    items: list[str] = []
    _collect_texts(value, items, keys_found=items)
    return items


def keys(value: Json) -> Iterator[str]:
    """Every key of the objects in a document, at any depth."""
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            if type(item) not in PLAIN:
                yield from keys(item)


def pattern_of(path: KeyPath) -> KeyPath:
    """The pattern of a path, as kinds declare fields: `*` for list indices."""
    return tuple("*" if key.isdecimal() else key for key in path)


def pattern_in(document: Json, path: KeyPath) -> KeyPath:
    """The pattern of a path in a document, as kinds declare fields: `*` for the indices of its lists only."""
    pattern: list[str] = []
    for key in path:
        pattern.append("*" if isinstance(document, list) else key)
        document = value_at(document, (key,))
    return tuple(pattern)


def value_at(document: Json, path: KeyPath, missing: Json = None) -> Json:
    """The value at a path, or `missing`; list indices in the path are decimal texts."""
    for key in path:
        if isinstance(document, dict) and key in document:
            document = document[key]
        elif isinstance(document, list) and key.isascii() and key.isdecimal() and int(key) < len(document):
            document = document[int(key)]
        else:
            return missing
    return document


def path_to_list(document: Json, path: KeyPath) -> KeyPath:
    """A path up to the first list on it, which is compared as a whole; the path itself if there is no list."""
    depths = (depth for depth in range(1, len(path)) if isinstance(value_at(document, path[:depth]), list))
    return path[: next(depths, len(path))]


def identity_of(item: Json, keyed_by: str) -> Json:
    """The value that identifies an item, at `keyed_by`, a path of keys with dots; None if the item has none."""
    for key in keyed_by.split(".") if keyed_by else [""]:
        item = item.get(key) if isinstance(item, dict) else None
    return item


def side_by_side(
    left: Json, right: Json, path: KeyPath = (), *, deep: bool = False
) -> Iterator[tuple[KeyPath, Json, Json]]:
    """The values of two documents at every path where one of them has no mapping, ABSENT where it has nothing.

    A mapping that only one document has is one value; with `deep`, each of the values in it is one.
    """
    if deep and left is ABSENT and isinstance(right, dict) and right:
        left = {}
    elif deep and right is ABSENT and isinstance(left, dict) and left:
        right = {}
    if isinstance(left, dict) and isinstance(right, dict):
        for key in dict.fromkeys((*left, *right)):
            yield from side_by_side(left.get(key, ABSENT), right.get(key, ABSENT), (*path, key), deep=deep)
    else:
        yield path, left, right


def leaves_with_patterns(value: Json) -> Iterator[tuple[KeyPath, KeyPath, Json]]:
    """Every leaf of a document with its path, and with the pattern of that path."""
    items: list[tuple[KeyPath, KeyPath, Json]] = []
    _collect_placed(value, (), (), items)
    return iter(items)


def _collect_placed(value: Json, path: KeyPath, pattern: KeyPath, items: list[tuple[KeyPath, KeyPath, Json]]) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            _collect_placed(item, (*path, key), (*pattern, key), items)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _collect_placed(item, (*path, str(index)), (*pattern, "*"), items)
    else:
        items.append((path, pattern, value))


def canonical(value: Json) -> str:
    """The canonical text of a document, the same for equal ones: sorted keys, compact, secrets as fingerprints."""
    return _CANONICAL_ENCODER.encode(value)


def quick_bytes(value: Json) -> bytes:
    """The bytes of the canonical text from a much faster encoder, which writes some numbers differently."""
    return plain_bytes(value) if is_plain(value) else canonical(value).encode("utf-8", "surrogatepass")


def plain_bytes(value: Json) -> bytes:
    """The same for a value whose leaves are all JSON values."""
    try:
        return _FAST_ENCODER.encode(value)
    except (OverflowError, UnicodeEncodeError):  # values that the fast encoder cannot encode
        return canonical(value).encode("utf-8", "surrogatepass")


def is_hidden(value: Json) -> TypeGuard[Hidden]:
    """Whether a value must not be shown: a secret, the fingerprint of one, or a mask (`Pinned`)."""
    return isinstance(value, Hidden)


def empty_value_for(value: Json) -> Json:
    """The empty value of the JSON type in which a value is sent."""
    if value is None:
        return None
    return type(value)() if isinstance(value, dict | list | str | int | float) else ""


def with_leaves(document: JsonObject, changed: Mapping[KeyPath, Leaf | str]) -> JsonObject:
    """A document with other leaves at some paths (list indices are decimal texts); other parts are not copied."""
    return as_object(_with_leaves(document, changed))


def _with_leaves(value: Json, changed: Mapping[KeyPath, Json]) -> Json:
    if not changed:
        return value
    if () in changed:
        return changed[()]
    by_key: dict[str, dict[KeyPath, Json]] = {}
    for (first, *rest), leaf in changed.items():
        by_key.setdefault(first, {})[tuple(rest)] = leaf
    if isinstance(value, list):
        return [_with_leaves(item, by_key.get(str(index), {})) for index, item in enumerate(value)]
    return {key: _with_leaves(item, by_key.get(key, {})) for key, item in as_object(value).items()}


def set_at(document: JsonObject, path: KeyPath, value: Json) -> JsonObject:
    """A copy of a document with the value at a path set, or removed if it is ABSENT; lists get no new items."""
    member = document.get(path[0])
    if len(path) > 1:
        if isinstance(member, list):
            value = _set_item(member, path[1:], value)
        else:
            value = set_at(member if isinstance(member, dict) else {}, path[1:], value)
    if value is ABSENT:
        return {key: item for key, item in document.items() if key != path[0]}
    return {**document, path[0]: value}


def _set_item(items: list[Json], path: KeyPath, value: Json) -> list[Json]:
    """`set_at` for a list: an item may change, but none is added or removed."""

    def changed(item: Json) -> Json:
        if len(path) == 1:
            return item if value is ABSENT else value
        if isinstance(item, list):
            return _set_item(item, path[1:], value)
        return set_at(item, path[1:], value) if isinstance(item, dict) else item

    return [changed(item) if str(index) == path[0] else item for index, item in enumerate(items)]


def with_value_of(document: JsonObject, place: KeyPath, other: JsonObject) -> JsonObject:
    """A document with the value that `other` has at a path, or without one if `other` has none.

    Missing objects on the path are created.  After a removal, objects on the path that are empty and that `other` does
    not have are removed, too.
    """
    other_holders = _objects_on_path(other, place)
    value: Json = other_holders[-1].get(place[-1], ABSENT) if len(other_holders) == len(place) else ABSENT
    if value is ABSENT and place[-1] not in _containing_object(document, place):
        return document
    changed = set_at(document, place, value)
    for length in range(len(place) - 1, 0, -1):
        if value is ABSENT and len(other_holders) <= length and not _containing_object(changed, place[: length + 1]):
            changed = set_at(changed, place[:length], ABSENT)
    return changed


def _objects_on_path(document: JsonObject, place: KeyPath) -> list[JsonObject]:
    """The objects on a path, outermost first, up to the first one that is missing."""
    holders = [document]
    for key in place[:-1]:
        inner = holders[-1].get(key)
        if not isinstance(inner, dict):
            break
        holders.append(inner)
    return holders


def _containing_object(document: JsonObject, place: KeyPath) -> JsonObject:
    """The object that contains the last key of a path; an empty one if it is missing."""
    holders = _objects_on_path(document, place)
    return holders[-1] if len(holders) == len(place) else {}


def digest(value: Json) -> str:
    """SHA-256 of the canonical text, in hex."""
    return hashlib.sha256(canonical(value).encode("utf-8", "surrogatepass")).hexdigest()


def manifest_notation(value: Json) -> Json:
    """A document in the notation of manifests: references as `${ref:}`, secrets masked, ABSENT as null."""
    return map_leaves(value, _in_manifest_notation)


def _in_manifest_notation(leaf: Json) -> Json:
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
    if isinstance(leaf, TextFingerprint):
        return {"tavusctl:text": leaf.digest}
    if isinstance(leaf, Pinned):
        return leaf.value
    if leaf is ABSENT:
        return {"tavusctl:absent": True}
    raise TypeError(f"{type(leaf).__name__} does not belong in a document")


_FAST_ENCODER: Final = Encoder(order="sorted")
_CANONICAL_ENCODER: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_leaf_text
)
