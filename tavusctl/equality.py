"""When two spellings of a field mean the same: the declarations of a kind, applied.

Missing, null, "", [] and {} are one state; 1 and 1.0 are one number; what a `Field` declares as a set, a joined list,
a boolean in words or a one-element list under another name is compared as such.  A default that the server fills in
agrees with a field that is not set; a field that is set to that default does not agree with one that is missing,
because servers change their defaults.  Everything here is about values that are managed as a whole.
"""

from __future__ import annotations

from tavusctl import links
from tavusctl.document import canonical, is_empty
from tavusctl.model import Document, Field, Path, ResourceKind, Value
from tavusctl.patch import Pinned
from tavusctl.secret import Fingerprint, Secret

_WORDS = {"true": True, "false": False}
_HIDDEN = (Pinned, Fingerprint, Secret)


def same(kind: ResourceKind, path: Path, told: Value, shown: Value) -> bool:
    """Whether what a manifest says of the field at `path` (list indices as `*`) is what a read shows."""
    declared = kind.field_at(path)
    told, shown = _settled(declared, told), _settled(declared, shown)
    if is_empty(told):
        if isinstance(shown, dict):  # a shell that holds nothing but what the server fills in
            return all(same(kind, (*path, key), None, item) for key, item in shown.items())
        return is_empty(shown) or any(_same_leaves(shown, default) for default in declared.defaults)
    if isinstance(told, dict) and isinstance(shown, dict):
        told, shown = unaliased(kind, path, told), unaliased(kind, path, shown)
        return all(same(kind, (*path, key), told.get(key), shown.get(key)) for key in {**told, **shown})
    if isinstance(told, list) and isinstance(shown, list):
        return _same_lists(kind, path, told, shown, unordered=declared.unordered)
    return _same_leaves(told, shown)


def unused(kind: ResourceKind, path: Path, value: Value) -> bool:
    """Whether a field makes no use of what it is for: it holds nothing, or what the server fills in by itself."""
    if isinstance(value, list):
        return all(is_empty(item) for item in value)
    return same(kind, path, None, value)


def unaliased(kind: ResourceKind, path: Path, value: Document) -> Document:
    """An object with one-element lists that stand as a bare value under another name moved to where they belong."""
    aliases = [(key, kind.field_at((*path, key)).single) for key in kind.aliased(path)]
    if not any(single in value for _, single in aliases):
        return value
    settled = dict(value)
    for key, single in aliases:
        bare = settled.pop(single, None)
        if not is_empty(bare) and is_empty(settled.get(key)):
            settled[key] = [bare]
    return settled


def _settled(declared: Field, value: Value) -> Value:
    if declared.boolean and isinstance(value, str):
        return _WORDS.get(value.lower(), value)
    if declared.joined_by and isinstance(value, list):
        return declared.joined_by.join(str(item) for item in value)
    if declared.fetched:
        return links.file(value)
    return value


def _same_lists(kind: ResourceKind, path: Path, one: list[Value], other: list[Value], *, unordered: bool) -> bool:
    if unordered:
        return {canonical(item) for item in one} == {canonical(item) for item in other}
    return len(one) == len(other) and all(same(kind, (*path, "*"), a, b) for a, b in zip(one, other, strict=True))


def _same_leaves(one: Value, other: Value) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Pinned) or isinstance(other, Pinned):
        # A masked key is known to be set and no more: it agrees with whatever was last applied.
        return isinstance(one, _HIDDEN) and isinstance(other, _HIDDEN)
    if isinstance(one, Secret) and isinstance(other, Fingerprint):
        return one.is_of(other)
    if isinstance(other, Secret) and isinstance(one, Fingerprint):
        return other.is_of(one)
    if isinstance(one, Secret) != isinstance(other, Secret):
        # A place may have come to be one of secrets since the other side was written down.
        secret, text = (one, other) if isinstance(one, Secret) else (other, one)
        return isinstance(text, str | int) and secret.is_written(str(text))
    return bool(one == other)


def alike(one: Value, other: Value) -> bool:
    """Whether two values are spellings of one: case, white space, order and rounding aside, as servers tidy them."""
    if isinstance(one, _HIDDEN) and isinstance(other, _HIDDEN):
        return _same_leaves(one, other)
    return _folded(one) == _folded(other)


def _folded(value: Value) -> str:
    if isinstance(value, dict):
        return canonical({key: _folded(item) for key, item in value.items() if not is_empty(item)})
    if isinstance(value, list):
        return canonical(sorted({_folded(item) for item in value}))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(round(value))
    return "".join(value.casefold().split()) if isinstance(value, str) else canonical(value)
