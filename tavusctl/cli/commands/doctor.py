"""`tavusctl doctor`: check that commands will find everything that they need."""

from __future__ import annotations

import click

from tavusctl.app.doctor import checkup as app
from tavusctl.cli.demo_account import base_url_of
from tavusctl.cli.offline_context import environment_options
from tavusctl.cli.online_context import base_url_option
from tavusctl.cli.options import text_or_json
from tavusctl.cli.report_options import show
from tavusctl.cli.status_line import TerminalProgress


@click.command("doctor")
@base_url_option
@text_or_json
@environment_options
def command(*, environment: str | None, base_url: str, progress: TerminalProgress, format_: str) -> int:
    """Check key, address, account, state, git, versions and clock, and say what to do.

    Nothing is changed, and no secret is shown.  Exits 0, or with the code of the command that would have failed: 8 for
    the key, 9 for the state, 10 for the project file, 11 for the network.

    \b
    tavusctl doctor --env prod
    """
    findings = [*app.checkup(environment, lambda chosen, root: base_url_of(chosen, root, base_url), progress)]
    show((app.document if format_ == "json" else app.text)(findings), format_)
    return app.exit_code(findings)
