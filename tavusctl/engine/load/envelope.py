"""One YAML document as a manifest: the keys around `spec`, expressions, and the shape of `spec`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from tavusctl import interpolation, secrecy
from tavusctl.engine.load import attachments, shape, terms
from tavusctl.engine.load.attachments import Desk
from tavusctl.engine.load.budget import Budget, size_of
from tavusctl.engine.load.notes import EnoughError, Notes, dotted
from tavusctl.equality import unused
from tavusctl.fit import fields_at
from tavusctl.model import (
    NAME,
    Address,
    Complaint,
    Document,
    Manifest,
    Passage,
    ResourceKind,
    Severity,
    Source,
    Value,
)
from tavusctl.model import Path as KeyPath
from tavusctl.patch.pointer import escape, join
from tavusctl.secret import SecretText
from tavusctl.wording import either, shown, suggestion
from tavusctl.yaml12 import Node

_KEYS: Final = ("kind", "name", "spec", "lifecycle", "moved_from", "external", "id", "recrawl", "watch")


class Opened(Struct, frozen=True):
    """What one document says; the manifest is None when something in it is wrong."""

    address: Address | None
    manifest: Manifest | None
    source: Source  # of the name
    complaints: tuple[Complaint, ...]
    origins: Mapping[str, str] = field(default_factory=dict)  # JSON Pointer into spec -> file the value came from
    draft: Manifest | None = None  # with something wrong in it: what can be said of the rest of it, can be said


def open_document(
    node: Node, kinds: Mapping[str, ResourceKind], scope: interpolation.Scope, desk: Desk, budget: Budget
) -> Opened:
    """Read one document; the node's value is used up."""
    notes = Notes(node)
    expander = _Expander(notes, scope, budget)
    address, manifest = None, None
    try:
        if _is_of_others(node.value, kinds):
            message = "this is no manifest of tavusctl: apiVersion is a key of Kubernetes"
            hint = "move it to another folder, or set manifests: in tavusctl.yaml to a folder with manifests only"
            notes.error("TV104", message, notes.key_at("/apiVersion"), hint)
        elif notes.typed(node.value, dict, ""):
            expander.walk(node.value, "")
            kind, name = _kind(node.value, kinds, notes), _name(node.value, notes)
            address = notes.address = Address(kind.name, name) if kind and name else None
            notes.unknown_keys(node.value, _KEYS, below={"spec": fields_at(kind.model, ())} if kind else {})
            manifest = _manifest(node.value, kind, address, notes, frozenset(expander.failed), desk) if kind else None
    except EnoughError:
        manifest = None
    complaints = tuple(replace(complaint, address=address) for complaint in notes.complaints)
    draft = None
    if manifest:
        passages = {_lifted(pointer).removeprefix("/spec"): found for pointer, found in expander.passages.items()}
        draft = manifest = replace(manifest, passages=passages)
    if any(complaint.severity is Severity.ERROR for complaint in complaints):
        manifest = None
    origins = {_lifted(pointer).removeprefix("/spec"): path for pointer, path in expander.origins.items()}
    return Opened(address, manifest, notes.value_at("/name"), complaints, origins, None if manifest else draft)


def _is_of_others(value: Value, kinds: Mapping[str, ResourceKind]) -> bool:
    return isinstance(value, dict) and "apiVersion" in value and str(value.get("kind")) not in kinds


