"""What is ours, what is given up, and who of the project still needs what is to go.  Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from msgspec.structs import replace

from tavusctl import patch
from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.json_tree import leaves, texts
from tavusctl.core.model import Action, Cause, Change, Desired, Live, Manifest
from tavusctl.core.ports import State
from tavusctl.crawl.status import is_younger
from tavusctl.engine.compare.references import uses
from tavusctl.engine.diff.replacement import BothVersions, label
from tavusctl.lib.json_types import JsonObject, as_object

Key = tuple[str, str]  # kind and id
_WHOLE = frozenset({Action.CREATE, Action.REPLACE})
_PART = frozenset({Action.UPDATE, Action.ADOPT})


def without_externals(state: State, manifests: Iterable[Manifest]) -> State:
    """A state that knows nothing of replacements whose halves the manifests call external."""
    externals = {(one.address.kind, one.external_id) for one in manifests if one.external_id}
    return replace(state, bindings={name: _let_go(one, externals) for name, one in state.bindings.items()})


def _let_go(binding: Binding, externals: AbstractSet[Key]) -> Binding:
    """A binding without the halves of replacements that the manifests call external."""
    kind = binding.address.kind
    retired = tuple(one for one in binding.retired if (kind, one) not in externals)
    if (kind, binding.successor) in externals:
        return replace(binding, successor="", successor_spec={}, retired=retired)
    return replace(binding, retired=retired) if retired != binding.retired else binding


def released(desired: Sequence[Desired], bindings: Iterable[Binding], live: Mapping[Key, Live]) -> Iterator[Change]:
    """Bindings to give up, because a manifest calls the object external, at its address or at another one."""
    managed = {item.address for item in desired if not item.external_id}
    here = {item.address: item for item in desired if item.external_id}
    there = {(item.address.kind, item.external_id): item for item in here.values()}
    for binding in bindings:
        key = (binding.address.kind, binding.remote_id)
        item = here.get(binding.address) or there.get(key)
        if item and binding.address not in managed:
            yield _release(binding, item, live.get(key))


def _release(binding: Binding, item: Desired, found: Live | None) -> Change:
    whose = "" if item.address == binding.address else f" by {item.address}"
    left = ", ".join(filter(None, (binding.successor, *binding.retired)))
    reason = f"released: declared external{whose}; the object stays and is no longer managed"
    reason += f"; so do {left}, of an unfinished replacement" if left else ""
    return Change(
        Action.FORGET,
        Cause.EDITED,
        binding.address,
        binding.remote_id,
        reason=reason,
        source=item.source,
        live=found,
    )


def protected(binding: Binding, current: Binding) -> Binding:
    """A binding brought to its manifest, whose protection is not lower than before: lowering it is a change."""
    retain = "retain" in (binding.on_remove, current.on_remove)
    return replace(
        current,
        prevent_destroy=binding.prevent_destroy or current.prevent_destroy,
        on_remove="retain" if retain else current.on_remove,
    )


def lowered(item: Desired, binding: Binding | None, live: Live | None) -> Iterator[Change]:
    """The change that takes protection away from an object, if the manifest does."""
    if binding is None:
        return
    rules = item.lifecycle
    words = (
        ["lifecycle.prevent_destroy: true -> false"] if binding.prevent_destroy and not rules.prevent_destroy else []
    )
    words += ["lifecycle.on_remove: retain -> delete"] if "retain" == binding.on_remove != rules.on_remove else []
    if words:
        yield Change(
            Action.UNPROTECT,
            Cause.EDITED,
            item.address,
            binding.remote_id,
            reason="; ".join(words),
            source=item.source,
            desired=item,
            live=live,
        )


def not_ours(binding: Binding, live: Live | None) -> str:
    """Why the object of a bound id is another than the one that was bound; empty where it is that one."""
    if live is None or not is_younger(live.created, binding.created_at):
        return ""
    return (
        f"{binding.remote_id} is another object now: the bound one was created at {binding.created_at}, "
        f"and this one at {live.created}"
    )


def taken(item: Desired, binding: Binding, live: Live, another: str) -> Change:
    """What would bring the object to its manifest, if it were ours."""
    return Change(
        Action.UPDATE,
        Cause.DRIFTED,
        item.address,
        binding.remote_id,
        source=item.source,
        desired=item,
        live=live,
        not_ours=another,
    )


def orphaned(binding: Binding, sides: BothVersions, live: Sequence[Live]) -> Iterator[Change]:
    """What becomes of an object whose manifest is gone."""
    found = sides.live.get((binding.address.kind, binding.remote_id))
    if found is None or binding.on_remove == "retain":
        reason = "already deleted" if found is None else "on_remove: retain"
        yield Change(Action.FORGET, Cause.ORPHANED, binding.address, binding.remote_id, reason=reason, live=found)
        return
    strangers = [one for one in live if one.address is None]
    users = tuple(sorted(label(one) for one in strangers if uses(one, binding.address, binding.remote_id)))
    yield Change(
        Action.DELETE,
        Cause.ORPHANED,
        binding.address,
        binding.remote_id,
        reason="manifest removed",
        live=found,
        referrers=users,
        not_ours=not_ours(binding, found),
    )


def with_users(
    changes: Sequence[Change], live: Iterable[Live], spelled: Mapping[str, Sequence[Address]]
) -> tuple[Change, ...]:
    """Add to each delete the resources that refer to the deleted id, before and after their own changes.

    A replacement moves references along, but for ids that manifests spell out (`spelled`).
    """
    if not any(change.action in (Action.DELETE, Action.REPLACE) for change in changes):
        return tuple(changes)
    seen = tuple(live)
    bodies = {one.address: one.body for one in seen if one.address is not None}
    before = {one.address: _named(one.body) | {*one.holds} for one in seen if one.address is not None}
    going = {change.address for change in changes if change.action is Action.DELETE}
    staying = [one for one in seen if one.holds and one.address not in going]
    after = {address: _named(body) for address, body in _after(changes, bodies).items()}
    return tuple(
        replace(_with_users(one, before, after), held_by=_holders(one, staying))
        if one.action is Action.DELETE
        else replace(one, used_after=tuple(sorted(spelled.get(one.remote_id, ()))))
        if one.action is Action.REPLACE
        else one
        for one in changes
    )


def _with_users(
    change: Change, before: Mapping[Address, AbstractSet[object]], after: Mapping[Address, AbstractSet[object]]
) -> Change:
    names = {change.address, change.remote_id}

    def using(known: Mapping[Address, AbstractSet[object]]) -> tuple[Address, ...]:
        return tuple(sorted(one for one, found in known.items() if one != change.address and names & found))

    return replace(change, used_before=using(before), used_after=using(after))


def _holders(change: Change, staying: Iterable[Live]) -> tuple[str, ...]:
    return tuple(sorted(label(one) for one in staying if change.remote_id in one.holds))


def _after(changes: Iterable[Change], bodies: Mapping[Address, JsonObject]) -> Mapping[Address, JsonObject]:
    """What objects will be when all changes are made."""
    wanted = dict(bodies)
    for change in changes:
        if change.action is Action.DELETE:
            wanted.pop(change.address, None)
        elif change.action in _WHOLE and change.patch:
            wanted[change.address] = as_object(change.patch[0]["value"])
        elif change.action in _PART and change.live is not None:
            now = wanted.get(change.address, change.live.body)
            wanted[change.address] = as_object(patch.apply(now, change.patch))
    return wanted


def _named(body: JsonObject) -> AbstractSet[object]:
    return {leaf for _, leaf in leaves(body) if isinstance(leaf, str | Address)}


def spelled(manifests: Iterable[Manifest], ids: Mapping[str, Address]) -> Mapping[str, Sequence[Address]]:
    """Who refers to known objects by their ids in place of their addresses."""
    found: defaultdict[str, set[Address]] = defaultdict(set)
    for manifest in manifests:
        for text in texts(manifest.spec):
            if text in ids:
                found[text].add(manifest.address)
    return {remote_id: sorted(addresses) for remote_id, addresses in found.items()}
