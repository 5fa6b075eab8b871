"""Delete all managed objects."""

from __future__ import annotations

from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.app.planning.execution import Dialogue, RunResult, check_safety, run_plan
from tavusctl.app.planning.plan_options import PlanOptions
from tavusctl.app.planning.prepare import Basis, prepare, wait_for_creates
from tavusctl.app.session.keyring import keys
from tavusctl.app.session.online import Session
from tavusctl.core.address import Address
from tavusctl.core.errors import RefusedError
from tavusctl.core.messages import counted
from tavusctl.core.model import Plan
from tavusctl.engine.execution import check_trusted
from tavusctl.engine.plan import count_deletes
from tavusctl.state.seals import open_state


class DestroyOptions(Struct, frozen=True):
    """What a destroy is allowed to do."""

    yes: bool = False  # destroy without a confirmation
    allow_deletes: int | None = None
    allow_replica_delete: frozenset[Address] = frozenset()
    lock_timeout: float = 0.0


def destroy(session: Session, options: DestroyOptions, dialogue: Dialogue) -> RunResult:
    """Delete all managed objects, after the user has typed the name of the account."""
    everything = PlanOptions(allow_replica_delete=options.allow_replica_delete, destroy=True)
    session.check_state_is_kept()
    store = session.store()
    with store.lock(options.lock_timeout, "destroy"), session.client() as api:
        basis = Basis(read_state=partial(open_state, store, keys(session)))
        prepared = wait_for_creates(session, api, lambda: prepare(session, api, everything, basis=basis))
        plan = prepared.plan
        dialogue.show(plan)
        check_trusted(prepared)
        if plan.steps:
            _agree(session, plan, options, dialogue)
        # The question for the account's name has shown the number of deletes, so the answer allows them.
        allowed = options.allow_deletes if options.allow_deletes is not None else count_deletes(plan)
        check_safety(session, prepared, allowed=allowed)
        return replace(run_plan(session, api, store, prepared, dialogue), again="destroy")


def _agree(session: Session, plan: Plan, options: DestroyOptions, dialogue: Dialogue) -> None:
    """Ask for the name of the account; with `--yes`, require `--allow-deletes` instead."""
    count = count_deletes(plan)
    objects = counted(count, "object")
    if options.yes:
        if options.allow_deletes is None:
            message = f"the plan deletes {objects}; `--yes` alone does not confirm deletes"
            raise RefusedError(message, f"review the plan, then add `--allow-deletes {count}`", id="E410")
        return
    script_hint = f"add `--yes` and `--allow-deletes {count}`"
    required_answer = session.environment.account or session.environment.name
    dialogue.require_answer(f"Delete {objects}", required_answer, action="destroy", hint=script_hint)
