"""Whether two values of a field mean the same, by the declarations of its kind.

Missing, null, "", [] and {} are one state; 1 and 1.0 are one number; what `FieldTraits` declare as a set, a joined
list, a boolean in words or a one-element list under another name is compared as such.  A default that the server fills
in is equal to a field that is not set; a field that is set to that default is not equal to one that is missing, because
servers change their defaults.  Members of list items that the kind does not know belong to the account: they stay, and
make no difference.  All functions here are for values that are managed as a whole.
"""

from __future__ import annotations

from tavusctl.core.json_tree import canonical, is_empty
from tavusctl.core.resource_kind import FieldTraits, ResourceKind
from tavusctl.fields import presigned_urls
from tavusctl.lib.json_types import Json, JsonObject, KeyPath
from tavusctl.patch import Pinned
from tavusctl.secrets.values import Fingerprint, Secret, TextFingerprint, UnreadSecret

_WORDS = {"true": True, "false": False}
_HIDDEN = (Pinned, Fingerprint, Secret)


def same(kind: ResourceKind, path: KeyPath, desired: Json, live: Json) -> bool:
    """Whether the `desired` value of the field at `path` (list indices as `*`) equals the `live` one."""
    declared = kind.field_at(path)
    if declared.empty_counts and is_unset(kind, path, desired) != is_unset(kind, path, live):
        return False
    desired, live = _split_joined(declared, _normalised(declared, desired), _normalised(declared, live))
    if is_empty(desired):
        if is_empty(live) or any(_is_whole(kind, path, default, live) for default in declared.defaults):
            return True
        # an object with nothing in it but what the server fills in
        return isinstance(live, dict) and all(same(kind, (*path, key), None, item) for key, item in live.items())
    if is_empty(live) and declared.omitted:
        return any(_same_leaves(desired, value) for value in declared.omitted)
    if isinstance(desired, dict) and is_empty(live):  # an object with nothing in it but what the server leaves out
        return all(same(kind, (*path, key), item, None) for key, item in desired.items())
    if isinstance(desired, dict) and isinstance(live, dict):
        desired, live = unaliased(kind, path, desired), unaliased(kind, path, live)
        keys = (key for key in {**desired, **live} if not kind.is_unknown_in_item((*path, key)))
        return all(same(kind, (*path, key), desired.get(key), live.get(key)) for key in keys)
    if isinstance(desired, list) and isinstance(live, list):
        return _same_lists(kind, path, desired, live, unordered=declared.unordered)
    return _same_leaves(desired, live)


def is_unset(kind: ResourceKind, path: KeyPath, value: Json) -> bool:
    """Whether a value means "not set" for its field: it is empty, and not a `{}` that has a meaning there."""
    return is_empty(value) and not (value == {} and kind.field_at(path).empty_counts)


def has_no_effect(kind: ResourceKind, path: KeyPath, value: Json) -> bool:
    """Whether the value of a field has no effect: it is empty, or one that the server fills in by itself."""
    if isinstance(value, list):
        return all(is_empty(item) for item in value)
    return same(kind, path, None, value)


def _is_whole(kind: ResourceKind, path: KeyPath, default: Json, live: Json) -> bool:
    """Whether a live value is a default as a whole, which may be an object."""
    return same(kind, path, default, live) if isinstance(default, dict) else _same_leaves(live, default)


def may_be_filled_in(kind: ResourceKind, path: KeyPath, value: Json) -> bool:
    """Whether a value may not have been set by anybody: it is empty, or one that a server fills in by itself."""
    declared = kind.field_at(path)
    if any(_is_whole(kind, path, default, value) for default in (*declared.defaults, *declared.fallbacks)):
        return True
    if isinstance(value, dict) and value:
        return all(may_be_filled_in(kind, (*path, key), item) for key, item in value.items())
    return is_unset(kind, path, value)


def without_unknown_members(kind: ResourceKind, path: KeyPath, value: Json) -> Json:
    """A value without the members of list items that the kind does not know."""
    if isinstance(value, dict):
        members = ((key, (*path, key)) for key in value)
        return {
            key: without_unknown_members(kind, member_path, value[key])
            for key, member_path in members
            if not kind.is_unknown_in_item(member_path)
        }
    if isinstance(value, list):
        return [without_unknown_members(kind, (*path, "*"), item) for item in value]
    return value


