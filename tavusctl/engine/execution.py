"""Carry a plan out: open its state, run its steps, and write the state at the end."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from msgspec.structs import replace

from tavusctl.core.errors import TavusctlError
from tavusctl.core.model import Live, Outcome
from tavusctl.core.ports import Reader, State, Store
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine import apply, diff
from tavusctl.engine.account import observe, referrers
from tavusctl.engine.account.observe import Decoder
from tavusctl.engine.compare import match_create
from tavusctl.engine.compare.match_create import SearchResult, SentCreate
from tavusctl.engine.compare.three_way import unkept_fields
from tavusctl.engine.prepared_plan import PlanInputs, PreparedPlan
from tavusctl.engine.safety import account_guard
from tavusctl.state.journal import CallOutcome
from tavusctl.state.recorder import Recorder
from tavusctl.state.run_records import RunRecords
from tavusctl.state.seals import Seals


def checkpoint(
    state: State,
    store: Store,
    inputs: PlanInputs,
    seals: Seals,
    archive: RunRecords,
    recovered: Sequence[CallOutcome] = (),
) -> State:
    """Make a recovered or new state durable before anything is built on it.

    The records of an interrupted run are archived with what was found out about its calls (`recovered`).
    """
    seals.check_trusted()
    state = replace(
        state,
        bindings={address: seals.binding_without_secret_values(binding) for address, binding in state.bindings.items()},
    )
    current = seals.sealed(
        replace(account_guard.with_account_label(state, inputs.environment), serial=state.serial + 1)
    )
    store.write(current)
    archive.keep(seals.extend(store.journal(), [_without_secrets(outcome, seals).record() for outcome in recovered]))
    store.clear_journal()
    return current


def _without_secrets(outcome: CallOutcome, seals: Seals) -> CallOutcome:
    binding = outcome.binding
    return replace(outcome, binding=seals.binding_without_secret_values(binding)) if binding else outcome


def check_trusted(prepared: PreparedPlan) -> None:
    """Refuse to write with a state of unknown origin, unless the plan is empty."""
    if prepared.plan.steps or prepared.plan.refused or prepared.state_is_behind:
        prepared.seals.check_trusted()


def open_recorder(prepared: PreparedPlan, store: Store, archive: RunRecords) -> Recorder:
    """A recorder for the state of a plan; if the state on disk is behind, the current one is written first."""
    state, seals = account_guard.with_account_label(prepared.state, prepared.inputs.environment), prepared.seals
    check_trusted(prepared)
    if prepared.state_is_behind:
        state = checkpoint(state, store, prepared.inputs, seals, archive, prepared.recovered.outcomes)
    return Recorder(store, state, ids=prepared.ids, archive=archive.keep, seals=seals)


def carry_out(prepared: PreparedPlan, ctx: apply.ApplyContext) -> tuple[tuple[Outcome, ...], TavusctlError | None]:
    """Carry a plan out; return the outcomes of its steps, and the error of writing the state at the end, if any."""
    outcomes = apply.run(ctx, prepared.plan)
    if ctx.recorder.pending:
        return outcomes, None  # the journal holds calls of unknown outcome: a later run needs it to find out
    try:
        if prepared.plan.steps or prepared.plan.settled or prepared.learns_settings:
            ctx.recorder.remember(*prepared.known_settings)
            ctx.recorder.checkpoint()
    except TavusctlError as error:
        return outcomes, error
    return outcomes, None


def dependencies(
    prepared: PreparedPlan, api: Reader, recorder: Recorder, save_body: apply.SaveBody, upload_file: apply.UploadFile
) -> apply.Dependencies:
    """The functions of other stages that an apply calls, bound to the plan that it carries out."""
    key = prepared.seals.fingerprint_key
    decoder = observe.decoder(recorder.ids, key, recorder.state.bindings.values(), prepared.desired)

    def find_created(sent: SentCreate, known_ids: Sequence[str]) -> SearchResult:
        live = _listed(api, sent.kind, decoder, recorder)
        newest = max((obj.created for obj in live), default="")
        return SearchResult(match_create.created_id(sent, live, frozenset(known_ids)), newest)

    def possible_duplicates(sent: SentCreate, known_ids: Sequence[str]) -> tuple[Live, ...]:
        return match_create.possible_duplicates(sent, _listed(api, sent.kind, decoder, recorder), frozenset(known_ids))

    return apply.Dependencies(
        partial(observe.read, api, decoder=decoder),
        partial(observe.is_listed, api),
        partial(referrers.users, api, decoder=decoder),
        diff.with_applied,
        unkept_fields,
        find_created,
        possible_duplicates,
        save_body,
        upload_file,
    )


def _listed(api: Reader, kind: ResourceKind, decoder: Decoder, recorder: Recorder) -> tuple[Live, ...]:
    """All objects of a kind; successors and old versions of replacements count as managed, as bound objects do."""
    managed_ids = {**observe.replacement_ids(recorder.state.bindings.values()), **recorder.ids}
    return observe.listed(api, kind, replace(decoder, ids=managed_ids))
