"""Errors of pydantic in the words of messages: those of one place together, and what would be right."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from tavusctl.core.messages import either, nearest
from tavusctl.core.schema.spec_model import RULES, FieldError
from tavusctl.lib.json_types import Json, KeyPath

_EXPECTED: Final[Mapping[str, str]] = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "none_required": "null",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "multiple_of": "a multiple of {multiple_of}",
    "string_too_short": "at least {min_length} characters",
    "string_too_long": "at most {max_length} characters",
    "string_pattern_mismatch": "text that matches `{pattern}`",
    "too_short": "at least {min_length} items",
    "too_long": "at most {max_length} items",
    "literal_error": "{expected}",
    "enum": "{expected}",
}
_QUOTED = re.compile(r"'([^']*)'")  # as pydantic shows a literal
_LITERAL = re.compile(r"`([^`]*)`")  # as messages show it


def by_place(errors: list[FieldError]) -> dict[KeyPath, list[FieldError]]:
    """Errors of one place together; where the members of a union disagree, the deepest one knows best."""
    above = {error.path[:length] for error in errors for length in range(len(error.path) + bool(error.missing))}
    groups: dict[KeyPath, list[FieldError]] = {}
    for error in errors:
        if error.missing or error.type in RULES or error.path not in above:
            groups.setdefault(error.path, []).append(error)
    return {path: _closest(group) for path, group in groups.items()}


def _closest(group: list[FieldError]) -> list[FieldError]:
    """Without the members of a union that were not meant, when a value has the type of another and yet does not fit."""
    if not any(error.type == "value_error" for error in group):
        return group
    return [error for error in group if error.missing or error.type in (*RULES, "value_error")]


def expected(errors: Iterable[FieldError], known: Sequence[str] = ()) -> str:
    """What would be right: each of the types and values that a field takes; a text is one of those that are known."""
    values = {"text": [f"`{one}`" for one in known]} if known else {}
    words = (word for error in errors for word in _expected(error))
    return either(dict.fromkeys(one for word in words for one in values.get(word, [word])))


def _expected(error: FieldError) -> list[str]:
    if error.type == "list_type" and error.choice == "list[str]":
        return ["a list of texts"]
    template = _EXPECTED.get(error.type)
    if template is None:
        return [error.message.removeprefix("Input should be ").removeprefix("Value should be ")]
    words = template.format_map(error.context).replace(" 1 characters", " 1 character").replace(" 1 items", " 1 item")
    return [f"`{literal}`" for literal in _QUOTED.findall(words)] or [words]


def meant(found: Json, right: str) -> str:
    """The allowed value that was probably meant."""
    if not isinstance(found, str):
        return "put it in quotes" if right == "text" and isinstance(found, bool | int | float) else ""
    near = nearest(found, _LITERAL.findall(right))
    return f"did you mean `{near}`?" if near else ""
