"""Plan to reverse one apply, from the records that were kept of it.  Pure.

Every object is judged by itself: what the run left must still be there, or nothing of that object is touched.
Updates are reversed by their recorded inverse, creates by deletes, deletes by new objects made from what was kept.
A replacement is not reversed: its old half is gone, and the manifest changed back makes it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from tavusctl import guards, patch
from tavusctl.document import is_empty, leaves, map_leaves
from tavusctl.equality import same
from tavusctl.journal import Intent, Past
from tavusctl.model import (
    ABSENT,
    Action,
    Address,
    Binding,
    Cause,
    Change,
    Complaint,
    Desired,
    Document,
    FieldChange,
    Lifecycle,
    Live,
    Path,
    Refusal,
    ResourceKind,
    Severity,
    Source,
    Update,
    Value,
)
from tavusctl.secret import MASK, Fingerprint, Secret
from tavusctl.threeway import compare

_NOWHERE = Source("", 0, 0)


@dataclass(frozen=True, slots=True)
class Scene:
    """The account and the state now, and what was kept of deleted objects."""

    kinds: Mapping[str, ResourceKind]
    bindings: Mapping[Address, Binding]
    live: Mapping[tuple[str, str], Live]
    ids: Mapping[str, Address]
    trash: Mapping[str, Document]  # bodies by id
    recreate: bool = False


@dataclass(slots=True)
class Reversal:
    """What reverses a run, what of it cannot be reversed, and what has to be said."""

    changes: list[Change] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    settled: list[Binding] = field(default_factory=list)
    warnings: list[Complaint] = field(default_factory=list)
    bodies: dict[Address, Document] = field(default_factory=dict)  # as they will be, where one object has two updates


def reverse(past: Past, scene: Scene) -> Reversal:
    """The changes that reverse a run: what is made again first, then updates newest first, then what is let go."""
    found = Reversal()
    carried_out = [intent for intent in reversed(past.intents) if intent.op not in past.failed]
    deleted = [intent for intent in carried_out if intent.action is Action.DELETE]
    again = {intent.remote_id: intent.address for intent in deleted if scene.recreate}
    for intent in sorted(deleted, key=lambda one: _refers(scene.kinds[one.address.kind])):
        _remake(intent, scene, again, found)
    gone = {intent.remote_id: intent.address for intent in deleted}
    for intent in carried_out:
        if intent.action in (Action.UPDATE, Action.ADOPT):
            _reverse_update(intent, scene, gone, found)
    for intent in carried_out:
        if intent.action is Action.CREATE:
            _unmake(intent, past, scene, found)
        elif intent.action is Action.REPLACE:
            reason = "a replacement is not reversed: the old version is gone, or about to go"
            hint = "change the manifest back and apply it: that makes the old version anew"
            found.refused.append(Refusal(_bare(intent, Action.REPLACE), "E306", 4, reason, hint))
    refused = {refusal.change.address for refusal in found.refused}
    found.changes += [change for change in _released(past, scene) if change.address not in refused]
    found.settled += _bound_again(past, scene)
    return found


def restored(now: Value, after: Value, before: Value) -> Value:
    """What was applied, less what one run applied; what later runs applied stays."""
    if not all(isinstance(one, dict) for one in (now, after, before)):
        return before
    result = dict(now)
    for key in {**after, **before}:
        old, new = before.get(key, ABSENT), after.get(key, ABSENT)
        if old == new:
            continue
        value = restored(now.get(key, ABSENT), new, old)
        if value is ABSENT:
            result.pop(key, None)
        else:
            result[key] = value
    return result


def _reverse_update(intent: Intent, scene: Scene, gone: Mapping[str, Address], found: Reversal) -> None:
    change = _bare(intent, Action.UPDATE)
    inverse, before = intent.inverse, intent.before
    binding = scene.bindings.get(intent.address)
    live = scene.live.get((intent.address.kind, intent.remote_id))
    if binding is None or binding.remote_id != intent.remote_id or before is None:
        _refuse(found, change, f"{intent.address} is not bound to {intent.remote_id} any more")
        return
    if live is None:
        _refuse(found, change, f"{intent.remote_id} was deleted in the account")
        return
    found.warnings += [_secret(intent.address, pointer) for pointer in inverse.lost]
    if not inverse.operations:
        return
    dead = sorted({str(gone[leaf]) for _, leaf in leaves(list(inverse.operations)) if _is_in(leaf, gone)})
    if dead and not scene.recreate:
        hint = "--recreate makes it anew"
        found.refused.append(Refusal(change, "E307", 4, f"it referred to {', '.join(dead)}, which was deleted", hint))
        return
    body = found.bodies.get(intent.address, live.body)
    left, was = _seen(inverse.left, scene, gone), _seen(inverse.was, scene, gone)
    spec = restored(binding.applied, intent.spec, _kept_secrets(intent, before.applied))
    current = replace(binding, applied=spec)
    if _differing(live.kind, left, body):
        if _differing(live.kind, was, body):
            paths = ", ".join(_differing(live.kind, left, body))
            _refuse(found, change, f"{paths} was edited since")
        else:
            found.settled.append(current)  # somebody has reversed it already
        return
    operations = tuple(_seen({"": list(inverse.operations)}, scene, gone)[""])
    seen = replace(live, body=body)
    found.bodies[intent.address] = _patched(live.kind, body, operations)
    found.changes.append(
        replace(
            change,
            fields=tuple(_shown(pointer, left, body, was) for pointer in left),
            patch=operations,
            guards=_guards(seen, operations),
            waits_for=tuple(sorted({leaf for _, leaf in leaves(list(operations)) if leaf in set(gone.values())})),
            desired=_desired(live.kind, current),
            live=seen,
        )
    )


def _unmake(intent: Intent, past: Past, scene: Scene, found: Reversal) -> None:
    """A create is reversed by a delete, of an object that is still as it was made."""
    binding = scene.bindings.get(intent.address)
    made = past.made.get(intent.op) or binding
    if made is None or binding is None or binding.remote_id != made.remote_id:
        _refuse(found, _bare(intent, Action.DELETE), f"{intent.address} is not bound to what was created any more")
        return
    live = scene.live.get((intent.address.kind, binding.remote_id))
    change = replace(_bare(intent, Action.DELETE), remote_id=binding.remote_id, live=live)
    if live is None:
        found.changes.append(replace(change, action=Action.FORGET, reason="it is already gone"))
        return
    sent = Binding(intent.address, binding.remote_id, intent.spec, unkept=binding.unkept)
    difference = compare(_desired(live.kind, sent), live, sent)
    if difference.fields:
        paths = ", ".join(one.path for one in difference.fields)
        _refuse(found, change, f"{paths} was edited since")
        return
    users = [one for one in scene.live.values() if one.address is None and _uses(one, intent.address, live.remote_id)]
    names = tuple(sorted(f"{one.kind.name} {one.remote_id}" for one in users))
    found.changes.append(replace(change, referrers=names))


def _remake(intent: Intent, scene: Scene, again: Mapping[str, Address], found: Reversal) -> None:
    """A delete is reversed by a new object, from what was kept of the old one."""
    kind, before = scene.kinds[intent.address.kind], intent.before
    change = replace(_bare(intent, Action.CREATE), remote_id="")
    if intent.address in scene.bindings:
        _refuse(found, change, f"{intent.address} is bound to {scene.bindings[intent.address].remote_id} by now")
        return
    if kind.costly:
        found.refused.append(Refusal(change, "E308", 4, f"a deleted {kind.name} cannot be brought back"))
        return
    if not scene.recreate:
        hint = "undo --recreate makes a new one, with a new id"
        found.refused.append(Refusal(change, "E307", 4, f"{intent.remote_id} was deleted", hint))
        return
    kept = scene.trash.get(intent.remote_id)
    if kept is None or before is None:
        hint = "write its manifest again and apply it"
        found.refused.append(Refusal(change, "E308", 4, f"nothing was kept of {intent.remote_id}", hint))
        return
    lost: list[str] = []
    body = _fillable(kind, {**before.applied, **kept}, (), lost)
    body = map_leaves(body, lambda leaf: again.get(leaf, leaf) if isinstance(leaf, str) else leaf)
    desired = _desired(kind, replace(before, applied=_fillable(kind, before.applied, (), [])))
    refers_to = tuple(sorted({leaf for _, leaf in leaves(body) if isinstance(leaf, Address)}))
    name = body.get(kind.name_field)
    rivals = [one for one in scene.live.values() if one.kind.name == kind.name and not one.address and one.name == name]
    found.warnings += [_secret(intent.address, pointer) for pointer in sorted(set(lost))]
    found.changes.append(
        replace(
            change,
            patch=({"op": "add", "path": "", "value": body},),
            reason=f"made anew in place of {intent.remote_id}",
            desired=replace(desired, refers_to=refers_to),
            rivals=tuple(sorted(one.remote_id for one in rivals)),
        )
    )


def _released(past: Past, scene: Scene) -> Iterator[Change]:
    """What the run took over is let go."""
    for taken in past.adopted:
        binding = scene.bindings.get(taken.address)
        if binding and binding.remote_id == taken.remote_id:
            reason = "the run took it over"
            waits = (taken.address,)
            yield Change(Action.FORGET, Cause.EDITED, taken.address, taken.remote_id, waits_for=waits, reason=reason)


def _bound_again(past: Past, scene: Scene) -> Iterator[Binding]:
    """What the run let go is taken back, where it still exists and is nobody's."""
    for binding in past.forgotten:
        free = binding.address not in scene.bindings and binding.remote_id not in scene.ids
        if free and (binding.address.kind, binding.remote_id) in scene.live:
            yield binding


