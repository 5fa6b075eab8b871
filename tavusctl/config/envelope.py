"""Parsing one YAML document as a manifest: the keys around `spec`, its expressions, and the fields of `spec`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from tavusctl.config import attachments, interpolation
from tavusctl.config import lifecycle as terms
from tavusctl.config.attachments import AttachmentResolver
from tavusctl.config.collector import DiagnosticCollector, EnoughError, dotted
from tavusctl.config.limits import Budget, size_of
from tavusctl.config.spec import unknown_keys, unlisted_values, validation_errors
from tavusctl.config.yaml12 import Node
from tavusctl.core.address import NAME, Address, Source
from tavusctl.core.diagnostics import Diagnostic, Passage, Severity
from tavusctl.core.messages import either, shown, suggestion
from tavusctl.core.model import Manifest
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.core.schema.model_fields import fields_at
from tavusctl.fields import secret_fields, spellings
from tavusctl.fields.equivalence import unused
from tavusctl.kinds import name_of
from tavusctl.lib.json_types import Container, Json, JsonObject, KeyPath
from tavusctl.patch.pointer import escape, join
from tavusctl.secrets.values import SecretText

_KEYS: Final = ("kind", "name", "spec", "lifecycle", "moved_from", "external", "id", "recrawl", "watch")


ScopeAt = Callable[[Source], interpolation.Scope]  # what expressions at a position may refer to


class ParsedManifest(Struct, frozen=True):
    """The result of parsing one document; the manifest is None if the document is invalid."""

    address: Address | None
    manifest: Manifest | None
    source: Source  # of the name
    diagnostics: tuple[Diagnostic, ...]
    origins: Mapping[str, str] = field(default_factory=dict)  # JSON Pointer into spec -> file of the value
    draft: Manifest | None = None  # the manifest if it has errors: rules may check the rest of it


def open_document(
    node: Node, kinds: Mapping[str, ResourceKind], scope: ScopeAt, desk: AttachmentResolver, budget: Budget
) -> ParsedManifest:
    """Parse one document; the value of the node is changed in place."""
    notes = DiagnosticCollector(node)
    expander = _Expander(notes, scope, budget)
    address, manifest, kind = None, None, None
    try:
        if _is_foreign(node.value, kinds):
            message = "this is not a tavusctl manifest: `apiVersion` is a key of Kubernetes"
            hint = "move it to another folder, or set `manifests:` in tavusctl.yaml to a folder with manifests only"
            notes.error("TV104", message, notes.key_at("/apiVersion"), hint)
        elif notes.typed(node.value, dict, ""):
            expander.expand(node.value)
            kind, name = _kind(node.value, kinds, notes), _name(node.value, notes)
            address = notes.address = Address(kind.name, name) if kind and name else None
            notes.unknown_keys(node.value, _KEYS, below={"spec": fields_at(kind.model, ())} if kind else {})
            if kind:
                manifest = _manifest(node.value, kind, address, notes, _model_pointers(kind, expander.failed), desk)
    except EnoughError:
        manifest = None
    diagnostics = tuple(replace(diagnostic, address=address) for diagnostic in notes.diagnostics)
    draft = None

    def below(pointer: str) -> str:
        return (_model_pointer(kind, pointer) if kind else pointer).removeprefix("/spec")

    if manifest:
        passages = {below(pointer): items for pointer, items in expander.passages.items()}
        draft = manifest = replace(manifest, passages=passages)
    if any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics):
        manifest = None
    origins = {below(pointer): path for pointer, path in expander.origins.items()}
    return ParsedManifest(address, manifest, notes.value_at("/name"), diagnostics, origins, None if manifest else draft)


def _is_foreign(value: Json, kinds: Mapping[str, ResourceKind]) -> bool:
    return isinstance(value, dict) and "apiVersion" in value and str(value.get("kind")) not in kinds


class _Expander(Struct):
    """Replaces the expressions of a document by their values.

    `failed` has the pointers of expressions with errors, `origins` those of values that are a whole file.
    """

    notes: DiagnosticCollector
    scope: ScopeAt
    budget: Budget
    failed: set[str] = field(default_factory=set)
    origins: dict[str, str] = field(default_factory=dict)
    passages: dict[str, tuple[Passage, ...]] = field(default_factory=dict)
    _inserted_bytes: int = 0

    def expand(self, document: JsonObject) -> None:
        """Replace in place; expressions inside an inserted value are not expanded."""
        for text, path, put in list(_texts_with_expressions(document, ())):
            put(self._expand(text, join(path)))

    def _expand(self, text: str, pointer: str) -> Json:
        if self._inserted_bytes > self.budget.limits.document:
            self.failed.add(pointer)
            return text
        source = self.notes.value_at(pointer)
        expansion = interpolation.expand(text, source, self.scope(source))
        if expansion.diagnostics:
            self.failed.add(pointer)
            self.notes.take(*expansion.diagnostics)
        if expansion.origin:
            self.origins[pointer] = expansion.origin
        if expansion.passages:
            self.passages[pointer] = expansion.passages
        size = max(expansion.gathered, size_of(expansion.value))
        self._inserted_bytes += size
        self.budget.brought(size, expansion.expressions, source)
        if self._inserted_bytes > self.budget.limits.document:
            limit = self.budget.limits.document // 1024**2
            self.notes.error("TV115", f"expressions insert more than {limit} MiB into one document", source)
        return expansion.value


def _texts_with_expressions(value: Container, path: KeyPath) -> Iterator[tuple[str, KeyPath, Callable[[Json], None]]]:
    """Texts with expressions, each with its path and a function that replaces it."""
    members: Iterable[tuple[str | int, Json]] = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in members:
        if isinstance(item, str):
            if "${" in item:
                yield item, (*path, str(key)), partial(value.__setitem__, key)  # type: ignore[index]  # a key of its own
        elif isinstance(item, dict | list):
            yield from _texts_with_expressions(item, (*path, str(key)))


def _kind(envelope: JsonObject, kinds: Mapping[str, ResourceKind], notes: DiagnosticCollector) -> ResourceKind | None:
    if "kind" not in envelope:
        notes.error(
            "TV106",
            "the key `kind` is missing",
            notes.node.source,
            f"add one of {either(f'`kind: {one}`' for one in sorted(kinds))}",
        )
        return None
    if not notes.typed(envelope["kind"], str, "/kind"):
        return None
    name = name_of(envelope["kind"])
    if name not in kinds:
        notes.error("TV104", f"unknown kind {shown(name)}", notes.value_at("/kind"), suggestion(name, kinds))
        return None
    return kinds[name]


def _name(envelope: JsonObject, notes: DiagnosticCollector) -> str:
    if "name" not in envelope:
        notes.error("TV106", "the key `name` is missing", notes.node.source)
        return ""
    name = envelope["name"]
    if not notes.typed(name, str, "/name"):
        return ""
    if not NAME.fullmatch(name):
        hint = "use 1 to 63 characters of a-z, 0-9 and hyphen, without a hyphen at either end"
        notes.error("TV107", f"{shown(name)} is not a valid name", notes.value_at("/name"), hint)
        return ""
    return name


def _manifest(
    envelope: JsonObject,
    kind: ResourceKind,
    address: Address | None,
    notes: DiagnosticCollector,
    failed: frozenset[str],
    resolver: AttachmentResolver,
) -> Manifest | None:
    external_id = _external(envelope, notes)
    moved_from = terms.moved_from(envelope.get("moved_from"), kind, address, notes)
    is_external = envelope.get("external") is True
    spec = {} if is_external else _spec(envelope, kind, notes, failed)
    lifecycle = terms.lifecycle(None if is_external else envelope.get("lifecycle"), spec or {}, kind, notes)
    recrawl = None if is_external else terms.recrawl(envelope.get("recrawl"), spec or {}, kind, notes)
    if spec is None or address is None:
        return None
    file = attachments.attach(spec, kind, notes, resolver)
    watch = terms.watch(envelope.get("watch"), spec, kind, notes)
    sources = _spec_sources(notes.node)
    beside: dict[str, Source] = {key: notes.value_at(f"/{key}") for key in ("id", "moved_from") if key in envelope}
    return Manifest(
        address,
        spec,
        notes.node.source,
        lifecycle,
        sources,
        external_id,
        recrawl,
        file,
        moved_from,
        watch,
        beside=beside,
    )


def _spec(
    envelope: JsonObject, kind: ResourceKind, notes: DiagnosticCollector, failed: frozenset[str]
) -> JsonObject | None:
    if envelope.get("spec") is None:
        notes.error("TV106", "the key `spec` is missing", notes.key_at("/spec"))
        return None
    if not notes.typed(envelope["spec"], dict, "/spec"):
        return None
    written: JsonObject = dict(envelope["spec"])
    extra = written.pop("extra", None) or {}
    _check_names(written, kind, notes)
    spec = spellings.named(kind, written)
    if extra or spellings.may_have_others(kind, written):
        _add_model_positions(kind, notes.node)
    validation_errors.check(kind, spec, notes, failed)
    if notes.typed(extra, dict, "/spec/extra") and extra:
        _merge(spec, spellings.named(kind, extra), kind, (), notes)
    unlisted_values.check(kind, spec, notes, failed)
    _check_leaves(spec, kind, (), "/spec", notes)
    _check_secrets(spec, kind, notes, failed)
    return spec


def _add_model_positions(kind: ResourceKind, node: Node) -> None:
    """Add the positions of fields under their model names, if they are written under other names or in `extra:`."""
    for places in (node.sources, node.keys):
        moved = (
            (_model_pointer(kind, pointer), source)
            for pointer, source in places.items()
            if pointer.startswith("/spec/")
        )
        places.update({pointer: source for pointer, source in moved if pointer not in places})


def _check_names(spec: JsonObject, kind: ResourceKind, notes: DiagnosticCollector) -> None:
    """Report fields that are present under two of their names."""
    for duplicate in spellings.doubled(kind, spec):
        first, second = duplicate.names
        pointer = "/spec" + join((*spellings.written_path(kind, spec, duplicate.path), second))
        message = f"`{first}` and `{second}` are names of the same field in {unknown_keys.place(kind, duplicate.path)}"
        notes.error("TV104", message, notes.key_at(pointer), "remove one of the two")


def _merge(spec: JsonObject, extra: JsonObject, kind: ResourceKind, path: KeyPath, notes: DiagnosticCollector) -> None:
    """Merge `extra:` into `spec`: it may hold only fields that the model does not know; report others."""
    known = fields_at(kind.model, path)
    for key, value in extra.items():
        member_path = (*path, key)
        inner = spec.get(key, {})
        if isinstance(value, dict) and known.get(key) and isinstance(inner, dict):
            spec[key] = joined = dict(inner)
            _merge(joined, value, kind, member_path, notes)
        elif key in known or key in spec:
            pointer = join(member_path)
            message = f"extra: `{dotted(pointer)}` is a known key, which belongs in `spec:`"
            hint = "write it directly under `spec:`"
            notes.error("TV103", message, notes.key_at(f"/spec/extra{pointer}"), hint)
        else:
            spec[key] = value


def _check_secrets(spec: JsonObject, kind: ResourceKind, notes: DiagnosticCollector, failed: frozenset[str]) -> None:
    """Report secrets in plain text; of a URL, the message names the part that is the secret."""
    for spot in secret_fields.secret_places(kind, spec):
        pointer = f"/spec{join(spot.path)}"
        if spot.is_writable or pointer in failed:
            continue
        hint = 'write "${secret:NAME}" and list `NAME` under `secrets:` in tavusctl.yaml'
        message = f"{dotted(pointer[5:])}: the manifest contains a plaintext secret"
        if spot.spans:
            message += f" (in {shown(spot.spans[0].name)} of the URL)"
            hint = "write `${secret:NAME}` instead, and list `NAME` under `secrets:` in tavusctl.yaml"
        notes.error("TV113", message, notes.value_at(pointer), hint)


def _check_leaves(value: Json, kind: ResourceKind, path: KeyPath, pointer: str, notes: DiagnosticCollector) -> None:
    """Check fields beyond their types: warn of deprecated ones, and report secrets where none may stand."""
    declared = kind.field_at(path)
    if declared.deprecated and not declared.has_own_rule and not unused(kind, path, value):
        fix = notes.edit(pointer, "remove") if declared.no_op else ()
        notes.warning("TV114", f"{dotted(pointer[5:])}: {declared.deprecated}", notes.key_at(pointer), fix)
    if isinstance(value, SecretText) and not secret_fields.may_be_named(kind, path):
        hint = "use secrets in API keys, headers, URLs and free-form objects only"
        notes.error("TV112", f"`{dotted(pointer[5:])}` is not a secret field", notes.value_at(pointer), hint)
    if isinstance(value, dict):
        for key, item in value.items():
            _check_leaves(item, kind, (*path, key), f"{pointer}/{escape(key)}", notes)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_leaves(item, kind, (*path, "*"), f"{pointer}/{index}", notes)


def _spec_sources(node: Node) -> dict[str, Source]:
    """Positions by pointer into `spec`, without those in `extra:`."""
    if "/spec" not in node.sources:
        return {}
    return {"": node.sources["/spec"]} | {
        sys.intern(pointer[5:]): source
        for pointer, source in node.sources.items()
        if pointer.startswith("/spec/") and not (pointer == "/spec/extra" or pointer.startswith("/spec/extra/"))
    }


def _model_pointer(kind: ResourceKind, pointer: str) -> str:
    """A pointer into a document, rewritten for `extra` merged into `spec` and for the field names of the model."""
    if not pointer.startswith("/spec/"):
        return pointer
    below = pointer.removeprefix("/spec/extra") if pointer.startswith("/spec/extra/") else pointer.removeprefix("/spec")
    return f"/spec{spellings.pointer(kind, below)}"


def _model_pointers(kind: ResourceKind, failed: Iterable[str]) -> frozenset[str]:
    return frozenset(_model_pointer(kind, pointer) for pointer in failed)


def _external(envelope: JsonObject, notes: DiagnosticCollector) -> str:
    external, remote_id = envelope.get("external", False), envelope.get("id")
    if not notes.typed(external, bool, "/external"):
        return ""
    if not external:
        if "id" in envelope:
            hint = "add `external: true`, or remove `id`"
            notes.error("TV104", "`id` is allowed for external objects only", notes.key_at("/id"), hint)
        return ""
    for key in ("spec", "lifecycle", "moved_from", "recrawl", "watch"):
        if key in envelope:
            hint = f"remove `{key}`, or remove `external`"
            message = f"an external object is never written, so `{key}` is not allowed"
            notes.error("TV104", message, notes.key_at(f"/{key}"), hint)
    if remote_id is None:
        notes.error("TV106", "an external object needs the key `id`", notes.key_at("/external"))
    elif notes.typed(remote_id, str, "/id") and not remote_id:
        notes.error("TV104", "id: expected the id of an object, found an empty text", notes.value_at("/id"))
    return remote_id if isinstance(remote_id, str) else ""
