"""Carrying a plan out, for every command that does: what is asked before, what is done, what is said after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Protocol

from msgspec import Struct

from tavusctl.api import Client
from tavusctl.app.planning.upload import UploadFile
from tavusctl.app.session.online import Session
from tavusctl.app.session.progress import Waits
from tavusctl.core.errors import TavusctlError, worst
from tavusctl.core.model import Outcome, Plan, Status
from tavusctl.core.ports import Store
from tavusctl.engine.apply import ApplyContext, DraftConsent, Stop
from tavusctl.engine.dependencies import dependencies
from tavusctl.engine.execution import carry_out, open_recorder
from tavusctl.engine.plan import check_deletes, deletes
from tavusctl.engine.prepared_plan import PreparedPlan
from tavusctl.engine.safety.protection import lowered
from tavusctl.kinds import KINDS
from tavusctl.lib.clock import SystemClock
from tavusctl.state.run_records import RunRecords
from tavusctl.state.trash import Trash

STEPS: Final = 4  # at a time: a polite number of writes
_PARTLY, _UNREACHABLE = 5, 11  # exit codes


class Interruption(Protocol):
    """What asks a run to stop."""

    writing: bool  # something is being changed that is not to be torn apart

    @property
    def stop(self) -> Stop:
        """What the run looks at between its steps."""
        ...


class Dialogue(Protocol):
    """What a run that changes the account shows and asks, and what may interrupt it."""

    @property
    def interruption(self) -> Interruption:
        """What may interrupt it."""
        ...

    def show(self, plan: Plan) -> None:
        """Show what would be done."""
        ...

    def agree(self, question: str, wanted: str, *, act: str, without: str) -> None:
        """Have one word typed in full; RefusedError where another is.  `without` says what to add in a script."""
        ...

    def describe(self, outcome: Outcome) -> str:
        """What to say of a step that has ended; empty where the report at the end says it."""
        ...


class RunResult(Struct, frozen=True):
    """What a run has done."""

    plan: Plan
    outcomes: tuple[Outcome, ...]
    failure: TavusctlError | None  # what went wrong with the state at the end
    archive: RunRecords
    hints: tuple[str, ...] = ()
    command: Callable[[str], str] = "tavusctl {}".format  # a command line for the same environment

    @property
    def exit_code(self) -> int:
        """The worst of what happened; with nothing changed, a failure's own code."""
        failure, outcomes = self.failure, self.outcomes
        failures = [one for one in outcomes if one.status in (Status.FAILED, Status.UNKNOWN)]
        changed = any(one.status is Status.DONE for one in outcomes)
        codes = [_code(one, changed=changed) for one in failures]
        codes += [one.exit_code for one in outcomes if one.status is Status.DONE]
        codes += [_PARTLY if changed and failure.exit_code == _UNREACHABLE else failure.exit_code] if failure else []
        return worst([*codes, *(refusal.exit_code for refusal in self.plan.refused)])

    def next_steps(self) -> Iterator[str]:
        """What can be done about what is left, and how to reverse what was done."""
        left = {one.status for one in self.outcomes} & {
            Status.FAILED,
            Status.UNKNOWN,
            Status.SKIPPED,
            Status.DEFERRED,
        }
        again = self.command("apply")
        blocked = [str(one.step.address) for one in self.outcomes if one.draft]
        if Status.UNKNOWN in left:
            yield f"next: run `{self.command('plan')}` to check the outcome of the unknown calls"
        elif left == {Status.DEFERRED}:
            yield f"next: run `{again}` when that is ready, or with `--wait 15m` to wait for it"
        elif blocked:
            yield f"next: decide about the draft of {', '.join(blocked)}, then run `{again}` again"
        elif left:
            yield f"next: run `{again}` again to continue"
        if self.archive.kept:
            run = self.archive.kept[-1]
            names = ", ".join(self.archive.withheld.get(run, ()))
            why = f"   (will be refused: the record of this run would contain the value of {names})" if names else ""
            yield f"undo with: {self.command(f'undo {run}')}{why}"


def _code(outcome: Outcome, *, changed: bool) -> int:
    if outcome.status is Status.UNKNOWN:
        return outcome.exit_code or 6
    return _PARTLY if changed and outcome.exit_code == _UNREACHABLE else outcome.exit_code or _PARTLY


def check_safety(session: Session, prepared: PreparedPlan, *, allowed: int | None, approved: bool = False) -> None:
    """Refuse deletes that nobody has agreed to, by the limits that the last apply knew, where those are stricter."""
    check_deletes(
        prepared.plan,
        session.project.safety,
        managed=len(prepared.state.bindings),
        allowed=allowed,
        approved=approved,
        before=prepared.state.safety,
    )


def confirm(plan: Plan, dialogue: Dialogue, act: str = "apply") -> None:
    """Ask; whoever does not say yes gets nothing changed."""
    count = deletes(plan)
    warning = f" {count} object{'s' if count != 1 else ''} will be deleted." if count else ""
    less = lowered(plan)
    warning += f" {less} protection{'s' if less != 1 else ''} will be lowered." if less else ""
    question = f"{warning.strip()} Apply this plan".strip()
    dialogue.agree(question, "yes", act=act, without="add `--yes`, or apply a reviewed plan file")


def _tell(outcome: Outcome, dialogue: Dialogue, waits: Waits) -> None:
    """What the report of the outcomes will tell as text is not told before: both may go to one place."""
    if line := dialogue.describe(outcome):
        waits.say(line)


def run_plan(
    session: Session,
    api: Client,
    store: Store,
    prepared: PreparedPlan,
    dialogue: Dialogue,
    archive: RunRecords,
    *,
    patience: float = 0.0,
    parallel: int | None = None,
    drafts: DraftConsent | None = None,
) -> RunResult:
    """Do what the plan says; the outcomes, and what went wrong with the state at the end, if anything did."""
    waits = session.progress.waits()
    dialogue.interruption.writing = True
    recorder = open_recorder(prepared, store, archive.keep)
    trash = Trash(store.shelf, recorder.run, recorder.custody, waits.say)
    uploads = UploadFile(session.root, waits.say)
    ctx = ApplyContext(
        api,
        recorder,
        dependencies(prepared, KINDS, api, recorder, trash.keep, uploads.link),
        SystemClock(),
        externals=prepared.externals,
        known=prepared.known,
        patience=patience,
        settle=session.settings.settle,
        parallel=parallel or min(STEPS, session.settings.parallel),
        stop=dialogue.interruption.stop,
        report=lambda outcome: _tell(outcome, dialogue, waits),
        waits=waits.note,
        drafts=drafts or DraftConsent(),
    )
    try:
        outcomes, failure = carry_out(prepared, ctx)
    finally:
        waits.close()
    return RunResult(prepared.plan, outcomes, failure, archive, command=session.command)
