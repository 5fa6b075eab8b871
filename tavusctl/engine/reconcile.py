"""The whole path on one screen: manifests and account to a plan, a plan to outcomes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from msgspec import Struct, field
from msgspec.structs import replace

from tavusctl import journal, lookup, quota, remarks
from tavusctl.document import leaves
from tavusctl.engine import apply, diff, move, observe, owner, plan, recover, resolve, undo, watch
from tavusctl.errors import StateError, TavusctlError
from tavusctl.journal import Intent, Past, Replay
from tavusctl.ledger import Ledger
from tavusctl.model import (
    Action,
    Address,
    Binding,
    Change,
    Complaint,
    Desired,
    Document,
    Environment,
    Live,
    Manifest,
    Outcome,
    Plan,
    ResourceKind,
    Safety,
)
from tavusctl.ports import Others, Reader, Sources, State, Store
from tavusctl.secret import fingerprint_key
from tavusctl.settings import raised
from tavusctl.threeway import kept

Kinds = Mapping[str, ResourceKind]
Archive = Callable[[Sequence[bytes]], None]  # keeps the journal of a run that has ended


class Request(Struct, frozen=True):
    """What the command line asks of a plan."""

    environment: Environment
    secrets: Mapping[str, str]
    api_key: str
    consent: plan.Consent = field(default_factory=plan.Consent)
    adopt: bool = False
    destroy: bool = False
    warnings: tuple[Complaint, ...] = ()
    sources: Sources | None = None  # of watched documents; None: they are not looked at
    safety: Safety | None = None  # limits on deletes, to be remembered by an apply; None: those that are known stay
    others: Callable[[], Others] = Others  # what the project's other environments have bound


class Prepared(Struct, frozen=True):
    """A plan, and what it was made of; `carry_out` needs both."""

    plan: Plan
    state: State
    desired: tuple[Desired, ...]
    request: Request
    ids: dict[str, Address] = field(default_factory=dict)
    known: Mapping[str, Sequence[str]] = field(default_factory=dict)  # ids in the account, by kind
    lost: tuple[Intent, ...] = ()  # creates of an interrupted run that have not shown in the account
    recovered: bool = False  # the state on disk is behind

    @property
    def externals(self) -> dict[str, str]:
        """Ids of external objects, by address."""
        return {str(item.address): item.external_id for item in self.desired if item.external_id}


def prepare(manifests: Sequence[Manifest], kinds: Kinds, api: Reader, store: Store, request: Request) -> Prepared:
    """Work out what apply would do; change nothing."""
    before = journal.replay(store.read(), store.journal())
    state, lost = recovered(kinds, api, before, request)
    moved, moves = move.follow(() if request.destroy else manifests, state.bindings)
    state = replace(state, bindings=moved)
    key = fingerprint_key(request.api_key, state.lineage)
    foreign = {(m.address.kind, m.external_id) for m in manifests if m.external_id}
    bindings = observe.promoted(api, kinds, tuple(state.bindings.values()))
    bindings = tuple(diff.disowned(one, foreign) for one in bindings)
    wanted = [m for m in manifests if not request.destroy or m.external_id]
    externals = [(m.external_id, m.address) for m in manifests if m.external_id]
    check_single(bindings)
    managed = frozenset(m.address for m in manifests if not m.external_id)
    declared = {address for _, address in externals}
    ids = observe.known_ids((one for one in bindings if one.address not in declared), externals, managed)
    # Until now an address has meant what is bound to it, also where the manifests call another object external there.
    meant = {str(one): remote_id for remote_id, one in externals}
    meant |= {str(one.address): one.remote_id for one in bindings if one.address in declared}
    in_names = partial(observe.in_names, ids=dict(ids), externals=meant)
    desired = resolve.resolve(wanted, kinds, secrets=request.secrets, key=key, ids=ids)
    desired, unseen = watch.looked_at(desired, {b.address: b for b in bindings}, request.sources)
    account = observe.snapshot(api, kinds, desired, bindings, observe.Lens(ids, key))
    check_owner(state, request, len(bindings), len(account.missing))
    ids = observe.present(ids, account.missing)
    found = diff.compare_all(
        desired,
        account.live,
        [in_names(one) for one in bindings],
        account.missing,
        adopt=request.adopt,
        again=request.consent.replace,
        in_names=in_names,
        spelled=_spelled(wanted, ids),
    )
    found = diff.asked(found, "destroy was asked for") if request.destroy else found
    others = _others(request, found.changes)
    made = plan.make(
        found.changes,
        found.drift,
        (*(b for b in bindings if state.bindings[b.address] != b), *found.settled),
        bindings={b.address: b for b in bindings},
        consent=replace(request.consent, adopt=request.adopt),
        no_op=found.no_op,
        along=found.along,
        warnings=(
            *request.warnings,
            *map(remarks.doubt, lost),
            *remarks.failures(account.live, found.changes),
            *diff.namesakes(account.live, bindings),
            *map(remarks.otherwise, found.otherwise),
            *remarks.drafts(account.live),
            *unseen,
            *remarks.unread(others),
        ),
        occasion=replace(_occasion(api, state, request, account.live), owners=others.owners),
    )
    by_kind = {name: tuple(one.remote_id for one in account.live if one.kind.name == name) for name in kinds}
    current = replace(state, bindings={b.address: b for b in bindings})
    # What a run does is recorded under the new addresses: they must be on disk before.
    made = replace(made, moves=moves, awaited=plan.awaited(made, desired, account.live, request.consent))
    made = replace(made, recovered=bool(before.records))
    behind = made.recovered or bool(moves) or (made.writes and not state.serial)
    return Prepared(made, current, desired, request, ids, by_kind, lost, recovered=behind)


def _spelled(manifests: Iterable[Manifest], ids: Mapping[str, Address]) -> Mapping[str, Sequence[Address]]:
    """Who refers to known objects by their ids in place of their addresses."""
    found: defaultdict[str, set[Address]] = defaultdict(set)
    for manifest in manifests:
        for _, leaf in leaves(manifest.spec):
            if isinstance(leaf, str) and leaf in ids:
                found[leaf].add(manifest.address)
    return {remote_id: sorted(addresses) for remote_id, addresses in found.items()}


def _others(request: Request, changes: Iterable[Change]) -> Others:
    """What other environments have bound; looked up only where objects have the names of planned creates."""
    named = any(change.rivals or change.action is Action.ADOPT for change in changes)
    return request.others() if named else Others()


def recovered(kinds: Kinds, api: Reader, replayed: Replay, request: Request) -> tuple[State, tuple[Intent, ...]]:
    """The state with what an interrupted run did, and creates of it that have not shown in the account."""
    if not replayed.pending:
        return replayed.state, ()
    key = fingerprint_key(request.api_key, replayed.state.lineage)
    lens = observe.Lens(observe.known_ids(replayed.state.bindings.values()), key)
    return recover.settle(
        replayed,
        kinds,
        lambda kind: observe.listed(api, kind, lens),
        lambda kind, remote_id: observe.read(api, kind, remote_id, lens),
    )


def checkpoint(state: State, store: Store, request: Request, archive: Archive = lambda _: None) -> State:
    """Make a recovered or new state durable before anything is built on it."""
    current = replace(owner.owned(state, request.environment, request.api_key), serial=state.serial + 1)
    store.write(current)
    archive(store.journal())
    store.clear_journal()
    return current


def open_ledger(prepared: Prepared, store: Store, archive: Archive = lambda _: None) -> Ledger:
    """The state to carry a plan out on; what an interrupted run left is made durable first."""
    state = owner.owned(prepared.state, prepared.request.environment, prepared.request.api_key)
    state = checkpoint(state, store, prepared.request, archive) if prepared.recovered else state
    return Ledger(store, state, ids=prepared.ids, archive=archive)


def carry_out(prepared: Prepared, this: apply.Run) -> tuple[tuple[Outcome, ...], TavusctlError | None]:
    """Do what the plan says; the outcomes, and what went wrong with the state at the end, if anything did."""
    outcomes = apply.run(this, prepared.plan)
    if this.ledger.pending:
        return outcomes, None  # the journal has what nobody knows yet, and stays until a run has looked
    try:
        safety = prepared.request.safety or this.ledger.state.safety
        # A state that nothing has been written to has no need to know limits.
        other_limits = this.ledger.state.serial and safety != this.ledger.state.safety
        if prepared.plan.steps or prepared.plan.settled or other_limits:
            this.ledger.remember_safety(safety)
            this.ledger.checkpoint()
    except TavusctlError as error:
        return outcomes, error
    return outcomes, None


def tools(
    prepared: Prepared, kinds: Kinds, api: Reader, ledger: Ledger, keep: apply.Keep, link: apply.Link
) -> apply.Tools:
    """What the other stages lend to apply."""
    lens = observe.Lens(ledger.ids, fingerprint_key(prepared.request.api_key, prepared.state.lineage))

    def look(kind: ResourceKind, remote_id: str) -> Live:
        return observe.read(api, kind, remote_id, lens)

    def users(kind: ResourceKind, remote_id: str, address: Address | None) -> Sequence[str]:
        return observe.users(api, kinds, kind, remote_id, address, lens)

    def find(desired: Desired, name: str, known: Sequence[str]) -> str:
        live = observe.listed(api, desired.kind, lens)
        return lookup.found(desired.kind, diff.applied(desired), name, live, frozenset(known))

    return apply.Tools(look, users, diff.remembering, kept, find, kinds.__getitem__, keep, link)


def prepare_undo(
    past: Past,
    trash: Mapping[str, Document],
    kinds: Kinds,
    api: Reader,
    store: Store,
    request: Request,
    *,
    manifests: Sequence[Manifest] = (),
    recreate: bool,
) -> Prepared:
    """Work out what reverses one apply; change nothing.  What `manifests` name as secrets can be sent again."""
    before = journal.replay(store.read(), store.journal())
    state, lost = recovered(kinds, api, before, request)
    recover.check_found(lost)
    if past.lineage != state.lineage:
        message = f"the run {past.run} belongs to another state"
        raise StateError(message, "choose its environment with --env", id="E931")
    key = fingerprint_key(request.api_key, state.lineage)
    bindings = tuple(state.bindings.values())
    ids = observe.known_ids(bindings)
    lens = observe.Lens(ids, key)
    account = observe.snapshot(api, kinds, (), bindings, lens)
    check_owner(state, request, len(bindings), len(account.missing))
    ids = observe.present(ids, account.missing)
    live = {(one.kind.name, one.remote_id): one for one in account.live}
    touched = {*(one.address.kind for one in past.intents), *(one.address.kind for one in past.forgotten)}
    for name in touched - {kind for kind, _ in live}:
        live.update({(name, one.remote_id): one for one in observe.listed(api, kinds[name], lens)})
    secrets, unset = resolve.sealed(manifests, request.secrets, key)
    scene = undo.Scene(kinds, state.bindings, live, ids, trash, recreate, secrets, unset)
    found = undo.reverse(move.remembered(past, state.bindings), scene)
    made = plan.make(
        found.changes,
        (),
        found.settled,
        bindings=state.bindings,
        consent=request.consent,
        warnings=found.warnings,
        occasion=_occasion(api, state, request, live.values()),
    )
    made = replace(made, refused=(*found.refused, *made.refused), recovered=bool(before.records))
    by_kind = {name: tuple(remote_id for kind, remote_id in live if kind == name) for name in kinds}
    return Prepared(made, state, (), request, ids, by_kind, (), recovered=bool(before.records))


def _occasion(api: Reader, state: State, request: Request, live: Iterable[Live]) -> plan.Occasion:
    environment = request.environment
    label = environment.account or state.account
    taken, limits = quota.taken(live), raised(state.safety, request.safety) if request.safety else ()
    return plan.Occasion(environment.name, label, api.server_time(), taken, environment.crawl_limit, limits)


def check_single(bindings: Iterable[Binding]) -> None:
    """Refuse a state in which two addresses mean one object: each would undo what the other does."""
    owners: dict[tuple[str, str], Address] = {}
    for one in bindings:
        other = owners.setdefault((one.address.kind, one.remote_id), one.address)
        if other != one.address:
            message = f"{other} and {one.address} are bound to the same object, {one.remote_id}"
            raise StateError(message, f"state rm {one.address} forgets one of them, and deletes nothing", id="E917")


def check_owner(state: State, request: Request, bound: int = 0, missing: int = 0) -> None:
    """Refuse to work on another account than the one the state is about, or on one that was emptied."""
    agreed = request.consent.recreate
    owner.check(state, request.environment, request.api_key, bound=bound, missing=missing, agreed=agreed)
