"""`tavusctl apply`: bring the account to the manifests."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from tavusctl import duration
from tavusctl.cli import output, planoptions
from tavusctl.cli import planfile as planfile_
from tavusctl.cli.asking import agree
from tavusctl.cli.carry import carry
from tavusctl.cli.interrupt import interruptible
from tavusctl.cli.local import say
from tavusctl.cli.output import Reports, emit, format_option, report_option
from tavusctl.cli.plan import planned
from tavusctl.cli.planoptions import PlanOptions, plan_options
from tavusctl.cli.runs import Archive
from tavusctl.cli.session import MOST_PARALLEL, Session, allow_lowered, options
from tavusctl.cli.writers import InputFile
from tavusctl.client import Client
from tavusctl.engine.plan import check_deletes, deletes
from tavusctl.engine.reconcile import Prepared, check_trusted
from tavusctl.errors import TavusctlError, worst
from tavusctl.model import Environment, Outcome, Plan, Status
from tavusctl.protection import check_lowered, lowered
from tavusctl.reports import REPORTS, text, view

_PARTLY, _UNREACHABLE = 5, 11  # exit codes


def _duration(_: click.Context, __: click.Parameter, value: str | None) -> float:
    try:
        return duration.seconds(value) if value else 0.0
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command("apply")
@click.argument("planfile", required=False, type=InputFile())
@format_option
@report_option
@click.option("-y", "--yes", "--auto-approve", is_flag=True, help="Do not ask.")
@click.option("--allow-deletes", type=click.IntRange(min=0), metavar="N", help="Agree to exactly this many deletes.")
@allow_lowered
@plan_options
@click.option("--wait", callback=_duration, metavar="DURATION", help="Wait this long for background work, such as 15m.")
@click.option(
    "--lock-timeout", callback=_duration, metavar="DURATION", help="Wait this long for another run to end, such as 10m."
)
@click.option("--parallel", type=click.IntRange(1, MOST_PARALLEL), help="Steps at a time, default 4.")
@options
def command(
    session: Session,
    *,
    planfile: Path | None,
    format_: str,
    reports: Reports,
    yes: bool,
    allow_deletes: int | None,
    allow_lowered: int | None,
    wait: float,
    lock_timeout: float,
    parallel: int | None,
    **shape: Any,
) -> int:
    """Bring the account to the manifests: plan, ask, change.

    With PLANFILE, from `plan --out`, the plan is made afresh, with the options of that plan, and must be the same, or
    nothing is done.

    \b
    tavusctl apply
    tavusctl apply --yes --allow-deletes 1
    """  # noqa: D301
    approved = planfile_.read(planfile) if planfile else None
    asked = PlanOptions(**shape)
    if approved is not None:
        made = planoptions.read(approved.get("options", {}))
        planoptions.check(asked, made)
        asked = made
    store, eyes = session.store(), session.sources(wanted=asked.watches)
    with interruptible() as interruption, store.lock(lock_timeout, "apply"), session.client(parallel) as api:
        prepared = settled(
            session, api, lambda: planned(session, api, asked, eyes, checked=approved is None, needs_values=True)
        )
        plan = prepared.plan
        if approved is not None:
            planfile_.check(approved, prepared, api.server_time())
        show(session, prepared, format_)
        shown = approved is not None
        check_trusted(prepared)
        check_lowered(plan, allowed=allow_lowered, agreed=shown or not yes)
        check_safety(session, prepared, allowed=allow_deletes, approved=shown)
        if (plan.steps or plan.limits) and not yes and not shown:
            confirm(plan, session.environment)
        archive = Archive(store.shelf)
        outcomes, failure = carry(
            session, api, store, prepared, interruption, archive, patience=wait, parallel=parallel, format_=format_
        )
    if format_ != "text" or outcomes or reports:
        emit(lambda report: report.outcomes(plan, outcomes), format_, reports)
    next_step(session, outcomes, archive)
    if failure:
        click.echo(text.complaint(view.complaint(failure.complaints[0])), err=True)
    return interruption.code or exit_code(plan, outcomes, failure)


def check_safety(session: Session, prepared: Prepared, *, allowed: int | None, approved: bool = False) -> None:
    """Refuse deletes that nobody has agreed to, by the limits that the last apply knew, where those are stricter."""
    check_deletes(
        prepared.plan,
        session.project.safety,
        managed=len(prepared.state.bindings),
        allowed=allowed,
        approved=approved,
        before=prepared.state.safety,
    )


def settled(session: Session, api: Client, plan: Callable[[], Prepared]) -> Prepared:
    """The plan; first, time for creates of an interrupted run to show in the account."""
    begun = time.monotonic()
    while True:
        prepared = plan()
        sent = [datetime.fromisoformat(intent.time) for intent in prepared.lost]
        left = session.settle - (api.server_time() - max(sent)).total_seconds() if sent else 0.0
        # Where no server tells the time, a clock that was put back must not make anyone wait for hours.
        left = min(left, session.settle - (time.monotonic() - begun))
        if left <= 0:
            return prepared
        names = ", ".join(str(intent.address) for intent in prepared.lost)
        say(session, f"an interrupted run may have created {names}; looking again, for up to {left:.0f} s")
        time.sleep(min(left, 5.0))


def exit_code(plan: Plan, outcomes: Sequence[Outcome], failure: TavusctlError | None = None) -> int:
    """The worst of what happened; with nothing changed, a failure's own code."""
    failures = [one for one in outcomes if one.status in (Status.FAILED, Status.UNKNOWN)]
    changed = any(one.status is Status.DONE for one in outcomes)
    codes = [_code(one, changed=changed) for one in failures]
    codes += [one.exit_code for one in outcomes if one.status is Status.DONE]
    codes += [_PARTLY if changed and failure.exit_code == _UNREACHABLE else failure.exit_code] if failure else []
    return worst([*codes, *(refusal.exit_code for refusal in plan.refused)])