class _Expander(Struct):
    """Expressions of a document replaced by what they stand for."""

    notes: Notes
    scope: interpolation.Scope
    budget: Budget
    failed: set[str] = field(default_factory=set)
    origins: dict[str, str] = field(default_factory=dict)
    passages: dict[str, tuple[Passage, ...]] = field(default_factory=dict)
    _brought: int = 0

    def walk(self, collection: Value, pointer: str) -> None:
        """Replace in place, below a mapping or list."""
        items = collection.items() if isinstance(collection, dict) else enumerate(collection)
        for key, item in list(items):
            if isinstance(item, dict | list):
                self.walk(item, f"{pointer}/{escape(str(key))}")
            elif isinstance(item, str) and "${" in item:
                collection[key] = self._expand(item, f"{pointer}/{escape(str(key))}")

    def _expand(self, text: str, pointer: str) -> Value:
        if self._brought > self.budget.limits.document:
            self.failed.add(pointer)
            return text
        where = self.notes.value_at(pointer)
        found = interpolation.expand(text, where, self.scope)
        if found.complaints:
            self.failed.add(pointer)
            self.notes.take(*found.complaints)
        if found.origin:
            self.origins[pointer] = found.origin
        if found.passages:
            self.passages[pointer] = found.passages
        size = max(found.gathered, size_of(found.value))
        self._brought += size
        self.budget.brought(size, found.expressions, where)
        if self._brought > self.budget.limits.document:
            limit = self.budget.limits.document // 1024**2
            self.notes.error("TV115", f"expressions bring more than {limit} MiB into one document", where)
        return found.value


def _kind(envelope: Document, kinds: Mapping[str, ResourceKind], notes: Notes) -> ResourceKind | None:
    if "kind" not in envelope:
        notes.error("TV106", "the key 'kind' is missing", notes.node.source, f"one of {either(sorted(kinds))}")
        return None
    name = envelope["kind"]
    if not notes.typed(name, str, "/kind"):
        return None
    if name not in kinds:
        notes.error("TV104", f"unknown kind {shown(name)}", notes.value_at("/kind"), suggestion(name, kinds))
        return None
    return kinds[name]


def _name(envelope: Document, notes: Notes) -> str:
    if "name" not in envelope:
        notes.error("TV106", "the key 'name' is missing", notes.node.source)
        return ""
    name = envelope["name"]
    if not notes.typed(name, str, "/name"):
        return ""
    if not NAME.fullmatch(name):
        hint = "use 1 to 63 of a-z, 0-9 and hyphens, with no hyphen at either end"
        notes.error("TV107", f"{shown(name)} cannot be a name", notes.value_at("/name"), hint)
        return ""
    return str(name)


def _manifest(
    envelope: Document,
    kind: ResourceKind,
    address: Address | None,
    notes: Notes,
    failed: frozenset[str],
    desk: Desk,
) -> Manifest | None:
    external_id = _external(envelope, notes)
    moved_from = terms.moved_from(envelope.get("moved_from"), kind, address, notes)
    is_external = envelope.get("external") is True
    spec = {} if is_external else _spec(envelope, kind, notes, failed)
    lifecycle = terms.lifecycle(None if is_external else envelope.get("lifecycle"), spec or {}, kind, notes)
    recrawl = None if is_external else terms.recrawl(envelope.get("recrawl"), spec or {}, kind, notes)
    if spec is None or address is None:
        return None
    file = attachments.attach(spec, kind, notes, desk)
    watch = terms.watch(envelope.get("watch"), spec, kind, notes)
    sources = _spec_sources(notes.node)
    return Manifest(address, spec, notes.node.source, lifecycle, sources, external_id, recrawl, file, moved_from, watch)


def _spec(envelope: Document, kind: ResourceKind, notes: Notes, failed: frozenset[str]) -> Document | None:
    if envelope.get("spec") is None:
        notes.error("TV106", "the key 'spec' is missing", notes.key_at("/spec"))
        return None
    if not notes.typed(envelope["spec"], dict, "/spec"):
        return None
    spec: Document = dict(envelope["spec"])
    extra = spec.pop("extra", None) or {}
    shape.check(kind, spec, notes, failed)
    if notes.typed(extra, dict, "/spec/extra") and extra:
        _merge(spec, extra, kind, (), notes)
        for places in (notes.node.sources, notes.node.keys):
            places.update(
                {_lifted(pointer): source for pointer, source in places.items() if pointer != _lifted(pointer)}
            )
    _check_leaves(spec, kind, (), "/spec", notes)
    _check_secrets(spec, kind, notes, frozenset(map(_lifted, failed)))
    return spec


