"""What a field means, takes and does: read from the schema of its kind and from what the kind declares of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from tavusctl.app.json_schemas import INTERPOLATION, for_kind
from tavusctl.core.errors import UsageError
from tavusctl.core.messages import suggestion
from tavusctl.core.resource_kind import PLAIN, FieldTraits, ResourceKind
from tavusctl.core.schema.json_schema import Schema
from tavusctl.kinds import KINDS, name_of
from tavusctl.lib.json_types import Json, JsonObject, KeyPath
from tavusctl.reports.terminal.styling import style

_SORTS: Final = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "mapping",
    "array": "list",
}
_LABEL: Final = 11  # columns of the words on the left
_ANY: Final = "*"  # an index of a list or a key of a map, as in the pointers of a kind


class UnknownFieldError(LookupError):
    """Unknown field in a path: its name, its parent, and the known fields."""

    def __init__(self, word: str, place: str, known: Sequence[str]) -> None:
        super().__init__(f"`{place}` has no field `{word}`")
        self.word = word
        self.known = tuple(known)


class FieldDescription(Struct, frozen=True):
    """A field as a person asks for it."""

    path: str  # "persona.layers.llm.model"
    sort: str  # its type in words
    text: str = ""
    is_required: bool = False
    values: tuple[str, ...] = ()
    limits: tuple[float | None, float | None] = (None, None)
    pattern: str = ""
    defaults: tuple[Json, ...] = ()
    is_free: bool = False  # an object of any form
    is_managed: bool = False  # a field of spec: it is written to the API
    in_place: bool = True  # else a change makes a new object
    declared: FieldTraits = PLAIN
    each: FieldTraits = PLAIN  # of its items, when it is a list or a map
    members: tuple[FieldDescription, ...] = ()  # without members of their own


def meaning(kind: ResourceKind, kinds: Mapping[str, ResourceKind], keys: Sequence[str]) -> FieldDescription:
    """Describe a kind (no keys), a field of its spec, or an envelope key; UnknownFieldError if it does not exist.

    Fields of list items are found without an index, and fields of spec without the word `spec`.
    """
    schema = for_kind(kind, kinds)
    around: Schema = schema["properties"]
    found = _Place(kind, schema, kind.name, schema, None)
    for n, key in enumerate(keys):
        found = found.member("spec").member(key) if n == 0 and key not in around else found.member(key)
    members = found.members()
    return found.meaning(members if keys else [*found.member("spec").members(), *members])


class _Place(Struct, frozen=True):
    """A node of a kind's schema, and the path into spec that leads to it."""

    kind: ResourceKind
    root: Schema
    path: str
    node: Schema
    inside: KeyPath | None  # None around spec
    is_required: bool = False

    def member(self, key: str) -> _Place:
        """A field below, through lists and maps."""
        here, entries = self._opened()
        path = self._below(key)
        if key in entries.get("properties", {}):
            node = entries["properties"][key]
            inside = () if key == "spec" and self.inside is None else None if here is None else (*here, key)
            return _Place(self.kind, self.root, path, node, inside, key in entries.get("required", ()))
        if isinstance(entries.get("additionalProperties"), dict) and here is not None:
            return _Place(self.kind, self.root, path, entries["additionalProperties"], (*here, _ANY))
        raise UnknownFieldError(key, self.path, self.names())

    def _below(self, key: str) -> str:
        """The path of a field: the word `spec` stands in it only where a key around spec has the same name."""
        if self.inside is None and key == "spec":
            return self.path
        is_taken = self.inside == () and key in self.root["properties"]
        return f"{self.path}.spec.{key}" if is_taken else f"{self.path}.{key}"

    def names(self) -> tuple[str, ...]:
        """The fields below."""
        return tuple(self._opened()[1].get("properties", {}))

    def members(self) -> list[FieldDescription]:
        """The fields below, each without its own; those of spec are told by themselves."""
        return [self.member(name).meaning() for name in self.names() if self.inside is not None or name != "spec"]

    def meaning(self, members: Sequence[FieldDescription] = ()) -> FieldDescription:
        """What is known of the field."""
        declared = PLAIN if self.inside is None else self.kind.field_at(self.inside)
        choices = list(self._choices(self.node))
        defaults = declared.defaults or ((self.node["default"],) if "default" in self.node else ())
        return FieldDescription(
            path=self.path,
            sort=" or ".join(dict.fromkeys(map(self._sort, choices))),
            text=self.kind.summary if self.node is self.root else self.node.get("description", ""),
            is_required=self.is_required,
            values=tuple(dict.fromkeys(value for one in choices for value in _values(one))),
            limits=next(((one.get("minimum"), one.get("maximum")) for one in choices if "type" in one), (None, None)),
            pattern="" if declared.secret else next((one["pattern"] for one in choices if "pattern" in one), ""),
            defaults=defaults,
            is_free=bool(self.inside) and self.kind.is_free(self.inside or ()),
            is_managed=bool(self.inside),
            in_place=not declared.replaces,
            declared=declared,
            each=PLAIN if self.inside is None else self.kind.field_at((*self.inside, _ANY)),
            members=tuple(members),
        )

    def _opened(self) -> tuple[KeyPath | None, Schema]:
        """The object that holds the fields below, and the path to it; a list is looked into."""
        inside, node = self.inside, self.node
        while True:
            node = next(self._choices(node), {})
            if "items" not in node:
                return inside, node
            inside, node = (*inside, _ANY) if inside is not None else None, node["items"]

    def _choices(self, node: Schema) -> Iterator[Schema]:
        """What may stand here, references followed; null and interpolations, which any field takes, are left out."""
        for choice in node.get("anyOf", [node]):
            if "$ref" in choice:
                yield self.root["$defs"][choice["$ref"].rpartition("/")[2]]
            elif choice != INTERPOLATION and choice.get("type") != "null":
                yield choice

    def _sort(self, schema: Schema) -> str:
        if "items" in schema:
            return f"list of {_plural(' or '.join(map(self._sort, self._choices(schema['items']))))}"
        values = schema.get("additionalProperties")
        if isinstance(values, dict):
            return f"mapping of names to {_plural(' or '.join(map(self._sort, self._choices(values))))}"
        return _SORTS.get(schema.get("type", "string"), "text")


