"""`tavusctl plan`: show what apply would do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from msgspec.structs import replace

from tavusctl.cli import planfile
from tavusctl.cli.local import open_session, say
from tavusctl.cli.output import Reports, emit, format_option, report_option
from tavusctl.cli.planoptions import PlanOptions, destroy_option, plan_options
from tavusctl.cli.session import Session, blame_option, options
from tavusctl.cli.writers import OutputFile
from tavusctl.client import Sources
from tavusctl.client.memory import Remembering
from tavusctl.engine import origin
from tavusctl.engine.reconcile import Prepared
from tavusctl.errors import ConfigError, RefusedError, UsageError, worst
from tavusctl.model import Plan
from tavusctl.ports import Reader

CHANGES_EXIST = 2


@click.command("plan")
@format_option
@report_option
@click.option("-o", "--out", type=OutputFile(), help="Write the plan to a file, for apply.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 when there are changes.")
@plan_options
@destroy_option
@click.option("--base", metavar="REF", help="Tell what was to be done already where this branch left REF.")
@blame_option
@options
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
    """Show what apply would do, and change nothing.

    \b
    tavusctl plan
    tavusctl plan --out plan.json && tavusctl apply plan.json
    tavusctl plan --base origin/main --blame
    """  # noqa: D301
    asked = PlanOptions(**shape)
    eyes = session.sources(wanted=asked.watches)
    with session.reader() as client:
        api: Reader = Remembering(client) if base else client
        prepared = planned(session, api, asked, eyes)
        plan = attributed(session, api, prepared.plan, base, asked, eyes) if base else prepared.plan
        now = api.server_time()
    if blame:
        plan = with_authors(session, prepared, plan, base)
    if out:
        planfile.write(out, prepared, now, asked)
    emit(lambda report: report.plan(plan), format_, reports)
    return exit_code(plan, changes_exist=CHANGES_EXIST if detailed_exitcode else 0)


def planned(
    session: Session,
    api: Reader,
    asked: PlanOptions,
    eyes: Sources | None,
    *,
    checked: bool = True,
    needs_values: bool = False,
) -> Prepared:
    """The plan that options ask for; ConfigError where it would write what cannot work.

    `eyes` look at the sources of watched documents.
    """
    return session.plan(
        api,
        consent=asked.consent,
        adopt=asked.import_existing,
        destroy=asked.destroy,
        watch=eyes,
        check_names=checked,
        judges=True,
        needs_values=needs_values,
    )


def attributed(
    session: Session, api: Reader, plan: Plan, reference: str, asked: PlanOptions, eyes: Sources | None
) -> Plan:
    """The plan, with what of it the manifests would have changed already where this branch left another."""
    from tavusctl.cli.basis import basis

    with basis(session.root, reference) as found:
        try:
            older = open_session(session.environment.name, quiet=session.quiet, start=found.root).checked()
            before = session.plan(api, consent=asked.consent, base=older, watch=eyes).plan
        except (ConfigError, RefusedError, UsageError) as error:
            say(session, f"the manifests at {found.name} cannot be compared with: {error.message}")
            return plan
        return replace(plan, pending=origin.pending(plan, before), base=found.name)


def with_authors(session: Session, prepared: Prepared, plan: Plan, base: str | None) -> Plan:
    """The plan with who wrote what it writes, or what is overridden since this branch left another."""
    from tavusctl.cli.basis import merge_base
    from tavusctl.cli.blaming import blamed

    return blamed(session, prepared, plan, merge_base(session.root, base) if base else "HEAD")


def exit_code(plan: Plan, *, changes_exist: int = 0) -> int:
    """What a plan says to a script: refusals before changes."""
    refused = worst([refusal.exit_code for refusal in plan.refused])
    return refused or (changes_exist if plan.writes else 0)
