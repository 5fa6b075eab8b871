"""Destinations of reports: stdout in one format, and files in other formats."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from tavusctl.app.files import file_writer
from tavusctl.cli import wrapped_output
from tavusctl.cli.completion_values import report as known_report
from tavusctl.cli.options import format_choice
from tavusctl.cli.redacting_stream import RedactingStream
from tavusctl.core.errors import TavusctlError, UsageError
from tavusctl.integrations.git.checkout import folder_in_checkout
from tavusctl.lib.command_line import option_values
from tavusctl.reports.formats import REPORTS, Report, report_named
from tavusctl.secrets.redaction import redacted

Reports = Sequence[tuple[str, Path]]


def _ready(_: click.Context, __: click.Parameter, name: str) -> str:
    """Check that a format can be written on this machine, before anything else is done (click callback)."""
    REPORTS[name].ready()
    return name


format_option = format_choice(sorted(REPORTS), "Output format, default text.", "text", _ready)


def _targets(_: click.Context, __: click.Parameter, values: Sequence[str]) -> tuple[tuple[str, Path], ...]:
    """Formats and files of reports; a usage error before anything is done, if one cannot work (click callback)."""
    return tuple(_target(value) for value in values)


def _target(entry: str) -> tuple[str, Path]:
    name, separator, file = entry.partition("=")
    report = report_named(name)
    if not separator or not file or report is None:
        message = f"expected `--report FORMAT=FILE` with a format of {', '.join(sorted(REPORTS))}, found `{entry}`"
        raise UsageError(message)
    report.ready()
    return name, file_writer.named(file)


def requested_reports(args: Sequence[str]) -> tuple[tuple[str, Path], ...]:
    """The formats and files of the valid `--report` options of a command line, if the files can be written."""
    targets = []
    for entry in option_values(args, "--report"):
        with contextlib.suppress(UsageError):
            name, path = _target(entry)
            file_writer.check_writable(path)
            targets.append((name, path))
    return tuple(targets)


report_option = click.option(
    "--report",
    "reports",
    multiple=True,
    callback=_targets,
    shell_complete=known_report,
    metavar="FORMAT=FILE",
    help="Also write the report to a file; repeatable.",
)


def emit(make: Callable[[Report], str], format_: str, reports: Reports = ()) -> int:
    """Print a report in one format, and write it to files; return an exit code, 0 if every file was written."""
    show(make(in_repository(REPORTS[format_])), format_)
    return write_files(make, reports)


def write_files(make: Callable[[Report], str], reports: Reports) -> int:
    """Write a report to files, and print an error for each that cannot be written; return an exit code."""
    code = 0
    for name, path in reports:
        if report := report_named(name):
            try:
                file_writer.write(path, redacted(click.unstyle(make(in_repository(report)))))
            except UsageError as error:
                print_error(error)
                code = error.exit_code
    return code


def print_error(error: TavusctlError) -> None:
    """Print an error that does not replace the result of the command."""
    from tavusctl.reports import text
    from tavusctl.reports.contents import view

    wrapped_output.say(text.diagnostic(view.diagnostic(error.diagnostics[0])))


def in_repository(report: Report) -> Report:
    """A report format, with paths of files as a forge has them if it is made for one."""
    return report.in_repository(folder_in_checkout(file_writer.project_root()))


def color_setting(*, no_color: bool) -> bool | None:
    """Whether to use colours, by `--no-color` and the environment; None if that depends on the output stream."""
    if no_color or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    if os.environ.get("FORCE_COLOR") or os.environ.get("CLICOLOR_FORCE"):
        return True
    return None


def show(report: str, format_: str = "text") -> None:
    """Print a report.  On a terminal, long lines are wrapped between words; elsewhere they stay whole for searching."""
    if format_ == "text":
        report = wrapped_output.fitted(report, sys.stdout)
    if format_ == "github":
        print_commands(report)
    else:
        click.echo(report, nl=False)


def print_commands(text: str) -> None:
    """Print commands for a workflow runner; all other output is escaped so that a runner obeys none of its lines."""
    if isinstance(sys.stdout, RedactingStream):
        sys.stdout.write_commands(text)
    else:
        sys.stdout.write(text)


def print_record(text: str, what: str) -> None:
    """Print unredacted text that a program reads back; RefusedError if it contains the value of a secret."""
    checked_record = file_writer.record(text, what)
    if isinstance(sys.stdout, RedactingStream):
        sys.stdout.write_record(checked_record)
    else:  # called outside of a run, which redacts stdout
        sys.stdout.write(checked_record)
