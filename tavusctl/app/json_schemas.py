"""JSON Schemas (draft 2020-12) of manifests and the project file, generated from the models.

They differ from the schemas that pydantic generates in four ways.  Every optional field may be null, which means
"remove".  Every value that is not free text may also be an interpolation such as `${var:NAME}`, because an editor
validates the file before interpolation; in place of a list or a mapping, only a variable.  A secret must be an
interpolation, or empty, so that the editor marks a plaintext secret.  And titles are left out: editors would show them
in place of the descriptions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final

from pydantic import BaseModel

from tavusctl.config.project_file.sections import ProjectFile
from tavusctl.config.schedule_patterns import CRON_PATTERN, TIMEZONE_PATTERN
from tavusctl.core.address import NAME
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.core.schema.model_fields import Schema, without_titles
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import Json, as_list, as_object, as_text
from tavusctl.reports.plan_schema import for_plan

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
INTERPOLATION: Final = {"type": "string", "pattern": r"^\$\{(var|file|ref|secret):"}
VARIABLE: Final = {"type": "string", "pattern": r"^\$\{var:"}  # only a variable may hold a list or a mapping
NO_LITERAL: Final = r"^$|\$\{"  # the value of a secret field: empty, or with an interpolation
DURATION: Final = {
    "type": "string",
    "pattern": r"^(\d+(\.\d+)?[wdhms])+$|^P",
    "description": "A period such as 90m, 24h, 7d or 1h30m, or ISO 8601 such as P1D.",
}
_NULL: Final = {"type": "null"}


def all_schemas() -> dict[str, Schema]:
    """Every schema by its file name, in a fixed order."""
    manifests = {schema_file(name): for_kind(KINDS[name]) for name in sorted(KINDS)}
    overlays = {schema_file(name, overlay=True): for_overlay(KINDS[name]) for name in sorted(KINDS)}
    return {**manifests, **overlays, "plan.schema.json": for_plan(), "project.schema.json": for_project()}


@cache
def all_words() -> frozenset[str]:
    """The keys and the fixed values in all schemas, which every reader of a report knows."""
    return frozenset(_words(list(all_schemas().values())))


def _words(node: Json) -> Iterator[str]:
    if isinstance(node, dict):
        yield from node.get("properties", {})
        yield from (value for value in (*node.get("enum", ()), node.get("const")) if isinstance(value, str))
    for item in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _words(item)


def for_kind(kind: ResourceKind) -> Schema:
    """The schema of a manifest of one kind."""
    spec, definitions = _spec(kind)
    properties: Schema = {
        "kind": {**_word(kind), "description": f"One of {', '.join(sorted(KINDS))}; here {kind.name}."},
        "name": {
            "type": "string",
            "pattern": f"^{NAME.pattern}$",
            "description": f"Name in this project; others refer to it by ${{ref:{kind.name}/NAME}}.",
        },
        "spec": spec,
        "moved_from": _or_null(_moved_from(kind)),
        "lifecycle": _or_null(_with_expressions(_LIFECYCLE)),
        "external": {
            "type": "boolean",
            "default": False,
            "description": "Exists already: it is verified and referred to, never written.",
        },
        "id": {"type": "string", "minLength": 1, "description": "Id in the account, with external: true."},
    }
    if kind.can_recrawl:
        properties["recrawl"] = _or_null(_with_expressions(_RECRAWL))
    if kind.watched_url_key:
        watch = f"Look at {kind.watched_url_key} with every plan; a changed file replaces the {kind.name}."
        properties["watch"] = _or_null(_with_expressions({"type": "boolean", "description": watch}))
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


def for_overlay(kind: ResourceKind) -> Schema:
    """The schema of a manifest in an overlay: only `kind` and `name` are required, and null removes a value."""
    whole = for_kind(kind)
    envelope: Schema = whole["properties"]
    for key in envelope.keys() - {"kind", "name"}:
        envelope[key] = _or_null(envelope[key])
    queue: list[Schema] = [envelope["spec"]]
    partial: list[Schema] = []
    while queue:
        schema = queue.pop()
        if schema not in partial:
            partial.append(schema)
            queue += _merged_below(schema, whole["$defs"])
    for schema in partial:
        for key in ("required", "oneOf", "allOf"):
            schema.pop(key, None)
    common = {key: value for key, value in whole.items() if key not in ("if", "then", "else")}
    return {**common, "description": f"{kind.summary} In an overlay, which says what differs in one environment."}


def _or_null(schema: Schema) -> Schema:
    if "anyOf" in schema:
        return {**schema, "anyOf": [*(choice for choice in schema["anyOf"] if choice != _NULL), _NULL]}
    if "type" not in schema:  # a list of values
        return {"description": schema["description"], "anyOf": [_undescribed(schema), _NULL]}
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return {**schema, "type": list(dict.fromkeys([*types, "null"]))}


def _with_expressions(schema: Schema) -> Schema:
    """A schema whose value, and each of whose members, may also be an interpolation.

    Of a mapping it has no alternatives: editors then mark the invalid member, and not the whole mapping.
    """
    if schema.get("type") == "object":
        members = {key: _with_expressions(member) for key, member in schema.get("properties", {}).items()}
        return {**schema, **VARIABLE, "type": ["object", "string"], **({"properties": members} if members else {})}
    described: Schema = {key: schema[key] for key in ("description", "default") if key in schema}
    return {**described, "anyOf": [_undescribed(schema), INTERPOLATION if _is_narrow(schema) else VARIABLE]}


def _undescribed(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if key not in ("description", "default")}


def _merged_below(schema: Schema, definitions: Schema) -> Iterator[Schema]:
    """The object schemas in the members of a schema, which an overlay merges by key; lists are replaced as a whole."""
    members = [*schema.get("properties", {}).values(), schema.get("additionalProperties")]
    for choice in (one for member in members if isinstance(member, dict) for one in member.get("anyOf", [member])):
        if "$ref" in choice:
            yield definitions[choice["$ref"].rpartition("/")[2]]
        elif choice.get("type") == "object":
            yield choice


def _moved_from(kind: ResourceKind) -> Schema:
    old = {"type": "string", "pattern": f"^{kind.name}/{NAME.pattern}$"}
    return {
        "anyOf": [old, {"type": "array", "items": old}, VARIABLE],
        "description": f"Its address before it was renamed, {kind.name}/OLD-NAME, or several: the object stays.",
    }


def _spec(kind: ResourceKind) -> tuple[Schema, Schema]:
    """The schema of `spec`, and the definitions that it refers to."""
    raw: Schema = json.loads(_of_model(kind.model))
    raw_definitions = raw.pop("$defs", {})
    definitions = {name: _tidy(raw_definitions[name]) for name in sorted(raw_definitions)}
    spec = _tidy(raw)
    extra = {
        "type": "object",
        "description": "Fields newer than tavusctl, passed to the API as they are; merged into spec.",
    }
    spec["properties"]["extra"] = _or_null(_with_expressions(extra))
    for pointer, declared in kind.fields.items():
        if declared.aliases:
            _add_names(*_place(spec, definitions, pointer), declared.aliases)
        if declared.secret and not declared.may_be_plain:
            holder, key = _place(spec, definitions, pointer)
            holder["properties"][key] = _without_literals(holder["properties"][key])
    return spec, definitions


@cache
def _of_model(model: type[BaseModel]) -> str:
    """The schema of a model from pydantic, cached because it is slow to make; as JSON text, so callers get copies."""
    return json.dumps(model.model_json_schema(ref_template="#/$defs/{model}"))


def _place(spec: Schema, definitions: Schema, pointer: str) -> tuple[Schema, str]:
    """The object that holds a field, and the key of the field in it."""
    *above, key = pointer.split("/")[1:]
    holder = spec
    for parent in above:
        choices = holder["properties"][parent].get("anyOf", [holder["properties"][parent]])
        reference = next(choice["$ref"] for choice in choices if "$ref" in choice)
        holder = definitions[reference.rpartition("/")[2]]
    return holder, key


def _without_literals(member: Schema) -> Schema:
    """The schema of a secret field, which does not accept a plaintext value."""
    choices = member.get("anyOf", [{key: value for key, value in member.items() if key != "description"}])
    options = [{**choice, "pattern": NO_LITERAL} if choice.get("type") == "string" else choice for choice in choices]
    return {"anyOf": options, **({"description": member["description"]} if "description" in member else {})}


def _add_names(holder: Schema, key: str, names: Sequence[str]) -> None:
    """Add the other names of a field to its object; any of them will do where the object must have the field."""
    required = holder.get("required", [])
    if key in required:
        holder["required"] = [one for one in required if one != key]
        holder["allOf"] = [{"anyOf": [{"required": [name]} for name in (key, *names)]}]
    for name in names:
        description = f"Another name of {key}."
        holder["properties"][name] = {**holder["properties"][key], "description": description}


def _word(kind: ResourceKind) -> Schema:
    """The schema of `kind`: the name of the kind, or one of its other names."""
    return {"enum": [kind.name, *kind.aliases]} if kind.aliases else {"const": kind.name}


def _tidy(raw: Schema) -> Schema:
    """The schema of one object of the models, in the form that this module describes."""
    more = raw.get("additionalProperties", False)  # of a model that also takes keys which it does not list
    return {
        "type": "object",
        "description": raw.get("description", ""),
        "properties": {name: _member(member) for name, member in raw.get("properties", {}).items()},
        **({key: raw[key] for key in ("required", "oneOf") if key in raw}),
        "additionalProperties": _member(more) if isinstance(more, dict) else more,
    }


def _member(raw: Schema) -> Schema:
    """The schema of a member: interpolations are allowed as well, and null only if the model allows it."""
    choices = [_value(choice) for choice in _flat(raw)]
    takes_texts = any(choice.get("type") == "string" and not _is_narrow(choice) for choice in choices)
    if not takes_texts and any(choice != _NULL for choice in choices):
        nulls = [choice for choice in choices if choice == _NULL]
        expression = INTERPOLATION if any(map(_is_narrow, choices)) else VARIABLE
        choices = [*(choice for choice in choices if choice != _NULL), expression, *nulls]
    schema = choices[0] if len(choices) == 1 else {"anyOf": choices}
    return {**schema, **({"description": raw["description"]} if "description" in raw else {})}


def _flat(raw: Schema) -> list[Schema]:
    if "anyOf" in raw:
        return [choice for option in raw["anyOf"] for choice in _flat(option)]
    return [{key: value for key, value in raw.items() if key not in ("title", "default", "description")}]


def _value(raw: Schema) -> Schema:
    """The schema of one alternative for a value; the items of lists and maps are converted as well."""
    schema = dict(raw)
    if "items" in schema:
        schema["items"] = _member(schema["items"])
    if isinstance(schema.get("additionalProperties"), dict):
        schema["additionalProperties"] = _member(schema["additionalProperties"])
    elif schema.get("additionalProperties") is True:
        del schema["additionalProperties"]  # the default of JSON Schema
    return schema


def _is_narrow(schema: Schema) -> bool:
    """Whether the schema of a scalar rejects some texts."""
    if schema.get("type") in ("object", "array", "null") or "$ref" in schema:
        return False
    return schema.get("type") != "string" or any(key in schema for key in ("enum", "const", "pattern"))


_OURS: Final = ("spec", "lifecycle", "moved_from", "recrawl", "watch")  # keys that exclude `external: true`
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
            "description": "What happens when this manifest is removed: delete the object, or keep it unmanaged.",
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
    "if": {"type": "object"},
    "then": {"oneOf": [{"required": ["every"]}, {"required": ["max_age"]}, {"required": ["cron"]}]},
    "dependentRequired": {"timezone": ["cron"]},
    "additionalProperties": False,
}


def for_project() -> Schema:
    """The schema of the project file without references: editors then mark the invalid value, not its whole section."""
    schema = without_titles(ProjectFile.model_json_schema())
    definitions = as_object(schema.pop("$defs"))
    return as_object(_resolved(schema, definitions))


def _resolved(node: Json, definitions: Schema) -> Json:
    """A part of the schema with its references resolved; a choice of an object or null becomes one schema."""
    if isinstance(node, list):
        return [_resolved(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    named = as_object(definitions[as_text(node["$ref"]).rpartition("/")[2]]) if "$ref" in node else {}
    followed = {**named, **node}
    resolved = {key: _resolved(value, definitions) for key, value in followed.items() if key != "$ref"}
    if "patternProperties" in resolved:  # names that do not match are errors, too
        ((pattern, values),) = as_object(resolved.pop("patternProperties")).items()
        resolved |= {"propertyNames": {"pattern": pattern}, "additionalProperties": values}
    first, *others = map(as_object, as_list(resolved.get("anyOf", [{}])))
    if first.get("type") == "object" and others == [_NULL]:
        del resolved["anyOf"]
        resolved = {**first, **resolved, "type": ["object", "null"]}
    return resolved
