"""Checks that a JSON Pointer of a setting, such as `ignore_changes`, leads to a field of `spec`."""

from __future__ import annotations

from tavusctl.core.messages import nearest, one_of
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.core.schema.model_fields import fields_at, is_a, parents_of, steps
from tavusctl.lib.json_types import Json, JsonObject, KeyPath
from tavusctl.patch.pointer import join, split


def fault(kind: ResourceKind, spec: JsonObject, pointer: str) -> tuple[str, str] | None:
    """Why a pointer matches no field, and a hint; None if it leads to a field.

    Keys under `extra:` count as fields, and so do all keys of an object that is free in form.
    """
    path = split(pointer)
    if path[0] == "spec":
        return "starts with `spec`, but pointers start below `spec`", _hint(kind, spec, path[1:])
    wildcard = next((index for index, key in enumerate(path) if key in ("*", "-")), None)
    if wildcard is not None:
        return "contains a wildcard, which JSON Pointers do not have", _hint(kind, spec, path[:wildcard])
    return _walk(kind, spec, path)


def _hint(kind: ResourceKind, spec: JsonObject, path: KeyPath) -> str:
    """The hint to write a pointer; if it is invalid too, the hint for that."""
    if not path:
        return ""
    problem = fault(kind, spec, join(path))
    return problem[1] if problem else f"write `{join(path)}`"


def _walk(kind: ResourceKind, spec: JsonObject, path: KeyPath) -> tuple[str, str] | None:
    value: Json = spec
    for length, key in enumerate(path):
        parent = path[:length]
        if parent and _is_list(kind, parent, value):
            return f"points into a list, but `{join(parent)}` is managed as a whole", _hint(kind, spec, parent)
        known = fields_at(kind.model, parent)
        value = value.get(key) if isinstance(value, dict) else None
        if key in known or value is not None:
            continue
        if known or not parent:
            return f"does not point to a field of {one_of(kind.name)}", _suggestion(
                kind, parent, key, path[length + 1 :]
            )
        # The parent has no declared fields: it is free in form, or a value without members.
        if _is_free(kind, parent):
            return None
        return f"continues below `{join(parent)}`, which has no fields", _hint(kind, spec, parent)
    return None


def _suggestion(kind: ResourceKind, above: KeyPath, key: str, below: KeyPath) -> str:
    if not above and key in kind.computed:
        return "remove it: the API sets this field"
    known = fields_at(kind.model, above)
    intended = kind.canonical_key((*above, key)) or nearest(key, known)
    if intended:
        return f"did you mean `{join((*above, intended, *below))}`?"
    parents = parents_of(kind.model, key)
    return f"did you mean `{join((*parents[0], key, *below))}`?" if len(parents) == 1 else ""


def _is_list(kind: ResourceKind, path: KeyPath, value: Json) -> bool:
    *_, (index, declared, _) = steps(kind.model, path)
    return isinstance(value, list) or (index == len(path) - 1 and any(is_a(field, list) for field in declared))


def _is_free(kind: ResourceKind, path: KeyPath) -> bool:
    """Whether a field, or one of its parents, may have any keys."""
    declared = [fields for _, fields, _ in steps(kind.model, path)]
    return len(declared) < len(path) or any(
        not fields or any(is_a(field, dict) for field in fields) for fields in declared
    )
