"""What a field means, takes and does: read from the schema of its kind and from what the kind declares of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from tavusctl.kinds.schema import INTERPOLATION, Schema, for_kind
from tavusctl.model import PLAIN, Field, Path, ResourceKind, Update, Value

_SORTS: Final = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "mapping",
    "array": "list",
}
_ANY: Final = "*"  # an index of a list or a key of a map, as in the pointers of a kind


class UnknownFieldError(LookupError):
    """A path has a field that is not there: what it is called, where it was looked for, and what there is."""

    def __init__(self, word: str, place: str, known: Sequence[str]) -> None:
        super().__init__(f"{place} has no field {word!r}")
        self.word = word
        self.known = tuple(known)


class Meaning(Struct, frozen=True):
    """A field as a person asks for it."""

    path: str  # "persona.layers.llm.model"
    sort: str  # its type in words
    text: str = ""
    is_required: bool = False
    values: tuple[str, ...] = ()
    limits: tuple[float | None, float | None] = (None, None)
    pattern: str = ""
    defaults: tuple[Value, ...] = ()
    is_free: bool = False  # an object of any form
    is_managed: bool = False  # a field of spec: it is written to the API
    in_place: bool = True  # else a change makes a new object
    declared: Field = PLAIN
    each: Field = PLAIN  # of its items, when it is a list or a map
    members: tuple[Meaning, ...] = ()  # without members of their own


def meaning(kind: ResourceKind, kinds: Mapping[str, ResourceKind], keys: Sequence[str]) -> Meaning:
    """The meaning of a kind (no keys), a field of its spec, or a key around it; UnknownFieldError when there is none.

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
    inside: Path | None  # None around spec
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

    def members(self) -> list[Meaning]:
        """The fields below, each without its own; those of spec are told by themselves."""
        return [self.member(name).meaning() for name in self.names() if self.inside is not None or name != "spec"]

    def meaning(self, members: Sequence[Meaning] = ()) -> Meaning:
        """What is known of the field."""
        declared = PLAIN if self.inside is None else self.kind.field_at(self.inside)
        choices = list(self._choices(self.node))
        defaults = declared.defaults or ((self.node["default"],) if "default" in self.node else ())
        return Meaning(
            path=self.path,
            sort=" or ".join(dict.fromkeys(map(self._sort, choices))),
            text=self.kind.summary if self.node is self.root else self.node.get("description", ""),
            is_required=self.is_required,
            values=tuple(dict.fromkeys(value for one in choices for value in _values(one))),
            limits=next(((one.get("minimum"), one.get("maximum")) for one in choices if "type" in one), (None, None)),
            pattern=next((one["pattern"] for one in choices if "pattern" in one), ""),
            defaults=defaults,
            is_free=bool(self.inside) and self.kind.is_free(self.inside or ()),
            is_managed=bool(self.inside),
            in_place=not declared.replaces and (self.kind.update is not Update.RENAME or self._is_name),
            declared=declared,
            each=PLAIN if self.inside is None else self.kind.field_at((*self.inside, _ANY)),
            members=tuple(members),
        )

    @property
    def _is_name(self) -> bool:
        return self.inside == (self.kind.name_field,)

    def _opened(self) -> tuple[Path | None, Schema]:
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