def _code(outcome: Outcome, *, changed: bool) -> int:
    if outcome.status is Status.UNKNOWN:
        return outcome.exit_code or 6
    return _PARTLY if changed and outcome.exit_code == _UNREACHABLE else outcome.exit_code or _PARTLY


def show(session: Session, prepared: Prepared, format_: str) -> None:
    """The plan goes to stdout as text, to stderr when stdout is for a document."""
    shown = REPORTS["text"].plan(prepared.plan)
    if format_ == "text":
        output.show(shown)
    else:
        say(session, shown.rstrip("\n"))


def confirm(plan: Plan, environment: Environment, act: str = "apply") -> None:
    """Ask, on a terminal; whoever does not say yes gets nothing changed."""
    count = deletes(plan)
    warning = f" {count} object{'s' if count != 1 else ''} will be deleted." if count else ""
    less = lowered(plan)
    warning += f" {less} protection{'s' if less != 1 else ''} will be lowered." if less else ""
    question = f"{warning.strip()} Apply this plan".strip()
    agree(question, "yes", environment, act=act, without="add --yes, or apply a reviewed plan file")


def next_step(session: Session, outcomes: Sequence[Outcome], archive: Archive) -> None:
    """Say what can be done about what is left, and how to reverse what was done."""
    left = {one.status for one in outcomes} & {Status.FAILED, Status.UNKNOWN, Status.SKIPPED, Status.DEFERRED}
    if Status.UNKNOWN in left:
        say(session, "next: tavusctl plan   (it looks at what became of the unknown calls)")
    elif left == {Status.DEFERRED}:
        say(session, "next: tavusctl apply   (once that is ready; --wait 15m waits for it)")
    elif left:
        say(session, "next: tavusctl apply   (it goes on with what is left)")
    if archive.kept:
        run = archive.kept[-1]
        names = ", ".join(archive.withheld.get(run, ()))
        why = f"   (it will refuse: the record of this run would hold the value of {names})" if names else ""
        say(session, f"undo with: tavusctl undo {run}{why}")
