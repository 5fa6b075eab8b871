"""What a run does, as a generator: at every `yield` others may go on, time may pass, and the run may be killed.

`Variant` takes one part away at a time; the model shows what each is for.  What outlives a kill stands in `Disk`.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from msgspec import Struct

from tests.history.events import Begin, Edit, End, Fields, Known, Outcome, Planned
from tests.model.server import CONFLICT, MISSING, NOTHING, OK, THROTTLED, UNCHANGED, Lost, Thing, World

PROJECT = "project"
KINDS = {"cheap": "cheap", "other": "cheap", "costly": "costly"}  # by name of an address
LOOKS = (0.0, 2.0, 5.0, 10.0, 30.0, 60.0)
WITNESSES = (0.0, 2.0, 10.0)
LOCK_TIMEOUT = 400.0
FRESH = 5.0  # seconds that an intent or a look may be old at the first byte
_CUT = 20
Steps = Generator[float, None, None]


class Variant(Struct, frozen=True):
    """The parts of the protocol."""

    evidence: bool = True  # an id in a 2xx is looked at; nothing is posted again after a 2xx
    names: bool = True  # a name is always sent
    lens: bool = True  # names are compared as servers may spell them, and by all that was sent
    throttled: bool = True  # after 429 a look comes before a repeat
    settle: bool = True  # a second POST only when the first would have shown
    intent: bool = True  # on disk before the call, the id on disk at once
    token: bool = True  # a costly object carries a token until its id is on disk
    tests: bool = True  # `test` where it is obeyed
    per_kind: bool = True  # ... which is asked of each kind
    witness: bool = True  # "not kept" only with a second look, and never when it reads as before
    fence: bool = True  # lease and age are looked at when the first byte leaves
    delay: bool = True  # an intent says by how much its call may leave late, where a record takes its time
    created: bool = True  # an object of another date than ours is not ours
    passes: bool = True  # a list is read until two passes agree
    honest: bool = True  # what may have been done is unknown, not failed
    lineage: bool = True  # fingerprints of secrets do not hang on the API key


class APerson(Exception):
    """Not to be decided by a program; what may have happened stays on disk."""


class LockLost(Exception):
    """Another run has the lock, or may have it."""


@dataclass(frozen=True, slots=True)
class Intent:
    """A create on disk, without its result."""

    known: frozenset[tuple[str, float]]  # ids and dates of creation: an id may be given out again
    time: float
    sent: Mapping[str, str]
    accepted: bool = False  # a 2xx was seen: it is never sent again without a person
    delay: float = 0.0  # seconds by which the call may leave later than usual


@dataclass(slots=True)
class Bound:
    """What the state knows of an object."""

    id: str
    created: float
    base: str  # the text that was applied last
    unkept: tuple[str, str] | None = None  # wanted text, and what the server made of it
    token: bool = False  # its name is a token still
    key: str = ""
    agreed: bool = False  # a person has seen the conflict: --overwrite


@dataclass(slots=True)
class Disk:
    """What outlives a kill."""

    state: str
    bound: dict[str, Bound] = field(default_factory=dict)
    pending: dict[str, Intent] = field(default_factory=dict)


@dataclass(slots=True)
class Manifests:
    """What is wanted: a text by address, and a name where the manifest gives one."""

    texts: dict[str, str]
    named: dict[str, str]

    def fields(self, address: str) -> Fields:
        """The fields that the manifest gives."""
        name = {"/name": self.named[address]} if address in self.named else {}
        return {**name, "/text": self.texts[address]}


@dataclass(slots=True)
class Run:
    """One run under way."""

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
    concluded: dict[str, tuple[str, str]] = field(default_factory=dict)  # not kept; on disk when it is told
    sent: set[str] = field(default_factory=set)  # addresses whose create has left
    slowest: float = 0.0  # seconds that a record has taken at most

    def go(self) -> Steps:
        """The whole run; it ends at once where another one is at work."""
        world, state = self.world, self.disk.state
        waits = world.now + LOCK_TIMEOUT
        while not world.lock(self.who, state):
            if world.now > waits:
                return
            yield 5.0
        self.manifests = Manifests(dict(self.manifests.texts), self.manifests.named)
        world.emit(Begin(self.who, PROJECT, state, "apply", world.now))
        self.renewed = world.now
        try:
            yield from self._work()
        except APerson:
            self.code = 6
        except LockLost:
            self.code = 7
        self._say()

    def _say(self) -> None:
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
        nothing = not self.outcomes and not self.code and not self.edits
        said = frozenset({"No changes"}) if nothing else frozenset()
        told = frozenset(self.edits), frozenset(self.unkept)
        world.emit(End(self.who, self.code, tuple(self.outcomes), *told, said, world.now))

    def _work(self) -> Steps:
        for address, intent in list(self.disk.pending.items()):
            yield from self._recover(address, intent)
        lists = {}
        for kind in ("cheap", "costly"):
            lists[kind] = yield from self.list_(kind)
            self.known[kind] = frozenset(self._key(one) for one in lists[kind].values())
        manifests, bound = self.manifests, self.disk.bound
        twins = [one for listed in lists.values() for one in listed.values() if self._is_twin(one)]
        gone = [address for address in bound if address not in manifests.texts]
        going = {bound[one].id for one in gone} | {one.id for one in twins}
        self.world.emit(Planned(self.who, frozenset(going), (), self.world.now))
        for twin in twins:
            yield from self._sweep(twin)
        for address in list(manifests.texts):
            if address in bound:
                yield from self._bring(address)
            else:
                yield from self._create(address, lists[KINDS[address]])
        if not self.code:
            for address in gone:
                yield from self._delete(address)

    def _is_twin(self, thing: Thing) -> bool:
        """Whether an object carries a token of ours although its address has another object: a create came late."""
        name, claim = thing.fields["/name"], f"claim-{self.disk.state}-"
        bound = name.startswith(claim) and name.removeprefix(claim) in self.disk.bound
        return self.variant.token and bound and self._free(thing)

    def _sweep(self, twin: Thing) -> Steps:
        self._record()
        yield from self.before_call("")
        with suppress(Lost):
            self.world.delete(self.who, twin.kind, twin.id)
        yield 0.1

    # Looks.

    def list_(self, kind: str) -> Generator[float, None, dict[str, Thing]]:
        """All objects of a kind; two passes that agree, or one."""
        found = self.world.list_(self.who, kind)
        yield 0.1
        while self.variant.passes:
            again = self.world.list_(self.who, kind)
            yield 0.1
            if again.keys() == found.keys():
                break
            found = again
        return found

    def binding(self, address: str) -> Bound:
        """What is bound to an address; when another run has taken over, it may be gone."""
        if address not in self.disk.bound:
            raise LockLost
        return self.disk.bound[address]

    def ours(self, address: str) -> Generator[float, None, Thing | None]:
        """The object that is bound to an address, or None where it has gone."""
        bound = self.binding(address)
        thing = self.world.get(self.who, bound.id)
        yield 0.1
        if thing is None or (self.variant.created and thing.created != bound.created):
            return None
        return thing

    def _key(self, thing: Thing) -> tuple[str, float]:
        return thing.id, thing.created if self.variant.created else 0.0

    def _free(self, thing: Thing) -> bool:
        known = (bound.id == thing.id and bound.created == thing.created for bound in self.disk.bound.values())
        return not any(known) if self.variant.created else all(one.id != thing.id for one in self.disk.bound.values())

    def look_for(self, address: str, intent: Intent) -> Generator[float, None, Thing | None]:
        """What a create may have made, of what was not there before."""
        listed = yield from self.list_(KINDS[address])
        new = [one for one in listed.values() if self._key(one) not in intent.known and self._free(one)]
        like = [one for one in new if self._reads(intent.sent, one)]
        if self.variant.lens and not like and any(self._may_be(intent.sent, one) for one in new):
            raise APerson
        if len(like) > 1:
            raise APerson
        return like[0] if like else None

    @staticmethod
    def _may_be(sent: Mapping[str, str], thing: Thing) -> bool:
        """Whether an object may be ours, edited since or spelled in a way that we do not know."""
        return _same(sent, thing) or alike(sent.get("/name", ""), thing.fields["/name"])

    def _reads(self, sent: Mapping[str, str], thing: Thing) -> bool:
        name = sent.get("/name", "")
        if name.startswith("claim-"):
            return thing.fields["/name"] == name
        if not self.variant.lens:
            return thing.fields["/name"] == name and thing.fields["/text"].rstrip(".") == sent["/text"].rstrip(".")
        return alike(name, thing.fields["/name"]) and _same(sent, thing)

    # Creates.

    def _create(self, address: str, listed: dict[str, Thing]) -> Steps:
        sent = self._body(address)
        real = {**sent, "/name": self.manifests.named.get(address, address if self.variant.names else "")}
        if any(self._free(one) and self._rival(real, one) for one in listed.values()):
            self.code = max(self.code, 4)
            return
        try:
            made = yield from self._made(address, sent)
            yield from self._finish(address, made)
        except APerson:
            self.outcomes.append(Outcome(address, "create", "unknown"))
            self.code = 6
        except LockLost:
            status = "unknown" if self.variant.honest and address in self.sent else "failed"
            self.outcomes.append(Outcome(address, "create", status))
            raise
        if address in self.disk.bound and self.disk.bound[address].token:
            yield from self._rename(address)

    def _rival(self, sent: Fields, thing: Thing) -> bool:
        name = sent["/name"]
        return bool(name) and (
            alike(name, thing.fields["/name"]) if self.variant.lens else thing.fields["/name"] == name
        )

    def _body(self, address: str) -> Fields:
        body = self.manifests.fields(address)
        if self.variant.token and KINDS[address] == "costly":
            return {**body, "/name": f"claim-{self.disk.state}-{address}"}
        return {"/name": address, **body} if self.variant.names else body

    def _made(self, address: str, sent: Fields) -> Generator[float, None, Thing]:
        kind = KINDS[address]
        for _ in ("first", "second and last"):
            intent = Intent(self.known[kind], self.world.now, sent, delay=self._delay())
            if self.variant.intent:
                yield from self._takes()
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
            found = yield from self._evidence(address, intent, status, id_)
            if found:
                return found
            if status in (OK, UNCHANGED) and self.variant.evidence:
                raise APerson
        raise APerson

    def _evidence(self, address: str, intent: Intent, status: int, id_: str) -> Generator[float, None, Thing | None]:
        """What an answer, or none, says of the object."""
        if status in (OK, UNCHANGED) and id_:
            thing = self.world.get(self.who, id_)
            yield 0.1
            if thing and self._is_new(intent, thing) and self._agrees(intent.sent, thing):
                return thing
        if status == THROTTLED and not self.variant.throttled:
            return None
        looks = (*LOOKS, self.world.odds.settle) if self.variant.settle else (0.0,)
        began = self.world.now
        for at in looks:
            yield max(0.1, began + at - self.world.now)
            found = yield from self.look_for(address, intent)
            if found:
                return found
        return None

    def _is_new(self, intent: Intent, thing: Thing) -> bool:
        return self._key(thing) not in intent.known and self._free(thing)

    def _agrees(self, sent: Mapping[str, str], thing: Thing) -> bool:
        """Whether the object of an answer is ours: it was not there before, and has all that was sent but the name."""
        if self.variant.evidence:
            return _same(sent, thing)
        return thing.fields["/name"] == sent.get("/name", thing.fields["/name"])

    def _finish(self, address: str, thing: Thing) -> Steps:
        """The id on disk; then the name, where a token was in its place."""
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
            if thing is None:  # deleted meanwhile: the next run makes it again
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
        found: Thing | None = None
        until = intent.time + intent.delay + self.world.odds.settle
        while self.variant.settle and not found and self.world.now < until:
            yield 5.0
            self.keep_lock()
            found = yield from self.look_for(address, intent)
        found = found or (yield from self.look_for(address, intent))
        self._record()
        if not found and intent.accepted:
            raise APerson
        if found:
            token = found.fields["/name"].startswith("claim-")
            text = intent.sent["/text"]
            self.disk.bound[address] = Bound(found.id, found.created, text, None, token, self.key)
            self.know()
        self.disk.pending.pop(address, None)

    # Updates.

    def _bring(self, address: str) -> Steps:
        bound, wanted = self.binding(address), self.manifests.texts[address]
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
            yield from self._write(address, thing, wanted)
            return
        if live == wanted:
            bound.base, bound.unkept = wanted, None
            return
        if bound.unkept == (wanted, live):
            self.unkept.add(Edit(address, "/text"))
            return
        drifted = live != (bound.unkept[1] if bound.unkept else bound.base)
        if drifted:
            self.edits.add(Edit(address, "/text"))
        if drifted and wanted != bound.base and not bound.agreed:
            self.outcomes.append(Outcome(address, "update", "failed", bound.id, {"/text": wanted}))
            self.code = max(self.code, 3)
            bound.agreed = True
            return
        yield from self._write(address, thing, wanted)

    def _write(self, address: str, seen: Thing, wanted: str) -> Steps:
        self._record()
        kind, bound = KINDS[address], self.binding(address)
        obeyed = self.world.obeys[kind if self.variant.per_kind else "cheap"] and self.variant.tests
        test = {"/text": seen.fields["/text"]} if obeyed else None
        status, doubted = NOTHING, False
        for _ in ("first", "second and last"):
            if not (yield from self._ready(address, seen, obeyed=obeyed)):
                self._conflict(address, wanted, doubted=doubted and not obeyed)
                return
            try:
                status = self.world.patch(self.who, kind, bound.id, {"/text": wanted}, test)
            except Lost:
                status = NOTHING
            doubted = doubted or (status == NOTHING and self.variant.honest)
            yield 0.1
            if status in (OK, UNCHANGED, CONFLICT, MISSING):
                break
            now = yield from self.ours(address)
            if now is None or now.fields["/text"] != seen.fields["/text"]:
                break
            if not obeyed and self.variant.honest and status == NOTHING:
                break  # it may come late, and nothing would stop it
        now = (yield from self.ours(address)) if status == CONFLICT else None
        if status == MISSING or (status == CONFLICT and (now is None or now.fields["/text"] != wanted)):
            self._conflict(address, wanted, doubted=doubted and not obeyed)
        else:
            refused = status not in (OK, UNCHANGED)
            yield from self._believe(address, seen, wanted, NOTHING if doubted and refused else status)

    def _ready(self, address: str, seen: Thing, *, obeyed: bool) -> Generator[float, None, bool]:
        """Whether to write; without a test the object is looked at once more, as late as possible."""
        while True:
            yield from self.before_call(address)
            looked = self.world.now
            if obeyed or not self.variant.tests:
                return True
            if not (yield from self._unmoved(address, seen)):
                return False
            if self.world.now - looked <= FRESH:
                return True

    def _unmoved(self, address: str, seen: Thing) -> Generator[float, None, bool]:
        if not self.variant.tests:
            return True
        now = yield from self.ours(address)
        return now is not None and now.fields["/text"] == seen.fields["/text"]

    def _conflict(self, address: str, wanted: str, *, doubted: bool) -> None:
        """Somebody was faster; a call without a test that nobody has answered may come all the same."""
        self.edits.add(Edit(address, "/text"))
        status = "unknown" if doubted else "failed"
        self.outcomes.append(Outcome(address, "update", status, self.binding(address).id, {"/text": wanted}))
        self.code = max(self.code, 6 if doubted else 3)

    def _believe(self, address: str, seen: Thing, wanted: str, status: int) -> Steps:
        """A write is believed when it is seen."""
        bound, before = self.binding(address), seen.fields["/text"]
        live = before
        for pause in WITNESSES if self.variant.witness else (0.0,):
            yield pause + 0.1
            now = yield from self.ours(address)
            if now is None:  # it has disappeared, and nobody can say when
                self.outcomes.append(Outcome(address, "update", "unknown", bound.id, {"/text": wanted}))
                self.code = max(self.code, 6)
                return
            live = now.fields["/text"]
            if live == wanted:
                break
        self._record()
        if live == wanted or live != before or not self.variant.witness:
            bound.base, bound.key, bound.agreed, bound.unkept = wanted, self.key, False, None
            self._told_done(address, wanted, live)
        elif status == NOTHING:
            self.outcomes.append(Outcome(address, "update", "unknown", bound.id, {"/text": wanted}))
            self.code = max(self.code, 6)
        else:
            self.outcomes.append(Outcome(address, "update", "failed", bound.id, {"/text": wanted}))
            self.code = max(self.code, 5)

    def _told_done(self, address: str, wanted: str, live: str) -> None:
        bound = self.binding(address)
        unkept = frozenset({"/text"}) if live != wanted else frozenset()
        self.outcomes.append(Outcome(address, "update", "done", bound.id, {"/text": wanted}, unkept))
        if unkept and self.variant.witness:
            self.concluded[address] = wanted, live
        elif unkept:
            bound.unkept = wanted, live

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
                told = self.world.delete(self.who, KINDS[address], bound.id)
            except Lost:
                told = NOTHING
            yield 0.1
            if told == THROTTLED and not self.variant.honest:
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
        """A look that is fresh when the delete leaves: nothing else guards it."""
        while True:
            yield from self.before_call(address)
            looked = self.world.now
            if (yield from self.ours(address)) is None:
                return False
            if self.world.now - looked <= FRESH or not self.variant.fence:
                return True

    # The lock.

    def keep_lock(self) -> None:
        """The heartbeat, where the store is in reach."""
        if not self.cut and self.world.happens(self.world.odds.cut_off):
            self.cut = True
        if not self.cut:
            if not self.world.renew(self.who, self.disk.state):
                raise LockLost
            self.renewed = self.world.now

    def _record(self) -> None:
        """Write to the journal, which only the holder of the lock can."""
        self.keep_lock()
        if self.cut or self.world.leases[self.disk.state].holder != self.who:
            raise LockLost

    def _takes(self) -> Steps:
        """A store that is far away: what is recorded is durable only after a while, and bears the date from before."""
        if self.world.odds.recording and not self.world.calm:
            took = self.world.chance.uniform(0, self.world.odds.recording)
            yield took
            self.slowest = max(self.slowest, took)

    def _delay(self) -> float:
        return 2 * self.slowest if self.variant.delay else 0.0

    def before_call(self, address: str) -> Steps:
        """From the look at the lock to the first byte: there a machine can stand still."""
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
            yield from self._takes()
            self._record()  # dated again
            durable = self.world.now
            if pending:
                self.disk.pending[address] = _again(pending, dated, delay)
        if self.world.happens(self.world.odds.stall_after_fence):
            yield self.world.chance.uniform(0, self.world.odds.stalled)

    def know(self) -> None:
        """What the state knows, for the history."""
        bound = {address: one.id for address, one in self.disk.bound.items()}
        applied: dict[str, tuple[str, ...]] = dict.fromkeys(bound, ("/name", "/text"))
        self.world.emit(Known(self.disk.state, bound, applied=applied, time=self.world.now))


def _again(intent: Intent, now: float, delay: float) -> Intent:
    """An intent with a later date."""
    return Intent(intent.known, now, intent.sent, delay=delay)


def alike(name: str, shown: str) -> bool:
    """Whether a name may be another as a server spells it."""
    ours, theirs = _plain(name), _plain(shown)
    return ours == theirs or (len(theirs) >= _CUT and ours.startswith(theirs))


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", html.unescape(name)).split())


def _same(sent: Mapping[str, str], thing: Thing) -> bool:
    return thing.fields["/text"].rstrip(".") == sent["/text"].rstrip(".")
