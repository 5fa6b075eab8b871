"""A report as the summary of a job on GitHub, which shows nothing at all of a summary of more than 1 MiB."""

from __future__ import annotations

from typing import Final

from tavusctl.reports.github.fitting import Page, in_bytes

LIMIT: Final = 1_000_000  # bytes
PAGE: Final = Page(LIMIT, in_bytes)

plan, drift, outcomes, diagnostics = PAGE.plan, PAGE.drift, PAGE.outcomes, PAGE.diagnostics
