"""A report as a comment on GitHub, which takes 65,536 characters; also for the text of an issue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tavusctl.reports import summary
from tavusctl.reports.fitting import IN_LOG, Page, in_characters
from tavusctl.reports.view import ComplaintView, DriftView, OutcomeView, PlanView

LIMIT: Final = 65_000  # of 65,536: whoever posts it may add a line
IN_SUMMARY: Final = "all of it is in the job summary"
PAGE: Final = Page(LIMIT, in_characters, lambda size: IN_SUMMARY if size <= summary.LIMIT else IN_LOG)


def plan(plan: PlanView) -> str:
    """The plan."""
    return PAGE.plan(plan)


def drift(plan: PlanView, drift: Sequence[DriftView]) -> str:
    """What moved in the account since the last apply."""
    return PAGE.drift(plan, drift)


def outcomes(plan: PlanView, outcomes: Sequence[OutcomeView]) -> str:
    """What became of a plan."""
    return PAGE.outcomes(plan, outcomes)


def complaints(complaints: Sequence[ComplaintView]) -> str:
    """What validation found."""
    return PAGE.complaints(complaints)
