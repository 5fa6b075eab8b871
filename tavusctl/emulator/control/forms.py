"""Values of the control side: each has a type and a form, and what would never have an effect is refused."""

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
    """A value that would have no effect, or make a later request fail; says why."""


def only(given: Json, known: Collection[str], what: str) -> Object:
    """An object without unknown members."""
    if not isinstance(given, dict):
        message = f"{what} is an object"
        raise BadForm(message)
    strange = sorted(set(given) - set(known))
    if strange:
        message = f"unknown members {strange} of {what}; known: {', '.join(sorted(known))}"
        raise BadForm(message)
    return given


def pattern(value: Json, name: str = "match") -> str:
    """Which requests are meant."""
    method, _, path = value.strip().partition(" ") if isinstance(value, str) else ("", "", "")
    if not path:
        method, path = ("*", method) if method.startswith("/") else (method, "*")
    right = any(fnmatchcase(one, method.upper()) for one in METHODS) and path.strip().startswith(("/", "*", "?", "["))
    if not right:
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
    """A whole number."""
    value = given.get(name, default)
    fits = isinstance(value, int) and not isinstance(value, bool)
    if not fits or value < least or (most is not None and value > most):
        limits = f"of {least} or more" if most is None else f"from {least} to {most}"
        message = f"`{name}` is a whole number {limits}; found {value!r}"
        raise BadForm(message)
    return int(value)


def number(given: Object, name: str, default: float, least: float = 0, most: float = math.inf) -> float:
    """A number."""
    value = given.get(name, default)
    fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not fits or not least <= value <= most:
        limits = f"of {least:g} or more" if most == math.inf else f"from {least:g} to {most:g}"
        message = f"`{name}` is a number {limits}; found {value!r}"
        raise BadForm(message)
    return float(value)


def flag(given: Object, name: str) -> bool:
    """True or false, false when it is not given."""
    value = given.get(name, False)
    if not isinstance(value, bool):
        message = f"`{name}` is true or false; found {value!r}"
        raise BadForm(message)
    return value


def text(given: Object, name: str, default: str | None = None) -> str:
    """A text, one that is not empty where there is no default."""
    value = given.get(name, default)
    if not isinstance(value, str) or (default is None and not value):
        message = f"`{name}` is a text; found {value!r}"
        raise BadForm(message)
    return value


def headers(given: Object) -> None:
    """Headers of an answer."""
    value = given.get("headers", {})
    for name, one in value.items() if isinstance(value, dict) else [("", None)]:
        if not _HEADER.fullmatch(str(name)) or not isinstance(one, str | int) or not _LINE.fullmatch(str(one)):
            message = f"`headers` is an object of names and texts, each in one line; found {name!r}: {one!r}"
            raise BadForm(message)
