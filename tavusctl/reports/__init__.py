"""What people and programs read: one row per format, each a pure function from a plan or outcomes to text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tavusctl.model import Complaint, Drift, Outcome, Plan
from tavusctl.reports import comment, github, html, json, markdown, sarif, text


@dataclass(frozen=True, slots=True)
class Report:
    """One output format."""

    plan: Callable[[Plan], str]
    outcomes: Callable[[Plan, Sequence[Outcome]], str]
    drift: Callable[[Plan, Sequence[Drift]], str]
    complaints: Callable[[Sequence[Complaint]], str]
    ready: Callable[[], None] = lambda: None  # raises UsageError where something is missing that it needs


REPORTS: Mapping[str, Report] = {
    "text": Report(text.plan, text.outcomes, text.drift, text.complaints),
    "json": Report(json.plan, json.outcomes, json.drift, json.complaints),
    "markdown": Report(markdown.plan, markdown.outcomes, markdown.drift, markdown.complaints),
    "comment": Report(comment.plan, comment.outcomes, comment.drift, comment.complaints),
    "github": Report(github.plan, github.outcomes, github.drift, github.complaints),
    "sarif": Report(sarif.plan, sarif.outcomes, sarif.drift, sarif.complaints),
    "html": Report(html.plan, html.outcomes, html.drift, html.complaints, html.ready),
}
