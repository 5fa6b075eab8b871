"""`tavusctl export`: write the objects of an account as manifests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from tavusctl.app.export import report
from tavusctl.app.export.prepare import Selection
from tavusctl.app.export.write import export
from tavusctl.app.session.online import Session
from tavusctl.cli.interrupt import interruptible
from tavusctl.cli.online_context import options
from tavusctl.cli.options import addresses, lock_timeout, text_or_json
from tavusctl.cli.report_options import show
from tavusctl.core.address import Address
from tavusctl.kinds import KINDS


@click.command("export")
@click.option(
    "-k", "--kind", "kinds", multiple=True, type=click.Choice(sorted(KINDS)), help="Export only this kind; repeatable."
)
@click.option(
    "--address",
    "addresses_",
    multiple=True,
    callback=addresses,
    metavar="ADDR",
    help="Export only this object; repeatable.",
)
@click.option("--id", "ids", multiple=True, metavar="ID", help="Export only the object with this id; repeatable.")
@click.option(
    "-o",
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write to, default the manifests folder of the project.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be written without writing it.")
@text_or_json
@lock_timeout
@options
def command(
    session: Session,
    *,
    kinds: Sequence[str],
    addresses_: frozenset[Address],
    ids: Sequence[str],
    out: Path | None,
    dry_run: bool,
    format_: str,
    lock_timeout: float,
) -> int:
    """Write the objects of the account, or some of them, as manifests, and import them.  The next plan is empty.

    The account is not changed and no file is overwritten: objects that have a manifest are skipped.

    \b
    tavusctl export
    tavusctl export --kind persona --dry-run
    """
    selection = Selection(frozenset(kinds), addresses_, frozenset(ids))
    with interruptible() as interruption:
        result = export(session, selection, out, lock_timeout, interruption, dry_run=dry_run)
    render = report.document if format_ == "json" else report.text
    show(render(result), format_)
    for line in report.hints(session, result):
        session.say(line)
    return interruption.code
