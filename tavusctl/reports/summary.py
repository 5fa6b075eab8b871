"""A report as the summary of a job on GitHub, which shows nothing of one that has more than 1 MiB."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tavusctl.reports.fitting import Page, in_bytes
from tavusctl.reports.view import ComplaintView, DriftView, OutcomeView, PlanView

LIMIT: Final = 1_000_000  # bytes
PAGE: Final = Page(LIMIT, in_bytes)


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
