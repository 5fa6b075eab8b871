"""`tavusctl version`."""

from __future__ import annotations

import click

from tavusctl import __version__
from tavusctl.cli.options import text_or_json


@click.command("version")
@text_or_json
def command(*, format_: str) -> None:
    """Print the version."""
    if format_ == "json":
        from tavusctl.reports.json import result_text

        click.echo(result_text(tavusctl_version=__version__), nl=False)
    else:
        click.echo(f"tavusctl {__version__}")
