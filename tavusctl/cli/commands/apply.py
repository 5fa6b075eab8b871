"""`tavusctl apply`: change the account so that it matches the manifests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tavusctl.app import apply as app
from tavusctl.app.planning.plan_options import PlanOptions
from tavusctl.app.session.online import Session
from tavusctl.app.session.settings import MOST_PARALLEL
from tavusctl.cli.dialogue import converse
from tavusctl.cli.offline_context import cache_option
from tavusctl.cli.online_context import options
from tavusctl.cli.options import (
    WholeNumber,
    allow_deletes,
    allow_lowered,
    discard_drafts,
    lock_timeout,
    plan_options,
    publish,
    wait,
)
from tavusctl.cli.output_paths import InputFile
from tavusctl.cli.report_options import Reports, format_option, report_option
from tavusctl.core.address import Address
from tavusctl.engine.apply import DraftConsent


@click.command("apply")
@click.argument("planfile", required=False, type=InputFile())
@format_option
@report_option
@click.option("-y", "--yes", "--auto-approve", is_flag=True, help="Do not ask for confirmation.")
@allow_deletes
@allow_lowered
@plan_options
@discard_drafts
@publish
@wait
@lock_timeout
@click.option(
    "--parallel",
    type=WholeNumber(1, MOST_PARALLEL),
    help="Number of parallel steps; default: 4, or 32 with the state in git.",
)
@options
@cache_option
def command(
    session: Session,
    *,
    planfile: Path | None,
    format_: str,
    reports: Reports,
    yes: bool,
    allow_deletes: int | None,
    allow_lowered: int | None,
    wait: float,
    lock_timeout: float,
    parallel: int | None,
    discard_drafts: frozenset[Address],
    publish: frozenset[Address],
    **shape: Any,
) -> int:
    """Apply the manifests to the account: plan, ask for confirmation, change.

    With PLANFILE, from `plan --out`, the plan is computed again with the options of that file.  If the two differ,
    nothing is changed.

    \b
    tavusctl apply
    tavusctl apply --yes --allow-deletes 1
    """
    apply_options = app.ApplyOptions(
        PlanOptions(**shape),
        planfile,
        yes,
        allow_deletes,
        allow_lowered,
        wait,
        lock_timeout,
        parallel,
        DraftConsent(discard_drafts, publish),
    )
    return converse(session, format_, lambda dialogue: app.apply(session, apply_options, dialogue), reports)
