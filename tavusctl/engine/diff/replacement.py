"""Replacements in the making: who has to point to the new half, and when the old one can go.  Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from tavusctl import patch
from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.json_tree import map_leaves
from tavusctl.core.model import Action, Cause, Change, Desired, FieldChange, Live
from tavusctl.engine.compare.match_create import Strangers
from tavusctl.engine.compare.patch_guards import value_at
from tavusctl.engine.compare.references import operations, references, repointing, uses
from tavusctl.engine.compare.three_way import Difference
from tavusctl.engine.diff.applied_base import applied
from tavusctl.fields.equivalence import same
from tavusctl.lib.json_types import JsonObject, as_object

# Causes of a replacement: of several that one object follows, the first here is told.
_FIRST: Final = (Cause.EDITED, Cause.DRIFTED, Cause.DUE)


class BothVersions(Struct, frozen=True):
    """State and account, to look objects up in."""

    bindings: Mapping[Address, Binding]
    live: Mapping[tuple[str, str], Live]
    missing: AbstractSet[Address]
    adopt: bool
    again: AbstractSet[Address] = frozenset()  # to be made anew if what the server made of them failed
    strangers: Strangers = field(default_factory=lambda: Strangers(()))
    in_names: Callable[[Binding], Binding] = lambda binding: binding

    def of(self, address: Address) -> tuple[Binding | None, Live | None]:
        """What is bound to an address, and the object."""
        binding = self.bindings.get(address)
        return binding, self.live.get((address.kind, binding.remote_id)) if binding else None


def halves(bindings: Iterable[Binding]) -> frozenset[str]:
    """Ids of objects that are on their way to stand for an address, or did."""
    return frozenset(one for binding in bindings for one in (binding.successor, *binding.retired) if one)


def without_given_up(desired: Iterable[Desired], bindings: Mapping[Address, Binding]) -> dict[Address, Binding]:
    """Bindings in which the new half of a replacement that manifests no longer want waits to be deleted."""
    wanted = {item.address: item for item in desired}
    return {
        address: replace(one, successor="", successor_spec={}, retired=(*one.retired, one.successor))
        if one.successor and address in wanted and _is_given_up(wanted[address], one)
        else one
        for address, one in bindings.items()
    }


def _is_given_up(item: Desired, binding: Binding) -> bool:
    """Whether a manifest is back at the old half: all that is fixed at creation is as it was, and is not in the new."""
    fixed = [patch.split(pointer) for pointer, declared in item.kind.fields.items() if declared.replaces]

    def is_made_of(spec: JsonObject) -> bool:
        return all(same(item.kind, path, value_at(now, path), value_at(spec, path)) for path in fixed)

    now = applied(item)
    return is_made_of(binding.applied) and not is_made_of(binding.successor_spec)


def excused(difference: Difference, item: Desired, sides: BothVersions) -> Difference:
    """A reference that still names the old half of a replacement is behind, and nobody's edit."""
    if not any(sides.bindings[one].retired for one in item.refers_to if one in sides.bindings):
        return difference
    behind = {old: one.address for one in sides.bindings.values() for old in one.retired}

    def is_behind(change: FieldChange) -> bool:
        shown = map_leaves(change.live, lambda leaf: behind.get(leaf, leaf) if isinstance(leaf, str) else leaf)
        return change.live != shown and same(item.kind, patch.split(change.path), change.base, shown)

    fields = tuple(replace(one, cause=Cause.EDITED) if is_behind(one) else one for one in difference.fields)
    return replace(difference, fields=fields, drift=tuple(one for one in difference.drift if not is_behind(one)))


