"""Objects that came or went with a run: what it made is deleted, what it deleted is made anew, bindings go back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from msgspec.structs import replace

from tavusctl import guards, patch, sources
from tavusctl.document import is_empty, is_hidden, leaves, map_leaves
from tavusctl.engine.undo.scene import (
    Reversal,
    Scene,
    as_desired,
    bare,
    refuse,
    refuse_without,
    uses,
    with_value,
)
from tavusctl.journal import Intent, Past
from tavusctl.lookup import same_name
from tavusctl.model import (
    ABSENT,
    Action,
    Address,
    Binding,
    Cause,
    Change,
    Desired,
    Document,
    Live,
    Path,
    Refusal,
    ResourceKind,
    Value,
)
from tavusctl.secret import Secret, is_mask
from tavusctl.threeway import compare


def unmake(intent: Intent, past: Past, scene: Scene, found: Reversal) -> None:
    """A create is reversed by a delete, of an object that is still as it was made."""
    binding = scene.bindings.get(intent.address)
    made = past.made.get(intent.op) or binding
    if made is None or binding is None or binding.remote_id != made.remote_id:
        refuse(found, bare(intent, Action.DELETE), f"{intent.address} is not bound to what was created any more")
        return
    live = scene.live.get((intent.address.kind, binding.remote_id))
    change = replace(bare(intent, Action.DELETE), remote_id=binding.remote_id, live=live)
    if live is None:
        found.changes.append(replace(change, action=Action.FORGET, reason="it is already gone"))
        return
    paths = edited_since(intent, live, binding)
    if paths:
        refuse(found, change, f"{paths} was edited since")
        return
    users = [one for one in scene.live.values() if one.address is None and uses(one, intent.address, live.remote_id)]
    names = tuple(sorted(f"{one.kind.name} {one.remote_id}" for one in users))
    found.changes.append(replace(change, referrers=names))


def remake(intent: Intent, scene: Scene, again: Mapping[str, Address], found: Reversal) -> None:
    """A delete is reversed by a new object, from what was kept of the old one."""
    kind, before = scene.kinds[intent.address.kind], intent.before
    change = replace(bare(intent, Action.CREATE), remote_id="")
    if intent.address in scene.bindings:
        refuse(found, change, f"{intent.address} is bound to {scene.bindings[intent.address].remote_id} by now")
        return
    if kind.costly:
        found.refused.append(Refusal(change, "E308", 4, f"a deleted {kind.name} cannot be brought back"))
        return
    if not scene.recreate:
        hint = "undo --recreate makes a new one, with a new id"
        found.refused.append(Refusal(change, "E307", 4, f"{intent.remote_id} was deleted", hint))
        return
    if kind.attachment and before and kind.attachment.file in before.applied:
        hint = "write its manifest again and apply it"
        found.refused.append(Refusal(change, "E308", 4, f"{intent.remote_id} was made from a file", hint))
        return
    kept = scene.trash.get(intent.remote_id)
    if kept is None or before is None:
        hint = "write its manifest again and apply it"
        found.refused.append(Refusal(change, "E308", 4, f"nothing was kept of {intent.remote_id}", hint))
        return
    body, desired, lost = anew(kind, before, kept, again, scene.secrets)
    if lost:
        refuse_without(found, change, lost, scene)
        return
    if missing := unmade(desired.refers_to, scene, found):
        hint = "make that possible, or write its manifest again and apply it"
        found.refused.append(Refusal(change, "E309", 4, f"it refers to {missing}, which cannot be made anew", hint))
        return
    name = str(body.get(kind.name_field) or "")
    rivals = [
        one
        for one in scene.live.values()
        if one.kind.name == kind.name and not one.address and same_name(name, one.name)
    ]
    found.changes.append(
        replace(
            change,
            patch=({"op": "add", "path": "", "value": body},),
            reason=f"made anew in place of {intent.remote_id}",
            desired=desired,
            rivals=tuple(sorted(one.remote_id for one in rivals)),
        )
    )


def unmade(refers_to: Iterable[Address], scene: Scene, found: Reversal) -> str:
    """Those of some addresses that the undo would have to make anew, and refuses to."""
    refused = {one.change.address for one in found.refused if one.change.action is Action.CREATE}
    return ", ".join(sorted(str(one) for one in refused.intersection(refers_to) if one not in scene.bindings))


def anew(
    kind: ResourceKind,
    before: Binding,
    kept: Document,
    again: Mapping[str, Address],
    secrets: Mapping[tuple[Address, str], Secret],
) -> tuple[Document, Desired, list[str]]:
    """What makes a deleted object anew: the body to send, what is then wanted, and pointers of secrets that are lost.

    `again` are the ids of others that are made anew, too; `secrets` are those that manifests name.
    """
    lost: list[str] = []

    def held(pointer: str) -> Secret | None:
        return secrets.get((before.address, pointer))

    body = _fillable({**sources.sent(before.applied), **kept}, (), lost, held)
    # Reads leave some secrets out altogether: only what was applied can tell that they were there.
    for path, leaf in leaves(before.applied):
        if is_hidden(leaf) and is_empty(guards.value_at(body, path)):
            secret = held(patch.join(path))
            lost += [] if secret else [patch.join(path)]
            body = with_value(body, path, secret) if secret else body
    body = map_leaves(body, lambda leaf: again.get(leaf, leaf) if isinstance(leaf, str) else leaf)
    desired = as_desired(kind, replace(before, applied=_fillable(before.applied, (), [], held)))
    refers_to = tuple(sorted({leaf for _, leaf in leaves(body) if isinstance(leaf, Address)}))
    return body, replace(desired, refers_to=refers_to), sorted(set(lost))


def edited_since(intent: Intent, live: Live, binding: Binding) -> str:
    """The pointers at which an object does not read as it was created; empty when there is none."""
    sent = replace(binding, remote_id=live.remote_id, applied=intent.spec)
    return ", ".join(one.path for one in compare(as_desired(live.kind, sent), live, sent).fields)


def released(past: Past, scene: Scene) -> Iterator[Change]:
    """What the run took over is let go."""
    for taken in past.adopted:
        binding = scene.bindings.get(taken.address)
        if binding and binding.remote_id == taken.remote_id:
            reason = "the run took it over"
            waits = (taken.address,)
            yield Change(Action.FORGET, Cause.ASKED, taken.address, taken.remote_id, waits_for=waits, reason=reason)


def bound_again(past: Past, scene: Scene) -> Iterator[Binding]:
    """What the run let go is taken back, where it still exists and is nobody's."""
    for binding in past.forgotten:
        free = binding.address not in scene.bindings and binding.remote_id not in scene.ids
        if free and (binding.address.kind, binding.remote_id) in scene.live:
            yield binding


def _fillable(value: Value, path: Path, lost: list[str], held: Callable[[str], Secret | None]) -> Value:
    """A kept document that can be sent: secrets put in, or left out and named, and nothing that is empty."""
    if isinstance(value, list):
        items = [_fillable(item, (*path, str(index)), lost, held) for index, item in enumerate(value)]
        return [item for item in items if item is not ABSENT]
    if isinstance(value, dict):
        filled = {key: _fillable(item, (*path, key), lost, held) for key, item in value.items() if not is_empty(item)}
        return {key: item for key, item in filled.items() if item is not ABSENT}
    if is_hidden(value) or (isinstance(value, str) and is_mask(value)):
        secret = held(patch.join(path))
        lost += [] if secret else [patch.join(path)]
        return secret or ABSENT
    return value
