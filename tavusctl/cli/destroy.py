"""`tavusctl destroy`: delete everything that is managed here."""

from __future__ import annotations

import click

from tavusctl.cli.apply import check_safety, exit_code, next_step, settled, show
from tavusctl.cli.asking import agree
from tavusctl.cli.carry import carry
from tavusctl.cli.interrupt import interruptible
from tavusctl.cli.locking import lock_timeout
from tavusctl.cli.output import emit, format_option
from tavusctl.cli.runs import Archive
from tavusctl.cli.session import Session, addresses_option, options
from tavusctl.engine.plan import Consent, deletes
from tavusctl.engine.reconcile import check_trusted
from tavusctl.errors import RefusedError
from tavusctl.model import Address, Environment, Plan
from tavusctl.reports import text, view


@click.command("destroy")
@format_option
@click.option("-y", "--yes", is_flag=True, help="Do not ask; needs --allow-deletes.")
@click.option("--allow-deletes", type=click.IntRange(min=0), metavar="N", help="Agree to exactly this many deletes.")
@addresses_option("--allow-replica-delete", help="Agree to delete this replica.")
@lock_timeout
@options
def command(
    session: Session,
    *,
    format_: str,
    yes: bool,
    allow_deletes: int | None,
    allow_replica_delete: frozenset[Address],
    lock_timeout: float,
) -> int:
    """Delete everything that is managed here, having asked for the name of the account.

    What `prevent_destroy` protects stays, and so do replicas that are not named.

    \b
    tavusctl destroy
    tavusctl destroy --yes --allow-deletes 7
    """  # noqa: D301
    consent = Consent(delete_costly=allow_replica_delete)
    store = session.store()
    archive = Archive(store.shelf)
    with interruptible() as interruption, store.lock(lock_timeout, "destroy"), session.client() as api:
        prepared = settled(session, api, lambda: session.plan(api, consent=consent, destroy=True))
        plan = prepared.plan
        show(session, prepared, format_)
        check_trusted(prepared)
        if plan.steps:
            _agree(plan, session.environment, yes=yes, allowed=allow_deletes)
        # Who has typed the name has seen how many there are.
        allowed = allow_deletes if allow_deletes is not None else deletes(plan)
        check_safety(session, prepared, allowed=allowed)
        outcomes, failure = carry(session, api, store, prepared, interruption, archive, format_=format_)
    if format_ != "text" or outcomes:
        emit(lambda report: report.outcomes(plan, outcomes), format_)
    next_step(session, outcomes, archive)
    if failure:
        click.echo(text.complaint(view.complaint(failure.complaints[0])), err=True)
    return interruption.code or exit_code(plan, outcomes, failure)


def _agree(plan: Plan, environment: Environment, *, yes: bool, allowed: int | None) -> None:
    """Have the account's name typed; without a terminal, have the exact number said."""
    count = deletes(plan)
    if yes:
        if allowed is None:
            message = (
                f"the plan deletes {count} object{'' if count == 1 else 's'}, and --yes alone does not agree to that"
            )
            raise RefusedError(message, f"review the plan, then add --allow-deletes {count}", id="E410")
        return
    objects = f"{count} object{'' if count == 1 else 's'}"
    without = f"add --yes and --allow-deletes {count}"
    agree(f"Delete {objects}", environment.account or environment.name, environment, act="destroy", without=without)
