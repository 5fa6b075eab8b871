"""Tools: what a model is told that it may call."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from tavusctl.patch.pointer import escape
from tavusctl.redaction import shortened
from tavusctl.rules.lint import Finding, Subject, mappings, pointer_of
from tavusctl.wording import shown, suggestion

if TYPE_CHECKING:
    import jsonschema_rs

_LISTS: Final = (
    ("layers", "llm", "tools"),
    ("layers", "perception", "perception_tools"),
    ("layers", "perception", "visual_tools"),
    ("layers", "perception", "audio_tools"),
)
_SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_NAME_LIMIT: Final = 64  # characters that models take for the name of a function


def _tools(subject: Subject) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The functions of a persona, in either form, with their pointers."""
    for keys in _LISTS:
        yield from _listed(subject, keys)


def _listed(subject: Subject, keys: tuple[str, ...]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for index, tool in mappings(subject.at(*keys)):
        inner = tool.get("function")
        place = pointer_of(*keys, index)
        yield (f"{place}/function", inner) if isinstance(inner, dict) else (place, tool)


def names(subject: Subject) -> Iterator[Finding]:
    """Names in another spelling than models expect."""
    for pointer, tool in _tools(subject):
        name = tool.get("name")
        if isinstance(name, str) and (not _SNAKE.fullmatch(name) or len(name) > _NAME_LIMIT):
            right = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()).strip("_")
            message = (
                f"{shown(name)} is not in snake case" if len(name) <= _NAME_LIMIT else f"{shown(name)} is too long"
            )
            yield Finding(f"{pointer}/name", message, f"write {right[:_NAME_LIMIT]}" if right else "")


def twice(subject: Subject) -> Iterator[Finding]:
    """Two tools of one name that one model is given: which of them it calls, nobody knows."""
    for keys in _LISTS:
        seen: set[str] = set()
        for pointer, tool in _listed(subject, keys):
            name = tool.get("name")
            if isinstance(name, str) and name in seen:
                yield Finding(f"{pointer}/name", f"another tool is called {shown(name)}", "give each a name of its own")
            seen.add(str(name))


def silent(subject: Subject) -> Iterator[Finding]:
    """Tools that do not say when to call them."""
    for pointer, tool in _tools(subject):
        if not str(tool.get("description") or "").strip():
            yield Finding(pointer, f"the tool {shown(tool.get('name'))} has no description", "say when to call it")


def parameters(subject: Subject) -> Iterator[Finding]:
    """Parameters that are no JSON Schema of an object: the API may drop all layers without a word."""
    for pointer, tool in _tools(subject):
        schema = tool.get("parameters")
        if isinstance(schema, dict) and schema:
            yield from _faults(schema, f"{pointer}/parameters", subject.hidden)


def _faults(schema: Mapping[str, Any], pointer: str, hidden: AbstractSet[str]) -> Iterator[Finding]:
    if schema.get("type") != "object":
        yield Finding(pointer, "parameters are no schema of an object", "write type: object, with properties")
        return
    if _is_plain(schema):
        return
    for error in _schemas().iter_errors(schema):
        where = pointer + "".join(f"/{escape(str(part))}" for part in error.instance_path)
        quotes = any(f"{one}/".startswith(f"{where}/") for one in hidden)
        yield Finding(where, f"not valid as JSON Schema{'' if quotes else f': {shortened(error.message, 200)}'}")


class _Plain(Struct, forbid_unknown_fields=True):
    """The part of JSON Schema that most tools keep to; all that fits it is a schema."""

    type: Literal["object", "array", "string", "number", "integer", "boolean", "null"] | UnsetType = UNSET
    title: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    properties: dict[str, _Plain] | UnsetType = UNSET
    required: list[str] | UnsetType = UNSET
    items: _Plain | UnsetType = UNSET
    enum: list[Any] | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.required and len(set(self.required)) < len(self.required):
            message = "a name is required twice"
            raise ValueError(message)


def _is_plain(schema: Mapping[str, Any]) -> bool:
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
    """Arguments that are required, and that the model is told nothing about."""
    for pointer, tool in _tools(subject):
        yield from _missing(tool.get("parameters"), f"{pointer}/parameters")


def _missing(schema: object, pointer: str) -> Iterator[Finding]:
    if not isinstance(schema, dict):
        return
    properties, required = schema.get("properties", {}), schema.get("required")
    if isinstance(properties, dict) and isinstance(required, list):
        for index, name in enumerate(required):
            if isinstance(name, str) and name not in properties:
                message = f"{shown(name)} is required and is no property"
                yield Finding(f"{pointer}/required/{index}", message, suggestion(name, properties, required))
    for key, inner in properties.items() if isinstance(properties, dict) else ():
        yield from _missing(inner, f"{pointer}/properties/{escape(str(key))}")
