"""Reverse replacements by replacements.

The old version comes back or is recreated, then references point to it again, then the new version is deleted.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.json_tree import leaves, with_addresses
from tavusctl.core.model import Action, Cause, Change, Live, Refusal
from tavusctl.engine.compare.references import operations, repointing, uses
from tavusctl.engine.undo.context import (
    UndoContext,
    UndoPlan,
    as_desired,
    minimal_change,
    refuse,
    refuse_without,
    target_state,
)
from tavusctl.engine.undo.objects import as_sent, edited_pointers, is_recreated, recreate
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import JsonObject
from tavusctl.state.journal import Intent


def undo_replace(intent: Intent, context: UndoContext, plan: UndoPlan) -> None:
    """Reverse one replacement, whether its successor is in use already or not."""
    change, binding = minimal_change(intent, Action.REPLACE), context.bindings.get(intent.address)
    result = context.run.results.get(intent.op)
    new_id = result.successor if result else ""
    if new_id and binding and _is_back(intent, binding, new_id, context):  # an undo was interrupted
        if new_id in binding.retired:
            sent = as_sent(intent, _as_left(context, binding, new_id), new_id)
            live = context.live.get((intent.address.kind, new_id))
            if live and (paths := edited_pointers(live, sent)):
                refuse(plan, replace(change, remote_id=new_id, live=live), f"{paths} was edited since")
            else:
                plan.brought_back[intent.address] = sent
        return
    if not new_id or not binding or not intent.before or new_id not in (binding.remote_id, binding.successor):
        refuse(plan, change, f"`{intent.address}` is no longer bound to the created object")
        return
    live = context.live.get((intent.address.kind, new_id))
    if new_id == binding.successor:
        _abandon(intent, binding, live, plan)
        return
    if live is None:
        refuse(plan, change, f"{new_id} was deleted in the account")
        return
    sent = as_sent(intent, binding, new_id)
    paths = edited_pointers(live, sent)
    if paths:
        refuse(plan, replace(change, remote_id=new_id, live=live), f"{paths} was edited since")
        return
    restore_step = _restore_old(intent, intent.before, binding, context, plan)
    if restore_step:
        plan.changes.append(replace(restore_step, remote_id=new_id))
        plan.brought_back[intent.address] = sent


def _as_left(context: UndoContext, binding: Binding, new_id: str) -> Binding:
    """The last binding in which the run had the new version, with the server's answers about it; else the current."""
    results = [one for one in context.run.results.values() if one.address == binding.address]
    return [binding, *(one for one in results if one.remote_id == new_id)][-1]


def _is_back(intent: Intent, binding: Binding, new_id: str, context: UndoContext) -> bool:
    """Whether the old version is in use again, or another one like it."""
    kind, before = KINDS[intent.address.kind], intent.before
    if new_id in (binding.remote_id, binding.successor) or before is None:
        return False
    return binding.remote_id == before.remote_id or is_recreated(kind, before, binding, {}, context)


def repoint_to_old_versions(context: UndoContext, plan: UndoPlan) -> None:
    """Point all references to the new versions to the old ones again, one step per object; then delete the new ones."""
    plan.changes += list(_repointed(context, plan))
    plan.changes += [_retire(sent, context, plan) for sent in plan.brought_back.values()]


def _abandon(intent: Intent, binding: Binding, live: Live | None, plan: UndoPlan) -> None:
    """Only delete the successor: the old version is still in use."""
    new_id = binding.successor
    plan.settled.append(replace(binding.without_successor(), retired=(*binding.retired, new_id)))
    reason = "the new version, which is not in use yet"
    plan.changes.append(Change(Action.RETIRE, Cause.ASKED, intent.address, new_id, reason=reason, live=live))


