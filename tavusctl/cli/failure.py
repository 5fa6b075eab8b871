"""How a failure reaches the user: words on stderr, or one JSON document on stdout, and an exit code."""

from __future__ import annotations

import contextlib
import os
import re
import traceback
from collections.abc import Sequence
from pathlib import Path

import click
from msgspec.structs import replace

from tavusctl import freeform
from tavusctl.checks import VEILED
from tavusctl.cli import output, writers
from tavusctl.cli.local import learn
from tavusctl.cli.output import targets_in
from tavusctl.engine.load.files import read_bytes
from tavusctl.errors import ConfigError, InternalError, TavusctlError, UsageError
from tavusctl.model import Complaint
from tavusctl.redaction import redacted
from tavusctl.reports import REPORTS

# A line that may hold a secret written out is not shown, whatever the complaint about it is.
_TELLING = re.compile(r"api_?key|header|authorization|bearer|secret|token|password", re.IGNORECASE)
_MANIFEST_LIMIT = 5 * 1024 * 1024


def report(error: Exception, args: Sequence[str]) -> int:
    """Say what went wrong and what to do; the exit code."""
    learn(args)
    if not isinstance(error, TavusctlError):
        error = _defect(error)
    from tavusctl.reports import json, text, view

    complaints = view.complaints(error.complaints)
    write_reports(error, args)
    if wants_json(args):
        click.echo(json.error(error.id, error.exit_code, complaints), nl=False)
    elif isinstance(error, ConfigError):
        click.echo(text.complaints(view.complaints(with_excerpts(error.complaints))), err=True, nl=False)
    else:
        for complaint in complaints:
            click.echo(text.complaint(complaint), err=True)
    return error.exit_code


def write_reports(error: TavusctlError, args: Sequence[str]) -> None:
    """Let reports that were asked for say why there is nothing to report; their readers may see nothing else."""
    from tavusctl.reports import json, view

    targets = targets_in(args)
    if error.id == writers.ID or not writers.is_free([path for _, path in targets]):
        return
    for name, path in targets:
        shown = REPORTS[name].complaints(with_excerpts(error.complaints))
        document = json.error(error.id, error.exit_code, view.complaints(error.complaints))
        with contextlib.suppress(UsageError):  # what went wrong first is what matters
            output.write(path, redacted(document if name == "json" else click.unstyle(shown)))


def wants_json(args: Sequence[str]) -> bool:
    """Whether the command line asks for JSON, even when it cannot be parsed as a whole."""
    pairs = zip(args, [*args[1:], ""], strict=False)
    return any(
        arg in ("--format=json", "-fjson") or (arg in ("--format", "-f") and value == "json") for arg, value in pairs
    )


def with_excerpts(complaints: Sequence[Complaint]) -> list[Complaint]:
    """Complaints with the lines they are about; a file that cannot be read gives none."""
    files: dict[str, list[str]] = {}
    return [replace(one, excerpt=_line(one, files)) for one in complaints]


def _line(complaint: Complaint, files: dict[str, list[str]]) -> str:
    source = complaint.source
    if source is None or complaint.id in VEILED:
        return ""
    if source.path not in files:
        files[source.path] = _lines(source.path)
    lines = files[source.path]
    line = lines[source.line - 1] if 0 < source.line <= len(lines) else ""
    return "" if _TELLING.search(line) or freeform.line_tells(line) else line


def _lines(path: str) -> list[str]:
    """The lines of a file that is named from the root of the project, which is here or above."""
    for folder in (Path.cwd(), *Path.cwd().parents):
        if (folder / path).is_file():
            try:
                return read_bytes(folder / path, folder, _MANIFEST_LIMIT).decode("utf-8", "replace").split("\n")
            except ValueError:
                return []
    return []


def _defect(error: Exception) -> InternalError:
    """A defect in one line: where it happened, never the values involved, which may be secret."""
    if os.environ.get("TAVUSCTL_DEBUG"):
        traceback.print_exception(error)
    frame = traceback.extract_tb(error.__traceback__)[-1] if error.__traceback__ else None
    place = f" at {Path(frame.filename).name}:{frame.lineno}" if frame else ""
    hint = "this is a defect of tavusctl; TAVUSCTL_DEBUG=1 shows more, which may hold secrets"
    return InternalError(f"{type(error).__name__}{place}", hint)
