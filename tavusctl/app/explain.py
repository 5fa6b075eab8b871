"""The description of a field: meaning, values and effect, from the schema and the traits that its kind declares."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from tavusctl.app.json_schemas import INTERPOLATION, VARIABLE, for_kind
from tavusctl.core.errors import UsageError
from tavusctl.core.messages import counted, suggestion
from tavusctl.core.resource_kind import PLAIN, FieldTraits, ResourceKind
from tavusctl.core.schema.model_fields import Schema
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
_LIMITS: Final = {  # the fields of `Limits`, and their keywords of JSON Schema
    "minimum": "minimum",
    "above": "exclusiveMinimum",
    "maximum": "maximum",
    "min_length": "minLength",
    "max_length": "maxLength",
    "min_items": "minItems",
    "max_items": "maxItems",
}
_LABEL: Final = 11  # width of the label column
_ANY: Final = "*"  # stands for any list index or map key, as in the pointers of a kind


class UnknownFieldError(LookupError):
    """Unknown field in a path: its name, its parent, and the known fields."""

    def __init__(self, word: str, place: str, known: Sequence[str]) -> None:
        super().__init__(f"`{place}` has no field `{word}`")
        self.word = word
        self.known = tuple(known)


class Limits(Struct, frozen=True):
    """What a value may be at least and at most: a number, the characters of a text, the items of a list."""

    minimum: float | None = None
    above: float | None = None  # the value must be more than this
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    min_items: int | None = None
    max_items: int | None = None
    max_item_length: int | None = None

    def range(self) -> str:
        """The range of a number in words; empty without limits."""
        low, high = self.minimum, self.maximum
        if low is not None and high is not None:
            return f"{low:g} to {high:g}"
        bounds = (("more than", self.above), ("at least", low), ("at most", high))
        return ", ".join(f"{words} {bound:g}" for words, bound in bounds if bound is not None)

    def size(self) -> str:
        """The length of a text or a list in words; empty without limits, and for a text that must not be empty."""
        sizes = (
            f"at most {counted(self.max_length, 'character')}" if self.max_length else "",
            f"at least {counted(self.min_items, 'item')}" if self.min_items else "",
            f"at most {counted(self.max_items, 'item')}" if self.max_items else "",
            f"each at most {counted(self.max_item_length, 'character')}" if self.max_item_length else "",
        )
        return ", ".join(filter(None, sizes))


class FieldDescription(Struct, frozen=True):
    """What `tavusctl explain` shows about a field."""

    path: str  # "persona.layers.llm.model"
    sort: str  # its type in words
    text: str = ""
    is_required: bool = False
    values: tuple[str, ...] = ()
    limits: Limits = Limits()
    pattern: str = ""
    defaults: tuple[Json, ...] = ()
    is_free: bool = False  # an object of any form
    is_managed: bool = False  # a field of spec: it is written to the API
    in_place: bool = True  # False: a change replaces the object
    declared: FieldTraits = PLAIN
    each: FieldTraits = PLAIN  # traits of its items, if it is a list or a map
    members: tuple[FieldDescription, ...] = ()  # their own `members` are empty


def describe(kind: ResourceKind, keys: Sequence[str]) -> FieldDescription:
    """Describe a kind (no keys), a field of its spec, or an envelope key; UnknownFieldError if it does not exist.

    The path has no index for list items, and no key `spec` for fields of spec.
    """
    schema = for_kind(kind)
    envelope: Schema = schema["properties"]
    place = _Place(kind, schema, kind.name, schema, None)
    for n, key in enumerate(keys):
        place = place.member("spec").member(key) if n == 0 and key not in envelope else place.member(key)
    members = place.members()
    return place.meaning(members if keys else [*place.member("spec").members(), *members])


class _Place(Struct, frozen=True):
    """A node of a kind's schema, and the path into spec that leads to it."""

    kind: ResourceKind
    root: Schema
    path: str
    node: Schema
    inside: KeyPath | None  # None: in the envelope, outside spec
    is_required: bool = False

    def member(self, key: str) -> _Place:
        """The field `key` directly below, through lists and maps; UnknownFieldError if there is none."""
        parent, holder = self._holder()
        path = self._path_of(key)
        if key in holder.get("properties", {}):
            node = holder["properties"][key]
            inside = () if key == "spec" and self.inside is None else None if parent is None else (*parent, key)
            return _Place(self.kind, self.root, path, node, inside, key in _required(holder))
        more = holder.get("additionalProperties")
        if isinstance(more, dict) and parent is not None and not holder.get("properties"):
            return _Place(self.kind, self.root, path, more, (*parent, _ANY))
        raise UnknownFieldError(key, self.path, self.names())

    def _path_of(self, key: str) -> str:
        """The path of a field below; it contains `spec` only if an envelope key has the same name as the field."""
        if self.inside is None and key == "spec":
            return self.path
        is_taken = self.inside == () and key in self.root["properties"]
        return f"{self.path}.spec.{key}" if is_taken else f"{self.path}.{key}"

    def names(self) -> tuple[str, ...]:
        """The names of the fields directly below."""
        return tuple(self._holder()[1].get("properties", {}))

    def members(self) -> list[FieldDescription]:
        """The fields directly below, without their members; `spec` itself is left out for a kind."""
        return [self.member(name).meaning() for name in self.names() if self.inside is not None or name != "spec"]

    def meaning(self, members: Sequence[FieldDescription] = ()) -> FieldDescription:
        """The description of this field."""
        declared = PLAIN if self.inside is None else self.kind.field_at(self.inside)
        choices = list(self._choices(self.node))
        defaults = declared.defaults or ((self.node["default"],) if "default" in self.node else ())
        return FieldDescription(
            path=self.path,
            sort=" or ".join(dict.fromkeys(map(self._sort, choices))),
            text=self.kind.summary if self.node is self.root else self.node.get("description", ""),
            is_required=self.is_required,
            values=tuple(dict.fromkeys(value for choice in choices for value in _values(choice))),
            limits=next((self._limits(choice) for choice in choices if "type" in choice), Limits()),
            pattern="" if declared.secret else next(filter(None, map(self._pattern, choices)), ""),
            defaults=defaults,
            is_free=bool(self.inside) and self.kind.is_free(self.inside or ()),
            is_managed=bool(self.inside),
            in_place=not declared.replaces,
            declared=declared,
            each=PLAIN if self.inside is None else self.kind.field_at((*self.inside, _ANY)),
            members=tuple(members),
        )

    def _holder(self) -> tuple[KeyPath | None, Schema]:
        """The schema of the object that holds the fields below, and the path to it; for a list, that of its items."""
        inside, node = self.inside, self.node
        while True:
            node = next(self._choices(node), {})
            if "items" not in node:
                return inside, node
            inside, node = (*inside, _ANY) if inside is not None else None, node["items"]

    def _choices(self, node: Schema) -> Iterator[Schema]:
        """The alternatives of a schema, references resolved; without null and interpolations, which any field has."""
        for choice in node.get("anyOf", [node]):
            if "$ref" in choice:
                yield self.root["$defs"][choice["$ref"].rpartition("/")[2]]
            elif isinstance(choice.get("type"), list):  # a mapping, or a variable, or null
                yield {**{key: value for key, value in choice.items() if key != "pattern"}, "type": choice["type"][0]}
            elif choice not in (INTERPOLATION, VARIABLE) and choice.get("type") != "null":
                yield choice

    def _items(self, schema: Schema) -> Schema:
        """The schema of the items of a list, of the first type that they may have."""
        return next(self._choices(schema.get("items", {})), {})

    def _limits(self, schema: Schema) -> Limits:
        numbers = {name: schema.get(keyword) for name, keyword in _LIMITS.items()}
        return Limits(**numbers, max_item_length=self._items(schema).get("maxLength"))

    def _pattern(self, schema: Schema) -> str:
        return str(schema.get("pattern", "") or self._items(schema).get("pattern", ""))

    def _sort(self, schema: Schema) -> str:
        if "items" in schema:
            return f"list of {_plural(' or '.join(map(self._sort, self._choices(schema['items']))))}"
        values = schema.get("additionalProperties")
        if isinstance(values, dict):
            return f"mapping of names to {_plural(' or '.join(map(self._sort, self._choices(values))))}"
        return _SORTS.get(schema.get("type", "string"), "text")


