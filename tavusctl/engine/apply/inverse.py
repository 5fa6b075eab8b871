"""The inverse of an update, computed before the update is sent, from the object as it was read.

It has ids in place of addresses, so that it stays true when an address is bound to another object.  Secrets that were
changed or removed are not recorded: the inverse lists their pointers, and a person has to supply the values.
"""

from __future__ import annotations

from collections.abc import Sequence

from tavusctl import patch
from tavusctl.core.json_tree import canonical, empty_value_for, is_empty, keys, map_leaves, value_at
from tavusctl.core.model import ABSENT, Live
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine.apply.context import ApplyContext
from tavusctl.engine.compare import patch_guards
from tavusctl.engine.compare.remembered import readable
from tavusctl.engine.compare.updates import update_of
from tavusctl.lib.json_types import Json, JsonObject, KeyPath, as_object, as_text
from tavusctl.patch import Pinned
from tavusctl.secrets import redaction
from tavusctl.secrets.values import REDACTED, Fingerprint, Secret
from tavusctl.state.journal import Inverse


def invert(ctx: ApplyContext, live: Live, operations: Sequence[JsonObject], applied: JsonObject) -> Inverse:
    """The inverse of a patch of an object; `applied` is what was applied to the object before."""
    members = sorted({patch.split(operation["path"])[0] for operation in operations})
    names = (name for operation in operations for name in patch.split(operation["path"]))
    # A key may contain the value of a secret too: then no path through it may be recorded.
    if any(map(redaction.contains_secret, (*names, *keys([*operations, *map(live.body.get, members)])))):
        return Inverse(unrecorded=tuple(patch.join((member,)) for member in members))
    before = {**_writable(ctx, live.body), **_writable(ctx, _unread(live.kind, operations, applied))}
    after = update_of(live.kind).apply(before, [_writable(ctx, operation) for operation in operations])
    lost: list[str] = []
    reverse = _reverse(live, readable(live.kind, after), readable(live.kind, before), lost)
    # No operation but `add` fits a field that no read shows.
    unread = [key for key in members if live.kind.field_at((key,)).write_only]
    reverse += [{"op": "add", "path": patch.join((key,)), "value": before[key]} for key in unread]
    recorded = []
    for undo_operation in reverse:
        path, old_value = patch.split(undo_operation["path"]), undo_operation.get("value", ABSENT)
        declared, was_empty = live.kind.field_at(path), old_value is ABSENT or is_empty(old_value)
        # Reads leave out some secrets, so only what was applied shows whether an empty one had a value.
        is_lost = declared.secret and not (was_empty and is_empty(value_at(applied, path)))
        if is_lost or _is_unrecordable(old_value):
            lost.append(as_text(undo_operation["path"]))
            continue
        value, hidden = _without_secrets(old_value, path)
        lost += hidden
        value = None if value == "" and declared.secret and declared.nullable else value  # the API refuses ""
        recorded.append(undo_operation if value is ABSENT else {**undo_operation, "value": value})
    paths = patch_guards.places(after, recorded)
    values_after = {patch.join(path): _without_secrets(value_at(after, path), path)[0] for path in paths}
    values_before = {patch.join(path): _without_secrets(value_at(before, path), path)[0] for path in paths}
    return Inverse(tuple(recorded), values_after, values_before, tuple(sorted(lost)))


def _unread(kind: ResourceKind, operations: Sequence[JsonObject], applied: JsonObject) -> JsonObject:
    """The values that fields which no read shows had before a patch: those that were applied last, or empty ones."""
    written = {patch.split(operation["path"])[0]: operation.get("value") for operation in operations}
    return {
        key: applied.get(key, empty_value_for(value))
        for key, value in written.items()
        if kind.field_at((key,)).write_only
    }


def read_values_after(ctx: ApplyContext, inverse: Inverse, live: Live) -> JsonObject:
    """The values at the places of an inverse, as the account shows them after the update."""
    body = _writable(ctx, live.body)
    paths = {
        pointer: path
        for pointer in inverse.values_after
        if not live.kind.field_at(path := patch.split(pointer)).write_only
    }
    return {pointer: _without_secrets(value_at(body, path), path)[0] for pointer, path in paths.items()}


def _writable(ctx: ApplyContext, document: JsonObject) -> JsonObject:
    """A document in ids in which every hidden value can be compared, and none is readable.

    Masks and texts or numbers that contain the value of a secret become fingerprints or a constant: no record may hold
    them.
    """
    document = ctx.with_ids(document)
    key, holds_secret = ctx.recorder.seals.fingerprint_key, redaction.contains_secret(canonical(document))

    def sealed(leaf: Json) -> Json:
        if holds_secret and isinstance(leaf, str) and redaction.contains_secret(leaf):
            return key.seal(leaf, public=True)
        if holds_secret and redaction.number_contains_secret(leaf):
            return key.seal(canonical(leaf), public=True)
        return REDACTED if isinstance(leaf, Pinned) else leaf

    return map_leaves(document, sealed)


def _reverse(live: Live, after: JsonObject, before: JsonObject, lost: list[str]) -> list[JsonObject]:
    """The reverse operations, which leave unchanged secrets alone; pointers of changed secrets are added to `lost`."""
    changed: list[str] = []
    target = as_object(_with_current_secrets(before, after, (), changed))
    pinned = map_leaves(after, lambda leaf: Pinned(leaf) if isinstance(leaf, Secret | Fingerprint) else leaf)
    try:
        reverse = update_of(live.kind).diff(live.kind, pinned, target, {})
    except ValueError:  # the update removed a value that holds a secret: restored as far as possible
        return update_of(live.kind).diff(live.kind, after, before, {})
    lost += changed
    return reverse


def _with_current_secrets(before: Json, after: Json, path: KeyPath, changed: list[str]) -> Json:
    """A document as it was before, with the secrets that are there now, pinned so that no patch writes them.

    Pointers of secrets that differ are added to `changed`.
    """
    if isinstance(before, dict):
        now = after if isinstance(after, dict) else {}
        return {key: _with_current_secrets(item, now.get(key), (*path, key), changed) for key, item in before.items()}
    if isinstance(before, list):
        current = after if isinstance(after, list) and len(after) == len(before) else [None] * len(before)
        items = zip(before, current, strict=True)
        return [_with_current_secrets(old, new, (*path, str(index)), changed) for index, (old, new) in enumerate(items)]
    if not isinstance(before, Secret | Fingerprint):
        return before
    if not isinstance(after, Secret | Fingerprint):
        return before
    if before != after:
        changed.append(patch.join(path))
    return Pinned(after)


def _is_unrecordable(value: Json) -> bool:
    """Whether a value is a secret, or a list with one in it: it cannot be recorded."""
    if isinstance(value, list):
        return any(_is_unrecordable(item) for item in value)
    return isinstance(value, Secret | Fingerprint)


def _without_secrets(value: Json, path: KeyPath) -> tuple[Json, list[str]]:
    """A value without its secret members, and the pointers of these."""
    if isinstance(value, list):
        items = [_without_secrets(item, (*path, str(index))) for index, item in enumerate(value)]
        return [item for item, _ in items], [pointer for _, hidden in items for pointer in hidden]
    if not isinstance(value, dict):
        return value, []
    members: JsonObject = {}
    lost: list[str] = []
    for key, item in value.items():
        if isinstance(item, Secret | Fingerprint):
            lost.append(patch.join((*path, key)))
        else:
            members[key], hidden = _without_secrets(item, (*path, key))
            lost += hidden
    return members, lost
