"""Confirmation questions on a terminal."""

from __future__ import annotations

import sys

import click

from tavusctl.core.errors import RefusedError, UsageError
from tavusctl.core.messages import shown
from tavusctl.core.project_settings import Environment


def agree(question: str, wanted: str, environment: Environment, *, act: str, without: str) -> None:
    """Ask for one word, typed in full; RefusedError after any other answer, UsageError without a terminal.

    `act` is the action that needs confirmation, as in "apply"; `without` is the hint of the UsageError.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        message = f"`{act}` asks for confirmation, but standard input is not a terminal"
        raise UsageError(message, without, id="E1201")
    click.echo(f"\n{question} in {place(environment)}? Type {wanted} to confirm: ", nl=False, err=True)
    answer = sys.stdin.readline()
    if answer.strip() == wanted:
        return
    if not answer:
        click.echo(err=True)
    given = shown(answer.strip()) if answer.strip() else "no answer" if not answer else "an empty line"
    message = f"`{act}` was not confirmed: expected the full word `{wanted}`, found {given}; nothing was changed"
    raise RefusedError(message, f"run the command again, and type `{wanted}`", id="E415")


def place(environment: Environment) -> str:
    """An environment and its account, as a question names them."""
    account = f" (account {environment.account})" if environment.account else ""
    return f"the environment {environment.name}{account}"
