"""Views for reports: plans, outcomes, drift and diagnostics in which every text is redacted, before it is encoded.

A report is made of views only.  A view has the type of the original, and a report reads it in the same way; the type
checker refuses a plan of which no view was made here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar, cast

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.core.address import Source
from tavusctl.core.comparison import Comparison
from tavusctl.core.diagnostics import Diagnostic
from tavusctl.core.model import Drift, Outcome, Plan
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.lib.command_line import with_folder
from tavusctl.lib.graph import Graph
from tavusctl.lib.json_types import Json
from tavusctl.reports.contents import risks
from tavusctl.secrets import redaction
from tavusctl.secrets.redaction import SHOWN, redacted

if TYPE_CHECKING:  # `NewType` would say the same, but mypy does not accept its types as Structs

    class PlanView(Plan, frozen=True):
        """A plan whose texts are redacted."""

    class OutcomeView(Outcome, frozen=True):
        """An outcome whose texts are redacted."""

    class DriftView(Drift, frozen=True):
        """Drift whose texts are redacted."""

    class DiagnosticView(Diagnostic, frozen=True):
        """A diagnostic whose texts are redacted."""

else:
    PlanView, OutcomeView, DriftView, DiagnosticView = Plan, Outcome, Drift, Diagnostic

Held = TypeVar("Held")


def plan(original: Plan) -> PlanView:
    """The view of a plan.  Its risks are those of the original, in which no redaction hides a host in a secret."""
    return cast("PlanView", _redacted_copy(_with_risks(original)) if redaction.has_known_secrets() else original)


def _with_risks(original: Plan) -> Plan:
    steps = tuple(replace(step, risks=risks.of(step)) for step in original.steps)
    refused = tuple(replace(one, change=replace(one.change, risks=risks.of(one.change))) for one in original.refused)
    return replace(original, steps=steps, refused=refused)


def outcome(original: Outcome) -> OutcomeView:
    """The view of an outcome."""
    return cast("OutcomeView", _redacted_copy(original))


def outcomes(original: Sequence[Outcome]) -> Sequence[OutcomeView]:
    """The views of outcomes."""
    return cast("Sequence[OutcomeView]", _redacted_copy(original))


def drift(original: Sequence[Drift]) -> Sequence[DriftView]:
    """The views of drift."""
    return cast("Sequence[DriftView]", _redacted_copy(original))


def diagnostic(original: Diagnostic) -> DiagnosticView:
    """The view of a diagnostic."""
    (shown,) = diagnostics([original])
    return shown


def diagnostics(original: Sequence[Diagnostic]) -> Sequence[DiagnosticView]:
    """The views of diagnostics; the commands in their hints have the folder of `-C`."""
    placed = [replace(one, hint=with_folder(one.hint)) for one in original]
    return cast("Sequence[DiagnosticView]", _redacted_copy(placed))


def comparison(original: Comparison) -> Comparison:
    """The view of a comparison."""
    return _redacted_copy(original)


def graph(original: Graph) -> Graph:
    """The view of a graph; the ids of nodes, which no drawing shows, stay."""
    nodes = tuple(replace(one, label=redacted(one.label), detail=redacted(one.detail)) for one in original.nodes)
    edges = tuple(replace(one, label=redacted(one.label)) for one in original.edges)
    return replace(original, nodes=nodes, edges=edges, title=redacted(original.title))


def below(folder: str, shown: Held) -> Held:
    """A view whose paths of files begin at another folder: `folder` is that of the project in it; empty for its own."""
    return cast("Held", _Relocation(folder).of(shown)) if folder else shown


def number_view(leaf: Json) -> Json:
    """A leaf of a JSON document; a number that contains the digits of a secret becomes a mask.

    The mask is a JSON text: digits cannot be taken out of a number in JSON itself.
    """
    return SHOWN if redaction.number_contains_secret(leaf) else leaf


def _redacted_copy(value: Held) -> Held:
    """A copy of a value, with every text in it redacted; the value itself if there is nothing to redact."""
    return cast("Held", _Redaction().of(value)) if redaction.has_known_secrets() else value


class _Redaction:
    """Redacts one value; a text or Struct that occurs in it several times is redacted once."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._structs: dict[int, tuple[Struct, Struct]] = {}

    def of(self, value: object) -> object:
        """The redacted form of a value."""
        if type(value) is str:
            return self._text(value)
        if isinstance(value, ResourceKind):
            return value
        if isinstance(value, Struct):
            return self._struct(value)
        if isinstance(value, dict):
            return self._dict(value)
        if isinstance(value, list | tuple):
            shown = [self.of(item) for item in value]
            return value if _are_identical(value, shown) else type(value)(shown)
        return value

    def _text(self, text: str) -> str:
        if text not in self._texts:
            shown = redacted(text)
            self._texts[text] = text if shown == text else shown
        return self._texts[text]

    def _dict(self, value: dict[object, object]) -> dict[object, object]:
        keys, items = [self.of(key) for key in value], [self.of(item) for item in value.values()]
        same = _are_identical(list(value), keys) and _are_identical(list(value.values()), items)
        return value if same else dict(zip(keys, items, strict=True))

    def _struct(self, value: Struct) -> Struct:
        # The value is kept beside its view: as long as it lives, no other object has its id.
        if id(value) not in self._structs:
            fields = {name: getattr(value, name) for name in value.__struct_fields__}
            shown = {name: self.of(item) for name, item in fields.items()}
            changed = {name: item for name, item in shown.items() if item is not fields[name]}
            self._structs[id(value)] = value, replace(value, **changed) if changed else value
        return self._structs[id(value)][1]


class _Relocation(_Redaction):
    """Puts a folder before the relative paths of files in one value, and redacts nothing."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._folder = folder

    def _text(self, text: str) -> str:
        return text

    def _struct(self, value: Struct) -> Struct:
        if not isinstance(value, Source):
            return super()._struct(value)
        is_relative = value.path and not value.path.startswith("/")
        return replace(value, path=f"{self._folder}/{value.path}") if is_relative else value


def _are_identical(one: Sequence[object], other: Sequence[object]) -> bool:
    return all(left is right for left, right in zip(one, other, strict=True))