def _required(holder: Schema) -> set[str]:
    """The keys that an object must have; of those with several names, the first one."""
    return {*holder.get("required", ()), *(one["anyOf"][0]["required"][0] for one in holder.get("allOf", ()))}


def _plural(sort: str) -> str:
    return {"text": "texts", "mapping": "mappings", "number": "numbers"}.get(sort, sort)


def _values(schema: Schema) -> Iterator[str]:
    yield from schema.get("enum", ())
    if "const" in schema:
        yield schema["const"]


def find(path: str) -> FieldDescription:
    """The field at a path as users type it, such as `persona.layers.llm`; UsageError if there is none."""
    name, *keys = path.replace("/", ".").rstrip(".").split(".")
    name = name_of(name)
    if name not in KINDS:
        raise UsageError(f"unknown kind `{name}`", suggestion(name, KINDS))
    try:
        return describe(KINDS[name], keys)
    except UnknownFieldError as error:
        raise UsageError(str(error), suggestion(error.word, error.known)) from None


def all_kinds() -> Iterator[str]:
    """One line for each kind."""
    width = max(map(len, KINDS))
    yield from (f"{name:<{width}}  {kind.summary}" for name, kind in KINDS.items())
    yield ""
    yield "Run `tavusctl explain KIND` for the fields of a kind, `tavusctl explain KIND.FIELD` for those below a field."


