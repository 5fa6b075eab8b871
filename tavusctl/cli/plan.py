"""`tavusctl plan`: show what apply would do."""

from __future__ import annotations

from pathlib import Path

import click
from msgspec.structs import replace

from tavusctl.cli import planfile
from tavusctl.cli.local import open_session, say
from tavusctl.cli.output import Reports, emit, format_option, report_option
from tavusctl.cli.session import Session, addresses_option, allow_recreate, blame_option, options
from tavusctl.client.memory import Remembering
from tavusctl.engine import origin
from tavusctl.engine.plan import Consent
from tavusctl.engine.reconcile import Prepared
from tavusctl.errors import ConfigError, RefusedError, UsageError, worst
from tavusctl.model import Address, Plan
from tavusctl.ports import Reader

CHANGES_EXIST = 2


@click.command("plan")
@format_option
@report_option
@click.option("-o", "--out", type=click.Path(dir_okay=False), help="Write the plan to a file, for apply.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 when there are changes.")
@addresses_option("--target", "targets", help="Only this address and what it needs; repeatable.")
@addresses_option("--allow-replace", help="Agree to train this replica anew.")
@addresses_option("--allow-replica-delete", help="Agree to delete this replica.")
@addresses_option("--overwrite", help="Take the manifest's side in a conflict.")
@allow_recreate
@click.option("--adopt", is_flag=True, help="Take over objects that have the name of a planned create.")
@click.option("--destroy", is_flag=True, help="Plan to delete everything that is managed.")
@click.option("--watch/--no-watch", default=True, help="Look at the sources of watched documents, or not.")
@click.option("--base", metavar="REF", help="Tell what was to be done already where this branch left REF.")
@blame_option
@options
def command(
    session: Session,
    *,
    format_: str,
    reports: Reports,
    out: str | None,
    detailed_exitcode: bool,
    targets: frozenset[Address],
    allow_replace: frozenset[Address],
    allow_replica_delete: frozenset[Address],
    overwrite: frozenset[Address],
    allow_recreate: int | None,
    adopt: bool,
    destroy: bool,
    watch: bool,
    base: str | None,
    blame: bool,
) -> int:
    """Show what apply would do, and change nothing.

    \b
    tavusctl plan
    tavusctl plan --out plan.json && tavusctl apply plan.json
    tavusctl plan --base origin/main --blame
    """  # noqa: D301
    consent = Consent(allow_replace, overwrite, allow_replica_delete, targets, recreate=allow_recreate)
    with session.reader() as client:
        api: Reader = Remembering(client) if base else client
        prepared = session.plan(api, consent=consent, adopt=adopt, destroy=destroy, watch=watch and not destroy)
        plan = attributed(session, api, prepared.plan, base, consent, watch=watch) if base else prepared.plan
        now = api.server_time()
    if blame:
        plan = with_authors(session, prepared, plan, base)
    if out:
        planfile.write(Path(out), prepared, now)
    emit(lambda report: report.plan(plan), format_, reports)
    return exit_code(plan, changes_exist=CHANGES_EXIST if detailed_exitcode else 0)


def attributed(session: Session, api: Reader, plan: Plan, reference: str, consent: Consent, *, watch: bool) -> Plan:
    """The plan, with what of it the manifests would have changed already where this branch left another."""
    from tavusctl.cli.basis import basis

    with basis(session.root, reference) as found:
        try:
            older = open_session(session.environment.name, quiet=session.quiet, start=found.root)
            before = session.plan(api, consent=consent, base=older, watch=watch).plan
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
    return refused or (changes_exist if plan.steps or plan.moves or plan.limits else 0)