def _merge(spec: Document, extra: Document, kind: ResourceKind, path: KeyPath, notes: Notes) -> None:
    """Put the fields that the model does not know beside those it knows."""
    known = fields_at(kind.model, path)
    for key, value in extra.items():
        below = (*path, key)
        if isinstance(value, dict) and known.get(key) and isinstance(spec.get(key, {}), dict):
            spec[key] = dict(spec.get(key) or {})
            _merge(spec[key], value, kind, below, notes)
        elif key in known or key in spec:
            pointer = join(below)
            message = f"extra: {dotted(pointer)} is a key that tavusctl knows"
            hint = "write it directly under spec:"
            notes.error("TV103", message, notes.key_at(f"/spec/extra{pointer}"), hint)
        else:
            spec[key] = value


def _check_secrets(spec: Document, kind: ResourceKind, notes: Notes, failed: frozenset[str]) -> None:
    """Complain about secrets that are written out; an address is told by the part of it that is one."""
    for spot in secrecy.spots(kind, spec):
        pointer = f"/spec{join(spot.path)}"
        if spot.is_writable or pointer in failed:
            continue
        hint = 'write "${secret:NAME}" and list NAME under secrets: in tavusctl.yaml'
        message = f"{dotted(pointer[5:])}: a secret is written out"
        if spot.spans:
            message += f" ({shown(spot.spans[0].name)} of the address)"
            hint = "write ${secret:NAME} in its place, and list NAME under secrets: in tavusctl.yaml"
        notes.error("TV113", message, notes.value_at(pointer), hint)


def _check_leaves(value: Value, kind: ResourceKind, path: KeyPath, pointer: str, notes: Notes) -> None:
    """What the fields of the kind say beyond types: secrets where they may be named, nothing that is going away."""
    declared = kind.field_at(path)
    if declared.deprecated and not declared.ruled and not unused(kind, path, value):
        fix = notes.edit(pointer, "remove") if declared.idle else ()
        notes.warning("TV114", f"{dotted(pointer[5:])}: {declared.deprecated}", notes.key_at(pointer), fix)
    if isinstance(value, SecretText) and not secrecy.may_be_named(kind, path):
        hint = "secrets go into keys, headers, addresses, and objects that are free in form"
        notes.error("TV112", f"{dotted(pointer[5:])} is not a secret field", notes.value_at(pointer), hint)
    if isinstance(value, dict):
        for key, item in value.items():
            _check_leaves(item, kind, (*path, key), f"{pointer}/{escape(key)}", notes)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_leaves(item, kind, (*path, "*"), f"{pointer}/{index}", notes)


def _spec_sources(node: Node) -> dict[str, Source]:
    """Places by pointer into spec."""
    places = ((pointer, source) for pointer, source in node.sources.items() if pointer.startswith("/spec/"))
    sources = {sys.intern(pointer[5:]): source for pointer, source in places}
    kept = {pointer: source for pointer, source in sources.items() if not f"{pointer}/".startswith("/extra/")}
    return {"": node.sources["/spec"], **kept} if "/spec" in node.sources else {}


def _lifted(pointer: str) -> str:
    """Where a pointer into `extra` leads once that is merged into spec."""
    return f"/spec{pointer[11:]}" if pointer.startswith("/spec/extra/") else pointer


def _external(envelope: Document, notes: Notes) -> str:
    external, remote_id = envelope.get("external", False), envelope.get("id")
    if not notes.typed(external, bool, "/external"):
        return ""
    if not external:
        if "id" in envelope:
            hint = "add external: true, or remove id"
            notes.error("TV104", "id belongs to external objects only", notes.key_at("/id"), hint)
        return ""
    for key in ("spec", "lifecycle", "moved_from", "recrawl", "watch"):
        if key in envelope:
            hint = f"remove {key}, or external"
            message = f"an external object is never written, so it has no {key}"
            notes.error("TV104", message, notes.key_at(f"/{key}"), hint)
    if remote_id is None:
        notes.error("TV106", "an external object needs the key 'id'", notes.key_at("/external"))
    elif notes.typed(remote_id, str, "/id") and not remote_id:
        notes.error("TV104", "id: expected the id of an object, found nothing", notes.value_at("/id"))
    return remote_id if isinstance(remote_id, str) else ""