def text(field: FieldDescription) -> Iterator[str]:
    """The description of a field as lines of text."""
    yield style(field.path, bold=True) + f"  {field.sort}{', required' if field.is_required else ''}"
    if field.text:
        yield f"  {field.text}"
    if facts := list(_facts(field)):
        yield ""
        yield from (f"  {label:<{_LABEL}}{text}" for label, text in facts)
    spec_members = [member for member in field.members if member.is_managed]
    envelope_members = [member for member in field.members if not member.is_managed]
    yield from _members(spec_members, "spec" if envelope_members else "")
    yield from _members(envelope_members, "beside spec" if spec_members else "")


def _members(members: Sequence[FieldDescription], title: str) -> Iterator[str]:
    """A title and one line for each field: name, type and meaning."""
    if not members:
        return
    names = [member.path.rpartition(".")[2] for member in members]
    width, sorts = max(map(len, names)), max(len(_sort(member)) for member in members)
    yield ""
    if title:
        yield style(f"  {title}", dim=True)
    for name, member in zip(names, members, strict=True):
        note = " (deprecated)" if member.declared.deprecated else ""
        yield f"  {style(name, bold=True)}{' ' * (width - len(name))}  {_sort(member):<{sorts}}  {member.text}{note}"


def _sort(member: FieldDescription) -> str:
    return f"{member.sort}{', required' if member.is_required else ''}"


def _facts(field: FieldDescription) -> Iterator[tuple[str, str]]:
    """Labelled facts about a field, besides its type and meaning."""
    declared, target = field.declared, _target(field)
    facts = {
        "values": ", ".join(field.values),
        "range": field.limits.range(),
        "length": field.limits.size(),
        "pattern": field.pattern,
        "default": " or ".join(map(_shown, field.defaults)),
        "change": _change(field),
        "refers to": f"{target}: write `${{ref:{target}/NAME}}`" if target else "",
        "secret": _secret(field),
        "reads": "never returned by the API: only the last applied value is known" if declared.write_only else "",
        "order": "has no meaning" if declared.unordered else "",
        "items": f"known by {declared.keyed_by}" if declared.keyed_by else "",
        "list": f"is sent as one text, joined by {declared.joined_by!r}" if declared.joined_by else "",
        "deprecated": declared.deprecated,
    }
    return ((label, text) for label, text in facts.items() if text)


def _target(field: FieldDescription) -> str:
    return field.declared.refers_to or field.each.refers_to


def _secret(field: FieldDescription) -> str:
    if field.is_free:
        return "keys in it are secrets: write `${secret:NAME}`"
    if not (field.declared.secret or field.each.secret):
        return ""
    return "write `${secret:NAME}`" + ("; the API returns asterisks" if field.declared.masked else "")


def _change(field: FieldDescription) -> str:
    if not field.is_managed:
        return ""
    return "in place" if field.in_place else "the object is replaced by a new one"


def _shown(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def document(field: FieldDescription) -> JsonObject:
    """The description of a field as JSON; facts that do not apply are left out."""
    declared = field.declared
    facts = {
        "path": field.path,
        "type": field.sort,
        "description": field.text,
        "required": field.is_required,
        "values": list(field.values),
        **msgspec.structs.asdict(field.limits),
        "pattern": field.pattern,
        "defaults": list(field.defaults),
        "change": ("in place" if field.in_place else "replacement") if field.is_managed else "",
        "refers_to": _target(field),
        "secret": bool(_secret(field)) or None,
        "unread": declared.write_only or None,
        "unordered": declared.unordered or None,
        "keyed_by": declared.keyed_by,
        "deprecated": declared.deprecated,
        "fields": {one.path.rpartition(".")[2]: document(one) for one in field.members},
    }
    return {key: value for key, value in facts.items() if value not in (None, "", [], {})}
