"""The journal of requests and their outcomes, and the violations: requests that no client should send."""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import NamedTuple

from tavusctl.emulator.http.messages import Json, Malformed, Object, Request

MASK = "********"
MASKS = {"stars": MASK, "null": None, "blank": "", "word": "hidden"}  # by the behaviour `mask`; others show none
SENSITIVE = "(sensitive)"
RUN_HEADERS = ("x-tavusctl-run", "x-tavusctl-pid")
SECRET_KEY = "api_key"  # noqa: S105 - the name of a field
MAX_REQUESTS = 50_000
# Secret members at the top level of an object, and secret members below `auth` or `auth_config`.
TOP_KEYS = frozenset({"password", "client_secret"})
SIGNING_KEYS = frozenset({"token", "password", "value", "secret", "client_secret"})
SIGNING = frozenset({"auth", "auth_config"})


def is_secret(*steps: str) -> bool:
    """Whether the member at the end of a path of names is a secret."""
    if not steps:
        return False
    is_credential = steps[-1] in SIGNING_KEYS and not SIGNING.isdisjoint(steps)
    return steps[-1] == SECRET_KEY or is_credential or (len(steps) == 1 and steps[0] in TOP_KEYS)


def redact(value: Json, *steps: str) -> Json:
    """A copy of a value, `steps` below the top, with all secrets replaced, also in JSON Patch operations."""
    if isinstance(value, dict):
        path = str(value.get("path", "")).split("/")[1:]
        if path and "op" in value and "value" in value:
            return value | {"value": redact(value["value"], *path)}
        return {name: redact(item, *steps, name) for name, item in value.items()}
    if isinstance(value, str):
        return SENSITIVE if value and is_secret(*steps) else value
    return [redact(item, *steps) for item in value] if isinstance(value, list) else value


def secrets(value: Json, *steps: str) -> dict[str, str]:
    """The SHA-256 of every secret by its JSON Pointer, so that a test can tell which secret is stored."""
    if not isinstance(value, dict):
        return {}
    digests = {}
    for name, item in value.items():
        if is_secret(*steps, name) and isinstance(item, str) and item:
            digests["/" + "/".join((*steps, name))] = hashlib.sha256(item.encode()).hexdigest()
        digests.update(secrets(item, *steps, name))
    return digests


def with_mask(members: Object, name: str, style: str) -> Object:
    """An object with the secret of a name masked, or without it if the style of the behaviour `mask` has no mask."""
    return {key: MASKS[style] if key == name else one for key, one in members.items() if style in MASKS or key != name}


def contains_mask(value: Json) -> bool:
    """Whether a value contains the mask, the eight asterisks that a read shows in place of a secret."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return value == MASK or any(map(contains_mask, items))


class Pattern(NamedTuple):
    """A pattern of requests: `PATCH /v2/personas/*`, both parts with wildcards; `forms.pattern` parses one."""

    method: str
    path: str

    def matches(self, method: str, path: str) -> bool:
        """Whether the pattern matches a request; a slash at the end of its path is ignored."""
        return fnmatchcase(method, self.method) and fnmatchcase(path.rstrip("/") or "/", self.path)


@dataclass(slots=True)
class Entry:
    """One request and its outcome."""

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
    if_match: str = ""  # the header If-Match: the version on which a change is based
    run: str = ""  # the run of the client that sent it, or its process, from one of RUN_HEADERS
    shown: dict[str, int] = field(default_factory=dict)  # versions of the objects in its answer, by id

    def as_object(self) -> Object:
        """The entry as JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class Journal:
    """The newest 50,000 requests since the start or the last reset, and the violations."""

    requests: deque[Entry] = field(default_factory=lambda: deque(maxlen=MAX_REQUESTS))
    violations: list[Object] = field(default_factory=list)
    _seq: int = 0

    def open(self, request: Request, time: str, account: str | None) -> Entry:
        """Record a request before it is answered."""
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

    def add_violation(self, entry: Entry, rule: str, text: str) -> None:
        """Record a violation: a request that no client should send."""
        self.violations.append(
            {"request": entry.seq, "rule": rule, "method": entry.method, "path": entry.path, "text": text}
        )

    def select(self, query: dict[str, str]) -> list[Object]:
        """The requests after the number `since` whose method and path match the patterns `method` and `path`."""
        pattern = Pattern(query.get("method", "*").upper(), query.get("path", "*").rstrip("/") or "/")
        since = int(query.get("since", "0"))
        return [e.as_object() for e in self.requests if e.seq > since and pattern.matches(e.method, e.path)]

    def clear(self) -> None:
        """Forget requests and violations; the numbers of requests go on."""
        self.requests.clear()
        self.violations.clear()


def _body(request: Request) -> Json:
    if not request.body:
        return None
    try:
        return redact(request.json())
    except Malformed:
        return request.body.decode("utf-8", "replace")