def _restore_old(
    intent: Intent, before: Binding, binding: Binding, context: UndoContext, plan: UndoPlan
) -> Change | None:
    """The step that brings the old version back; None, with a refusal in the plan, if that is impossible."""
    kind, old_id = KINDS[intent.address.kind], before.remote_id
    change = replace(minimal_change(intent, Action.REPLACE), desired=as_desired(kind, before))
    old_live = context.live.get((kind.name, old_id))
    if old_live and old_id in binding.retired:
        retired, restored = (
            tuple(version for version in binding.retired if version != old_id),
            target_state(kind, before, old_live.body),
        )
        spec, externals = restored.base.applied, restored.base.externals
        plan.settled.append(replace(binding, retired=retired).with_successor(old_id, spec, externals))
        reason = f"back to {old_id}, which still exists"
        return replace(change, desired=restored.desired, base=restored.base, live=old_live, reason=reason)
    body, target, lost = recreate(kind, before, context.trash.get(old_id, {}), {}, context)
    successor_live = context.live.get((kind.name, binding.successor))
    change = replace(change, desired=target.desired, base=target.base)
    if successor_live and binding.successor_spec == target.base.applied:
        reason = f"the old version is being recreated: {binding.successor} is {successor_live.status or 'present'}"
        return replace(change, live=successor_live, reason=reason)
    if kind.expensive:
        hint = f"revert the manifest, and run `tavusctl apply --allow-replace {intent.address}`"
        plan.refused.append(Refusal(change, "E308", 4, f"a deleted {kind.name} cannot be restored", hint))
        return None
    if lost:
        refuse_without(plan, change, lost, context)
        return None
    if not context.recreate:
        hint = "use `--recreate` to recreate the old version"
        plan.refused.append(Refusal(change, "E307", 4, f"the old version {old_id} was deleted", hint))
        return None
    whole: JsonObject = {"op": "add", "path": "", "value": body}
    return replace(change, patch=(whole,), reason=f"recreated in place of {old_id}")


def _repointed(context: UndoContext, plan: UndoPlan) -> Iterator[Change]:
    """Updates that give every object with references to new versions the ids of the old ones, once these are bound."""
    new_ids = {sent.remote_id: address for address, sent in plan.brought_back.items()}
    targets = {_shown(address, new_id, context) or new_id: address for new_id, address in new_ids.items()}
    for user, binding in sorted(context.bindings.items()):
        live = context.live.get((user.kind, binding.remote_id))
        if live is None or user in plan.brought_back:
            continue
        body = plan.bodies.get(user, live.body)
        found = ((path, leaf) for path, leaf in leaves(body) if isinstance(leaf, str | Address))
        back = [(path, targets[leaf]) for path, leaf in found if leaf in targets]
        if back:
            own_changes = [change for change in plan.changes if change.address == user]
            base = plan.bases.get(user, binding)
            addresses = sorted({target for _, target in back})
            yield Change(
                Action.UPDATE,
                Cause.ASKED,
                user,
                binding.remote_id,
                fields=repointing(back, {address: new_id for new_id, address in new_ids.items()}),
                patch=operations(back),
                waits_for=tuple(sorted({*addresses, *(change.address for change in own_changes)})),
                reason=f"points to the old {', '.join(map(str, addresses))} again",
                desired=target_state(live.kind, base, with_addresses(body, new_ids)).desired,  # with edits of others
                base=base,
                live=replace(live, body=body),
            )


def _shown(address: Address, new_id: str, context: UndoContext) -> Address | None:
    """The address that stands for a new version in bodies; None if these have its id: it is not in use any more."""
    return address if context.ids.get(new_id) == address else None


def _retire(sent: Binding, context: UndoContext, plan: UndoPlan) -> Change:
    address, new_id = sent.address, sent.remote_id
    shown = _shown(address, new_id, context)
    unmanaged = [user for user in context.live.values() if user.address is None and uses(user, shown, new_id)]
    updated = [change.address for change in plan.changes if change.live and uses(change.live, shown, new_id)]
    return Change(
        Action.RETIRE,
        Cause.ASKED,
        address,
        new_id,
        waits_for=(address, *updated),
        reason="the new version, once nothing refers to it",
        referrers=tuple(sorted(f"{user.kind.name} {user.remote_id}" for user in unmanaged)),
        live=context.live.get((address.kind, new_id)),
        base=sent,
    )
