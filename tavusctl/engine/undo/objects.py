"""Objects that came or went with a run: what it made is deleted, what it deleted is made anew, bindings go back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from msgspec.structs import replace

from tavusctl import patch
from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.json_tree import is_empty, is_hidden, leaves, map_leaves, set_at
from tavusctl.core.model import ABSENT, Action, Cause, Change, Live, Refusal
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.crawl import source_fingerprint
from tavusctl.engine.compare import patch_guards
from tavusctl.engine.compare.match_create import same_name
from tavusctl.engine.compare.references import uses
from tavusctl.engine.compare.three_way import compare
from tavusctl.engine.undo.context import (
    Seen,
    UndoContext,
    UndoPlan,
    as_desired,
    as_seen,
    bare,
    refuse,
    refuse_without,
)
from tavusctl.fields.equivalence import is_unset
from tavusctl.lib.json_types import Json, JsonObject, KeyPath, as_object
from tavusctl.secrets.values import Secret, is_mask
from tavusctl.state.journal import FinishedRun, Intent


def undo_create(intent: Intent, past: FinishedRun, context: UndoContext, found: UndoPlan) -> None:
    """A create is reversed by a delete, of an object that is still as it was made."""
    binding = context.bindings.get(intent.address)
    made = past.made.get(intent.op) or binding
    if made is None or binding is None or binding.remote_id != made.remote_id:
        refuse(found, bare(intent, Action.DELETE), f"`{intent.address}` is no longer bound to the created object")
        return
    live = context.live.get((intent.address.kind, binding.remote_id))
    change = replace(bare(intent, Action.DELETE), remote_id=binding.remote_id, live=live)
    if live is None:
        found.changes.append(replace(change, action=Action.FORGET, reason="already deleted"))
        return
    paths = edited_since(_as_made(intent, past, binding), live, binding)
    if paths:
        refuse(found, change, f"{paths} was edited since")
        return
    users = [one for one in context.live.values() if one.address is None and uses(one, intent.address, live.remote_id)]
    names = tuple(sorted(f"{one.kind.name} {one.remote_id}" for one in users))
    found.changes.append(replace(change, referrers=names))


def _as_made(intent: Intent, past: FinishedRun, binding: Binding) -> Intent:
    """A create with all that later calls of the run have put into its object, too."""
    later = [past.made[one.op] for one in past.intents if one.address == intent.address and one.op in past.made]
    specs = [one.applied for one in later if one.remote_id == binding.remote_id]
    return replace(intent, spec=specs[-1]) if specs else intent


def undo_delete(intent: Intent, context: UndoContext, again: Mapping[str, Address], found: UndoPlan) -> None:
    """A delete is reversed by a new object, from what was kept of the old one."""
    kind = context.kinds[intent.address.kind]
    change = replace(bare(intent, Action.CREATE), remote_id="")
    if intent.address in context.bindings:
        refuse(found, change, f"`{intent.address}` is bound to {context.bindings[intent.address].remote_id} by now")
        return
    record = _record(intent, change, context)
    if isinstance(record, Refusal):
        found.refused.append(record)
        return
    body, made, lost = recreate(kind, *record, again, context)
    if lost:
        refuse_without(found, change, lost, context)
        return
    if missing := is_undone(made.desired.refers_to, context, found):
        hint = "recreate that object first, or restore its manifest and apply it"
        found.refused.append(Refusal(change, "E309", 4, f"it refers to {missing}, which cannot be recreated", hint))
        return
    found.changes.append(
        replace(
            change,
            patch=({"op": "add", "path": "", "value": body},),
            reason=f"recreated in place of {intent.remote_id}",
            desired=made.desired,
            base=made.base,
            rivals=_rivals(kind, body, context),
        )
    )


def _record(intent: Intent, change: Change, context: UndoContext) -> tuple[Binding, JsonObject] | Refusal:
    """What the state and the account had of a deleted object; or why it is not to be made anew from that."""
    kind, before, kept = context.kinds[intent.address.kind], intent.before, context.trash.get(intent.remote_id)
    if kind.expensive:
        return Refusal(change, "E308", 4, f"a deleted {kind.name} cannot be restored")
    if not context.recreate:
        hint = "use `--recreate` to create a new one, with a new id"
        return Refusal(change, "E307", 4, f"{intent.remote_id} was deleted", hint)
    hint = "restore its manifest and apply it"
    if kind.attachment and before and kind.attachment.file in before.applied:
        return Refusal(change, "E308", 4, f"{intent.remote_id} was made from a file", hint)
    if kept is None or before is None:
        return Refusal(change, "E308", 4, f"no record was kept of {intent.remote_id}", hint)
    return before, kept


def _rivals(kind: ResourceKind, body: JsonObject, context: UndoContext) -> tuple[str, ...]:
    """Ids of objects of the same name that are nobody's."""
    name = str(body.get(kind.name_field) or "")
    others = (one for one in context.live.values() if one.kind.name == kind.name and not one.address)
    return tuple(sorted(one.remote_id for one in others if same_name(name, one.name)))


