"""Fields of an object: their checks, the defaults that a read shows, and the error messages of the API.

Most functions are checks, or make one: a check returns the error of a value, or None if the value is valid.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from tavusctl.emulator.http.messages import Json, Object

# The error of a value (a list of messages, or errors by member), or None if the value is valid.
Check = Callable[[Json], Json]
UNSET = object()
NOT_TEXT = "Not a valid string."
NOT_FLAG = "Not a valid boolean."
NOT_NUMBER = "Not a valid number."
NOT_INTEGER = "Not a valid integer."
NOT_LIST = "Not a valid list."
NOT_MAPPING = "Not a valid mapping type."
REQUIRED = "Missing data for required field."
UNKNOWN = "Unknown field."
NOT_NULL = "Field may not be null."


@dataclass(frozen=True, slots=True)
class Field:
    """One field: `default` is what a read shows if the field is unset; with UNSET, the read omits the field."""

    check: Check
    default: Json = UNSET
    nullable: bool = False
    newer: bool = False


Fields = Mapping[str, Field]


def instance_of(*types: type, error: str) -> Check:
    """A check for a value of one of some types; `error` is the error message."""
    return lambda value: None if isinstance(value, types) else [error]


text = instance_of(str, error=NOT_TEXT)
flag = instance_of(bool, error=NOT_FLAG)
flag_or_text = instance_of(bool, str, error=NOT_FLAG)  # a boolean may be written as a string
mapping = instance_of(dict, error=NOT_MAPPING)


def of_mapping(check: Check) -> Check:
    """A check for an object that passes another check."""
    return lambda value: mapping(value) or check(value)


def is_number(value: Json) -> bool:
    """Whether a value is a number; a boolean is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def integer(low: float = -math.inf, high: int | None = None) -> Check:
    """A check for an integer from `low` to `high`; None is no upper bound."""

    def check(value: Json) -> Json:
        if not isinstance(value, int) or isinstance(value, bool):
            return [NOT_INTEGER]
        if value < low or (high is not None and value > high):
            bound = "" if high is None else f" and less than or equal to {high}"
            return [f"Must be greater than or equal to {low}{bound}."]
        return None

    return check


def number(value: Json) -> Json:
    """Check for a number."""
    return None if is_number(value) else [NOT_NUMBER]


def _text_that(is_valid: Callable[[str], object], error: str) -> Check:
    return lambda value: text(value) or (None if is_valid(value) else [error])


def length(minimum: int, maximum: int) -> Check:
    """A check for a string of `minimum` to `maximum` characters; spaces at its ends do not count towards `minimum`."""
    return _text_that(
        lambda value: len(value) <= maximum and len(value.strip() if minimum else value) >= minimum,
        f"Length must be between {minimum} and {maximum}.",
    )


def matching(pattern: str, why: str) -> Check:
    """A check for a string that matches a regular expression as a whole; `why` is the error message."""
    return _text_that(re.compile(pattern).fullmatch, why)


def list_of(item: Check, maximum: float = math.inf) -> Check:
    """A check for a list of at most `maximum` items that all pass the check `item`."""

    def check(value: Json) -> Json:
        if not isinstance(value, list):
            return [NOT_LIST]
        if len(value) > maximum:
            return [f"Longer than maximum length {maximum}."]
        return {index: wrong for index, one in enumerate(value) if (wrong := item(one))} or None

    return check


def anything(_: Json) -> Json:
    """Accept any value."""
    return None


def one_of(*values: str) -> Check:
    """A check for one of the given strings."""
    return lambda value: None if value in values else [f"Must be one of: {', '.join(values)}."]


texts = list_of(text)


@of_mapping
def text_mapping(value: Json) -> Json:
    """Check for an object whose values are strings."""
    return {name: {"value": [NOT_TEXT]} for name, item in value.items() if not isinstance(item, str)} or None


def nested(fields: Fields) -> Check:
    """A check for an object with the given fields and no others."""
    return of_mapping(lambda value: diagnostics(fields, value) or None)


def diagnostics(fields: Fields, body: Object, *, unknown: bool = True) -> Object:
    """The errors of a body by field name; with `unknown`, also an error for every unknown field."""
    errors = {}
    for name, value in body.items():
        field = fields.get(name)
        if field is None:
            error = [UNKNOWN] if unknown else None
        elif value is None:
            error = None if field.nullable else [NOT_NULL]
        else:
            error = field.check(value)
        if error:
            errors[name] = error
    return errors


def missing(body: Object, names: Collection[str]) -> Object:
    """The errors for required fields that a body lacks, by field name; null counts as missing."""
    return {name: [REQUIRED] for name in names if body.get(name) is None}


def fill(fields: Fields, values: Object, *, newer: bool) -> Object:
    """The fields in their fixed order, with the given value or else the default; unknown fields at the end.

    Unset fields that are `newer` are filled only if `newer` is true.
    """
    filled = {
        name: values[name] if name in values else copy.deepcopy(field.default)
        for name, field in fields.items()
        if name in values or (field.default is not UNSET and (newer or not field.newer))
    }
    return filled | {name: value for name, value in values.items() if name not in fields}


def by_length(value: Json) -> Json:
    """A free-form value as the API stores it: keys of objects by length, then by bytes; lists keep their order."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: (len(encoded := key.encode("utf-8", "surrogatepass")), encoded))
        return {key: by_length(value[key]) for key in keys}
    return [by_length(item) for item in value] if isinstance(value, list) else value


def by_length_inside(item: Object) -> Object:
    """An object of fields, the free-form value of each as the API stores it."""
    return {key: by_length(value) for key, value in item.items()}
