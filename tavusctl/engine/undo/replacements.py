"""Replacements are reversed by replacements: the old version comes back, or is made anew, and is pointed to again."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.model import Action, Cause, Change, Live, Refusal
from tavusctl.engine.compare.references import operations, references, repointing, uses
from tavusctl.engine.undo.context import UndoContext, UndoPlan, as_desired, as_seen, bare, refuse, refuse_without
from tavusctl.engine.undo.objects import edited_since, recreate
from tavusctl.lib.json_types import JsonObject
from tavusctl.state.journal import FinishedRun, Intent


def unreplace(intent: Intent, past: FinishedRun, context: UndoContext, found: UndoPlan) -> None:
    """Reverse one replacement, whether its new version is in use yet or not."""
    change, binding = bare(intent, Action.REPLACE), context.bindings.get(intent.address)
    new = _made(intent, past, binding)
    if binding is None or intent.before is None or new not in (binding.remote_id, binding.successor):
        refuse(found, change, f"`{intent.address}` is no longer bound to the created object")
        return
    live = context.live.get((intent.address.kind, new))
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
    back = _back(intent, intent.before, binding, context, found)
    if back:
        found.changes.append(replace(back, remote_id=new))
        found.brought_back[intent.address] = live


def follow(context: UndoContext, found: UndoPlan) -> None:
    """Point who refers to the new versions to the old ones again, each in one step; then the new ones go."""
    pointing = list(_repointed(context, found))
    found.changes += pointing
    found.changes += [_retired(address, live, pointing, context) for address, live in found.brought_back.items()]


def _made(intent: Intent, past: FinishedRun, binding: Binding | None) -> str:
    """The id of the new version; where the run was killed before it was on record, what a later run found."""
    made = past.made.get(intent.op)
    if made or binding is None:
        return made.successor if made else ""
    return binding.successor if binding.successor_spec == intent.spec else binding.remote_id


def _abandon(intent: Intent, binding: Binding, live: Live | None, found: UndoPlan) -> None:
    """The old version is still in use: the new one goes, and that is all."""
    new = binding.successor
    found.settled.append(replace(binding, successor="", successor_spec={}, retired=(*binding.retired, new)))
    reason = "the new version, which is not in use yet"
    found.changes.append(Change(Action.RETIRE, Cause.ASKED, intent.address, new, reason=reason, live=live))


def _back(intent: Intent, before: Binding, binding: Binding, context: UndoContext, found: UndoPlan) -> Change | None:
    """The step that brings the old version back; None, and a refusal, when nothing can."""
    kind, old = context.kinds[intent.address.kind], before.remote_id
    change = replace(bare(intent, Action.REPLACE), desired=as_desired(kind, before))
    there = context.live.get((kind.name, old))
    if there and old in binding.retired:
        left, back = tuple(one for one in binding.retired if one != old), as_seen(kind, before, there.body)
        found.settled.append(replace(binding, successor=old, successor_spec=back.base.applied, retired=left))
        reason = f"back to {old}, which still exists"
        return replace(change, desired=back.desired, base=back.base, live=there, reason=reason)
    body, made, lost = recreate(kind, before, context.trash.get(old, {}), {}, context)
    on_its_way = context.live.get((kind.name, binding.successor))
    change = replace(change, desired=made.desired, base=made.base)
    if on_its_way and binding.successor_spec == made.base.applied:
        reason = f"the old version is being recreated: {binding.successor} is {on_its_way.status or 'present'}"
        return replace(change, live=on_its_way, reason=reason)
    if kind.expensive:
        hint = f"revert the manifest, and run `tavusctl apply --allow-replace {intent.address}`"
        found.refused.append(Refusal(change, "E308", 4, f"a deleted {kind.name} cannot be restored", hint))
        return None
    if lost:
        refuse_without(found, change, lost, context)
        return None
    if not context.recreate:
        hint = "use `--recreate` to recreate the old version"
        found.refused.append(Refusal(change, "E307", 4, f"the old version {old} was deleted", hint))
        return None
    whole: JsonObject = {"op": "add", "path": "", "value": body}
    return replace(change, patch=(whole,), reason=f"recreated in place of {old}")


def _repointed(context: UndoContext, found: UndoPlan) -> Iterator[Change]:
    """Who refers to new versions gets the ids of the old ones, once the addresses mean those."""
    for user, binding in sorted(context.bindings.items()):
        live = context.live.get((user.kind, binding.remote_id))
        if live is None or user in found.brought_back:
            continue
        body = found.bodies.get(user, live.body)
        back = references(body, found.brought_back)
        if back:
            targets = {target for _, target in back}
            own = [change for change in found.changes if change.address == user]
            base = found.bases.get(user, binding)
            yield Change(
                Action.UPDATE,
                Cause.ASKED,
                user,
                binding.remote_id,
                fields=repointing(back, context.bindings),
                patch=operations(back),
                waits_for=tuple(sorted({*targets, *(one.address for one in own)})),
                reason=f"points to the old {', '.join(str(target) for target in sorted(targets))} again",
                desired=as_seen(live.kind, base, body).desired,  # what somebody has put beside them stays theirs
                base=base,
                live=replace(live, body=body),
            )


def _retired(address: Address, live: Live, pointing: list[Change], context: UndoContext) -> Change:
    strangers = [one for one in context.live.values() if one.address is None and uses(one, address, live.remote_id)]
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
