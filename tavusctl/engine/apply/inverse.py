"""What would reverse an update: worked out before it is sent, from the object as it was seen.

Ids stand where addresses stood, so that the record stays true when an address comes to mean another object.  A secret
that was replaced or taken away is in no record: its place is named, for a person to fill.
"""

from __future__ import annotations

from collections.abc import Sequence

from tavusctl import patch
from tavusctl.core.json_tree import canonical, is_empty, keys, map_leaves
from tavusctl.core.model import ABSENT, Live
from tavusctl.engine.apply.context import ApplyContext
from tavusctl.engine.compare import patch_guards
from tavusctl.engine.compare.updates import update_of
from tavusctl.lib.json_types import Json, JsonObject, KeyPath, as_object, as_text
from tavusctl.patch import Pinned
from tavusctl.secrets import redaction
from tavusctl.secrets.values import REDACTED, Fingerprint, Secret
from tavusctl.state.journal import Inverse


def invert(ctx: ApplyContext, live: Live, operations: Sequence[JsonObject], applied: JsonObject) -> Inverse:
    """The inverse of a patch of an object; `applied` is what was applied to it before."""
    members = sorted({patch.split(one["path"])[0] for one in operations})
    names = (name for one in operations for name in patch.split(one["path"]))
    # A key may be a secret as well: then no path through it may be on record.
    if any(map(redaction.stands_in, (*names, *keys([*operations, *map(live.body.get, members)])))):
        return Inverse(lost=tuple(patch.join((one,)) for one in members))
    before = _writable(ctx, live.body)
    after = update_of(live.kind).apply(before, [_writable(ctx, one) for one in operations])
    lost: list[str] = []
    reverse = _reverse(live, after, before, lost)
    kept = []
    for operation in reverse:
        path, given = patch.split(operation["path"]), operation.get("value", ABSENT)
        unread = live.kind.field_at(path).secret and (operation["op"] != "remove" or _held(applied, path))
        if unread or _is_lost(given):
            lost.append(as_text(operation["path"]))
            continue
        value, hidden = _without_secrets(given, path)
        lost += hidden
        kept.append(operation if value is ABSENT else {**operation, "value": value})
    where = patch_guards.places(after, kept)
    left = {patch.join(path): _without_secrets(patch_guards.value_at(after, path), path)[0] for path in where}
    was = {patch.join(path): _without_secrets(patch_guards.value_at(before, path), path)[0] for path in where}
    return Inverse(tuple(kept), left, was, tuple(sorted(lost)))


def left_by(ctx: ApplyContext, inverse: Inverse, live: Live) -> JsonObject:
    """What an update left at the places of its inverse, as the account shows it."""
    body = _writable(ctx, live.body)
    paths = {pointer: patch.split(pointer) for pointer in inverse.left}
    return {pointer: _without_secrets(patch_guards.value_at(body, path), path)[0] for pointer, path in paths.items()}


def _writable(ctx: ApplyContext, document: JsonObject) -> JsonObject:
    """A document whose masks may be compared like any value; they stay secrets, and leave no trace.

    So does a text or number in which the value of a secret stands: no record may hold it.
    """
    document = ctx.with_ids(document)
    key, holds = ctx.recorder.custody.prints, redaction.stands_in(canonical(document))

    def settled(leaf: Json) -> Json:
        if holds and isinstance(leaf, str) and redaction.stands_in(leaf):
            return key.seal(leaf, known=True)
        if holds and redaction.is_number(leaf):
            return key.seal(canonical(leaf), known=True)
        return REDACTED if isinstance(leaf, Pinned) else leaf

    return map_leaves(document, settled)


def _reverse(live: Live, after: JsonObject, before: JsonObject, lost: list[str]) -> list[JsonObject]:
    """The operations back, which leave secrets alone that are still there; those that were changed are `lost`."""
    changed: list[str] = []
    held = as_object(_held_fast(before, after, (), changed))
    try:
        reverse = update_of(live.kind).diff(live.kind, _pinned(after), held, {})
    except ValueError:  # the run took away what has a secret in it: it is brought back as far as it can be
        return update_of(live.kind).diff(live.kind, after, before, {})
    lost += changed
    return reverse


def _held_fast(before: Json, after: Json, path: KeyPath, changed: list[str]) -> Json:
    """A document as it was, with the secrets that are there now, none of which can be written."""
    if isinstance(before, dict):
        now = after if isinstance(after, dict) else {}
        return {key: _held_fast(item, now.get(key), (*path, key), changed) for key, item in before.items()}
    if isinstance(before, list):
        there = after if isinstance(after, list) and len(after) == len(before) else [None] * len(before)
        items = zip(before, there, strict=True)
        return [_held_fast(old, new, (*path, str(index)), changed) for index, (old, new) in enumerate(items)]
    if not isinstance(before, Secret | Fingerprint):
        return before
    if not isinstance(after, Secret | Fingerprint):
        return before
    if before != after:
        changed.append(patch.join(path))
    return Pinned(after)


def _pinned(document: JsonObject) -> JsonObject:
    return map_leaves(document, lambda leaf: Pinned(leaf) if isinstance(leaf, Secret | Fingerprint) else leaf)


def _held(applied: JsonObject, path: KeyPath) -> bool:
    """Whether a secret was there: reads leave some out, so only what was applied can tell."""
    return not is_empty(patch_guards.value_at(applied, path))


def _is_lost(value: Json) -> bool:
    """Whether a value is a secret, or a list of them: nothing is left of it that could be written."""
    if isinstance(value, list):
        return any(_is_lost(item) for item in value)
    return isinstance(value, Secret | Fingerprint)


def _without_secrets(value: Json, path: KeyPath) -> tuple[Json, list[str]]:
    """A value without its secret members, and the pointers of those."""
    if isinstance(value, list):
        items = [_without_secrets(item, (*path, str(index))) for index, item in enumerate(value)]
        return [item for item, _ in items], [pointer for _, hidden in items for pointer in hidden]
    if not isinstance(value, dict):
        return value, []
    shown: JsonObject = {}
    lost: list[str] = []
    for key, item in value.items():
        if isinstance(item, Secret | Fingerprint):
            lost.append(patch.join((*path, key)))
        else:
            shown[key], hidden = _without_secrets(item, (*path, key))
            lost += hidden
    return shown, lost
