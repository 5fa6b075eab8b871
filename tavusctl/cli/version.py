"""`tavusctl version`."""

from __future__ import annotations

import click

from tavusctl import __version__


@click.command("version")
def command() -> None:
    """Print the version."""
    click.echo(f"tavusctl {__version__}")
