"""`tavusctl drift`: the changes made in the account since the last apply."""

from __future__ import annotations

import click

from tavusctl.app.session import unchanged
from tavusctl.app.session.online import Session
from tavusctl.cli.offline_context import cache_option
from tavusctl.cli.online_context import options
from tavusctl.cli.options import blame_option
from tavusctl.cli.report_options import Reports, emit, format_option, report_option
from tavusctl.core.errors import RefusedError

DRIFT_EXISTS = 2


@click.command("drift")
@format_option
@report_option
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 if there is drift.")
@blame_option
@options
@cache_option
def command(session: Session, *, format_: str, reports: Reports, detailed_exitcode: bool, blame: bool) -> int:
    """Show objects that were changed or deleted outside tavusctl since the last apply.  Never writes.

    Exits 4 if the account has objects with the names of manifests that are not in the state: their drift is unknown.

    \b
    tavusctl drift
    tavusctl drift --detailed-exitcode --format json
    """
    cached_plan = unchanged.read_plan(session, unchanged.DRIFT, {})
    if cached_plan:
        return emit(lambda report: report.drift(cached_plan, cached_plan.drift), format_, reports)
    from tavusctl.app import plan as app  # a cached plan is reported without this import

    result = app.drift(session, blame=blame)
    report_code = emit(lambda report: report.drift(result.plan, result.plan.drift), format_, reports)
    if result.unknown.matching_ids:
        return report_code or RefusedError.exit_code
    return report_code or (DRIFT_EXISTS if result.plan.drift and detailed_exitcode else 0)
