"""What people and programs read: one row per format, each a module of pure functions from a plan or outcomes to text.

This is the door through which a plan becomes text: what goes in is redacted before a format encodes it.  A format is
loaded when it is asked for: who reads text does not wait for the page.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping, Sequence
from typing import Final, Protocol, cast

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.core.diagnostics import Diagnostic
from tavusctl.core.model import Drift, Outcome, Plan
from tavusctl.reports import view
from tavusctl.reports.view import DiagnosticView, DriftView, OutcomeView, PlanView


class Format(Protocol):
    """What a module of a format has."""

    def plan(self, plan: PlanView, /) -> str:
        """What apply would do."""
        ...

    def outcomes(self, plan: PlanView, outcomes: Sequence[OutcomeView], /) -> str:
        """What apply has done."""
        ...

    def drift(self, plan: PlanView, drift: Sequence[DriftView], /) -> str:
        """What has changed in the account."""
        ...

    def diagnostics(self, diagnostics: Sequence[DiagnosticView], /) -> str:
        """What is wrong."""
        ...


class Report(Struct, frozen=True):
    """One output format."""

    module: str
    needs: bool = False  # it may lack something, which its `ready` tells
    shares: int = 1  # reports for which there is room where this one goes

    def plan(self, plan: Plan) -> str:
        """What apply would do."""
        return self._made.plan(view.plan(plan))

    def outcomes(self, plan: Plan, outcomes: Sequence[Outcome]) -> str:
        """What apply has done."""
        return self._made.outcomes(view.plan(plan), view.outcomes(outcomes))

    def drift(self, plan: Plan, drift: Sequence[Drift]) -> str:
        """What has changed in the account."""
        return self._made.drift(view.plan(plan), view.drift(drift))

    def diagnostics(self, diagnostics: Sequence[Diagnostic]) -> str:
        """What is wrong."""
        return self._made.diagnostics(view.diagnostics(diagnostics))

    def ready(self) -> None:
        """Raise UsageError where something is missing that the format needs."""
        if self.needs:
            importlib.import_module(f"tavusctl.reports.{self.module}").ready()

    @property
    def _made(self) -> Format:
        module = importlib.import_module(f"tavusctl.reports.{self.module}")
        return cast("Format", module.shared(self.shares) if self.shares > 1 else module)


REPORTS: Final[Mapping[str, Report]] = {
    "text": Report("text"),
    "json": Report("json"),
    "markdown": Report("markdown"),
    "comment": Report("github.comment"),
    "summary": Report("github.summary"),
    "github": Report("github.annotations"),
    "sarif": Report("sarif"),
    "html": Report("html", needs=True),
}
_SHARED: Final = re.compile(r"comment:([1-9]\d?)")


def named(name: str) -> Report | None:
    """The report of a name; `comment:3` is a third of a comment."""
    shared = _SHARED.fullmatch(name)
    return replace(REPORTS["comment"], shares=int(shared[1])) if shared else REPORTS.get(name)
