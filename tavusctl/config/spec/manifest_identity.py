"""Which resource a document declares: its kind and its name, and the keys that may stand beside `spec`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tavusctl.config.collector import DiagnosticCollector
from tavusctl.config.spec import unknown_keys
from tavusctl.core.address import NAME, Address
from tavusctl.core.messages import either, likely_name, nearest, shown, suggestion
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.core.schema.model_fields import fields_at
from tavusctl.kinds import name_of
from tavusctl.lib.json_types import JsonObject

_KEYS: Final = ("kind", "name", "spec", "lifecycle", "moved_from", "external", "id", "recrawl", "watch")
_KNOWN: Final = frozenset(_KEYS)


def identify(
    envelope: JsonObject, kinds: Mapping[str, ResourceKind], collector: DiagnosticCollector
) -> tuple[ResourceKind | None, Address | None]:
    """The kind and the address of a document; one error if it is no manifest at all, such as a body of the API."""
    fields = envelope.keys() - _KNOWN
    is_foreign = fields and not {"kind", "spec", "external"} & envelope.keys()
    if is_foreign and not any(nearest(key, ("kind", "spec")) for key in fields):
        counts = {name: len(fields & fields_at(kind.model, ()).keys()) for name, kind in kinds.items()}
        likely = [f"`kind: {name}`" for name, count in counts.items() if count and count == max(counts.values())]
        message = "this is not a manifest: the keys `kind` and `spec` are missing"
        hint = (
            f"add {either(likely)} and `name:`, and indent the fields of the object below `spec:`; "
            "`tavusctl export --id ID` writes the manifest of an object of the account"
            if likely
            else "move it to another folder, or add `kind:` and `name:`, and indent the rest below `spec:`"
        )
        collector.error("TV106", message, collector.node.source, hint)
        return None, None
    kind, name = _kind(envelope, kinds, collector), _name(envelope, collector)
    address = collector.address = Address(kind.name, name) if kind and name else None
    if fields:
        _report_unknown_keys(envelope, kind, collector)
    return kind, address


def _report_unknown_keys(envelope: JsonObject, kind: ResourceKind | None, collector: DiagnosticCollector) -> None:
    if kind is None:
        collector.report_unknown_keys(envelope, _KEYS)
        return
    hints = {
        key: unknown_keys.import_hint(kind, envelope[key], collector)
        for key in unknown_keys.id_keys(kind)
        if key in envelope
    }
    refused = {"recrawl": not kind.can_recrawl, "watch": not kind.watched_url_key}
    unproposed = [key for key, is_refused in refused.items() if is_refused]
    below = {"spec": {*fields_at(kind.model, ()), "extra"}}
    collector.report_unknown_keys(envelope, _KEYS, below=below, hints=hints, unproposed=unproposed)


def is_misspelled(key: str, envelope: JsonObject) -> bool:
    """Whether the hint of an unknown key proposes this key: that it is missing is the same mistake."""
    absent = [name for name in _KEYS if name not in envelope]
    return any(nearest(unknown, absent) == key for unknown in envelope.keys() - _KNOWN)


def _kind(
    envelope: JsonObject, kinds: Mapping[str, ResourceKind], collector: DiagnosticCollector
) -> ResourceKind | None:
    if "kind" not in envelope:
        collector.error(
            "TV106",
            "the key `kind` is missing",
            collector.node.source,
            f"add one of {either(f'`kind: {one}`' for one in sorted(kinds))}",
        )
        return None
    if not collector.has_type(envelope["kind"], str, "/kind"):
        return None
    name = name_of(envelope["kind"])
    if name not in kinds:
        collector.error("TV104", f"unknown kind {shown(name)}", collector.value_at("/kind"), suggestion(name, kinds))
        return None
    return kinds[name]


def _name(envelope: JsonObject, collector: DiagnosticCollector) -> str:
    if "name" not in envelope:
        if is_misspelled("name", envelope):
            return ""
        collector.error(
            "TV106",
            "the key `name` is missing",
            collector.node.source,
            "add `name:` with a name of your choice, such as `name: sales-coach`",
        )
        return ""
    name = envelope["name"]
    if not collector.has_type(name, str, "/name"):
        return ""
    if not NAME.fullmatch(name):
        hint = "use 1 to 63 characters of a-z, 0-9 and hyphen, without a hyphen at either end"
        likely = likely_name(name)
        hint += f", such as `{likely}`" if likely else ""
        collector.error("TV107", f"{shown(name)} is not a valid name", collector.value_at("/name"), hint)
        return ""
    return name
