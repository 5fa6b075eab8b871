"""A report as a comment on GitHub, which takes 65,536 characters; also for the text of an issue."""

from __future__ import annotations

from typing import Final

from tavusctl.reports.github import summary
from tavusctl.reports.github.fitting import IN_LOG, Page, in_characters

LIMIT: Final = 65_000  # of 65,536: whoever posts it may add a line
IN_SUMMARY: Final = "the job summary has the full report"
PAGE: Final = Page(LIMIT, in_characters, lambda size: IN_SUMMARY if size <= summary.LIMIT else IN_LOG)

plan, drift, outcomes, diagnostics = PAGE.plan, PAGE.drift, PAGE.outcomes, PAGE.diagnostics
