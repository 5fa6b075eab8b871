"""An account with the freedom that the real one has, a clock, a lock store, and the chance that decides.

What the API does not promise, it does here by chance: it renames, cuts, escapes and fills in; its lists lag and shift
between pages; it answers 2xx, 304 and 429 with and without an effect, without an id, with another's id, or not at all;
a change comes late; it obeys `test` for one kind and not for another; it gives ids out again.
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
    """What may happen, by chance, and the limits of it."""

    kill: float = 0.02  # of a run, at each of its steps
    lost: float = 0.06  # a request never arrives
    unanswered: float = 0.08  # a change is made and not told of
    late: float = 0.2  # of those: it is made only after a while
    latest: float = 80.0  # seconds; how late at most
    settle: float = 120.0  # seconds for which a run looks before it says that nothing was made
    hollow: float = 0.05  # 2xx or 304 without an effect
    accepted: float = (
        0.02  # a create: 2xx without an id, and the change is made only after a while, at most `accepted_for`
    )
    accepted_for: float = 500.0
    meanwhile: float = 0.03  # a person edits an object between a run's last look and its write
    during_stall: float = 0.2  # ... or while a run stands still
    idless: float = 0.04  # 2xx without an id, or with another's
    throttled: float = 0.05  # 429 without an effect
    counted: float = 0.05  # 429 after the change was made
    lag: float = 5.0  # seconds by which lists are behind at most
    shift: float = 0.2  # a pass over the pages misses an object; never two passes in a row
    shifts_twice: bool = False
    stall: float = 0.08  # a run stands still
    stalled: float = 90.0  # seconds, at most
    stall_after_fence: float = 0.0  # ... between its last look at the lock and the first byte
    cut_off: float = 0.02  # a run can no longer reach the store of the lock
    lease: float = 30.0
    recording: float = 0.0  # seconds that a store takes at most until a record is durable
    reuse: float = 0.3  # an id that was deleted is given to the next object
    image: float = 0.0  # strangers that are the very image of what is wanted
    checkouts: int = 1  # states of the same project without a common lock
    untested: float = 0.4  # a kind does not obey `test`


@dataclass(slots=True)
class Thing:
    """An object of the account."""

    id: str
    kind: str
    fields: Fields
    created: float
    version: int
    shown: float = 0.0  # from when on lists show it

    def copy(self) -> Thing:
        """As it reads now."""
        return Thing(self.id, self.kind, dict(self.fields), self.created, self.version, self.shown)


class Lost(Exception):
    """No answer: nobody can say whether the change was made."""


@dataclass(slots=True)
class Lease:
    """The lock of a state in its store."""

    holder: str = ""
    renewed: float = 0.0
    epoch: int = 0


@dataclass(slots=True)
class World:
    """Everything there is, what happened, and the next chance."""

    chance: random.Random
    odds: Odds
    now: float = 0.0
    things: dict[str, Thing] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    leases: dict[str, Lease] = field(default_factory=dict)
    coming: list[tuple[float, Callable[[], object]]] = field(default_factory=list)
    free: list[str] = field(default_factory=list)  # ids that may be given out again
    version: int = 0
    calls: int = 0
    made: int = 0
    calm: bool = False
    missed: bool = False  # the last pass over the pages missed something
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
        """Whether it does, this time."""
        return not self.calm and self.chance.random() < probability

    def emit(self, event: Event) -> None:
        """Write down what happens."""
        self.events.append(event)

    def pass_time(self, seconds: float) -> None:
        """Let time pass; what is late happens on its way."""
        until = self.now + seconds
        if self.coming:
            due = sorted((one for one in self.coming if one[0] <= until), key=lambda one: one[0])
            self.coming = [one for one in self.coming if one[0] > until]
            for moment, change in due:
                self.now = moment
                change()
        self.now = until

    # Changes, by whomever.

    def make(self, kind: str, fields: Fields, call: int = 0) -> str:
        """A new object, as the server keeps it."""
        self.made += 1
        reused = bool(self.free) and not self.calm and self.happens(self.odds.reuse)
        id_ = self.free.pop() if reused else f"i{self.made}"
        kept = {"/name": f"Untitled {self.made}", "/filled": "by the server", **fields}
        kept["/name"] = NAMING[self.naming](kept["/name"])
        kept["/text"] = TEXTS[self.texts](kept["/text"])
        thing = Thing(id_, kind, kept, self.now, 0, self.now + self.chance.uniform(0, self.lag))
        self.things[id_] = thing
        self._commit(thing, "create", dict(kept), call)
        return id_

    def write(self, id_: str, changes: Fields, call: int = 0) -> bool:
        """Fields of an object, as the server keeps them; whether anything changed."""
        thing = self.things.get(id_)
        if thing is None:
            return False
        kept = dict(changes)
        if "/name" in kept:
            kept["/name"] = NAMING[self.naming](kept["/name"])
        if "/text" in kept and call:
            kept["/text"] = TEXTS[self.texts](kept["/text"])
        kept = {pointer: value for pointer, value in kept.items() if thing.fields.get(pointer) != value}
        if kept:
            thing.fields = {**thing.fields, **kept}
            self._commit(thing, "update", dict(kept), call)
        return bool(kept)

    def remove(self, id_: str, call: int = 0) -> bool:
        """An object goes."""
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
        found = {one.id: one.copy() for one in self.things.values() if one.kind == kind and one.shown <= self.now}
        may_miss = found and (self.odds.shifts_twice or not self.missed)
        self.missed = bool(may_miss) and self.happens(self.odds.shift)
        if self.missed:
            del found[self.chance.choice(list(found))]
        self.emit(Read(who, {id_: one.version for id_, one in found.items()}, self.now))
        return found

    def get(self, who: str, id_: str) -> Thing | None:
        """One object, or None: 404."""
        thing = self.things.get(id_)
        if thing:
            self.emit(Read(who, {id_: thing.version}, self.now))
        return thing.copy() if thing else None

    def post(self, who: str, kind: str, fields: Fields, address: str) -> tuple[int, str]:
        """Create: status and id."""
        call = self._call(who, "POST", kind, address)
        before = [one.id for one in self.things.values() if one.kind == kind]
        if self.happens(self.odds.accepted):
            delay = self.chance.uniform(0, self.odds.accepted_for)
            self.coming.append((self.now + delay, lambda: self.make(kind, fields, call)))
            self.emit(Answer(call, OK, "", self.now))
            return OK, ""
        status, id_ = self._sent(lambda: self.make(kind, fields, call))
        if status == OK and self.happens(self.odds.idless):
            id_ = self.chance.choice(before) if before and self.chance.random() < 0.5 else ""
        self.emit(Answer(call, status, id_, self.now))
        return status, id_

    def patch(self, who: str, kind: str, id_: str, changes: Fields, test: Fields | None) -> int:
        """Update; with a test, only where the fields read like that."""
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

        return self._told(call, change)

    def delete(self, who: str, kind: str, id_: str) -> int:
        """Delete."""
        call = self._call(who, "DELETE", f"{kind}/{id_}")

        def change() -> str:
            is_there = id_ in self.things and self.things[id_].kind == kind
            return "" if is_there and self.remove(id_, call) else str(MISSING)

        return self._told(call, change)

    def _told(self, call: int, change: Callable[[], str]) -> int:
        status, refusal = self._sent(change)
        status = int(refusal) if refusal and status == OK else status
        self.emit(Answer(call, status, "", self.now))
        return status

    def _call(self, who: str, method: str, path: str, address: str = "") -> int:
        self.calls += 1
        addresses = (address,) if address else ()
        self.emit(Call(self.calls, who, method, f"/v2/{path}", "", addresses, self.now))
        return self.calls

    def _sent(self, change: Callable[[], str]) -> tuple[int, str]:
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
        told = change()
        return (THROTTLED, "") if self.happens(odds.counted) else (OK, told)

    # The lock.

    def lock(self, who: str, state: str) -> bool:
        """Take the lock of a state, or one whose lease is over."""
        lease = self.leases.setdefault(state, Lease())
        if lease.holder and self.now - lease.renewed <= self.odds.lease:
            return False
        what = "taken over" if lease.holder else "taken"
        lease.holder, lease.renewed, lease.epoch = who, self.now, lease.epoch + 1
        self.emit(Lock(who, state, what, lease.epoch, self.now))
        return True

    def renew(self, who: str, state: str) -> bool:
        """Keep the lock; False when it is another's."""
        lease = self.leases[state]
        if lease.holder != who:
            return False
        lease.renewed = self.now
        return True

    def unlock(self, who: str, state: str) -> None:
        """Give the lock back."""
        if self.leases[state].holder == who:
            self.leases[state].holder = ""
            self.emit(Lock(who, state, "released", self.leases[state].epoch, self.now))
