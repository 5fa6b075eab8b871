"""Warnings for unknown values of fields with known ones; the API may accept them by now, so they are sent."""

from __future__ import annotations

from collections.abc import Iterable

from tavusctl.config.collector import DiagnosticCollector, dotted
from tavusctl.core.messages import listed, nearest, shown
from tavusctl.fields import secret_fields
from tavusctl.fields.places import Place
from tavusctl.lib.json_types import Json, JsonObject
from tavusctl.patch.pointer import escape


def check(values: Iterable[tuple[Place, Json]], collector: DiagnosticCollector, failed: frozenset[str]) -> None:
    """Warn of each value that is not among the known ones; `failed` has pointers of values reported already."""
    for place, value in values:
        if place.declared.traits.known_keys and isinstance(value, dict):
            _check_keys(place, value, collector, failed)
        known, pointer = place.declared.known_values, place.pointer
        if known and isinstance(value, str) and value and value not in known and f"/spec{pointer}" not in failed:
            similar = nearest(value, known)
            hint = f"did you mean `{similar}`?" if similar else f"known: {listed(known)}"
            quoted = "" if secret_fields.contains_recognisable_secret(value) else f" {shown(value)}"
            message = f"{dotted(pointer)}: unknown value{quoted}, which is sent as it is"
            collector.warning("TV126", message, collector.value_at(f"/spec{pointer}"), hint=hint)


def _check_keys(place: Place, value: JsonObject, collector: DiagnosticCollector, failed: frozenset[str]) -> None:
    known = place.declared.traits.known_keys
    for key in value:
        pointer = f"/spec{place.pointer}/{escape(key)}"
        if key not in known and pointer not in failed:
            similar = nearest(key, known)
            hint = f"did you mean `{similar}`?" if similar else f"known: {listed(known)}"
            message = f"{dotted(place.pointer)}: unknown key {shown(key)}, which is sent as it is"
            collector.warning("TV126", message, collector.key_at(pointer), hint=hint)
