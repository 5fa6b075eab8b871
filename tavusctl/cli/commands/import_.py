"""`tavusctl import`: bind existing objects to addresses."""

from __future__ import annotations

import click

from tavusctl.app import import_ as app
from tavusctl.app.session.online import Session
from tavusctl.cli.completion_values import address as known_address
from tavusctl.cli.online_context import options
from tavusctl.cli.options import lock_timeout
from tavusctl.cli.wrapped_output import say
from tavusctl.core.errors import RefusedError, UsageError


@click.command("import")
@click.argument("address", required=False, shell_complete=known_address)
@click.argument("remote_id", metavar="[ID]", required=False)
@click.option(
    "--match-names", is_flag=True, help="Import each object that matches exactly one manifest by name or content."
)
@click.option("--dry-run", is_flag=True, help="With --match-names: show what would be imported.")
@lock_timeout
@options
def command(
    session: Session,
    *,
    address: str | None,
    remote_id: str | None,
    match_names: bool,
    dry_run: bool,
    lock_timeout: float,
) -> int:
    """Import existing objects of the account under the addresses of manifests.

    The account is not changed.  The next plan shows the changes that apply would make.

    \b
    tavusctl import persona/sales-coach p7e13c73f41f
    tavusctl import --match-names --dry-run
    """
    if match_names != (address is None and remote_id is None) or (dry_run and not match_names):
        message = "missing arguments: an address and an id, or `--match-names`"
        raise UsageError(message, "run for example `tavusctl import persona/sales-coach p7e13c73f41f`")
    if match_names:
        return _match(session, lock_timeout, dry_run=dry_run)
    if address is None or remote_id is None:
        raise UsageError("missing argument: the id of the object", f"run `tavusctl import {address} ID`")
    target = app.bind_one(session, address, remote_id, lock_timeout)
    next_step = f"run `{session.command('plan')}` to see what apply would change"
    if not app.is_declared(session, target):
        next_step = "no manifest declares it: write one before you apply, or the next plan deletes the object"
    session.say(f"imported `{target}` as {remote_id}; {next_step}")
    return 0


def _match(session: Session, lock_timeout: float, *, dry_run: bool) -> int:
    """Bind objects that match one manifest by name, and list the others; exit code 4 if any is ambiguous or refused."""
    matches = app.match_names(session, lock_timeout, dry_run=dry_run)
    verb = "would bind" if dry_run else "bound"
    for target, remote_id in sorted(matches.bound.items()):
        click.echo(f"{verb} {target} {remote_id}")
    for target, ids in sorted(matches.ambiguous.items()):
        click.echo(f"ambiguous {target} {' '.join(ids)}")
    for target in sorted(matches.unmatched):
        click.echo(f"unmatched {target}")
    for target, reason in sorted(matches.elsewhere.items()):
        say(f"refused {target} {reason}", err=False)
    if not (matches.bound or matches.ambiguous or matches.unmatched or matches.elsewhere):
        session.say("nothing to import: every manifest has its object already")
    if matches.elsewhere:
        session.say(
            "an object bound by another environment cannot be imported; "
            "give the object another name here, with `${var:NAME}`"
        )
    if matches.ambiguous:
        session.say("if several objects have the name, import the right one: `tavusctl import ADDRESS ID`")
    if matches.unmatched:
        session.say("an unmatched manifest has no object of its name; apply would create one")
    return RefusedError.exit_code if matches.ambiguous or matches.elsewhere else 0
