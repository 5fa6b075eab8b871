"""A run, change by change, from its end to its beginning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec.structs import replace

from tavusctl import guards, patch
from tavusctl.document import is_empty, is_hidden, leaves, map_leaves
from tavusctl.engine.undo.objects import bound_again, released, remake, unmade, unmake
from tavusctl.engine.undo.replacements import follow, unreplace
from tavusctl.engine.undo.scene import (
    Reversal,
    Scene,
    as_desired,
    bare,
    lost_secret,
    refers,
    refuse,
    refuse_without,
    with_value,
)
from tavusctl.equality import same
from tavusctl.journal import Intent, Past
from tavusctl.model import (
    ABSENT,
    Action,
    Address,
    Binding,
    Cause,
    Change,
    Document,
    FieldChange,
    Live,
    Refusal,
    ResourceKind,
    Update,
    Value,
)
from tavusctl.secret import Secret

_REPLACING = frozenset({Action.REPLACE, Action.RETIRE})


def reverse(past: Past, scene: Scene) -> Reversal:
    """The changes that reverse a run: what is made again first, then updates newest first, then what is let go."""
    found = Reversal()
    carried_out = [intent for intent in reversed(past.intents) if intent.op not in past.failed]
    deleted = [intent for intent in carried_out if intent.action is Action.DELETE]
    again = {intent.remote_id: intent.address for intent in deleted if scene.recreate}
    for intent in sorted(deleted, key=lambda one: refers(scene.kinds[one.address.kind])):
        remake(intent, scene, again, found)
    gone = {intent.remote_id: intent.address for intent in deleted}
    # The address of a replaced object means what stands for it: a reference that was moved with it needs no reversal.
    replaced = {_left_behind(intent): intent.address for intent in carried_out if intent.action in _REPLACING}
    known = {**scene.ids, **replaced, **gone}
    created = {intent.op for intent in carried_out if intent.action in (Action.CREATE, Action.REPLACE)}
    own = {one for op in created & past.made.keys() for one in _halves(past.made[op])}
    for intent in carried_out:
        # What the run has made itself goes as a whole.
        if intent.action in (Action.UPDATE, Action.ADOPT) and intent.remote_id not in own:
            _reverse_update(intent, scene, gone, known, found)
    for intent in carried_out:
        if intent.action is Action.CREATE:
            unmake(intent, past, scene, found)
        elif intent.action is Action.REPLACE:
            unreplace(intent, past, scene, found)
        elif intent.action is Action.RECRAWL:
            hint = "change the manifest back and apply it: that crawls it as before"
            found.refused.append(Refusal(bare(intent, Action.RECRAWL), "E306", 4, "a crawl is not reversed", hint))
    follow(scene, found)
    refused = {refusal.change.address for refusal in found.refused}
    found.changes += [change for change in released(past, scene) if change.address not in refused]
    found.settled += bound_again(past, scene)
    return found


def _halves(made: Binding) -> tuple[str, ...]:
    return tuple(filter(None, (made.successor,))) or (made.remote_id,)


def _left_behind(intent: Intent) -> str:
    """The id of the version that a step left behind, or removed."""
    return intent.remote_id or (intent.before.remote_id if intent.before else "")


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


def _reverse_update(
    intent: Intent, scene: Scene, gone: Mapping[str, Address], known: Mapping[str, Address], found: Reversal
) -> None:
    change = bare(intent, Action.UPDATE)
    inverse, before = intent.inverse, intent.before
    binding = scene.bindings.get(intent.address)
    live = scene.live.get((intent.address.kind, intent.remote_id))
    if binding is None or binding.remote_id != intent.remote_id or before is None:
        refuse(found, change, f"{intent.address} is not bound to {intent.remote_id} any more")
        return
    if live is None:
        refuse(found, change, f"{intent.remote_id} was deleted in the account")
        return
    taken = {pointer: scene.secrets.get((intent.address, pointer)) for pointer in _taken(intent)}
    found.warnings += [lost_secret(intent.address, pointer) for pointer in inverse.lost if not taken.get(pointer)]
    if not inverse.operations:
        return
    if _is_hopeless(intent, change, scene, gone, taken, found):
        return
    body = found.bodies.get(intent.address, live.body)
    left, was = _seen(inverse.left, known), _seen(inverse.was, known)
    spec = restored(binding.applied, intent.spec, _kept_secrets(intent, before.applied))
    secrets = {pointer: secret for pointer, secret in taken.items() if secret}
    for pointer, secret in secrets.items():
        spec = with_value(spec, patch.split(pointer), secret)
    current = replace(binding, applied=spec)
    if _differing(live.kind, left, body):
        if _differing(live.kind, was, body):
            paths = ", ".join(_differing(live.kind, left, body))
            refuse(found, change, f"{paths} was edited since")
        else:
            found.settled.append(current)  # somebody has reversed it already
        return
    operations = tuple(_with_secrets(_seen({"": list(inverse.operations)}, known)[""], secrets))
    seen = replace(live, body=body)
    patched = _patched(live.kind, body, operations)
    if patched == body:
        return  # a reference that followed a replacement
    found.bodies[intent.address] = patched
    found.changes.append(
        replace(
            change,
            fields=tuple(_shown(pointer, left, body, was) for pointer in left),
            patch=operations,
            guards=_guards(seen, operations),
            waits_for=tuple(sorted({leaf for _, leaf in leaves(list(operations)) if leaf in set(gone.values())})),
            desired=as_desired(live.kind, current),
            live=seen,
        )
    )


def _is_hopeless(
    intent: Intent,
    change: Change,
    scene: Scene,
    gone: Mapping[str, Address],
    taken: Mapping[str, Secret | None],
    found: Reversal,
) -> bool:
    """Whether an update is refused: a secret or an object that belongs to it is not to be had."""
    operations = intent.inverse.operations
    unusable = [pointer for pointer in taken if not taken[pointer] and _goes_with(pointer, operations)]
    dead = {gone[leaf] for _, leaf in leaves(list(operations)) if _is_in(leaf, gone)}
    if unusable:
        refuse_without(found, change, unusable, scene)
    elif dead and not scene.recreate:
        reason = f"it referred to {', '.join(sorted(map(str, dead)))}, which was deleted"
        found.refused.append(Refusal(change, "E307", 4, reason, "--recreate makes it anew"))
    elif missing := unmade(dead, scene, found):
        reason = f"it referred to {missing}, which cannot be made anew"
        found.refused.append(Refusal(change, "E309", 4, reason, "change its manifest, and apply it"))
    else:
        return False
    return True


def _taken(intent: Intent) -> list[str]:
    """Pointers of secrets that the run took away; one that it changed is still there."""
    return [one for one in intent.inverse.lost if is_empty(guards.value_at(intent.spec, patch.split(one)))]


def _goes_with(pointer: str, operations: Iterable[Document]) -> bool:
    """Whether a patch writes into the object that a secret belongs to, or brings it back as a whole."""
    holder = patch.split(pointer)[:-1]
    paths = [patch.split(one["path"]) for one in operations]
    return any(path[: len(holder)] == holder or holder[: len(path)] == path for path in paths)


def _with_secrets(operations: Sequence[Document], secrets: Mapping[str, Secret]) -> Iterator[Document]:
    """A patch that brings secrets back: in the object that it adds, else by themselves."""
    left = {patch.split(pointer): secret for pointer, secret in secrets.items()}
    for operation in operations:
        path, value = patch.split(operation["path"]), operation.get("value")
        if isinstance(value, dict):
            for inner in [one for one in left if one[: len(path)] == path]:
                value = with_value(value, inner[len(path) :], left.pop(inner))
        yield operation if value is operation.get("value") else {**operation, "value": value}
    yield from ({"op": "add", "path": patch.join(path), "value": secret} for path, secret in left.items())


def _kept_secrets(intent: Intent, before: Document) -> Document:
    """What was applied before, but for secrets: those of the run are still there."""
    for pointer in intent.inverse.lost:
        path = patch.split(pointer)
        held = guards.value_at(intent.spec, path)
        before = with_value(before, path, ABSENT if is_empty(held) else held)
    return before


def _seen(document: Document, known: Mapping[str, Address]) -> Document:
    """Records have ids; the account is seen with addresses."""
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
        return {key: _shown_of(item) for key, item in value.items() if not is_hidden(item)}
    return [_shown_of(item) for item in value] if isinstance(value, list) else value


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


def _is_in(leaf: Value, ids: Mapping[str, Address]) -> bool:
    return isinstance(leaf, str) and leaf in ids
