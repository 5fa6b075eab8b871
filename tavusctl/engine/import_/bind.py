"""Bind existing objects of the account to addresses; nothing is written to the account."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.diagnostics import Diagnostic
from tavusctl.core.errors import RefusedError, StateError
from tavusctl.core.model import Live, Manifest
from tavusctl.core.ports import Reader, State, Store
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine import recovery, renames, resolve
from tavusctl.engine.account import observe
from tavusctl.engine.compare import match_create
from tavusctl.engine.compare.desired import sent_name
from tavusctl.engine.execution import checkpoint
from tavusctl.engine.prepared_plan import PlanInputs
from tavusctl.engine.reconcile import check_owner, recover
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import JsonObject
from tavusctl.secrets.values import SecretText
from tavusctl.state.run_records import RunRecords
from tavusctl.state.seals import open_state


def bind(address: Address, remote_id: str, api: Reader, store: Store, inputs: PlanInputs) -> Sequence[Diagnostic]:
    """Bind an existing object to an address, in the state only; return warnings about an interrupted run."""
    sealed = open_state(store, inputs.keys)
    # By this import, a person decides what became of an interrupted create at the address: no search for it.
    others = tuple(intent for intent in sealed.replay.pending if intent.remote_id or intent.address != address)
    recovered = recover(api, replace(sealed, replay=replace(sealed.replay, pending=others)))
    recovery.check_none_lost(recovered.lost, api.server_time(), inputs.settle)
    state = recovered.state
    kind = KINDS[address.kind]
    check_owner(state, inputs)
    ids = observe.known_ids(state.bindings.values())
    _check_unbound(remote_id, address, state.bindings.values())
    decoder = observe.decoder(ids, sealed.seals.fingerprint_key, state.bindings.values())
    bound = state.bindings.get(address)
    if bound and bound.remote_id != remote_id:
        _check_gone(bound, kind, api, decoder)
        bound = bound.of_object(remote_id)
    live = observe.read(api, kind, remote_id, decoder)
    _check_ours(remote_id, kind, api, decoder, inputs)
    # A person has named the id, so the object is the right one, whenever it was created.
    binding = replace(bound or Binding(address, remote_id), created_at=live.created)
    state = replace(state, bindings={**state.bindings, address: binding})
    checkpoint(state, store, inputs, sealed.seals, RunRecords(store.artifacts), recovered.outcomes)
    return recovered.warnings


def _check_unbound(remote_id: str, address: Address, bindings: Iterable[Binding]) -> None:
    """Refuse an object that is bound to another address, or that is another version of such an object."""
    for binding in bindings:
        other, is_version = binding.address, remote_id in binding.other_versions
        if other != address and (is_version or remote_id == binding.remote_id):
            relation = "a version of" if is_version else "already bound to"
            message = f"{remote_id} is {relation} `{other}`"
            finish = "wait until its replacement has ended, or " if is_version else ""
            raise StateError(message, f"{finish}run `tavusctl state rm {other}` first", id="E905")


def _check_gone(bound: Binding, kind: ResourceKind, api: Reader, decoder: observe.Decoder) -> None:
    """Refuse an address that is bound to another object, unless that object was deleted in the account."""
    if observe.find(api, kind, bound.remote_id, decoder):
        message = f"`{bound.address}` is already bound to {bound.remote_id}"
        raise StateError(message, f"run `tavusctl state rm {bound.address}` first", id="E905")


def _check_ours(remote_id: str, kind: ResourceKind, api: Reader, decoder: observe.Decoder, inputs: PlanInputs) -> None:
    """Refuse an object of another environment, and a stock object of Tavus."""
    owner = inputs.others().owners.get(remote_id)
    if owner:
        message = f"{remote_id} is {owner}: an object can be bound in one environment only"
        hint = "create a separate object here; if the names must differ, use a variable in the name: `${var:NAME}`"
        raise RefusedError(message, hint, id="E425")
    if kind.listing.owner_query and remote_id not in {one.remote_id for one in observe.listed(api, kind, decoder)}:
        message = f"{remote_id} is not in the list of the account's own {kind.name}s: a stock {kind.name}, or a new one"
        hint = f"refer to a stock {kind.name} with `external: true` and `id: {remote_id}`; retry if it is new"
        raise RefusedError(message, hint, id="E421")


class Matches(Struct, frozen=True):
    """Objects that match manifests without a binding: by name, or by content if the manifest has no name."""

    bound: Mapping[Address, str]  # exactly one object, which matches no other manifest
    ambiguous: Mapping[Address, Sequence[str]]
    unmatched: Sequence[Address]
    elsewhere: Mapping[Address, str] = {}  # matches of other environments, as text
    warnings: Sequence[Diagnostic] = ()  # about an interrupted run


def bind_by_name(
    manifests: Sequence[Manifest], api: Reader, store: Store, inputs: PlanInputs, *, record: bool
) -> Matches:
    """Bind, with `record`, each manifest that only one unbound object matches, by name or content; state only."""
    sealed = open_state(store, inputs.keys)
    recovered = recover(api, sealed, manifests)
    recovery.check_none_lost(recovered.lost, api.server_time(), inputs.settle)
    check_owner(recovered.state, inputs)
    renamed_bindings, _ = renames.follow(manifests, recovered.state.bindings)
    state = replace(recovered.state, bindings=renamed_bindings)
    externals = {manifest.external_id: manifest.address for manifest in manifests if manifest.external_id}
    known = state.bindings.values()
    decoder = observe.decoder(
        observe.known_ids(known, externals.items()), sealed.seals.fingerprint_key, known, manifests
    )
    candidates = _candidates(manifests, api, state, decoder)
    matches = replace(_matches(candidates, inputs.others().owners), warnings=recovered.warnings)
    if record and matches.bound:
        created = {live.remote_id: live.created for objects in candidates.values() for live in objects}
        new = {
            address: Binding(address, remote_id, created_at=created[remote_id])
            for address, remote_id in matches.bound.items()
        }
        state = replace(state, bindings={**state.bindings, **new})
        checkpoint(state, store, inputs, sealed.seals, RunRecords(store.artifacts), recovered.outcomes)
    return matches


def _candidates(
    manifests: Sequence[Manifest], api: Reader, state: State, decoder: observe.Decoder
) -> Mapping[Address, Sequence[Live]]:
    """By address of each manifest without a binding: the unbound objects that it may mean."""
    desired = resolve.resolve(manifests, secrets=None, ids=decoder.ids, declared=frozenset(state.bindings))
    unbound = [item for item in desired if not item.external_id and item.address not in state.bindings]
    used = sorted({item.address.kind for item in unbound})
    objects = (live for name in used for live in observe.listed(api, KINDS[name], decoder))
    unmanaged = match_create.UnmanagedObjects(objects, observe.replacement_ids(state.bindings.values()).keys())
    return {
        item.address: unmanaged.find_duplicates(item.kind, _readable(item.spec), sent_name(item)) for item in unbound
    }


def _matches(candidates: Mapping[Address, Sequence[Live]], owners: Mapping[str, str]) -> Matches:
    """Which manifest matches which object; `owners` names the owner of each id that another environment has bound."""
    ids_by_address = {address: tuple(live.remote_id for live in objects) for address, objects in candidates.items()}
    taken = {
        address: [remote_id for remote_id in ids if remote_id in owners] for address, ids in ids_by_address.items()
    }
    elsewhere = {
        address: ", ".join(f"{remote_id} is {owners[remote_id]}" for remote_id in ids)
        for address, ids in taken.items()
        if ids
    }
    free = {address: ids for address, ids in ids_by_address.items() if address not in elsewhere}
    counts = Counter(remote_id for ids in free.values() for remote_id in ids)
    bound = {address: ids[0] for address, ids in free.items() if len(ids) == 1 and counts[ids[0]] == 1}
    ambiguous = {address: ids for address, ids in free.items() if ids and address not in bound}
    return Matches(bound, ambiguous, tuple(address for address, ids in free.items() if not ids), elsewhere)


def _readable(spec: JsonObject) -> JsonObject:
    """A spec without its secrets: their values are not known here."""
    return {
        key: _readable(item) if isinstance(item, dict) else item
        for key, item in spec.items()
        if not isinstance(item, SecretText)
    }
