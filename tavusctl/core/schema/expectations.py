"""Errors of pydantic for messages: grouped by path, and what was expected instead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from tavusctl.core.messages import either
from tavusctl.core.schema.spec_model import RULES, FieldError
from tavusctl.lib.json_types import KeyPath
from tavusctl.lib.patterns import pattern

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
    "blank_text": "text that is not only white space",
    "string_pattern_mismatch": "text that matches `{pattern}`",
    "too_short": "at least {min_length} items",
    "too_long": "at most {max_length} items",
    "literal_error": "{expected}",
    "enum": "{expected}",
}
_QUOTED = pattern(r"'([^']*)'")  # a literal in messages of pydantic


def by_place(errors: list[FieldError]) -> dict[KeyPath, list[FieldError]]:
    """Errors grouped by path; of the errors of a union's members, only those with the deepest paths are kept."""
    prefixes = {error.path[:length] for error in errors for length in range(len(error.path) + bool(error.missing))}
    groups: dict[KeyPath, list[FieldError]] = {}
    for error in errors:
        if error.missing or error.type in RULES or error.path not in prefixes:
            groups.setdefault(error.path, []).append(error)
    return {path: _errors_of_meant_type(group) for path, group in groups.items()}


def _errors_of_meant_type(group: list[FieldError]) -> list[FieldError]:
    """The errors of a path without those of union members of other types, if the value has the type of one member."""
    if not any(error.type == "value_error" for error in group):
        return group
    return [error for error in group if error.missing or error.type in (*RULES, "value_error")]


def expected_text(errors: Iterable[FieldError], known: Sequence[str] = ()) -> str:
    """What a field accepts, as words of a message: its types and values; `known` values stand in place of "text"."""
    values = {"text": [f"`{value}`" for value in known]} if known else {}
    words = (word for error in errors for word in _expected(error))
    return either(dict.fromkeys(choice for word in words for choice in values.get(word, [word])))


def _expected(error: FieldError) -> list[str]:
    if error.type == "list_type" and error.choice == "list[str]":
        return ["a list of texts"]
    template = _EXPECTED.get(error.type)
    if template is None:
        return [error.message.removeprefix("Input should be ").removeprefix("Value should be ")]
    context = {key: f"{value:g}" if isinstance(value, float) else value for key, value in error.context.items()}
    words = template.format_map(context).replace(" 1 characters", " 1 character").replace(" 1 items", " 1 item")
    return [f"`{literal}`" for literal in _QUOTED.findall(words)] or [words]