def is_undone(refers_to: Iterable[Address], context: UndoContext, found: UndoPlan) -> str:
    """Those of some addresses that the undo would have to make anew, and refuses to."""
    refused = {one.change.address for one in found.refused if one.change.action is Action.CREATE}
    return ", ".join(sorted(str(one) for one in refused.intersection(refers_to) if one not in context.bindings))


def recreate(
    kind: ResourceKind,
    before: Binding,
    kept: JsonObject,
    again: Mapping[str, Address],
    context: UndoContext,
) -> tuple[JsonObject, Seen, list[str]]:
    """What makes a deleted object anew: the body to send, what it brings about, and pointers of secrets that are lost.

    `again` are the ids of others that are made anew, too.
    """
    lost: list[str] = []

    def held(pointer: str) -> Secret | None:
        return context.secrets.get((before.address, pointer))

    body = as_object(_fillable(kind, {**source_fingerprint.sent(before.applied), **kept}, (), lost, held))
    # Reads leave some secrets out altogether: only what was applied can tell that they were there.
    for path, leaf in leaves(before.applied):
        if is_hidden(leaf) and is_empty(patch_guards.value_at(body, path)):
            secret = held(patch.join(path))
            lost += [] if secret else [patch.join(path)]
            body = set_at(body, path, secret) if secret else body
    body = map_leaves(body, lambda leaf: again.get(leaf, leaf) if isinstance(leaf, str) else leaf)
    known = {**context.ids, **again}
    shown = map_leaves(body, lambda leaf: known.get(leaf, leaf) if isinstance(leaf, str) else leaf)
    made = as_seen(kind, replace(before, applied=_fillable(kind, before.applied, (), [], held)), shown)
    refers_to = tuple(sorted({leaf for _, leaf in leaves(body) if isinstance(leaf, Address)}))
    return body, replace(made, desired=replace(made.desired, refers_to=refers_to)), sorted(set(lost))


def edited_since(intent: Intent, live: Live, binding: Binding) -> str:
    """The pointers at which an object does not read as it was created; empty when there is none."""
    sent = replace(binding, remote_id=live.remote_id, applied=intent.spec)
    return ", ".join(one.path for one in compare(as_desired(live.kind, sent), live, sent).fields)


def released(past: FinishedRun, context: UndoContext) -> Iterator[Change]:
    """What the run took over is let go."""
    for taken in past.adopted:
        binding = context.bindings.get(taken.address)
        if binding and binding.remote_id == taken.remote_id:
            reason = "the run imported it"
            waits = (taken.address,)
            yield Change(Action.FORGET, Cause.ASKED, taken.address, taken.remote_id, waits_for=waits, reason=reason)


def rebind(past: FinishedRun, context: UndoContext) -> Iterator[Binding]:
    """What the run let go is taken back, where it still exists and is nobody's."""
    for binding in past.forgotten:
        free = binding.address not in context.bindings and binding.remote_id not in context.ids
        if free and (binding.address.kind, binding.remote_id) in context.live:
            yield binding


def _fillable(
    kind: ResourceKind, value: Json, path: KeyPath, lost: list[str], held: Callable[[str], Secret | None]
) -> Json:
    """A kept document that can be sent: secrets put in, or left out and named, and nothing that is empty."""
    if isinstance(value, list):
        items = [_fillable(kind, item, (*path, str(index)), lost, held) for index, item in enumerate(value)]
        return [item for item in items if item is not ABSENT]
    if isinstance(value, dict):
        set_ = {key: item for key, item in value.items() if not is_unset(kind, (*path, key), item)}
        filled = {key: _fillable(kind, item, (*path, key), lost, held) for key, item in set_.items()}
        return {key: item for key, item in filled.items() if item is not ABSENT}
    if is_hidden(value) or (isinstance(value, str) and is_mask(value)):
        secret = held(patch.join(path))
        lost += [] if secret else [patch.join(path)]
        return secret or ABSENT
    return value
