"""What would reverse an update: worked out before it is sent, from the object as it was seen.

Ids stand where addresses stood, so that the record stays true when an address comes to mean another object.  A secret
that was replaced or taken away is in no record: its place is named, for a person to fill.
"""

from __future__ import annotations

from collections.abc import Sequence

from tavusctl import guards, patch
from tavusctl.document import emptied, is_empty, map_leaves
from tavusctl.engine.apply.run import Run
from tavusctl.journal import Inverse
from tavusctl.model import ABSENT, Document, Live, Path, Update, Value
from tavusctl.patch import Pinned
from tavusctl.secret import UNSEEN, Fingerprint, Secret


def invert(this: Run, live: Live, operations: Sequence[Document], applied: Document) -> Inverse:
    """The inverse of a patch of an object; `applied` is what was applied to it before."""
    before = _writable(this.with_ids(live.body))
    after = patched(live, before, _writable(this.with_ids(list(operations))))
    lost: list[str] = []
    reverse = _reverse(live, after, before, lost)
    kept = []
    for operation in reverse:
        path, given = patch.split(operation["path"]), operation.get("value", ABSENT)
        unread = live.kind.field_at(path).secret and (operation["op"] != "remove" or _held(applied, path))
        if unread or _is_lost(given):
            lost.append(operation["path"])
            continue
        value, hidden = _without_secrets(given, path)
        lost += hidden
        kept.append(operation if value is ABSENT else {**operation, "value": value})
    where = guards.places(after, kept)
    left = {patch.join(path): _without_secrets(guards.value_at(after, path), path)[0] for path in where}
    was = {patch.join(path): _without_secrets(guards.value_at(before, path), path)[0] for path in where}
    return Inverse(tuple(kept), left, was, tuple(sorted(lost)))


def left_by(this: Run, inverse: Inverse, live: Live) -> Document:
    """What an update left at the places of its inverse, as the account shows it."""
    body = _writable(this.with_ids(live.body))
    paths = {pointer: patch.split(pointer) for pointer in inverse.left}
    return {pointer: _without_secrets(guards.value_at(body, path), path)[0] for pointer, path in paths.items()}


def _writable(document: Value) -> Value:
    """A document whose masks may be compared like any value; they stay secrets, and leave no trace."""
    return map_leaves(document, lambda leaf: UNSEEN if isinstance(leaf, Pinned) else leaf)


def patched(live: Live, before: Document, operations: Sequence[Document]) -> Document:
    """A document as an update of it would leave it."""
    if live.kind.update is Update.JSON_PATCH:
        patched: Document = patch.apply(before, operations)
        return patched
    return {**before, **{operation["path"].removeprefix("/"): operation["value"] for operation in operations}}


def _reverse(live: Live, after: Document, before: Document, lost: list[str]) -> list[Document]:
    """The operations back, which leave secrets alone that are still there; those that were changed are `lost`."""
    changed: list[str] = []
    held = _held_fast(before, after, (), changed)
    try:
        reverse = _between(live, _pinned(after), held)
    except ValueError:  # the run took away what has a secret in it: it is brought back as far as it can be
        return _between(live, after, before)
    lost += changed
    return reverse


def _held_fast(before: Value, after: Value, path: Path, changed: list[str]) -> Value:
    """A document as it was, with the secrets that are there now, none of which can be written."""
    if isinstance(before, dict):
        now = after if isinstance(after, dict) else {}
        return {key: _held_fast(item, now.get(key), (*path, key), changed) for key, item in before.items()}
    if isinstance(before, list):
        same_length = isinstance(after, list) and len(after) == len(before)
        items = zip(before, after if same_length else [None] * len(before), strict=True)
        return [_held_fast(old, new, (*path, str(index)), changed) for index, (old, new) in enumerate(items)]
    if not isinstance(before, Secret | Fingerprint):
        return before
    if not isinstance(after, Secret | Fingerprint):
        return before
    if before != after:
        changed.append(patch.join(path))
    return Pinned(after)


def _pinned(document: Value) -> Value:
    return map_leaves(document, lambda leaf: Pinned(leaf) if isinstance(leaf, Secret | Fingerprint) else leaf)


def _between(live: Live, after: Document, before: Document) -> list[Document]:
    if live.kind.update is not Update.JSON_PATCH:
        # Such an update names whole members; one that was not there is sent as the empty value of its type.
        return [
            {"op": "replace", "path": patch.join((key,)), "value": before.get(key, emptied(after[key]))}
            for key in sorted(after)
            if after[key] != before.get(key)
        ]
    return patch.diff(after, before)


def _held(applied: Document, path: Path) -> bool:
    """Whether a secret was there: reads leave some out, so only what was applied can tell."""
    return not is_empty(guards.value_at(applied, path))


def _is_lost(value: Value) -> bool:
    """Whether a value is a secret, or a list of them: nothing is left of it that could be written."""
    if isinstance(value, list):
        return any(_is_lost(item) for item in value)
    return isinstance(value, Secret | Fingerprint)


def _without_secrets(value: Value, path: Path) -> tuple[Value, list[str]]:
    """A value without its secret members, and the pointers of those."""
    if isinstance(value, list):
        items = [_without_secrets(item, (*path, str(index))) for index, item in enumerate(value)]
        return [item for item, _ in items], [pointer for _, hidden in items for pointer in hidden]
    if not isinstance(value, dict):
        return value, []
    shown: Document = {}
    lost: list[str] = []
    for key, item in value.items():
        if isinstance(item, Secret | Fingerprint):
            lost.append(patch.join((*path, key)))
        else:
            shown[key], hidden = _without_secrets(item, (*path, key))
            lost += hidden
    return shown, lost
