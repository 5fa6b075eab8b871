"""`tavusctl output`: the ids of objects for applications, under the names that the applications read."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

import click

from tavusctl.app import output as app
from tavusctl.app.files import file_writer
from tavusctl.app.session.local import LocalSession
from tavusctl.cli.completion_values import output as known_output
from tavusctl.cli.offline_context import local_options
from tavusctl.cli.options import format_choice
from tavusctl.cli.output_paths import OutputFile
from tavusctl.cli.report_options import print_record
from tavusctl.core.errors import UsageError

WOULD_CHANGE = 2


@click.command("output")
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=known_output)
@format_choice(list(app.FORMATS), "Output format, default dotenv.", "dotenv")
@click.option(
    "--check",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Report outdated values in this .env file; exit 2 if any.",
)
@click.option("--write", type=OutputFile(), help="Update this .env file in place.")
@local_options
def command(
    session: LocalSession, *, names: tuple[str, ...], format_: str, check: Path | None, write: Path | None
) -> int:
    """Print object ids for applications, by the names of `outputs:` in tavusctl.yaml: all, or those at NAME.

    A `*` in NAME matches any characters.  Without `outputs:`, every object has a name like PERSONA_SALES_COACH_ID.
    Works offline.  With --format github, in a step of GitHub Actions, the outputs of the step are set.

    \b
    tavusctl output --write web/.env 'VITE_*'
    tavusctl output --check web/.env 'VITE_*'
    eval "$(tavusctl output --format shell)"
    """
    if (check or write) and (format_ != "dotenv" or (check and write)):
        message = "`--check`, `--write` and another `--format` are mutually exclusive"
        raise UsageError(message, "use one of them, without `--format`")
    values = app.outputs_of(session, names)
    if check:
        return _check(session, check, values, names)
    if write:
        return _write(session, write, values)
    if format_ == "github" and os.environ.get("GITHUB_OUTPUT"):
        app.append(Path(os.environ["GITHUB_OUTPUT"]), file_writer.record(app.github(values), "the output"))
    else:
        print_record(app.FORMATS[format_](values), "the output")
    return 0


def _check(session: LocalSession, path: Path, values: app.Values, names: Sequence[str]) -> int:
    stale = app.stale(path, values)
    for name, value in stale.items():
        click.echo(f"{path}: {name} is not {value}")
    if stale:
        session.say(f"next: run `{session.command(shlex.join(['output', '--write', str(path), *names]))}`")
    return WOULD_CHANGE if stale else 0


def _write(session: LocalSession, path: Path, values: app.Values) -> int:
    names = app.update(path, values)
    session.say(f"{path}: set {', '.join(names)}" if names else f"{path} is up to date")
    return 0
