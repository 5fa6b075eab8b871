"""Annotations for GitHub: commands in the log of a step that mark lines of manifests and of the files they bring.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands.  GitHub shows ten of a level and
drops the rest, so the worst come first and the last one says how many there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct

from tavusctl.core.address import Source
from tavusctl.core.diagnostic_ids import label
from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.core.model import Action, Change, FieldChange, Status
from tavusctl.reports.escaping import neutralise
from tavusctl.reports.review import place, places
from tavusctl.reports.view import DiagnosticView, DriftView, OutcomeView, PlanView
from tavusctl.secrets.escape import escape_invisible

_MOST: Final = 10  # of a level
_LONGEST: Final = 4000  # characters
_LEVELS: Final = ("error", "warning", "notice")
_DANGEROUS: Final = frozenset({Action.DELETE, Action.REPLACE, Action.RETIRE})


class _Mark(Struct, frozen=True):
    level: str
    title: str
    text: str
    source: Source | None = None


def plan(plan: PlanView) -> str:
    """Refusals are errors, what removes something is a warning, all else a notice; then complaints."""
    marks = [
        _Mark("error", f"refused: {one.change.address}", one.reason, where)
        for one in plan.refused
        for where, _ in places(one.change)
    ]
    marks += [mark for step in plan.steps for mark in _changes(step)]
    return _commands([*marks, *map(_complaint, plan.warnings)])


def outcomes(_: PlanView, outcomes: Sequence[OutcomeView]) -> str:
    """What was not done."""
    bad = {Status.FAILED: "error", Status.UNKNOWN: "error", Status.SKIPPED: "warning", Status.DEFERRED: "notice"}
    found = [one for one in outcomes if one.status in bad]
    marks = [_Mark(bad[o.status], f"{o.status.value}: {o.step.address}", o.reason, place(o.step)) for o in found]
    return _commands(marks)


def drift(_: PlanView, drift: Sequence[DriftView]) -> str:
    """What was changed in the account."""
    marks = [
        _Mark("warning", f"{one.cause.value}: {one.address}", _paths(fields) or "deleted in the account", where)
        for one in drift
        for where, fields in places(one)
    ]
    return _commands(marks)


def diagnostics(diagnostics: Sequence[DiagnosticView]) -> str:
    """What is wrong with manifests, each on its line."""
    return _commands(map(_complaint, diagnostics))


def remark(title: str, text: str) -> str:
    """A warning about the run itself."""
    return _commands([_Mark("warning", title, text)])


def _changes(step: Change) -> Iterator[_Mark]:
    """One mark for each file in which something of a change is written."""
    level = "warning" if step.action in _DANGEROUS else "notice"
    for where, fields in places(step):
        text = step.reason or _paths(fields) or step.cause.value
        yield _Mark(level, f"{step.action.value}: {step.address}", text, where)


def _paths(fields: Iterable[FieldChange]) -> str:
    return ", ".join(one.path for one in fields)


def _complaint(diagnostic: Diagnostic) -> _Mark:
    level = "error" if diagnostic.severity is Severity.ERROR else "warning"
    hint = f"\n{diagnostic.hint}" if diagnostic.hint else ""
    return _Mark(level, label(diagnostic.id), diagnostic.message + hint, diagnostic.source)


def _commands(marks: Iterable[_Mark]) -> str:
    found = list(marks)
    return "".join(f"{line}\n" for level in _LEVELS for line in _of_level(level, found))


def _of_level(level: str, marks: Sequence[_Mark]) -> Iterator[str]:
    mine = [mark for mark in marks if mark.level == level]
    shown = mine if len(mine) <= _MOST else mine[: _MOST - 1]
    yield from map(_command, shown)
    if len(shown) < len(mine):
        yield _command(_Mark(level, "tavusctl", f"and {len(mine) - len(shown)} more, above the limit of GitHub"))


def _command(mark: _Mark) -> str:
    place = mark.source
    where = {"file": place.path, "line": str(place.line), "col": str(place.column)} if place else {}
    properties = ",".join(f"{key}={as_property(value)}" for key, value in {**where, "title": mark.title}.items())
    return f"::{mark.level} {properties}::{_data(_shortened(mark.text))}"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters)"


def _data(text: str) -> str:
    """Text that cannot end its line: what comes after a line break could be another command."""
    return escape_invisible(neutralise(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))


def as_property(text: str) -> str:
    """Text as a property of a command, which it cannot end."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
