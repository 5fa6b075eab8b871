"""JSON Schemas (draft 2020-12) of everything a project holds, for editors; made from the models, never by hand.

Three things differ from what the models say of themselves.  Every optional field may be null, which means "remove".
Every value that is not free text may also be an interpolation, `${var:NAME}` and its like, because a schema sees the
file before it is filled in.  And titles are left out: editors would show them in place of the descriptions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tavusctl.fit import model
from tavusctl.kinds.plan_schema import for_plan
from tavusctl.kinds.project_schema import for_project
from tavusctl.model import NAME, ResourceKind

Schema = dict[str, Any]

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
INTERPOLATION: Final = {"type": "string", "pattern": r"^\$\{(var|file|ref|secret):"}
DURATION: Final = {
    "type": "string",
    "pattern": r"^(\d+(\.\d+)?[wdhms])+$|^P",
    "description": "A period such as 90m, 24h, 7d or 1h30m, or ISO 8601 such as P1D.",
}


def all_schemas(kinds: Mapping[str, ResourceKind]) -> dict[str, Schema]:
    """Every schema by its file name, in a fixed order."""
    made = {f"{name}.schema.json": for_kind(kinds[name], kinds) for name in sorted(kinds)}
    return {**made, "plan.schema.json": for_plan(kinds), "project.schema.json": for_project()}


def for_kind(kind: ResourceKind, kinds: Mapping[str, ResourceKind]) -> Schema:
    """The schema of a manifest of one kind; which kinds there are is told for the hint about `kind`."""
    spec, definitions = _spec(kind)
    properties: Schema = {
        "kind": {"const": kind.name, "description": f"One of {', '.join(sorted(kinds))}; here {kind.name}."},
        "name": {
            "type": "string",
            "pattern": f"^{NAME.pattern}$",
            "description": f"Name in this project; others refer to it by ${{ref:{kind.name}/NAME}}.",
        },
        "spec": spec,
        "moved_from": _moved_from(kind),
        "lifecycle": _LIFECYCLE,
        "external": {
            "type": "boolean",
            "default": False,
            "description": "Exists already: it is verified and referred to, never written.",
        },
        "id": {"type": "string", "minLength": 1, "description": "Id in the account, with external: true."},
    }
    if kind.crawls:
        properties["recrawl"] = _RECRAWL
    if kind.watches:
        properties["watch"] = {
            "type": "boolean",
            "description": f"Look at {kind.watches} with every plan; a changed file replaces the {kind.name}.",
        }
    return {
        "$schema": DRAFT,
        "description": kind.summary,
        "type": "object",
        "properties": properties,
        "required": ["kind", "name"],
        "additionalProperties": False,
        "if": {"properties": {"external": {"const": True}}, "required": ["external"]},
        "then": {"required": ["id"], "properties": dict.fromkeys(_OURS, False)},
        "else": {"required": ["spec"], "properties": {"id": False}},
        "$defs": definitions,
    }


def _moved_from(kind: ResourceKind) -> Schema:
    old = {"type": "string", "pattern": f"^{kind.name}/{NAME.pattern}$"}
    return {
        "anyOf": [old, {"type": "array", "items": old}],
        "description": f"Its address before it was renamed, {kind.name}/OLD-NAME, or several: the object stays.",
    }


def _spec(kind: ResourceKind) -> tuple[Schema, Schema]:
    """The schema of `spec`, and the definitions it leans on."""
    raw = model(kind.model).model_json_schema(ref_template="#/$defs/{model}")
    shapes = raw.pop("$defs", {})
    definitions = {name: _tidy(shapes[name]) for name in sorted(shapes)}
    spec = _tidy(raw)
    spec["properties"]["extra"] = {
        "type": "object",
        "description": "Fields newer than tavusctl, passed to the API as they are; merged into spec.",
    }
    return spec, definitions


def _tidy(raw: Schema) -> Schema:
    """One object of the models, its members tidied."""
    return {
        "type": "object",
        "description": raw.get("description", ""),
        "properties": {name: _member(member) for name, member in raw.get("properties", {}).items()},
        **({key: raw[key] for key in ("required", "oneOf") if key in raw}),
        "additionalProperties": False,
    }


def _member(raw: Schema) -> Schema:
    """A member of an object; its choices are opened to interpolations, and null stays where the model takes it."""
    choices = [_value(choice) for choice in _flat(raw)]
    if any(_is_narrow(choice) for choice in choices):
        choices = [
            *(c for c in choices if c != {"type": "null"}),
            INTERPOLATION,
            *(c for c in choices if c == {"type": "null"}),
        ]
    schema = choices[0] if len(choices) == 1 else {"anyOf": choices}
    return {**schema, **({"description": raw["description"]} if "description" in raw else {})}


def _flat(raw: Schema) -> list[Schema]:
    if "anyOf" in raw:
        return [choice for each in raw["anyOf"] for choice in _flat(each)]
    return [{key: value for key, value in raw.items() if key not in ("title", "default", "description")}]


def _value(raw: Schema) -> Schema:
    """One choice for a value; lists and maps are tidied inside."""
    schema = dict(raw)
    if "items" in schema:
        schema["items"] = _member(schema["items"])
    if isinstance(schema.get("additionalProperties"), dict):
        schema["additionalProperties"] = _member(schema["additionalProperties"])
    elif schema.get("additionalProperties") is True:
        del schema["additionalProperties"]  # says nothing
    return schema


def _is_narrow(schema: Schema) -> bool:
    """Whether a scalar takes less than any text."""
    if schema.get("type") in ("object", "array", "null") or "$ref" in schema:
        return False
    return schema.get("type") != "string" or any(key in schema for key in ("enum", "const", "pattern"))


_OURS: Final = ("spec", "lifecycle", "moved_from", "recrawl", "watch")  # keys that an external object has not
_LIFECYCLE: Final[Schema] = {
    "type": "object",
    "description": "What may happen to the resource.",
    "properties": {
        "prevent_destroy": {"type": "boolean", "default": False, "description": "Never delete or replace it."},
        "ignore_changes": {
            "type": "array",
            "items": {"type": "string", "pattern": "^(/([^~/]|~[01])+)+$"},
            "description": "JSON Pointers into spec that are set once and then left alone.",
        },
        "on_remove": {
            "enum": ["delete", "retain"],
            "default": "delete",
            "description": "What happens when this manifest is taken away: delete the object, or keep and forget it.",
        },
    },
    "additionalProperties": False,
}
_RECRAWL: Final[Schema] = {
    "type": "object",
    "description": "When the web site is read again.",
    "properties": {
        "every": DURATION,
        "max_age": {**DURATION, "description": "The same as every."},
        "cron": {"type": "string", "description": "Five cron fields, or @hourly, @daily, @weekly, @monthly."},
        "timezone": {"type": "string", "default": "UTC", "description": "Time zone of cron, such as Europe/Berlin."},
    },
    "oneOf": [{"required": ["every"]}, {"required": ["max_age"]}, {"required": ["cron"]}],
    "dependentRequired": {"timezone": ["cron"]},
    "additionalProperties": False,
}
