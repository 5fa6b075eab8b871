"""Carry a plan out: open its state, run its steps, and write the state at the end."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from tavusctl.core.errors import TavusctlError
from tavusctl.core.model import Outcome
from tavusctl.core.ports import State, Store
from tavusctl.engine import apply
from tavusctl.engine.prepared_plan import ArchiveRun, PlanInputs, PreparedPlan
from tavusctl.engine.safety import account_guard
from tavusctl.state.journal import CallOutcome
from tavusctl.state.recorder import Recorder
from tavusctl.state.seals import Seals


def checkpoint(
    state: State,
    store: Store,
    inputs: PlanInputs,
    seals: Seals,
    archive: ArchiveRun,
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
    archive(seals.extend(store.journal(), [_without_secrets(outcome, seals).record() for outcome in recovered]))
    store.clear_journal()
    return current


def _without_secrets(outcome: CallOutcome, seals: Seals) -> CallOutcome:
    binding = outcome.binding
    return replace(outcome, binding=seals.binding_without_secret_values(binding)) if binding else outcome


def check_trusted(prepared: PreparedPlan) -> None:
    """Refuse to write with a state of unknown origin, unless the plan is empty."""
    if prepared.plan.steps or prepared.plan.refused or prepared.state_is_behind:
        prepared.seals.check_trusted()


def open_recorder(prepared: PreparedPlan, store: Store, archive: ArchiveRun) -> Recorder:
    """A recorder for the state of a plan; if the state on disk is behind, the current one is written first."""
    state, seals = account_guard.with_account_label(prepared.state, prepared.inputs.environment), prepared.seals
    check_trusted(prepared)
    if prepared.state_is_behind:
        state = checkpoint(state, store, prepared.inputs, seals, archive, prepared.recovered_calls)
    return Recorder(store, state, ids=prepared.ids, archive=archive, seals=seals)


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
