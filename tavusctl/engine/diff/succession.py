"""Replacements in the making: who has to point to the new half, and when the old one can go.  Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from tavusctl import patch
from tavusctl.document import leaves, map_leaves
from tavusctl.equality import same
from tavusctl.lookup import Strangers
from tavusctl.model import (
    Action,
    Address,
    Binding,
    Cause,
    Change,
    Desired,
    FieldChange,
    Live,
    Path,
)
from tavusctl.threeway import Difference

# Causes of a replacement: of several that one object follows, the first here is told.
_FIRST: Final = (Cause.EDITED, Cause.DRIFTED, Cause.DUE)


class Sides(Struct, frozen=True):
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


def excused(difference: Difference, item: Desired, sides: Sides) -> Difference:
    """A reference that still names the old half of a replacement is behind, and nobody's edit."""
    if not any(sides.bindings[one].retired for one in item.refers_to if one in sides.bindings):
        return difference
    behind = {old: one.address for one in sides.bindings.values() for old in one.retired}

    def is_behind(change: FieldChange) -> bool:
        shown = map_leaves(change.live, lambda leaf: behind.get(leaf, leaf) if isinstance(leaf, str) else leaf)
        return change.live != shown and same(item.kind, patch.split(change.path), change.base, shown)

    fields = tuple(replace(one, cause=Cause.EDITED) if is_behind(one) else one for one in difference.fields)
    return replace(difference, fields=fields, drift=tuple(one for one in difference.drift if not is_behind(one)))


def repointed(managed: Sequence[Desired], changes: Sequence[Change], sides: Sides) -> Iterator[Change]:
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
        body = patch.apply(live.body, change.patch) if change else live.body
        places = [(path, leaf) for path, leaf in leaves(body) if leaf in targets]
        if places:
            names = ", ".join(str(target) for target in sorted(targets))
            yield Change(
                Action.UPDATE,
                min((replaced[one] for one in targets), key=_FIRST.index),
                item.address,
                live.remote_id,
                fields=tuple(_repointing(path, leaf, sides) for path, leaf in places),
                patch=tuple({"op": "replace", "path": patch.join(path), "value": leaf} for path, leaf in places),
                waits_for=tuple(sorted({*targets, *([item.address] if change else [])})),
                reason=f"points to the new {names}",
                source=item.source,
                desired=item,
                live=live,
            )


def _behind(replaced: Change) -> Cause:
    """Why what follows from a replacement is done; a conflict, once settled, is the manifest's doing."""
    return replaced.cause if replaced.cause in _FIRST else Cause.EDITED


def _repointing(path: Path, target: Address, sides: Sides) -> FieldChange:
    old = sides.bindings[target].remote_id
    return FieldChange(patch.join(path), Cause.EDITED, old, old, target)


def retired(
    changes: Sequence[Change], repointed: Sequence[Change], sides: Sides, live: Sequence[Live]
) -> Iterator[Change]:
    """Old halves of replacements, deleted when nothing points to them any more."""
    replacing = {change.address: change for change in changes if change.action is Action.REPLACE}
    settled = {change.address for change in (*changes, *repointed) if change.action is Action.UPDATE}
    for address, binding in sorted(sides.bindings.items()):
        replaced = replacing.get(address)
        for remote_id in (*binding.retired, *([replaced.remote_id] if replaced else [])):
            users = [one for one in live if uses(one, address if remote_id == binding.remote_id else None, remote_id)]
            staying = tuple(sorted(label(one) for one in users if one.address not in settled))
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


def uses(one: Live, address: Address | None, remote_id: str) -> bool:
    """Whether an object refers to another, by either name; not to itself."""
    if one.address is not None and one.address == address:
        return False
    return any(leaf == remote_id or (address is not None and leaf == address) for _, leaf in leaves(one.body))


def label(one: Live) -> str:
    """What people call an object, ours or not."""
    return (
        str(one.address) if one.address else f"{one.kind.name} {one.remote_id}" + (f" ({one.name})" if one.name else "")
    )
