"""Lint rules for the tools of a model."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from tavusctl.core.json_tree import placed
from tavusctl.core.messages import respelled, shown, suggestion
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
_SNAKE = pattern(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_NAME_LIMIT: Final = 64  # characters that models take for the name of a function
_PLACEHOLDER: Final = pattern(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_RESERVED: Final = "tavus_"
_LARGEST: Final = 10_000  # characters of a description and the parameters together


def _tools(subject: Subject) -> Iterator[tuple[str, Mapping[str, Json]]]:
    """The functions of a persona, in either form, or the tool that a manifest is about, with their pointers."""
    if "parameters" in subject.kind.model.model_fields:
        yield "", subject.spec
    for keys in _LISTS:
        yield from _listed(subject, keys)


def _listed(subject: Subject, keys: tuple[str, ...]) -> Iterator[tuple[str, Mapping[str, Json]]]:
    for index, tool in mappings(subject.at(*keys)):
        inner = tool.get("function")
        place = pointer_of(*keys, index)
        yield (f"{place}/function", inner) if isinstance(inner, dict) else (place, tool)


def names(subject: Subject) -> Iterator[Finding]:
    """Names in another spelling than models expect."""
    for pointer, tool in _tools(subject):
        name = tool.get("name")
        if isinstance(name, str) and (not _SNAKE.fullmatch(name) or len(name) > _NAME_LIMIT):
            words = respelled(name, "[^A-Za-z0-9]+", "_", "")
            right = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", words).lower()
            message = (
                f"{shown(name)} is not in snake case" if len(name) <= _NAME_LIMIT else f"{shown(name)} is too long"
            )
            yield Finding(f"{pointer}/name", message, f"write `{right[:_NAME_LIMIT]}`" if right else "")


def duplicate_tool(subject: Subject) -> Iterator[Finding]:
    """Two tools of one name that one model is given, or one account: which of them is called, nobody knows."""
    if "parameters" in subject.kind.model.model_fields:
        yield from _registered_twice(subject)
    for keys in _LISTS:
        seen: set[str] = set()
        for pointer, tool in _listed(subject, keys):
            name = tool.get("name")
            if isinstance(name, str) and name in seen:
                yield Finding(f"{pointer}/name", f"another tool has the name {shown(name)}", "rename one of them")
            seen.add(str(name))


def _registered_twice(subject: Subject) -> Iterator[Finding]:
    """A manifest whose tool has the name of another one's before it: the account takes each name once."""
    address = subject.manifest.address
    rivals = [one for one in subject.project.manifests if one.address.kind == address.kind and not one.external_id]
    named = [one.address for one in rivals if one.spec.get("name") == subject.spec.get("name")]
    if subject.spec.get("name") and named[0] != address:
        message = f"`{named[0]}` has the name {shown(subject.spec['name'])}, which an account takes once"
        yield Finding("/name", message, "rename one of them")


def tool_undescribed(subject: Subject) -> Iterator[Finding]:
    """Tools that do not say when to call them."""
    for pointer, tool in _tools(subject):
        if not str(tool.get("description") or "").strip():
            yield Finding(
                pointer,
                f"the tool {shown(tool.get('name'))} has no description",
                "add a description that says when to call the tool",
            )


def parameters(subject: Subject) -> Iterator[Finding]:
    """Parameters that are no JSON Schema of an object: the API may drop all layers without a word."""
    for pointer, tool in _tools(subject):
        schema = tool.get("parameters")
        if isinstance(schema, dict) and schema:
            yield from _faults(subject, schema, f"{pointer}/parameters")


def _faults(subject: Subject, schema: Mapping[str, Json], pointer: str) -> Iterator[Finding]:
    if schema.get("type") != "object":
        yield Finding(
            pointer, "`parameters` is not a JSON Schema of an object", "write `type: object`, with `properties`"
        )
        return
    if _is_plain(schema):
        return
    for error in _schemas().iter_errors(schema):
        where = pointer + "".join(f"/{escape(str(part))}" for part in error.instance_path)
        quotes = any(f"{one}/".startswith(f"{where}/") for one in subject.secret_pointers)
        yield Finding(where, f"not valid as JSON Schema{'' if quotes else f': {shortened(error.message, 200)}'}")


