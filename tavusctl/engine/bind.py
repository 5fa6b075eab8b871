"""Bind what exists in the account already to addresses; nothing is written to the account."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from tavusctl import lookup
from tavusctl.custody import opened
from tavusctl.engine import move, observe, recover, resolve
from tavusctl.engine.reconcile import Archive, Kinds, Request, check_owner, checkpoint, recovered
from tavusctl.errors import RefusedError, StateError
from tavusctl.model import Address, Binding, Manifest, Value
from tavusctl.ports import Reader, Store
from tavusctl.secret import SecretText
from tavusctl.wanted import sent_name


def bind(
    address: Address, remote_id: str, kinds: Kinds, api: Reader, store: Store, request: Request, *, archive: Archive
) -> Binding:
    """Bind an existing object to an address, as `import` does; nothing is written to the account."""
    found = opened(store, request.keys)
    # A person says what became of the create at this address, if there was one.
    others = tuple(one for one in found.replay.pending if one.remote_id or one.address != address)
    state, lost = recovered(kinds, api, replace(found, replay=replace(found.replay, pending=others)))
    recover.check_found(lost)
    kind = kinds[address.kind]
    check_owner(state, request)
    ids = observe.known_ids(state.bindings.values())
    if ids.get(remote_id, address) != address:
        message = f"{remote_id} is already bound to {ids[remote_id]}"
        raise StateError(message, f"state rm {ids[remote_id]} first", id="E905")
    lens = observe.lens(kinds, ids, found.custody.prints, state.bindings.values())
    bound = state.bindings.get(address)
    if bound and bound.remote_id != remote_id:
        if observe.exists(api, kind, bound.remote_id, lens):
            message = f"{address} is already bound to {bound.remote_id}"
            raise StateError(message, f"state rm {address} first", id="E905")
        bound = None
    live = observe.read(api, kind, remote_id, lens)
    owner = request.others().owners.get(remote_id)
    if owner:
        message = f"{remote_id} is {owner}: what one environment has bound cannot be bound by another"
        hint = "make an object of its own here; where names must differ, put a variable into the name: ${var:...}"
        raise RefusedError(message, hint, id="E425")
    if kind.list_query and remote_id not in {one.remote_id for one in observe.listed(api, kind, lens)}:
        message = f"{remote_id} is a stock {kind.name}: it belongs to everybody and cannot be managed"
        raise RefusedError(message, f"refer to it with external: true and id: {remote_id}", id="E421")
    # Whoever names an id says that the object is the right one, whenever it was created.
    binding = replace(bound or Binding(address, remote_id), created_at=live.created)
    checkpoint(replace(state, bindings={**state.bindings, address: binding}), store, request, found.custody, archive)
    return binding


class Matches(Struct, frozen=True):
    """Which objects have the names of manifests that are not bound, or the content where these give no name."""

    bound: Mapping[Address, str]  # exactly one object, wanted by one manifest alone
    ambiguous: Mapping[Address, Sequence[str]]
    unmatched: Sequence[Address]
    elsewhere: Mapping[Address, str] = field(default_factory=dict)  # in words, what another environment has bound


def bind_by_name(
    manifests: Sequence[Manifest],
    kinds: Kinds,
    api: Reader,
    store: Store,
    request: Request,
    *,
    archive: Archive,
    record: bool,
) -> Matches:
    """Bind every manifest that one unbound object is, by its name or else by its content; the account stays."""
    found = opened(store, request.keys)
    state, lost = recovered(kinds, api, found, manifests)
    recover.check_found(lost)
    check_owner(state, request)
    moved, _ = move.follow(manifests, state.bindings)
    state = replace(state, bindings=moved)
    externals = {m.external_id: m.address for m in manifests if m.external_id}
    known = state.bindings.values()
    lens = observe.lens(kinds, observe.known_ids(known, externals.items()), found.custody.prints, known, manifests)
    halves = observe.halves(state.bindings.values()).keys()
    declared = frozenset(state.bindings)
    desired = resolve.resolve(manifests, kinds, secrets=None, ids=lens.ids, declared=declared)
    free = [one for one in desired if not one.external_id and one.address not in state.bindings]
    used = sorted({one.address.kind for one in free})
    strangers = lookup.Strangers((one for name in used for one in observe.listed(api, kinds[name], lens)), halves)
    alike = {one.address: strangers.like(one.kind, _readable(one.spec), sent_name(one)) for one in free}
    named = {address: tuple(one.remote_id for one in like) for address, like in alike.items()}
    owners = request.others().owners
    elsewhere = {one: ids for one, ids in named.items() if any(each in owners for each in ids)}
    named = {one: () if one in elsewhere else ids for one, ids in named.items()}
    wanted = Counter(remote_id for ids in named.values() for remote_id in ids)
    bound = {one: ids[0] for one, ids in named.items() if len(ids) == 1 and wanted[ids[0]] == 1}
    if record and bound:
        created = {one.remote_id: one.created for like in alike.values() for one in like}
        bindings = {one: Binding(one, remote_id, created_at=created[remote_id]) for one, remote_id in bound.items()}
        checkpoint(replace(state, bindings={**state.bindings, **bindings}), store, request, found.custody, archive)
    ambiguous = {one: ids for one, ids in named.items() if ids and one not in bound}
    told = {
        one: ", ".join(f"{each} is {owners[each]}" for each in ids if each in owners) for one, ids in elsewhere.items()
    }
    return Matches(bound, ambiguous, tuple(one for one, ids in named.items() if not ids and one not in told), told)


def _readable(value: Value) -> Value:
    """A spec without its secrets, whose values are not known here."""
    if not isinstance(value, dict):
        return value
    return {key: _readable(item) for key, item in value.items() if not isinstance(item, SecretText)}
