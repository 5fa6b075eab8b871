"""`tavusctl version`."""

from __future__ import annotations

import json

import click

from tavusctl import __version__


@click.command("version")
@click.option("-f", "--format", "format_", type=click.Choice(["text", "json"]), default="text", help="Output format.")
def command(*, format_: str) -> None:
    """Print the version."""
    document = {"format_version": "1.0", "tavusctl_version": __version__}
    click.echo(json.dumps(document, indent=2) if format_ == "json" else f"tavusctl {__version__}")
