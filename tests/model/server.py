"""A model of the account with every freedom of the real one, a clock, a lock store and a random generator.

Whatever the API does not promise happens at random: it trims, shortens and escapes names and adds fields; its lists
lag behind and shift between pages; it responds with 2xx, 304 and 429 with and without an effect, without an id, with a
wrong id, or not at all; changes take effect late; guards are obeyed for one kind and not for another; ids are used
again.
"""

from __future__ import annotations

import html
import random
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec import Struct

from tests.history.events import Answer, Call, Commit, Event, Fields, Lock, Read

NAMING: dict[str, Callable[[str], str]] = {
    "keeps": lambda name: name,
    "trims": lambda name: name.strip(),
    "composes": lambda name: unicodedata.normalize("NFC", name),
    "escapes": html.escape,
    "cuts": lambda name: name[:24],
}
TEXTS: dict[str, Callable[[str], str]] = {"keeps": lambda text: text, "adds": lambda text: text.rstrip(".") + "."}
OK, UNCHANGED, CONFLICT, MISSING, THROTTLED, NOTHING = 200, 304, 409, 404, 429, 0


class Odds(Struct, frozen=True):
    """The probability of each fault per opportunity, and limits, in seconds where so noted."""

    kill: float = 0.02  # a run is killed, at each of its steps
    lost: float = 0.06  # a request never arrives
    unanswered: float = 0.08  # a change is made, and the response is lost
    late: float = 0.2  # ... and the change takes effect only after a while
    latest: float = 80.0  # ... of at most so many seconds
    settle: float = 120.0  # seconds for which a run searches before it concludes that nothing was created
    hollow: float = 0.05  # 2xx or 304 without an effect
    accepted: float = (
        0.02  # a create: 2xx without an id, and the object appears only after at most `accepted_for` seconds
    )
    accepted_for: float = 500.0
    meanwhile: float = 0.03  # a person edits an object between the last read of a run and its write
    during_stall: float = 0.2  # ... or while a run stalls
    idless: float = 0.04  # 2xx without an id, or with the id of another object
    throttled: float = 0.05  # 429 without an effect
    counted: float = 0.05  # 429 after the change was made
    lag: float = 5.0  # the most seconds by which lists may lag behind
    shift: float = 0.2  # a pass over the pages misses an object; never in two passes in a row
    shifts_twice: bool = False  # ... unless this is set
    stall: float = 0.08  # a run stalls
    stalled: float = 90.0  # ... for at most so many seconds
    stall_after_fence: float = 0.0  # a run stalls between its last check of the lock and the first byte
    cut_off: float = 0.02  # a run can no longer reach the store of the lock
    lease: float = 30.0  # seconds
    recording: float = 0.0  # the most seconds until a record in the store is durable
    reuse: float = 0.3  # the id of a deleted object is used for the next object
    image: float = 0.0  # an object of a stranger is equal to a desired one
    checkouts: int = 1  # the number of states of the project, without a common lock
    untested: float = 0.4  # a kind does not obey guards (`test`)


@dataclass(slots=True)
class Thing:
    """An object of the account."""

    id: str
    kind: str
    fields: Fields
    created: float
    version: int
    shown: float = 0.0  # the time from which lists show it

    def copy(self) -> Thing:
        """A copy of its current content."""
        return Thing(self.id, self.kind, dict(self.fields), self.created, self.version, self.shown)


class Lost(Exception):
    """No response arrived; the change may have been made or not."""


@dataclass(slots=True)
class Lease:
    """The lock of a state in its store."""

    holder: str = ""
    renewed: float = 0.0
    epoch: int = 0


