"""Parsing one YAML document as a manifest: the keys around `spec`, its expressions, and the fields of `spec`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from msgspec import Struct, field
from msgspec.structs import replace

from tavusctl.config import attachments, interpolation
from tavusctl.config import lifecycle as lifecycle_keys
from tavusctl.config.attachments import AttachmentResolver
from tavusctl.config.collector import DiagnosticCollector, EnoughError, dotted
from tavusctl.config.limits import Budget, size_of
from tavusctl.config.spec import plain_secrets, unknown_keys, unlisted_values, validation_errors
from tavusctl.config.spec.manifest_identity import identify, is_misspelled
from tavusctl.config.yaml12 import Node
from tavusctl.config.yaml12.positions import InnerPositions
from tavusctl.core.address import Address, Source
from tavusctl.core.diagnostics import Diagnostic, Passage, errors_in
from tavusctl.core.json_tree import pattern_of
from tavusctl.core.model import Manifest
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.core.schema.model_fields import fields_at
from tavusctl.fields import places, secret_fields, spellings
from tavusctl.fields.equivalence import has_no_effect
from tavusctl.fields.places import Place, members
from tavusctl.kinds import name_of
from tavusctl.lib.json_types import EMPTY, Container, Json, JsonObject, KeyPath, as_object
from tavusctl.patch.pointer import join, split
from tavusctl.secrets.values import SecretText

ScopeAt = Callable[[Source], interpolation.Scope]  # what expressions at a position may refer to
_Expression = tuple[str, KeyPath, Callable[[Json], None]]  # a text with expressions, its path, what replaces it


class ParsedManifest(Struct, frozen=True):
    """The result of parsing one document; the manifest is None if the document is invalid."""

    address: Address | None
    manifest: Manifest | None
    source: Source  # of the name
    diagnostics: tuple[Diagnostic, ...]
    origins: Mapping[str, str] = field(default_factory=dict)  # JSON Pointer into spec -> file of the value
    invalid_manifest: Manifest | None = None  # the manifest if it has errors: rules may check the rest of it


def open_document(
    node: Node, kinds: Mapping[str, ResourceKind], scope: ScopeAt, resolver: AttachmentResolver, budget: Budget
) -> ParsedManifest:
    """Parse one document; the value of the node is changed in place."""
    collector = DiagnosticCollector(node)
    expander = _Expander(collector, scope, budget, kinds)
    address, manifest, kind = None, None, None
    try:
        if _is_foreign(node.value, kinds):
            message = "this is not a tavusctl manifest: `apiVersion` is a key of Kubernetes"
            hint = "move it to another folder, or set `manifests:` in tavusctl.yaml to a folder with manifests only"
            collector.error("TV104", message, collector.key_at("/apiVersion"), hint)
        elif isinstance(node.value, list) and any(isinstance(item, dict) and "kind" in item for item in node.value):
            hint = "write each manifest without `-` and its indentation, and `---` in a line between two of them"
            collector.error("TV104", "the document: expected a manifest, found a list of them", node.source, hint)
        elif collector.has_type(node.value, dict, ""):
            plain_secrets.register_passwords({key: item for key, item in node.value.items() if key != "spec"})
            expander.expand(node.value)
            kind, address = identify(node.value, kinds, collector)
            if kind:
                failed = frozenset(_model_pointer(kind, pointer) for pointer in expander.failed)
                manifest = _manifest(node.value, kind, address, collector, failed, resolver)
            plain_secrets.check_document(node.value, collector, expander.passages)
    except EnoughError:
        manifest = None
    diagnostics = tuple(replace(diagnostic, address=address) for diagnostic in collector.diagnostics)
    draft = None

    def below(pointer: str) -> str:
        return (_model_pointer(kind, pointer) if kind else pointer).removeprefix("/spec")

    if manifest:
        passages = {below(pointer): items for pointer, items in expander.passages.items()}
        draft = manifest = replace(manifest, passages=passages)
    if errors_in(diagnostics):
        manifest = None
    origins = {below(pointer): path for pointer, path in expander.origins.items()}
    return ParsedManifest(
        address, manifest, collector.value_at("/name"), diagnostics, origins, None if manifest else draft
    )


def _is_foreign(value: Json, kinds: Mapping[str, ResourceKind]) -> bool:
    return isinstance(value, dict) and "apiVersion" in value and str(value.get("kind")) not in kinds


class _Expander(Struct):
    """Replaces the expressions of a document by their values.

    `failed` has the pointers of expressions with errors, `origins` those of values that are a whole file.
    """

    collector: DiagnosticCollector
    scope: ScopeAt
    budget: Budget
    kinds: Mapping[str, ResourceKind]
    failed: set[str] = field(default_factory=set)
    origins: dict[str, str] = field(default_factory=dict)
    passages: dict[str, tuple[Passage, ...]] = field(default_factory=dict)
    _inserted_bytes: int = 0

    def expand(self, document: JsonObject) -> None:
        """Replace in place; expressions inside an inserted value are not expanded."""
        found: list[_Expression] = []
        _collect_expressions(document, (), found)
        for text, path, put in found:
            put(self._expand(text, join(path)))

    def _expand(self, text: str, pointer: str) -> Json:
        if self._inserted_bytes > self.budget.limits.document:
            self.failed.add(pointer)
            return text
        source = self.collector.value_at(pointer)
        scope = self.scope(source)
        expansion = interpolation.expand(text, source, scope)
        if expansion.diagnostics:
            scope = replace(scope, takes_secrets=self._takes_secrets(pointer))
            expansion = interpolation.expand(text, source, scope)
            plain_secrets.register_passwords(text)  # the diagnostics may quote it
            self.failed.add(pointer)
            self.collector.add(*expansion.diagnostics)
        if expansion.origin:
            self.origins[pointer] = expansion.origin
        if expansion.passages:
            self.passages[pointer] = expansion.passages
        size = max(expansion.character_count, size_of(expansion.value))
        self._inserted_bytes += size
        self.budget.count(source, text=size, expressions=expansion.expressions)
        if self._inserted_bytes > self.budget.limits.document:
            limit = self.budget.limits.document // 1024**2
            self.collector.error("TV115", f"expressions insert more than {limit} MiB into one document", source)
        return expansion.value

    def _takes_secrets(self, pointer: str) -> bool:
        """Whether `${secret:}` may stand at a place of the document; true if its kind is not known."""
        kind = self.kinds.get(name_of(str(as_object(self.collector.node.value).get("kind"))))
        if kind is None:
            return True
        section, *path = split(_model_pointer(kind, pointer))
        return section == "spec" and secret_fields.allows_secret_reference(kind, pattern_of(tuple(path)))


def _collect_expressions(value: Container, path: KeyPath, found: list[_Expression]) -> None:
    """Collect texts with expressions, each with its path and a function that replaces it."""
    for key, item in members(value):
        if isinstance(item, str):
            if "${" in item:
                put = partial(value.__setitem__, key)  # type: ignore[index]  # a key of its own
                found.append((item, (*path, str(key)), put))
        elif isinstance(item, dict | list):
            _collect_expressions(item, (*path, str(key)), found)


def _manifest(
    envelope: JsonObject,
    kind: ResourceKind,
    address: Address | None,
    collector: DiagnosticCollector,
    failed: frozenset[str],
    resolver: AttachmentResolver,
) -> Manifest | None:
    external_id = _external(envelope, kind, collector)
    moved_from = lifecycle_keys.moved_from(envelope.get("moved_from"), kind, address, collector)
    is_external = envelope.get("external") is True
    spec = {} if is_external else _spec(envelope, kind, collector, failed)
    lifecycle = lifecycle_keys.lifecycle(
        None if is_external else envelope.get("lifecycle"), spec or {}, kind, collector
    )
    recrawl = None if is_external else lifecycle_keys.recrawl(envelope.get("recrawl"), spec or {}, kind, collector)
    if spec is None or address is None:
        return None
    file = attachments.attach(spec, kind, collector, resolver)
    watch = lifecycle_keys.watch(envelope.get("watch"), spec, kind, collector)
    sources = InnerPositions(collector.node.sources, "/spec", omitted="/extra")
    beside: dict[str, Source] = {key: collector.value_at(f"/{key}") for key in ("id", "moved_from") if key in envelope}
    return Manifest(
        address,
        spec,
        collector.node.source,
        lifecycle,
        sources,
        external_id,
        recrawl,
        file,
        watch,
        envelope_sources=beside or EMPTY,
        moved_from=moved_from,
    )


def _spec(
    envelope: JsonObject, kind: ResourceKind, collector: DiagnosticCollector, failed: frozenset[str]
) -> JsonObject | None:
    if envelope.get("spec") is None:
        if not isinstance(envelope.get("external", False), bool):
            return None  # reported; if it was meant to be true, no `spec` is missing
        if "spec" not in envelope and is_misspelled("spec", envelope):
            return None
        hint = "add `spec:`, and indent the fields of the object below it"
        collector.error("TV106", "the key `spec` is missing", collector.key_at("/spec"), hint)
        return None
    if not collector.has_type(envelope["spec"], dict, "/spec"):
        return None
    written: JsonObject = dict(envelope["spec"])
    extra = written.pop("extra", None)
    extra = {} if extra is None else extra
    _check_names(written, kind, collector)
    spec = spellings.with_model_names(kind, written)
    if extra or spec != written:  # a field has another name
        collector.node = _with_model_positions(kind, collector.node)
    validation_errors.check(kind, spec, collector, failed)
    if collector.has_type(extra, dict, "/spec/extra") and extra:
        _merge(spec, spellings.with_model_names(kind, extra), kind, (), collector)
    values = places.values(kind, spec)
    unlisted_values.check(values, collector, failed)
    _check_values(values, kind, collector)
    plain_secrets.check_spec(spec, kind, collector, failed)
    return spec


def _with_model_positions(kind: ResourceKind, node: Node) -> Node:
    """A node also with the positions of fields under their model names, if written under others or in `extra:`."""

    def completed(places: Mapping[str, Source]) -> Mapping[str, Source]:
        written = ((pointer, source) for pointer, source in places.items() if pointer.startswith("/spec/"))
        moved = ((_model_pointer(kind, pointer), source) for pointer, source in written)
        return {**places, **{pointer: source for pointer, source in moved if pointer not in places}}

    return replace(node, sources=completed(node.sources), keys=completed(node.keys))


def _check_names(spec: JsonObject, kind: ResourceKind, collector: DiagnosticCollector) -> None:
    """Report fields that are present under two of their names."""
    for duplicate in spellings.duplicate_fields(kind, spec):
        first, second = duplicate.names
        pointer = "/spec" + join((*spellings.written_path(kind, spec, duplicate.path), second))
        message = f"`{first}` and `{second}` are names of the same field in {unknown_keys.place(kind, duplicate.path)}"
        collector.error("TV104", message, collector.key_at(pointer), "remove one of the two")


def _merge(
    spec: JsonObject, extra: JsonObject, kind: ResourceKind, path: KeyPath, collector: DiagnosticCollector
) -> None:
    """Merge `extra:` into `spec`: it may hold only fields that the model does not know; report others."""
    known = fields_at(kind.model, path)
    for key, value in extra.items():
        member_path = (*path, key)
        inner = spec.get(key, {})
        if isinstance(value, dict) and known.get(key) and isinstance(inner, dict):
            spec[key] = joined = dict(inner)
            _merge(joined, value, kind, member_path, collector)
        elif key in known or key in spec:
            pointer = join(member_path)
            message = f"extra: `{dotted(pointer)}` is a known key, which belongs in `spec:`"
            hint = "write it directly under `spec:`"
            collector.error("TV103", message, collector.key_at(f"/spec/extra{pointer}"), hint)
        else:
            spec[key] = value


def _check_values(values: Iterable[tuple[Place, Json]], kind: ResourceKind, collector: DiagnosticCollector) -> None:
    """Check fields beyond their types: warn of deprecated ones, and report secrets where none may stand."""
    for place, value in values:
        traits, pattern, pointer = place.declared.traits, place.declared.pattern, place.pointer
        if traits.deprecated and not traits.has_own_rule and not has_no_effect(kind, pattern, value):
            fix = collector.edit(f"/spec{pointer}", "remove") if traits.no_op else ()
            source = collector.key_at(f"/spec{pointer}")
            collector.warning("TV114", f"{dotted(pointer)}: {traits.deprecated}", source, fix)
        if isinstance(value, SecretText) and not secret_fields.allows_secret_reference(kind, pattern):
            source = collector.value_at(f"/spec{pointer}")
            message = f"`{dotted(pointer)}` is not a secret field"
            collector.error("TV112", message, source, interpolation.SECRETS_HINT)


def _model_pointer(kind: ResourceKind, pointer: str) -> str:
    """A pointer into a document, rewritten for `extra` merged into `spec` and for the field names of the model."""
    if not pointer.startswith("/spec/"):
        return pointer
    below = pointer.removeprefix("/spec/extra") if pointer.startswith("/spec/extra/") else pointer.removeprefix("/spec")
    return f"/spec{spellings.model_pointer(kind, below)}"


def _external(envelope: JsonObject, kind: ResourceKind, collector: DiagnosticCollector) -> str:
    external, remote_id = envelope.get("external", False), envelope.get("id")
    if not collector.has_type(external, bool, "/external"):
        return ""
    if not external:
        if "id" in envelope:
            hint = (
                unknown_keys.import_hint(kind, remote_id, collector)
                if "spec" in envelope
                else "add `external: true`, or remove `id`"
            )
            collector.error("TV104", "`id` is allowed for external objects only", collector.key_at("/id"), hint)
        return ""
    for key in ("spec", "lifecycle", "moved_from", "recrawl", "watch"):
        if key in envelope:
            hint = f"remove `{key}`, or remove `external`"
            message = f"an external object is never written, so `{key}` is not allowed"
            collector.error("TV104", message, collector.key_at(f"/{key}"), hint)
    if remote_id is None:
        collector.error(
            "TV106",
            "an external object needs the key `id`",
            collector.key_at("/external"),
            "add `id:` with the id of the object in the account",
        )
    elif collector.has_type(remote_id, str, "/id") and not remote_id:
        collector.error("TV104", "id: expected the id of an object, found an empty text", collector.value_at("/id"))
    return remote_id if isinstance(remote_id, str) else ""
