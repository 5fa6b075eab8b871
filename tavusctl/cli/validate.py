"""`tavusctl validate`: check manifests without the network."""

from __future__ import annotations

from pathlib import Path

import click

from tavusctl.cli.failure import with_excerpts
from tavusctl.cli.local import LocalSession, local_options
from tavusctl.cli.output import Reports, emit, format_option, report_option
from tavusctl.model import Severity

INVALID = 10


@click.command("validate")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@format_option
@report_option
@local_options
def command(session: LocalSession, *, paths: tuple[Path, ...], format_: str, reports: Reports) -> int:
    """Check manifests: YAML, fields, values, references, secrets.  All complaints come at once.

    \b
    tavusctl validate
    tavusctl validate manifests/personas --format json
    """  # noqa: D301
    _, complaints = session.check(paths)
    emit(lambda report: report.complaints(with_excerpts(complaints)), format_, reports)
    return INVALID if any(one.severity is Severity.ERROR for one in complaints) else 0
