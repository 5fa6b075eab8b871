"""`tavusctl promote`: carry values of one environment over to another, in the files."""

from __future__ import annotations

from functools import partial

import click

from tavusctl.app.environments import promote as app
from tavusctl.app.session.opening import check_project_file, open_session
from tavusctl.cli.completion_values import address as known_address
from tavusctl.cli.completion_values import environment as known_environment
from tavusctl.cli.offline_context import project_options
from tavusctl.cli.status_line import TerminalProgress
from tavusctl.cli.wrapped_output import say
from tavusctl.secrets.escape import flat

_environment = partial(click.option, required=True, metavar="ENV", shell_complete=known_environment)


@click.command("promote")
@click.argument("address", metavar="ADDR", shell_complete=known_address)
@_environment("--from", "source", help="Environment to take the values from.")
@_environment("--to", "target", help="Environment to write the values to.")
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="POINTER",
    help="Carry only this field, such as /layers/tts; repeatable.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be written without writing it.")
@project_options
def command(
    progress: TerminalProgress, *, address: str, source: str, target: str, fields: tuple[str, ...], dry_run: bool
) -> None:
    """Carry the values that the overlay of one environment has for a resource over to another environment.

    Only the changed parts of manifests and prompt files are edited; other environments stay as they are.  No account is
    changed: `tavusctl plan` shows what the edit means.

    \b
    tavusctl promote persona/sales-coach --from staging --to production
    tavusctl promote persona/sales-coach --from staging --to production --field /system_prompt --dry-run
    """
    left, right = (check_project_file(open_session(name, progress)) for name in (source, target))
    promotion = app.promote(left, right, address, fields, dry_run=dry_run)
    click.echo(promotion.difference, nl=False)
    if not promotion.fields:
        both = f"`{target}` has the values that the overlay of `{source}` has for {flat(address)}"
        reason = both if left.environment.overlay else f"`{source}` has no `overlay:` with values of its own"
        progress.say(f"nothing to promote: {reason}")
    for pointer, path in () if progress.quiet else promotion.fields:
        verb = "would carry" if dry_run else "carried"
        what = f"{flat(address)} {flat(pointer)}".rstrip()
        say(f"{verb} {what} into {flat(path)}", err=dry_run)
