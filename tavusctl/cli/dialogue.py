"""The dialogue with the user, on a terminal, in a run that changes the account."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click
from msgspec import Struct

from tavusctl.app.planning.execution import RunResult
from tavusctl.app.session.online import Session
from tavusctl.cli import report_options, wrapped_output
from tavusctl.cli.interrupt import Interruption, interruptible
from tavusctl.cli.report_options import Reports
from tavusctl.core.errors import RefusedError, UsageError
from tavusctl.core.messages import account_name, shown
from tavusctl.core.model import Outcome, Plan
from tavusctl.core.project_settings import Environment
from tavusctl.reports import text
from tavusctl.reports.contents import view
from tavusctl.reports.formats import REPORTS, Report


class TerminalDialogue(Struct, frozen=True):
    """What a run shows and asks, in one of the report formats."""

    session: Session
    format_: str
    interruption: Interruption

    def show(self, plan: Plan) -> None:
        """Print the plan as text: on stdout, or on stderr if stdout is for a document in another format."""
        plan_text = REPORTS["text"].plan(plan)
        if self.format_ == "text":
            report_options.show(plan_text)
        else:
            self.session.progress.say(plan_text.rstrip("\n"))

    def require_answer(self, question: str, expected: str, *, action: str, hint: str) -> None:
        """Ask for one word, typed in full; RefusedError after any other answer."""
        require_answer(question, expected, self.session.environment, action=action, hint=hint)

    def describe(self, outcome: Outcome) -> str:
        """A line about a finished step; empty if the final report tells about that step."""
        is_in_report = self.format_ == "text" and text.needs_line(outcome)
        return "" if is_in_report else text.outcome(view.outcome(outcome))

    def finish(self, result: RunResult, reports: Reports) -> int:
        """Report the outcomes and the next steps; returns the exit code.

        The account is changed by now: a file that cannot be written hides no outcome, and is no reason for another
        exit code.
        """

        def outcomes(report: Report) -> str:
            return report.outcomes(result.plan, result.outcomes)

        if self.format_ != "text" or result.outcomes or reports:
            report_options.show(outcomes(report_options.in_repository(REPORTS[self.format_])), self.format_)
        for line in (*result.next_steps(), *result.hints):
            self.session.say(line)
        code = self.interruption.code or result.exit_code
        if result.failure:
            report_options.print_error(result.failure)
        report_code = report_options.write_files(outcomes, reports)
        return code if result.outcomes else code or report_code


def converse(
    session: Session, format_: str, operation: Callable[[TerminalDialogue], RunResult], reports: Reports = ()
) -> int:
    """Run an operation that changes the account, in a dialogue that signals can stop; returns the exit code."""
    with interruptible() as interruption:
        dialogue = TerminalDialogue(session, format_, interruption)
        result = operation(dialogue)
    return dialogue.finish(result, reports)


def is_on_terminal() -> bool:
    """Whether somebody can read what is said, and answer."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()  # it is None if it is closed (`<&-`)


def require_answer(question: str, expected: str, environment: Environment, *, action: str, hint: str) -> None:
    """Ask for one word, typed in full; RefusedError after any other answer, UsageError without a terminal.

    `action` is the one that needs confirmation, as in "apply"; `hint` is that of the UsageError.
    """
    if not is_on_terminal():
        raise UsageError(f"`{action}` asks for confirmation, but standard input is not a terminal", hint, id="E1201")
    account = account_name(environment.account, environment.key_source)
    label = f"the environment {environment.name} ({account})"
    wrapped_output.ask(f"\n{question} in {label}?", f"Type {expected} to confirm: ")
    answer = sys.stdin.readline()
    if answer.strip() == expected:
        return
    if not answer:
        click.echo(err=True)
    given = shown(answer.strip()) if answer.strip() else "no answer" if not answer else "an empty line"
    message = f"`{action}` was not confirmed: expected the full word `{expected}`, found {given}; nothing was changed"
    raise RefusedError(message, f"run the command again, and type `{expected}`", id="E415")
