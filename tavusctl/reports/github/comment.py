"""A report as a comment on GitHub, which may have 65,536 characters; also for the text of an issue."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from tavusctl.reports.github import summary
from tavusctl.reports.github.fitting import IN_LOG, Page, in_characters

LIMIT: Final = 64_000  # of 65,536: marker, commit, and links to the run and to the page are added
_RESERVE: Final = 900  # characters kept free around each report, if a comment has several
_MIN_LIMIT: Final = 500  # the smallest limit of one report
IN_SUMMARY: Final = "the job summary has the full report"
PAGE: Final = Page(LIMIT, in_characters, lambda size: IN_SUMMARY if size <= summary.LIMIT else IN_LOG)


def shared(count: int) -> Page:
    """The page for each of `count` reports that share one comment."""
    return replace(PAGE, limit=max(LIMIT // count - _RESERVE, _MIN_LIMIT))


plan, drift, outcomes, diagnostics = PAGE.plan, PAGE.drift, PAGE.outcomes, PAGE.diagnostics
