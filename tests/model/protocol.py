"""The protocol of a run as a generator: at every `yield` other actors act, time passes, and the run may be killed.

A yielded number is the seconds to wait.  `Variant` can turn off each part of the protocol; the model shows what goes
wrong without it.  `Disk` holds the data that outlives a kill.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from msgspec import Struct

from tests.history.events import Begin, Edit, End, Fields, Outcome, Planned, StateWritten
from tests.model.server import CONFLICT, MISSING, NOTHING, OK, THROTTLED, UNCHANGED, Lost, Thing, World

PROJECT = "project"
KINDS = {"cheap": "cheap", "other": "cheap", "costly": "costly"}  # the kind of each address
LOOKS = (0.0, 2.0, 5.0, 10.0, 30.0, 60.0)  # seconds after a create at which objects are listed to find it
WITNESSES = (0.0, 2.0, 10.0)  # seconds of pause before each read that verifies a write
LOCK_TIMEOUT = 400.0
FRESH = 5.0  # the greatest age in seconds of an intent or a read when the first byte of its call is sent
_CUT = 20
Steps = Generator[float, None, None]


class Variant(Struct, frozen=True):
    """The parts of the protocol, each of which can be turned off."""

    evidence: bool = True  # the id of a 2xx response is verified by a read; no create is sent again after a 2xx
    names: bool = True  # a create always sends a name
    lens: bool = True  # objects are compared by all fields sent, and names in every form that a server may store
    throttled: bool = True  # after a 429, objects are listed before the create is sent again
    settle: bool = True  # a create is sent again only after the time in which the first would have shown
    intent: bool = True  # the intent is on disk before the call, and the accepted create right after it
    token: bool = True  # the name of a costly object is a token until its id is on disk
    tests: bool = True  # updates have a guard (a `test` operation) where the server obeys guards
    per_kind: bool = True  # ... and whether it does is determined for each kind
    witness: bool = True  # "not kept" is reported only after repeated reads, and only if the value has changed
    fence: bool = True  # the age of the lease and of the intent are checked when the first byte is sent
    delay: bool = True  # if the journal is slow, an intent states by how much its call may be late
    created: bool = True  # an object with our id but another creation date is not ours
    passes: bool = True  # a list is read until two passes agree
    honest: bool = True  # a step that may have been carried out is reported as unknown, not as failed
    lineage: bool = True  # fingerprints of secrets do not depend on the API key


class NeedsPersonError(Exception):
    """A person has to decide what happened; the intent stays on disk."""


class LockLost(Exception):
    """Another run has the lock, or may have it."""


@dataclass(frozen=True, slots=True)
class Intent:
    """A create on disk whose result is not known yet."""

    known: frozenset[tuple[str, float]]  # ids and creation dates of existing objects: an id may be used again
    time: float
    sent: Mapping[str, str]
    accepted: bool = False  # a 2xx arrived: the create is never sent again unless a person decides so
    delay: float = 0.0  # seconds by which the call may be sent later than usual


@dataclass(slots=True)
class Bound:
    """The binding of an object in the state."""

    id: str
    created: float
    base: str  # the text at the last apply
    unkept: tuple[str, str] | None = None  # the desired text, and the text that the server stored instead
    token: bool = False  # the name of the object is still a token
    key: str = ""  # the API key of the last apply
    agreed: bool = False  # a person has approved to overwrite the conflict (--overwrite)


@dataclass(slots=True)
class Disk:
    """The state and the journal, which outlive a kill."""

    state: str
    bound: dict[str, Bound] = field(default_factory=dict)
    pending: dict[str, Intent] = field(default_factory=dict)


@dataclass(slots=True)
class Manifests:
    """The manifests: the text of each address, and the names that manifests give."""

    texts: dict[str, str]
    named: dict[str, str]

    def fields(self, address: str) -> Fields:
        """The fields of a manifest."""
        name = {"/name": self.named[address]} if address in self.named else {}
        return {**name, "/text": self.texts[address]}


@dataclass(slots=True)
class Run:
    """One run of `apply`."""

    world: World
    disk: Disk
    manifests: Manifests
    variant: Variant
    who: str
    key: str = "k"
    renewed: float = 0.0
    cut: bool = False
    known: dict[str, frozenset[tuple[str, float]]] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    edits: set[Edit] = field(default_factory=set)
    unkept: set[Edit] = field(default_factory=set)
    code: int = 0
    concluded: dict[str, tuple[str, str]] = field(default_factory=dict)  # values not kept; on disk once reported
    sent: set[str] = field(default_factory=set)  # addresses whose create was sent
    slowest: float = 0.0  # the longest time in seconds that a journal record has taken

    def go(self) -> Steps:
        """The whole run; it gives up without a result if the lock is not free within `LOCK_TIMEOUT` seconds."""
        world, state = self.world, self.disk.state
        deadline = world.now + LOCK_TIMEOUT
        while not world.lock(self.who, state):
            if world.now > deadline:
                return
            yield 5.0
        self.manifests = Manifests(dict(self.manifests.texts), self.manifests.named)
        world.emit(Begin(self.who, PROJECT, state, "apply", world.now))
        self.renewed = world.now
        try:
            yield from self._work()
        except NeedsPersonError:
            self.code = 6
        except LockLost:
            self.code = 7
        self._report_end()

    def _report_end(self) -> None:
        world = self.world
        if world.leases[self.disk.state].holder != self.who:
            self.code = 7  # its last write to the state is refused
        for address, unkept in self.concluded.items():
            if address in self.disk.bound and self.code != 7:
                self.disk.bound[address].unkept = unkept
                self.unkept.add(Edit(address, "/text"))
                self.code = max(self.code, 5)
        if self.code != 7:
            self.know()
            world.unlock(self.who, self.disk.state)
        nothing_to_report = not self.outcomes and not self.code and not self.edits
        sentences = frozenset({"No changes"}) if nothing_to_report else frozenset()
        reported = frozenset(self.edits), frozenset(self.unkept)
        world.emit(End(self.who, self.code, tuple(self.outcomes), *reported, sentences, world.now))

    def _work(self) -> Steps:
        for address, intent in list(self.disk.pending.items()):
            yield from self._recover(address, intent)
        lists = {}
        for kind in ("cheap", "costly"):
            lists[kind] = yield from self.list_(kind)
            self.known[kind] = frozenset(self._key(thing) for thing in lists[kind].values())
        manifests, bound = self.manifests, self.disk.bound
        duplicates = [thing for listed in lists.values() for thing in listed.values() if self._is_duplicate(thing)]
        orphans = [address for address in bound if address not in manifests.texts]
        deleted_ids = {bound[orphan].id for orphan in orphans} | {thing.id for thing in duplicates}
        self.world.emit(Planned(self.who, frozenset(deleted_ids), (), self.world.now))
        for duplicate in duplicates:
            yield from self._delete_duplicate(duplicate)
        for address in list(manifests.texts):
            if address in bound:
                yield from self._update(address)
            else:
                yield from self._create(address, lists[KINDS[address]])
        if not self.code:
            for address in orphans:
                yield from self._delete(address)

    def _is_duplicate(self, thing: Thing) -> bool:
        """Whether an object has a token of ours as its name although another object is bound: a create was late."""
        name, claim = thing.fields["/name"], f"claim-{self.disk.state}-"
        bound = name.startswith(claim) and name.removeprefix(claim) in self.disk.bound
        return self.variant.token and bound and self._is_unbound(thing)

    def _delete_duplicate(self, duplicate: Thing) -> Steps:
        self._record()
        yield from self.before_call("")
        with suppress(Lost):
            self.world.delete(self.who, duplicate.kind, duplicate.id)
        yield 0.1

    # Reads.

    def list_(self, kind: str) -> Generator[float, None, dict[str, Thing]]:
        """All objects of a kind; read until two passes agree, or once without that part."""
        listed = self.world.list_(self.who, kind)
        yield 0.1
        while self.variant.passes:
            second_pass = self.world.list_(self.who, kind)
            yield 0.1
            if second_pass.keys() == listed.keys():
                break
            listed = second_pass
        return listed

    def binding(self, address: str) -> Bound:
        """The binding of an address; LockLost if there is none, since another run must have removed it."""
        if address not in self.disk.bound:
            raise LockLost
        return self.disk.bound[address]

    def ours(self, address: str) -> Generator[float, None, Thing | None]:
        """The object that is bound to an address, or None if it does not exist any more."""
        bound = self.binding(address)
        thing = self.world.get(self.who, bound.id)
        yield 0.1
        if thing is None or (self.variant.created and thing.created != bound.created):
            return None
        return thing

    def _key(self, thing: Thing) -> tuple[str, float]:
        return thing.id, thing.created if self.variant.created else 0.0

    def _is_unbound(self, thing: Thing) -> bool:
        matches = (bound.id == thing.id and bound.created == thing.created for bound in self.disk.bound.values())
        return not any(matches) if self.variant.created else all(b.id != thing.id for b in self.disk.bound.values())

    def look_for(self, address: str, intent: Intent) -> Generator[float, None, Thing | None]:
        """The new object that a create has made, if any; NeedsPersonError if that is ambiguous."""
        listed = yield from self.list_(KINDS[address])
        new = [thing for thing in listed.values() if self._key(thing) not in intent.known and self._is_unbound(thing)]
        matches = [thing for thing in new if self._matches(intent.sent, thing)]
        if self.variant.lens and not matches and any(self._may_be(intent.sent, thing) for thing in new):
            raise NeedsPersonError
        if len(matches) > 1:
            raise NeedsPersonError
        return matches[0] if matches else None

    @staticmethod
    def _may_be(sent: Mapping[str, str], thing: Thing) -> bool:
        """Whether an object may be ours: edited since, or stored in a form that we do not know."""
        return _same(sent, thing) or alike(sent.get("/name", ""), thing.fields["/name"])

    def _matches(self, sent: Mapping[str, str], thing: Thing) -> bool:
        name = sent.get("/name", "")
        if name.startswith("claim-"):
            return thing.fields["/name"] == name
        if not self.variant.lens:
            return thing.fields["/name"] == name and thing.fields["/text"].rstrip(".") == sent["/text"].rstrip(".")
        return alike(name, thing.fields["/name"]) and _same(sent, thing)

    # Creates.

    def _create(self, address: str, listed: dict[str, Thing]) -> Steps:
        sent = self._body(address)
        final_fields = {**sent, "/name": self.manifests.named.get(address, address if self.variant.names else "")}
        if any(self._is_unbound(thing) and self._has_same_name(final_fields, thing) for thing in listed.values()):
            self.code = max(self.code, 4)
            return
        try:
            created = yield from self._post(address, sent)
            yield from self._finish(address, created)
        except NeedsPersonError:
            self.outcomes.append(Outcome(address, "create", "unknown"))
            self.code = 6
        except LockLost:
            status = "unknown" if self.variant.honest and address in self.sent else "failed"
            self.outcomes.append(Outcome(address, "create", status))
            raise
        if address in self.disk.bound and self.disk.bound[address].token:
            yield from self._rename(address)

    def _has_same_name(self, sent: Fields, thing: Thing) -> bool:
        name = sent["/name"]
        return bool(name) and (
            alike(name, thing.fields["/name"]) if self.variant.lens else thing.fields["/name"] == name
        )

    def _body(self, address: str) -> Fields:
        body = self.manifests.fields(address)
        if self.variant.token and KINDS[address] == "costly":
            return {**body, "/name": f"claim-{self.disk.state}-{address}"}
        return {"/name": address, **body} if self.variant.names else body

    def _post(self, address: str, sent: Fields) -> Generator[float, None, Thing]:
        kind = KINDS[address]
        for _ in ("first", "second and last"):
            intent = Intent(self.known[kind], self.world.now, sent, delay=self._delay())
            if self.variant.intent:
                yield from self._wait_for_record()
                self._record()
                self.disk.pending[address] = intent
            yield 0.1
            try:
                yield from self.before_call(address)
                self.sent.add(address)
                status, id_ = self.world.post(self.who, kind, sent, address)
            except Lost:
                status, id_ = NOTHING, ""
            if status in (OK, UNCHANGED) and self.variant.evidence and self.variant.intent:
                self.disk.pending[address] = Intent(intent.known, intent.time, sent, True, intent.delay)
            yield 0.1
            thing = yield from self._evidence(address, intent, status, id_)
            if thing:
                return thing
            if status in (OK, UNCHANGED) and self.variant.evidence:
                raise NeedsPersonError
        raise NeedsPersonError

    def _evidence(self, address: str, intent: Intent, status: int, id_: str) -> Generator[float, None, Thing | None]:
        """The object that a create has made, going by its response or, without one, by lists; None if not found."""
        if status in (OK, UNCHANGED) and id_:
            thing = self.world.get(self.who, id_)
            yield 0.1
            if thing and self._is_new(intent, thing) and self._agrees(intent.sent, thing):
                return thing
        if status == THROTTLED and not self.variant.throttled:
            return None
        looks = (*LOOKS, self.world.odds.settle) if self.variant.settle else (0.0,)
        started = self.world.now
        for at in looks:
            yield max(0.1, started + at - self.world.now)
            match = yield from self.look_for(address, intent)
            if match:
                return match
        return None

    def _is_new(self, intent: Intent, thing: Thing) -> bool:
        return self._key(thing) not in intent.known and self._is_unbound(thing)

    def _agrees(self, sent: Mapping[str, str], thing: Thing) -> bool:
        """Whether the object of a response has the text that was sent; without `evidence`, whether it has the name."""
        if self.variant.evidence:
            return _same(sent, thing)
        return thing.fields["/name"] == sent.get("/name", thing.fields["/name"])

    def _finish(self, address: str, thing: Thing) -> Steps:
        """Bind the id on disk, and remove the intent."""
        self._record()
        token = self.variant.token and KINDS[address] == "costly"
        text = self.manifests.texts[address]
        self.disk.bound[address] = Bound(thing.id, thing.created, text, None, token, self.key)
        if thing.fields["/text"] != text:
            self.concluded[address] = text, thing.fields["/text"]
        self.disk.pending.pop(address, None)
        self.know()
        yield 0.1
        self.outcomes.append(Outcome(address, "create", "done", thing.id))

    def _rename(self, address: str) -> Steps:
        bound = self.binding(address)
        name = self.manifests.named.get(address, address)
        for _ in range(3):
            thing = yield from self.ours(address)
            if thing is None:  # deleted meanwhile: the next run creates it again
                self.edits.add(Edit(address))
                self.code = max(self.code, 3)
                return
            if alike(name, thing.fields["/name"]):
                bound.token = False
                return
            yield from self.before_call(address)
            with suppress(Lost):
                self.world.patch(self.who, KINDS[address], bound.id, {"/name": name}, {"/name": thing.fields["/name"]})
            yield 1.0
        self.code = max(self.code, 5)

    def _recover(self, address: str, intent: Intent) -> Steps:
        thing: Thing | None = None
        until = intent.time + intent.delay + self.world.odds.settle
        while self.variant.settle and not thing and self.world.now < until:
            yield 5.0
            self.keep_lock()
            thing = yield from self.look_for(address, intent)
        thing = thing or (yield from self.look_for(address, intent))
        self._record()
        if not thing and intent.accepted:
            raise NeedsPersonError
        if thing:
            token = thing.fields["/name"].startswith("claim-")
            text = intent.sent["/text"]
            self.disk.bound[address] = Bound(thing.id, thing.created, text, None, token, self.key)
            self.know()
        self.disk.pending.pop(address, None)

    # Updates.

    def _update(self, address: str) -> Steps:
        bound, desired = self.binding(address), self.manifests.texts[address]
        thing = yield from self.ours(address)
        if thing is None:
            self.edits.add(Edit(address))
            self.code = max(self.code, 3)
            self._record()
            self.disk.bound.pop(address, None)
            self.know()
            return
        if bound.token:
            yield from self._rename(address)
        live = thing.fields["/text"]
        if not self.variant.lineage and bound.key != self.key:
            yield from self._write(address, thing, desired)
            return
        if live == desired:
            bound.base, bound.unkept = desired, None
            return
        if bound.unkept == (desired, live):
            self.unkept.add(Edit(address, "/text"))
            return
        drifted = live != (bound.unkept[1] if bound.unkept else bound.base)
        if drifted:
            self.edits.add(Edit(address, "/text"))
        if drifted and desired != bound.base and not bound.agreed:
            self.outcomes.append(Outcome(address, "update", "failed", bound.id, {"/text": desired}))
            self.code = max(self.code, 3)
            bound.agreed = True
            return
        yield from self._write(address, thing, desired)

    def _write(self, address: str, seen: Thing, desired: str) -> Steps:
        self._record()
        kind, bound = KINDS[address], self.binding(address)
        obeyed = self.world.obeys[kind if self.variant.per_kind else "cheap"] and self.variant.tests
        test = {"/text": seen.fields["/text"]} if obeyed else None
        status, doubted = NOTHING, False
        for _ in ("first", "second and last"):
            if not (yield from self._may_write(address, seen, obeyed=obeyed)):
                self._conflict(address, desired, doubted=doubted and not obeyed)
                return
            try:
                status = self.world.patch(self.who, kind, bound.id, {"/text": desired}, test)
            except Lost:
                status = NOTHING
            doubted = doubted or (status == NOTHING and self.variant.honest)
            yield 0.1
            if status in (OK, UNCHANGED, CONFLICT, MISSING):
                break
            current = yield from self.ours(address)
            if current is None or current.fields["/text"] != seen.fields["/text"]:
                break
            if not obeyed and self.variant.honest and status == NOTHING:
                break  # the call may take effect late, and no guard would stop it
        current = (yield from self.ours(address)) if status == CONFLICT else None
        if status == MISSING or (status == CONFLICT and (current is None or current.fields["/text"] != desired)):
            self._conflict(address, desired, doubted=doubted and not obeyed)
        else:
            refused = status not in (OK, UNCHANGED)
            yield from self._verify_write(address, seen, desired, NOTHING if doubted and refused else status)

    def _may_write(self, address: str, seen: Thing, *, obeyed: bool) -> Generator[float, None, bool]:
        """Whether the write may be sent; without a guard, the object is read again as late as possible."""
        while True:
            yield from self.before_call(address)
            checked_at = self.world.now
            if obeyed or not self.variant.tests:
                return True
            if not (yield from self._is_unchanged(address, seen)):
                return False
            if self.world.now - checked_at <= FRESH:
                return True

    def _is_unchanged(self, address: str, seen: Thing) -> Generator[float, None, bool]:
        if not self.variant.tests:
            return True
        current = yield from self.ours(address)
        return current is not None and current.fields["/text"] == seen.fields["/text"]

    def _conflict(self, address: str, desired: str, *, doubted: bool) -> None:
        """Report a conflict; "unknown" if an unguarded, unanswered call may still take effect."""
        self.edits.add(Edit(address, "/text"))
        status = "unknown" if doubted else "failed"
        self.outcomes.append(Outcome(address, "update", status, self.binding(address).id, {"/text": desired}))
        self.code = max(self.code, 6 if doubted else 3)

    def _verify_write(self, address: str, seen: Thing, desired: str, status: int) -> Steps:
        """Verify a write by reads, and report its outcome."""
        bound, before = self.binding(address), seen.fields["/text"]
        live = before
        for pause in WITNESSES if self.variant.witness else (0.0,):
            yield pause + 0.1
            current = yield from self.ours(address)
            if current is None:  # the object was deleted, before or after the write
                self.outcomes.append(Outcome(address, "update", "unknown", bound.id, {"/text": desired}))
                self.code = max(self.code, 6)
                return
            live = current.fields["/text"]
            if live == desired:
                break
        self._record()
        if live == desired or live != before or not self.variant.witness:
            bound.base, bound.key, bound.agreed, bound.unkept = desired, self.key, False, None
            self._report_done(address, desired, live)
        elif status == NOTHING:
            self.outcomes.append(Outcome(address, "update", "unknown", bound.id, {"/text": desired}))
            self.code = max(self.code, 6)
        else:
            self.outcomes.append(Outcome(address, "update", "failed", bound.id, {"/text": desired}))
            self.code = max(self.code, 5)

    def _report_done(self, address: str, desired: str, live: str) -> None:
        bound = self.binding(address)
        unkept = frozenset({"/text"}) if live != desired else frozenset()
        self.outcomes.append(Outcome(address, "update", "done", bound.id, {"/text": desired}, unkept))
        if unkept and self.variant.witness:
            self.concluded[address] = desired, live
        elif unkept:
            bound.unkept = desired, live

    # Deletes.

    def _delete(self, address: str) -> Steps:
        bound = self.binding(address)
        self._record()
        status = "unknown"
        for _ in ("first", "second and last"):
            if not (yield from self._still_there(address)):
                status = "done"
                break
            try:
                response = self.world.delete(self.who, KINDS[address], bound.id)
            except Lost:
                response = NOTHING
            yield 0.1
            if response == THROTTLED and not self.variant.honest:
                status = "failed"
                break
        else:
            status = "done" if (yield from self.ours(address)) is None else status
        self._record()
        if status == "done":
            self.disk.bound.pop(address, None)
            self.know()
            self.outcomes.append(Outcome(address, "delete", "done", bound.id))
        else:
            self.outcomes.append(Outcome(address, "delete", status, bound.id))
            self.code = max(self.code, 6 if status == "unknown" else 5)

    def _still_there(self, address: str) -> Generator[float, None, bool]:
        """Whether the object exists, by a read that is fresh when the delete is sent: a delete has no guard."""
        while True:
            yield from self.before_call(address)
            checked_at = self.world.now
            if (yield from self.ours(address)) is None:
                return False
            if self.world.now - checked_at <= FRESH or not self.variant.fence:
                return True

    # The lock.

    def keep_lock(self) -> None:
        """Renew the lease; LockLost if another run has it.  A run may be cut off from the store for good."""
        if not self.cut and self.world.happens(self.world.odds.cut_off):
            self.cut = True
        if not self.cut:
            if not self.world.renew(self.who, self.disk.state):
                raise LockLost
            self.renewed = self.world.now

    def _record(self) -> None:
        """Write to the journal; LockLost unless this run holds the lock and can reach the store."""
        self.keep_lock()
        if self.cut or self.world.leases[self.disk.state].holder != self.who:
            raise LockLost

    def _wait_for_record(self) -> Steps:
        """Wait for a slow store: a record is durable only after a while, and has the date from before that."""
        if self.world.odds.recording and not self.world.calm:
            took = self.world.chance.uniform(0, self.world.odds.recording)
            yield took
            self.slowest = max(self.slowest, took)

    def _delay(self) -> float:
        return 2 * self.slowest if self.variant.delay else 0.0

    def before_call(self, address: str) -> Steps:
        """From the check of the lock to the first byte of a call; the machine may stall in between."""
        self.keep_lock()
        pending = self.disk.pending.get(address)
        dated, durable = pending.time if pending else self.world.now, self.world.now
        delay = pending.delay if pending else 0.0
        while True:
            if self.world.happens(self.world.odds.stall):
                if address in self.disk.bound and self.world.happens(self.world.odds.during_stall):
                    self.world.write(self.disk.bound[address].id, {"/text": f"by hand in a stall of {self.who}"})
                yield self.world.chance.uniform(0, self.world.odds.stalled)
            if not self.variant.fence:
                return
            if self.world.now - self.renewed > self.world.odds.lease - 1:
                raise LockLost
            in_time = self.world.now - dated <= FRESH + delay or not self.variant.delay
            if self.world.now - durable <= FRESH and in_time:
                break
            dated, delay = self.world.now, self._delay()
            yield from self._wait_for_record()
            self._record()  # with a new date
            durable = self.world.now
            if pending:
                self.disk.pending[address] = _redated(pending, dated, delay)
        if self.world.happens(self.world.odds.stall_after_fence):
            yield self.world.chance.uniform(0, self.world.odds.stalled)

    def know(self) -> None:
        """Record the bindings of the state in the history."""
        bound = {address: binding.id for address, binding in self.disk.bound.items()}
        applied: dict[str, tuple[str, ...]] = dict.fromkeys(bound, ("/name", "/text"))
        self.world.emit(StateWritten(self.disk.state, bound, applied=applied, time=self.world.now))


def _redated(intent: Intent, now: float, delay: float) -> Intent:
    """An intent with a new date and delay."""
    return Intent(intent.known, now, intent.sent, delay=delay)


def alike(name: str, shown: str) -> bool:
    """Whether a server may have stored a name in the form shown: trimmed, composed, escaped or shortened."""
    ours, theirs = _plain(name), _plain(shown)
    return ours == theirs or (len(theirs) >= _CUT and ours.startswith(theirs))


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", html.unescape(name)).split())


def _same(sent: Mapping[str, str], thing: Thing) -> bool:
    return thing.fields["/text"].rstrip(".") == sent["/text"].rstrip(".")
