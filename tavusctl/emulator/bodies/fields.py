"""Fields of an object: what they may hold, what a read shows when they are unset, and complaints in the API's words."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from tavusctl.emulator.http.messages import Json, Object

# The complaint about a value, or None when it will do.
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
    """One field: `default` is what a read shows when it is unset, UNSET: nothing."""

    check: Check
    default: Json = UNSET
    nullable: bool = False
    newer: bool = False


Fields = Mapping[str, Field]


def text(value: Json) -> Json:
    """A string."""
    return None if isinstance(value, str) else [NOT_TEXT]


def flag(value: Json) -> Json:
    """A boolean."""
    return None if isinstance(value, bool) else [NOT_FLAG]


def flag_or_text(value: Json) -> Json:
    """A boolean, or one written as a string."""
    return None if isinstance(value, bool | str) else [NOT_FLAG]


def is_number(value: Json) -> bool:
    """A number that is not a boolean."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def integer(low: int, high: int | None = None) -> Check:
    """A whole number between two bounds."""

    def check(value: Json) -> Json:
        if not isinstance(value, int) or isinstance(value, bool):
            return [NOT_INTEGER]
        if value < low or (high is not None and value > high):
            bound = "" if high is None else f" and less than or equal to {high}"
            return [f"Must be greater than or equal to {low}{bound}."]
        return None

    return check


def number(low: float, high: float) -> Check:
    """A number between two bounds."""

    def check(value: Json) -> Json:
        if not is_number(value):
            return [NOT_NUMBER]
        return None if low <= value <= high else [f"Must be between {low:g} and {high:g}."]

    return check


def length(least: int, most: int) -> Check:
    """A string of some length; what is made of spaces counts as empty where one may not be."""

    def check(value: Json) -> Json:
        if not isinstance(value, str):
            return [NOT_TEXT]
        fits = len(value) <= most and len(value.strip() if least else value) >= least
        return None if fits else [f"Length must be between {least} and {most}."]

    return check


def form(pattern: str, why: str) -> Check:
    """A string of a form."""

    def check(value: Json) -> Json:
        if not isinstance(value, str):
            return [NOT_TEXT]
        return None if re.fullmatch(pattern, value) else [why]

    return check


def some(most: int, item: Check) -> Check:
    """A list of so many at most, each of which will do."""

    def check(value: Json) -> Json:
        if not isinstance(value, list):
            return [NOT_LIST]
        if len(value) > most:
            return [f"Longer than maximum length {most}."]
        return {index: wrong for index, one in enumerate(value) if (wrong := item(one))} or None

    return check


def anything(_: Json) -> Json:
    """Whatever it is."""
    return None


def choice(*values: str) -> Check:
    """One of some words."""

    def check(value: Json) -> Json:
        return None if isinstance(value, str) and value in values else [f"Must be one of: {', '.join(values)}."]

    return check


def texts(value: Json) -> Json:
    """A list of strings."""
    if not isinstance(value, list):
        return [NOT_LIST]
    return {index: [NOT_TEXT] for index, item in enumerate(value) if not isinstance(item, str)} or None


def mapping(value: Json) -> Json:
    """An object with anything in it."""
    return None if isinstance(value, dict) else [NOT_MAPPING]


def text_mapping(value: Json) -> Json:
    """An object whose values are strings."""
    if not isinstance(value, dict):
        return [NOT_MAPPING]
    return {name: {"value": [NOT_TEXT]} for name, item in value.items() if not isinstance(item, str)} or None


def nested(fields: Fields) -> Check:
    """An object with known fields."""

    def check(value: Json) -> Json:
        if not isinstance(value, dict):
            return [NOT_MAPPING]
        return diagnostics(fields, value) or None

    return check


def diagnostics(fields: Fields, body: Object, *, unknown: bool = True) -> Object:
    """What is wrong with a body, by field; `unknown` fields are wrong, too, unless told otherwise."""
    found = {}
    for name, value in body.items():
        known = fields.get(name)
        if known is None:
            wrong = [UNKNOWN] if unknown else None
        elif value is None:
            wrong = None if known.nullable else [NOT_NULL]
        else:
            wrong = known.check(value)
        if wrong:
            found[name] = wrong
    return found


def missing(body: Object, names: Collection[str]) -> Object:
    """What is wrong with a body that lacks required fields."""
    return {name: [REQUIRED] for name in names if body.get(name) is None}


def fill(fields: Fields, given: Object, *, newer: bool) -> Object:
    """Every field in its fixed order: what was given, else the default; unknown ones at the end."""
    filled = {
        name: given.get(name, known.default)
        for name, known in fields.items()
        if name in given or (known.default is not UNSET and (newer or not known.newer))
    }
    return filled | {name: value for name, value in given.items() if name not in fields}


def by_length(value: Json) -> Json:
    """Free-form objects as they are kept: keys by length, then by bytes; lists keep their order."""
    if isinstance(value, dict):
        keys = sorted(
            value, key=lambda key: (len(key.encode("utf-8", "surrogatepass")), key.encode("utf-8", "surrogatepass"))
        )
        return {key: by_length(value[key]) for key in keys}
    return [by_length(item) for item in value] if isinstance(value, list) else value
