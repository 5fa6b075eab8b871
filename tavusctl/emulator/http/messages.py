"""Requests, responses, and the bodies of refusals."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

# A JSON value; the code that uses a value checks its shape.
Json = Any
Object = dict[str, Json]

NOTHING = object()


class Malformed(ValueError):
    """A body that is not JSON."""


def _no_constant(name: str) -> Json:
    raise Malformed(f"{name} is not JSON")


@dataclass(slots=True)
class Request:
    """One request with its complete body."""

    method: str
    target: str
    headers: dict[str, str]  # names in lower case; the last of repeated headers wins
    body: bytes = b""
    path: str = field(init=False)
    query: dict[str, str] = field(init=False)
    _json: Json = field(init=False, default=NOTHING)

    def __post_init__(self) -> None:
        path, _, query = self.target.partition("?")
        self.path = path
        self.query = dict(parse_qsl(query, keep_blank_values=True)) if query else {}

    def json(self, default: Json = NOTHING) -> Json:
        """The body as JSON, or `default`, if given, for an empty body.  Malformed if it is not JSON."""
        if self._json is NOTHING:
            if not self.body.strip() and default is not NOTHING:
                return default
            try:
                self._json = json.loads(self.body, parse_constant=_no_constant)
            except (ValueError, RecursionError) as error:
                raise Malformed(f"not JSON: {error}") from error
        return self._json

    def segments(self) -> tuple[str, ...]:
        """The segments of the path, percent-decoded; a slash at the end is ignored."""
        return tuple(unquote(part) for part in self.path.strip("/").split("/"))


@dataclass(slots=True)
class Response:
    """One response; `http.wire` adds the headers for its length, date and connection."""

    status: int = 200
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)
    # Send a body with a status that allows none, against HTTP.
    unframed: bool = False
    undated: bool = False  # no Date header


JSON_HEADERS = ("content-type", "application/json")


def answer(body: Json, status: int = 200) -> Response:
    """A JSON response; object keys keep their order."""
    return Response(status, json.dumps(body, separators=(",", ":")).encode(), [JSON_HEADERS])


def empty(status: int) -> Response:
    """A response without a body."""
    return Response(status)


class Refusal(Exception):
    """Raised by handlers to refuse a request; `response` is the answer."""

    def __init__(self, status: int, body: Object) -> None:
        super().__init__(f"{status} {body}")
        self.response = answer(body, status)


def refuse(text: str, status: int = 400) -> Refusal:
    """A refusal with its text in the member `error`."""
    return Refusal(status, {"error": text})


def refuse_message(text: str, status: int = 400) -> Refusal:
    """A refusal with its text in the member `message`."""
    return Refusal(status, {"message": text})


def refuse_fields(diagnostics: Object) -> Refusal:
    """A refusal of invalid fields; like the API, it shows their errors as a Python dictionary, not as JSON."""
    return refuse(f"Bad Request. {diagnostics}")


def check_fields(diagnostics: Object) -> None:
    """Refuse a body if any of its fields are invalid."""
    if diagnostics:
        raise refuse_fields(diagnostics)
