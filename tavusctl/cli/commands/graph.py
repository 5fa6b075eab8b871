"""`tavusctl graph`: draw the references between resources, or the flow of a conversation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from tavusctl.app.graph import draw
from tavusctl.app.session.local import LocalSession
from tavusctl.cli.completion_values import address as known_address
from tavusctl.cli.offline_context import local_options
from tavusctl.cli.options import format_choice
from tavusctl.cli.output_paths import OutputFile
from tavusctl.core.errors import UsageError
from tavusctl.reports.drawing import DRAWINGS


@click.command("graph")
@click.argument("addresses", metavar="[ADDR]...", nargs=-1, shell_complete=known_address)
@click.option(
    "--objectives",
    metavar="ADDR",
    shell_complete=known_address,
    help="Draw the flow of a conversation with these objectives.",
)
@format_choice(sorted(DRAWINGS), "Output format, default mermaid, or by the extension of --out.")
@click.option("-o", "--out", type=OutputFile(), help="Write to this file.")
@local_options
def command(
    session: LocalSession, *, addresses: Sequence[str], objectives: str | None, format_: str | None, out: Path | None
) -> None:
    """Draw the references between resources; with addresses, only the connected ones.  Works offline.

    External resources (`external: true`) have a dashed border.

    \b
    tavusctl graph --out project.svg
    tavusctl graph persona/sales-coach
    tavusctl graph --objectives objectives/discovery-call --format svg > flow.svg
    """
    if objectives and addresses:
        raise UsageError("`--objectives` draws one set of objectives and accepts no other addresses")
    drawing = draw(session, addresses, objectives, format_, out)
    if out is None:
        click.echo(drawing, nl=False)
