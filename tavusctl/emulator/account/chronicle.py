"""Everything that happened, in one order: calls as they arrive, what they are shown, changes, kills.

Requests and mutations have numbers of their own; whoever judges a history needs one number over both, and for every
read the version of what it saw.  A version is the number of the change that made it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tavusctl.emulator.account.journal import SENSITIVE, Entry, is_secret, redact
from tavusctl.emulator.account.store import Stored
from tavusctl.emulator.http.messages import Json, Object

KEPT = 200_000
View = Callable[[Stored], Object]


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened."""

    at: int
    what: str  # call, handled, commit, killed
    entry: Entry | None = None
    before: Stored | None = None
    after: Stored | None = None
    mutation: Object = field(default_factory=dict)


@dataclass(slots=True)
class Chronicle:
    """The moments of this run, the newest 200,000, and the version of every object."""

    moments: deque[Moment] = field(default_factory=lambda: deque(maxlen=KEPT))
    versions: dict[tuple[str, str, str], int] = field(default_factory=dict)
    newest: int = 0

    def note(self, what: str, entry: Entry) -> None:
        """A request has arrived, was carried out, or has killed its sender."""
        self.newest += 1
        self.moments.append(Moment(self.newest, what, entry))

    def commit(self, before: Stored | None, after: Stored, mutation: Object) -> None:
        """An object has changed."""
        self.newest += 1
        self.versions[after.account, after.kind, after.id] = self.newest
        self.moments.append(Moment(self.newest, "commit", None, before, after, mutation))

    def version(self, stored: Stored) -> int:
        """The version of an object; 0 when it was not made in this run."""
        return self.versions.get((stored.account, stored.kind, stored.id), 0)

    def select(self, since: int, view: Callable[[Stored], Object]) -> Iterator[Object]:
        """The moments after a number, as JSON."""
        for moment in self.moments:
            if moment.at > since:
                shown = _commit(moment, view) if moment.after else _request(moment)
                yield {"at": moment.at, "is": moment.what, **shown}


def _request(moment: Moment) -> Object:
    entry = moment.entry
    assert entry is not None  # noqa: S101 - for the type checker: what is no commit has a request
    names = ("time", "account", "method", "path", "run", "user_agent", "status", "fault")
    more = {"body": entry.body} if moment.what == "call" else {"shown": entry.shown}
    return {"request": entry.seq, **{name: getattr(entry, name) for name in names}, **more}


def _commit(moment: Moment, view: View) -> Object:
    after, before = moment.after, moment.before
    old = _leaves(view(before)) if before else {}
    new = {} if after is None or after.deleted is not None else _leaves(view(after))
    if after is not None and after.deleted is not None:
        old = {}
    changes = {pointer: new.get(pointer) for pointer in {**old, **new} if old.get(pointer) != new.get(pointer)}
    gone = [pointer for pointer in old if pointer not in new]
    mutation = {name: value for name, value in moment.mutation.items() if name != "body"}
    return {**mutation, "changes": changes, "gone": gone}


def _leaves(value: Json, pointer: str = "") -> dict[str, Json]:
    """The leaves of a document by JSON Pointer, API keys hidden; an empty object or list is a leaf."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found: dict[str, Json] = {}
    for name, item in members:
        step = str(name).replace("~", "~0").replace("/", "~1")
        found |= _leaves(item, f"{pointer}/{step}")
    if isinstance(value, dict | list) and value:
        return found
    hidden = is_secret(*pointer.split("/")[1:]) and isinstance(value, str) and value
    return {pointer: SENSITIVE if hidden else redact(value)}
