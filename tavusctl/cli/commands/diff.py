"""`tavusctl diff`: the differences between two environments, or between an environment and its account."""

from __future__ import annotations

import click

from tavusctl.app.environments import diff as app
from tavusctl.app.session.opening import check_project_file, open_session
from tavusctl.cli.completion_values import environment as known_environment
from tavusctl.cli.offline_context import project_options
from tavusctl.cli.online_context import base_url_option, open_account
from tavusctl.cli.options import format_choice
from tavusctl.cli.report_options import show
from tavusctl.cli.status_line import TerminalProgress
from tavusctl.reports.side_by_side import FORMATS, report

DIFFERENCES_EXIST = 2


@click.command("diff")
@click.argument("left", metavar="ENV", shell_complete=known_environment)
@click.argument("right", metavar="[ENV]", required=False, shell_complete=known_environment)
@format_choice(sorted(FORMATS), "Output format, default text.", "text")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 if there are differences.")
@base_url_option
@project_options
def command(
    progress: TerminalProgress, *, left: str, right: str | None, format_: str, detailed_exitcode: bool, base_url: str
) -> int:
    """Compare the manifests of two environments, field by field; with one name, an environment with its account.

    Two environments are compared offline: with their variables and overlays, references by address, secrets only as
    equal or not.  Nothing is written.

    \b
    tavusctl diff staging production
    tavusctl diff production --detailed-exitcode
    """
    first = check_project_file(open_session(left, progress))
    if right is None:
        with open_account(first, base_url) as session:
            comparison = app.with_account(session)
    else:
        comparison = app.environments(first, check_project_file(open_session(right, progress)))
    show(report(comparison, format_), format_)
    return DIFFERENCES_EXIST if comparison.differences and detailed_exitcode else 0