class _Plain(Struct, forbid_unknown_fields=True):
    """The part of JSON Schema that most tools keep to; all that fits it is a schema."""

    type: Literal["object", "array", "string", "number", "integer", "boolean", "null"] | UnsetType = UNSET
    title: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    properties: dict[str, _Plain] | UnsetType = UNSET
    required: list[str] | UnsetType = UNSET
    items: _Plain | UnsetType = UNSET
    enum: list[Json] | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.required and len(set(self.required)) < len(self.required):
            message = "`required` lists a name twice"
            raise ValueError(message)


def _is_plain(schema: Mapping[str, Json]) -> bool:
    try:
        msgspec.convert(schema, _Plain)
    except (msgspec.ValidationError, UnicodeEncodeError):
        return False
    return True


@functools.cache
def _schemas() -> jsonschema_rs.Draft202012Validator:
    import jsonschema_rs  # noqa: PLC0415 - for the few tools whose parameters are not plain

    return jsonschema_rs.Draft202012Validator({"$ref": "https://json-schema.org/draft/2020-12/schema"})


def undescribed(subject: Subject) -> Iterator[Finding]:
    """Report required parameters without a description."""
    for pointer, tool in _tools(subject):
        yield from _missing(tool.get("parameters"), f"{pointer}/parameters")


def _missing(schema: object, pointer: str) -> Iterator[Finding]:
    if not isinstance(schema, dict):
        return
    properties, required = schema.get("properties", {}), schema.get("required")
    if isinstance(properties, dict) and isinstance(required, list):
        for index, name in enumerate(required):
            if isinstance(name, str) and name not in properties:
                message = f"{shown(name)} is required, but is not in `properties`"
                yield Finding(f"{pointer}/required/{index}", message, suggestion(name, properties, required))
    for key, inner in properties.items() if isinstance(properties, dict) else ():
        yield from _missing(inner, f"{pointer}/properties/{escape(str(key))}")


def references(subject: Subject) -> Iterator[Finding]:
    """Parameters that refer to a schema elsewhere: the model is shown the reference alone."""
    for pointer, tool in _tools(subject):
        for place, _, leaf in placed(tool.get("parameters"), (), ()):
            if place and place[-1] == "$ref" and isinstance(leaf, str) and "properties" not in place[-2:-1]:
                where = pointer + join(("parameters", *place))
                yield Finding(where, "a model does not follow `$ref`", "write out the schema that it refers to")


def placeholders(subject: Subject) -> Iterator[Finding]:
    """Placeholders in a call that are no parameters of the tool: the API refuses them."""
    api = subject.at("delivery", "api")
    if not isinstance(api, dict) or subject.at("delivery", "api", "auth", "type") == "hmac":
        return
    properties = subject.at("parameters", "properties")
    known = properties if isinstance(properties, dict) else {}
    for part in ("url", "body_template", "query_params"):
        for place, _, leaf in placed(api.get(part), (), ()):
            for name in _PLACEHOLDER.findall(leaf) if isinstance(leaf, str) else ():
                if name not in known and not name.startswith(_RESERVED):
                    where = join(("delivery", "api", part, *place))
                    message = f"`{{{name}}}` is no parameter of the tool"
                    yield Finding(where, message, suggestion(name, known) or "add it to `parameters.properties`")


def undelivered(subject: Subject) -> Iterator[Finding]:
    """A tool that says nothing of where its calls go."""
    if not subject.at("delivery"):
        message = "without `delivery`, only an application in the conversation learns of a call"
        yield Finding("", message, "write `delivery: {app_message: true}`, or `delivery: {api: {url: ...}}`")


def too_large(subject: Subject) -> Iterator[Finding]:
    """Tools that the API refuses: names that it keeps for itself, and more text than it takes."""
    properties = subject.at("parameters", "properties")
    for name in properties if isinstance(properties, dict) else ():
        if str(name).startswith(_RESERVED):
            where = pointer_of("parameters", "properties", name)
            yield Finding(where, f"names that begin with `{_RESERVED}` are reserved", "rename the parameter")
    size = len(str(subject.at("description") or "")) + len(json.dumps(subject.at("parameters") or {}, default=str))
    if size > _LARGEST:
        message = f"`description` and `parameters` have {size:,} characters together; the API accepts {_LARGEST:,}"
        yield Finding("/description", message, "shorten them, or split the tool in two")
