"""`tavusctl adopt`: write live edits of the account back into the files."""

from __future__ import annotations

from collections.abc import Collection

import click

from tavusctl.app import adopt as app
from tavusctl.app.planning.variables import instructions
from tavusctl.app.session.online import Session
from tavusctl.cli.completion_values import address as known_address
from tavusctl.cli.online_context import options
from tavusctl.cli.wrapped_output import say
from tavusctl.core.errors import RefusedError, UsageError
from tavusctl.secrets.escape import flat


@click.command("adopt")
@click.argument("addresses", nargs=-1, metavar="[ADDR]...", shell_complete=known_address)
@click.option("--all", "everything", is_flag=True, help="Adopt all live edits.")
@click.option("--dry-run", is_flag=True, help="Show what would be written without writing it.")
@options
def command(session: Session, *, addresses: tuple[str, ...], everything: bool, dry_run: bool) -> int:
    """Write live edits of the account back into manifests and prompt files.

    Comments and layout are kept.  The account is not changed.

    \b
    tavusctl adopt persona/sales-coach
    tavusctl adopt --all --dry-run
    """
    if everything == bool(addresses):
        message = "missing argument: an address, or `--all`"
        raise UsageError(message, "run for example `tavusctl adopt persona/sales-coach`")
    adoption = app.adopt(session, addresses, dry_run=dry_run)
    click.echo(adoption.difference, nl=False)
    _print_verdicts(session, adoption.verdicts, dry_run=dry_run)
    if adoption.also_read_by:
        names = " and ".join(f"`{name}`" for name in adoption.also_read_by)
        session.say(f"note: the same files are read by {names}; plan there, too, before you merge")
    for line in instructions(adoption.unset):
        session.say(line)
    if adoption.unset and not dry_run:
        session.say(f"next: set these variables, then run `{session.command('plan')}`")
    for verdict in adoption.verdicts:
        if verdict.unshown:
            command = session.command(f"apply --overwrite {verdict.address}")
            session.say(
                f"note: no read shows the key that {', '.join(verdict.unshown)} stands for; `{command}` sends it"
            )
    return 0 if adoption.is_complete else RefusedError.exit_code


def _print_verdicts(session: Session, verdicts: Collection[app.Verdict], *, dry_run: bool) -> None:
    if not verdicts:
        session.say("nothing to adopt: no managed object was edited in the account")
    verb = "would adopt" if dry_run else "adopted"
    for verdict in verdicts:
        field = f"{verdict.address} {flat(verdict.pointer)}".rstrip()
        if verdict.reason:
            say(f"refused {field}: {flat(verdict.reason)}", err=dry_run)
        elif not session.progress.quiet:
            source = f", read from {', '.join(verdict.names)}" if verdict.names else ""
            say(f"{verb} {field} in {flat(verdict.path)}{source}", err=dry_run)
