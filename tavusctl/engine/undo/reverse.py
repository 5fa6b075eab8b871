"""A run, change by change, from its end to its beginning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from tavusctl import patch
from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.json_tree import is_empty, is_hidden, leaves, map_leaves, pattern_of, set_at
from tavusctl.core.model import ABSENT, Action, Cause, Change, Desired, FieldChange, Live, Refusal
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine.compare import patch_guards
from tavusctl.engine.compare.remembered import as_it_was
from tavusctl.engine.compare.updates import update_of
from tavusctl.engine.undo.context import (
    UndoContext,
    UndoPlan,
    as_seen,
    bare,
    lost_secret,
    refers,
    refuse,
    refuse_without,
)
from tavusctl.engine.undo.joined import joined
from tavusctl.engine.undo.objects import is_undone, rebind, released, undo_create, undo_delete
from tavusctl.engine.undo.replacements import follow, unreplace
from tavusctl.fields import secret_fields
from tavusctl.fields.equivalence import same
from tavusctl.lib.json_types import Json, JsonObject, as_object
from tavusctl.secrets.values import Fingerprint, Secret
from tavusctl.state.journal import FinishedRun, Intent

_REPLACING = frozenset({Action.REPLACE, Action.RETIRE})


class _Reversal(Struct, frozen=True):
    """What reverses one update of an object."""

    change: Change  # that names the object
    live: Live  # as the changes before this one leave it
    left: JsonObject  # by pointer: what the run left there,
    was: JsonObject  # and what it had found
    then: Binding  # what the state is to remember
    operations: Sequence[JsonObject]


def reverse(past: FinishedRun, context: UndoContext) -> UndoPlan:
    """The changes that reverse a run: what is made again first, then updates newest first, then what is let go."""
    found = UndoPlan()
    carried_out = [intent for intent in reversed(past.intents) if intent.op not in past.failed]
    deleted = [intent for intent in carried_out if intent.action is Action.DELETE]
    again = {intent.remote_id: intent.address for intent in deleted if context.recreate}
    for intent in sorted(deleted, key=lambda one: refers(context.kinds[one.address.kind])):
        undo_delete(intent, context, again, found)
    gone = {intent.remote_id: intent.address for intent in deleted}
    # The address of a replaced object means what stands for it: a reference that was moved with it needs no reversal.
    replaced = {_left_behind(intent): intent.address for intent in carried_out if intent.action in _REPLACING}
    known = {**context.ids, **replaced, **gone}
    created = {intent.op for intent in carried_out if intent.action in (Action.CREATE, Action.REPLACE)}
    own = {one for op in created & past.made.keys() for one in _halves(past.made[op])}
    for intent in carried_out:
        # What the run has made itself goes as a whole.
        if intent.action in (Action.UPDATE, Action.ADOPT) and intent.remote_id not in own:
            _reverse_update(intent, context, gone, known, found)
    found.changes = joined(found.changes)
    for intent in carried_out:
        if intent.action is Action.CREATE:
            undo_create(intent, past, context, found)
        elif intent.action is Action.REPLACE:
            unreplace(intent, past, context, found)
        elif intent.action is Action.RECRAWL:
            hint = "revert the manifest and apply it, which crawls as before"
            found.refused.append(Refusal(bare(intent, Action.RECRAWL), "E306", 4, "a crawl cannot be undone", hint))
    follow(context, found)
    refused = {refusal.change.address for refusal in found.refused}
    found.changes += [change for change in released(past, context) if change.address not in refused]
    found.settled += rebind(past, context)
    return found


def _halves(made: Binding) -> tuple[str, ...]:
    return tuple(filter(None, (made.successor,))) or (made.remote_id,)


def _left_behind(intent: Intent) -> str:
    """The id of the version that a step left behind, or removed."""
    return intent.remote_id or (intent.before.remote_id if intent.before else "")


def restored(now: Json, after: Json, before: Json) -> Json:
    """What was applied, less what one run applied; what later runs applied stays."""
    if not isinstance(now, dict) or not isinstance(after, dict) or not isinstance(before, dict):
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


def _reverse_update(
    intent: Intent, context: UndoContext, gone: Mapping[str, Address], known: Mapping[str, Address], found: UndoPlan
) -> None:
    """An update is reversed by its inverse, on an object that still reads as the run left it."""
    change = bare(intent, Action.UPDATE)
    inverse, before = intent.inverse, intent.before
    binding = context.bindings.get(intent.address)
    live = context.live.get((intent.address.kind, intent.remote_id))
    if binding is None or binding.remote_id != intent.remote_id or before is None or live is None:
        refuse(found, change, _out_of_reach(intent, binding))
        return
    texts = [one for one in inverse.lost if not secret_fields.may_be_named(live.kind, pattern_of(patch.split(one)))]
    if texts:
        reason = f"the text at {texts[0]} held the value of a secret, and no record has it"
        found.refused.append(Refusal(change, "E309", 4, reason, "restore the manifest and run tavusctl apply"))
        return
    taken = {pointer: context.secrets.get((intent.address, pointer)) for pointer in _taken(intent)}
    found.warnings += [lost_secret(intent.address, pointer) for pointer in inverse.lost if not taken.get(pointer)]
    if not inverse.operations or _is_hopeless(intent, change, context, gone, taken, found):
        return
    binding = found.bases.get(intent.address, binding)
    seen = replace(live, body=found.bodies.get(intent.address, live.body))
    secrets = {pointer: secret for pointer, secret in taken.items() if secret}
    left, was = _seen(inverse.left, known), _seen(inverse.was, known)
    then = as_it_was(binding, before, _spec_before(intent, binding, before, secrets), list(left))
    operations = tuple(_with_secrets([_seen(one, known) for one in inverse.operations], secrets))
    differing = _differing(live.kind, left, seen.body)
    if not differing:
        _put_back(_Reversal(change, seen, left, was, then, operations), gone, context, found)
    elif _differing(live.kind, was, seen.body):
        refuse(found, change, f"{', '.join(differing)} was edited since")
    else:
        found.settled.append(as_seen(live.kind, then, seen.body, list(left)).base)  # somebody has reversed it already


def _put_back(one: _Reversal, gone: Mapping[str, Address], context: UndoContext, found: UndoPlan) -> None:
    """The change that reverses an update; refused without the secrets that belong to it."""
    update, body, address = update_of(one.live.kind), one.live.body, one.change.address
    patched = update.apply(body, one.operations)
    if patched == body:
        return  # a reference that followed a replacement
    back = as_seen(one.live.kind, one.then, patched, list(one.left))
    wanted, lacks = _with_held(back.desired, update.lacks(one.live, one.operations, back.desired.spec), context)
    if lacks:
        refuse_without(found, one.change, lacks, context)
        return
    found.bodies[address], found.bases[address] = patched, back.base
    found.changes.append(
        replace(
            one.change,
            fields=tuple(_shown(pointer, one.left, body, one.was) for pointer in one.left),
            patch=one.operations,
            guards=update.guards(one.live, one.operations),
            waits_for=tuple(sorted({leaf for _, leaf in leaves(list(one.operations)) if leaf in set(gone.values())})),
            desired=wanted,
            base=back.base,
            live=one.live,
        )
    )


def _spec_before(intent: Intent, binding: Binding, before: Binding, secrets: Mapping[str, Secret]) -> JsonObject:
    """What was applied before the run, and what later runs applied, with secrets that can be sent again."""
    spec = as_object(restored(binding.applied, intent.spec, _kept_secrets(intent, before.applied)))
    for pointer, secret in secrets.items():
        spec = set_at(spec, patch.split(pointer), secret)
    return spec


def _out_of_reach(intent: Intent, binding: Binding | None) -> str:
    """Why the object of an update is not the one that the run had."""
    if binding and binding.remote_id == intent.remote_id and intent.before:
        return f"{intent.remote_id} was deleted in the account"
    return f"`{intent.address}` is no longer bound to {intent.remote_id}"


def _with_held(wanted: Desired, lacks: Iterable[str], context: UndoContext) -> tuple[Desired, list[str]]:
    """What is wanted, with the secrets to be sent along that its manifest still has; and those that it has not."""
    spec, lost = wanted.spec, []
    for pointer in lacks:
        path, held = patch.split(pointer), context.secrets.get((wanted.address, pointer))
        known = patch_guards.value_at(spec, path)
        if held and isinstance(known, Fingerprint) and held.is_of(known):
            spec = set_at(spec, path, held)
        else:
            lost.append(pointer)
    return replace(wanted, spec=spec), lost


def _is_hopeless(
    intent: Intent,
    change: Change,
    context: UndoContext,
    gone: Mapping[str, Address],
    taken: Mapping[str, Secret | None],
    found: UndoPlan,
) -> bool:
    """Whether an update is refused: a secret or an object that belongs to it is not to be had."""
    operations = intent.inverse.operations
    unusable = [pointer for pointer in taken if not taken[pointer] and _goes_with(pointer, operations)]
    dead = {gone[leaf] for _, leaf in leaves(list(operations)) if isinstance(leaf, str) and leaf in gone}
    if unusable:
        refuse_without(found, change, unusable, context)
    elif dead and not context.recreate:
        reason = f"it referred to {', '.join(sorted(map(str, dead)))}, which was deleted"
        found.refused.append(Refusal(change, "E307", 4, reason, "use `--recreate` to recreate it"))
    elif missing := is_undone(dead, context, found):
        reason = f"it referred to {missing}, which cannot be recreated"
        found.refused.append(Refusal(change, "E309", 4, reason, "change its manifest, and apply it"))
    else:
        return False
    return True


def _taken(intent: Intent) -> list[str]:
    """Pointers of secrets that the run took away; one that it changed is still there."""
    return [one for one in intent.inverse.lost if is_empty(patch_guards.value_at(intent.spec, patch.split(one)))]


def _goes_with(pointer: str, operations: Iterable[JsonObject]) -> bool:
    """Whether a patch writes into the object that a secret belongs to, or brings it back as a whole."""
    holder = patch.split(pointer)[:-1]
    paths = [patch.split(one["path"]) for one in operations]
    return any(path[: len(holder)] == holder or holder[: len(path)] == path for path in paths)


def _with_secrets(operations: Sequence[JsonObject], secrets: Mapping[str, Secret]) -> Iterator[JsonObject]:
    """A patch that brings secrets back: in the object that it adds, else by themselves."""
    left = {patch.split(pointer): secret for pointer, secret in secrets.items()}
    for operation in operations:
        path, value = patch.split(operation["path"]), operation.get("value")
        if isinstance(value, dict):
            for inner in [one for one in left if one[: len(path)] == path]:
                value = set_at(value, inner[len(path) :], left.pop(inner))
        yield operation if value is operation.get("value") else {**operation, "value": value}
    yield from ({"op": "add", "path": patch.join(path), "value": secret} for path, secret in left.items())


def _kept_secrets(intent: Intent, before: JsonObject) -> JsonObject:
    """What was applied before, but for secrets: those of the run are still there."""
    for pointer in intent.inverse.lost:
        path = patch.split(pointer)
        held = patch_guards.value_at(intent.spec, path)
        before = set_at(before, path, ABSENT if is_empty(held) else held)
    return before


def _seen(document: JsonObject, known: Mapping[str, Address]) -> JsonObject:
    """Records have ids; the account is seen with addresses."""
    return {
        key: map_leaves(value, lambda leaf: known.get(leaf, leaf) if isinstance(leaf, str) else leaf)
        for key, value in document.items()
    }


def _differing(kind: ResourceKind, expected: JsonObject, body: JsonObject) -> list[str]:
    """Pointers at which an object does not read as expected."""
    places = ((pointer, patch.split(pointer)) for pointer in expected)
    return [
        one for one, path in places if not same(kind, path, expected[one], _shown_of(patch_guards.value_at(body, path)))
    ]


def _shown_of(value: Json) -> Json:
    """A value without its secrets, which no record has."""
    if isinstance(value, dict):
        return {key: _shown_of(item) for key, item in value.items() if not is_hidden(item)}
    return [_shown_of(item) for item in value] if isinstance(value, list) else value


def _shown(pointer: str, left: JsonObject, body: JsonObject, was: JsonObject) -> FieldChange:
    live = patch_guards.value_at(body, patch.split(pointer))
    return FieldChange(pointer, Cause.EDITED, left[pointer], live, was.get(pointer))
