"""Annotations for GitHub: commands in the log of a step that mark lines of manifests and of the files they include.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands.  GitHub shows ten annotations of
a level and drops the rest, so the worst come first and the last one says how many are missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct

from tavusctl.core.address import Source
from tavusctl.core.diagnostic_ids import label
from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.core.model import Action, Change, FieldChange, Status
from tavusctl.reports.contents.review import place, places
from tavusctl.reports.contents.view import DiagnosticView, DriftView, OutcomeView, PlanView
from tavusctl.reports.escaping import neutralise
from tavusctl.secrets.escape import escape_invisible

_MAX_PER_LEVEL: Final = 10
_MAX_LENGTH: Final = 4000  # characters
_LEVELS: Final = ("error", "warning", "notice")
_DANGEROUS: Final = frozenset({Action.DELETE, Action.REPLACE, Action.RETIRE})


class _Annotation(Struct, frozen=True):
    level: str
    title: str
    text: str
    source: Source | None = None


def plan(plan: PlanView) -> str:
    """Refusals are errors, changes that delete an object warnings, all others notices; diagnostics follow."""
    annotations = [
        _Annotation("error", f"refused: {refusal.change.address}", refusal.reason, source)
        for refusal in plan.refused
        for source, _ in places(refusal.change)
    ]
    annotations += [annotation for step in plan.steps for annotation in _changes(step)]
    return _commands([*annotations, *map(_diagnostic, plan.warnings)])


def outcomes(_: PlanView, outcomes: Sequence[OutcomeView]) -> str:
    """The steps that were not done."""
    levels = {Status.FAILED: "error", Status.UNKNOWN: "error", Status.SKIPPED: "warning", Status.DEFERRED: "notice"}
    not_done = [outcome for outcome in outcomes if outcome.status in levels]
    annotations = [
        _Annotation(levels[o.status], f"{o.status.value}: {o.step.address}", o.reason, place(o.step)) for o in not_done
    ]
    return _commands(annotations)


def drift(_: PlanView, drift: Sequence[DriftView]) -> str:
    """The objects that were changed or deleted in the account."""
    annotations = [
        _Annotation(
            "warning", f"{entry.cause.value}: {entry.address}", _paths(fields) or "deleted in the account", source
        )
        for entry in drift
        for source, fields in places(entry)
    ]
    return _commands(annotations)


def diagnostics(diagnostics: Sequence[DiagnosticView]) -> str:
    """Diagnostics of manifests, each on its line."""
    return _commands(map(_diagnostic, diagnostics))


def remark(title: str, text: str) -> str:
    """A warning about the run itself."""
    return _commands([_Annotation("warning", title, text)])


def _changes(step: Change) -> Iterator[_Annotation]:
    """One annotation for each file that has a field of a change."""
    level = "warning" if step.action in _DANGEROUS else "notice"
    for source, fields in places(step):
        text = step.reason or _paths(fields) or step.cause.value
        yield _Annotation(level, f"{step.action.value}: {step.address}", text, source)


def _paths(fields: Iterable[FieldChange]) -> str:
    return ", ".join(field.path for field in fields)


def _diagnostic(diagnostic: Diagnostic) -> _Annotation:
    level = "error" if diagnostic.severity is Severity.ERROR else "warning"
    hint = f"\n{diagnostic.hint}" if diagnostic.hint else ""
    return _Annotation(level, label(diagnostic.id), diagnostic.message + hint, diagnostic.source)


def _commands(annotations: Iterable[_Annotation]) -> str:
    listed = list(annotations)
    return "".join(f"{line}\n" for level in _LEVELS for line in _level_commands(level, listed))


def _level_commands(level: str, annotations: Sequence[_Annotation]) -> Iterator[str]:
    matching = [annotation for annotation in annotations if annotation.level == level]
    shown = matching if len(matching) <= _MAX_PER_LEVEL else matching[: _MAX_PER_LEVEL - 1]
    yield from map(_command, shown)
    if len(shown) < len(matching):
        yield _command(
            _Annotation(level, "tavusctl", f"and {len(matching) - len(shown)} more, above the limit of GitHub")
        )


def _command(annotation: _Annotation) -> str:
    source = annotation.source
    position = {"file": source.path, "line": str(source.line), "col": str(source.column)} if source else {}
    properties = ",".join(
        f"{key}={as_property(value)}" for key, value in {**position, "title": annotation.title}.items()
    )
    return f"::{annotation.level} {properties}::{_data(_shortened(annotation.text))}"


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_LENGTH else f"{text[:_MAX_LENGTH]}… ({len(text):,} characters)"


def _data(text: str) -> str:
    """Text escaped so that it cannot end its line: after a line break it could begin another command."""
    return escape_invisible(neutralise(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))


def as_property(text: str) -> str:
    """Text escaped as a property of a command, so that it cannot end the property."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
