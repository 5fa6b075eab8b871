"""What was asked and answered, and what no client should have sent."""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import NamedTuple

from tavusctl.emulator.http.messages import Json, Malformed, Object, Request

MASK = "********"
SENSITIVE = "(sensitive)"
RUN_HEADERS = ("x-tavusctl-run", "x-tavusctl-pid")
SECRET_KEY = "api_key"  # noqa: S105 - the name of a field
KEPT_REQUESTS = 50_000
# Members that are secrets at the top of an object, and those that are secrets where a client says how it signs in.
TOP_KEYS = frozenset({"password", "client_secret"})
SIGNING_KEYS = frozenset({"token", "password", "value", "secret", "client_secret"})
SIGNING = frozenset({"auth", "auth_config"})


def is_secret(*steps: str) -> bool:
    """Whether what stands at the end of a path is a secret."""
    if not steps:
        return False
    is_signing = steps[-1] in SIGNING_KEYS and not SIGNING.isdisjoint(steps)
    return steps[-1] == SECRET_KEY or is_signing or (len(steps) == 1 and steps[0] in TOP_KEYS)


def redact(value: Json, *steps: str) -> Json:
    """The value with every secret in it replaced; JSON Patch operations that write one included."""
    if isinstance(value, dict):
        path = str(value.get("path", "")).split("/")[1:]
        if path and "op" in value and "value" in value:
            return value | {"value": redact(value["value"], *path)}
        return {name: redact(item, *steps, name) for name, item in value.items()}
    if isinstance(value, str):
        return SENSITIVE if value and is_secret(*steps) else value
    return [redact(item, *steps) for item in value] if isinstance(value, list) else value


def secrets(value: Json, *steps: str) -> dict[str, str]:
    """The SHA-256 of every stored secret by its JSON Pointer, so that a test can tell which one is there."""
    if not isinstance(value, dict):
        return {}
    found = {}
    for name, item in value.items():
        if is_secret(*steps, name) and isinstance(item, str) and item:
            found["/" + "/".join((*steps, name))] = hashlib.sha256(item.encode()).hexdigest()
        found.update(secrets(item, *steps, name))
    return found


def holds_mask(value: Json) -> bool:
    """Whether the eight asterisks of a read are somewhere in it."""
    if isinstance(value, dict):
        return any(holds_mask(item) for item in value.values())
    if isinstance(value, list):
        return any(holds_mask(item) for item in value)
    return bool(value == MASK)


class Pattern(NamedTuple):
    """Which requests are meant: `PATCH /v2/personas/*`, both parts with wildcards; `*` alone is any request."""

    method: str
    path: str

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """Read a pattern; a slash at the end does not count."""
        method, _, path = text.strip().partition(" ")
        if not path:
            method, path = ("*", method) if method.startswith("/") else (method, "*")
        return cls(method.upper(), path.strip().rstrip("/") or "/")

    def matches(self, method: str, path: str) -> bool:
        """Whether a request is meant."""
        return fnmatchcase(method, self.method) and fnmatchcase(path.rstrip("/") or "/", self.path)


@dataclass(slots=True)
class Entry:
    """One request and what became of it."""

    seq: int
    time: str
    method: str
    path: str
    query: dict[str, str]
    body: Json
    account: str | None
    user_agent: str
    status: int | None = None
    committed: bool = False
    fault: str | None = None
    if_match: str = ""  # the version that a change is of
    run: str = ""  # who says so in a header: which run of a client this is, or its process
    shown: dict[str, int] = field(default_factory=dict)  # versions of the objects it was shown, by id

    def as_object(self) -> Object:
        """The entry as JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class Journal:
    """The requests of this run, the newest 50,000, and the violations."""

    requests: deque[Entry] = field(default_factory=lambda: deque(maxlen=KEPT_REQUESTS))
    violations: list[Object] = field(default_factory=list)
    _seq: int = 0

    def open(self, request: Request, time: str, account: str | None) -> Entry:
        """Write a request down before it is answered."""
        self._seq += 1
        entry = Entry(
            self._seq,
            time,
            request.method,
            request.path,
            request.query,
            _body(request),
            account,
            request.headers.get("user-agent", ""),
            if_match=request.headers.get("if-match", ""),
            run=next((request.headers[name] for name in RUN_HEADERS if name in request.headers), ""),
        )
        self.requests.append(entry)
        return entry

    def blame(self, entry: Entry, rule: str, text: str) -> None:
        """Write down that a client did what none may do."""
        self.violations.append(
            {"request": entry.seq, "rule": rule, "method": entry.method, "path": entry.path, "text": text},
        )

    def select(self, query: dict[str, str]) -> list[Object]:
        """The requests after `since`, of a `method`, of a `path` pattern."""
        wanted = Pattern(query.get("method", "*").upper(), query.get("path", "*").rstrip("/") or "/")
        since = int(query.get("since", "0"))
        return [e.as_object() for e in self.requests if e.seq > since and wanted.matches(e.method, e.path)]

    def clear(self) -> None:
        """Forget requests and violations; numbers go on."""
        self.requests.clear()
        self.violations.clear()


def _body(request: Request) -> Json:
    if not request.body:
        return None
    try:
        return redact(request.json())
    except Malformed:
        return request.body.decode("utf-8", "replace")
