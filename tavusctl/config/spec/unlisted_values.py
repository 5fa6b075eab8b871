"""Warnings for unknown values of fields with known ones; the API may accept them by now, so they are sent."""

from __future__ import annotations

from tavusctl.config.collector import DiagnosticCollector, dotted
from tavusctl.core.json_tree import leaves_with_patterns
from tavusctl.core.messages import listed, nearest, shown
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.core.schema.model_fields import known_values
from tavusctl.fields import secret_fields
from tavusctl.lib.json_types import JsonObject
from tavusctl.patch.pointer import join


def check(kind: ResourceKind, spec: JsonObject, collector: DiagnosticCollector, failed: frozenset[str]) -> None:
    """Warn of each value that is not among the known ones; `failed` has pointers of values reported already."""
    for path, pattern, leaf in leaves_with_patterns(spec, (), ()):
        if not isinstance(leaf, str) or not leaf:
            continue
        known = known_values(kind.model, pattern)
        if known and leaf not in known and "/spec" + join(path) not in failed:
            similar = nearest(leaf, known)
            hint = f"did you mean `{similar}`?" if similar else f"known: {listed(known)}"
            quoted = "" if secret_fields.contains_recognisable_secret(leaf) else f" {shown(leaf)}"
            message = f"{dotted(join(path))}: unknown value{quoted}, which is sent as it is"
            collector.warning("TV126", message, collector.value_at("/spec" + join(path)), hint=hint)
