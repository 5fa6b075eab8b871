"""The parser of the project file `tavusctl.yaml`: every key is optional, and unknown keys are refused.

The host of the API cannot be set in the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from tavusctl.config import yaml12
from tavusctl.config.collector import DiagnosticCollector, EnoughError, dotted
from tavusctl.config.project_file import overlay_folders
from tavusctl.config.project_file.sections import (
    EnvironmentSection,
    LiteralOutput,
    ProjectFile,
    SafetySection,
    WrongValueError,
)
from tavusctl.config.project_file.state_scheme import is_file, is_git, place_of
from tavusctl.config.spec import plain_secrets
from tavusctl.config.yaml12 import Node
from tavusctl.core.diagnostics import Diagnostic, Severity, place, redacted_diagnostics
from tavusctl.core.json_tree import value_at
from tavusctl.core.messages import correction_hint, key_hint, nearest, shown
from tavusctl.core.project_settings import FILE, Environment, Output, Project, Safety
from tavusctl.core.schema.expectations import by_place, expected_text
from tavusctl.core.schema.model_fields import fields_at
from tavusctl.core.schema.spec_model import FieldError, field_errors
from tavusctl.lib.json_types import Json, JsonObject, KeyPath, as_object
from tavusctl.patch.pointer import escape, join
from tavusctl.secrets import redaction

_KEYS: Final = tuple(ProjectFile.model_fields)
_CANDIDATE_KEYS: Final = (*_KEYS, "vars")
# Where each key belongs that only one level of the file has, for keys that are found at another level.
_HOMES: Final = {
    **dict.fromkeys(_KEYS, "write it at the top of the file"),
    **{
        key: f"write it below `environments:`, such as `environments: {{default: {{{key}: ...}}}}`"
        for key in EnvironmentSection.model_fields
    },
    **dict.fromkeys(SafetySection.model_fields, "write it below `safety:`"),
}
_HOST_KEYS: Final = frozenset(("base_url", "api_url", "host", "api_host", "endpoint", "url"))
_KEY_KEYS: Final = frozenset({"api_key", "apikey", "api-key", "tavus_api_key", "key", "token"})


def read(root: Path, content: bytes) -> tuple[Project, tuple[Diagnostic, ...]]:
    """The project of a project file with this content, and its diagnostics."""
    redact = redaction.redactor_for(content.decode("utf-8", "replace"))
    parsed = yaml12.read(content, FILE)
    if not parsed.documents:
        return unreadable_project(root) if parsed.diagnostics else Project.default(root), redacted_diagnostics(
            parsed.diagnostics, redact
        )
    project, collector = open_project(parsed.documents[0], root)
    if len(parsed.documents) > 1:
        message, another = "the project file must contain one YAML document, found another", parsed.documents[1].source
        collector.error("TV101", message, another, "remove the line `---`, and write every key once")
    diagnostics = tuple(sorted(redacted_diagnostics((*parsed.diagnostics, *collector.diagnostics), redact), key=place))
    return replace(project, doubtful=_doubtful(parsed.documents[0], diagnostics)), diagnostics


def open_project(node: Node, root: Path) -> tuple[Project, DiagnosticCollector]:
    """Parse the document of a project file; invalid keys are reported, and keep their defaults."""
    collector = DiagnosticCollector(node)
    try:
        return _project(node.value, root, collector), collector
    except EnoughError:
        return Project.default(root), collector


def _project(document: Json, root: Path, collector: DiagnosticCollector) -> Project:
    if not collector.has_type(document, dict, ""):
        return Project.default(root)
    plain_secrets.register_passwords(document)
    plain_secrets.check_document(document, collector)
    file = _read(document, collector)
    manifests, environments = _manifests(file.manifests, root, collector), _environments(file)
    _check_states(environments, root, collector)
    return Project(
        str(root),
        str(manifests),
        tuple(file.secrets),
        overlay_folders.check_overlays(environments, root, manifests, collector),
        Safety(file.safety.max_deletes, file.safety.max_delete_ratio) if file.safety else Safety(),
        {name: _output(value, f"/outputs/{escape(name)}", collector) for name, value in (file.outputs or {}).items()},
    )


def _read(document: JsonObject, collector: DiagnosticCollector) -> ProjectFile:
    """Validate the project file, report its errors, and return it without the invalid keys."""
    errors = field_errors(ProjectFile, document)
    for path, group in by_place(errors).items():
        _report(document, path, group, collector)
    while errors:
        for error in errors:
            document = _without(document, error.path)
        errors = field_errors(ProjectFile, document)
    return ProjectFile.model_validate(document)


def _without(document: JsonObject, path: KeyPath) -> JsonObject:
    """A copy without the key at a path; a list on the path is removed as a whole."""
    if not path:
        return {}
    key, *rest = path
    others = {name: value for name, value in document.items() if name != key}
    inner = document.get(key)
    return {**others, key: _without(inner, tuple(rest))} if rest and isinstance(inner, dict) else others


def _report(document: JsonObject, path: KeyPath, errors: list[FieldError], collector: DiagnosticCollector) -> None:
    pointer, value_errors = join(path), []
    for error in errors:
        if error.missing:
            message = f"{dotted(pointer)}: the key `{error.missing}` is missing"
            collector.error("TV106", message, collector.key_at(pointer), f"write `{error.missing}:` with a value")
        elif error.type == "extra_forbidden":
            _report_unknown_key(document, path, collector)
        elif isinstance(fault := error.context.get("error"), WrongValueError):
            is_key = error.choice == "[key]"
            place = dotted(join(path[:-1]) if is_key else pointer)
            source = collector.key_at(pointer) if is_key else collector.value_at(pointer)
            collector.error(fault.check, f"{place}: {fault}", source, fault.hint)
        else:
            value_errors.append(error)
    if value_errors:
        value, expectation = value_at(document, path), expected_text(value_errors)
        message = f"{dotted(pointer)}: expected {expectation}, found {collector.found(value, pointer)}"
        collector.error("TV104", message, collector.value_at(pointer), correction_hint(value, expectation))


def _report_unknown_key(document: JsonObject, path: KeyPath, collector: DiagnosticCollector) -> None:
    *above, key = path
    place = f"{dotted(join(above))}: " if above else ""
    if key in _HOST_KEYS:
        message, hint = (
            f"{place}{key}: the host of the API is never read from a file",
            "use `--base-url` or TAVUS_BASE_URL",
        )
    elif key.lower() in _KEY_KEYS:
        message = f"{place}{key}: an API key is never read from this file"
        hint = "remove it, write the key into `.env`, and name its variable with `api_key_env` in an environment"
    else:
        message = f"{place}unknown key {shown(key)}"
        present = as_object(value_at(document, tuple(above)))
        hint = _HOMES.get(key) or key_hint(key, fields_at(ProjectFile, tuple(above)), present)
    collector.error("TV103", message, collector.key_at(join(path)), hint)


def unreadable_project(root: Path) -> Project:
    """The project of an unreadable project file: the defaults, with all keys doubtful."""
    return replace(Project.default(root), doubtful=frozenset(_KEYS))


def _doubtful(node: Node, diagnostics: Iterable[Diagnostic]) -> frozenset[str]:
    """The keys of the project file with errors; for an unknown key, also the one that was probably meant."""
    if not isinstance(node.value, dict):
        return frozenset(_KEYS)
    keys = sorted((node.keys[f"/{escape(key)}"].line, key) for key in node.value)
    doubtful_keys: set[str] = set()
    for diagnostic in diagnostics:
        if diagnostic.severity is Severity.ERROR and diagnostic.source:
            keys_before = [key for line, key in keys if line <= diagnostic.source.line]
            doubtful_keys.update([keys_before[-1], nearest(keys_before[-1], _CANDIDATE_KEYS)] if keys_before else _KEYS)
    return frozenset(filter(None, doubtful_keys))


def _manifests(folder: str, root: Path, collector: DiagnosticCollector) -> Path:
    path = Path(root, folder)
    if not overlay_folders.is_inside(path, root):
        message = f"manifests: {shown(folder)} is outside the project"
        hint = "write the path of a folder below tavusctl.yaml"
        collector.error("TV110", message, collector.value_at("/manifests"), hint)
        return root / "manifests"
    return path


def _environments(file: ProjectFile) -> Mapping[str, Environment]:
    common = Environment(uploads=file.uploads, crawl_limit=file.crawl_limit)
    named = (file.environments or {}).items()
    return {name: _environment(replace(common, name=name), section) for name, section in named} or {"default": common}


def _environment(common: Environment, section: EnvironmentSection | None) -> Environment:
    written = section.model_dump(exclude_unset=True) if section else {}
    return replace(common, **{**written, "vars": written.get("vars") or {}})


def _check_states(environments: Mapping[str, Environment], root: Path, collector: DiagnosticCollector) -> None:
    """Report environments that share a state: an apply of one would treat the objects of the other as its own.

    The URL of a container does not name the storage account, so two environments may differ in that alone.
    """
    by_place: dict[str, Environment] = {}
    for environment in environments.values():
        other = by_place.setdefault(place_of(environment.state, root, environment.name), environment)
        if other is environment:
            continue
        one, other = (environment, other) if environment.state else (other, environment)
        pointer = f"/environments/{escape(one.name)}/state"
        if one.state.startswith("az://"):
            message = f"{dotted(pointer)}: `{other.name}` has the same container and folder"
            hint = f"let it end with `/{one.name}`, unless the storage accounts of the two differ"
            collector.warning("TV135", message, collector.value_at(pointer), hint=hint)
            continue
        message = f"{dotted(pointer)}: `{other.name}` has the same state"
        ending = f"/{one.name}.json" if is_file(one.state) else f"/{one.name}"
        ending = f"?ref=refs/heads/tavusctl/{one.name}" if is_git(one.state) else ending
        hint = f"give each environment a state of its own, such as one that ends with `{ending}`"
        collector.error("TV117", message, collector.value_at(pointer), hint)


def _output(written: str | list[str] | LiteralOutput, pointer: str, collector: DiagnosticCollector) -> Output:
    """Parse one output: an address, a list of addresses, or a literal value."""
    if isinstance(written, LiteralOutput):
        return Output(value=written.value)
    many = isinstance(written, list)
    addresses = tuple(written) if isinstance(written, list) else (written,)
    sources = [collector.value_at(f"{pointer}/{index}" if many else pointer) for index in range(len(addresses))]
    return Output(addresses, many, None, tuple((source.line, source.column) for source in sources))
