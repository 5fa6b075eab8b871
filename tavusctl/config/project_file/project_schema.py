"""The JSON Schema of the project file, tavusctl.yaml."""

from __future__ import annotations

from typing import Final

from tavusctl.config.project_file.sections import ProjectFile
from tavusctl.core.schema.json_schema import Schema, without_titles
from tavusctl.lib.json_types import Json, as_list, as_object, as_text

_NULL: Final = {"type": "null"}


def for_project() -> Schema:
    """The schema of the project file, in one piece: editors then mark what is wrong and not the section around it."""
    schema = without_titles(ProjectFile.model_json_schema())
    definitions = as_object(schema.pop("$defs"))
    return as_object(_opened(schema, definitions))


def _opened(node: Json, definitions: Schema) -> Json:
    """A part of the schema with its references followed; of two choices, an object and null, one is made."""
    if isinstance(node, list):
        return [_opened(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    named = as_object(definitions[as_text(node["$ref"]).rpartition("/")[2]]) if "$ref" in node else {}
    followed = {**named, **node}
    opened = {key: _opened(value, definitions) for key, value in followed.items() if key != "$ref"}
    if "patternProperties" in opened:  # other names are wrong, too
        ((pattern, values),) = as_object(opened.pop("patternProperties")).items()
        opened |= {"propertyNames": {"pattern": pattern}, "additionalProperties": values}
    first, *others = map(as_object, as_list(opened.get("anyOf", [{}])))
    if first.get("type") == "object" and others == [_NULL]:
        del opened["anyOf"]
        opened = {**first, **opened, "type": ["object", "null"]}
    return opened
