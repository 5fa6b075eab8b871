"""What reports may show: plans, outcomes and complaints whose every text is redacted, before anything encodes it.

A report is made of views only.  The types are those of the values themselves, so a report reads them as it would the
true ones; the type checker refuses a plan that has not been through here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar, cast

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.core.comparison import Comparison
from tavusctl.core.diagnostics import Diagnostic
from tavusctl.core.model import Drift, Outcome, Plan
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.lib.graph import Graph
from tavusctl.lib.json_types import Json
from tavusctl.reports import risks
from tavusctl.secrets import redaction
from tavusctl.secrets.redaction import SHOWN, redacted

if TYPE_CHECKING:  # what `NewType` would say, which mypy does not take for a Struct

    class PlanView(Plan, frozen=True):
        """A plan whose texts are views."""

    class OutcomeView(Outcome, frozen=True):
        """An outcome whose texts are views."""

    class DriftView(Drift, frozen=True):
        """Drift whose texts are views."""

    class DiagnosticView(Diagnostic, frozen=True):
        """A complaint whose texts are views."""

else:
    PlanView, OutcomeView, DriftView, DiagnosticView = Plan, Outcome, Drift, Diagnostic

Held = TypeVar("Held")


def plan(true: Plan) -> PlanView:
    """A plan to show; what is risky about its changes is told by the true one, which may hide a host in a secret."""
    return cast("PlanView", _viewed(_judged(true)) if redaction.knows_any() else true)


def _judged(true: Plan) -> Plan:
    steps = tuple(replace(one, risks=risks.of(one)) for one in true.steps)
    refused = tuple(replace(one, change=replace(one.change, risks=risks.of(one.change))) for one in true.refused)
    return replace(true, steps=steps, refused=refused)


def outcome(true: Outcome) -> OutcomeView:
    """An outcome to show."""
    return cast("OutcomeView", _viewed(true))


def outcomes(true: Sequence[Outcome]) -> Sequence[OutcomeView]:
    """Outcomes to show."""
    return cast("Sequence[OutcomeView]", _viewed(true))


def drift(true: Sequence[Drift]) -> Sequence[DriftView]:
    """Drift to show."""
    return cast("Sequence[DriftView]", _viewed(true))


def diagnostic(true: Diagnostic) -> DiagnosticView:
    """A complaint to show."""
    return cast("DiagnosticView", _viewed(true))


def diagnostics(true: Sequence[Diagnostic]) -> Sequence[DiagnosticView]:
    """Complaints to show."""
    return cast("Sequence[DiagnosticView]", _viewed(true))


def comparison(true: Comparison) -> Comparison:
    """A comparison to show."""
    return _viewed(true)


def graph(true: Graph) -> Graph:
    """A graph to draw; nodes are told apart by their ids, which no drawing shows."""
    nodes = tuple(replace(one, label=redacted(one.label), detail=redacted(one.detail)) for one in true.nodes)
    edges = tuple(replace(one, label=redacted(one.label)) for one in true.edges)
    return replace(true, nodes=nodes, edges=edges, title=redacted(true.title))


def number_view(leaf: Json) -> Json:
    """A leaf of a JSON document, as a text where its digits are those of a secret: without them it would be no JSON."""
    return SHOWN if redaction.is_number(leaf) else leaf


def _viewed(value: Held) -> Held:
    """A value of the same type, with every text in it redacted; what has nothing to redact is the value itself."""
    return cast("Held", _Walk().of(value)) if redaction.knows_any() else value


class _Walk:
    """One walk through a value; what stands in it more than once is looked at once."""

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
            return value if _same(value, shown) else type(value)(shown)
        return value

    def _text(self, text: str) -> str:
        if text not in self._texts:
            shown = redacted(text)
            self._texts[text] = text if shown == text else shown
        return self._texts[text]

    def _dict(self, value: dict[object, object]) -> dict[object, object]:
        keys, items = [self.of(key) for key in value], [self.of(item) for item in value.values()]
        same = _same(list(value), keys) and _same(list(value.values()), items)
        return value if same else dict(zip(keys, items, strict=True))

    def _struct(self, value: Struct) -> Struct:
        # The value is kept beside its view: as long as it lives, no other object has its id.
        if id(value) not in self._structs:
            fields = {name: getattr(value, name) for name in value.__struct_fields__}
            shown = {name: self.of(item) for name, item in fields.items()}
            changed = {name: item for name, item in shown.items() if item is not fields[name]}
            self._structs[id(value)] = value, replace(value, **changed) if changed else value
        return self._structs[id(value)][1]


def _same(one: Sequence[object], other: Sequence[object]) -> bool:
    return all(left is right for left, right in zip(one, other, strict=True))
