"""Bind what exists in the account already to addresses; nothing is written to the account."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from tavusctl import journal
from tavusctl.engine import move, observe, recover
from tavusctl.engine.reconcile import Archive, Kinds, Request, check_owner, checkpoint, recovered
from tavusctl.errors import RefusedError, StateError
from tavusctl.model import Address, Binding, Live, Manifest, ResourceKind
from tavusctl.ports import Reader, Store
from tavusctl.secret import fingerprint_key


def bind(
    address: Address, remote_id: str, kinds: Kinds, api: Reader, store: Store, request: Request, *, archive: Archive
) -> Binding:
    """Bind an existing object to an address, as `import` does; nothing is written to the account."""
    replayed = journal.replay(store.read(), store.journal())
    # A person says what became of the create at this address, if there was one.
    others = tuple(one for one in replayed.pending if one.remote_id or one.address != address)
    state, lost = recovered(kinds, api, replace(replayed, pending=others), request)
    recover.check_found(lost)
    kind = kinds[address.kind]
    check_owner(state, request)
    ids = observe.known_ids(state.bindings.values())
    if ids.get(remote_id, address) != address:
        message = f"{remote_id} is already bound to {ids[remote_id]}"
        raise StateError(message, f"state rm {ids[remote_id]} first", id="E905")
    lens = observe.Lens(ids, fingerprint_key(request.api_key, state.lineage))
    bound = state.bindings.get(address)
    if bound and bound.remote_id != remote_id:
        if observe.exists(api, kind, bound.remote_id, lens):
            message = f"{address} is already bound to {bound.remote_id}"
            raise StateError(message, f"state rm {address} first", id="E905")
        bound = None
    found = observe.read(api, kind, remote_id, lens)
    owner = request.others().owners.get(remote_id)
    if owner:
        message = f"{remote_id} is {owner}: what one environment has bound cannot be bound by another"
        hint = "make an object of its own here; where names must differ, put a variable into the name: ${var:...}"
        raise RefusedError(message, hint, id="E425")
    if kind.list_query and remote_id not in {one.remote_id for one in observe.listed(api, kind, lens)}:
        message = f"{remote_id} is a stock {kind.name}: it belongs to everybody and cannot be managed"
        raise RefusedError(message, f"refer to it with external: true and id: {remote_id}", id="E421")
    # Whoever names an id says that the object is the right one, whenever it was created.
    binding = replace(bound or Binding(address, remote_id), created_at=found.created)
    checkpoint(replace(state, bindings={**state.bindings, address: binding}), store, request, archive)
    return binding


class Matches(Struct, frozen=True):
    """Which objects have the names of manifests that are not bound."""

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
    """Bind every manifest whose name one unbound object has; nothing is written to the account."""
    replayed = journal.replay(store.read(), store.journal())
    state, lost = recovered(kinds, api, replayed, request)
    recover.check_found(lost)
    check_owner(state, request)
    moved, _ = move.follow(manifests, state.bindings)
    state = replace(state, bindings=moved)
    externals = {m.external_id: m.address for m in manifests if m.external_id}
    lens = observe.Lens(observe.known_ids(state.bindings.values(), externals.items()), b"")
    free = [m for m in manifests if not m.external_id and m.address not in state.bindings]
    live = {name: tuple(observe.listed(api, kinds[name], lens)) for name in sorted({m.address.kind for m in free})}
    named = {m.address: _named(m, kinds[m.address.kind], live[m.address.kind]) for m in free}
    owners = request.others().owners
    elsewhere = {one: ids for one, ids in named.items() if any(each in owners for each in ids)}
    named = {one: () if one in elsewhere else ids for one, ids in named.items()}
    wanted = Counter(remote_id for ids in named.values() for remote_id in ids)
    bound = {one: ids[0] for one, ids in named.items() if len(ids) == 1 and wanted[ids[0]] == 1}
    if record and bound:
        created = {one.remote_id: one.created for listed in live.values() for one in listed}
        bindings = {one: Binding(one, remote_id, created_at=created[remote_id]) for one, remote_id in bound.items()}
        checkpoint(replace(state, bindings={**state.bindings, **bindings}), store, request, archive)
    ambiguous = {one: ids for one, ids in named.items() if ids and one not in bound}
    told = {
        one: ", ".join(f"{each} is {owners[each]}" for each in ids if each in owners) for one, ids in elsewhere.items()
    }
    return Matches(bound, ambiguous, tuple(one for one, ids in named.items() if not ids and one not in told), told)


def _named(manifest: Manifest, kind: ResourceKind, live: Sequence[Live]) -> tuple[str, ...]:
    name = manifest.spec.get(kind.name_field)
    return tuple(sorted(one.remote_id for one in live if name and one.address is None and one.name == name))
