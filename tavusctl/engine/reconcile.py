"""The whole path from manifests, state and account to a plan.  Each stage takes and returns complete values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import pairwise, starmap

from msgspec.structs import replace

from tavusctl.core.address import Address, ObjectKey
from tavusctl.core.binding import Binding
from tavusctl.core.diagnostics import Diagnostic
from tavusctl.core.errors import StateError
from tavusctl.core.json_tree import share_parts
from tavusctl.core.model import Action, Change, Desired, Live, Manifest, Plan
from tavusctl.core.ports import OtherBindings, Reader, State, Store
from tavusctl.core.project_settings import ApprovedInputs, raised_limits, strictest_limits
from tavusctl.crawl import quota
from tavusctl.engine import diff, plan, recovery, remarks, renames, resolve, source_watch
from tavusctl.engine.account import observe, referrers, steady_reads, successors
from tavusctl.engine.account.observe import AccountSnapshot, Decoder, Names
from tavusctl.engine.prepared_plan import PlanInputs, PreparedPlan
from tavusctl.engine.recovery import Recovered
from tavusctl.engine.safety import account_guard, duplicates, novelty, protection, taken_names
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import JsonObject
from tavusctl.state.journal import FinishedRun, Intent
from tavusctl.state.seals import SealedState, open_state


def prepare(
    manifests: Sequence[Manifest], api: Reader, read_state: Callable[[], SealedState], inputs: PlanInputs
) -> PreparedPlan:
    """The plan of what an apply would do; nothing is changed."""
    for before, manifest in pairwise(manifests):  # those of one team are often alike
        share_parts(manifest.spec, before.spec)
    return steady_reads.read_consistently(
        lambda: _with_shared_parts(read_state(), manifests),
        lambda sealed: _prepare_once(manifests, api, sealed, inputs),
        lambda prepared: steady_reads.doubtful_addresses(prepared.plan),
    )


def _prepare_once(manifests: Sequence[Manifest], api: Reader, sealed: SealedState, inputs: PlanInputs) -> PreparedPlan:
    recovered = recover(api, sealed, manifests)  # complete an interrupted run
    addressed, moves = renames.follow(() if inputs.approvals.destroy else manifests, recovered.state.bindings)
    recorded_state = replace(recovered.state, bindings=addressed)
    requested = [manifest for manifest in manifests if not inputs.approvals.destroy or manifest.external_id]
    current_state = _without_given_up_successors(requested, sealed, recorded_state, inputs)
    state = diff.without_externals(successors.finish_replacements(api, current_state), manifests)
    check_single(state.bindings.values())
    names = observe.names(state, manifests)
    desired, unread_sources = _resolve_desired(requested, sealed, state, names, inputs)
    staying = {item.address for item in desired if not item.external_id}
    decoder = observe.decoder(names.ids, sealed.seals.fingerprint_key, state.bindings.values(), manifests)
    account = _observe(api, desired, state, decoder, inputs, staying=staying)
    guarded = protection.with_declared(state, manifests) if inputs.approvals.destroy else state
    comparison = _compare(requested, desired, account, guarded, names, inputs)
    complete = replace(comparison, settled=_settle(comparison, recorded_state, state, sealed))
    new_inputs = novelty.warnings(*_reads(sealed.replay.state, inputs)) if inputs.reads else ()
    warnings = (*inputs.warnings, *recovered.warnings, *new_inputs, *sealed.seals.warnings())
    warnings = (*warnings, *_diagnose(account, comparison, state, names, recovered.lost, inputs), *unread_sources)
    result = _make_plan(api, complete, guarded, account, inputs, desired=desired, warnings=warnings)
    result = replace(result, awaited=plan.awaited(result, desired, account.live, inputs.approvals))
    # A run records its steps under the new addresses: the state on disk must have these before.
    result = replace(result, moves=moves, recovered=bool(sealed.replay.records), settings=_settings(sealed, inputs))
    # A state that was never written is not created for its seal alone.
    unsealed = sealed.seals.needs_write(recorded_state) and (bool(recorded_state.serial) or result.writes)
    return PreparedPlan(
        result,
        state,
        desired,
        inputs,
        account.ids,
        account.ids_by_kind(),
        recovered,
        state_is_behind=result.recovered or bool(moves) or unsealed,
        seals=sealed.seals,
        ids_with_secrets=account.ids_with_secrets,
    )


def _with_shared_parts(sealed: SealedState, manifests: Iterable[Manifest]) -> SealedState:
    """The same; what it has applied is in memory once with equal parts of the manifests."""
    bindings = dict(sealed.replay.state.bindings)
    for manifest in manifests:
        binding = bindings.get(manifest.address)
        if binding and share_parts(binding.applied, manifest.spec):
            bindings[manifest.address] = replace(binding, applied=manifest.spec)
    return replace(sealed, replay=replace(sealed.replay, state=replace(sealed.replay.state, bindings=bindings)))


def recover(api: Reader, sealed: SealedState, manifests: Iterable[Manifest] = ()) -> Recovered:
    """The state with the changes of an interrupted run, its creates that are not visible yet, and its warnings.

    The warnings name unpublished edits that the run discarded.  A caller that writes this state without a plan must
    show them: nothing else records them.
    """
    recovered = _recover_calls(api, sealed, manifests) if sealed.replay.pending else Recovered(sealed.replay.state)
    discarded = recovery.discarded_edits(sealed.replay, recovered.state)
    return replace(recovered, warnings=tuple(starmap(remarks.discarded_edits, discarded)))


def _recover_calls(api: Reader, sealed: SealedState, manifests: Iterable[Manifest]) -> Recovered:
    replayed = sealed.replay
    # All ids that an address in a request may have stood for, also external objects and versions of replacements.
    bindings = replayed.state.bindings.values()
    sent_ids = {remote_id: Address.parse(name) for intent in replayed.pending for name, remote_id in intent.ids.items()}
    externals = [(manifest.external_id, manifest.address) for manifest in manifests if manifest.external_id]
    ids = {**observe.replacement_ids(bindings), **sent_ids, **observe.known_ids(bindings, externals)}
    decoder = observe.decoder(ids, sealed.seals.fingerprint_key, bindings, manifests, replayed.pending)
    return recovery.resolve_pending(
        replayed,
        lambda kind: observe.listed(api, kind, decoder),
        lambda kind, remote_id: observe.find(api, kind, remote_id, decoder),
    )


def prepare_undo(
    finished_run: FinishedRun,
    trash: Mapping[str, JsonObject],
    api: Reader,
    store: Store,
    inputs: PlanInputs,
    *,
    manifests: Sequence[Manifest] = (),
    recreate: bool,
) -> PreparedPlan:
    """The plan that reverses one apply; nothing is changed.  Secrets that `manifests` name can be sent again."""
    from tavusctl.engine import undo  # noqa: PLC0415 - a plan does not need this module, and must start fast

    sealed = open_state(store, inputs.keys)
    state = (recovered := recover(api, sealed)).state
    _check_state(finished_run, state)
    key, ids = sealed.seals.fingerprint_key, observe.names(state).ids
    decoder = observe.decoder(ids, key, state.bindings.values(), manifests)
    finished_run = renames.run_with_current_addresses(finished_run, state.bindings)
    account = _observe_for_undo(api, finished_run, state, decoder, inputs)
    secrets = resolve.sealed_secrets(manifests, inputs.secrets, key)
    others = inputs.others() if finished_run.unbound else OtherBindings()
    known = state.bindings, account.by_id, account.ids
    missing = _missing(undo.restored_references(finished_run, account.by_id), api, decoder)
    externals = {(one.address.kind, one.external_id): one.address for one in manifests if one.external_id}
    context = undo.UndoContext(finished_run, *known, trash, recreate, *secrets, others.owners, externals, missing)
    reversal = undo.reverse(context)
    guarded = protection.with_declared(state, manifests).bindings
    changes = protection.with_identity(reversal.changes, state.bindings, account.by_id)
    result = plan.make(
        protection.with_retained(changes, guarded),
        bindings=guarded,
        approvals=inputs.approvals,
        warnings=(*recovered.warnings, *remarks.unread_states(others), *reversal.warnings),
        metadata=_metadata(api, state, inputs, account.live),
    )
    result = replace(result, settled=tuple(reversal.settled), refused=(*reversal.refused, *result.refused))
    result = replace(result, recovered=bool(sealed.replay.records), settings=_settings(sealed, inputs))
    prepared = PreparedPlan(result, state, (), inputs, account.ids, account.ids_by_kind(), recovered)
    return replace(prepared, state_is_behind=result.recovered or sealed.seals.needs_write(state), seals=sealed.seals)


def _observe_for_undo(
    api: Reader, finished_run: FinishedRun, state: State, decoder: Decoder, inputs: PlanInputs
) -> AccountSnapshot:
    """A snapshot with what an undo of a run may change, and with all that may refer to what it may delete."""
    touched = {intent.address for intent in finished_run.intents}
    created = {intent.address for intent in finished_run.intents if not intent.remote_id}
    account = _observe(api, (), state, decoder, inputs, staying=state.bindings.keys() - created, whole=touched)
    return observe.with_kinds(api, account, _touched(finished_run), decoder)


def _missing(keys: Iterable[ObjectKey], api: Reader, decoder: Decoder) -> frozenset[ObjectKey]:
    """The kinds and ids of which the account has no object."""
    return frozenset(one for one in keys if observe.find(api, KINDS[one[0]], one[1], decoder) is None)


def _check_state(finished_run: FinishedRun, state: State) -> None:
    """Refuse the run of another state, and a state that binds two addresses to one object."""
    if finished_run.lineage != state.lineage:
        message = f"the run `{finished_run.run}` belongs to another state"
        raise StateError(message, "choose its environment with `--env`", id="E931")
    check_single(state.bindings.values())


def _touched(finished_run: FinishedRun) -> set[str]:
    return {
        *(intent.address.kind for intent in finished_run.intents),
        *(binding.address.kind for binding in finished_run.unbound),
    }


def _without_given_up_successors(
    manifests: Sequence[Manifest], sealed: SealedState, state: State, inputs: PlanInputs
) -> State:
    """The state without successors of replacements that the manifests have given up since: none may come into use."""
    if not any(binding.successor for binding in state.bindings.values()):
        return state
    desired = _resolve(manifests, sealed, state, observe.names(state, manifests), inputs)
    return replace(state, bindings=diff.without_given_up(desired, state.bindings))


def _resolve_desired(
    manifests: Sequence[Manifest], sealed: SealedState, state: State, names: Names, inputs: PlanInputs
) -> tuple[tuple[Desired, ...], tuple[Diagnostic, ...]]:
    """The desired resources, with what they read for the first time and with fingerprints of watched sources.

    The second value has warnings of sources that could not be checked.
    """
    desired = _resolve(manifests, sealed, state, names, inputs)
    desired = novelty.mark_first_uses(desired, *_reads(state, inputs))
    return source_watch.with_fingerprints(desired, state.bindings, inputs.sources)


def _resolve(
    manifests: Sequence[Manifest], sealed: SealedState, state: State, names: Names, inputs: PlanInputs
) -> tuple[Desired, ...]:
    return resolve.resolve(
        manifests,
        secrets=inputs.secrets,
        key=sealed.seals.fingerprint_key,
        ids=names.ids,
        agreed=inputs.base_settings.places,
        applied=tuple(state.bindings.values()),
        sent=state.reads.used if state.reads else None,
    )


def _reads(state: State, inputs: PlanInputs) -> tuple[ApprovedInputs | None, ApprovedInputs]:
    """What somebody has agreed that the environment reads (None: nothing on record), and what it reads now."""
    agreed = inputs.base_settings.reads or state.reads
    return agreed, inputs.reads or agreed or ApprovedInputs()


def _observe(
    api: Reader,
    desired: Sequence[Desired],
    state: State,
    decoder: Decoder,
    inputs: PlanInputs,
    *,
    staying: AbstractSet[Address],
    whole: AbstractSet[Address] = frozenset(),
) -> AccountSnapshot:
    """A snapshot of the account; StateError if it is not the account of the state.

    For `staying` and `whole` see `with_referring_parts`.
    """
    bindings = tuple(state.bindings.values())
    account = observe.snapshot(api, desired, bindings, decoder, staying | {item.address for item in desired})
    account = referrers.with_referring_parts(api, account, staying, bindings, decoder, whole)
    check_owner(state, inputs, len(state.bindings), len(account.missing))
    return account


def _compare(
    manifests: Sequence[Manifest],
    desired: Sequence[Desired],
    account: AccountSnapshot,
    state: State,
    names: Names,
    inputs: PlanInputs,
) -> diff.Comparison:
    comparison = diff.compare_all(
        desired,
        account.live,
        observe.with_dangling_ids(map(names.with_current_addresses, state.bindings.values()), account, desired),
        adopt=inputs.approvals.import_existing,
        recreate=inputs.approvals.allow_replace,
        with_current_addresses=names.with_current_addresses,
        referrers_by_id=diff.referrers_by_id(manifests, account.ids),
    )
    return diff.on_request(comparison) if inputs.approvals.destroy else comparison


def _diagnose(
    account: AccountSnapshot,
    comparison: diff.Comparison,
    state: State,
    names: Names,
    lost: Sequence[Intent],
    inputs: PlanInputs,
) -> Iterator[Diagnostic]:
    """Warnings about the account that no step of the plan settles."""
    yield from map(remarks.unresolved_create, lost)
    yield from remarks.failures(account.live, comparison.changes)
    yield from remarks.shared_names(account.live, tuple(state.bindings.values()), lambda: inputs.others().owners)
    yield from map(remarks.stored_differently, comparison.stored_differently)
    yield from remarks.unpublished_drafts(account.live)
    unpublished = [names.with_current_addresses(binding) for binding in state.bindings.values() if binding.not_live]
    yield from remarks.not_live(unpublished, account.live, comparison.changes)


def _make_plan(
    api: Reader,
    comparison: diff.Comparison,
    state: State,
    account: AccountSnapshot,
    inputs: PlanInputs,
    *,
    desired: Sequence[Desired],
    warnings: Sequence[Diagnostic],
) -> Plan:
    changes = diff.finish_changes(comparison.changes, state.bindings) if inputs.approvals.finish else comparison.changes
    targets = inputs.approvals.target
    metadata = _metadata(api, state, inputs, account.live)
    targeted = plan.targeted(duplicates.with_renames(changes), desired, targets)
    targeted = taken_names.with_rivals(targeted, metadata.names)
    others = _others(inputs, targeted)
    result = plan.make(
        targeted,
        bindings=state.bindings,
        approvals=inputs.approvals,
        metadata=replace(metadata, owners=others.owners, forgotten=duplicates.forgotten_objects(changes)),
        warnings=(*warnings, *remarks.unread_states(others)),
    )
    return replace(
        result,
        drift=tuple(sorted(comparison.drift, key=lambda entry: entry.address)),
        no_op=comparison.no_op,
        settled=tuple(plan.targeted(comparison.settled, desired, targets)),
        form_changes=tuple(plan.targeted(comparison.form_changes, desired, targets)),
    )


def _settle(
    comparison: diff.Comparison, recorded_state: State, state: State, sealed: SealedState
) -> tuple[Binding, ...]:
    """Bindings that the state records without a step; none if the state is of unknown origin."""
    finished = [binding for address, binding in state.bindings.items() if recorded_state.bindings[address] != binding]
    return (*finished, *comparison.settled) if sealed.seals.trusted else ()


def _settings(sealed: SealedState, inputs: PlanInputs) -> tuple[str, ...]:
    """What differs from the record of the project's settings; settings that no apply has recorded yet do not count."""
    state = sealed.replay.state
    if inputs.approvals.finish or not (state.serial and sealed.seals.trusted):
        return ()
    differs = {
        "keys": sealed.seals.needs_write(state),
        "account": inputs.environment.account not in ("", state.account),
        "safety": bool(inputs.safety and state.safety) and inputs.safety != state.safety,
        "reads": bool(inputs.reads and state.reads and _reads_differ(state.reads, inputs.reads, inputs)),
    }
    return tuple(name for name, is_different in differs.items() if is_different)


