"""Report formats: each is a module of pure functions from a plan, outcomes, drift or diagnostics to text.

`Report` redacts all values before a format encodes them.  The module of a format is imported when a report needs it,
so that a text report does not wait for the import of the HTML page.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Final, Protocol, TypeVar, cast

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.core.diagnostics import Diagnostic
from tavusctl.core.model import Drift, Outcome, Plan
from tavusctl.lib.patterns import pattern
from tavusctl.reports.contents import view
from tavusctl.reports.contents.view import DiagnosticView, DriftView, OutcomeView, PlanView

Shown = TypeVar("Shown")


class Format(Protocol):
    """The functions that the module of a format has."""

    def plan(self, plan: PlanView, /) -> str:
        """A report of what apply would do."""

    def outcomes(self, plan: PlanView, outcomes: Sequence[OutcomeView], /) -> str:
        """A report of what apply has done."""

    def drift(self, plan: PlanView, drift: Sequence[DriftView], /) -> str:
        """A report of what has changed in the account."""

    def diagnostics(self, diagnostics: Sequence[DiagnosticView], /) -> str:
        """A report of diagnostics."""


class Report(Struct, frozen=True):
    """One output format."""

    module: str
    has_requirements: bool = False  # the module needs something that may be missing; its `ready` checks that
    sharing_reports: int = 1  # the number of reports that share one comment with this one
    is_for_forge: bool = False  # a forge reads it, which knows files by their paths from the root of the repository
    folder: str = ""  # of the project in its repository, if the paths begin there

    def plan(self, plan: Plan) -> str:
        """A report of what apply would do."""
        return self._format.plan(self._placed(view.plan(plan)))

    def outcomes(self, plan: Plan, outcomes: Sequence[Outcome]) -> str:
        """A report of what apply has done."""
        return self._format.outcomes(view.plan(plan), self._placed(view.outcomes(outcomes)))

    def drift(self, plan: Plan, drift: Sequence[Drift]) -> str:
        """A report of what has changed in the account."""
        return self._format.drift(view.plan(plan), self._placed(view.drift(drift)))

    def diagnostics(self, diagnostics: Sequence[Diagnostic]) -> str:
        """A report of diagnostics."""
        return self._format.diagnostics(self._placed(view.diagnostics(diagnostics)))

    def ready(self) -> None:
        """Raise UsageError if something that the format needs is missing."""
        if self.has_requirements:
            importlib.import_module(f"tavusctl.reports.{self.module}").ready()

    def in_repository(self, folder: str) -> Report:
        """The same format for a project in this folder of a repository; empty for its root."""
        return replace(self, folder=folder) if self.is_for_forge else self

    def _placed(self, shown: Shown) -> Shown:
        return view.below(self.folder, shown)

    @property
    def _format(self) -> Format:
        module = importlib.import_module(f"tavusctl.reports.{self.module}")
        return cast("Format", module.shared(self.sharing_reports) if self.sharing_reports > 1 else module)


REPORTS: Final[Mapping[str, Report]] = {
    "text": Report("text"),
    "json": Report("json"),
    "markdown": Report("markdown"),
    "comment": Report("github.comment"),
    "summary": Report("github.summary"),
    "github": Report("github.annotations", is_for_forge=True),
    "sarif": Report("sarif", is_for_forge=True),
    "html": Report("html", has_requirements=True),
}
_SHARED_NAME: Final = pattern(r"comment:([1-9]\d?)")


def report_named(name: str) -> Report | None:
    """The report format of a name, None if there is none; `comment:3` is one of three reports in one comment."""
    match = _SHARED_NAME.fullmatch(name)
    return replace(REPORTS["comment"], sharing_reports=int(match[1])) if match else REPORTS.get(name)
