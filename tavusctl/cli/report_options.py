"""Where reports go: stdout in one format, and files in others."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from tavusctl.app.files import file_writer, output_files
from tavusctl.cli.completion_values import report as known_report
from tavusctl.cli.redacting_stream import RedactingStream
from tavusctl.core.errors import UsageError
from tavusctl.reports.formats import REPORTS, Report, named
from tavusctl.reports.terminal.line_wrapping import wrapped
from tavusctl.secrets.redaction import redacted

_NARROWEST = 40  # columns of a terminal in which it helps to break lines
Reports = Sequence[tuple[str, Path]]


def _ready(_: click.Context, __: click.Parameter, name: str) -> str:
    """A format that can be written here; told before anything is done (click callback)."""
    REPORTS[name].ready()
    return name


format_option = click.option(
    "-f",
    "--format",
    "format_",
    type=click.Choice(sorted(REPORTS)),
    default="text",
    callback=_ready,
    help="Output format, default text.",
)


def _targets(_: click.Context, __: click.Parameter, values: Sequence[str]) -> tuple[tuple[str, Path], ...]:
    """Reports to write, as format and file; what cannot work is told before anything is done (click callback)."""
    return tuple(_target(value) for value in values)


def _target(entry: str) -> tuple[str, Path]:
    name, separator, file = entry.partition("=")
    report = named(name)
    if not separator or not file or report is None:
        message = f"expected `--report FORMAT=FILE` with a format of {', '.join(sorted(REPORTS))}, found `{entry}`"
        raise UsageError(message)
    path = Path(file)
    if not path.parent.is_dir() or path.is_dir():
        message = (
            f"cannot write `{path}`: "
            f"{'it is a folder' if path.is_dir() else f'the folder {path.parent} does not exist'}"
        )
        raise UsageError(message)
    report.ready()
    return name, path


def requested_reports(args: Sequence[str]) -> tuple[tuple[str, Path], ...]:
    """The reports that a command line asks for, as far as they can be written."""
    pairs = zip(args, [*args[1:], ""], strict=False)  # no word, no pair
    entries = [value if arg == "--report" else arg.removeprefix("--report=") for arg, value in pairs if _asks(arg)]
    found = []
    for entry in entries:
        with contextlib.suppress(UsageError):
            found.append(_target(entry))
    return tuple(found)


def _asks(arg: str) -> bool:
    return arg == "--report" or arg.startswith("--report=")


report_option = click.option(
    "--report",
    "reports",
    multiple=True,
    callback=_targets,
    shell_complete=known_report,
    metavar="FORMAT=FILE",
    help="Also write the report to a file; repeatable.",
)


def emit(make: Callable[[Report], str], format_: str, reports: Reports = ()) -> None:
    """Print a report, and write its other forms."""
    for name, path in reports:
        if report := named(name):
            output_files.write(path, redacted(click.unstyle(make(report))))
    show(make(REPORTS[format_]), format_)


def color_setting(*, no_color: bool = False) -> bool | None:
    """Whether texts have colours, by `--no-color` and the environment; None where it depends on who reads."""
    if no_color or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    if os.environ.get("FORCE_COLOR") or os.environ.get("CLICOLOR_FORCE"):
        return True
    return None


def show(report: str, format_: str = "text") -> None:
    """Print a report.  On a terminal, its lines are broken between words; elsewhere they are to be searched."""
    if format_ == "text" and sys.stdout.isatty():
        report = wrapped(report, max(_NARROWEST, shutil.get_terminal_size().columns))
    if format_ == "github":
        print_commands(report)
    else:
        click.echo(report, nl=False)


def print_commands(text: str) -> None:
    """Print commands for a workflow runner: everywhere else, what looks like one is not obeyed."""
    if isinstance(sys.stdout, RedactingStream):
        sys.stdout.write_commands(text)
    else:
        sys.stdout.write(text)


def print_record(text: str, what: str) -> None:
    """Print unredacted text that a program reads back; RefusedError if it contains the value of a secret."""
    held = file_writer.record(text, what)
    if isinstance(sys.stdout, RedactingStream):
        sys.stdout.write_record(held)
    else:  # a function of this module that is called outside of a run
        sys.stdout.write(held)
