"""Compare manifests, state and account: every managed object becomes a change, or is as it should be.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from tavusctl import guards, patch
from tavusctl.document import leaves, map_leaves
from tavusctl.equality import same
from tavusctl.model import (
    Action,
    Address,
    Binding,
    Cause,
    Change,
    Desired,
    Document,
    Drift,
    FieldChange,
    Live,
    Path,
    Source,
    Update,
)
from tavusctl.secret import Secret
from tavusctl.threeway import Difference, compare
from tavusctl.wanted import new_document


@dataclass(frozen=True, slots=True)
class Comparison:
    """What has to change, what moved in the account, and bindings that only need to be recorded."""

    changes: tuple[Change, ...] = ()
    drift: tuple[Drift, ...] = ()
    settled: tuple[Binding, ...] = ()
    no_op: int = 0


@dataclass(frozen=True, slots=True)
class _Sides:
    bindings: Mapping[Address, Binding]
    live: Mapping[tuple[str, str], Live]
    missing: AbstractSet[Address]
    adopt: bool

    def of(self, address: Address) -> tuple[Binding | None, Live | None]:
        binding = self.bindings.get(address)
        return binding, self.live.get((address.kind, binding.remote_id)) if binding else None


def compare_all(
    desired: Sequence[Desired],
    live: Sequence[Live],
    bindings: Sequence[Binding],
    missing: AbstractSet[Address],
    *,
    adopt: bool = False,
) -> Comparison:
    """Changes in the order of `desired`, then what manifests no longer have."""
    sides = _Sides({b.address: b for b in bindings}, {(o.kind.name, o.remote_id): o for o in live}, missing, adopt)
    managed = [item for item in desired if not item.external_id]
    changes: list[Change] = []
    drift: list[Drift] = []
    settled: list[Binding] = []
    for item in managed:
        found, moved, binding = _compare_one(item, sides)
        changes += found
        drift += moved
        settled += binding
    addresses = {item.address for item in desired}
    repointed = list(_repointed(managed, changes, sides))
    orphans = [b for b in bindings if b.address not in addresses]
    gone = [change for b in orphans for change in _orphaned(b, sides, live)]
    retired = list(_retired(changes, repointed, sides, live))
    touched = {change.address for change in (*changes, *repointed)}
    return Comparison(
        changes=(*changes, *repointed, *gone, *retired),
        drift=tuple(drift),
        settled=tuple(settled),
        no_op=sum(item.address not in touched for item in managed),
    )


def applied(desired: Desired) -> Document:
    """What a binding remembers of a manifest: secrets as fingerprints."""
    remembered: Document = map_leaves(desired.spec, lambda leaf: leaf.fingerprint if isinstance(leaf, Secret) else leaf)
    return remembered


def remembering(desired: Desired, binding: Binding) -> Binding:
    """A binding that has been brought to its manifest."""
    return replace(
        binding,
        applied=applied(desired),
        prevent_destroy=desired.lifecycle.prevent_destroy,
        on_remove=desired.lifecycle.on_remove,
    )


def _compare_one(item: Desired, sides: _Sides) -> tuple[list[Change], list[Drift], list[Binding]]:
    binding, live = sides.of(item.address)
    if binding is None:
        return [_created(item, sides)], [], []
    if live is None:
        gone = Drift(item.address, binding.remote_id, Cause.MISSING)
        return [_create(item, Cause.DRIFTED, reason=f"{binding.remote_id} was deleted in the account")], [gone], []
    if binding.successor:
        waiting = _awaited(item, binding, sides)
        return [waiting or _replace(item, live, compare(item, live, binding))], [], []
    difference = _excused(compare(item, live, binding), item, sides)
    drift = [Drift(item.address, binding.remote_id, Cause.DRIFTED, difference.drift)] if difference.drift else []
    if difference.fields:
        return [_changed(item, live, difference)], drift, []
    current = remembering(item, binding)
    return [], drift, [current] if current != binding else []


def _excused(difference: Difference, item: Desired, sides: _Sides) -> Difference:
    """A reference that still names the old half of a replacement is behind, and nobody's edit."""
    if not any(sides.bindings[one].retired for one in item.refers_to if one in sides.bindings):
        return difference
    retired = {old: one.address for one in sides.bindings.values() for old in one.retired}

    def is_behind(change: FieldChange) -> bool:
        shown = map_leaves(change.live, lambda leaf: retired.get(leaf, leaf) if isinstance(leaf, str) else leaf)
        return change.live != shown and same(item.kind, patch.split(change.path), change.base, shown)

    fields = tuple(replace(one, cause=Cause.EDITED) if is_behind(one) else one for one in difference.fields)
    return replace(difference, fields=fields, drift=tuple(one for one in difference.drift if not is_behind(one)))


def _created(item: Desired, sides: _Sides) -> Change:
    name = item.spec.get(item.kind.name_field)
    rivals = [
        one
        for one in sides.live.values()
        if one.kind.name == item.kind.name and one.address is None and name and one.name == name
    ]
    if sides.adopt and len(rivals) == 1:
        difference = compare(item, rivals[0], None)
        reason = f"takes over {rivals[0].remote_id}, which has the name {name!r}"
        return replace(_changed(item, rivals[0], difference), action=Action.ADOPT, cause=Cause.NEW, reason=reason)
    return replace(_create(item, Cause.NEW), rivals=tuple(sorted(one.remote_id for one in rivals)))


