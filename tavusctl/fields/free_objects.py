"""Find secrets in objects of any form, at any depth: by the names of values, by place and by looks.

A JSON Schema describes values and has no secrets: a parameter that is called `token` is shown, not hidden.  Only values
in a schema (`default`, `const`, `enum`, `examples`) are checked, under the name of their parameter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.core.json_tree import leaves
from tavusctl.lib.json_types import Json, KeyPath
from tavusctl.lib.patterns import pattern
from tavusctl.secrets import detection, url_credentials
from tavusctl.secrets.detection import Weight
from tavusctl.secrets.url_credentials import Span

# Keywords of a schema with other schemas in them: by name (`_NAMED`), or as one or a list of them (`_INNER`).
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
_KEYWORDS: Final = _NAMED | _INNER | _VALUES | _WORDS
_TYPES: Final = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})
# Keys of a pair with its name beside its value: {name: Authorization, value: ...}.
_PAIR_NAMES: Final = ("name", "key", "header", "header_name", "field", "param", "parameter", "variable")
_PAIR_VALUES: Final = frozenset({"value", "val", "content", "data", "header_value", "secret"})
_SENT: Final = pattern(r"(?:^|[_-])(?:headers?|query|env|environment|params|cookies)$|Headers?$|Query$|Params$")
# Names begin at a boundary and are never shortened: otherwise a long word would be read once from each of its letters.
# A public key is none.
_IN_FILE: Final = pattern(
    r"(?<![\w-])(?<!public )(?<!publishable )([\w-]++)[\"']?\s*[:=]\s*[\"']?"
    r"(?:(?:bearer|basic|token)\s++)?([^\s,;\"'}\]]+)",
    re.IGNORECASE,
)
_NAMED_SECRET: Final = pattern(r"\$\{secret:[^}]*\}")
_ESCAPE: Final = pattern(r"\\[A-Za-z]")  # of a text in quotes; its letter is not one of a key after it
_PLACEHOLDERS: Final = pattern(r"\{[^{}]*\}")
_HEADER: Final = 2  # words in the value of a header: a scheme, and its parameter
_LEAST_NUMBER: Final = 100_000  # a smaller number under a secret name is a setting


class Spot(Struct, frozen=True):
    """A secret value and its place; `is_open`: it may be public, although its field is secret."""

    path: KeyPath  # list indices are numbers, as text
    text: str
    is_open: bool = False
    spans: tuple[Span, ...] = ()  # if the text is a URL, or is_in_text: its secret parts
    compared_as: str = ""  # of a presigned URL: the file it leads to, which is the same if it is signed again
    is_in_text: bool = False  # the secret is among other words, as in a prompt

    @property
    def is_writable(self) -> bool:
        """Whether a manifest may contain it in plain text."""
        return self.is_open or bool(self.compared_as)


class _Around(Struct, frozen=True):
    """What the names of the objects around a value say about it."""

    is_secret: bool = False  # an object holds secrets
    is_sent: bool = False  # an object holds headers, a query or variables: there, keys have any name
    is_template: bool = False  # an object holds texts with `{placeholders}`, whose names say which are secrets
    is_example: bool = False  # a schema holds it: it may be a word for people, so its name is not enough

    def has_secret(self, name: str, text: str) -> bool:
        """Whether a text there is a secret, although its own name does not say so."""
        if detection.is_public(name):
            return False
        return (self.is_secret and detection.is_opaque(text)) or (self.is_sent and detection.is_long(text))

    def below(self, name: str) -> _Around:
        """What is said about the values of an object of this name, too."""
        is_sent = self.is_sent or (bool(_SENT.search(name)) and not self.is_template)
        return replace(self, is_secret=self.is_secret or bool(detection.weight(name)), is_sent=is_sent)


NOTHING: Final = _Around()
TEMPLATE: Final = _Around(is_template=True)
_EXAMPLE: Final = _Around(is_example=True)


def secrets(value: Json, path: KeyPath, name: str, around: _Around = NOTHING) -> Iterator[Spot]:
    """Secrets in a value of any form; `name` is the key of the value."""
    if isinstance(value, dict):
        if _is_schema(value):
            yield from _in_schema(value, path, name)
            return
        within = around.below(name)
        pair_name = _pair_name(value)
        for key, item in value.items():
            item_name = pair_name if key in _PAIR_VALUES and pair_name else key
            yield from secrets(item, (*path, key), item_name, within)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from secrets(item, (*path, str(index)), name, around)
    elif isinstance(value, bool) or not isinstance(value, str | int):
        return
    else:
        yield from _value(value, path, name, around)


def _value(value: str | int, path: KeyPath, name: str, around: _Around) -> Iterator[Spot]:
    if isinstance(value, int):
        if abs(value) >= _LEAST_NUMBER and detection.weight(name) is Weight.CERTAIN and not around.is_example:
            yield Spot(path, str(value))
        return
    spans = url_credentials.spans(value)
    if spans:
        yield Spot(path, value, spans=spans if url_credentials.is_url(value) else ())
        return
    weight, text = detection.weight(name), _PLACEHOLDERS.sub("", value) if around.is_template else value
    if text != value or around.is_example:  # what is around placeholders mostly is a scheme or a prefix
        weight = min(weight, Weight.POSSIBLE)
    is_secret = detection.is_secret_under(weight, text) or around.has_secret(name, text)
    if is_secret or _in_line(text) or names_secret(text) or _in_json(value):
        yield Spot(path, value)


def names_secret(text: str) -> bool:
    """Whether a text for people has a secret behind a name of secrets, such as `curl -H 'X-Api-Key: 3f…'`."""
    if names_nothing(text):
        return False
    return any(detection.is_secret_in_prose(name, value) for name, value in _named_values(text))


def names_nothing(text: str) -> bool:
    """Whether a text surely has no value behind a name; a fast check."""
    return ":" not in text and "=" not in text


def line_has_secret(line: str) -> bool:
    """Whether a line of a file may contain a secret; the rest of the file may be invalid."""
    by_name = any(detection.is_secret_under(detection.weight(name), value) for name, value in _named_values(line))
    line = _ESCAPE.sub(" ", _NAMED_SECRET.sub("", line))
    return by_name or detection.is_credential(line) or bool(url_credentials.spans(line))


def _named_values(text: str) -> list[tuple[str, str]]:
    """The values behind names in a text, with their names; expressions of secrets are none."""
    return [(match[1], match[2]) for match in _IN_FILE.finditer(_NAMED_SECRET.sub("", text))]


def _in_json(text: str) -> bool:
    """Whether a text is a JSON document that contains a secret."""
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return next(secrets(document, (), ""), None) is not None


def _in_line(text: str) -> bool:
    """Whether a text is a header, or a query string, that contains a secret."""
    name, colon, rest = text.partition(":")
    if colon and len(name.split()) == 1 and len(rest.split()) <= _HEADER:
        return detection.is_secret_under(detection.weight(name), rest.strip())
    if "=" not in text or any(character.isspace() for character in text.strip()):
        return False
    pairs = (pair.partition("=") for pair in text.lstrip("?").split("&"))
    return any(equals and detection.is_secret_under(detection.weight(key), value) for key, equals, value in pairs)


def _pair_name(value: Mapping[str, Json]) -> str:
    """The name in an object that is a pair of name and value, as headers and variables are listed; or empty."""
    if _PAIR_VALUES.isdisjoint(value):
        return ""
    return next((name for key in _PAIR_NAMES if isinstance(name := value.get(key), str)), "")


def _is_schema(value: Mapping[str, Json]) -> bool:
    for key in ("properties", "$defs", "definitions"):
        named = value.get(key)
        if isinstance(named, dict) and all(isinstance(item, dict | bool) for item in named.values()):
            return True
    declared_type = value.get("type")
    types = declared_type if isinstance(declared_type, list) else [declared_type]
    is_typed = bool(types) and all(isinstance(type_name, str) and type_name in _TYPES for type_name in types)
    return is_typed and value.keys() <= _KEYWORDS


def _in_schema(value: Mapping[str, Json], path: KeyPath, name: str) -> Iterator[Spot]:
    """Secrets in the schema of a value that is called `name`."""
    for key, item in value.items():
        if key in _WORDS and type(item) is str and not detection.is_key(item):  # nearly always
            continue
        here = (*path, key)
        if key in _WORDS:
            yield from (Spot(place, text) for place, text in _texts(item, here) if detection.is_key(text))
        elif key in _NAMED and isinstance(item, dict):
            for property_name, inner in item.items():
                yield from _in_subschema(inner, (*here, property_name), property_name)
        elif key in _INNER and isinstance(item, list):
            for index, subschema in enumerate(item):
                yield from _in_subschema(subschema, (*here, str(index)), name)
        elif key in _INNER:
            yield from _in_subschema(item, here, name)
        elif key in _VALUES:
            yield from _in_schema_value(item, here, name)
        else:
            yield from secrets(item, here, key)


def _in_subschema(value: Json, path: KeyPath, name: str) -> Iterator[Spot]:
    return _in_schema(value, path, name) if isinstance(value, dict) else secrets(value, path, name)


def _in_schema_value(value: Json, path: KeyPath, name: str) -> Iterator[Spot]:
    """Secrets in a value of a schema; it may be a word for people, so its name is not enough: it must look secret."""
    if isinstance(value, dict):
        yield from secrets(value, path, name, _EXAMPLE)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _in_schema_value(item, (*path, str(index)), name)
    elif isinstance(value, str):
        weight = min(detection.weight(name), Weight.POSSIBLE)
        if url_credentials.spans(value) or detection.is_secret_under(weight, value):
            yield Spot(path, value)


def _texts(value: Json, path: KeyPath) -> Iterable[tuple[KeyPath, str]]:
    if isinstance(value, str):
        return [(path, value)]
    return (((*path, *place), leaf) for place, leaf in leaves(value) if isinstance(leaf, str))
