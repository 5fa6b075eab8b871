"""Pointers into spec that a setting names: whether there is a field for them at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tavusctl.core.messages import nearest
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.core.schema.model_fields import fields_at, homes, inner_models, is_a
from tavusctl.lib.json_types import Json, JsonObject, KeyPath
from tavusctl.patch.pointer import join, split

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo


def fault(kind: ResourceKind, spec: JsonObject, pointer: str) -> tuple[str, str] | None:
    """Why a pointer can match nothing, and what would be right; None when it leads to a field.

    A key that stands under `extra:` is one, and so is every key of an object that is free in form.
    """
    path = split(pointer)
    if path[0] == "spec":
        return "starts with `spec`, but pointers start below `spec`", _write(kind, spec, path[1:])
    wild = next((index for index, key in enumerate(path) if key in ("*", "-")), None)
    if wild is not None:
        return "contains a wildcard, which JSON Pointers do not have", _write(kind, spec, path[:wild])
    return _walk(kind, spec, path)


def _write(kind: ResourceKind, spec: JsonObject, path: KeyPath) -> str:
    """A hint to write a pointer, if that is one."""
    if not path:
        return ""
    wrong = fault(kind, spec, join(path))
    return wrong[1] if wrong else f"write `{join(path)}`"


def _walk(kind: ResourceKind, spec: JsonObject, path: KeyPath) -> tuple[str, str] | None:
    held: Json = spec
    for length, key in enumerate(path):
        above = path[:length]
        if above and _is_list(kind, above, held):
            return f"points into a list, but `{join(above)}` is managed as a whole", _write(kind, spec, above)
        known = fields_at(kind.model, above)
        held = held.get(key) if isinstance(held, dict) else None
        if key in known or held is not None:
            continue
        if known or not above:
            return f"does not point to a field of a {kind.name}", _meant(kind, above, key, path[length + 1 :])
        # Below what has no declared fields: free in form, or a value that has nothing below it.
        if _is_free(kind, above):
            return None
        return f"continues below `{join(above)}`, which has no fields", _write(kind, spec, above)
    return None


def _meant(kind: ResourceKind, above: KeyPath, key: str, below: KeyPath) -> str:
    known = fields_at(kind.model, above)
    right = kind.canonical_key((*above, key)) or nearest(key, known)
    if right:
        return f"did you mean `{join((*above, right, *below))}`?"
    places = homes(kind.model, key)
    return f"did you mean `{join((*places[0], key, *below))}`?" if len(places) == 1 else ""


def _declared(kind: ResourceKind, path: KeyPath) -> FieldInfo | None:
    """The field at a path; None where none is declared."""
    level: tuple[type[BaseModel], ...] = (kind.model,)
    found = None
    for key in path:
        model = next((one for one in level if key in one.model_fields), None)
        if model is None:
            return None
        found, level = model.model_fields[key], inner_models(model)[key]
    return found


def _is_list(kind: ResourceKind, path: KeyPath, held: Json) -> bool:
    declared = _declared(kind, path)
    return isinstance(held, list) or (declared is not None and is_a(declared, list))


def _is_free(kind: ResourceKind, path: KeyPath) -> bool:
    """Whether a field, or one above it, takes any keys."""
    declared = [_declared(kind, path[:length]) for length in range(1, len(path) + 1)]
    return any(one is None or is_a(one, dict) for one in declared)
