"""Questions on a terminal: what they are about, which answer agrees, and what any other answer comes to."""

from __future__ import annotations

import sys

import click

from tavusctl.core.errors import RefusedError, UsageError
from tavusctl.core.messages import shown
from tavusctl.core.project_settings import Environment


def agree(question: str, wanted: str, environment: Environment, *, act: str, without: str) -> None:
    """Have one word typed in full; whoever types anything else gets nothing changed.

    `act` is what would be done, as in "apply"; `without` says what to add where there is no terminal to ask on.
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
    found = shown(answer.strip()) if answer.strip() else "no answer" if not answer else "an empty line"
    message = f"`{act}` was not confirmed: expected the full word `{wanted}`, found {found}; nothing was changed"
    raise RefusedError(message, f"run the command again, and type `{wanted}`", id="E415")


def place(environment: Environment) -> str:
    """An environment and its account, as questions name them."""
    account = f" (account {environment.account})" if environment.account else ""
    return f"the environment {environment.name}{account}"
