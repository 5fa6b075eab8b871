"""`tavusctl undo`: reverse one apply, except for objects that were edited since."""

from __future__ import annotations

import click

from tavusctl.app import undo as app
from tavusctl.app.session.online import Session
from tavusctl.cli.completion_values import run as known_run
from tavusctl.cli.dialogue import converse
from tavusctl.cli.online_context import options
from tavusctl.cli.options import allow_deletes, allow_replica_delete, discard_drafts, lock_timeout, publish, wait
from tavusctl.cli.report_options import format_option
from tavusctl.core.address import Address
from tavusctl.engine.apply import DraftConsent


@click.command("undo")
@click.argument("run", required=False, shell_complete=known_run)
@format_option
@click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option("--recreate", is_flag=True, help="Recreate deleted objects, with new ids, from their records.")
@allow_deletes
@allow_replica_delete
@discard_drafts
@publish
@wait
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
    discard_drafts: frozenset[Address],
    publish: frozenset[Address],
) -> int:
    """Undo the apply RUN; without RUN, list the runs that can be undone.

    An object that was edited since is not changed (exit 3).  With --allow-deletes N, created objects are deleted; with
    --recreate, deleted and replaced objects are recreated.  Manifests are not changed.

    \b
    tavusctl undo
    tavusctl undo 3f2a91c07be4
    """
    if run is None:
        runs = app.past_runs(session)
        click.echo(app.listed(runs, format_), nl=False)
        if not runs:
            session.say_empty()
        return 0
    undo_options = app.UndoOptions(
        yes, recreate, allow_deletes, allow_replica_delete, wait, lock_timeout, DraftConsent(discard_drafts, publish)
    )
    return converse(session, format_, lambda dialogue: app.undo(session, run, undo_options, dialogue))
