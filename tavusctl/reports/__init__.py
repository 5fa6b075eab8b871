"""What people and programs read: one row per format, each a pure function from a plan or outcomes to text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tavusctl.model import Complaint, Drift, Outcome, Plan
from tavusctl.reports import json, text


@dataclass(frozen=True, slots=True)
class Report:
    """One output format."""

    plan: Callable[[Plan], str]
    outcomes: Callable[[Plan, Sequence[Outcome]], str]
    drift: Callable[[Plan, Sequence[Drift]], str]
    complaints: Callable[[Sequence[Complaint]], str]


REPORTS: Mapping[str, Report] = {
    "text": Report(text.plan, text.outcomes, text.drift, text.complaints),
    "json": Report(json.plan, json.outcomes, json.drift, json.complaints),
}
