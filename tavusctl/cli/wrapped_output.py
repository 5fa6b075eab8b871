"""Text for people on standard output and standard error: on a terminal, long lines are broken between words.

Elsewhere, lines stay whole, so that they can be searched.
"""

from __future__ import annotations

import os
import sys
from typing import Final, TextIO

import click

from tavusctl.reports.terminal.line_wrapping import WIDTH, columns, wrap

_NARROWEST: Final = 40  # columns: in a narrower terminal, wrap as if it had this width


def say(text: str, *, err: bool = True, color: bool | None = None) -> None:
    """Print text and a line break, on standard error or else on standard output."""
    click.echo(fitted(text, sys.stderr if err else sys.stdout), err=err, color=color)


def ask(question: str, request: str) -> None:
    """Print a question and what to type on standard error, on two lines if they do not fit on one."""
    gap = " " if columns(f"{question} {request}".strip("\n")) < _width(sys.stderr) else "\n"
    click.echo(f"{fitted(question, sys.stderr)}{gap}{request}", nl=False, err=True)


def show_table(text: str) -> None:
    """Print lines with columns on standard output."""
    click.echo(fitted(text, sys.stdout, is_table=True), nl=False)


def fitted(text: str, stream: TextIO, *, is_table: bool = False) -> str:
    """The text as a stream should get it: with lines that fit, if the stream is a terminal."""
    return wrap(text, max(_NARROWEST, _width(stream)), is_table=is_table) if stream.isatty() else text


def _width(stream: TextIO) -> int:
    setting = os.environ.get("COLUMNS", "")
    if setting.isdecimal() and int(setting):
        return int(setting)
    try:
        return os.get_terminal_size(stream.fileno()).columns or WIDTH
    except OSError:  # such as a terminal that is gone
        return WIDTH