def _bare(intent: Intent, action: Action) -> Change:
    return Change(action, Cause.EDITED, intent.address, intent.remote_id, reason="as it was before that run")


def _refuse(found: Reversal, change: Change, reason: str) -> None:
    found.refused.append(Refusal(change, "E305", 3, reason, "reverse it by hand, in its manifest"))


def _desired(kind: ResourceKind, binding: Binding) -> Desired:
    lifecycle = Lifecycle(prevent_destroy=binding.prevent_destroy, on_remove=binding.on_remove)
    return Desired(kind, binding.address, binding.applied, _NOWHERE, lifecycle=lifecycle)


def _kept_secrets(intent: Intent, before: Document) -> Document:
    """What was applied before, but for secrets: those of the run are still there."""
    for pointer in intent.inverse.lost:
        path = patch.split(pointer)
        held = guards.value_at(intent.spec, path)
        before = _with(before, path, ABSENT if is_empty(held) else held)
    return before


def _with(document: Document, path: Path, value: Value) -> Document:
    inner = document.get(path[0])
    if len(path) > 1:
        value = _with(inner if isinstance(inner, dict) else {}, path[1:], value)
    if value is ABSENT:
        return {key: item for key, item in document.items() if key != path[0]}
    return {**document, path[0]: value}


def _seen(document: Document, scene: Scene, gone: Mapping[str, Address]) -> Document:
    """Records have ids; the account is seen with addresses."""
    known = {**scene.ids, **gone}
    return {
        key: map_leaves(value, lambda leaf: known.get(leaf, leaf) if isinstance(leaf, str) else leaf)
        for key, value in document.items()
    }


