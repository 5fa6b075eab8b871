"""`tavusctl verify`: check that all managed objects exist and are ready for applications."""

from __future__ import annotations

import click

from tavusctl.app.account import verify as app
from tavusctl.app.session.online import Session
from tavusctl.cli.completion_values import address as known_address
from tavusctl.cli.online_context import options
from tavusctl.cli.options import partner as known_partner
from tavusctl.cli.options import text_or_json
from tavusctl.cli.report_options import show
from tavusctl.core.address import Address


@click.command("verify")
@click.option(
    "--conversation",
    "partner",
    callback=known_partner,
    shell_complete=known_address,
    metavar="ADDR",
    help="Also start a test conversation, which is free.",
)
@click.option("--strict", is_flag=True, help="Fail also for what the server is still working on.")
@text_or_json
@options
def command(session: Session, *, partner: Address | None, strict: bool, format_: str) -> int:
    """Check that all managed objects exist and are ready: ids, replicas, documents, references of personas.

    With --conversation, a free conversation in test mode is started with a persona or a replica, checked, ended and
    deleted.  Exits 5 if an object cannot be used; what the server is still working on is pending, which is no failure
    without --strict.

    \b
    tavusctl verify
    tavusctl verify --conversation persona/sales-coach
    """
    result = app.verify(session, partner)
    render = app.document if format_ == "json" else app.text
    show(render(result.checks), format_)
    return result.exit_code(strict=strict)
