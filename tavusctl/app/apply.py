"""Apply the manifests to the account."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from msgspec import Struct

from tavusctl.api import Client
from tavusctl.app.planning import plan_file, plan_options
from tavusctl.app.planning.execution import (
    Dialogue,
    RunResult,
    check_draft_addresses,
    check_drafts,
    check_safety,
    confirm,
    run_plan,
)
from tavusctl.app.planning.plan_options import PlanOptions
from tavusctl.app.planning.prepare import Basis, prepare, read_afresh, wait_for_creates
from tavusctl.app.session import unchanged
from tavusctl.app.session.keyring import keys
from tavusctl.app.session.online import Session
from tavusctl.core.model import Plan
from tavusctl.core.ports import Store
from tavusctl.engine.apply import DraftConsent
from tavusctl.engine.execution import check_trusted
from tavusctl.engine.prepared_plan import PreparedPlan
from tavusctl.engine.safety.protection import check_lowered
from tavusctl.state.seals import open_state


class ApplyOptions(Struct, frozen=True):
    """What an apply is allowed to do, and how long it may take."""

    plan: PlanOptions
    plan_file: Path | None = None
    yes: bool = False  # apply without a confirmation
    allow_deletes: int | None = None
    allow_lowered: int | None = None
    wait: float = 0.0  # seconds, for background work
    lock_timeout: float = 0.0
    parallel: int | None = None
    drafts: DraftConsent = DraftConsent()

    @property
    def expects(self) -> bool:
        """Whether an option presumes a certain plan: a plan file, a number of changes, or addresses of drafts."""
        expectations = self.plan_file, self.allow_deletes, self.allow_lowered, self.drafts
        return expectations != (None, None, None, DraftConsent())


def apply(session: Session, options: ApplyOptions, dialogue: Dialogue) -> RunResult:
    """Plan, ask for approval and apply.  For a plan file, a new plan is made, which must equal the approved one."""
    check_drafts(options.drafts)
    approved = plan_file.read(options.plan_file) if options.plan_file else None
    effective = options.plan
    if approved is not None:
        effective = plan_options.read(approved.get("options", {}))
        plan_options.check(options.plan, effective)
    effective.check_sense()
    session.check_state_is_kept()
    store, sources = session.store(), session.sources() if effective.fetches_sources else None
    if effective.finish and (empty_plan := _plan_if_nothing_to_finish(session, effective)):
        dialogue.show(empty_plan)
        return RunResult(empty_plan)
    with store.lock(options.lock_timeout, "apply"), session.client(options.parallel) as api:
        settings_digest = unchanged.plan_settings_digest(session, effective.document())
        empty_plan = None if options.expects else unchanged.cached_plan(session, unchanged.PLAN, settings_digest, api)
        if empty_plan:
            dialogue.show(empty_plan)
            return RunResult(empty_plan)

        basis = Basis(read_state=partial(open_state, store, keys(session)))
        make_plan = partial(prepare, sources=sources, gates=True, needs_values=True)

        def plan(session: Session) -> PreparedPlan:
            fresh_plan = make_plan(session, api, effective, checks_names=approved is None, basis=basis)
            if approved is None:
                unchanged.keep_plan(session, unchanged.PLAN, effective.document(), settings_digest, api, fresh_plan)
            return fresh_plan

        prepared = wait_for_creates(session, api, lambda: read_afresh(session, plan))
        if approved is not None:
            plan_file.check(approved, prepared, api.server_time())
        return _show_and_run(session, api, store, prepared, options, dialogue)


def _show_and_run(
    session: Session, api: Client, store: Store, prepared: PreparedPlan, options: ApplyOptions, dialogue: Dialogue
) -> RunResult:
    check_draft_addresses(session, prepared, options.drafts)
    dialogue.show(prepared.plan)
    _agree(session, prepared, options, dialogue)
    return run_plan(
        session, api, store, prepared, dialogue, patience=options.wait, parallel=options.parallel, drafts=options.drafts
    )


def _plan_if_nothing_to_finish(session: Session, options: PlanOptions) -> Plan | None:
    """The plan, if no replacement is in progress, else None; it takes no lock, so it disturbs no other run."""
    with session.reader() as api:
        plan = prepare(session, api, options).plan
    return None if plan.steps or plan.refused or plan.recovered else plan


def _agree(session: Session, prepared: PreparedPlan, options: ApplyOptions, dialogue: Dialogue) -> None:
    """Refuse what the options do not allow, then ask for approval; a plan file counts as approved."""
    plan, is_approved = prepared.plan, options.plan_file is not None
    check_trusted(prepared)
    check_lowered(plan, allowed=options.allow_lowered, agreed=is_approved or not options.yes)
    check_safety(session, prepared, allowed=options.allow_deletes, approved=is_approved)
    if (plan.steps or plan.limits) and not options.yes and not is_approved:
        confirm(plan, dialogue, action="apply", hint="add `--yes`, or apply a reviewed plan file")