def _differing(kind: ResourceKind, expected: Document, body: Document) -> list[str]:
    """Pointers at which an object does not read as expected."""
    places = ((pointer, patch.split(pointer)) for pointer in expected)
    return [one for one, path in places if not same(kind, path, expected[one], _shown_of(guards.value_at(body, path)))]


def _shown_of(value: Value) -> Value:
    """A value without its secrets, which no record has."""
    if isinstance(value, dict):
        return {key: _shown_of(item) for key, item in value.items() if not _is_hidden(item)}
    return [_shown_of(item) for item in value] if isinstance(value, list) else value


def _is_hidden(value: Value) -> bool:
    return isinstance(value, Secret | Fingerprint | patch.Pinned)


def _fillable(kind: ResourceKind, value: Value, path: Path, lost: list[str]) -> Value:
    """A kept document that can be sent: secrets left out and named, and nothing that is empty."""
    if isinstance(value, list):
        return [_fillable(kind, item, (*path, "*"), lost) for item in value]
    if not isinstance(value, dict):
        return value
    filled: Document = {}
    for key, item in value.items():
        here = (*path, key)
        if _is_hidden(item) or item == MASK:
            lost.append(patch.join(here))
        elif not is_empty(item):
            filled[key] = _fillable(kind, item, here, lost)
    return filled


def _patched(kind: ResourceKind, body: Document, operations: tuple[Document, ...]) -> Document:
    if kind.update is Update.JSON_PATCH:
        patched: Document = patch.apply(body, operations)
        return patched
    return {**body, **{one["path"].removeprefix("/"): one["value"] for one in operations}}


def _guards(live: Live, operations: tuple[Document, ...]) -> tuple[Document, ...]:
    if live.kind.update is not Update.JSON_PATCH:
        return ()
    return guards.tests_of(guards.protect(live.kind, live.body, operations))


def _shown(pointer: str, left: Document, body: Document, was: Document) -> FieldChange:
    live = guards.value_at(body, patch.split(pointer))
    return FieldChange(pointer, Cause.EDITED, left[pointer], live, was.get(pointer))


def _secret(address: Address, pointer: str) -> Complaint:
    message = f"{address}: the secret at {pointer} cannot be brought back; set it in the manifest and apply"
    return Complaint("TV304", message, None, "", address, Severity.WARNING)


def _refers(kind: ResourceKind) -> bool:
    return any(declared.refers_to for declared in kind.fields.values())


def _uses(one: Live, address: Address, remote_id: str) -> bool:
    return any(leaf in (address, remote_id) for _, leaf in leaves(one.body) if isinstance(leaf, Address | str))


def _is_in(leaf: Value, ids: Mapping[str, Address]) -> bool:
    return isinstance(leaf, str) and leaf in ids
