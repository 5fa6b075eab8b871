"""`tavusctl state`: inspect the state, rename or remove an object; `state_store.py` handles whole states."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from tavusctl.app.session.local import LocalSession
from tavusctl.app.state import entries
from tavusctl.cli.commands.state_store import pull, push, rekey, unlock
from tavusctl.cli.completion_values import address as known_address
from tavusctl.cli.offline_context import local_options
from tavusctl.cli.options import lock_timeout, text_or_json
from tavusctl.cli.report_options import print_record
from tavusctl.reports.escaping import escape_json


@click.group("state", invoke_without_command=False)
def command() -> None:
    """Inspect and edit the state, or release its lock.  No subcommand changes the account."""


for _subcommand in (pull, push, rekey, unlock):
    command.add_command(_subcommand)


@command.command("list")
@text_or_json
@local_options
def list_(session: LocalSession, *, format_: str) -> None:
    """List the bindings of the state: address and id."""
    bindings = entries.bindings(session)
    if not bindings:
        session.say_empty("the state has no objects")
    if format_ == "json":
        print_record(
            json.dumps({str(binding.address): binding.remote_id for binding in bindings}, indent=2) + "\n", "the list"
        )
    else:
        width = max((len(str(binding.address)) for binding in bindings), default=0)
        for binding in bindings:
            click.echo(f"{binding.address!s:<{width}}  {binding.remote_id}")


@command.command("show", short_help="Show the id and the last applied values of an object.")
@click.argument("address", shell_complete=known_address)
@click.option("-f", "--format", type=click.Choice(["json"]), expose_value=False, help="Output format, always JSON.")
@local_options
def show(session: LocalSession, *, address: str) -> None:
    """Show one object of the state: its id and its last applied values, without secrets."""
    document = entries.describe(session, address)
    print_record(
        escape_json(json.dumps(document, indent=2, ensure_ascii=False)) + "\n", f"what the state has of {address}"
    )


@command.command("rm", short_help="Remove objects from the state, not from the account.")
@click.argument("addresses", nargs=-1, required=True, shell_complete=known_address)
@lock_timeout
@local_options
def remove(session: LocalSession, *, addresses: Sequence[str], lock_timeout: float) -> None:
    """Remove objects from the state: they stay in the account and are no longer managed."""
    for binding in entries.forget(session, addresses, lock_timeout):
        stays = "stay" if binding.other_versions else "stays"
        session.say(f"forgot {binding.address} ({', '.join(binding.ids)} {stays} in the account)")


@command.command("mv")
@click.argument("old", metavar="FROM")
@click.argument("new", metavar="TO", shell_complete=known_address)
@lock_timeout
@local_options
def move(session: LocalSession, *, old: str, new: str, lock_timeout: float) -> None:
    """Change the address of an object, after its manifest was renamed.  The object is not changed.

    \b
    tavusctl state mv persona/coach persona/sales-coach
    """
    binding, target = entries.rename(session, old, new, lock_timeout)
    session.say(f"{binding.address} is now {target} ({binding.remote_id})")
