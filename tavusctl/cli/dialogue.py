"""A run that changes the account, as a person at the command line sees it."""

from __future__ import annotations

import click
from msgspec import Struct

from tavusctl.app.planning.execution import RunResult
from tavusctl.app.session.online import Session
from tavusctl.cli import report_options
from tavusctl.cli.confirmation import agree
from tavusctl.cli.interrupt import Interruption
from tavusctl.cli.report_options import Reports, emit
from tavusctl.core.model import Outcome, Plan
from tavusctl.reports import text, view
from tavusctl.reports.formats import REPORTS


class TerminalDialogue(Struct, frozen=True):
    """What is shown and asked, in one of the formats of reports."""

    session: Session
    format_: str
    interruption: Interruption

    def show(self, plan: Plan) -> None:
        """Print the plan as text: on stdout, or on stderr if stdout is for a document."""
        shown = REPORTS["text"].plan(plan)
        if self.format_ == "text":
            report_options.show(shown)
        else:
            self.session.say(shown.rstrip("\n"))

    def agree(self, question: str, wanted: str, *, act: str, without: str) -> None:
        """Have one word typed in full on a terminal; whoever types anything else gets nothing changed."""
        agree(question, wanted, self.session.environment, act=act, without=without)

    def describe(self, outcome: Outcome) -> str:
        """A line for a step that the report at the end does not tell."""
        is_told = self.format_ == "text" and text.is_told(outcome)
        return "" if is_told else text.outcome(view.outcome(outcome))

    def finish(self, result: RunResult, reports: Reports = ()) -> int:
        """Report what was done, and say what is next; the exit code."""
        if self.format_ != "text" or result.outcomes or reports:
            emit(lambda report: report.outcomes(result.plan, result.outcomes), self.format_, reports)
        for line in (*result.next_steps(), *result.hints):
            self.session.say(line)
        if result.failure:
            click.echo(text.diagnostic(view.diagnostic(result.failure.diagnostics[0])), err=True)
        return self.interruption.code or result.exit_code