def _create(item: Desired, cause: Cause, reason: str = "") -> Change:
    whole = {"op": "add", "path": "", "value": new_document(item)}
    fields = tuple(_new_fields(item)) if cause is Cause.NEW else ()
    return Change(
        Action.CREATE,
        cause,
        item.address,
        fields=fields,
        patch=(whole,),
        reason=reason,
        source=item.source,
        desired=item,
    )


def _new_fields(item: Desired) -> Iterator[FieldChange]:
    empty = Live(item.kind, "", {})
    yield from compare(replace(item, lifecycle=replace(item.lifecycle, ignore_changes=())), empty, None).fields


def _changed(item: Desired, live: Live, difference: Difference) -> Change:
    if difference.replaces:
        return _replace(item, live, difference)
    return Change(
        Action.UPDATE,
        _overall(difference.fields),
        item.address,
        live.remote_id,
        fields=difference.fields,
        patch=difference.patch,
        guards=_guards(live, difference.patch),
        source=_source(item, difference.fields),
        desired=item,
        live=live,
    )


def _guards(live: Live, operations: Sequence[Document]) -> tuple[Document, ...]:
    """The tests that go with a patch; only where the API knows them."""
    if live.kind.update is not Update.JSON_PATCH:
        return ()
    return guards.tests_of(guards.protect(live.kind, live.body, operations))


def _replace(item: Desired, live: Live, difference: Difference) -> Change:
    fixed = ", ".join(difference.replaces)
    return Change(
        Action.REPLACE,
        _overall(difference.fields),
        item.address,
        live.remote_id,
        fields=difference.fields,
        patch=({"op": "add", "path": "", "value": new_document(item)},),
        reason=f"{fixed} cannot be changed in place" if fixed else "",
        source=_source(item, difference.fields),
        desired=item,
        live=live,
    )


def _awaited(item: Desired, binding: Binding, sides: _Sides) -> Change | None:
    """A replacement whose new half exists already, unless the manifest has moved on since."""
    successor = sides.live.get((item.address.kind, binding.successor))
    if successor is None or applied(item) != binding.successor_spec:
        return None
    state = f"{binding.successor} is {successor.status or 'there'}"
    return Change(
        Action.REPLACE,
        Cause.EDITED,
        item.address,
        binding.remote_id,
        reason=f"the new version {state}",
        source=item.source,
        desired=item,
        live=successor,
    )


def _repointed(managed: Sequence[Desired], changes: Sequence[Change], sides: _Sides) -> Iterator[Change]:
    """Objects that refer to a replaced one get its new id once that is usable.

    It is a change of its own, so that others of the same object need not wait for it.
    """
    replaced = {change.address for change in changes if change.action is Action.REPLACE}
    own = {change.address: change for change in changes}
    for item in managed:
        targets = replaced.intersection(item.refers_to)
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
                Cause.EDITED,
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


def _repointing(path: Path, target: Address, sides: _Sides) -> FieldChange:
    old = sides.bindings[target].remote_id
    return FieldChange(patch.join(path), Cause.EDITED, old, old, target)


def _orphaned(binding: Binding, sides: _Sides, live: Sequence[Live]) -> Iterator[Change]:
    found = sides.live.get((binding.address.kind, binding.remote_id))
    if found is None or binding.on_remove == "retain":
        reason = "it is already gone" if found is None else "on_remove: retain"
        yield Change(Action.FORGET, Cause.ORPHANED, binding.address, binding.remote_id, reason=reason, live=found)
        return
    strangers = [one for one in live if one.address is None]
    users = tuple(sorted(_label(one) for one in strangers if _uses(one, binding.address, binding.remote_id)))
    yield Change(
        Action.DELETE,
        Cause.ORPHANED,
        binding.address,
        binding.remote_id,
        reason="its manifest is gone",
        live=found,
        referrers=users,
    )


def _retired(
    changes: Sequence[Change], repointed: Sequence[Change], sides: _Sides, live: Sequence[Live]
) -> Iterator[Change]:
    """Old halves of replacements, deleted when nothing points to them any more."""
    replaced = {change.address: change.remote_id for change in changes if change.action is Action.REPLACE}
    settled = {change.address for change in (*changes, *repointed) if change.action is Action.UPDATE}
    for address, binding in sorted(sides.bindings.items()):
        for remote_id in (*binding.retired, *filter(None, [replaced.get(address)])):
            users = [one for one in live if _uses(one, address if remote_id == binding.remote_id else None, remote_id)]
            staying = tuple(sorted(_label(one) for one in users if one.address not in settled))
            waits = tuple(sorted({one.address for one in users if one.address is not None and one.address in settled}))
            yield Change(
                Action.RETIRE,
                Cause.EDITED,
                address,
                remote_id,
                waits_for=(*([address] if address in replaced else []), *waits),
                reason="the old version, once nothing refers to it",
                referrers=staying,
                live=sides.live.get((address.kind, remote_id)),
            )


def _uses(one: Live, address: Address | None, remote_id: str) -> bool:
    if one.address is not None and one.address == address:
        return False
    return any(leaf == remote_id or (address is not None and leaf == address) for _, leaf in leaves(one.body))


def _label(one: Live) -> str:
    return (
        str(one.address) if one.address else f"{one.kind.name} {one.remote_id}" + (f" ({one.name})" if one.name else "")
    )


def _overall(fields: Iterable[FieldChange]) -> Cause:
    causes = {change.cause for change in fields}
    return next((cause for cause in (Cause.BOTH, Cause.EDITED, Cause.DRIFTED) if cause in causes), Cause.EDITED)


def _source(item: Desired, fields: Sequence[FieldChange]) -> Source:
    written = [item.sources[change.path] for change in fields if change.path in item.sources]
    return min(written, default=item.source)
