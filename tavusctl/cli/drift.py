"""`tavusctl drift`: what was changed in the account since the last apply."""

from __future__ import annotations

import click
from msgspec.structs import replace

from tavusctl.cli.output import Reports, emit, format_option, report_option
from tavusctl.cli.session import Session, blame_option, options
from tavusctl.engine.unknown import of_plan
from tavusctl.errors import RefusedError

DRIFT_EXISTS = 2


@click.command("drift")
@format_option
@report_option
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 when there is drift.")
@blame_option
@options
def command(session: Session, *, format_: str, reports: Reports, detailed_exitcode: bool, blame: bool) -> int:
    """Show what was changed or deleted in the account, outside tavusctl, since the last apply.  Cannot write.

    Exits 4 when the account has objects with the names of manifests that the state does not know: whether those have
    drifted cannot be told.

    \b
    tavusctl drift
    tavusctl drift --detailed-exitcode --format json
    """  # noqa: D301
    with session.reader() as api:
        prepared = session.plan(api)
    plan, unknown = prepared.plan, of_plan(prepared.plan, prepared.state.bindings)
    plan = replace(plan, warnings=(*plan.warnings, *unknown.warnings()))
    if blame:
        from tavusctl.cli.blaming import blamed

        plan = blamed(session, prepared, plan)
    emit(lambda report: report.drift(plan, plan.drift), format_, reports)
    if unknown.there:
        return RefusedError.exit_code
    return DRIFT_EXISTS if plan.drift and detailed_exitcode else 0
