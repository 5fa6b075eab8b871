"""Confirmation questions on a terminal."""

from __future__ import annotations

import sys

import click

from tavusctl.core.errors import RefusedError, UsageError
from tavusctl.core.messages import account_name, shown
from tavusctl.core.project_settings import Environment


def require_answer(question: str, expected: str, environment: Environment, *, action: str, hint: str) -> None:
    """Ask for one word, typed in full; RefusedError after any other answer, UsageError without a terminal.

    `action` is the one that needs confirmation, as in "apply"; `hint` is that of the UsageError.
    """
    if sys.stdin is None or not (sys.stdin.isatty() and sys.stderr.isatty()):  # it is None if it is closed (`<&-`)
        raise UsageError(f"`{action}` asks for confirmation, but standard input is not a terminal", hint, id="E1201")
    click.echo(f"\n{question} in {environment_label(environment)}? Type {expected} to confirm: ", nl=False, err=True)
    answer = sys.stdin.readline()
    if answer.strip() == expected:
        return
    if not answer:
        click.echo(err=True)
    given = shown(answer.strip()) if answer.strip() else "no answer" if not answer else "an empty line"
    message = f"`{action}` was not confirmed: expected the full word `{expected}`, found {given}; nothing was changed"
    raise RefusedError(message, f"run the command again, and type `{expected}`", id="E415")


def environment_label(environment: Environment) -> str:
    """An environment and its account, as a question names them."""
    return f"the environment {environment.name} ({account_name(environment.account, environment.key_source)})"
