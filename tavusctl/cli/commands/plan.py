"""`tavusctl plan`: show the changes that apply would make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tavusctl.app.planning.plan_options import PlanOptions
from tavusctl.app.session import unchanged
from tavusctl.app.session.online import Session
from tavusctl.cli.offline_context import cache_option
from tavusctl.cli.online_context import options
from tavusctl.cli.options import blame_option, destroy_option, plan_options
from tavusctl.cli.output_paths import OutputFile
from tavusctl.cli.report_options import Reports, emit, format_option, report_option

CHANGES_EXIST = 2


@click.command("plan")
@format_option
@report_option
@click.option("-o", "--out", type=OutputFile(), help="Write the plan to a file for apply.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 if there are changes.")
@plan_options
@destroy_option
@click.option(
    "--base", metavar="REF", help="Separate the changes that were pending already at the merge base with REF."
)
@blame_option
@options
@cache_option
def command(
    session: Session,
    *,
    format_: str,
    reports: Reports,
    out: Path | None,
    detailed_exitcode: bool,
    base: str | None,
    blame: bool,
    **shape: Any,
) -> int:
    """Show the changes that apply would make, without making them.

    \b
    tavusctl plan
    tavusctl plan --out plan.json && tavusctl apply plan.json
    tavusctl plan --base origin/main --blame
    """
    plan_request = PlanOptions(**shape)
    plan_request.check_sense()
    is_cacheable = base is None and not out
    cached_plan = unchanged.read_plan(session, unchanged.PLAN, plan_request.document()) if is_cacheable else None
    if cached_plan:
        return emit(lambda report: report.plan(cached_plan), format_, reports)
    from tavusctl.app import plan as app  # a cached plan is reported without this import

    plan = app.plan(session, plan_request, base=base, blame=blame, out=out)
    report_code = emit(lambda report: report.plan(plan), format_, reports)
    if out and not plan.refused:
        _tell_of_file(session, out, writes=plan.writes)
    return report_code or app.exit_code(plan, changes_exist=CHANGES_EXIST if detailed_exitcode else 0)


def _tell_of_file(session: Session, path: Path, *, writes: bool) -> None:
    import shlex

    from tavusctl.app.planning import plan_file

    if not plan_file.are_collected():  # a step of a workflow has a path that is gone with its machine
        command = session.command(shlex.join(["apply", str(path)]))
        session.progress.say(f"to apply this plan, run `{command}`" if writes else f"wrote `{path}`, without changes")
