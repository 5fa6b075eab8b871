"""Lint rules for the tools that a model can call."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, Literal, get_args

import msgspec
from msgspec import UNSET, Struct, UnsetType

from tavusctl.core.json_tree import leaves
from tavusctl.core.messages import sanitized_name, shown, suggestion
from tavusctl.lib.json_types import Json
from tavusctl.lib.patterns import pattern
from tavusctl.lint.core import Finding, Subject, mappings, pointer_of
from tavusctl.patch.pointer import escape, join
from tavusctl.secrets.redaction import shortened

if TYPE_CHECKING:
    import jsonschema_rs

_LISTS: Final = (
    ("layers", "llm", "tools"),
    ("layers", "perception", "perception_tools"),
    ("layers", "perception", "visual_tools"),
    ("layers", "perception", "audio_tools"),
)
_SNAKE_CASE = pattern(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_NAME_LIMIT: Final = 64  # characters of a function name that models accept
_PLACEHOLDER: Final = pattern(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_RESERVED_PREFIX: Final = "tavus_"
_Type = Literal["object", "array", "string", "number", "integer", "boolean", "null"]
_TYPES: Final[tuple[str, ...]] = get_args(_Type)
_TEXT_LIMIT: Final = 10_000  # characters of a description and the parameters together


def _tools(subject: Subject) -> Iterator[tuple[str, Mapping[str, Json]]]:
    """The functions of a persona, in either form, or the tool that the manifest declares, with their pointers."""
    if "parameters" in subject.kind.model.model_fields:
        yield "", subject.spec
    for keys in _LISTS:
        yield from _listed(subject, keys)


def _listed(subject: Subject, keys: tuple[str, ...]) -> Iterator[tuple[str, Mapping[str, Json]]]:
    for index, tool in mappings(subject.value_at(*keys)):
        function = tool.get("function")
        pointer = pointer_of(*keys, index)
        yield (f"{pointer}/function", function) if isinstance(function, dict) else (pointer, tool)


def tool_name_case(subject: Subject) -> Iterator[Finding]:
    """Report names of tools that are not in snake case, or too long for a model."""
    for pointer, tool in _tools(subject):
        name = tool.get("name")
        if isinstance(name, str) and (not _SNAKE_CASE.fullmatch(name) or len(name) > _NAME_LIMIT):
            with_underscores = sanitized_name(name, "[^A-Za-z0-9]+", "_", "")
            snake_name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", with_underscores).lower()
            message = (
                f"{shown(name)} is not in snake case" if len(name) <= _NAME_LIMIT else f"{shown(name)} is too long"
            )
            yield Finding(f"{pointer}/name", message, f"write `{snake_name[:_NAME_LIMIT]}`" if snake_name else "")


def duplicate_tool(subject: Subject) -> Iterator[Finding]:
    """Report two tools of the same name for one model or in one account: it is undefined which one is called."""
    is_registered = "parameters" in subject.kind.model.model_fields  # and the account accepts a name only once
    if is_registered and (first := subject.first_owner("name")):
        message = f"`{first}` has the name {shown(subject.spec['name'])}, which must be unique in an account"
        yield Finding("/name", message, "rename one of them")
    for keys in _LISTS:
        earlier_names: set[str] = set()
        for pointer, tool in _listed(subject, keys):
            name = tool.get("name")
            if isinstance(name, str) and name in earlier_names:
                yield Finding(f"{pointer}/name", f"another tool has the name {shown(name)}", "rename one of them")
            earlier_names.add(str(name))


def tool_undescribed(subject: Subject) -> Iterator[Finding]:
    """Report tools without a description that says when to call them."""
    for pointer, tool in _tools(subject):
        if not str(tool.get("description") or "").strip():
            yield Finding(
                pointer,
                f"the tool {shown(tool.get('name'))} has no description",
                "add a description that says when to call the tool",
            )


def invalid_tool_schema(subject: Subject) -> Iterator[Finding]:
    """Report parameters that are not a JSON Schema of an object.

    The API may silently drop all layers of a persona with such a tool.
    """
    for pointer, tool in _tools(subject):
        schema = tool.get("parameters")
        if isinstance(schema, dict) and schema:
            yield from _schema_findings(subject, schema, f"{pointer}/parameters")


def _schema_findings(subject: Subject, schema: Mapping[str, Json], pointer: str) -> Iterator[Finding]:
    if schema.get("type") != "object":
        yield Finding(
            pointer, "`parameters` is not a JSON Schema of an object", "write `type: object`, with `properties`"
        )
        return
    if _is_plain(schema):
        return
    for error in _schema_validator().iter_errors(schema):
        error_pointer = pointer + "".join(f"/{escape(str(part))}" for part in error.instance_path)
        has_secret = any(f"{secret}/".startswith(f"{error_pointer}/") for secret in subject.secret_pointers)
        is_about_type = [*error.schema_path[-2:]] == ["type", "anyOf"]
        fault, hint = _type_fault(error.instance) if is_about_type else (shortened(error.message, 200), "")
        text = "not valid as JSON Schema"
        yield Finding(error_pointer, text) if has_secret else Finding(error_pointer, f"{text}: {fault}", hint)


def _type_fault(value: Json) -> tuple[str, str]:
    """What is wrong with the `type` of a schema, and what would be right."""
    for word in value if isinstance(value, list) else [value]:
        if word is None:
            return "null without quotes is not a type", 'write `"null"`'
        if word not in _TYPES:
            return f"{shown(word)} is not a type", suggestion(str(word), _TYPES)
    return "`type` lists a type twice, or none", "write each type once"


class _PlainSchema(Struct, forbid_unknown_fields=True):
    """The subset of JSON Schema that most tools use; everything that fits it is a valid schema."""

    type: _Type | UnsetType = UNSET
    title: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    properties: dict[str, _PlainSchema] | UnsetType = UNSET
    required: list[str] | UnsetType = UNSET
    items: _PlainSchema | UnsetType = UNSET
    enum: list[Json] | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.required and len(set(self.required)) < len(self.required):
            raise ValueError("`required` lists a name twice")


def _is_plain(schema: Mapping[str, Json]) -> bool:
    try:
        msgspec.convert(schema, _PlainSchema)
    except (msgspec.ValidationError, UnicodeEncodeError):
        return False
    return True


@functools.cache
def _schema_validator() -> jsonschema_rs.Draft202012Validator:
    import jsonschema_rs  # noqa: PLC0415 - only a few tools have parameters that are not plain

    return jsonschema_rs.Draft202012Validator({"$ref": "https://json-schema.org/draft/2020-12/schema"})


def parameter_undescribed(subject: Subject) -> Iterator[Finding]:
    """Report required parameters that are not in `properties`."""
    for pointer, tool in _tools(subject):
        yield from _undeclared(tool.get("parameters"), f"{pointer}/parameters")


def _undeclared(schema: object, pointer: str) -> Iterator[Finding]:
    if not isinstance(schema, dict):
        return
    properties, required = schema.get("properties", {}), schema.get("required")
    if isinstance(properties, dict) and isinstance(required, list):
        for index, name in enumerate(required):
            if isinstance(name, str) and name not in properties:
                message = f"{shown(name)} is required, but is not in `properties`"
                yield Finding(f"{pointer}/required/{index}", message, suggestion(name, properties, required))
    for key, inner_schema in properties.items() if isinstance(properties, dict) else ():
        yield from _undeclared(inner_schema, f"{pointer}/properties/{escape(str(key))}")


def tool_schema_reference(subject: Subject) -> Iterator[Finding]:
    """Report parameters that refer to a schema elsewhere: the model sees the reference, but not that schema."""
    for pointer, tool in _tools(subject):
        for path, leaf in leaves(tool.get("parameters")):
            if path and path[-1] == "$ref" and isinstance(leaf, str) and "properties" not in path[-2:-1]:
                leaf_pointer = pointer + join(("parameters", *path))
                yield Finding(leaf_pointer, "a model does not follow `$ref`", "write out the schema that it refers to")


def undeclared_placeholder(subject: Subject) -> Iterator[Finding]:
    """Report placeholders in the API call of a tool that are not parameters of the tool: the API refuses them."""
    if subject.value_at("delivery", "api", "auth", "type") == "hmac":
        return
    api, names = subject.mapping_at("delivery", "api"), subject.mapping_at("parameters", "properties")
    for field in ("url", "body_template", "query_params"):
        for path, leaf in leaves(api.get(field)):
            for name in _PLACEHOLDER.findall(leaf) if isinstance(leaf, str) else ():
                if name not in names and not name.startswith(_RESERVED_PREFIX):
                    leaf_pointer = join(("delivery", "api", field, *path))
                    message = f"`{{{name}}}` is not a parameter of the tool"
                    yield Finding(leaf_pointer, message, suggestion(name, names) or "add it to `parameters.properties`")


def tool_undelivered(subject: Subject) -> Iterator[Finding]:
    """Report a tool that does not say where its calls go."""
    if not subject.value_at("delivery"):
        message = "without `delivery`, only an application in the conversation learns of a call"
        yield Finding("", message, "write `delivery: {app_message: true}`, or `delivery: {api: {url: ...}}`")


def tool_too_large(subject: Subject) -> Iterator[Finding]:
    """Report tools that the API refuses: reserved names of parameters, and more text than it accepts."""
    for name in subject.mapping_at("parameters", "properties"):
        if str(name).startswith(_RESERVED_PREFIX):
            parameter_pointer = pointer_of("parameters", "properties", name)
            yield Finding(
                parameter_pointer, f"names that begin with `{_RESERVED_PREFIX}` are reserved", "rename the parameter"
            )
    size = len(str(subject.value_at("description") or "")) + len(
        json.dumps(subject.value_at("parameters") or {}, default=str)
    )
    if size > _TEXT_LIMIT:
        message = f"`description` and `parameters` have {size:,} characters together; the API accepts {_TEXT_LIMIT:,}"
        yield Finding("/description", message, "shorten them, or split the tool in two")
