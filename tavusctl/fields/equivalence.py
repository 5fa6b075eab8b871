"""When two spellings of a field mean the same: the declarations of a kind, applied.

Missing, null, "", [] and {} are one state; 1 and 1.0 are one number; what `FieldTraits` declare as a set, a joined
list, a boolean in words or a one-element list under another name is compared as such.  A default that the server fills
in agrees with a field that is not set; a field that is set to that default does not agree with one that is missing,
because servers change their defaults.  Members of list items that the kind does not know are the account's own: they
stay, and make no difference.  Everything here is about values that are managed as a whole.
"""

from __future__ import annotations

from tavusctl.core.json_tree import canonical, is_empty
from tavusctl.core.resource_kind import FieldTraits, ResourceKind
from tavusctl.fields import presigned_urls
from tavusctl.lib.json_types import Json, JsonObject, KeyPath
from tavusctl.patch import Pinned
from tavusctl.secrets.values import Fingerprint, Secret, TextPrint, Unread

_WORDS = {"true": True, "false": False}
_HIDDEN = (Pinned, Fingerprint, Secret)


def same(kind: ResourceKind, path: KeyPath, told: Json, shown: Json) -> bool:
    """Whether what a manifest says of the field at `path` (list indices as `*`) is what a read shows."""
    declared = kind.field_at(path)
    if declared.empty_counts and is_unset(kind, path, told) != is_unset(kind, path, shown):
        return False
    told, shown = _alike_joined(declared, _settled(declared, told), _settled(declared, shown))
    if is_empty(told):
        if isinstance(shown, dict):  # a shell that holds nothing but what the server fills in
            return all(same(kind, (*path, key), None, item) for key, item in shown.items())
        return is_empty(shown) or any(_same_leaves(shown, default) for default in declared.defaults)
    if isinstance(told, dict) and isinstance(shown, dict):
        told, shown = unaliased(kind, path, told), unaliased(kind, path, shown)
        keys = (key for key in {**told, **shown} if not is_left_alone(kind, (*path, key)))
        return all(same(kind, (*path, key), told.get(key), shown.get(key)) for key in keys)
    if isinstance(told, list) and isinstance(shown, list):
        return _same_lists(kind, path, told, shown, unordered=declared.unordered)
    return _same_leaves(told, shown)


def is_unset(kind: ResourceKind, path: KeyPath, value: Json) -> bool:
    """Whether a value is one of the spellings of "not set" that its field has."""
    return is_empty(value) and not (value == {} and kind.field_at(path).empty_counts)


def unused(kind: ResourceKind, path: KeyPath, value: Json) -> bool:
    """Whether a field makes no use of what it is for: it holds nothing, or what the server fills in by itself."""
    if isinstance(value, list):
        return all(is_empty(item) for item in value)
    return same(kind, path, None, value)


def may_be_filled_in(kind: ResourceKind, path: KeyPath, value: Json) -> bool:
    """Whether a value is nothing that anybody need have set: it is empty, or some server fills it in by itself."""
    if isinstance(value, dict) and value:
        return all(may_be_filled_in(kind, (*path, key), item) for key, item in value.items())
    declared = kind.field_at(path)
    return is_unset(kind, path, value) or any(
        _same_leaves(value, one) for one in (*declared.defaults, *declared.fallbacks)
    )


def is_left_alone(kind: ResourceKind, path: KeyPath) -> bool:
    """Whether a path leads to a member of a list item that the kind does not know: nobody here manages it."""
    return kind.is_unknown_in_item(path)


def known_part(kind: ResourceKind, path: KeyPath, value: Json) -> Json:
    """A value without the members of list items that the kind does not know."""
    if isinstance(value, dict):
        known = ((key, (*path, key)) for key in value)
        return {key: known_part(kind, below, value[key]) for key, below in known if not is_left_alone(kind, below)}
    if isinstance(value, list):
        return [known_part(kind, (*path, "*"), item) for item in value]
    return value


def unaliased(kind: ResourceKind, path: KeyPath, value: JsonObject) -> JsonObject:
    """An object with one-element lists that stand as a bare value under another name moved to where they belong."""
    aliases = [(key, kind.field_at((*path, key)).scalar_alias) for key in kind.scalar_aliases(path)]
    if not any(single in value for _, single in aliases):
        return value
    settled = dict(value)
    for key, single in aliases:
        bare = settled.pop(single, None)
        if not is_empty(bare) and is_empty(settled.get(key)):
            settled[key] = [bare]
    return settled


def _settled(declared: FieldTraits, value: Json) -> Json:
    if declared.boolean and isinstance(value, str):
        return _WORDS.get(value.lower(), value)
    if declared.joined_by and isinstance(value, list) and not _has_prints(value):
        return declared.joined_by.join(str(item) for item in value)
    if declared.must_stay_reachable:
        return presigned_urls.file(value)
    return value


def _alike_joined(declared: FieldTraits, told: Json, shown: Json) -> tuple[Json, Json]:
    """Two lists where one is a list of which some texts are not known, and the other its items in one text."""
    if declared.joined_by and isinstance(told, list) and isinstance(shown, str):
        return told, shown.split(declared.joined_by)
    if declared.joined_by and isinstance(shown, list) and isinstance(told, str):
        return told.split(declared.joined_by), shown
    return told, shown


def _has_prints(values: list[Json]) -> bool:
    return any(isinstance(one, TextPrint) for one in values)


def _same_lists(kind: ResourceKind, path: KeyPath, one: list[Json], other: list[Json], *, unordered: bool) -> bool:
    if unordered and (_has_prints(one) or _has_prints(other)):
        pairs = ((one, other), (other, one))
        return all(any(_same_leaves(a, b) for b in those) for these, those in pairs for a in these)
    if unordered:
        return {canonical(item) for item in one} == {canonical(item) for item in other}
    return len(one) == len(other) and all(same(kind, (*path, "*"), a, b) for a, b in zip(one, other, strict=True))


def _same_leaves(one: Json, other: Json) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, TextPrint):
        return _same_text(one, other)
    if isinstance(other, TextPrint):
        return _same_text(other, one)
    if isinstance(one, Pinned) or isinstance(other, Pinned):
        # A masked key is known to be set and no more: it agrees with whatever was last applied.
        return isinstance(one, _HIDDEN) and isinstance(other, _HIDDEN)
    if isinstance(one, Secret) and isinstance(other, Fingerprint):
        return one.is_of(other)
    if isinstance(other, Secret) and isinstance(one, Fingerprint):
        return other.is_of(one)
    if isinstance(one, Secret) != isinstance(other, Secret):
        # A place may have come to be one of secrets since the other side was written down.
        return _is_written(one, other) or _is_written(other, one)
    return bool(one == other)


def _is_written(secret: Json, text: Json) -> bool:
    return isinstance(secret, Secret) and isinstance(text, str | int) and secret.is_written(str(text))


def _same_text(known: TextPrint, other: Json) -> bool:
    if isinstance(other, Secret):  # a place of secrets by now
        return not isinstance(other, Unread) and known.is_of(other.reveal())
    if isinstance(other, dict | int | float):
        return known.is_of(canonical(other))
    return known.is_of(other) if isinstance(other, str) else bool(known == other)


def alike(one: Json, other: Json) -> bool:
    """Whether two values are spellings of one: case, white space, order and rounding aside, as servers tidy them."""
    either_print = isinstance(one, TextPrint) or isinstance(other, TextPrint)
    if either_print or (isinstance(one, _HIDDEN) and isinstance(other, _HIDDEN)):
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
