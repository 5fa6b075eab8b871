"""`tavusctl fmt`: format manifests without changing their meaning."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from tavusctl.app import fmt as app
from tavusctl.app.files.rewritten_files import difference, write_files
from tavusctl.app.session.local import LocalSession
from tavusctl.app.session.opening import check_project_file
from tavusctl.cli.offline_context import file_options
from tavusctl.secrets.escape import flat

WOULD_CHANGE = 2


@click.command("fmt")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--check", is_flag=True, help="Do not write; exit 2 if a file would change.")
@click.option("--diff", is_flag=True, help="Do not write; show the changes as a diff.")
@file_options
def command(sessions: list[LocalSession], *, paths: tuple[Path, ...], check: bool, diff: bool) -> int:
    """Format manifests without changing their meaning: comments and order are kept.  Skips other files.

    Texts of several lines in quotes become `|` blocks, trailing spaces and tabs are removed, the file ends with one
    line break, and the comment that names the schema for editors is corrected.

    \b
    tavusctl fmt
    tavusctl fmt --check --diff
    """
    session = check_project_file(sessions[0])  # the overlays of all environments are formatted, so any session will do
    result = app.fmt(session, paths)
    if diff:
        click.echo(difference(result.before, result.after), nl=False)
    elif not check:
        write_files(session.root, result.before, result.after)
    _print_names(session, result.after, is_listing=not diff)
    return WOULD_CHANGE if check and result.after else 0


def _print_names(session: LocalSession, changed: Mapping[str, bytes], *, is_listing: bool) -> None:
    """Print the names of the files on stdout, for scripts."""
    for name in changed if is_listing else ():
        click.echo(flat(name))
    if not changed:
        session.say("all files are formatted")
