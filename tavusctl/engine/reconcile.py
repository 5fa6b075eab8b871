"""The whole path on one screen: manifests and account to a plan, a plan to outcomes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from msgspec import Struct, field
from msgspec.structs import replace

from tavusctl import novelty, quota, remarks
from tavusctl.custody import Custody, Keys, Opened, opened
from tavusctl.engine import apply, beside, diff, move, observe, owner, plan, recover, resolve, undo, watch
from tavusctl.errors import StateError, TavusctlError
from tavusctl.journal import Intent, Past
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
    Known,
    Live,
    Manifest,
    Outcome,
    Plan,
    ResourceKind,
    Safety,
)
from tavusctl.ports import Others, Reader, Sources, State, Store
from tavusctl.secret import Values
from tavusctl.settings import raised, strictest

Kinds = Mapping[str, ResourceKind]
Archive = Callable[[Sequence[bytes]], None]  # keeps the journal of a run that has ended


class Former(Struct, frozen=True):
    """What files have said before, as far as somebody has agreed to it."""

    reads: Known | None = None
    safety: Safety | None = None
    places: resolve.Agreed | None = None  # what stood where secrets may; None: whatever stands there is compared


class Request(Struct, frozen=True):
    """What the command line asks of a plan."""

    environment: Environment
    secrets: Values
    keys: Keys
    consent: plan.Consent = field(default_factory=plan.Consent)
    adopt: bool = False
    destroy: bool = False
    warnings: tuple[Complaint, ...] = ()
    sources: Sources | None = None  # of watched documents; None: they are not looked at
    safety: Safety | None = None  # limits on deletes, to be remembered by an apply; None: those that are known stay
    others: Callable[[], Others] = Others  # what the project's other environments have bound
    reads: Known | None = None  # what the files make this environment read, to be remembered; None: what is known stays
    former: Former = Former()  # what the branch that a pull request is for says; without one, the last apply counts


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
    custody: Custody = Custody()
    unset: tuple[Complaint, ...] = ()  # places of secrets that have no value here

    @property
    def externals(self) -> dict[str, str]:
        """Ids of external objects, by address."""
        return {str(item.address): item.external_id for item in self.desired if item.external_id}


def prepare(manifests: Sequence[Manifest], kinds: Kinds, api: Reader, store: Store, request: Request) -> Prepared:
    """Work out what apply would do; change nothing."""
    return beside.steady(
        lambda: opened(store, request.keys),
        lambda found: _prepared(manifests, kinds, api, found, request),
        lambda made: beside.surprises(made.plan),
    )


def _prepared(
    manifests: Sequence[Manifest], kinds: Kinds, api: Reader, found_here: Opened, request: Request
) -> Prepared:
    before, custody = found_here.replay, found_here.custody
    state, lost = recovered(kinds, api, found_here, manifests)
    moved, moves = move.follow(() if request.destroy else manifests, state.bindings)
    state = replace(state, bindings=moved)
    foreign = {(m.address.kind, m.external_id) for m in manifests if m.external_id}
    bindings = observe.promoted(api, kinds, tuple(state.bindings.values()))
    bindings = tuple(diff.disowned(one, foreign) for one in bindings)
    externals = [(m.external_id, m.address) for m in manifests if m.external_id]
    check_single(bindings)
    managed = frozenset(m.address for m in manifests if not m.external_id)
    declared = {address for _, address in externals}
    ids = observe.known_ids((one for one in bindings if one.address not in declared), externals, managed)
    # Until now an address has meant what is bound to it, also where the manifests call another object external there.
    meant = {str(one): remote_id for remote_id, one in externals}
    meant |= {str(one.address): one.remote_id for one in bindings if one.address in declared}
    in_names = partial(observe.in_names, ids=dict(ids), externals=meant)
    wanted = [m for m in manifests if not request.destroy or m.external_id]
    key = custody.prints
    desired = resolve.resolve(
        wanted, kinds, secrets=request.secrets, key=key, ids=ids, agreed=request.former.places, applied=bindings
    )
    agreed = request.former.reads or state.reads
    now = request.reads or agreed or Known()
    desired = novelty.marked(desired, novelty.untried(agreed, now))
    desired, unseen = watch.looked_at(desired, {b.address: b for b in bindings}, request.sources)
    account = observe.snapshot(api, kinds, desired, bindings, observe.lens(kinds, ids, key, bindings, manifests))
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
        spelled=diff.spelled(wanted, ids),
    )
    found = diff.asked(found, "destroy was asked for") if request.destroy else found
    others = _others(request, found.changes)
    made = plan.make(
        found.changes,
        found.drift,
        (*(b for b in bindings if state.bindings[b.address] != b), *found.settled) if custody.trusted else (),
        bindings={b.address: b for b in bindings},
        consent=replace(request.consent, adopt=request.adopt),
        no_op=found.no_op,
        along=found.along,
        warnings=(
            *request.warnings,
            *(novelty.told(agreed, now) if request.reads else ()),
            *custody.remarks(),
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
    # A state that was never written is not made for the sake of its seal alone.
    behind = made.recovered or bool(moves) or (custody.is_behind(state) and (bool(state.serial) or made.writes))
    return Prepared(made, current, desired, request, ids, by_kind, lost, recovered=behind, custody=custody)


def _others(request: Request, changes: Iterable[Change]) -> Others:
    """What other environments have bound; looked up only where objects have the names of planned creates."""
    named = any(change.rivals or change.action is Action.ADOPT for change in changes)
    return request.others() if named else Others()


def recovered(
    kinds: Kinds, api: Reader, found: Opened, manifests: Iterable[Manifest] = ()
) -> tuple[State, tuple[Intent, ...]]:
    """The state with what an interrupted run did, and creates of it that have not shown in the account."""
    replayed = found.replay
    if not replayed.pending:
        return replayed.state, ()
    # Whatever an address in what was sent has stood for: external objects and older halves of replacements, too.
    bindings = replayed.state.bindings.values()
    sent = {remote_id: Address.parse(one) for intent in replayed.pending for one, remote_id in intent.ids.items()}
    externals = [(one.external_id, one.address) for one in manifests if one.external_id]
    ids = {**observe.halves(bindings), **sent, **observe.known_ids(bindings, externals)}
    lens = observe.lens(kinds, ids, found.custody.prints, bindings, manifests, replayed.pending)
    return recover.settle(
        replayed,
        kinds,
        lambda kind: observe.listed(api, kind, lens),
        lambda kind, remote_id: observe.read(api, kind, remote_id, lens),
    )


def checkpoint(
    state: State, store: Store, request: Request, custody: Custody, archive: Archive = lambda _: None
) -> State:
    """Make a recovered or new state durable before anything is built on it."""
    custody.check_trusted()
    current = custody.sealed(replace(owner.owned(state, request.environment), serial=state.serial + 1))
    store.write(current)
    archive(store.journal())
    store.clear_journal()
    return current


def check_trusted(prepared: Prepared) -> None:
    """Refuse to write by a state of unknown origin; where nothing is to be done, it does no harm."""
    if prepared.plan.steps or prepared.plan.refused or prepared.recovered:
        prepared.custody.check_trusted()


def open_ledger(prepared: Prepared, store: Store, archive: Archive = lambda _: None) -> Ledger:
    """The state to carry a plan out on; what an interrupted run left is made durable first."""
    state, custody = owner.owned(prepared.state, prepared.request.environment), prepared.custody
    check_trusted(prepared)
    if prepared.recovered:
        state = checkpoint(state, store, prepared.request, custody, archive)
    return Ledger(store, state, ids=prepared.ids, archive=archive, custody=custody)


def carry_out(prepared: Prepared, this: apply.Run) -> tuple[tuple[Outcome, ...], TavusctlError | None]:
    """Do what the plan says; the outcomes, and what went wrong with the state at the end, if anything did."""
    outcomes = apply.run(this, prepared.plan)
    if this.ledger.pending:
        return outcomes, None  # the journal has what nobody knows yet, and stays until a run has looked
    try:
        state = this.ledger.state
        safety, reads = prepared.request.safety or state.safety, prepared.request.reads or state.reads
        # A state that nothing has been written to has no need to know limits and names.
        others = state.serial and (safety, reads) != (state.safety, state.reads)
        if prepared.plan.steps or prepared.plan.settled or others:
            this.ledger.remember(safety, reads)
            this.ledger.checkpoint()
    except TavusctlError as error:
        return outcomes, error
    return outcomes, None


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
    found_here = opened(store, request.keys)
    before, custody = found_here.replay, found_here.custody
    state, lost = recovered(kinds, api, found_here)
    recover.check_found(lost)
    if past.lineage != state.lineage:
        message = f"the run {past.run} belongs to another state"
        raise StateError(message, "choose its environment with --env", id="E931")
    bindings = tuple(state.bindings.values())
    ids = observe.known_ids(bindings)
    lens = observe.lens(kinds, ids, custody.prints, bindings, manifests)
    account = observe.snapshot(api, kinds, (), bindings, lens)
    check_owner(state, request, len(bindings), len(account.missing))
    ids = observe.present(ids, account.missing)
    live = {(one.kind.name, one.remote_id): one for one in account.live}
    touched = {*(one.address.kind for one in past.intents), *(one.address.kind for one in past.forgotten)}
    for name in touched - {kind for kind, _ in live}:
        live.update({(name, one.remote_id): one for one in observe.listed(api, kinds[name], lens)})
    secrets, unset = resolve.sealed(manifests, request.secrets, custody.prints)
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
    behind = bool(before.records) or custody.is_behind(state)
    return Prepared(made, state, (), request, ids, by_kind, (), recovered=behind, custody=custody)


def _occasion(api: Reader, state: State, request: Request, live: Iterable[Live]) -> plan.Occasion:
    environment = request.environment
    label = environment.account or state.account
    before = request.former.safety
    known = strictest(before, state.safety) if before and state.safety else before or state.safety
    taken, limits = quota.taken(live), raised(known, request.safety) if request.safety else ()
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
    owner.check(state, request.environment, request.keys.api_key, bound=bound, missing=missing, agreed=agreed)
