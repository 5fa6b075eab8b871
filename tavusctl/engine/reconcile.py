"""The whole path on one screen: manifests and account to a plan.  Each stage takes and gives whole values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import starmap

from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.diagnostics import Diagnostic
from tavusctl.core.errors import StateError
from tavusctl.core.model import Action, Change, Desired, Live, Manifest, Plan
from tavusctl.core.ports import Others, Reader, State, Store
from tavusctl.core.project_settings import Known, raised, strictest
from tavusctl.crawl import quota
from tavusctl.engine import diff, plan, recovery, remarks, renames, resolve, source_watch
from tavusctl.engine.account import observe, steady_reads
from tavusctl.engine.account.observe import AccountSnapshot, Decoder, Names
from tavusctl.engine.prepared_plan import Kinds, PlanOptions, PreparedPlan
from tavusctl.engine.safety import account_guard, novelty
from tavusctl.lib.json_types import JsonObject
from tavusctl.state.journal import FinishedRun, Intent
from tavusctl.state.seals import SealedState, opened


def prepare(
    manifests: Sequence[Manifest], kinds: Kinds, api: Reader, store: Store, request: PlanOptions
) -> PreparedPlan:
    """Work out what apply would do; change nothing."""
    return steady_reads.steady(
        lambda: opened(store, request.keys),
        lambda sealed: _prepared(manifests, kinds, api, sealed, request),
        lambda made: steady_reads.surprises(made.plan),
    )


def _prepared(
    manifests: Sequence[Manifest], kinds: Kinds, api: Reader, sealed: SealedState, request: PlanOptions
) -> PreparedPlan:
    before, lost, cost = recovered(kinds, api, sealed, manifests)  # finish what an interrupted run left
    addressed, moves = renames.follow(() if request.destroy else manifests, before.bindings)
    before = replace(before, bindings=addressed)
    asked = [one for one in manifests if not request.destroy or one.external_id]
    wanted = _with_wanted_halves(asked, kinds, sealed, before, request)
    state = diff.without_externals(observe.finish_replacements(api, kinds, wanted), manifests)
    check_single(state.bindings.values())
    names = observe.names(state, manifests)
    desired, unseen = _desired(asked, kinds, sealed, state, names, request)
    account = _observed(api, kinds, desired, state, _decoder(kinds, sealed, state, names.ids, manifests), request)
    comparison = _compared(asked, desired, account, state, names, request)
    seen = (
        *_news(sealed, request),
        *sealed.custody.remarks(),
        *_diagnosed(account, comparison, state, names, lost, request),
    )
    settled = replace(comparison, settled=_learned(comparison, before, state, sealed))
    made = _planned(api, settled, state, account, request, warnings=(*request.warnings, *cost, *seen, *unseen))
    made = replace(made, awaited=plan.awaited(made, desired, account.live, request.consent))
    # What a run does is recorded under the new addresses: they must be on disk before.
    made = replace(made, moves=moves, recovered=bool(sealed.replay.records))
    # A state that was never written is not made for the sake of its seal alone.
    unsealed = sealed.custody.is_behind(before) and (bool(before.serial) or made.writes)
    return PreparedPlan(
        made,
        state,
        desired,
        request,
        account.ids,
        account.known(kinds),
        lost,
        recovered=made.recovered or bool(moves) or unsealed,
        custody=sealed.custody,
    )


def recovered(
    kinds: Kinds, api: Reader, sealed: SealedState, manifests: Iterable[Manifest] = ()
) -> tuple[State, tuple[Intent, ...], tuple[Diagnostic, ...]]:
    """The state with what an interrupted run did, its creates that have not shown in the account, and what it cost.

    Whoever makes the state durable without a plan has to tell the cost: nothing else remembers it.
    """
    state, lost = _settled(kinds, api, sealed, manifests)
    return state, lost, tuple(starmap(remarks.discarded, recovery.discarded(sealed.replay, state)))


def _settled(
    kinds: Kinds, api: Reader, sealed: SealedState, manifests: Iterable[Manifest]
) -> tuple[State, tuple[Intent, ...]]:
    replayed = sealed.replay
    if not replayed.pending:
        return replayed.state, ()
    # Whatever an address in what was sent has stood for: external objects and older halves of replacements, too.
    bindings = replayed.state.bindings.values()
    sent = {remote_id: Address.parse(one) for intent in replayed.pending for one, remote_id in intent.ids.items()}
    externals = [(one.external_id, one.address) for one in manifests if one.external_id]
    ids = {**observe.halves(bindings), **sent, **observe.known_ids(bindings, externals)}
    lens = observe.lens(kinds, ids, sealed.custody.prints, bindings, manifests, replayed.pending)
    return recovery.settle(
        replayed,
        kinds,
        lambda kind: observe.listed(api, kind, lens),
        lambda kind, remote_id: observe.read(api, kind, remote_id, lens),
    )


def prepare_undo(
    past: FinishedRun,
    trash: Mapping[str, JsonObject],
    kinds: Kinds,
    api: Reader,
    store: Store,
    request: PlanOptions,
    *,
    manifests: Sequence[Manifest] = (),
    recreate: bool,
) -> PreparedPlan:
    """Work out what reverses one apply; change nothing.  What `manifests` name as secrets can be sent again."""
    from tavusctl.engine import undo  # noqa: PLC0415 - a plan needs none of it, and is to start at once

    sealed = opened(store, request.keys)
    state, lost, cost = recovered(kinds, api, sealed)
    recovery.check_found(lost)
    _check_lineage(past, state)
    decoder = _decoder(kinds, sealed, state, observe.names(state).ids, manifests)
    account = observe.with_kinds(
        api, kinds, _observed(api, kinds, (), state, decoder, request), _touched(past), decoder
    )
    secrets, unset = resolve.sealed(manifests, request.secrets, sealed.custody.prints)
    context = undo.UndoContext(kinds, state.bindings, account.by_id, account.ids, trash, recreate, secrets, unset)
    found = undo.reverse(renames.remembered(past, state.bindings), context)
    made = plan.make(
        found.changes,
        (),
        found.settled,
        bindings=state.bindings,
        consent=request.consent,
        warnings=(*cost, *found.warnings),
        occasion=_metadata(api, state, request, account.live),
    )
    made = replace(made, refused=(*found.refused, *made.refused), recovered=bool(sealed.replay.records))
    behind = made.recovered or sealed.custody.is_behind(state)
    return PreparedPlan(
        made, state, (), request, account.ids, account.known(kinds), recovered=behind, custody=sealed.custody
    )


def _check_lineage(past: FinishedRun, state: State) -> None:
    if past.lineage != state.lineage:
        message = f"the run `{past.run}` belongs to another state"
        raise StateError(message, "choose its environment with `--env`", id="E931")


def _touched(past: FinishedRun) -> set[str]:
    """Kinds of objects that a run changed or let go."""
    return {*(one.address.kind for one in past.intents), *(one.address.kind for one in past.forgotten)}


def _with_wanted_halves(
    asked: Sequence[Manifest], kinds: Kinds, sealed: SealedState, state: State, request: PlanOptions
) -> State:
    """The state without the new halves of replacements that manifests have given up since: none may come into use."""
    if not any(one.successor for one in state.bindings.values()):
        return state
    desired = _resolved(asked, kinds, sealed, state, observe.names(state, asked), request)
    return replace(state, bindings=diff.without_given_up(desired, state.bindings))


def _desired(
    asked: Sequence[Manifest], kinds: Kinds, sealed: SealedState, state: State, names: Names, request: PlanOptions
) -> tuple[tuple[Desired, ...], tuple[Diagnostic, ...]]:
    """What manifests want, with what is new about it and how watched sources look; and which could not be seen."""
    desired = _resolved(asked, kinds, sealed, state, names, request)
    desired = novelty.marked(desired, novelty.untried(*_reads(state, request)))
    return source_watch.looked_at(desired, state.bindings, request.sources)


def _resolved(
    asked: Sequence[Manifest], kinds: Kinds, sealed: SealedState, state: State, names: Names, request: PlanOptions
) -> tuple[Desired, ...]:
    return resolve.resolve(
        asked,
        kinds,
        secrets=request.secrets,
        key=sealed.custody.prints,
        ids=names.ids,
        agreed=request.former.places,
        applied=tuple(state.bindings.values()),
        sent=state.reads.used if state.reads else None,
    )


def _reads(state: State, request: PlanOptions) -> tuple[Known | None, Known]:
    """What the environment may read by what somebody has agreed to, and what it reads now."""
    agreed = request.former.reads or state.reads
    return agreed, request.reads or agreed or Known()


def _news(sealed: SealedState, request: PlanOptions) -> Iterator[Diagnostic]:
    if request.reads:
        yield from novelty.told(*_reads(sealed.replay.state, request))


def _decoder(
    kinds: Kinds, sealed: SealedState, state: State, ids: Mapping[str, Address], manifests: Sequence[Manifest]
) -> Decoder:
    return observe.lens(kinds, ids, sealed.custody.prints, state.bindings.values(), manifests)


def _observed(
    api: Reader, kinds: Kinds, desired: Sequence[Desired], state: State, decoder: Decoder, request: PlanOptions
) -> AccountSnapshot:
    """The account; refused where it is another than the one that the state is about."""
    account = observe.snapshot(api, kinds, desired, tuple(state.bindings.values()), decoder)
    check_owner(state, request, len(state.bindings), len(account.missing))
    return account


def _compared(
    asked: Sequence[Manifest],
    desired: Sequence[Desired],
    account: AccountSnapshot,
    state: State,
    names: Names,
    request: PlanOptions,
) -> diff.Comparison:
    found = diff.compare_all(
        desired,
        account.live,
        [names.today(one) for one in state.bindings.values()],
        account.missing,
        adopt=request.adopt,
        again=request.consent.replace,
        in_names=names.today,
        spelled=diff.spelled(asked, account.ids),
    )
    return diff.asked(found, "destroy was requested") if request.destroy else found


def _diagnosed(
    account: AccountSnapshot,
    found: diff.Comparison,
    state: State,
    names: Names,
    lost: Sequence[Intent],
    request: PlanOptions,
) -> Iterator[Diagnostic]:
    """What the account shows that the plan does not change."""
    yield from map(remarks.doubt, lost)
    yield from remarks.failures(account.live, found.changes)
    yield from diff.namesakes(account.live, tuple(state.bindings.values()), lambda: request.others().owners)
    yield from map(remarks.otherwise, found.otherwise)
    yield from remarks.drafts(account.live)
    behind = [names.today(one) for one in state.bindings.values() if one.not_live]
    yield from remarks.not_live(behind, account.live, found.changes)


def _planned(
    api: Reader,
    found: diff.Comparison,
    state: State,
    account: AccountSnapshot,
    request: PlanOptions,
    *,
    warnings: Sequence[Diagnostic],
) -> Plan:
    """The plan that settles what a comparison has found."""
    changes = diff.finishing(found.changes, state.bindings) if request.consent.finish else found.changes
    others = _others(request, changes)
    return plan.make(
        changes,
        found.drift,
        found.settled,
        bindings=state.bindings,
        consent=replace(request.consent, adopt=request.adopt),
        no_op=found.no_op,
        along=found.along,
        warnings=(*warnings, *remarks.unread(others)),
        occasion=replace(_metadata(api, state, request, account.live), owners=others.owners),
    )


def _learned(found: diff.Comparison, before: State, state: State, sealed: SealedState) -> tuple[Binding, ...]:
    """What the state learns without a step; nothing, where it is of unknown origin."""
    finished = [one for address, one in state.bindings.items() if before.bindings[address] != one]
    return (*finished, *found.settled) if sealed.custody.trusted else ()


def _others(request: PlanOptions, changes: Iterable[Change]) -> Others:
    """What other environments have bound; looked up only where objects have the names of planned creates."""
    named = any(change.rivals or change.action is Action.ADOPT for change in changes)
    return request.others() if named else Others()


def _metadata(api: Reader, state: State, request: PlanOptions, live: Iterable[Live]) -> plan.PlanMetadata:
    environment = request.environment
    label = environment.account or state.account
    before = request.former.safety
    known = strictest(before, state.safety) if before and state.safety else before or state.safety
    taken, limits = quota.taken(live), raised(known, request.safety) if request.safety else ()
    return plan.PlanMetadata(environment.name, label, api.server_time(), taken, environment.crawl_limit, limits)


def check_single(bindings: Iterable[Binding]) -> None:
    """Refuse a state in which two addresses mean one object: each would undo what the other does."""
    owners: dict[tuple[str, str], Address] = {}
    for one in bindings:
        other = owners.setdefault((one.address.kind, one.remote_id), one.address)
        if other != one.address:
            message = f"`{other}` and `{one.address}` are bound to the same object, {one.remote_id}"
            raise StateError(
                message,
                f"run `tavusctl state rm {one.address}` to remove one binding; the object is not deleted",
                id="E917",
            )


def check_owner(state: State, request: PlanOptions, bound: int = 0, missing: int = 0) -> None:
    """Refuse to work on another account than the one the state is about, or on one that was emptied."""
    agreed = request.consent.recreate
    account_guard.check(state, request.environment, request.keys.api_key, bound=bound, missing=missing, agreed=agreed)
