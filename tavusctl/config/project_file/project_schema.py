"""The JSON Schema of the project file, tavusctl.yaml."""

from __future__ import annotations

from typing import Final

from tavusctl.config.project_file.sections import ProjectFile
from tavusctl.core.schema.json_schema import Schema, without_titles
from tavusctl.lib.json_types import Json, as_list, as_object, as_text

_NULL: Final = {"type": "null"}


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
