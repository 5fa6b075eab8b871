"""Members that an update sends whole: what stays of them, and the secrets in them that no read shows.  Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tavusctl import patch
from tavusctl.core.json_tree import is_empty, map_leaves, placed, set_at
from tavusctl.core.model import ABSENT, Live
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.core.schema.spec_model import field_errors
from tavusctl.engine.compare.patch_guards import value_at
from tavusctl.lib.json_types import JsonObject, KeyPath, as_object
from tavusctl.patch import Pinned
from tavusctl.secrets.values import Secret


def merged(body: JsonObject, operations: Sequence[JsonObject]) -> JsonObject:
    """A body with the operations carried out; a member that is replaced need not be there."""
    for one in operations:
        key, *inner = patch.split(one["path"])
        body = as_object(patch.apply(body, [one])) if inner else {**body, key: one["value"]}
    return body


def sent(live: Live, operations: Sequence[JsonObject], desired: JsonObject) -> JsonObject:
    """The members that operations touch, each whole, with the secrets that the manifest names."""
    whole = _filled(live.kind, merged(live.body, operations), operations, desired)
    return {key: whole[key] for key in _touched(operations)}


def lacking(live: Live, operations: Sequence[JsonObject], desired: JsonObject) -> tuple[str, ...]:
    """Pointers of secrets that the members would be sent without."""
    if not any(isinstance(live.body.get(key), dict) for key in _touched(operations)):
        return ()
    whole = sent(live, operations, desired)
    hidden = {patch.join(path) for path, _, leaf in placed(whole, (), ()) if isinstance(leaf, Pinned)}
    return tuple(sorted(hidden | {patch.join(path) for path in _missing(live.kind, {**live.body, **whole})}))


def _touched(operations: Sequence[JsonObject]) -> list[str]:
    return list(dict.fromkeys(patch.split(one["path"])[0] for one in operations))


def _filled(kind: ResourceKind, whole: JsonObject, operations: Sequence[JsonObject], desired: JsonObject) -> JsonObject:
    """A body whose masked secrets are those of the manifest; one that it clears is left out, which clears it."""
    for path in _masked(kind, whole, _touched(operations)):
        told, held = value_at(desired, path), value_at(whole, path)
        if isinstance(told, Secret) and (isinstance(held, Pinned) or is_empty(held)):
            whole = set_at(whole, path, told)
        elif is_empty(held):
            whole = set_at(whole, path, ABSENT)
    return whole


def _masked(kind: ResourceKind, whole: JsonObject, touched: Sequence[str]) -> Iterator[KeyPath]:
    """Places inside the touched members where a secret may be that reads do not show."""
    for pointer, declared in kind.fields.items():
        path = patch.split(pointer)
        if declared.masked and path[0] in touched and isinstance(value_at(whole, path[:-1]), dict):
            yield path


def _missing(kind: ResourceKind, whole: JsonObject) -> Iterator[KeyPath]:
    """Secrets without which an object would make no sense."""
    words = map_leaves(whole, lambda leaf: leaf if isinstance(leaf, bool | int | float | str | None) else "word")
    for wrong in field_errors(kind.model, words):
        path = (*wrong.path, wrong.missing or wrong.choice)
        if kind.field_at(path).masked:
            yield path
