"""Replacements are reversed by replacements: the old version comes back, or is made anew, and is pointed to again."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from tavusctl import patch
from tavusctl.document import leaves
from tavusctl.engine.undo.objects import anew, edited_since
from tavusctl.engine.undo.scene import Reversal, Scene, as_desired, bare, refuse, refuse_without, uses
from tavusctl.journal import Intent, Past
from tavusctl.model import Action, Address, Binding, Cause, Change, Desired, Document, FieldChange, Live, Path, Refusal


def unreplace(intent: Intent, past: Past, scene: Scene, found: Reversal) -> None:
    """Reverse one replacement, whether its new version is in use yet or not."""
    change, binding = bare(intent, Action.REPLACE), scene.bindings.get(intent.address)
    new = _made(intent, past, binding)
    if binding is None or intent.before is None or new not in (binding.remote_id, binding.successor):
        refuse(found, change, f"{intent.address} is not bound to what was created any more")
        return
    live = scene.live.get((intent.address.kind, new))
    if new == binding.successor:
        _abandon(intent, binding, live, found)
        return
    if live is None:
        refuse(found, change, f"{new} was deleted in the account")
        return
    paths = edited_since(intent, live, binding)
    if paths:
        refuse(found, replace(change, remote_id=new, live=live), f"{paths} was edited since")
        return
    back = _back(intent, intent.before, binding, scene, found)
    if back:
        found.changes.append(replace(back, remote_id=new))
        found.brought_back[intent.address] = live


def follow(scene: Scene, found: Reversal) -> None:
    """Point who refers to the new versions to the old ones again, each in one step; then the new ones go."""
    pointing = list(_repointed(scene, found))
    found.changes += pointing
    found.changes += [_retired(address, live, pointing, scene) for address, live in found.brought_back.items()]


def _made(intent: Intent, past: Past, binding: Binding | None) -> str:
    """The id of the new version; where the run was killed before it was on record, what a later run found."""
    made = past.made.get(intent.op)
    if made or binding is None:
        return made.successor if made else ""
    return binding.successor if binding.successor_spec == intent.spec else binding.remote_id


def _abandon(intent: Intent, binding: Binding, live: Live | None, found: Reversal) -> None:
    """The old version is still in use: the new one goes, and that is all."""
    new = binding.successor
    found.settled.append(replace(binding, successor="", successor_spec={}, retired=(*binding.retired, new)))
    reason = "the new version, which is not in use yet"
    found.changes.append(Change(Action.RETIRE, Cause.ASKED, intent.address, new, reason=reason, live=live))


def _back(intent: Intent, before: Binding, binding: Binding, scene: Scene, found: Reversal) -> Change | None:
    """The step that brings the old version back; None, and a refusal, when nothing can."""
    kind, old = scene.kinds[intent.address.kind], before.remote_id
    change = replace(bare(intent, Action.REPLACE), desired=as_desired(kind, before))
    there = scene.live.get((kind.name, old))
    if there and old in binding.retired:
        left = tuple(one for one in binding.retired if one != old)
        found.settled.append(replace(binding, successor=old, successor_spec=before.applied, retired=left))
        return replace(change, live=there, reason=f"back to {old}, which is still there")
    body, desired, lost = anew(kind, before, scene.trash.get(old, {}), {}, scene.secrets)
    on_its_way = scene.live.get((kind.name, binding.successor))
    if on_its_way and binding.successor_spec == desired.spec:
        reason = f"the old version is made anew: {binding.successor} is {on_its_way.status or 'there'}"
        return replace(change, desired=desired, live=on_its_way, reason=reason)
    if kind.costly:
        hint = f"change the manifest back, and apply --allow-replace {intent.address}"
        found.refused.append(Refusal(change, "E308", 4, f"a deleted {kind.name} cannot be brought back", hint))
        return None
    if lost:
        refuse_without(found, change, lost, scene)
        return None
    if not scene.recreate:
        hint = "undo --recreate makes the old version anew"
        found.refused.append(Refusal(change, "E307", 4, f"the old version {old} was deleted", hint))
        return None
    whole: Document = {"op": "add", "path": "", "value": body}
    return replace(change, desired=desired, patch=(whole,), reason=f"made anew in place of {old}")


def _repointed(scene: Scene, found: Reversal) -> Iterator[Change]:
    """Who refers to new versions gets the ids of the old ones, once the addresses mean those."""
    for user, binding in sorted(scene.bindings.items()):
        live = scene.live.get((user.kind, binding.remote_id))
        if live is None or user in found.brought_back:
            continue
        body = found.bodies.get(user, live.body)
        places = [(path, leaf) for path, leaf in leaves(body) if leaf in found.brought_back]
        if places:
            targets = {leaf for _, leaf in places}
            own = [change for change in found.changes if change.address == user]
            yield Change(
                Action.UPDATE,
                Cause.ASKED,
                user,
                binding.remote_id,
                fields=tuple(_repointing(path, leaf, scene) for path, leaf in places),
                patch=tuple({"op": "replace", "path": patch.join(path), "value": leaf} for path, leaf in places),
                waits_for=tuple(sorted({*targets, *(one.address for one in own)})),
                reason=f"points to the old {', '.join(str(target) for target in sorted(targets))} again",
                desired=_wanted(own, live, binding),
                live=replace(live, body=body),
            )


def _repointing(path: Path, target: Address, scene: Scene) -> FieldChange:
    new = scene.bindings[target].remote_id
    return FieldChange(patch.join(path), Cause.EDITED, new, new, target)


def _wanted(own: list[Change], live: Live, binding: Binding) -> Desired:
    """What the object is to be like after its own reversal, if there is one."""
    wanted = [change.desired for change in own if change.desired]
    return wanted[-1] if wanted else as_desired(live.kind, binding)


def _retired(address: Address, live: Live, pointing: list[Change], scene: Scene) -> Change:
    strangers = [one for one in scene.live.values() if one.address is None and uses(one, address, live.remote_id)]
    return Change(
        Action.RETIRE,
        Cause.ASKED,
        address,
        live.remote_id,
        waits_for=(address, *(change.address for change in pointing)),
        reason="the new version, once nothing refers to it",
        referrers=tuple(sorted(f"{one.kind.name} {one.remote_id}" for one in strangers)),
        live=live,
    )