def repointed(managed: Sequence[Desired], changes: Sequence[Change], sides: BothVersions) -> Iterator[Change]:
    """Objects that refer to a replaced one get its new id once that is usable.

    It is a change of its own, so that others of the same object need not wait for it.
    """
    replaced = {change.address: _behind(change) for change in changes if change.action is Action.REPLACE}
    own = {change.address: change for change in changes}
    for item in managed:
        targets = replaced.keys() & set(item.refers_to)
        _, live = sides.of(item.address)
        change = own.get(item.address)
        if not targets or live is None or (change and change.action is not Action.UPDATE):
            continue
        body = as_object(patch.apply(live.body, change.patch)) if change else live.body
        found = references(body, targets)
        if found:
            names = ", ".join(str(target) for target in sorted(targets))
            yield Change(
                Action.UPDATE,
                min((replaced[one] for one in targets), key=_FIRST.index),
                item.address,
                live.remote_id,
                fields=repointing(found, sides.bindings),
                patch=operations(found),
                waits_for=tuple(sorted({*targets, *([item.address] if change else [])})),
                reason=f"points to the new {names}",
                source=item.source,
                desired=item,
                live=live,
            )


def _behind(replaced: Change) -> Cause:
    """Why what follows from a replacement is done; a conflict, once settled, is the manifest's doing."""
    return replaced.cause if replaced.cause in _FIRST else Cause.EDITED


def retired(
    changes: Sequence[Change], repointed: Sequence[Change], sides: BothVersions, live: Sequence[Live]
) -> Iterator[Change]:
    """Old halves of replacements, deleted when nothing points to them any more."""
    replacing = {change.address: change for change in changes if change.action is Action.REPLACE}
    settled = {change.address for change in (*changes, *repointed) if change.action is Action.UPDATE}
    for address, binding in sorted(sides.bindings.items()):
        replaced = replacing.get(address)
        for remote_id in (*binding.retired, *([replaced.remote_id] if replaced else [])):
            users = [one for one in live if uses(one, address if remote_id == binding.remote_id else None, remote_id)]
            staying = tuple(sorted(label(one) for one in users if one.address not in settled or remote_id in one.holds))
            waits = tuple(sorted({one.address for one in users if one.address is not None and one.address in settled}))
            yield Change(
                Action.RETIRE,
                _behind(replaced) if replaced else Cause.DUE,  # of a replacement that an earlier run has made
                address,
                remote_id,
                waits_for=(*([address] if replaced else []), *waits),
                reason="the old version, once nothing refers to it",
                referrers=staying,
                live=sides.live.get((address.kind, remote_id)),
            )


def label(one: Live) -> str:
    """What people call an object, ours or not."""
    return (
        str(one.address) if one.address else f"{one.kind.name} {one.remote_id}" + (f" ({one.name})" if one.name else "")
    )


def finishing(changes: Sequence[Change], bindings: Mapping[Address, Binding]) -> list[Change]:
    """Of changes, those that end replacements which an earlier run has begun; nothing that nobody has agreed to.

    An object that has other changes beside keeps its old version until these are applied.
    """
    behind = {old: one.address for one in bindings.values() for old in one.retired}
    making = {change.address for change in changes if change.action is Action.REPLACE and not change.patch}
    behind |= {bindings[one].remote_id: one for one in making}
    found = [change for change in changes if _follows(change, behind)]
    while True:
        left = {change.address for change in changes if change not in found}
        kept = [one for one in found if not left.intersection(one.waits_for) and not _beside(one, left)]
        if len(kept) == len(found):
            return kept
        found = kept


def _follows(change: Change, behind: Mapping[str, Address]) -> bool:
    """Whether a change is nothing but what follows from a replacement."""
    if change.action is not Action.UPDATE:
        return change.action is Action.RETIRE or (change.action is Action.REPLACE and not change.patch)

    def is_behind(one: FieldChange) -> bool:
        shown = map_leaves(one.live, lambda leaf: behind.get(leaf, leaf) if isinstance(leaf, str) else leaf)
        kind = change.desired.kind if change.desired else None
        return shown != one.live and kind is not None and same(kind, patch.split(one.path), one.desired, shown)

    return bool(change.fields) and all(map(is_behind, change.fields))


def _beside(change: Change, left: AbstractSet[Address]) -> bool:
    return change.action is Action.UPDATE and change.address in left
