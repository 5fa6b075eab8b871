"""`tavusctl plan`: show what apply would do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from msgspec.structs import replace

from tavusctl import redaction
from tavusctl.cli import planfile
from tavusctl.cli.local import open_session, say
from tavusctl.cli.output import Reports, emit, format_option, report_option
from tavusctl.cli.planoptions import PlanOptions, destroy_option, plan_options
from tavusctl.cli.session import Session, blame_option, options
from tavusctl.cli.writers import OutputFile
from tavusctl.client import Sources
from tavusctl.client.memory import Remembering
from tavusctl.document import leaves
from tavusctl.engine import origin
from tavusctl.engine.reconcile import Prepared
from tavusctl.errors import ConfigError, RefusedError, UsageError, worst
from tavusctl.model import Desired, Plan
from tavusctl.ports import Reader

CHANGES_EXIST = 2
_GUESSED = 20  # characters of a value: nobody guesses a longer one that is any good as a secret


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
    _show_what_is_written(session, prepared)
    if blame:
        plan = with_authors(session, prepared, plan, base)
    if out:
        planfile.write(out, prepared, now, asked)
    emit(lambda report: report.plan(plan), format_, reports)
    return exit_code(plan, changes_exist=CHANGES_EXIST if detailed_exitcode else 0)


def _show_what_is_written(session: Session, prepared: Prepared) -> None:
    """Hide nothing that manifests say in the clear behind a variable that was no secret before they named it.

    Otherwise whoever chooses what is in a variable, a title or the name of a branch, could choose what reviewers see.
    In a run for a pull request, what is short enough to be guessed shows as well: a guess that is hidden, or refused in
    the plan file, would be known to be right.
    """
    before = prepared.request.former.reads or prepared.state.reads
    if before is None:
        return
    values = {name: value for name, value in session.secrets.items() if isinstance(value, str)}
    known = {values.get(name) for name in before.secrets} | {session.api_key}
    new = {value for name, value in values.items() if name not in before.secrets and value} - known
    if session.granted:
        new |= {value for value in values.values() if len(value) < _GUESSED} - {session.api_key}
    redaction.show_in("\n".join(str(leaf) for one in prepared.desired for leaf in _texts(one)), new)


def _texts(one: Desired) -> Iterator[str]:
    """What a manifest says, keys included; a secret is none of it."""
    for path, leaf in leaves(one.spec):
        yield from (*path, leaf) if isinstance(leaf, str) else path


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
