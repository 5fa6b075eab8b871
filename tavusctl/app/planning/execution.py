"""The execution of a plan, shared by all commands that write: approval before, the run, advice after it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from msgspec import Struct

from tavusctl import patch
from tavusctl.api import Client
from tavusctl.app.planning.upload import UploadFile
from tavusctl.app.session import named_addresses
from tavusctl.app.session.online import Session
from tavusctl.app.session.progress import Waits
from tavusctl.core.errors import TavusctlError, UsageError, worst
from tavusctl.core.json_tree import leaves, with_addresses
from tavusctl.core.messages import counted
from tavusctl.core.model import Action, Outcome, Plan, Status
from tavusctl.core.ports import Store
from tavusctl.engine.apply import ApplyContext, DraftConsent, Stop
from tavusctl.engine.execution import carry_out, dependencies, open_recorder
from tavusctl.engine.plan import check_deletes, count_deletes
from tavusctl.engine.prepared_plan import PreparedPlan
from tavusctl.engine.safety.protection import count_lowered
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import JsonObject, as_object
from tavusctl.state.journal import FinishedRun, Intent
from tavusctl.state.run_records import RunRecords, Trash

STEPS: Final = 4  # steps at a time: few enough writes not to strain the API
# Steps at a time if their records are written together, for few pushes; the client limits the calls.
_GROUPED_STEPS: Final = 32
_PARTLY: Final = 5  # exit code


class Interruption(Protocol):
    """A request to stop a run, such as Ctrl-C."""

    writing: bool  # a step is being written and must not be cut off

    @property
    def stop(self) -> Stop:
        """The flag that the run checks between its steps."""
        ...


class Dialogue(Protocol):
    """The conversation of a run with its user: output, approval, and interruption."""

    @property
    def interruption(self) -> Interruption:
        """The object through which this run may be interrupted."""
        ...

    def show(self, plan: Plan) -> None:
        """Show a plan."""
        ...

    def require_answer(self, question: str, expected: str, *, action: str, hint: str) -> None:
        """Ask the user to type `expected`; RefusedError for another answer.  `hint` is shown without a terminal."""
        ...

    def describe(self, outcome: Outcome) -> str:
        """The line about a finished step; empty if the report at the end contains it."""
        ...


class RunResult(Struct, frozen=True):
    """The result of a run."""

    plan: Plan
    outcomes: tuple[Outcome, ...] = ()
    failure: TavusctlError | None = None  # the error of saving the state at the end
    archive: RunRecords | None = None  # None: nothing was run
    hints: tuple[str, ...] = ()
    command: Callable[[str], str] = "tavusctl {}".format  # makes a command line for the same environment
    again: str = "apply"  # the command that continues this run

    @property
    def exit_code(self) -> int:
        """The worst exit code of the run; after a change, an unreachable API (11) counts as partly done (5)."""
        failures = [one for one in self.outcomes if one.status in (Status.FAILED, Status.UNKNOWN)]
        done = [one for one in self.outcomes if one.status is Status.DONE]
        codes = [one.exit_code or _PARTLY for one in failures] + [one.exit_code for one in done]
        codes += [one.exit_code for one in self.plan.refused] + ([self.failure.exit_code] if self.failure else [])
        return worst(codes, changed=bool(done))

    def next_steps(self) -> Iterator[str]:
        """Advice on the unfinished steps, and the command that undoes the finished ones."""
        statuses = {one.status for one in self.outcomes} & {
            Status.FAILED,
            Status.UNKNOWN,
            Status.SKIPPED,
            Status.DEFERRED,
        }
        again = self.command(self.again)
        blocked = [str(one.step.address) for one in self.outcomes if one.draft]
        if Status.UNKNOWN in statuses:
            yield f"next: run `{self.command('plan')}` to check the outcome of the unknown calls"
        elif statuses == {Status.DEFERRED}:
            yield f"next: run `{again}` when that is ready, or with `--wait 15m` to wait for it"
        elif blocked:
            yield f"next: decide about the draft of {', '.join(blocked)}, then run `{again}` again"
        elif statuses:
            yield f"next: run `{again}` again to continue"
        for failure in self.archive.failures if self.archive else ():
            yield f"`undo` cannot undo this run, because it has no record: {failure}"
        if self.archive and self.archive.archived_runs and _can_be_undone(self.archive.archived_runs[-1]):
            finished = self.archive.archived_runs[-1]
            names = ", ".join(self.archive.withheld.get(finished.run, ()))
            note = f"   (will be refused: the record of this run would contain the value of {names})" if names else ""
            command = " ".join(("undo", finished.run, *_undo_options(finished)))
            yield f"undo with: {self.command(command)}{note}"


def _can_be_undone(finished: FinishedRun) -> bool:
    """Whether a run has done more than what no undo of it reverses.

    That is to end replacements of earlier runs, and to recreate objects that something in the account refers to.
    """
    calls = [one for one in finished.intents if one.op not in finished.failed]
    replaced = {one.address for one in calls if one.action is Action.REPLACE}
    retired = [one for one in calls if one.action is Action.RETIRE and one.address not in replaced]
    kept = [*retired, *_recreated_in_use(finished)]
    new_ids = {finished.results[one.op].remote_id: one.address for one in kept if one.op in finished.results}
    ids = {**new_ids, **{one.old_id: one.address for one in kept}}

    updates = [one for one in calls if one.action is Action.UPDATE]
    is_repointing = not any(one.inverse.unrecorded for one in updates) and patch.same(
        *(with_addresses(values, ids) for values in _values_of(updates))
    )
    others = [one for one in calls if one not in kept and one not in updates]
    return bool(others or not is_repointing or finished.imported or finished.unbound)


def _values_of(updates: Sequence[Intent]) -> tuple[JsonObject, JsonObject]:
    """The values before and after updates, by object and field: a change of tools takes several calls."""
    before: JsonObject = {}
    after: JsonObject = {}
    for update in updates:
        name = str(update.address)
        before[name] = {**update.inverse.values_before, **as_object(before.get(name, {}))}
        after[name] = {**as_object(after.get(name, {})), **update.inverse.values_after}
    return before, after


def _recreated_in_use(finished: FinishedRun) -> list[Intent]:
    """The creates of objects that the account had lost, to which an update of the run refers: they are not deleted."""
    updates = [one.inverse.values_after for one in finished.intents if one.action is Action.UPDATE]
    written = {leaf for values in updates for _, leaf in leaves(values)}
    return [
        one
        for one in finished.intents
        if one.action is Action.CREATE and one.before and one.op in finished.results
        if finished.results[one.op].remote_id in written
    ]


def _undo_options(finished: FinishedRun) -> Iterator[str]:
    """The options without which the undo of a run would be refused; none to delete replicas or protected objects."""
    calls = [one for one in finished.intents if one.op not in finished.failed | finished.unknown]
    calls = [one for one in calls if not KINDS[one.address.kind].expensive]
    addresses = {action: {one.address for one in calls if one.action is action} for action in Action}
    if addresses[Action.DELETE] or addresses[Action.RETIRE] & addresses[Action.REPLACE]:
        yield "--recreate"
    kept = {one.address for one in finished.results.values() if one.prevent_destroy or one.on_remove == "retain"}
    kept |= {one.address for one in _recreated_in_use(finished)}
    if created := len(addresses[Action.CREATE] - kept):
        yield f"--allow-deletes {created}"


def check_safety(session: Session, prepared: PreparedPlan, *, allowed: int | None, approved: bool = False) -> None:
    """Refuse deletes without approval, by the limits of the project or of the last apply, whichever are stricter."""
    check_deletes(
        prepared.plan,
        session.project.safety,
        managed=len(prepared.state.bindings),
        allowed=allowed,
        approved=approved,
        before=prepared.state.safety,
    )


def confirm(plan: Plan, dialogue: Dialogue, *, action: str, hint: str) -> None:
    """Ask for approval of a plan; RefusedError for another answer than "yes".  `hint` is for no terminal."""
    count = count_deletes(plan)
    warning = f" {counted(count, 'object')} will be deleted." if count else ""
    protections = count_lowered(plan)
    warning += f" {counted(protections, 'protection')} will be lowered." if protections else ""
    question = f"{warning.strip()} Apply this plan".strip()
    dialogue.require_answer(question, "yes", action=action, hint=hint)


def _steps_at_a_time(calls: int, store: Store) -> int:
    """How many steps run at a time; `calls` is the limit of calls, which a user may have lowered."""
    return calls if calls < STEPS else _GROUPED_STEPS if store.groups_records else STEPS


def _print_outcome(outcome: Outcome, dialogue: Dialogue, waits: Waits) -> None:
    """Print a finished step, unless the report at the end contains it: both may go to the same output."""
    if line := dialogue.describe(outcome):
        waits.say(line)


def run_plan(
    session: Session,
    api: Client,
    store: Store,
    prepared: PreparedPlan,
    dialogue: Dialogue,
    *,
    patience: float = 0.0,
    parallel: int | None = None,
    drafts: DraftConsent | None = None,
) -> RunResult:
    """Carry out a plan; the result has the outcomes, and the error of saving the state at the end, if any."""
    waits = session.progress.waits()
    dialogue.interruption.writing = True
    archive = RunRecords(store.artifacts)
    recorder = open_recorder(prepared, store, archive)
    trash = Trash(store.artifacts, recorder.run, recorder.seals, waits.say)
    uploads = UploadFile(session.root, waits.say)
    ctx = ApplyContext(
        api,
        recorder,
        dependencies(prepared, api, recorder, trash.keep, uploads.link),
        time,
        externals=prepared.externals,
        existing_ids=prepared.existing_ids,
        patience=patience,
        listing_delay=session.settings.settle,
        parallel=parallel or _steps_at_a_time(session.settings.parallel, store),
        stop=dialogue.interruption.stop,
        report=lambda outcome: _print_outcome(outcome, dialogue, waits),
        report_wait=waits.note,
        drafts=drafts or DraftConsent(),
    )
    try:
        outcomes, failure = carry_out(prepared, ctx)
    finally:
        waits.close()
    return RunResult(prepared.plan, outcomes, failure, archive, command=session.command)


def check_drafts(drafts: DraftConsent) -> None:
    """UsageError if `--discard-drafts` and `--publish` name one address."""
    for address in sorted(drafts.discarded & drafts.published):
        raise UsageError(f"`--discard-drafts` and `--publish` both name {address}", "choose one of them")


def check_draft_addresses(session: Session, prepared: PreparedPlan, drafts: DraftConsent) -> None:
    """Raise UsageError for an unknown address; report an address that the plan does not write, so its draft stays."""
    known = {*(item.address for item in prepared.desired), *prepared.state.bindings}
    named = drafts.discarded | drafts.published
    named_addresses.check_known(named, known)
    written = {step.address for step in prepared.plan.steps if step.patch}
    for address in sorted(named - written):
        session.say(f"{address} is not written by this plan, so a draft of it stays as it is")
