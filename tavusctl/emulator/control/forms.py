"""Checks of values that the control side receives; a value that could never have an effect is refused.

The functions return the checked value (`headers` returns nothing), or raise BadForm.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from fnmatch import fnmatchcase

from tavusctl.emulator.http.messages import Json, Object

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LINE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_PATTERN = 'is "METHOD /path" with * and ? as wildcards, such as "GET /v2/personas"'


class BadForm(ValueError):
    """A value that would have no effect, or make a later request fail; the message says why."""


def only(given: Json, known: Collection[str], what: str) -> Object:
    """An object that has only `known` members; `what` names it in messages."""
    if not isinstance(given, dict):
        message = f"{what} is an object"
        raise BadForm(message)
    unknown = sorted(set(given) - set(known))
    if unknown:
        message = f"unknown members {unknown} of {what}; known: {', '.join(sorted(known))}"
        raise BadForm(message)
    return given


def pattern(value: Json, name: str = "match") -> str:
    """A pattern of requests, as written: at least one method must match, and the path must not be the control side."""
    method, _, path = value.strip().partition(" ") if isinstance(value, str) else ("", "", "")
    if not path:
        method, path = ("*", method) if method.startswith("/") else (method, "*")
    is_valid = any(fnmatchcase(known_method, method.upper()) for known_method in METHODS) and path.strip().startswith(
        ("/", "*", "?", "[")
    )
    if not is_valid:
        message = f"`{name}` {_PATTERN}; found {value!r}"
        raise BadForm(message)
    if re.search(r"\?[^/]*=", path):
        message = f"`{name}` {_PATTERN}; the query of an address does not count: take it off"
        raise BadForm(message)
    if path.strip().startswith("/__emulator"):
        message = f"`{name}`: requests to the control side are never struck"
        raise BadForm(message)
    return str(value)


def whole(given: Object, name: str, default: int, least: int = 0, most: int | None = None) -> int:
    """A member that is an integer from `least` to `most`; None is no upper bound."""
    value = given.get(name, default)
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    if not is_integer or value < least or (most is not None and value > most):
        limits = f"of {least} or more" if most is None else f"from {least} to {most}"
        message = f"`{name}` is a whole number {limits}; found {value!r}"
        raise BadForm(message)
    return int(value)


def number(given: Object, name: str, default: float, least: float = 0, most: float = math.inf) -> float:
    """A member that is a finite number from `least` to `most`."""
    value = given.get(name, default)
    is_finite = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not is_finite or not least <= value <= most:
        limits = f"of {least:g} or more" if most == math.inf else f"from {least:g} to {most:g}"
        message = f"`{name}` is a number {limits}; found {value!r}"
        raise BadForm(message)
    return float(value)


def flag(given: Object, name: str) -> bool:
    """A member that is a boolean, false if it is missing."""
    value = given.get(name, False)
    if not isinstance(value, bool):
        message = f"`{name}` is true or false; found {value!r}"
        raise BadForm(message)
    return value


def text(given: Object, name: str, default: str | None = None) -> str:
    """A member that is a string; without a default it must be there and not empty."""
    value = given.get(name, default)
    if not isinstance(value, str) or (default is None and not value):
        message = f"`{name}` is a text; found {value!r}"
        raise BadForm(message)
    return value


def headers(given: Object) -> None:
    """Check the member `headers`, the headers of an answer: valid names, and values of one line."""
    members = given.get("headers", {})
    for name, value in members.items() if isinstance(members, dict) else [("", None)]:
        if not _HEADER.fullmatch(str(name)) or not isinstance(value, str | int) or not _LINE.fullmatch(str(value)):
            message = f"`headers` is an object of names and texts, each in one line; found {name!r}: {value!r}"
            raise BadForm(message)
