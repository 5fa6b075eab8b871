"""`tavusctl destroy`: delete all managed objects."""

from __future__ import annotations

import click

from tavusctl.app import destroy as app
from tavusctl.app.session.online import Session
from tavusctl.cli.dialogue import converse
from tavusctl.cli.online_context import options
from tavusctl.cli.options import allow_deletes, allow_replica_delete, lock_timeout
from tavusctl.cli.report_options import format_option
from tavusctl.core.address import Address


@click.command("destroy")
@format_option
@click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation; requires --allow-deletes.")
@allow_deletes
@allow_replica_delete
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
    """Delete all managed objects, after confirmation.

    The name of the account has to be typed, or the name of the environment if no `account:` is set.  Objects with
    `prevent_destroy` are kept, and so are replicas without --allow-replica-delete.

    \b
    tavusctl destroy
    tavusctl destroy --yes --allow-deletes 7
    """
    destroy_options = app.DestroyOptions(yes, allow_deletes, allow_replica_delete, lock_timeout)
    return converse(session, format_, lambda dialogue: app.destroy(session, destroy_options, dialogue))
