"""JSON Schemas (draft 2020-12) of manifests and the project file, generated from the models.

Four things differ from what the models say of themselves.  Every optional field may be null, which means "remove".
Every value that is not free text may also be an interpolation, `${var:NAME}` and its like, because a schema sees the
file before it is filled in.  A key is an interpolation, or empty: one that is written out is marked in the editor.  And
titles are left out: editors would show them in place of the descriptions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Final

from pydantic import BaseModel

from tavusctl.config.project_file.project_schema import for_project
from tavusctl.config.schedule_patterns import CRON_PATTERN, TIMEZONE_PATTERN
from tavusctl.core.address import NAME
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.core.schema.json_schema import Schema
from tavusctl.reports.plan_schema import for_plan

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
INTERPOLATION: Final = {"type": "string", "pattern": r"^\$\{(var|file|ref|secret):"}
NO_LITERAL: Final = r"^$|\$\{"  # what stands where a secret does
DURATION: Final = {
    "type": "string",
    "pattern": r"^(\d+(\.\d+)?[wdhms])+$|^P",
    "description": "A period such as 90m, 24h, 7d or 1h30m, or ISO 8601 such as P1D.",
}


def all_schemas(kinds: Mapping[str, ResourceKind]) -> dict[str, Schema]:
    """Every schema by its file name, in a fixed order."""
    made = {schema_file(name): for_kind(kinds[name], kinds) for name in sorted(kinds)}
    laid = {schema_file(name, overlay=True): for_overlay(kinds[name], kinds) for name in sorted(kinds)}
    return {**made, **laid, "plan.schema.json": for_plan(), "project.schema.json": for_project()}


def for_kind(kind: ResourceKind, kinds: Mapping[str, ResourceKind]) -> Schema:
    """The schema of a manifest of one kind; which kinds there are is told for the hint about `kind`."""
    spec, definitions = _spec(kind)
    properties: Schema = {
        "kind": {**_word(kind), "description": f"One of {', '.join(sorted(kinds))}; here {kind.name}."},
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
    if kind.can_recrawl:
        properties["recrawl"] = _RECRAWL
    if kind.watched_url_key:
        properties["watch"] = {
            "type": "boolean",
            "description": f"Look at {kind.watched_url_key} with every plan; a changed file replaces the {kind.name}.",
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


def schema_file(kind: str, *, overlay: bool = False) -> str:
    """The name of the file with the schema of a kind."""
    return f"{kind}.overlay.schema.json" if overlay else f"{kind}.schema.json"


def for_overlay(kind: ResourceKind, kinds: Mapping[str, ResourceKind]) -> Schema:
    """The schema of a manifest of an overlay: it may say any part, and null of what it takes away."""
    whole = for_kind(kind, kinds)
    around: Schema = whole["properties"]
    for key in around.keys() - {"kind", "name"}:
        around[key] = _or_null(around[key])
    merged: list[Schema] = [around["spec"]["anyOf"][0]]
    partial: list[Schema] = []
    while merged:
        one = merged.pop()
        if one not in partial:
            partial.append(one)
            merged += _merged_below(one, whole["$defs"])
    for one in partial:
        one.pop("required", None)
        one.pop("oneOf", None)
    kept = {key: value for key, value in whole.items() if key not in ("if", "then", "else")}
    return {**kept, "description": f"{kind.summary} In an overlay, which says what differs in one environment."}


def _or_null(schema: Schema) -> Schema:
    told = {key: value for key, value in schema.items() if key == "description"}
    choices = schema["anyOf"] if "anyOf" in schema else [{k: v for k, v in schema.items() if k not in told}]
    return {**told, "anyOf": [*choices, {"type": "null"}]}


def _merged_below(schema: Schema, definitions: Schema) -> Iterator[Schema]:
    """The objects that are merged key by key below one: never those in lists, which are taken as a whole."""
    members = [*schema.get("properties", {}).values(), schema.get("additionalProperties")]
    for choice in (one for member in members if isinstance(member, dict) for one in member.get("anyOf", [member])):
        if "$ref" in choice:
            yield definitions[choice["$ref"].rpartition("/")[2]]
        elif choice.get("type") == "object":
            yield choice


def _moved_from(kind: ResourceKind) -> Schema:
    old = {"type": "string", "pattern": f"^{kind.name}/{NAME.pattern}$"}
    return {
        "anyOf": [old, {"type": "array", "items": old}],
        "description": f"Its address before it was renamed, {kind.name}/OLD-NAME, or several: the object stays.",
    }


def _spec(kind: ResourceKind) -> tuple[Schema, Schema]:
    """The schema of `spec`, and the definitions it leans on."""
    raw: Schema = json.loads(_of_model(kind.model))
    shapes = raw.pop("$defs", {})
    definitions = {name: _tidy(shapes[name]) for name in sorted(shapes)}
    spec = _tidy(raw)
    spec["properties"]["extra"] = {
        "type": "object",
        "description": "Fields newer than tavusctl, passed to the API as they are; merged into spec.",
    }
    for pointer, declared in kind.fields.items():
        if declared.also:
            _add_names(*_place(spec, definitions, pointer), declared.also)
        if declared.secret and not declared.may_be_plain:
            holder, key = _place(spec, definitions, pointer)
            holder["properties"][key] = _without_literals(holder["properties"][key])
    return spec, definitions


@cache
def _of_model(model: type[BaseModel]) -> str:
    """What a model says of itself, which takes pydantic long; as text, so that each who reads it has a copy."""
    return json.dumps(model.model_json_schema(ref_template="#/$defs/{model}"))


def _place(spec: Schema, definitions: Schema, pointer: str) -> tuple[Schema, str]:
    """The object that holds a field, and the key of the field in it."""
    *above, key = pointer.split("/")[1:]
    holder = spec
    for one in above:
        choices = holder["properties"][one].get("anyOf", [holder["properties"][one]])
        reference = next(choice["$ref"] for choice in choices if "$ref" in choice)
        holder = definitions[reference.rpartition("/")[2]]
    return holder, key


def _without_literals(member: Schema) -> Schema:
    """The member of a secret: no text is taken that is written out."""
    choices = member.get("anyOf", [{key: value for key, value in member.items() if key != "description"}])
    kept = [{**one, "pattern": NO_LITERAL} if one.get("type") == "string" else one for one in choices]
    return {"anyOf": kept, **({"description": member["description"]} if "description" in member else {})}


def _add_names(holder: Schema, key: str, names: Sequence[str]) -> None:
    """Let a field stand under its other names as well."""
    for name in names:
        told = f"Another name of {key}."
        holder["properties"][name] = {**holder["properties"][key], "description": told}


def _word(kind: ResourceKind) -> Schema:
    """The words for a kind."""
    return {"enum": [kind.name, *kind.also]} if kind.also else {"const": kind.name}


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
    if any(_is_narrow(choice) for choice in choices) and {"type": "string"} not in choices:
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
        "cron": {
            "type": "string",
            "pattern": CRON_PATTERN,
            "description": "Five cron fields, or @hourly, @daily, @weekly, @monthly.",
        },
        "timezone": {
            "type": "string",
            "pattern": TIMEZONE_PATTERN,
            "default": "UTC",
            "description": "Time zone of cron, such as Europe/Berlin.",
        },
    },
    "oneOf": [{"required": ["every"]}, {"required": ["max_age"]}, {"required": ["cron"]}],
    "dependentRequired": {"timezone": ["cron"]},
    "additionalProperties": False,
}
