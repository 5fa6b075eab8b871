"""Bind what exists in the account already to addresses; nothing is written to the account."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import Struct, field
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
from tavusctl.engine.prepared_plan import Kinds, PlanOptions, RunRecords
from tavusctl.engine.reconcile import check_owner, recovered
from tavusctl.lib.json_types import JsonObject
from tavusctl.secrets.values import SecretText
from tavusctl.state.seals import opened


def bind(
    address: Address,
    remote_id: str,
    kinds: Kinds,
    api: Reader,
    store: Store,
    request: PlanOptions,
    *,
    archive: RunRecords,
) -> Sequence[Diagnostic]:
    """Bind an existing object to an address; nothing is written to the account.  What an interrupted run has cost."""
    found = opened(store, request.keys)
    # A person says what became of the create at this address, if there was one.
    others = tuple(one for one in found.replay.pending if one.remote_id or one.address != address)
    state, lost, cost = recovered(kinds, api, replace(found, replay=replace(found.replay, pending=others)))
    recovery.check_found(lost)
    kind = kinds[address.kind]
    check_owner(state, request)
    ids = observe.known_ids(state.bindings.values())
    _check_unbound(remote_id, address, ids)
    lens = observe.lens(kinds, ids, found.custody.prints, state.bindings.values())
    bound = state.bindings.get(address)
    if bound and bound.remote_id != remote_id:
        _check_gone(bound, kind, api, lens)
        bound = None
    live = observe.read(api, kind, remote_id, lens)
    _check_ours(remote_id, kind, api, lens, request)
    # Whoever names an id says that the object is the right one, whenever it was created.
    binding = replace(bound or Binding(address, remote_id), created_at=live.created)
    checkpoint(replace(state, bindings={**state.bindings, address: binding}), store, request, found.custody, archive)
    return cost


def _check_unbound(remote_id: str, address: Address, ids: Mapping[str, Address]) -> None:
    """Refuse an object that another address has."""
    other = ids.get(remote_id, address)
    if other != address:
        message = f"{remote_id} is already bound to `{other}`"
        raise StateError(message, f"run `tavusctl state rm {other}` first", id="E905")


def _check_gone(bound: Binding, kind: ResourceKind, api: Reader, lens: observe.Decoder) -> None:
    """Refuse an address that has another object, unless somebody has deleted that in the account."""
    if observe.exists(api, kind, bound.remote_id, lens):
        message = f"`{bound.address}` is already bound to {bound.remote_id}"
        raise StateError(message, f"run `tavusctl state rm {bound.address}` first", id="E905")


def _check_ours(remote_id: str, kind: ResourceKind, api: Reader, lens: observe.Decoder, request: PlanOptions) -> None:
    """Refuse an object of another environment, or of Tavus."""
    owner = request.others().owners.get(remote_id)
    if owner:
        message = f"{remote_id} is {owner}: an object can be bound in one environment only"
        hint = "create a separate object here; if the names must differ, use a variable in the name: `${var:NAME}`"
        raise RefusedError(message, hint, id="E425")
    if kind.listing.own and remote_id not in {one.remote_id for one in observe.listed(api, kind, lens)}:
        message = f"{remote_id} is a stock {kind.name} of Tavus and cannot be managed"
        raise RefusedError(message, f"refer to it with `external: true` and `id: {remote_id}`", id="E421")


class Matches(Struct, frozen=True):
    """Which objects have the names of manifests that are not bound, or the content where these give no name."""

    bound: Mapping[Address, str]  # exactly one object, wanted by one manifest alone
    ambiguous: Mapping[Address, Sequence[str]]
    unmatched: Sequence[Address]
    elsewhere: Mapping[Address, str] = field(default_factory=dict)  # in words, what another environment has bound
    remarks: Sequence[Diagnostic] = ()  # on an interrupted run


def bind_by_name(
    manifests: Sequence[Manifest],
    kinds: Kinds,
    api: Reader,
    store: Store,
    request: PlanOptions,
    *,
    archive: RunRecords,
    record: bool,
) -> Matches:
    """Bind every manifest that one unbound object is, by its name or else by its content; the account stays."""
    found = opened(store, request.keys)
    state, lost, cost = recovered(kinds, api, found, manifests)
    recovery.check_found(lost)
    check_owner(state, request)
    moved, _ = renames.follow(manifests, state.bindings)
    state = replace(state, bindings=moved)
    externals = {m.external_id: m.address for m in manifests if m.external_id}
    known = state.bindings.values()
    lens = observe.lens(kinds, observe.known_ids(known, externals.items()), found.custody.prints, known, manifests)
    alike = _alike(manifests, kinds, api, state, lens)
    matches = replace(_matched(alike, request.others().owners), remarks=cost)
    if record and matches.bound:
        created = {one.remote_id: one.created for like in alike.values() for one in like}
        new = {one: Binding(one, remote_id, created_at=created[remote_id]) for one, remote_id in matches.bound.items()}
        checkpoint(replace(state, bindings={**state.bindings, **new}), store, request, found.custody, archive)
    return matches


def _alike(
    manifests: Sequence[Manifest], kinds: Kinds, api: Reader, state: State, lens: observe.Decoder
) -> Mapping[Address, Sequence[Live]]:
    """The unbound objects that each manifest without a binding may mean."""
    desired = resolve.resolve(manifests, kinds, secrets=None, ids=lens.ids, declared=frozenset(state.bindings))
    free = [one for one in desired if not one.external_id and one.address not in state.bindings]
    used = sorted({one.address.kind for one in free})
    objects = (one for name in used for one in observe.listed(api, kinds[name], lens))
    strangers = match_create.Strangers(objects, observe.halves(state.bindings.values()).keys())
    return {one.address: strangers.like(one.kind, _readable(one.spec), sent_name(one)) for one in free}


def _matched(alike: Mapping[Address, Sequence[Live]], owners: Mapping[str, str]) -> Matches:
    """Which manifest is which object; `owners` tells of each id that another environment has bound, whose it is."""
    named = {address: tuple(one.remote_id for one in like) for address, like in alike.items()}
    taken = {one: [each for each in ids if each in owners] for one, ids in named.items()}
    elsewhere = {one: ", ".join(f"{each} is {owners[each]}" for each in ids) for one, ids in taken.items() if ids}
    free = {one: ids for one, ids in named.items() if one not in elsewhere}
    wanted = Counter(remote_id for ids in free.values() for remote_id in ids)
    bound = {one: ids[0] for one, ids in free.items() if len(ids) == 1 and wanted[ids[0]] == 1}
    ambiguous = {one: ids for one, ids in free.items() if ids and one not in bound}
    return Matches(bound, ambiguous, tuple(one for one, ids in free.items() if not ids), elsewhere)


def _readable(spec: JsonObject) -> JsonObject:
    """A spec without its secrets, whose values are not known here."""
    return {
        key: _readable(item) if isinstance(item, dict) else item
        for key, item in spec.items()
        if not isinstance(item, SecretText)
    }
