"""Take over what an account has already: all of it read for `export`, and what was written down for it bound."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.diagnostics import Diagnostic
from tavusctl.core.errors import Gone
from tavusctl.core.json_tree import leaves, map_leaves, pattern_of, with_leaves
from tavusctl.core.model import Desired, Lifecycle, Live, Manifest
from tavusctl.core.ports import Reader, State, Store
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine import recovery, resolve
from tavusctl.engine.account import observe, steady_reads
from tavusctl.engine.compare.three_way import compare
from tavusctl.engine.execution import checkpoint
from tavusctl.engine.prepared_plan import Kinds, PlanOptions
from tavusctl.engine.reconcile import check_owner, recovered
from tavusctl.lib.json_types import Json, KeyPath, as_object
from tavusctl.patch import join
from tavusctl.secrets.values import NO_KEY, SecretText
from tavusctl.state.seals import SealedState, Seals, opened

NO_VALUES: Final[Mapping[str, str]] = {}
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,80}")  # what stands where an id belongs becomes a part of a path


class AccountSurvey(Struct, frozen=True):
    """The account and the state; bodies have ids as the account has them, not addresses."""

    state: State
    live: tuple[Live, ...]  # of the kinds that were asked for
    stock: tuple[Live, ...]  # what these refer to and what is everybody's
    odd: tuple[Live, ...]  # what has an id that cannot be asked for
    recovered: bool  # the state on disk is behind
    custody: Seals = Seals()
    remarks: tuple[Diagnostic, ...] = ()  # on an interrupted run


def survey(kinds: Kinds, wanted: Collection[str], api: Reader, store: Store, request: PlanOptions) -> AccountSurvey:
    """Every object of the wanted kinds, and the stock objects that they refer to; nothing is written."""
    # Whatever is not bound may be of a run that is under way.
    everything = frozenset(Address(name, "any") for name in wanted)
    return steady_reads.steady(
        lambda: opened(store, request.keys),
        lambda found: _survey(kinds, wanted, api, found, request),
        lambda _: everything,
    )


def _survey(
    kinds: Kinds, wanted: Collection[str], api: Reader, opened_here: SealedState, request: PlanOptions
) -> AccountSurvey:
    state, lost, cost = recovered(kinds, api, opened_here)
    recovery.check_found(lost)
    lens = observe.lens(kinds, {}, opened_here.custody.prints, state.bindings.values())
    listed = [one for name in kinds if name in wanted for one in observe.listed_if_any(api, kinds[name], lens)]
    live = [one for one in listed if _ID.fullmatch(one.remote_id)]
    odd = tuple(one for one in listed if not _ID.fullmatch(one.remote_id))
    found = {(one.kind.name, one.remote_id) for one in live}
    bound = [(one.address.kind, one.remote_id) for one in state.bindings.values() if one.address.kind in wanted]
    check_owner(state, request, len(bound), len([key for key in bound if key not in found]))
    stock = []
    known = [(kind, remote_id) for kind, remote_id in sorted(referred(live) - found) if kind in kinds]
    for kind, remote_id in known:
        made_by, one = _looked_up(api, kinds[kind], remote_id, lens)
        if one and (made_by or (kind in wanted and kinds[kind].listing.own)):
            stock.append(one)
        elif one and kind in wanted:  # ours, and so new that the listing does not have it yet
            live.append(one)
    return AccountSurvey(
        state,
        tuple(live),
        tuple(stock),
        odd,
        recovered=bool(opened_here.replay.records),
        custody=opened_here.custody,
        remarks=cost,
    )


def named(live: Live, ids: Mapping[str, Address]) -> Live:
    """A live object with addresses where its body has known ids, as comparisons want it."""
    body = map_leaves(live.body, lambda leaf: ids.get(leaf, leaf) if isinstance(leaf, str) else leaf)
    return replace(live, body=body, address=ids.get(live.remote_id))


def differing(
    manifests: Iterable[Manifest],
    kinds: Kinds,
    live: Mapping[str, Live],
    bindings: Collection[Binding],
    ids: Mapping[str, Address],
) -> tuple[Address, ...]:
    """Which of some bound objects have a manifest that does not say what the account has, or are not there."""
    desired = resolve.resolve(tuple(manifests), kinds, secrets=None, ids=ids, declared=frozenset(ids.values()))
    managed = {item.address: item for item in desired if not item.external_id}
    bound = [(managed[one.address], live.get(one.remote_id), one) for one in bindings if one.address in managed]
    return tuple(sorted(item.address for item, found, binding in bound if _differs(item, found, binding, ids)))


def record(surveyed: AccountSurvey, bindings: Mapping[Address, Binding], store: Store, request: PlanOptions) -> None:
    """Bind; a state that has all of it already is not written."""
    known = surveyed.state.bindings
    new = {address: one for address, one in bindings.items() if known.get(address) != one}
    if new or surveyed.recovered:
        checkpoint(replace(surveyed.state, bindings={**known, **new}), store, request, surveyed.custody)


def blind(desired: Desired, known: Mapping[str, str] = NO_VALUES) -> Desired:
    """A manifest compared without the secrets whose values are not known; `known` are those of names."""
    named = {path: leaf for path, leaf in leaves(desired.spec) if isinstance(leaf, SecretText)}
    told = {path: leaf.fill(known, NO_KEY) for path, leaf in named.items() if known.keys() >= set(leaf.names)}
    unknown = (join(_managed(desired.spec, path)) for path in named if path not in told)
    ignored = (*desired.lifecycle.ignore_changes, *unknown)
    spec = with_leaves(desired.spec, dict(told))
    return replace(desired, spec=spec, lifecycle=Lifecycle(ignore_changes=ignored))


def _managed(spec: Json, path: KeyPath) -> KeyPath:
    """The member that is compared as a whole with the value at a path: a list is, with all that is in it."""
    for length, step in enumerate(path):
        if isinstance(spec, list):
            return path[:length]
        spec = as_object(spec)[step]
    return path


def _differs(desired: Desired, live: Live | None, binding: Binding, ids: Mapping[str, Address]) -> bool:
    return live is None or bool(compare(blind(desired), named(live, ids), binding).fields)


def referred(live: Iterable[Live]) -> set[tuple[str, str]]:
    """Kind and id of everything that objects refer to."""
    return {
        (target, leaf)
        for one in live
        for path, leaf in leaves(one.body)
        if isinstance(leaf, str) and _ID.fullmatch(leaf) and (target := _target(one.kind, path))
    }


def _target(kind: ResourceKind, path: KeyPath) -> str:
    return kind.field_at(pattern_of(path)).refers_to


def _looked_up(api: Reader, kind: ResourceKind, remote_id: str, lens: observe.Decoder) -> tuple[bool, Live | None]:
    """Whether Tavus made an object, and the object; None when there is none of that id."""
    try:
        raw = api.get(f"{kind.collection}/{remote_id}", kind.get_query)
    except Gone:
        return False, None
    live = lens.view(kind, raw)
    return kind.is_builtin(raw), live if live.remote_id == remote_id else None
