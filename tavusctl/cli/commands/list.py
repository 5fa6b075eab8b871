"""`tavusctl list`: list the objects of the account."""

from __future__ import annotations

import shutil
import sys

import click

from tavusctl.app.account import inventory as app
from tavusctl.app.session.online import Session
from tavusctl.cli.completion_values import field as known_kind
from tavusctl.cli.online_context import options
from tavusctl.cli.options import text_or_json
from tavusctl.core.messages import suggestion
from tavusctl.kinds import KINDS, name_of


def _kind(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is not None and name_of(value) not in KINDS:
        message = f"unknown kind `{value}`; {suggestion(value, KINDS)}".removesuffix("; ")
        raise click.BadParameter(message)
    return value and name_of(value)


@click.command("list")
@click.argument("kind", required=False, callback=_kind, shell_complete=known_kind, metavar="[KIND]")
@click.option("--stock", is_flag=True, help="List what Tavus puts into every account.")
@click.option("--unmanaged", is_flag=True, help="List only objects that no environment of the project manages.")
@text_or_json
@options
def command(session: Session, *, kind: str | None, stock: bool, unmanaged: bool, format_: str) -> None:
    """List the objects of the account: name, id, status, and the address of those that the project knows.

    Nothing is changed.  `tavusctl import ADDR ID` makes an object managed, `tavusctl export` writes manifests.

    \b
    tavusctl list persona --unmanaged
    tavusctl list replica --stock
    """
    inventory = app.inventory(session, [kind] if kind else [], stock=stock, unmanaged=unmanaged)
    if format_ == "json":
        click.echo(app.document(inventory), nl=False)
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
        click.echo(app.text(inventory, width), nl=False)
