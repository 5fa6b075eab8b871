"""How an error reaches the user: text on stderr, or one JSON document on stdout, and an exit code."""

from __future__ import annotations

import codecs
import os
import re
import traceback
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import click
from msgspec.structs import replace

from tavusctl.app.files import file_writer
from tavusctl.app.session.opening import register_secrets
from tavusctl.cli import output_paths
from tavusctl.cli.report_options import color_setting, in_repository, print_error, requested_reports
from tavusctl.cli.wrapped_output import say
from tavusctl.config.files import read_bytes
from tavusctl.core.diagnostic_ids import REDACTED_CHECKS
from tavusctl.core.diagnostics import Diagnostic
from tavusctl.core.errors import ConfigError, InternalError, TavusctlError, UsageError
from tavusctl.fields import free_objects
from tavusctl.lib.command_line import option_values
from tavusctl.lib.patterns import pattern
from tavusctl.reports import json, text
from tavusctl.reports.contents import view
from tavusctl.reports.formats import report_named
from tavusctl.secrets import detection, private_keys
from tavusctl.secrets.redaction import redacted

# A line that may contain a secret in plain text is never shown, whatever its diagnostic is about.
_MAY_HOLD_SECRET = pattern(
    rb"api_?key|header|authorization|bearer|secret|token|password|:(?://)?[^/\s@:]*@", re.IGNORECASE
)
_LINE = pattern(rb"[^\r\n]*(?:\r\n|[\r\n]|\Z)")  # as YAML counts them
_KEY = pattern(rb"[^\s:#][^:]*:(?:\s|\Z)")
_INDENT = pattern(rb"\A[ \t]*(?:-[ \t]+)*")  # what is before a key, also in the item of a list
_BEGIN, _END = pattern(private_keys.BEGIN.encode()), pattern(private_keys.END.encode())
_MANIFEST_LIMIT = 5 * 1024 * 1024
_LONGEST_LINE = 64 * 1024  # bytes; a longer line helps nobody, and is not searched for secrets


def report(error: Exception, args: Sequence[str]) -> int:
    """Print an error with its hint; returns the exit code."""
    register_secrets(args)
    if not isinstance(error, TavusctlError):
        error = _defect(error)
    diagnostics = view.diagnostics(error.diagnostics)
    write_reports(error, args)
    color = color_setting(no_color="--no-color" in args)  # the click context, which had it, ended with the command
    if wants_json(args):
        click.echo(json.error(error.id, error.exit_code, diagnostics), nl=False)
    elif isinstance(error, ConfigError):
        report_text = text.diagnostics(view.diagnostics(with_excerpts(error.diagnostics)))
        say(report_text.removesuffix("\n"), color=color)
    else:
        for diagnostic in diagnostics:
            say(text.diagnostic(diagnostic), color=color)
    return error.exit_code


def write_reports(error: TavusctlError, args: Sequence[str]) -> None:
    """Write the error into the requested report files, because their readers may see nothing else."""
    targets = requested_reports(args)
    if not targets or error.id == output_paths.ID or not output_paths.is_free([path for _, path in targets]):
        return
    for name, path in targets:
        report = report_named(name)
        report_text = in_repository(report).diagnostics(with_excerpts(error.diagnostics)) if report else ""
        document = json.error(error.id, error.exit_code, view.diagnostics(error.diagnostics))
        try:
            file_writer.write(path, redacted(document if name == "json" else click.unstyle(report_text)))
        except UsageError as unwritten:
            print_error(unwritten)


def wants_json(args: Sequence[str]) -> bool:
    """Whether the command line requests JSON, even if the rest of it is invalid."""
    return "json" in option_values(args, "--format", "-f")


def with_excerpts(diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Diagnostics with the lines that they are about; an unreadable file gives no excerpt."""
    line_numbers: dict[str, set[int]] = {}
    for diagnostic in diagnostics:
        if diagnostic.source and diagnostic.id not in REDACTED_CHECKS:
            line_numbers.setdefault(diagnostic.source.path, set()).add(diagnostic.source.line)
    lines = {path: _lines(path, numbers) for path, numbers in line_numbers.items()}
    return [replace(diagnostic, excerpt=_excerpt(diagnostic, lines)) for diagnostic in diagnostics]


def _excerpt(diagnostic: Diagnostic, lines: Mapping[str, Mapping[int, str]]) -> str:
    source = diagnostic.source
    return "" if source is None or diagnostic.id in REDACTED_CHECKS else lines[source.path].get(source.line, "")


def _lines(path: str, numbers: Collection[int]) -> dict[int, str]:
    """The lines with the given numbers, of a file whose path starts at the root of the project."""
    root = file_writer.project_root()
    try:
        content = read_bytes(root / path, root, _MANIFEST_LIMIT).removeprefix(codecs.BOM_UTF8)
    except ValueError:
        return {}
    if b"\0" in content:  # no text in UTF-8: its bytes are no lines to show
        return {}
    # Keep only the lines to show: the lines of all manifests as strings would take many times their bytes.
    file_lines = (match.group() for match in _LINE.finditer(content))
    return {number: _showable(line) for number, line in _outside_secrets(file_lines) if number in numbers}


def _outside_secrets(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """The lines of a file by number, without blank ones, and without those that continue one that may contain a secret.

    They are indented more than its key; in invalid YAML, they may also have less indentation, but no key.  A private
    key continues to its end, whatever its lines look like.
    """
    column: int | None = None  # of the key of that line
    is_private_key = False
    for number, line in enumerate(lines, 1):
        if line.isspace():  # it shows nothing
            continue
        continues, begins = is_private_key, _BEGIN.search(line[:_LONGEST_LINE]) is not None
        is_private_key = (continues or begins) and not _END.search(line)
        if continues:
            continue
        content = _INDENT.sub(b"", line, count=1)
        indent = len(line) - len(content)
        if column is not None and (indent > column or not _KEY.match(content)):
            continue
        column = indent if _MAY_HOLD_SECRET.search(line[:_LONGEST_LINE]) else None
        yield number, line


def _showable(content: bytes) -> str:
    if len(content) > _LONGEST_LINE or _MAY_HOLD_SECRET.search(content):
        return ""
    line = content.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "replace")
    is_opaque = detection.is_opaque(line.strip(" \t\"'"))  # a text alone on its line, also where YAML allows none
    return "" if free_objects.line_has_secret(line) or is_opaque else line


def _defect(error: Exception) -> InternalError:
    """An unexpected exception as an internal error with its place, without its message, which may contain secrets."""
    if os.environ.get("TAVUSCTL_DEBUG"):
        traceback.print_exception(error)
    frame = traceback.extract_tb(error.__traceback__)[-1] if error.__traceback__ else None
    place = f" at {Path(frame.filename).name}:{frame.lineno}" if frame else ""
    hint = "report this bug of tavusctl; `TAVUSCTL_DEBUG=1` shows a traceback, which may contain secrets"
    return InternalError(f"{type(error).__name__}{place}", hint)
