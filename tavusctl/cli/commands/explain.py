"""`tavusctl explain`: what a kind or a field means, takes and does."""

from __future__ import annotations

import json

import click

from tavusctl.app import explain as app
from tavusctl.cli.completion_values import field as known_field
from tavusctl.kinds import KINDS


@click.command("explain")
@click.argument("path", metavar="[KIND[.FIELD...]]", required=False, shell_complete=known_field)
@click.option("-f", "--format", "format_", type=click.Choice(["text", "json"]), default="text", help="Output format.")
def command(path: str | None, *, format_: str) -> None:
    """Explain a kind or a field: its meaning, its values, and the effect of a change.

    \b
    tavusctl explain persona
    tavusctl explain persona.layers.tts.voice_settings
    tavusctl explain objectives.data.next_conditional_objectives
    tavusctl explain document.recrawl
    """  # noqa: D301
    found = app.find(path) if path else None
    if format_ == "json":
        document = app.document(found) if found else {name: kind.summary for name, kind in KINDS.items()}
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(app.text(found) if found else app.all_kinds()))
