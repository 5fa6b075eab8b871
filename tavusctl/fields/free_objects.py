"""Secrets in objects of any form, at any depth: by the names that they stand under, by place and by looks.

A JSON Schema describes values and has none: a parameter that is called `token` is read, not hidden.  Only what a schema
gives as a value (`default`, `const`, `enum`, `examples`) is looked at, under the name of its parameter.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

from tavusctl.core.json_tree import placed
from tavusctl.lib.json_types import Json, KeyPath
from tavusctl.lib.patterns import pattern
from tavusctl.secrets import detection, url_credentials
from tavusctl.secrets.detection import Weight
from tavusctl.secrets.url_credentials import Span

# Where a schema keeps other schemas: by names of its own, in one, in a list.
_NAMED: Final = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_INNER: Final = frozenset().union(
    {"items", "additionalItems", "additionalProperties", "unevaluatedItems", "unevaluatedProperties"},
    {"contains", "propertyNames", "not", "if", "then", "else", "allOf", "anyOf", "oneOf", "prefixItems"},
    {"contentSchema"},
)
_VALUES: Final = frozenset({"default", "const", "enum", "examples", "example"})
_WORDS: Final = frozenset().union(
    {"$schema", "$id", "$ref", "$anchor", "$dynamicRef", "$dynamicAnchor", "$vocabulary", "$comment", "type"},
    {"title", "description", "format", "pattern", "required", "dependentRequired", "minLength", "maxLength"},
    {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems"},
    {"uniqueItems", "minContains", "maxContains", "minProperties", "maxProperties", "deprecated", "readOnly"},
    {"writeOnly", "nullable", "strict", "contentEncoding", "contentMediaType"},
)
_TYPES: Final = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})
# How a pair is written that says its name beside its value: {name: Authorization, value: ...}.
_PAIR_NAMES: Final = ("name", "key", "header", "header_name", "field", "param", "parameter", "variable")
_PAIR_VALUES: Final = frozenset({"value", "val", "content", "data", "header_value", "secret"})
_SENT: Final = pattern(r"(?:^|[_-])(?:headers?|query|env|environment|params|cookies)$|Headers?$|Query$|Params$")
_IN_FILE: Final = pattern(r"([\w-]+)[\"']?\s*[:=]\s*[\"']?([^\s,\"'}\]]+)")
_NAMED_SECRET: Final = pattern(r"\$\{secret:[^}]*\}")
_HEADER: Final = 2  # words of the value of a header: a scheme, and what it takes
_LEAST_NUMBER: Final = 100_000  # a smaller number under the name of a secret is a setting


class Spot(Struct, frozen=True):
    """A value that is a secret, and where; `is_open`: anybody may know it, though its field is secret."""

    path: KeyPath  # list indices are numbers in text
    text: str
    is_open: bool = False
    spans: tuple[Span, ...] = ()  # where it is an address: the parts that are secret
    means: str = ""  # of a link that is signed for a while: the file it leads to, which stays when it is signed anew

    @property
    def is_writable(self) -> bool:
        """Whether it may be written out in a manifest."""
        return self.is_open or bool(self.means)


class _Around(Struct, frozen=True):
    """What the names of the objects say that a value is in."""

    is_secret: bool = False  # of secrets
    is_sent: bool = False  # of headers, of a query, of variables: keys stand there under any name

    def tells(self, name: str, text: str) -> bool:
        """Whether a text is a secret there under a name that says nothing."""
        if detection.is_public(name):
            return False
        return (self.is_secret and detection.is_opaque(text)) or (self.is_sent and detection.is_long(text))


_NOTHING: Final = _Around()


def secrets(value: Json, path: KeyPath, name: str, around: _Around = _NOTHING) -> Iterator[Spot]:
    """Secrets in a value of any form that stands under a name."""
    if isinstance(value, dict):
        if _is_schema(value):
            yield from _schema(value, path, name)
            return
        within = _Around(around.is_secret or bool(detection.weight(name)), around.is_sent or _is_sent(name))
        called = _called(value)
        for key, item in value.items():
            told = called if key in _PAIR_VALUES and called else key
            yield from secrets(item, (*path, key), told, within)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from secrets(item, (*path, str(index)), name, around)
    elif isinstance(value, bool) or not isinstance(value, str | int):
        return
    else:
        yield from _value(value, path, name, around)


def _value(value: str | int, path: KeyPath, name: str, around: _Around) -> Iterator[Spot]:
    if isinstance(value, int):
        if abs(value) >= _LEAST_NUMBER and detection.weight(name) is Weight.SURE:
            yield Spot(path, str(value))
        return
    found = url_credentials.spans(value)
    if found:
        yield Spot(path, value, spans=found if url_credentials.is_address(value) else ())
        return
    named = detection.tells(detection.weight(name), value) or around.tells(name, value)
    if named or _in_line(value) or _in_json(value):
        yield Spot(path, value)


def line_tells(line: str) -> bool:
    """Whether a line of a file may give a secret away, whatever is wrong with the rest of the file."""
    line = _NAMED_SECRET.sub("", line)
    pairs = ((found[1], found[2]) for found in _IN_FILE.finditer(line))
    by_name = any(detection.tells(detection.weight(name), value) for name, value in pairs)
    return by_name or detection.is_credential(line) or bool(url_credentials.spans(line))


def _in_json(text: str) -> bool:
    """Whether a text is a JSON document with a secret in it."""
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return next(secrets(document, (), ""), None) is not None


def _in_line(text: str) -> bool:
    """Whether a text is a header, or pairs of a query, with a secret among them."""
    name, colon, rest = text.partition(":")
    if colon and len(name.split()) == 1 and len(rest.split()) <= _HEADER:
        return detection.tells(detection.weight(name), rest.strip())
    if "=" not in text or any(one.isspace() for one in text.strip()):
        return False
    pairs = (pair.partition("=") for pair in text.lstrip("?").split("&"))
    return any(equal and detection.tells(detection.weight(key), value) for key, equal, value in pairs)


def _is_sent(name: str) -> bool:
    """Whether an object of this name is sent as headers, as a query or as variables."""
    return bool(_SENT.search(name))


def _called(value: Mapping[str, Json]) -> str:
    """The name that an object gives to its value, as headers and variables are listed."""
    if _PAIR_VALUES.isdisjoint(value):
        return ""
    return next((one for key in _PAIR_NAMES if isinstance(one := value.get(key), str)), "")


def _is_schema(value: Mapping[str, Json]) -> bool:
    """Whether an object is a JSON Schema."""
    kind = value.get("type")
    types = kind if isinstance(kind, list) else [kind]
    is_typed = bool(types) and all(isinstance(one, str) and one in _TYPES for one in types)
    below = [value[key] for key in ("properties", "$defs", "definitions") if key in value]
    has_parts = any(
        isinstance(one, dict) and all(isinstance(item, dict | bool) for item in one.values()) for one in below
    )
    return has_parts or (is_typed and value.keys() <= (_NAMED | _INNER | _VALUES | _WORDS))


def _schema(value: Mapping[str, Json], path: KeyPath, name: str) -> Iterator[Spot]:
    """Secrets in a schema of what is called so."""
    for key, item in value.items():
        if key in _WORDS and isinstance(item, str):
            if detection.is_key(item):
                yield Spot((*path, key), item)
            continue
        here = (*path, key)
        if key in _NAMED and isinstance(item, dict):
            for part, inner in item.items():
                yield from _part(inner, (*here, part), part)
        elif key in _INNER:
            inners = [((*here, str(index)), one) for index, one in enumerate(item)] if isinstance(item, list) else []
            for place, one in inners or [(here, item)]:
                yield from _part(one, place, name)
        elif key in _WORDS:
            yield from (Spot(place, text) for place, text in _texts(item, here) if detection.is_key(text))
        elif key in _VALUES:
            yield from _given(item, here, name)
        else:
            yield from secrets(item, here, key)


def _part(value: Json, path: KeyPath, name: str) -> Iterator[Spot]:
    return _schema(value, path, name) if isinstance(value, dict) else secrets(value, path, name)


def _given(value: Json, path: KeyPath, name: str) -> Iterator[Spot]:
    """A value that a schema gives: a word may be one for people, so it takes the looks of a secret."""
    if isinstance(value, dict):
        yield from secrets(value, path, name)
    for place, text in _texts(value, path) if not isinstance(value, dict) else ():
        if url_credentials.spans(text) or detection.tells(min(detection.weight(name), Weight.SOME), text):
            yield Spot(place, text)


def _texts(value: Json, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    return ((place, leaf) for place, _, leaf in placed(value, path, path) if isinstance(leaf, str))
