"""How a failure reaches the user: words on stderr, or one JSON document on stdout, and an exit code."""

from __future__ import annotations

import contextlib
import io
import os
import re
import traceback
from collections.abc import Collection, Mapping, Sequence
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
    wanted: dict[str, set[int]] = {}
    for one in complaints:
        if one.source and one.id not in VEILED:
            wanted.setdefault(one.source.path, set()).add(one.source.line)
    lines = {path: _lines(path, numbers) for path, numbers in wanted.items()}
    return [replace(one, excerpt=_excerpt(one, lines)) for one in complaints]


def _excerpt(complaint: Complaint, lines: Mapping[str, Mapping[int, str]]) -> str:
    source = complaint.source
    return "" if source is None or complaint.id in VEILED else lines[source.path].get(source.line, "")


def _lines(path: str, numbers: Collection[int]) -> dict[int, str]:
    """Some lines of a file that is named from the root of the project, which is here or above."""
    for folder in (Path.cwd(), *Path.cwd().parents):
        if (folder / path).is_file():
            try:
                content = io.BytesIO(read_bytes(folder / path, folder, _MANIFEST_LIMIT))
            except ValueError:
                return {}
            # Of all manifests together, only what is shown is held: their lines would take many times their bytes.
            return {number: _shown(line) for number, line in enumerate(content, 1) if number in numbers}
    return {}


def _shown(content: bytes) -> str:
    line = content.removesuffix(b"\n").decode("utf-8", "replace")
    return "" if _TELLING.search(line) or freeform.line_tells(line) else line


def _defect(error: Exception) -> InternalError:
    """A defect in one line: where it happened, never the values involved, which may be secret."""
    if os.environ.get("TAVUSCTL_DEBUG"):
        traceback.print_exception(error)
    frame = traceback.extract_tb(error.__traceback__)[-1] if error.__traceback__ else None
    place = f" at {Path(frame.filename).name}:{frame.lineno}" if frame else ""
    hint = "this is a defect of tavusctl; TAVUSCTL_DEBUG=1 shows more, which may hold secrets"
    return InternalError(f"{type(error).__name__}{place}", hint)
