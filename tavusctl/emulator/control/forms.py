"""Checks of values that the control side receives; a value that could never have an effect is refused.

The functions return the checked value (`headers` returns nothing), or raise BadForm.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from fnmatch import fnmatchcase

from tavusctl.emulator.account.journal import Pattern
from tavusctl.emulator.http.messages import Json, Object

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LINE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_PATTERN = 'is "METHOD /path" with * and ? as wildcards, such as "GET /v2/personas"'


class BadForm(ValueError):
    """A value that would have no effect, or make a later request fail; the message says why."""


def check_members(value: Json, allowed: Collection[str], what: str) -> Object:
    """An object that has only `allowed` members; `what` names it in messages."""
    if not isinstance(value, dict):
        raise BadForm(f"{what} is an object")
    unknown = sorted(set(value) - set(allowed))
    if unknown:
        raise BadForm(f"unknown members {unknown} of {what}; known: {', '.join(sorted(allowed))}")
    return value


def pattern(value: Json, name: str = "match") -> Pattern:
    """A pattern of requests; a method or a path alone is accepted.

    At least one method must match, and the path must not be the control side.
    """
    method, _, path = value.strip().partition(" ") if isinstance(value, str) else ("", "", "")
    if not path:
        method, path = ("*", method) if method.startswith("/") else (method, "*")
    method, path = method.upper(), path.strip()
    if not any(fnmatchcase(known, method) for known in METHODS) or not path.startswith(("/", "*", "?", "[")):
        raise BadForm(f"`{name}` {_PATTERN}; found {value!r}")
    if re.search(r"\?[^/]*=", path):
        raise BadForm(f"`{name}` {_PATTERN}; the query of an address does not count: take it off")
    if path.startswith("/__emulator"):
        raise BadForm(f"`{name}`: requests to the control side are never struck")
    return Pattern(method, path.rstrip("/") or "/")


def whole_number(body: Object, name: str, default: int, minimum: int = 0, maximum: int | None = None) -> int:
    """A member that is an integer from `minimum` to `maximum`; None is no upper bound."""
    value = body.get(name, default)
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    if not is_integer or value < minimum or (maximum is not None and value > maximum):
        limits = f"of {minimum} or more" if maximum is None else f"from {minimum} to {maximum}"
        raise BadForm(f"`{name}` is a whole number {limits}; found {value!r}")
    return int(value)


def number(body: Object, name: str, default: float, minimum: float = 0, maximum: float = math.inf) -> float:
    """A member that is a finite number from `minimum` to `maximum`."""
    value = body.get(name, default)
    is_finite = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not is_finite or not minimum <= value <= maximum:
        limits = f"of {minimum:g} or more" if maximum == math.inf else f"from {minimum:g} to {maximum:g}"
        raise BadForm(f"`{name}` is a number {limits}; found {value!r}")
    return float(value)


def flag(body: Object, name: str) -> bool:
    """A member that is a boolean, false if it is missing."""
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise BadForm(f"`{name}` is true or false; found {value!r}")
    return value


def text(body: Object, name: str, default: str | None = None) -> str:
    """A member that is a string; without a default it must be there and not empty."""
    value = body.get(name, default)
    if not isinstance(value, str) or (default is None and not value):
        raise BadForm(f"`{name}` is a text; found {value!r}")
    return value


def headers(body: Object) -> None:
    """Check the member `headers`, the headers of an answer: valid names, and values of one line."""
    members = body.get("headers", {})
    for name, value in members.items() if isinstance(members, dict) else [("", None)]:
        if not _HEADER.fullmatch(str(name)) or not isinstance(value, str | int) or not _LINE.fullmatch(str(value)):
            raise BadForm(f"`headers` is an object of names and texts, each in one line; found {name!r}: {value!r}")
