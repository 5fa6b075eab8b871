"""Members that an update sends whole: with what stays unchanged in them, and secrets that no read shows.  Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tavusctl import patch
from tavusctl.core.json_tree import is_empty, leaves, map_leaves, set_at, value_at
from tavusctl.core.model import ABSENT, Live
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.lib.json_types import Json, JsonObject, KeyPath, as_object
from tavusctl.patch import Pinned
from tavusctl.secrets.values import Secret


def merged(body: JsonObject, operations: Sequence[JsonObject]) -> JsonObject:
    """A body with the operations carried out; a member that is replaced need not exist."""
    for operation in operations:
        key, *inner = patch.split(operation["path"])
        body = as_object(patch.apply(body, [operation])) if inner else {**body, key: operation["value"]}
    return body


def sent(live: Live, operations: Sequence[JsonObject], desired: JsonObject) -> JsonObject:
    """The members that operations touch, each whole, with the secrets that the manifest names.

    A member that others exclude is null.  If the change excludes one that has its default, the same request clears it;
    if it excludes one no longer, that gets its default.  Any other value is cleared by operations, which a plan shows.
    """
    kind = live.kind
    whole = _filled(kind, merged(live.body, operations), operations, desired)
    completed = _completed(kind, whole)
    before, after = (
        {key for key, value in document.items() if value is None}
        for document in (_completed(kind, live.body), completed)
    )
    companions: JsonObject = {key: None for key in after if live.body.get(key) in kind.field_at((key,)).defaults}
    companions |= {key: defaults[0] for key in before - after if (defaults := kind.field_at((key,)).defaults)}
    return companions | {key: _allowed(whole[key], completed.get(key)) for key in _touched(operations)}


def _completed(kind: ResourceKind, body: JsonObject) -> JsonObject:
    """A body in which null stands for what its other members exclude, and for nothing else."""
    members = {key: value for key, value in body.items() if value is not None}
    return kind.complete_spec(members, members)


def _allowed(value: Json, completed: Json) -> Json:
    """A value without the members that others exclude, such as a default of the type that it had before."""
    if not isinstance(value, dict) or not isinstance(completed, dict):
        return value
    kept = {key: item for key, item in value.items() if item is None or completed.get(key) is not None}
    return {key: _allowed(item, completed.get(key)) for key, item in kept.items()}


def missing_secrets(live: Live, operations: Sequence[JsonObject], desired: JsonObject) -> tuple[str, ...]:
    """Pointers of secrets that would be missing from the members that are sent."""
    if not any(isinstance(live.body.get(key), dict) for key in _touched(operations)):
        return ()
    whole = sent(live, operations, desired)
    hidden = {patch.join(path) for path, leaf in leaves(whole) if isinstance(leaf, Pinned)}
    return tuple(sorted(hidden | {patch.join(path) for path in _missing(live.kind, {**live.body, **whole})}))


def _touched(operations: Sequence[JsonObject]) -> list[str]:
    return list(dict.fromkeys(patch.split(operation["path"])[0] for operation in operations))


def _filled(kind: ResourceKind, whole: JsonObject, operations: Sequence[JsonObject], desired: JsonObject) -> JsonObject:
    """A body with the secrets of the manifest in place of masked ones; an empty secret is left out, which clears it."""
    for path in _masked(kind, whole, _touched(operations)):
        desired_secret, current = value_at(desired, path), value_at(whole, path)
        if isinstance(desired_secret, Secret) and (isinstance(current, Pinned) or is_empty(current)):
            whole = set_at(whole, path, desired_secret)
        elif is_empty(current):
            whole = set_at(whole, path, ABSENT)
    return whole


def _masked(kind: ResourceKind, whole: JsonObject, touched: Sequence[str]) -> Iterator[KeyPath]:
    """Paths inside the touched members of secrets that reads do not show."""
    for pointer, declared in kind.fields.items():
        path = patch.split(pointer)
        if declared.masked and path[0] in touched and isinstance(value_at(whole, path[:-1]), dict):
            yield path


def _missing(kind: ResourceKind, whole: JsonObject) -> Iterator[KeyPath]:
    """Paths of masked secrets that the schema requires and that `whole` lacks."""
    placeholders = map_leaves(whole, lambda leaf: leaf if isinstance(leaf, bool | int | float | str | None) else "word")
    from tavusctl.core.schema.spec_model import field_errors  # noqa: PLC0415 - slow; a plan without changes needs none

    for error in field_errors(kind.model, placeholders):
        path = (*error.path, error.missing or error.choice)
        if kind.field_at(path).masked:
            yield path
