"""What people and programs read: one row per format, each a module of pure functions from a plan or outcomes to text.

A format is loaded when it is asked for: who reads text does not wait for the page.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from tavusctl.model import Complaint, Drift, Outcome, Plan


class Report(Struct, frozen=True):
    """One output format."""

    module: str
    needs: bool = False  # it may lack something, which its `ready` tells

    def plan(self, plan: Plan) -> str:
        """What apply would do."""
        return str(self._made.plan(plan))

    def outcomes(self, plan: Plan, outcomes: Sequence[Outcome]) -> str:
        """What apply has done."""
        return str(self._made.outcomes(plan, outcomes))

    def drift(self, plan: Plan, drift: Sequence[Drift]) -> str:
        """What has changed in the account."""
        return str(self._made.drift(plan, drift))

    def complaints(self, complaints: Sequence[Complaint]) -> str:
        """What is wrong."""
        return str(self._made.complaints(complaints))

    def ready(self) -> None:
        """Raise UsageError where something is missing that the format needs."""
        if self.needs:
            self._made.ready()

    @property
    def _made(self) -> Any:
        return importlib.import_module(f"tavusctl.reports.{self.module}")


REPORTS: Final[Mapping[str, Report]] = {
    "text": Report("text"),
    "json": Report("json"),
    "markdown": Report("markdown"),
    "comment": Report("comment"),
    "github": Report("github"),
    "sarif": Report("sarif"),
    "html": Report("html", needs=True),
}