def _reads_differ(before: ApprovedInputs, now: ApprovedInputs, inputs: PlanInputs) -> bool:
    """Whether an apply would record other names; where these are limited, whether there are new ones."""
    return bool(novelty.warnings(before, now)) if inputs.reads_limited else now != before


def _others(inputs: PlanInputs, changes: Iterable[Change]) -> OtherBindings:
    """What other environments have bound; read only if objects have the names of planned creates."""
    has_rivals = any(change.rivals or change.action is Action.ADOPT for change in changes)
    return inputs.others() if has_rivals else OtherBindings()


def _metadata(api: Reader, state: State, inputs: PlanInputs, live: Sequence[Live]) -> plan.PlanMetadata:
    environment = inputs.environment
    label = environment.account or state.account
    agreed = inputs.base_settings.safety
    previous = strictest_limits(agreed, state.safety) if agreed and state.safety else agreed or state.safety
    names, source = taken_names.holders(live), environment.key_source
    crawls, limits = quota.count_crawls(live), raised_limits(previous, inputs.safety) if inputs.safety else ()
    return plan.PlanMetadata(
        environment.name, label, api.server_time(), crawls, environment.crawl_limit, limits, source, names=names
    )


def check_single(bindings: Iterable[Binding]) -> None:
    """Refuse a state that binds two addresses to one object: each would undo the changes of the other, or delete it."""
    owners: dict[ObjectKey, Binding] = {}
    versions = [(binding, one) for binding in bindings for one in (binding.remote_id, *binding.other_versions)]
    for binding, remote_id in versions:
        other = owners.setdefault((binding.address.kind, remote_id), binding)
        if other.address != binding.address:
            raise _doubly_bound(other, binding, remote_id)


def _doubly_bound(one: Binding, other: Binding, remote_id: str) -> StateError:
    """The error about an object of two bindings; it may be a version of a replaced object."""
    message = f"`{one.address}` and `{other.address}` are bound to the same object, {remote_id}"
    hint = f"run `tavusctl state rm {other.address}` to remove one binding; the object is not deleted"
    replaced, kept = (one, other) if other.remote_id == remote_id else (other, one)
    if replaced.remote_id != remote_id:
        hint = (
            f"a replacement of `{replaced.address}` is to use or to delete it: run `tavusctl state rm "
            f"{replaced.address}` to leave it to `{kept.address}`, or `tavusctl state rm {kept.address}`"
        )
    return StateError(message, hint, id="E917")


def check_owner(state: State, inputs: PlanInputs, bound: int = 0, missing: int = 0) -> None:
    """Refuse an account that is not the one of the state, or that was emptied."""
    agreed = inputs.approvals.allow_recreate
    account_guard.check(state, inputs.environment, inputs.keys.api_key, bound=bound, missing=missing, agreed=agreed)
