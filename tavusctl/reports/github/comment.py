"""A report as a comment on GitHub, which takes 65,536 characters; also for the text of an issue."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from tavusctl.reports.github import summary
from tavusctl.reports.github.fitting import IN_LOG, Page, in_characters

LIMIT: Final = 65_000  # of 65,536: whoever posts it may add a line
_AROUND: Final = 600  # of each report, where a comment holds several
_LEAST: Final = 500  # that a report takes
IN_SUMMARY: Final = "the job summary has the full report"
PAGE: Final = Page(LIMIT, in_characters, lambda size: IN_SUMMARY if size <= summary.LIMIT else IN_LOG)


def shared(count: int) -> Page:
    """A report that shares its comment with others, of which there are so many in all."""
    return replace(PAGE, limit=max(LIMIT // count - _AROUND, _LEAST))


plan, drift, outcomes, diagnostics = PAGE.plan, PAGE.drift, PAGE.outcomes, PAGE.diagnostics
