"""Reverse what a run did to whole objects: delete those it created, recreate those it deleted, restore bindings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from msgspec.structs import replace

from tavusctl import patch
from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.json_tree import (
    canonical,
    is_empty,
    is_hidden,
    leaves,
    set_at,
    value_at,
    with_addresses,
    with_value_of,
)
from tavusctl.core.model import ABSENT, Action, Cause, Change, FieldChange, Live, Refusal
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.crawl import source_fingerprint
from tavusctl.engine.compare import parts
from tavusctl.engine.compare.match_create import same_name
from tavusctl.engine.compare.references import uses
from tavusctl.engine.compare.three_way import edited_fields
from tavusctl.engine.compare.updates import update_of
from tavusctl.engine.safety import removals
from tavusctl.engine.undo.context import (
    UNKNOWN_OUTCOME,
    TargetState,
    UndoContext,
    UndoPlan,
    minimal_change,
    refuse,
    refuse_without,
    target_state,
)
from tavusctl.fields.equivalence import is_unset, same
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import Json, JsonObject, KeyPath, as_list, as_object
from tavusctl.secrets.values import Secret, is_mask
from tavusctl.state.journal import Intent


def undo_create(intent: Intent, context: UndoContext, plan: UndoPlan) -> None:
    """Reverse a create by a delete, if the object is still as the run left it."""
    binding, created = context.bindings.get(intent.address), context.run.results.get(intent.op)
    if intent.op in context.run.unknown:
        refuse(plan, minimal_change(intent, Action.DELETE), UNKNOWN_OUTCOME)
        return
    if created and binding is None and created.key not in context.live:
        return  # it was deleted since, as by an undo that was interrupted
    if created is None or binding is None or binding.remote_id != created.remote_id:
        refuse(
            plan, minimal_change(intent, Action.DELETE), f"`{intent.address}` is no longer bound to the created object"
        )
        return
    live = context.live.get(binding.key)
    change = replace(minimal_change(intent, Action.DELETE), remote_id=binding.remote_id, live=live)
    if _refuse_other_versions(plan, change, binding):
        return
    if live is None:
        plan.changes.append(replace(change, action=Action.FORGET, reason="already deleted"))
        return
    sent = as_sent(_with_later_calls(intent, context, binding), binding, live.remote_id)
    paths = edited_pointers(live, sent)
    if paths:
        refuse(plan, change, f"{paths} was edited since")
        return
    users = [user for user in context.live.values() if uses(user, intent.address, live.remote_id)]
    names = tuple(sorted(f"{user.kind.name} {user.remote_id}" for user in users if user.address is None))
    managed = {user.address for user in users if user.address} - {intent.address}
    plan.changes.append(replace(change, referrers=names, used_before=tuple(sorted(managed)), base=sent))


def with_remaining_users(context: UndoContext, plan: UndoPlan) -> list[Change]:
    """The changes of the plan, where each delete has the managed objects that still refer to its object afterwards."""
    deleted = {change.address for change in plan.changes if change.action is Action.DELETE}
    managed = {live.address: live for live in context.live.values() if live.address}
    staying = [
        replace(live, body=plan.bodies.get(address, live.body))
        for address, live in managed.items()
        if address not in deleted
    ]

    def users(change: Change) -> tuple[Address, ...]:
        return tuple(
            sorted(one.address for one in staying if one.address and uses(one, change.address, change.remote_id))
        )

    return [
        replace(change, used_after=users(change)) if change.action is Action.DELETE else change
        for change in plan.changes
    ]


def _refuse_other_versions(plan: UndoPlan, change: Change, binding: Binding) -> bool:
    """Refuse to unbind an object with other versions, which only its binding records; return whether it is refused."""
    versions = removals.other_versions(binding)
    if versions:
        refuse(plan, change, f"`{change.address}` has another version, {versions}, of a replacement since")
    return bool(versions)


def _with_later_calls(intent: Intent, context: UndoContext, binding: Binding) -> Intent:
    """A create with the spec that later calls of the run have applied to its object."""
    results = [
        context.run.results[call.op]
        for call in context.run.intents
        if call.address == intent.address and call.op in context.run.results
    ]
    specs = [result.applied for result in results if result.remote_id == binding.remote_id]
    return replace(intent, spec=specs[-1]) if specs else intent


def undo_delete(intent: Intent, context: UndoContext, plan: UndoPlan) -> None:
    """Reverse a delete by a new object with the saved body."""
    kind = KINDS[intent.address.kind]
    change = replace(minimal_change(intent, Action.CREATE), remote_id="")
    bound, recreated_ids = _bound_since(intent, context), plan.deleted if context.recreate else {}
    if bound and is_recreated(kind, intent.before, bound, recreated_ids, context):
        return
    if bound and _add_missing_parts(intent, bound, recreated_ids, context, plan):
        return
    if bound or intent.op in context.run.unknown:
        refuse(plan, change, f"`{intent.address}` is now bound to {bound.remote_id}" if bound else UNKNOWN_OUTCOME)
        return
    saved = _saved_object(intent, change, context)
    if isinstance(saved, Refusal):
        plan.refused.append(saved)
        return
    body, target, lost = recreate(kind, *saved, recreated_ids, context)
    if lost:
        refuse_without(plan, change, lost, context)
        return
    if missing := refused_recreations(target.desired.refers_to, context, plan):
        hint = "recreate that object first, or restore its manifest and apply it"
        plan.refused.append(Refusal(change, "E309", 4, f"it refers to {missing}, which cannot be recreated", hint))
        return
    plan.changes.append(
        replace(
            change,
            patch=({"op": "add", "path": "", "value": body},),
            reason=f"recreated in place of {intent.remote_id}",
            desired=target.desired,
            base=target.base,
            rivals=_rivals(kind, body, context),
        )
    )


def _bound_since(intent: Intent, context: UndoContext) -> Binding | None:
    """The binding of the address of a deleted object; not that of the object itself, if no run has dropped it yet."""
    bound = context.bindings.get(intent.address)
    is_old = bound and bound.remote_id == intent.remote_id
    return None if is_old and (intent.address.kind, intent.remote_id) not in context.live else bound


def is_recreated(
    kind: ResourceKind, before: Binding | None, bound: Binding, recreated: Mapping[str, Address], context: UndoContext
) -> bool:
    """Whether the object that is bound now is what an undo would create, as after an undo that was interrupted.

    `before` is the binding of the deleted object, `recreated` as for `recreate`.
    """
    saved_body = context.trash.get(before.remote_id) if before else None
    if before is None or saved_body is None or (kind.name, bound.remote_id) not in context.live:
        return False
    _, target, _ = recreate(kind, before, saved_body, recreated, context)
    return canonical(bound.applied) == canonical(target.base.applied)


def _add_missing_parts(
    intent: Intent, bound: Binding, recreated: Mapping[str, Address], context: UndoContext, plan: UndoPlan
) -> bool:
    """Add the update that writes the parts which an interrupted undo has not written yet of an object it has created.

    Return whether it is added: not if another object is bound now, or has parts that the deleted one did not have.
    """
    kind, before, saved_body = KINDS[intent.address.kind], intent.before, context.trash.get(intent.remote_id)
    live = context.live.get((kind.name, bound.remote_id))
    # A create that was finished has recorded the time at which its object was created.
    if not kind.parts or bound.created_at or before is None or saved_body is None or live is None:
        return False
    body, target, lost = recreate(kind, before, saved_body, recreated, context)
    body = with_addresses(body, context.ids)
    applied = (parts.without_parts(kind, spec) for spec in (bound.applied, target.base.applied))
    values = [(part, value_at(live.body, part.spec_path), value_at(body, part.spec_path)) for part in kind.parts]
    if (
        lost
        or len({canonical(spec) for spec in applied}) > 1
        or not all(_is_contained(now, old) for _, now, old in values)
    ):
        return False
    after = live.body
    for part in kind.parts:
        after = with_value_of(after, part.spec_path, body)
    update = replace(
        minimal_change(intent, Action.UPDATE),
        remote_id=bound.remote_id,
        fields=tuple(
            FieldChange(part.pointer, Cause.EDITED, now, now, old)
            for part, now, old in values
            if not same(kind, part.spec_path, now, old)
        ),
        patch=tuple(update_of(kind).diff(kind, live.body, after, {})),
        desired=target.desired,
        base=target.base,
        live=live,
    )
    plan.changes.append(update)
    return True


def _is_contained(part: Json, whole: Json) -> bool:
    """Whether everything in one value of a part is in another value of it, too."""
    if isinstance(part, dict):
        present = as_object(whole or {})
        return all(key in present and patch.same(value, present[key]) for key, value in part.items())
    if isinstance(part, list):
        return all(member in as_list(whole or []) for member in part)
    return is_empty(part) or patch.same(part, whole)


def _saved_object(intent: Intent, change: Change, context: UndoContext) -> tuple[Binding, JsonObject] | Refusal:
    """The last binding of a deleted object and its saved body; a refusal if it cannot be recreated from them."""
    kind, before, body = KINDS[intent.address.kind], intent.before, context.trash.get(intent.remote_id)
    if kind.expensive:
        return Refusal(change, "E308", 4, f"a deleted {kind.name} cannot be restored")
    if not context.recreate:
        hint = "use `--recreate` to create a new one, with a new id"
        return Refusal(change, "E307", 4, f"{intent.remote_id} was deleted", hint)
    hint = "restore its manifest and apply it"
    if kind.attachment and before and kind.attachment.file in before.applied:
        return Refusal(change, "E308", 4, f"{intent.remote_id} was made from a file", hint)
    if body is None or before is None:
        return Refusal(change, "E308", 4, f"no record was kept of {intent.remote_id}", hint)
    return before, body


def _rivals(kind: ResourceKind, body: JsonObject, context: UndoContext) -> tuple[str, ...]:
    """Ids of unmanaged objects with the same name."""
    name = str(body.get(kind.name_field) or "")
    unmanaged = (live for live in context.live.values() if live.kind.name == kind.name and not live.address)
    return tuple(sorted(live.remote_id for live in unmanaged if same_name(name, live.name)))


def refused_recreations(refers_to: Iterable[Address], context: UndoContext, plan: UndoPlan) -> str:
    """Which of these addresses the undo would have to recreate and refuses to; empty if there are none."""
    refused = {refusal.change.address for refusal in plan.refused if refusal.change.action is Action.CREATE}
    return ", ".join(
        sorted(str(address) for address in refused.intersection(refers_to) if address not in context.bindings)
    )


def recreate(
    kind: ResourceKind,
    before: Binding,
    saved_body: JsonObject,
    recreated_ids: Mapping[str, Address],
    context: UndoContext,
) -> tuple[JsonObject, TargetState, list[str]]:
    """How to recreate a deleted object: the body to send, the object and binding to expect, pointers of lost secrets.

    `recreated_ids` maps the old ids of all recreated objects to their addresses.
    """
    lost: list[str] = []

    def current_secret(pointer: str) -> Secret | None:
        return context.secrets.get((before.address, pointer))

    body = as_object(
        _sendable(
            kind, {**source_fingerprint.without_fingerprint(before.applied), **saved_body}, (), lost, current_secret
        )
    )
    # Reads leave out some secrets: only the applied spec shows that the object had them.
    for path, leaf in leaves(before.applied):
        if is_hidden(leaf) and is_empty(value_at(body, path)):
            secret = current_secret(patch.join(path))
            lost += [] if secret else [patch.join(path)]
            body = set_at(body, path, secret) if secret else body
    body = with_addresses(body, recreated_ids)
    shown = with_addresses(body, {**context.ids, **recreated_ids})
    target = target_state(kind, replace(before, applied=_sendable(kind, before.applied, (), [], current_secret)), shown)
    refers_to = tuple(sorted({leaf for _, leaf in leaves(body) if isinstance(leaf, Address)}))
    return body, replace(target, desired=replace(target.desired, refers_to=refers_to)), sorted(set(lost))


def as_sent(intent: Intent, binding: Binding, remote_id: str) -> Binding:
    """The binding of an object that a create has made, with the spec of that create."""
    return replace(binding, remote_id=remote_id, applied=intent.spec)


def edited_pointers(live: Live, sent: Binding) -> str:
    """The pointers at which an object does not read as it was sent, comma-separated; empty if there are none."""
    return ", ".join(change.path for change in edited_fields(live, sent))


def unbind_imported(context: UndoContext, plan: UndoPlan) -> list[Change]:
    """Changes that drop the bindings of objects that the run imported; none for an object that is refused."""
    refused, changes = {refusal.change.address for refusal in plan.refused}, list[Change]()
    for imported in context.run.imported:
        binding = context.bindings.get(imported.address)
        if binding is None or binding.remote_id != imported.remote_id or imported.address in refused:
            continue
        change = Change(
            Action.FORGET,
            Cause.ASKED,
            imported.address,
            imported.remote_id,
            waits_for=(imported.address,),
            reason="the run imported it",
        )
        if not _refuse_other_versions(plan, change, binding):
            changes.append(change)
    return changes


def rebind(context: UndoContext, plan: UndoPlan) -> None:
    """Restore bindings that the run dropped, for objects that still exist and belong to no address.

    An object that another environment has bound since is refused: both would manage it.
    """
    owned_ids = {*context.ids, *(one for bound in context.bindings.values() for one in bound.other_versions)}
    for binding in context.run.unbound:
        address, remote_id = binding.address, binding.remote_id
        if address in context.bindings or remote_id in owned_ids or (address.kind, remote_id) not in context.live:
            continue
        if owner := context.owners.get(remote_id):
            change = Change(Action.ADOPT, Cause.ASKED, address, remote_id, reason="the run released it")
            hint = "run `tavusctl state rm ADDRESS` there first, to manage it here again"
            plan.refused.append(Refusal(change, "E425", 4, f"{remote_id} is {owner} now", hint))
        else:
            plan.settled.append(binding)


def _sendable(
    kind: ResourceKind, value: Json, path: KeyPath, lost: list[str], current_secret: Callable[[str], Secret | None]
) -> Json:
    """A saved document that can be sent: with the values of secrets, and without empty values.

    A secret without a value is left out, and its pointer is added to `lost`.
    """
    if isinstance(value, list):
        items = [_sendable(kind, item, (*path, str(index)), lost, current_secret) for index, item in enumerate(value)]
        return [item for item in items if item is not ABSENT]
    if isinstance(value, dict):
        filled = {key: item for key, item in value.items() if not is_unset(kind, (*path, key), item)}
        sendable = {key: _sendable(kind, item, (*path, key), lost, current_secret) for key, item in filled.items()}
        return {key: item for key, item in sendable.items() if item is not ABSENT}
    if is_hidden(value) or (isinstance(value, str) and is_mask(value)):
        secret = current_secret(patch.join(path))
        lost += [] if secret else [patch.join(path)]
        return secret or ABSENT
    return value