def unaliased(kind: ResourceKind, path: KeyPath, value: JsonObject) -> JsonObject:
    """An object in which a bare value under another name (`scalar_alias`) is a one-element list under its own key."""
    aliases = [(key, kind.field_at((*path, key)).scalar_alias) for key in kind.scalar_aliases(path)]
    if not any(alias in value for _, alias in aliases):
        return value
    result = dict(value)
    for key, alias in aliases:
        bare = result.pop(alias, None)
        if not is_empty(bare) and is_empty(result.get(key)):
            result[key] = [bare]
    return result


def _normalised(declared: FieldTraits, value: Json) -> Json:
    if declared.boolean and isinstance(value, str):
        return _WORDS.get(value.lower(), value)
    if declared.joined_by and isinstance(value, list) and not _has_fingerprints(value):
        return declared.joined_by.join(str(item) for item in value)
    if declared.must_stay_reachable:
        return presigned_urls.without_access_parameters(value)
    return value


def _split_joined(declared: FieldTraits, desired: Json, live: Json) -> tuple[Json, Json]:
    """Both values; as lists, if one is a list with fingerprints of texts and the other has its items in one text."""
    if declared.joined_by and isinstance(desired, list) and isinstance(live, str):
        return desired, live.split(declared.joined_by)
    if declared.joined_by and isinstance(live, list) and isinstance(desired, str):
        return desired.split(declared.joined_by), live
    return desired, live


def _has_fingerprints(values: list[Json]) -> bool:
    return any(isinstance(value, TextFingerprint) for value in values)


def _same_lists(kind: ResourceKind, path: KeyPath, one: list[Json], other: list[Json], *, unordered: bool) -> bool:
    if unordered and (_has_fingerprints(one) or _has_fingerprints(other)):
        pairs = ((one, other), (other, one))
        return all(any(_same_leaves(a, b) for b in candidates) for items, candidates in pairs for a in items)
    if unordered:
        return {canonical(item) for item in one} == {canonical(item) for item in other}
    return len(one) == len(other) and all(same(kind, (*path, "*"), a, b) for a, b in zip(one, other, strict=True))


def _same_leaves(one: Json, other: Json) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, TextFingerprint):
        return _same_text(one, other)
    if isinstance(other, TextFingerprint):
        return _same_text(other, one)
    if isinstance(one, Pinned) or isinstance(other, Pinned):
        # A masked secret is only known to be set: it is equal to whatever was last applied.
        return isinstance(one, _HIDDEN) and isinstance(other, _HIDDEN)
    if isinstance(one, Secret) and isinstance(other, Fingerprint):
        return one.matches(other)
    if isinstance(other, Secret) and isinstance(one, Fingerprint):
        return other.matches(one)
    if isinstance(one, Secret) != isinstance(other, Secret):
        # The other side may have been recorded before this place was known to hold a secret.
        return _is_written(one, other) or _is_written(other, one)
    return bool(one == other)


def _is_written(secret: Json, value: Json) -> bool:
    return isinstance(secret, Secret) and isinstance(value, str | int) and secret.equals_text(str(value))


def _same_text(known: TextFingerprint, other: Json) -> bool:
    if isinstance(other, Secret):  # the place holds a secret by now
        return not isinstance(other, UnreadSecret) and known.matches(other.reveal())
    if isinstance(other, dict | int | float):
        return known.matches(canonical(other))
    return known.matches(other) if isinstance(other, str) else bool(known == other)


def alike(one: Json, other: Json) -> bool:
    """Whether two values are equal apart from case, white space, order and rounding, which servers may normalise."""
    has_fingerprint = isinstance(one, TextFingerprint) or isinstance(other, TextFingerprint)
    if has_fingerprint or (isinstance(one, _HIDDEN) and isinstance(other, _HIDDEN)):
        return _same_leaves(one, other)
    return _folded(one) == _folded(other)


def _folded(value: Json) -> str:
    if isinstance(value, dict):
        return canonical({key: _folded(item) for key, item in value.items() if not is_empty(item)})
    if isinstance(value, list):
        return canonical(sorted({_folded(item) for item in value}))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(round(value))
    return "".join(value.casefold().split()) if isinstance(value, str) else canonical(value)