@dataclass(slots=True)
class World:
    """The account, the lock store, the clock, the history so far, and the random generator."""

    chance: random.Random
    odds: Odds
    now: float = 0.0
    things: dict[str, Thing] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    leases: dict[str, Lease] = field(default_factory=dict)
    coming: list[tuple[float, Callable[[], object]]] = field(default_factory=list)
    free: list[str] = field(default_factory=list)  # ids of deleted objects, which may be used again
    version: int = 0
    calls: int = 0
    made: int = 0
    calm: bool = False
    missed: bool = False  # the last pass over the pages missed an object
    naming: str = "keeps"
    texts: str = "keeps"
    obeys: dict[str, bool] = field(default_factory=dict)
    lag: float = 0.0

    def __post_init__(self) -> None:
        self.naming = self.chance.choice(list(NAMING))
        self.texts = "adds" if self.chance.random() < 0.2 else "keeps"
        self.obeys = {kind: self.chance.random() >= self.odds.untested for kind in ("cheap", "costly")}
        self.lag = self.chance.choice([0.0, self.odds.lag])

    def happens(self, probability: float) -> bool:
        """Whether an event of this probability happens now; never while `calm`."""
        return not self.calm and self.chance.random() < probability

    def emit(self, event: Event) -> None:
        """Append an event to the history."""
        self.events.append(event)

    def pass_time(self, seconds: float) -> None:
        """Advance the clock; late changes take effect at their time."""
        until = self.now + seconds
        if self.coming:
            due = sorted((late for late in self.coming if late[0] <= until), key=lambda late: late[0])
            self.coming = [late for late in self.coming if late[0] > until]
            for moment, change in due:
                self.now = moment
                change()
        self.now = until

    # Changes, by calls or by people.

    def make(self, kind: str, fields: Fields, call: int = 0) -> str:
        """Create an object, with names and texts in the form that the server stores; return its id."""
        self.made += 1
        reused = bool(self.free) and not self.calm and self.happens(self.odds.reuse)
        id_ = self.free.pop() if reused else f"i{self.made}"
        stored = {"/name": f"Untitled {self.made}", "/filled": "by the server", **fields}
        stored["/name"] = NAMING[self.naming](stored["/name"])
        stored["/text"] = TEXTS[self.texts](stored["/text"])
        thing = Thing(id_, kind, stored, self.now, 0, self.now + self.chance.uniform(0, self.lag))
        self.things[id_] = thing
        self._commit(thing, "create", dict(stored), call)
        return id_

    def write(self, id_: str, changes: Fields, call: int = 0) -> bool:
        """Change fields, in the form that the server stores; return whether a value changed."""
        thing = self.things.get(id_)
        if thing is None:
            return False
        stored = dict(changes)
        if "/name" in stored:
            stored["/name"] = NAMING[self.naming](stored["/name"])
        if "/text" in stored and call:
            stored["/text"] = TEXTS[self.texts](stored["/text"])
        stored = {pointer: value for pointer, value in stored.items() if thing.fields.get(pointer) != value}
        if stored:
            thing.fields = {**thing.fields, **stored}
            self._commit(thing, "update", dict(stored), call)
        return bool(stored)

    def remove(self, id_: str, call: int = 0) -> bool:
        """Delete an object; return whether it existed."""
        thing = self.things.pop(id_, None)
        if thing:
            self.free.append(id_)
            self._commit(thing, "delete", {}, call)
        return thing is not None

    def _commit(self, thing: Thing, action: str, changes: dict[str, str | None], call: int) -> None:
        self.version += 1
        thing.version = self.version
        by = "api" if call else "portal"
        self.emit(Commit(self.version, thing.id, thing.kind, action, by, changes, call, self.now))

    # Calls of runs.

    def list_(self, who: str, kind: str) -> dict[str, Thing]:
        """One pass over the pages of a kind."""
        listed = {
            thing.id: thing.copy() for thing in self.things.values() if thing.kind == kind and thing.shown <= self.now
        }
        may_miss = listed and (self.odds.shifts_twice or not self.missed)
        self.missed = bool(may_miss) and self.happens(self.odds.shift)
        if self.missed:
            del listed[self.chance.choice(list(listed))]
        self.emit(Read(who, {id_: thing.version for id_, thing in listed.items()}, self.now))
        return listed

    def get(self, who: str, id_: str) -> Thing | None:
        """One object, or None if it does not exist (404)."""
        thing = self.things.get(id_)
        if thing:
            self.emit(Read(who, {id_: thing.version}, self.now))
        return thing.copy() if thing else None

    def post(self, who: str, kind: str, fields: Fields, address: str) -> tuple[int, str]:
        """Send a create; return the status and the id of the response."""
        call = self._call(who, "POST", kind, address)
        before = [thing.id for thing in self.things.values() if thing.kind == kind]
        if self.happens(self.odds.accepted):
            delay = self.chance.uniform(0, self.odds.accepted_for)
            self.coming.append((self.now + delay, lambda: self.make(kind, fields, call)))
            self.emit(Answer(call, OK, "", self.now))
            return OK, ""
        status, id_ = self._deliver(lambda: self.make(kind, fields, call))
        if status == OK and self.happens(self.odds.idless):
            id_ = self.chance.choice(before) if before and self.chance.random() < 0.5 else ""
        self.emit(Answer(call, status, id_, self.now))
        return status, id_

    def patch(self, who: str, kind: str, id_: str, changes: Fields, test: Fields | None) -> int:
        """Send an update; if the kind obeys guards, it is refused unless the fields have the values of `test`."""
        call = self._call(who, "PATCH", f"{kind}/{id_}")

        if self.happens(self.odds.meanwhile) and id_ in self.things:
            self.write(id_, {"/text": f"by hand in between {call}"})

        def change() -> str:
            thing = self.things.get(id_)
            if thing is None or thing.kind != kind:
                return str(MISSING)
            tests = test if test and self.obeys[kind] else {}
            if any(thing.fields.get(pointer) != value for pointer, value in tests.items()):
                return str(CONFLICT)
            return "" if self.write(id_, changes, call) else str(UNCHANGED)

        return self._status_of(call, change)

    def delete(self, who: str, kind: str, id_: str) -> int:
        """Send a delete; return the status of the response."""
        call = self._call(who, "DELETE", f"{kind}/{id_}")

        def change() -> str:
            is_there = id_ in self.things and self.things[id_].kind == kind
            return "" if is_there and self.remove(id_, call) else str(MISSING)

        return self._status_of(call, change)

    def _status_of(self, call: int, change: Callable[[], str]) -> int:
        status, refusal = self._deliver(change)
        status = int(refusal) if refusal and status == OK else status
        self.emit(Answer(call, status, "", self.now))
        return status

    def _call(self, who: str, method: str, path: str, address: str = "") -> int:
        self.calls += 1
        addresses = (address,) if address else ()
        self.emit(Call(self.calls, who, method, f"/v2/{path}", "", addresses, self.now))
        return self.calls

    def _deliver(self, change: Callable[[], str]) -> tuple[int, str]:
        odds = self.odds
        if self.happens(odds.lost):
            raise Lost
        if self.happens(odds.throttled):
            return THROTTLED, ""
        if self.happens(odds.hollow):
            return self.chance.choice([OK, UNCHANGED]), ""
        if self.happens(odds.unanswered):
            if self.happens(odds.late):
                self.coming.append((self.now + self.chance.uniform(0, odds.latest), change))
            else:
                change()
            raise Lost
        result = change()
        return (THROTTLED, "") if self.happens(odds.counted) else (OK, result)

    # The lock.

    def lock(self, who: str, state: str) -> bool:
        """Take the lock of a state if it is free or its lease has expired; return whether it was taken."""
        lease = self.leases.setdefault(state, Lease())
        if lease.holder and self.now - lease.renewed <= self.odds.lease:
            return False
        what = "taken over" if lease.holder else "taken"
        lease.holder, lease.renewed, lease.epoch = who, self.now, lease.epoch + 1
        self.emit(Lock(who, state, what, lease.epoch, self.now))
        return True

    def renew(self, who: str, state: str) -> bool:
        """Renew the lease; False if another run holds the lock."""
        lease = self.leases[state]
        if lease.holder != who:
            return False
        lease.renewed = self.now
        return True

    def unlock(self, who: str, state: str) -> None:
        """Release the lock, if this run holds it."""
        if self.leases[state].holder == who:
            self.leases[state].holder = ""
            self.emit(Lock(who, state, "released", self.leases[state].epoch, self.now))
