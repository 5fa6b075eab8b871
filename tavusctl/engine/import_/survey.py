"""Survey all objects of an account for `export`, and bind those that were written as manifests."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.core.address import Address, ObjectKey
from tavusctl.core.binding import Binding
from tavusctl.core.errors import Gone
from tavusctl.core.json_tree import leaves, path_to_list, with_addresses, with_leaves
from tavusctl.core.model import Desired, Lifecycle, Live, Manifest
from tavusctl.core.ports import Reader, Store
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine import recovery, resolve
from tavusctl.engine.account import observe, steady_reads
from tavusctl.engine.compare import references
from tavusctl.engine.compare.three_way import compare
from tavusctl.engine.execution import checkpoint
from tavusctl.engine.prepared_plan import PlanInputs
from tavusctl.engine.reconcile import check_owner, recover
from tavusctl.engine.recovery import Recovered
from tavusctl.kinds import KINDS
from tavusctl.lib.patterns import pattern
from tavusctl.patch import join
from tavusctl.secrets.values import NO_KEY, SecretText
from tavusctl.state.run_records import RunRecords
from tavusctl.state.seals import SealedState, open_state

NO_VALUES: Final[Mapping[str, str]] = {}
_ID: Final = pattern(r"[A-Za-z0-9_-]{1,80}")  # only such an id is safe in a URL path


class AccountSurvey(Struct, frozen=True):
    """The objects of the account and the state; bodies refer to other objects by id, not by address."""

    sealed: SealedState
    recovered: Recovered  # what the account shows of an interrupted run
    live: tuple[Live, ...]  # the account's own objects of the surveyed kinds
    stock: tuple[Live, ...]  # stock objects of Tavus that these refer to
    unsafe_ids: tuple[Live, ...]  # objects whose id is not safe in a URL path


def survey(wanted: Collection[str], api: Reader, store: Store, inputs: PlanInputs) -> AccountSurvey:
    """Every object of the wanted kinds, and the stock objects that they refer to; nothing is written."""
    # Any unbound object may have been created by an active run.
    everything = frozenset(Address(name, "any") for name in wanted)
    return steady_reads.read_consistently(
        lambda: open_state(store, inputs.keys),
        lambda sealed: _survey(wanted, api, sealed, inputs),
        lambda _: everything,
    )


def _survey(wanted: Collection[str], api: Reader, sealed: SealedState, inputs: PlanInputs) -> AccountSurvey:
    recovered = recover(api, sealed)
    recovery.check_none_lost(recovered.lost, api.server_time(), inputs.settle)
    state = recovered.state
    decoder = observe.decoder({}, sealed.seals.fingerprint_key, state.bindings.values())
    listed = [
        item for name in KINDS if name in wanted for item in observe.listed(api, KINDS[name], decoder, needed=False)
    ]
    live = [item for item in listed if _ID.fullmatch(item.remote_id)]
    odd = tuple(item for item in listed if not _ID.fullmatch(item.remote_id))
    live_keys = {item.key for item in live}
    bound_keys = [item.key for item in state.bindings.values() if item.address.kind in wanted]
    check_owner(state, inputs, len(bound_keys), len([key for key in bound_keys if key not in live_keys]))
    stock = []
    referenced = [
        (kind, remote_id) for kind, remote_id in sorted(referenced_objects(live) - live_keys) if kind in KINDS
    ]
    for kind, remote_id in referenced:
        is_stock, item = _read_with_origin(api, KINDS[kind], remote_id, decoder)
        if item and (is_stock or (kind in wanted and KINDS[kind].listing.owner_query)):
            stock.append(item)
        elif item and kind in wanted:  # the account's own, and so new that the listing does not show it yet
            live.append(item)
    return AccountSurvey(sealed, recovered, tuple(live), tuple(stock), odd)


def addressed(live: Live, ids: Mapping[str, Address]) -> Live:
    """A live object with addresses in place of known ids, as comparisons need it."""
    body = with_addresses(live.body, ids)
    return replace(live, body=body, address=ids.get(live.remote_id))


def differing(
    manifests: Iterable[Manifest], live: Mapping[str, Live], bindings: Collection[Binding], ids: Mapping[str, Address]
) -> tuple[Address, ...]:
    """The addresses of bindings whose object does not exist, or differs from its manifest."""
    desired = resolve.resolve(tuple(manifests), secrets=None, ids=ids, declared=frozenset(ids.values()))
    managed = {item.address: item for item in desired if not item.external_id}

    def differs(binding: Binding) -> bool:
        item, shown = without_unknown_secrets(managed[binding.address]), live.get(binding.remote_id)
        return shown is None or bool(compare(item, addressed(shown, ids), binding).fields)

    return tuple(sorted(one.address for one in bindings if one.address in managed and differs(one)))


def record(surveyed: AccountSurvey, bindings: Mapping[Address, Binding], store: Store, inputs: PlanInputs) -> None:
    """Write bindings to the state; nothing is written if the state on disk has them all."""
    sealed, recovered = surveyed.sealed, surveyed.recovered
    recorded = recovered.state.bindings
    new = {address: binding for address, binding in bindings.items() if recorded.get(address) != binding}
    if new or sealed.replay.records:
        state = replace(recovered.state, bindings={**recorded, **new})
        checkpoint(state, store, inputs, sealed.seals, RunRecords(store.artifacts), recovered.outcomes)


def without_unknown_secrets(desired: Desired, known_values: Mapping[str, str] = NO_VALUES) -> Desired:
    """A manifest that is compared without the secrets whose values are not in `known_values` (values by name)."""
    secret_texts = {path: leaf for path, leaf in leaves(desired.spec) if isinstance(leaf, SecretText)}
    values = {
        path: leaf.fill(known_values, NO_KEY)
        for path, leaf in secret_texts.items()
        if known_values.keys() >= set(leaf.names)
    }
    unknown_pointers = (join(path_to_list(desired.spec, path)) for path in secret_texts if path not in values)
    ignored = (*desired.lifecycle.ignore_changes, *unknown_pointers)
    spec = with_leaves(desired.spec, dict(values))
    return replace(desired, spec=spec, lifecycle=Lifecycle(ignore_changes=ignored))


def referenced_objects(live: Iterable[Live]) -> set[ObjectKey]:
    """Kind and id of everything that objects refer to."""
    keys = (key for item in live for key in references.referenced_objects(item.kind, item.body))
    return {(kind, remote_id) for kind, remote_id in keys if _ID.fullmatch(remote_id)}


def _read_with_origin(
    api: Reader, kind: ResourceKind, remote_id: str, decoder: observe.Decoder
) -> tuple[bool, Live | None]:
    """Whether Tavus made an object, and the object; None if there is no object of that id."""
    try:
        raw = api.get(f"{kind.collection}/{remote_id}", kind.get_query)
        kind.check_exists(raw, remote_id)
    except Gone:
        return False, None
    live = decoder.view(kind, raw)
    return kind.is_builtin(raw), live if live.remote_id == remote_id else None