def _plural(sort: str) -> str:
    return {"text": "texts", "mapping": "mappings", "number": "numbers"}.get(sort, sort)


def _values(schema: Schema) -> Iterator[str]:
    yield from schema.get("enum", ())
    if "const" in schema:
        yield schema["const"]


def find(path: str) -> FieldDescription:
    """The field that a person names, such as `persona.layers.llm`; UsageError where there is none."""
    name, *keys = path.replace("/", ".").rstrip(".").split(".")
    name = name_of(name)
    if name not in KINDS:
        message = f"unknown kind `{name}`"
        raise UsageError(message, suggestion(name, KINDS))
    try:
        return meaning(KINDS[name], KINDS, keys)
    except UnknownFieldError as error:
        raise UsageError(str(error), suggestion(error.word, error.known)) from None


def all_kinds() -> Iterator[str]:
    """Every kind, a line each."""
    width = max(map(len, KINDS))
    yield from (f"{name:<{width}}  {kind.summary}" for name, kind in KINDS.items())
    yield ""
    yield "Run `tavusctl explain KIND` for the fields of a kind, `tavusctl explain KIND.FIELD` for those below a field."


def text(found: FieldDescription) -> Iterator[str]:
    """A field in lines of text."""
    yield style(found.path, bold=True) + f"  {found.sort}{', required' if found.is_required else ''}"
    if found.text:
        yield f"  {found.text}"
    if facts := list(_facts(found)):
        yield ""
        yield from (f"  {label:<{_LABEL}}{text}" for label, text in facts)
    inside = [one for one in found.members if one.is_managed]
    around = [one for one in found.members if not one.is_managed]
    yield from _members(inside, "spec" if around else "")
    yield from _members(around, "around spec" if inside else "")


def _members(members: Sequence[FieldDescription], title: str) -> Iterator[str]:
    """One line each: name, type, meaning."""
    if not members:
        return
    names = [one.path.rpartition(".")[2] for one in members]
    width, sorts = max(map(len, names)), max(len(_sort(one)) for one in members)
    yield ""
    if title:
        yield style(f"  {title}", dim=True)
    for name, one in zip(names, members, strict=True):
        going = " (deprecated)" if one.declared.deprecated else ""
        yield f"  {style(name, bold=True)}{' ' * (width - len(name))}  {_sort(one):<{sorts}}  {one.text}{going}"


def _sort(one: FieldDescription) -> str:
    return f"{one.sort}{', required' if one.is_required else ''}"


def _facts(found: FieldDescription) -> Iterator[tuple[str, str]]:
    """What there is to know besides type and meaning: a word, and what it says."""
    declared, target = found.declared, _target(found)
    facts = {
        "values": ", ".join(found.values),
        "range": _range(*found.limits),
        "pattern": found.pattern,
        "default": " or ".join(map(_shown, found.defaults)),
        "change": _change(found),
        "refers to": f"{target}: write `${{ref:{target}/NAME}}`" if target else "",
        "secret": _secret(found),
        "reads": "never returned by the API: only the last applied value is known" if declared.write_only else "",
        "order": "has no meaning" if declared.unordered else "",
        "items": f"known by {declared.keyed_by}" if declared.keyed_by else "",
        "list": f"is sent as one text, joined by {declared.joined_by!r}" if declared.joined_by else "",
        "deprecated": declared.deprecated,
    }
    return ((word, text) for word, text in facts.items() if text)


def _target(found: FieldDescription) -> str:
    return found.declared.refers_to or found.each.refers_to


def _secret(found: FieldDescription) -> str:
    if found.is_free:
        return "keys in it are secrets: write `${secret:NAME}`"
    if not (found.declared.secret or found.each.secret):
        return ""
    return "write `${secret:NAME}`" + ("; the API returns asterisks" if found.declared.masked else "")


def _change(found: FieldDescription) -> str:
    if not found.is_managed:
        return ""
    return "in place" if found.in_place else "the object is replaced by a new one"


def _range(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    if low is not None:
        return f"at least {low:g}"
    return f"at most {high:g}" if high is not None else ""


def _shown(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def document(found: FieldDescription) -> JsonObject:
    """What is known of a field as JSON; what does not apply is left out."""
    low, high = found.limits
    declared = found.declared
    known = {
        "path": found.path,
        "type": found.sort,
        "description": found.text,
        "required": found.is_required,
        "values": list(found.values),
        "minimum": low,
        "maximum": high,
        "pattern": found.pattern,
        "defaults": list(found.defaults),
        "change": ("in place" if found.in_place else "replacement") if found.is_managed else "",
        "refers_to": _target(found),
        "secret": bool(_secret(found)) or None,
        "unread": declared.write_only or None,
        "unordered": declared.unordered or None,
        "keyed_by": declared.keyed_by,
        "deprecated": declared.deprecated,
        "fields": {one.path.rpartition(".")[2]: document(one) for one in found.members},
    }
    return {key: value for key, value in known.items() if value not in (None, "", [], {})}
