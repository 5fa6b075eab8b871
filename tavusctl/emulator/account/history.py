"""The history of all events in one order: calls as they arrive, the versions they were shown, changes, kills.

Requests and mutations are numbered separately.  A checker of histories needs one numbering of both, and for every read
the version of each object that it showed.  A version is the number of the event that made it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tavusctl.emulator.account.journal import SENSITIVE, Entry, is_secret, redact
from tavusctl.emulator.account.store import StoredObject
from tavusctl.emulator.http.messages import Json, Object

MAX_EVENTS = 200_000
View = Callable[[StoredObject], Object]


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the history; `kind` is call, handled, commit or killed."""

    number: int
    kind: str
    entry: Entry | None = None
    before: StoredObject | None = None
    after: StoredObject | None = None
    mutation: Object = field(default_factory=dict)


@dataclass(slots=True)
class History:
    """The newest 200,000 events since the start or the last reset, and the version of every changed object."""

    events: deque[Event] = field(default_factory=lambda: deque(maxlen=MAX_EVENTS))
    versions: dict[tuple[str, str, str], int] = field(default_factory=dict)
    last_number: int = 0

    def record(self, kind: str, entry: Entry) -> None:
        """Record an event of a request: `call` (arrived), `handled` (carried out) or `killed` (a kill fault struck)."""
        self.last_number += 1
        self.events.append(Event(self.last_number, kind, entry))

    def commit(self, before: StoredObject | None, after: StoredObject, mutation: Object) -> None:
        """Record the change of an object, and give it a new version."""
        self.last_number += 1
        self.versions[after.account, after.kind, after.id] = self.last_number
        self.events.append(Event(self.last_number, "commit", None, before, after, mutation))

    def version(self, stored: StoredObject) -> int:
        """The version of an object; 0 if it has not changed since the start or the last reset."""
        return self.versions.get((stored.account, stored.kind, stored.id), 0)

    def select(self, since: int, view: Callable[[StoredObject], Object]) -> Iterator[Object]:
        """The events after the number `since`, as JSON; `view` returns an object as a read shows it."""
        for event in self.events:
            if event.number > since:
                members = _commit(event, event.after, view) if event.after else _request(event)
                yield {"at": event.number, "is": event.kind, **members}


def _request(event: Event) -> Object:
    entry = event.entry
    assert entry is not None  # noqa: S101 - for the type checker: every event but a commit has a request
    field_names = ("time", "account", "method", "path", "run", "user_agent", "status", "fault")
    detail = {"body": entry.body} if event.kind == "call" else {"shown": entry.shown}
    return {"request": entry.seq, **{name: getattr(entry, name) for name in field_names}, **detail}


def _commit(event: Event, after: StoredObject, view: View) -> Object:
    old, new = ({} if one is None or after.deleted is not None else _leaves(view(one)) for one in (event.before, after))
    changes = {pointer: new.get(pointer) for pointer in {**old, **new} if old.get(pointer) != new.get(pointer)}
    removed = [pointer for pointer in old if pointer not in new]
    mutation = {name: value for name, value in event.mutation.items() if name != "body"}
    return {**mutation, "changes": changes, "gone": removed}


def _leaves(value: Json, pointer: str = "") -> dict[str, Json]:
    """The leaves of a document by JSON Pointer, secrets hidden; an empty object or list is a leaf."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    leaves: dict[str, Json] = {}
    for name, item in members:
        token = str(name).replace("~", "~0").replace("/", "~1")
        leaves |= _leaves(item, f"{pointer}/{token}")
    if isinstance(value, dict | list) and value:
        return leaves
    is_hidden = is_secret(*pointer.split("/")[1:]) and isinstance(value, str) and value
    return {pointer: SENSITIVE if is_hidden else redact(value)}
