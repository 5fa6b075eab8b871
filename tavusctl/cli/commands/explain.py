"""`tavusctl explain`: the meaning and the values of a kind or a field, or the file of each value of a resource."""

from __future__ import annotations

from collections.abc import Iterable

import click

from tavusctl.app import explain as app
from tavusctl.app.environments import value_places
from tavusctl.app.session.opening import check_project_file, open_session
from tavusctl.cli.completion_values import field as known_field
from tavusctl.cli.offline_context import environment_options
from tavusctl.cli.options import text_or_json
from tavusctl.cli.status_line import TerminalProgress
from tavusctl.cli.wrapped_output import show_table
from tavusctl.core.address import Address
from tavusctl.kinds import KINDS, address_in
from tavusctl.lib.json_types import JsonObject
from tavusctl.reports.json import json_text


@click.command("explain")
@click.argument("path", metavar="[KIND[.FIELD...]|ADDR]", required=False, shell_complete=known_field)
@text_or_json
@environment_options
def command(path: str | None, *, format_: str, environment: str | None, progress: TerminalProgress) -> None:
    """Explain a kind or a field: its meaning, its values, and the effect of a change.

    With an address: the file that each value of the resource comes from in an environment, manifest or overlay.

    \b
    tavusctl explain persona
    tavusctl explain persona.layers.tts.voice_settings
    tavusctl explain objectives.data.next_conditional_objectives
    tavusctl explain persona/sales-coach --env production
    """
    if address := _address(path or ""):
        places = value_places.places(check_project_file(open_session(environment, progress)), address)
        _print(value_places.document(places), value_places.text(places), format_)
        return
    explanation = app.find(path) if path else None
    kinds: JsonObject = {name: kind.summary for name, kind in KINDS.items()}
    document = app.document(explanation) if explanation else kinds
    _print(document, app.text(explanation) if explanation else app.all_kinds(), format_)


def _address(path: str) -> Address | None:
    """The address in the argument; None if the argument names a field, or is not a valid address."""
    try:
        return address_in(path) if "/" in path else None
    except ValueError:
        return None


def _print(document: JsonObject, lines: Iterable[str], format_: str) -> None:
    if format_ == "json":
        click.echo(json_text(document), nl=False)
    else:
        show_table("".join(f"{line}\n" for line in lines))
