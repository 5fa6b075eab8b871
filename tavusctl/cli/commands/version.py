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
        from tavusctl.reports.json import FORMAT_VERSION, json_text

        click.echo(json_text({"format_version": FORMAT_VERSION, "tavusctl_version": __version__}), nl=False)
    else:
        click.echo(f"tavusctl {__version__}")
