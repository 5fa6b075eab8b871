"""Unfinished replacements: which references must be repointed, and when an old version can be deleted.  Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tavusctl import patch
from tavusctl.core.address import Address, ObjectKey
from tavusctl.core.binding import Binding
from tavusctl.core.json_tree import map_leaves, value_at
from tavusctl.core.model import Action, Cause, Change, Desired, FieldChange, Live
from tavusctl.engine.compare.desired import sent_name
from tavusctl.engine.compare.match_create import UnmanagedObjects
from tavusctl.engine.compare.references import (
    Reference,
    is_outdated,
    old_versions,
    operations,
    references,
    repointing,
    uses,
)
from tavusctl.engine.compare.three_way import Difference
from tavusctl.engine.diff.applied_base import applied
from tavusctl.fields.equivalence import same
from tavusctl.lib.json_types import JsonObject, as_object

# Causes of a replacement, the most important first: an object that follows several gets the first of their causes.
_FIRST: Final = (Cause.EDITED, Cause.DRIFTED, Cause.DUE)


class StateAndAccount(Struct, frozen=True):
    """State and account, to look up bindings and objects."""

    bindings: Mapping[Address, Binding]
    live: Mapping[ObjectKey, Live]
    adopt: bool
    recreate: AbstractSet[Address]  # to be recreated if they failed
    unmanaged: UnmanagedObjects
    with_current_addresses: Callable[[Binding], Binding]

    def of(self, address: Address) -> tuple[Binding | None, Live | None]:
        """The binding of an address, and its object."""
        binding = self.bindings.get(address)
        return binding, self.live.get(binding.key) if binding else None


def without_given_up(desired: Iterable[Desired], bindings: Mapping[Address, Binding]) -> dict[Address, Binding]:
    """The bindings, where each successor that the manifests have given up is an old version, to be deleted."""
    by_address = {item.address: item for item in desired}
    return {
        address: replace(binding.without_successor(), retired=(*binding.retired, binding.successor))
        if binding.successor and address in by_address and _is_given_up(by_address[address], binding)
        else binding
        for address, binding in bindings.items()
    }


def with_copies(change: Change, unmanaged: UnmanagedObjects) -> Change:
    """A replacement with the unmanaged objects that read as its new version: an earlier run may have made them."""
    item = change.desired
    if change.action is not Action.REPLACE or not change.patch or item is None:
        return change
    return replace(change, rivals=unmanaged.find_copies(item.kind, applied(item), sent_name(item)))


def _is_given_up(item: Desired, binding: Binding) -> bool:
    """Whether a manifest is back at the old version: its fixed fields are as there, and differ from the successor."""
    fixed_paths = [patch.split(pointer) for pointer, declared in item.kind.fields.items() if declared.replaces]

    def has_fixed_values_of(spec: JsonObject) -> bool:
        return all(same(item.kind, path, value_at(current, path), value_at(spec, path)) for path in fixed_paths)

    current = applied(item)
    return has_fixed_values_of(binding.applied) and not has_fixed_values_of(binding.successor_spec)


def excuse_outdated_references(difference: Difference, item: Desired, sides: StateAndAccount) -> Difference:
    """A difference in which references to an old version, or to a missing object, count as no edits in the account."""
    targets = [sides.bindings[address] for address in item.refers_to if address in sides.bindings]
    old = old_versions(targets)
    lost = {binding.remote_id: binding.address for binding in targets if sides.of(binding.address)[1] is None}
    if not old and not lost:
        return difference

    def outdated(change: FieldChange, addresses: Mapping[str, Address]) -> bool:
        return is_outdated(item.kind, change, change.base, addresses)

    # That an object is missing is a change in the account, but of that object alone.
    fields = [replace(one, cause=Cause.EDITED) if outdated(one, old) else one for one in difference.fields]
    drift = tuple(one for one in difference.drift if not outdated(one, {**old, **lost}))
    return replace(difference, fields=tuple(fields), drift=drift)


def repoint_changes(managed: Sequence[Desired], changes: Sequence[Change], sides: StateAndAccount) -> Iterator[Change]:
    """Updates that give objects the new id of a replaced object they refer to, once the successor is usable.

    Each is a change of its own, so that other changes of the same object need not wait for it.
    """
    replaced = {change.address: _follow_up_cause(change) for change in changes if change.action is Action.REPLACE}
    own_changes = {change.address: change for change in changes}
    for item in managed if replaced else ():
        targets = replaced.keys() & set(item.refers_to)
        _, live = sides.of(item.address)
        change = own_changes.get(item.address)
        if not targets or live is None or (change and change.action is not Action.UPDATE):
            continue
        body = as_object(patch.apply(live.body, change.patch)) if change else live.body
        outdated_references = _outdated(live.body, change.patch if change else (), targets)
        if outdated_references:
            names = ", ".join(str(target) for target in sorted(targets))
            yield Change(
                Action.UPDATE,
                min((replaced[target] for target in targets), key=_FIRST.index),
                item.address,
                live.remote_id,
                fields=repointing(
                    outdated_references, {target: sides.bindings[target].remote_id for target in targets}
                ),
                patch=operations(outdated_references),
                waits_for=tuple(sorted({*targets, *([item.address] if change else [])})),
                reason=f"points to the new {names}",
                source=item.source,
                desired=item,
                live=replace(live, body=body),
            )


def _outdated(body: JsonObject, changes: Sequence[JsonObject], targets: AbstractSet[Address]) -> list[Reference]:
    """The references to `targets` in a body after a patch, but for those that the patch sends: these are new ids."""
    blanked = [map_leaves(operation, lambda leaf: "" if isinstance(leaf, Address) else leaf) for operation in changes]
    return references(as_object(patch.apply(body, blanked)), targets)


def _follow_up_cause(replaced: Change) -> Cause:
    """The cause of changes that follow from a replacement; a settled conflict counts as an edit of the manifest."""
    return replaced.cause if replaced.cause in _FIRST else Cause.EDITED


def retire_changes(
    changes: Sequence[Change], removals: Sequence[Change], sides: StateAndAccount, live: Sequence[Live]
) -> Iterator[Change]:
    """Deletes of old versions of replacements, which wait until nothing refers to them.

    An address that is removed gives up its successor, too.  What is deleted with it (`removals`) keeps no version.
    """
    replacing = {change.address: change for change in changes if change.action is Action.REPLACE}
    updated = {change.address for change in changes if change.action is Action.UPDATE}
    removed = {change.address for change in removals}
    deleted = {change.address for change in removals if change.action is Action.DELETE}

    def retirement(binding: Binding, remote_id: str, change: Change) -> Change:
        address = binding.address
        users = [obj for obj in live if uses(obj, address if remote_id == binding.remote_id else None, remote_id)]
        if address in removed:
            users = [obj for obj in users if obj.address not in deleted]
        return _retirement(replace(change, remote_id=remote_id), users, updated, sides)

    for address, binding in sorted(sides.bindings.items()):
        replaced = replacing.get(address)
        cause = _follow_up_cause(replaced) if replaced else Cause.DUE  # the replacement was made by an earlier run
        reason, waits = "the old version, once nothing refers to it", (address,) if replaced else ()
        old = Change(Action.RETIRE, cause, address, waits_for=waits, reason=reason)
        yield from (retirement(binding, remote_id, old) for remote_id in binding.retired)
        if replaced:
            yield retirement(binding, replaced.remote_id, old)
        if address in removed and binding.successor:
            unused = replace(old, cause=Cause.ORPHANED, reason="the new version, which is not in use yet")
            yield retirement(binding, binding.successor, unused)


def _retirement(change: Change, users: Sequence[Live], updated: AbstractSet[Address], sides: StateAndAccount) -> Change:
    """The delete of a version with the updates of its users that it waits for, and the users that keep it."""
    remote_id = change.remote_id
    keepers = tuple(sorted(label(obj) for obj in users if obj.address not in updated or remote_id in obj.holds))
    to_update = {obj.address for obj in users if obj.address is not None and obj.address in updated}
    return replace(
        change,
        waits_for=(*change.waits_for, *sorted(to_update)),
        referrers=keepers,
        live=sides.live.get((change.address.kind, remote_id)),
    )


def label(one: Live) -> str:
    """The name of an object for people: its address, or its kind, id and name if it is not managed."""
    return (
        str(one.address) if one.address else f"{one.kind.name} {one.remote_id}" + (f" ({one.name})" if one.name else "")
    )


def finish_changes(changes: Sequence[Change], bindings: Mapping[Address, Binding]) -> list[Change]:
    """The changes that end replacements which an earlier run has begun, and so are agreed to; no others.

    An old version is kept while an object that refers to it has other changes, too, or while its address is removed.
    """
    removed = {change.address for change in changes if change.action in (Action.DELETE, Action.FORGET)}
    old = old_versions(bindings.values())
    unfinished = {change.address for change in changes if change.action is Action.REPLACE and not change.patch}
    old |= {bindings[address].remote_id: address for address in unfinished}
    selected = [change for change in changes if change.address not in removed and _follows(change, old)]
    while True:
        remaining = {change.address for change in changes if change not in selected}
        ready = [
            change
            for change in selected
            if not remaining.intersection(change.waits_for)
            and not (change.action is Action.UPDATE and change.address in remaining)
        ]
        if len(ready) == len(selected):
            return ready
        selected = ready


def _follows(change: Change, old: Mapping[str, Address]) -> bool:
    """Whether a change only follows from a replacement; `old` has the addresses of old versions by their ids."""
    if change.action is not Action.UPDATE:
        return change.action is Action.RETIRE or (change.action is Action.REPLACE and not change.patch)
    if change.desired is None or not change.fields:
        return False
    return all(is_outdated(change.desired.kind, one, one.desired, old) for one in change.fields)
