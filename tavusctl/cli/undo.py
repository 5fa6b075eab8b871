"""`tavusctl undo`: reverse one apply, where nobody has edited what it left."""

from __future__ import annotations

from collections import Counter

import click

from tavusctl.cli.apply import check_safety, confirm, exit_code, next_step, show
from tavusctl.cli.carry import carry
from tavusctl.cli.interrupt import interruptible
from tavusctl.cli.local import say
from tavusctl.cli.locking import lock_timeout, seconds
from tavusctl.cli.output import emit, format_option
from tavusctl.cli.progress import reading
from tavusctl.cli.runs import Archive
from tavusctl.cli.session import Session, addresses_option, options
from tavusctl.engine.plan import Consent
from tavusctl.engine.reconcile import prepare_undo, reversing
from tavusctl.journal import Past
from tavusctl.kinds import KINDS
from tavusctl.model import Address
from tavusctl.reports import text


@click.command("undo")
@click.argument("run", required=False)
@format_option
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--recreate", is_flag=True, help="Make deleted objects anew, under new ids, from what was kept of them.")
@click.option("--allow-deletes", type=click.IntRange(min=0), metavar="N", help="Agree to exactly this many deletes.")
@addresses_option("--allow-replica-delete", help="Agree to delete this replica.")
@click.option("--wait", callback=seconds, metavar="DURATION", help="Wait this long for background work, such as 15m.")
@lock_timeout
@options
def command(
    session: Session,
    *,
    run: str | None,
    format_: str,
    yes: bool,
    recreate: bool,
    allow_deletes: int | None,
    allow_replica_delete: frozenset[Address],
    wait: float,
    lock_timeout: float,
) -> int:
    """Reverse the apply RUN; without RUN, list the runs that can be reversed.

    An object that was edited since is left alone (exit 3).  Creates are reversed by deletes, with --allow-deletes N;
    deletes and replacements by new objects, with --recreate.  Manifests stay as they are.

    \b
    tavusctl undo
    tavusctl undo 3f2a91c07be4
    """  # noqa: D301
    store = session.store()
    archive, lineage = Archive(store.shelf), store.read().lineage
    if run is None:
        past = archive.all(lineage)
        click.echo("".join(f"{_line(one)}\n" for one in past) or "no run is known here\n", nl=False)
        return 0
    past_run, trash = archive.past(lineage, run), archive.bodies(run)
    request = session.request(Consent(delete_costly=allow_replica_delete))
    with interruptible() as interruption, store.lock(lock_timeout, "undo"), session.client() as api:
        with reading(session, api):
            prepared = prepare_undo(past_run, trash, KINDS, api, store, request, recreate=recreate)
        plan = prepared.plan
        show(session, prepared, format_)
        check_safety(session, prepared, allowed=allow_deletes)
        if plan.steps and not yes:
            confirm(plan)
        outcomes, failure = carry(
            session,
            api,
            store,
            prepared,
            interruption,
            archive,
            patience=wait,
            lend=lambda lent: reversing(prepared, lent),
        )
    if format_ != "text" or outcomes:
        emit(lambda report: report.outcomes(plan, outcomes), format_)
    next_step(session, outcomes, archive)
    if outcomes:
        say(session, "the manifests still say what that run applied, and the next plan will show it;")
        say(session, "to make the undo last, change them back too (such as with git revert)")
    if failure:
        click.echo(text.complaint(failure.complaints[0]), err=True)
    return interruption.code or exit_code(plan, outcomes, failure)


def _line(past: Past) -> str:
    counts = Counter(intent.action.value for intent in past.intents if intent.op not in past.failed)
    words = ", ".join(f"{count} {action}" for action, count in sorted(counts.items())) or "nothing sent"
    return f"{past.run}  {past.time or '(time unknown)'}  {words}"
