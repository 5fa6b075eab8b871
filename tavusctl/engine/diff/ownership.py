"""Which objects are managed, which are released or deleted, and what in the project still refers to these.  Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from msgspec.structs import replace

from tavusctl import patch
from tavusctl.core.address import Address, ObjectKey
from tavusctl.core.binding import Binding
from tavusctl.core.json_tree import leaves, texts
from tavusctl.core.model import Action, Cause, Change, Desired, Live, Manifest
from tavusctl.core.ports import State
from tavusctl.core.timestamps import another_object
from tavusctl.engine.compare.references import uses
from tavusctl.engine.diff.replacement import label
from tavusctl.engine.safety import protection
from tavusctl.lib.json_types import JsonObject, as_object

_WHOLE = frozenset({Action.CREATE, Action.REPLACE})
_PART = frozenset({Action.UPDATE, Action.ADOPT})


def without_externals(state: State, manifests: Iterable[Manifest]) -> State:
    """A state without successors and old versions of replacements that the manifests declare external."""
    externals = {(manifest.address.kind, manifest.external_id) for manifest in manifests if manifest.external_id}
    return replace(
        state,
        bindings={
            address: _without_external_versions(binding, externals) for address, binding in state.bindings.items()
        },
    )


def _without_external_versions(binding: Binding, externals: AbstractSet[ObjectKey]) -> Binding:
    """A binding without successors and old versions that the manifests declare external."""
    kind = binding.address.kind
    retired = tuple(remote_id for remote_id in binding.retired if (kind, remote_id) not in externals)
    if (kind, binding.successor) in externals:
        return replace(binding.without_successor(), retired=retired)
    return replace(binding, retired=retired) if retired != binding.retired else binding


def release_changes(
    desired: Sequence[Desired], bindings: Iterable[Binding], live: Mapping[ObjectKey, Live]
) -> Iterator[Change]:
    """A release of each binding whose object a manifest declares external, under its address or another one."""
    managed = {item.address for item in desired if not item.external_id}
    by_address = {item.address: item for item in desired if item.external_id}
    by_key = {(item.address.kind, item.external_id): item for item in by_address.values()}
    for binding in bindings:
        item = by_address.get(binding.address) or by_key.get(binding.key)
        if item and binding.address not in managed:
            yield _release(binding, item, live.get(binding.key))


def _release(binding: Binding, item: Desired, live: Live | None) -> Change:
    declarer = "" if item.address == binding.address else f" by {item.address}"
    other_versions = ", ".join(binding.other_versions)
    reason = f"released: declared external{declarer}; the object stays and is no longer managed"
    reason += f"; so do {other_versions}, of an unfinished replacement" if other_versions else ""
    return Change(
        Action.FORGET, Cause.EDITED, binding.address, binding.remote_id, reason=reason, source=item.source, live=live
    )


def lowered_protection(item: Desired, binding: Binding | None, live: Live | None) -> Iterator[Change]:
    """The change that lowers the protection of an object, if its manifest does."""
    if binding is None:
        return
    reasons = protection.lowered(binding, item.lifecycle)
    if reasons:
        yield Change(
            Action.UNPROTECT,
            Cause.EDITED,
            item.address,
            binding.remote_id,
            reason="; ".join(reasons),
            source=item.source,
            desired=item,
            live=live,
        )


def not_ours(binding: Binding, live: Live | None) -> str:
    """Why the object with a bound id is not the one that was bound; an empty string if it is."""
    return another_object(binding.remote_id, live.created, binding.created_at) if live else ""


def update_of_foreign(item: Desired, binding: Binding, live: Live, reason: str) -> Change:
    """The update that an object would need if it were ours; `reason` says why it is not."""
    return Change(
        Action.UPDATE,
        Cause.DRIFTED,
        item.address,
        binding.remote_id,
        source=item.source,
        desired=item,
        live=live,
        identity_mismatch=reason,
    )


def orphan_changes(binding: Binding, by_id: Mapping[ObjectKey, Live], live: Sequence[Live]) -> Iterator[Change]:
    """The delete of an object whose manifest was removed, or the release of its binding."""
    obj = by_id.get(binding.key)
    if obj is None or binding.on_remove == "retain":
        reason = "already deleted" if obj is None else "on_remove: retain"
        yield Change(Action.FORGET, Cause.ORPHANED, binding.address, binding.remote_id, reason=reason, live=obj)
        return
    unmanaged = [one for one in live if one.address is None]
    users = tuple(sorted(label(one) for one in unmanaged if uses(one, binding.address, binding.remote_id)))
    yield Change(
        Action.DELETE,
        Cause.ORPHANED,
        binding.address,
        binding.remote_id,
        reason="manifest removed",
        live=obj,
        referrers=users,
        identity_mismatch=not_ours(binding, obj),
    )


def with_users(
    changes: Sequence[Change], live: Iterable[Live], referrers_by_id: Mapping[str, Sequence[Address]]
) -> tuple[Change, ...]:
    """Add to each delete the resources that refer to the deleted object, before and after their own changes.

    A replacement repoints references, except to ids that stand in manifests (`referrers_by_id`).
    """
    if not any(change.action in (Action.DELETE, Action.REPLACE) for change in changes):
        return tuple(changes)
    objects = tuple(live)
    bodies = {obj.address: obj.body for obj in objects if obj.address is not None}
    before = {obj.address: _named(obj.body) | {*obj.holds} for obj in objects if obj.address is not None}
    deleted = {change.address for change in changes if change.action is Action.DELETE}
    staying = [obj for obj in objects if obj.holds and obj.address not in deleted]
    after = {address: _named(body) for address, body in _after(changes, bodies).items()}
    return tuple(
        replace(
            _with_users(change, before, after),
            held_by=tuple(sorted(label(obj) for obj in staying if change.remote_id in obj.holds)),
        )
        if change.action is Action.DELETE
        else replace(change, used_after=tuple(sorted(referrers_by_id.get(change.remote_id, ()))))
        if change.action is Action.REPLACE
        else change
        for change in changes
    )


def _with_users(
    change: Change, before: Mapping[Address, AbstractSet[object]], after: Mapping[Address, AbstractSet[object]]
) -> Change:
    targets = {change.address, change.remote_id}

    def using(names_by_user: Mapping[Address, AbstractSet[object]]) -> tuple[Address, ...]:
        return tuple(
            sorted(user for user, names in names_by_user.items() if user != change.address and targets & names)
        )

    return replace(change, used_before=using(before), used_after=using(after))


def _after(changes: Iterable[Change], bodies: Mapping[Address, JsonObject]) -> Mapping[Address, JsonObject]:
    after = dict(bodies)
    for change in changes:
        if change.action is Action.DELETE:
            after.pop(change.address, None)
        elif change.action in _WHOLE and change.patch:
            after[change.address] = as_object(change.patch[0]["value"])
        elif change.action in _PART and change.live is not None:
            current = after.get(change.address, change.live.body)
            after[change.address] = as_object(patch.apply(current, change.patch))
    return after


def _named(body: JsonObject) -> AbstractSet[object]:
    return {leaf for _, leaf in leaves(body) if isinstance(leaf, str | Address)}


def referrers_by_id(manifests: Iterable[Manifest], ids: Mapping[str, Address]) -> Mapping[str, Sequence[Address]]:
    """The addresses of manifests that refer to known objects by id, by that id."""
    users: defaultdict[str, set[Address]] = defaultdict(set)
    for manifest in manifests:
        for text in ids.keys() & texts(manifest.spec):
            users[text].add(manifest.address)
    return {remote_id: sorted(addresses) for remote_id, addresses in users.items()}


_AFFECTING = frozenset({Action.UPDATE, Action.REPLACE, Action.DELETE})


def with_referrers(changes: Sequence[Change], managed: Sequence[Desired], live: Sequence[Live]) -> tuple[Change, ...]:
    """Changes with what refers to their objects: manifests as they will be, unmanaged objects as they are."""
    users = _users(managed, live)
    return tuple(
        replace(change, affects=tuple(sorted(users[change.address])))
        if change.action in _AFFECTING and change.address in users
        else change
        for change in changes
    )


def _users(managed: Iterable[Desired], live: Iterable[Live]) -> Mapping[Address, AbstractSet[str]]:
    users: defaultdict[Address, set[str]] = defaultdict(set)
    for item in managed:
        for address in item.refers_to:
            users[address].add(str(item.address))
    for stranger in (obj for obj in live if obj.address is None):
        for _, leaf in leaves(stranger.body):
            if isinstance(leaf, Address):
                users[leaf].add(label(stranger))
    return users
