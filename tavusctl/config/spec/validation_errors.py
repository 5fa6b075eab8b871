"""What pydantic says of a spec, told as diagnostics: where it is, what was found and what would be right."""

from __future__ import annotations

from itertools import islice
from typing import Final

from tavusctl.config.collector import DiagnosticCollector, dotted
from tavusctl.config.spec import unknown_keys
from tavusctl.config.spec.unknown_keys import generic, value_at
from tavusctl.core.address import Address
from tavusctl.core.json_tree import map_leaves
from tavusctl.core.messages import described
from tavusctl.core.resource_kind import FieldTraits, ResourceKind
from tavusctl.core.schema.expectations import by_place, expected, meant
from tavusctl.core.schema.model_fields import known_values
from tavusctl.core.schema.spec_model import MAX_ERRORS, FieldError, field_errors
from tavusctl.fields import secret_fields
from tavusctl.lib.json_types import Json, JsonObject, KeyPath
from tavusctl.patch.pointer import join
from tavusctl.secrets.values import SecretText

_CHECKS: Final = {"missing_key": "TV106", "not_together": "TV104", "wrong_value": "TV104"}
_BESIDE: Final = ("missing", "missing_key", "not_together")  # about keys, never about what they hold


def check(
    kind: ResourceKind, spec: JsonObject, notes: DiagnosticCollector, failed: frozenset[str] = frozenset()
) -> None:
    """Complain about all that does not fit the kind; `failed` are pointers of values that have a complaint already."""
    found = by_place(field_errors(kind.model, map_leaves(spec, _view)))
    for path, errors in islice(found.items(), MAX_ERRORS):
        if "/spec" + join(path) not in failed:
            _tell(kind, spec, path, errors, notes)


def _tell(
    kind: ResourceKind, spec: JsonObject, path: KeyPath, errors: list[FieldError], notes: DiagnosticCollector
) -> None:
    found, declared = value_at(spec, path), kind.field_at(generic(spec, path))
    if _stands_in(declared, found):  # the word for it may not fit; what is missing beside it is missing all the same
        errors = [error for error in errors if error.type in _BESIDE]
    source, wrong = notes.value_at("/spec" + join(path)), []
    for error in errors:
        if error.missing:
            where = f"{dotted(join(path))}: " if path else ""
            notes.error("TV106", f"{where}the key `{error.missing}` is missing", source)
        elif error.type == "extra_forbidden":
            unknown_keys.tell(kind, spec, path, notes)
        elif error.type in _CHECKS or error.type == "value_error":
            silent = error.type not in _BESIDE and (isinstance(found, Address) or _is_secret(kind, spec, path, found))
            message = "invalid value" if silent else error.message
            notes.error(_CHECKS.get(error.type, "TV104"), f"{unknown_keys.place(kind, path)}: {message}", source)
        else:
            wrong.append(error)
    if wrong:
        _wrong_value(kind, spec, path, wrong, notes)


def _wrong_value(
    kind: ResourceKind, spec: JsonObject, path: KeyPath, errors: list[FieldError], notes: DiagnosticCollector
) -> None:
    found, right = value_at(spec, path), expected(errors, known_values(kind.model, generic(spec, path)))
    message = f"{unknown_keys.place(kind, path)}: expected {right}"
    if not _is_secret(kind, spec, path, found):
        message += f", found {described(found)}"
    notes.error("TV104", message, notes.value_at("/spec" + join(path)), meant(found, right))


def _is_secret(kind: ResourceKind, spec: JsonObject, path: KeyPath, found: Json) -> bool:
    """Whether a secret may stand at a path or below it, or plainly does."""
    place = generic(spec, path)
    if kind.is_free(place) or (isinstance(found, str) and secret_fields.tells(found)):
        return True
    patterns = (pattern.split("/")[1:] for pattern, declared in kind.fields.items() if declared.secret)
    return any(
        len(keys) >= len(place) and all(key in ("*", own) for key, own in zip(keys, place, strict=False))
        for keys in patterns
    )


def _stands_in(declared: FieldTraits, found: Json) -> bool:
    """Whether only the word that stands for a reference or secret did not fit; misplaced secrets are told elsewhere."""
    return isinstance(found, SecretText) or (isinstance(found, Address) and bool(declared.refers_to))


def _view(leaf: Json) -> Json:
    """A leaf as the model reads it: a word for a reference or a secret."""
    return "word" if isinstance(leaf, Address | SecretText) else leaf
