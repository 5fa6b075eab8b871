"""Validation errors of pydantic for a spec as diagnostics: the position, the value found and what was expected."""

from __future__ import annotations

from itertools import islice
from typing import Final

from tavusctl.config.collector import DiagnosticCollector, dotted
from tavusctl.config.spec import unknown_keys
from tavusctl.core.address import Address
from tavusctl.core.json_tree import map_leaves, pattern_in, value_at
from tavusctl.core.messages import correction_hint, counted, mapping_hint, parted, shown
from tavusctl.core.resource_kind import FieldTraits, ResourceKind
from tavusctl.core.schema.expectations import by_place, expected_text
from tavusctl.core.schema.model_fields import fields_at, known_values
from tavusctl.core.schema.spec_model import MAX_ERRORS, FieldError, field_errors
from tavusctl.fields import secret_fields
from tavusctl.lib.json_types import Json, JsonObject, KeyPath, is_plain
from tavusctl.patch.pointer import join
from tavusctl.secrets.values import SecretText

_CHECKS: Final = {"missing_key": "TV106", "not_together": "TV104", "wrong_value": "TV104"}
_ABOUT_KEYS: Final = ("missing", "missing_key", "not_together")  # errors about keys, never about values
_OF_CONTAINERS: Final = ("dict_type", "list_type", "model_type", "model_attributes_type")  # of any text in their place


def check(
    kind: ResourceKind, spec: JsonObject, collector: DiagnosticCollector, failed: frozenset[str] = frozenset()
) -> None:
    """Validate a spec against its kind; `failed` has pointers of values that have a diagnostic already."""
    checked = spec if is_plain(spec) else map_leaves(spec, _for_validation)
    errors_by_path = by_place(field_errors(kind.model, checked))
    misspelled = {
        unknown_keys.intended(kind, spec, path, collector)
        for path, errors in islice(errors_by_path.items(), MAX_ERRORS)
        if any(error.type == "extra_forbidden" for error in errors)
    }
    for path, errors in islice(errors_by_path.items(), MAX_ERRORS):
        if "/spec" + join(path) not in failed:
            others = [error for error in errors if _missing(path, error) not in misspelled]
            _report(kind, spec, path, others, collector)


def _missing(path: KeyPath, error: FieldError) -> KeyPath | None:
    """The path of the key that is missing according to an error; None if the error is about something else."""
    if error.type not in ("missing", "missing_key"):
        return None
    key = error.missing or error.choice
    return (*path, key) if key else path


def _report(
    kind: ResourceKind, spec: JsonObject, path: KeyPath, errors: list[FieldError], collector: DiagnosticCollector
) -> None:
    value, declared = value_at(spec, path), kind.field_at(pattern_in(spec, path))
    if _is_placeholder(declared, value):  # the placeholder may be invalid; errors about keys still count
        counted_types = (*_ABOUT_KEYS, *_OF_CONTAINERS, *_errors_of_form(kind, pattern_in(spec, path), value))
        errors = [error for error in errors if error.type in counted_types]
    if isinstance(value, SecretText) and not secret_fields.allows_secret_reference(kind, pattern_in(spec, path)):
        return  # it is reported as misplaced
    source, wrong = collector.value_at("/spec" + join(path)), []
    for error in errors:
        if error.missing:
            prefix = f"{dotted(join(path))}: " if path else ""
            collector.error(
                "TV106",
                f"{prefix}the key `{error.missing}` is missing",
                source,
                f"write `{error.missing}:` with a value",
            )
        elif error.type == "extra_forbidden":
            unknown_keys.report(kind, spec, path, collector)
        elif error.type in _CHECKS or error.type == "value_error":
            message, hint = _explained(kind, spec, path, error)
            id_, place = _CHECKS.get(error.type, "TV104"), unknown_keys.place(kind, path)
            prefix = "" if message.startswith(f"`{place}`") else f"{place}: "
            collector.error(id_, prefix + message, source, hint)
        else:
            wrong.append(error)
    if wrong:
        _wrong_value(kind, spec, path, wrong, collector)


def _explained(kind: ResourceKind, spec: JsonObject, path: KeyPath, error: FieldError) -> tuple[str, str]:
    """The message and the hint for an error of a rule."""
    value, (message, hint) = value_at(spec, path), parted(error.message)
    if error.type in _ABOUT_KEYS:
        return message, hint
    if isinstance(value, Address):
        return f"no reference is allowed here, found `{shown(value)}`", "write the value itself"
    if _is_secret(kind, spec, path, value):
        return "invalid value", ""
    return message, hint or _file_hint(kind, path, value)


def _file_hint(kind: ResourceKind, path: KeyPath, value: Json) -> str:
    """A hint for a path of a file in the field for its URL, if there is a field for files; else empty."""
    attached = kind.attachment
    if attached is None or path != (attached.link,) or not isinstance(value, str) or "://" in value:
        return ""
    is_file = value.rpartition(".")[2].lower() in attached.formats
    return f"write `{attached.file}:` for a file of the project" if is_file else ""


def _wrong_value(
    kind: ResourceKind, spec: JsonObject, path: KeyPath, errors: list[FieldError], collector: DiagnosticCollector
) -> None:
    pointer = "/spec" + join(path)
    value, expectation = value_at(spec, path), expected_text(errors, known_values(kind.model, pattern_in(spec, path)))
    message = f"{unknown_keys.place(kind, path)}: expected {expectation}"
    if isinstance(value, dict | list | SecretText) or not _is_secret(kind, spec, path, value):
        message += f", found {_measured(value, errors) or collector.found(value, pointer)}"
    keys = fields_at(kind.model, pattern_in(spec, path))
    hint = mapping_hint(keys) if expectation == "a mapping" else correction_hint(value, expectation)
    collector.error("TV104", message, collector.value_at(pointer), hint)


def _measured(value: Json, errors: list[FieldError]) -> str:
    """The length of a value that is too long, for a message; empty for another one."""
    if isinstance(value, str | list) and any(error.type in ("string_too_long", "too_long") for error in errors):
        return counted(len(value), "character" if isinstance(value, str) else "item")
    return ""


def _is_secret(kind: ResourceKind, spec: JsonObject, path: KeyPath, value: Json) -> bool:
    """Whether a secret may stand at a path or below it, or the value itself looks like one."""
    place = pattern_in(spec, path)
    if kind.is_free(place) or (isinstance(value, str) and secret_fields.contains_recognisable_secret(value)):
        return True
    patterns = (pattern.split("/")[1:] for pattern, declared in kind.fields.items() if declared.secret)
    return any(
        len(keys) >= len(place) and all(key in ("*", own) for key, own in zip(keys, place, strict=False))
        for keys in patterns
    )


def _is_placeholder(declared: FieldTraits, value: Json) -> bool:
    """Whether a value is validated as a placeholder.

    That is a secret, or a reference where one may stand; misplaced secrets are reported elsewhere.
    """
    return isinstance(value, SecretText) or (isinstance(value, Address) and bool(declared.refers_to))


def _errors_of_form(kind: ResourceKind, place: KeyPath, value: Json) -> tuple[str, ...]:
    """The types of errors that count although secrets are in a value: those of the form of a URL that begins as one."""
    is_known = isinstance(value, SecretText) and secret_fields.has_known_form(kind, place, value)
    return ("value_error",) if is_known else ()


def _for_validation(leaf: Json) -> Json:
    """A leaf for validation: a reference is replaced by a placeholder text, and secrets by their expressions."""
    return "word" if isinstance(leaf, Address) else str(leaf) if isinstance(leaf, SecretText) else leaf
