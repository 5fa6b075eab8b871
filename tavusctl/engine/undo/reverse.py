"""Reverse a run, call by call, from its end to its beginning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from tavusctl import patch
from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.errors import ConflictError
from tavusctl.core.json_tree import (
    empty_value_for,
    is_empty,
    is_hidden,
    leaves,
    pattern_of,
    set_at,
    value_at,
    with_addresses,
)
from tavusctl.core.model import ABSENT, Action, Cause, Change, FieldChange, Live, Refusal
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine.compare.joined import join_updates
from tavusctl.engine.compare.remembered import readable, restore_fields, with_unread
from tavusctl.engine.compare.updates import update_of
from tavusctl.engine.safety import protection
from tavusctl.engine.undo import members
from tavusctl.engine.undo.context import (
    UNKNOWN_OUTCOME,
    UndoContext,
    UndoPlan,
    lost_secret,
    minimal_change,
    refuse,
    refuse_without,
    target_state,
)
from tavusctl.engine.undo.left_out import with_objects_added
from tavusctl.engine.undo.objects import (
    rebind,
    refused_recreations,
    unbind_imported,
    undo_create,
    undo_delete,
    with_remaining_users,
)
from tavusctl.engine.undo.replacements import repoint_to_old_versions, undo_replace
from tavusctl.engine.undo.restored_references import missing_names
from tavusctl.engine.undo.restored_secrets import (
    removed_secrets,
    with_current_secrets,
    with_run_secrets,
    with_secrets,
    writes_around,
)
from tavusctl.fields import secret_fields
from tavusctl.fields.equivalence import same
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import Json, JsonObject, as_object, as_text
from tavusctl.secrets.values import Secret
from tavusctl.state.journal import Intent

_REVERSED = {Action.CREATE: Action.DELETE, Action.DELETE: Action.CREATE}
_REPLACING = frozenset({Action.REPLACE, Action.RETIRE})


class _ReverseUpdate(Struct, frozen=True):
    """The reversal of one update of an object."""

    change: Change  # a bare change of the object
    live: Live  # the object with the reversals of later updates
    values_after: JsonObject  # by pointer: after the update
    values_before: JsonObject  # by pointer: before the update
    binding_after: Binding  # the binding after the reversal
    operations: Sequence[JsonObject]


def reverse(context: UndoContext) -> UndoPlan:
    """The changes that reverse a run: recreate objects, reverse updates from the newest on, then delete and unbind."""
    plan = UndoPlan()
    calls = [intent for intent in reversed(context.run.intents) if intent.op not in context.run.failed]
    calls = members.joined_calls(calls)
    calls = [intent for intent in calls if not _is_external(intent, context, plan)]
    deleted = [intent for intent in calls if intent.action is Action.DELETE]
    plan.deleted = {intent.remote_id: intent.address for intent in deleted}
    for intent in sorted(deleted, key=lambda delete: KINDS[delete.address.kind].can_refer):
        undo_delete(intent, context, plan)
    # An address stands for both versions of a replaced object, and for an object that the run has created again: the
    # repointing of references needs no reversal here.
    lost = [intent for intent in calls if intent.action is Action.CREATE and intent.before]
    replaced = [intent for intent in calls if intent.action in _REPLACING]
    old_versions = {intent.old_id: intent.address for intent in (*lost, *replaced)}
    known = {**context.ids, **old_versions, **plan.deleted}
    context = replace(context, missing=frozenset(one for one in context.missing if one[1] not in known))
    created = {intent.op for intent in calls if intent.action in (Action.CREATE, Action.REPLACE)}
    results = [context.run.results[op] for op in created & context.run.results.keys()]
    created_ids = {made.successor or made.remote_id for made in results}
    for intent in calls:
        # An object that the run has created is deleted as a whole.
        if intent.action in (Action.UPDATE, Action.ADOPT) and intent.remote_id not in created_ids:
            _reverse_update(intent, context, known, plan)
    plan.changes = join_updates(plan.changes)
    _reverse_whole_objects(calls, context, plan)
    unbinding = unbind_imported(context, plan)
    _leave_edited(plan)
    plan.changes = with_remaining_users(context, plan)
    repoint_to_old_versions(context, plan)
    plan.changes += unbinding
    rebind(context, plan)
    return plan


def _is_external(intent: Intent, context: UndoContext, plan: UndoPlan) -> bool:
    """Refuse to reverse a call on an object that a manifest declares external since; return whether it is refused."""
    result, kind = context.run.results.get(intent.op), intent.address.kind
    ids = {intent.remote_id, *(result.ids if result else ())}
    declarers = {address for (of_kind, one), address in context.externals.items() if of_kind == kind and one in ids}
    declarers |= {intent.address} & set(context.externals.values())
    if declarers and not any(refusal.change.address == intent.address for refusal in plan.refused):
        reason = f"`{min(declarers)}` is declared external now, so nothing here writes it"
        refuse(plan, minimal_change(intent, _REVERSED.get(intent.action, intent.action)), reason)
    return bool(declarers)


def _reverse_whole_objects(calls: Sequence[Intent], context: UndoContext, plan: UndoPlan) -> None:
    """Reverse creates and replacements; refuse what nothing can reverse."""
    replaced = {intent.address for intent in calls if intent.action is Action.REPLACE}
    for intent in calls:
        if intent.action is Action.CREATE:
            undo_create(intent, context, plan)
        elif intent.action is Action.REPLACE:
            undo_replace(intent, context, plan)
        elif intent.action is Action.RECRAWL:
            hint = "revert the manifest and apply it, which crawls as before"
            plan.refused.append(
                Refusal(minimal_change(intent, Action.RECRAWL), "E306", 4, "a crawl cannot be undone", hint)
            )
        elif intent.action is Action.UNPROTECT:
            _refuse_lowered(intent, context, plan)
        elif intent.action is Action.RETIRE and intent.address not in replaced:
            reason = f"{intent.remote_id} was deleted, a version of a replacement that another run had begun"
            hint = "undo the run that began it, or change the manifest and apply it"
            plan.refused.append(Refusal(minimal_change(intent, Action.RETIRE), "E308", 4, reason, hint))


def _refuse_lowered(intent: Intent, context: UndoContext, plan: UndoPlan) -> None:
    """Refuse to raise protections that the run has lowered: manifests declare them.  None is refused if it is back."""
    bound = context.bindings.get(intent.address)
    if reasons := protection.lowered(intent.before, bound) if intent.before and bound else []:
        hint = "declare the protection in the manifest again, and apply it"
        reason = f"the run lowered a protection, which undo does not raise: {'; '.join(reasons)}"
        plan.refused.append(Refusal(minimal_change(intent, Action.UNPROTECT), "E306", 4, reason, hint))


def _leave_edited(plan: UndoPlan) -> None:
    """Change nothing of an object that is not as the run left it, also not by reversals of other calls."""
    edited = {refusal.change.address for refusal in plan.refused if refusal.exit_code == ConflictError.exit_code}
    plan.changes = [change for change in plan.changes if change.address not in edited]
    plan.settled = [binding for binding in plan.settled if binding.address not in edited]
    for address in edited:
        for by_address in (plan.bodies, plan.bases, plan.brought_back):
            by_address.pop(address, None)


def without_run_changes(now: Json, after: Json, before: Json) -> Json:
    """What is applied `now`, without the changes of one run (`before` to `after`); changes of later runs stay."""
    if not isinstance(now, dict) or not isinstance(after, dict) or not isinstance(before, dict):
        return before
    result = dict(now)
    for key in {**after, **before}:
        old, new = before.get(key, ABSENT), after.get(key, ABSENT)
        if patch.same(old, new):
            continue
        value = without_run_changes(now.get(key, ABSENT), new, old)
        if value is ABSENT:
            result.pop(key, None)
        else:
            result[key] = value
    return result


def _reverse_update(intent: Intent, context: UndoContext, known: Mapping[str, Address], plan: UndoPlan) -> None:
    """Reverse an update by its inverse, if the object still reads as the run left it."""
    change = minimal_change(intent, Action.UPDATE)
    inverse, before = intent.inverse, intent.before
    binding = context.bindings.get(intent.address)
    live = context.live.get((intent.address.kind, intent.remote_id))
    values_before = with_addresses(inverse.values_before, known)
    if not binding and live and not inverse.unrecorded and not _differing(live.kind, values_before, live.body):
        return  # an undo that was interrupted has also dropped the binding of an imported object
    if binding is None or binding.remote_id != intent.remote_id or before is None or live is None:
        refuse(plan, change, _why_unreachable(intent, binding))
        return
    if _lost_text(intent, live.kind, change, plan):
        return
    removed = {pointer: context.secrets.get((intent.address, pointer)) for pointer in removed_secrets(intent)}
    lost = [pointer for pointer in inverse.unrecorded if not removed.get(pointer)]
    plan.warnings += [lost_secret(intent.address, pointer) for pointer in lost]
    if not inverse.operations or _is_refused(intent, change, context, removed, plan):
        return
    binding = plan.bases.get(intent.address, binding)
    secrets = {pointer: secret for pointer, secret in removed.items() if secret}
    values_after = with_addresses(inverse.values_after, known)
    unread = _emptied(values_after) | {key: value for key, value in binding.applied.items() if value is not None}
    current = replace(live, body=plan.bodies.get(intent.address) or with_unread(live.kind, live.body, unread))
    binding_after = restore_fields(binding, before, _spec_before(intent, binding, before, secrets), list(values_after))
    operations = members.with_members_before(live.kind, current.body, values_before)
    if operations is None:
        restoring = with_secrets([with_addresses(operation, known) for operation in inverse.operations], secrets)
        operations = with_objects_added(current.body, restoring)
    reversal = _ReverseUpdate(change, current, values_after, values_before, binding_after, operations)
    _add_unless_edited(reversal, context, plan, is_unknown=intent.op in context.run.unknown)


def _add_unless_edited(reversal: _ReverseUpdate, context: UndoContext, plan: UndoPlan, *, is_unknown: bool) -> None:
    """Add the change that reverses an update; refuse it if the object does not read as the run left it."""
    change, live, values_after = reversal.change, reversal.live, reversal.values_after
    differing = _differing(live.kind, values_after, live.body)
    if differing and not _differing(live.kind, reversal.values_before, live.body):  # it was reversed already
        base = target_state(live.kind, reversal.binding_after, live.body, list(values_after)).base
        plan.bases[change.address] = base
        plan.settled += [base] if base != context.bindings.get(change.address) else []
    elif differing and not members.are_partly_reversed(live, reversal.values_before, values_after):
        refuse(plan, change, f"{', '.join(differing)} was edited since")
    elif is_unknown:
        refuse(plan, change, UNKNOWN_OUTCOME)
    else:
        _add_update(reversal, context, plan)


def _emptied(values_after: JsonObject) -> JsonObject:
    """The members that a run has emptied, which are not among the applied ones, with their empty values."""
    return {
        patch.split(pointer)[0]: value for pointer, value in values_after.items() if value == empty_value_for(value)
    }


def _lost_text(intent: Intent, kind: ResourceKind, change: Change, plan: UndoPlan) -> bool:
    """Refuse an update of a text that contained the value of a secret; return whether it is refused."""
    for pointer in intent.inverse.unrecorded:
        if not secret_fields.allows_secret_reference(kind, pattern_of(patch.split(pointer))):
            reason = f"the text at {pointer} contained the value of a secret, so it was not recorded"
            plan.refused.append(Refusal(change, "E309", 4, reason, "restore the manifest and run `tavusctl apply`"))
            return True
    return False


def _add_update(reversal: _ReverseUpdate, context: UndoContext, plan: UndoPlan) -> None:
    """Add the change that reverses an update; refuse it if a secret is missing that has to be sent along."""
    update, body, address = update_of(reversal.live.kind), reversal.live.body, reversal.change.address
    deleted = set(plan.deleted.values())
    body_after = update.apply(body, reversal.operations)
    if patch.same(body_after, body):
        return  # only a reference that followed a replacement
    restored_object = target_state(reversal.live.kind, reversal.binding_after, body_after, list(reversal.values_after))
    desired, lacks = with_current_secrets(
        restored_object.desired,
        update.unknown_secrets(reversal.live, reversal.operations, restored_object.desired.spec),
        context,
    )
    if lacks:
        refuse_without(plan, reversal.change, lacks, context)
        return
    plan.bodies[address], plan.bases[address] = body_after, restored_object.base
    plan.changes.append(
        replace(
            reversal.change,
            fields=tuple(_field_change(reversal, pointer) for pointer in reversal.values_after),
            patch=reversal.operations,
            guards=update.guards(reversal.live, reversal.operations),
            waits_for=tuple(sorted({leaf for _, leaf in leaves(list(reversal.operations)) if leaf in deleted})),
            desired=desired,
            base=restored_object.base,
            live=replace(reversal.live, body=readable(reversal.live.kind, body)),
        )
    )


def _spec_before(intent: Intent, binding: Binding, before: Binding, secrets: Mapping[str, Secret]) -> JsonObject:
    """The spec before the run, with the changes of later runs, and with secrets that can be sent again."""
    spec = as_object(without_run_changes(binding.applied, intent.spec, with_run_secrets(intent, before.applied)))
    for pointer, secret in secrets.items():
        spec = set_at(spec, patch.split(pointer), secret)
    return spec


def _why_unreachable(intent: Intent, binding: Binding | None) -> str:
    """Why the object of an update cannot be reached any more."""
    if binding and binding.remote_id == intent.remote_id and intent.before:
        return f"{intent.remote_id} was deleted in the account"
    return f"`{intent.address}` is no longer bound to {intent.remote_id}"


def _is_refused(
    intent: Intent, change: Change, context: UndoContext, removed: Mapping[str, Secret | None], plan: UndoPlan
) -> bool:
    """Refuse an update that needs a secret or an object that is not available; return whether it is refused."""
    operations = intent.inverse.operations
    unusable = [pointer for pointer in removed if not removed[pointer] and writes_around(pointer, operations)]
    references = {leaf for _, leaf in leaves(list(operations)) if isinstance(leaf, str)}
    deleted = {plan.deleted[leaf] for leaf in references & plan.deleted.keys()}
    kind = KINDS[intent.address.kind]
    emptied = [as_text(operation["path"]) for operation in operations if is_empty(operation.get("value"))]
    kept = [pointer for pointer in emptied if kind.field_at(patch.split(pointer)).cannot_be_unset]
    if unusable:
        refuse_without(plan, change, unusable, context)
    elif kept:
        reason = f"{', '.join(kept)} was not set before, and the API cannot unset it"
        plan.refused.append(Refusal(change, "E309", 4, reason, "choose another value in its manifest, and apply it"))
    elif deleted and not context.recreate:
        reason = f"it referred to {', '.join(sorted(map(str, deleted)))}, which was deleted"
        plan.refused.append(Refusal(change, "E307", 4, reason, "use `--recreate` to recreate it"))
    elif lost := missing_names(operations, context.missing):
        reason = f"it referred to {', '.join(lost)}, which the account no longer has"
        plan.refused.append(Refusal(change, "E309", 4, reason, "change its manifest, and apply it"))
    elif missing := refused_recreations(deleted, context, plan):
        reason = f"it referred to {missing}, which cannot be recreated"
        plan.refused.append(Refusal(change, "E309", 4, reason, "change its manifest, and apply it"))
    else:
        return False
    return True


def _differing(kind: ResourceKind, expected: JsonObject, body: JsonObject) -> list[str]:
    """The pointers at which an object does not read as expected."""
    places = ((pointer, patch.split(pointer)) for pointer in expected)
    return [
        pointer
        for pointer, path in places
        if not same(kind, path, expected[pointer], _without_secrets(value_at(body, path)))
    ]


def _without_secrets(value: Json) -> Json:
    """A value without its secrets, which no record has."""
    if isinstance(value, dict):
        return {key: _without_secrets(item) for key, item in value.items() if not is_hidden(item)}
    return [_without_secrets(item) for item in value] if isinstance(value, list) else value


def _field_change(reversal: _ReverseUpdate, pointer: str) -> FieldChange:
    live = value_at(reversal.live.body, patch.split(pointer))
    before = reversal.values_before.get(pointer)
    return FieldChange(pointer, Cause.EDITED, reversal.values_after[pointer], live, before)
