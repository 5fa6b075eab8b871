"""The state while an apply changes it: intents before calls, ids on disk before the next, a checkpoint at the end."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from math import ceil
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.errors import Ambiguous, LockError, StateError, TavusctlError
from tavusctl.core.model import Action
from tavusctl.core.ports import State, Store
from tavusctl.core.project_settings import Known, Safety
from tavusctl.lib.clock import uptime
from tavusctl.lib.json_types import JsonObject
from tavusctl.secrets import redaction
from tavusctl.state import journal
from tavusctl.state.journal import Intent, Inverse
from tavusctl.state.seals import Seals

SEND_WINDOW: Final = 5.0  # seconds after a record of a call is known to be durable in which its first byte may leave
_JUST_NOW: Final = 1.0  # seconds after which a call about to begin is put on record anew, and looked at again


class Call(Struct):
    """A call on record whose outcome is not."""

    address: Address
    dated: float  # when it was put on record last
    durable: float  # when that was known to have been done
    delay: int  # seconds, beyond those of the window, that the record grants from its date on
    begun: float  # when it was put on record first; what it is about was looked at right before, or later
    sent: bool = False

    def may_leave(self, now: float) -> bool:
        """Whether the first byte may leave by what is on record."""
        return now - self.durable < SEND_WINDOW and now - self.dated < SEND_WINDOW + self.delay

    def is_new(self, now: float) -> bool:
        """Whether its record leaves time to connect."""
        return now - self.durable < _JUST_NOW and now - self.dated < _JUST_NOW + self.delay


class Recorder(Struct):
    """The only writer of state and journal; safe to share between threads."""

    store: Store
    state: State
    run: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    ids: dict[str, Address] = field(default_factory=dict)  # of every known object; kept up while ids are made
    guard: threading.Lock = field(default_factory=threading.Lock)
    begun: bool = False
    records: list[bytes] = field(default_factory=list)  # what this run has put into the journal
    pending: dict[str, Call] = field(default_factory=dict)  # by operation
    # of the updates of each that nobody has noted the end of, in their order, with their operations
    inverses: dict[Address, list[tuple[str, Inverse]]] = field(default_factory=dict)
    archive: Callable[[Sequence[bytes]], None] = lambda _: None  # keeps the records of a run when it ends
    custody: Seals = Seals()  # makes the seals
    mac: str = ""  # seal of the last record
    slowest: float = 0.0  # seconds that a record took at most until it was durable
    uptime: Callable[[], float] = uptime

    def begin(self, known: Mapping[str, Sequence[str]]) -> None:
        """Open the journal of this run; `known` are the ids that were there before it, where creates follow."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._append(journal.begin(self.state, self.run, known, now))
        self.begun = True

    def intend(
        self,
        address: Address,
        action: Action,
        *,
        remote_id: str = "",
        spec: JsonObject | None = None,
        name: str = "",
        time: str = "",
        inverse: Inverse | None = None,
        ids: Mapping[str, str] | None = None,
    ) -> str:
        """Put a call on record before it is made; the name of the operation, for its result."""
        op, dated, delay = uuid.uuid4().hex[:12], self.uptime(), self._delay()
        spec, name = self.custody.discreet(spec or {}), "" if redaction.stands_in(name) else name
        before = self.state.bindings.get(address)
        entry = Intent(op, address, action, remote_id, spec, name, time, before, inverse or Inverse(), ids or {}, delay)
        self._append(journal.intent(entry))
        with self.guard:
            self.inverses.setdefault(address, []).append((op, entry.inverse))
            self.pending[op] = Call(address, dated, self.uptime(), delay, begun=dated)
        return op

    def again(self, op: str, now: Callable[[], str], *, forced: bool = False) -> None:
        """Put on record that a call is made once more, or later than the record of it says; `now` tells when.

        `forced`: it discards unpublished edits, which a run that is killed could tell nobody.
        """
        dated, delay = [0.0], self._delay()

        def record() -> bytes:
            dated[0] = self.uptime()
            return journal.again(op, now(), delay=delay, forced=forced)

        self._append(record)
        call = self.pending[op]
        call.dated, call.durable, call.delay = dated[0], self.uptime(), delay

    def _delay(self) -> int:
        """Seconds that a record may take until it is durable, by what others took."""
        return int(2 * self.slowest)

    @contextmanager
    def sending(
        self, op: str, now: Callable[[], str], check: Callable[[], None] = lambda: None, *, changes: bool = True
    ) -> Iterator[Fence]:
        """The fence for one call of an operation; unless that ends Ambiguous, an error says that it was not done.

        `now` tells the server's time.  `check` looks again whether the call may be made, when time has passed since it
        was put on record.  `changes` is whether it changes anything at all.
        """
        fence = Fence(self, op, now, check, changes)
        try:
            yield fence
        except Ambiguous:
            raise
        except TavusctlError:
            fence.take_back()
            raise

    def doubt(self, op: str) -> None:
        """Count an operation as one that may have been carried out."""
        self.pending[op].sent = True

    def clear(self, op: str) -> None:
        """Count an operation as one that surely is not carried out, now or later."""
        self.pending[op].sent = False

    def is_sent(self, op: str) -> bool:
        """Whether an operation may have been carried out, and nothing is on record of how it ended."""
        return op in self.pending and self.pending[op].sent

    def in_doubt(self, address: Address) -> frozenset[str]:
        """The operations at an address that may have been carried out."""
        pending = dict(self.pending)
        return frozenset(op for op, call in pending.items() if call.address == address and call.sent)

    def answered(self, op: str, remote_id: str) -> None:
        """Put on record which id a create was answered with, before anybody looks at it."""
        self._append(journal.answered(op, remote_id))

    def note_left(self, address: Address, read: Callable[[Inverse], JsonObject]) -> None:
        """Put on record what updates left, where the server shows more than was written; of each place the last one."""
        later: set[str] = set()
        for op, inverse in reversed(self.inverses.pop(address, [])):
            self._append(partial(_shown_as_left, op, inverse, read, frozenset(later)))
            later |= inverse.left.keys()

    def settle(self, op: str, *, done: bool) -> None:
        """Put on record that a call was carried out, or surely was not."""
        self._append(journal.result(op, "done" if done else "failed"))
        self.pending.pop(op, None)

    def bind(self, binding: Binding, op: str = "") -> None:
        """Record what an address is bound to from now on."""
        binding = self.custody.discreet_binding(binding)
        try:
            self._append(journal.bind(binding, op))
        except (StateError, LockError) as error:
            if op:  # the id may be known nowhere else
                message = f"`{binding.address}` is {binding.remote_id} now: {error.message}"
                raise type(error)(message, error.hint, id=error.id) from None
            raise
        with self.guard:
            self.pending.pop(op, None)
            before = self.state.bindings.get(binding.address)
            if before:
                self.ids.pop(before.remote_id, None)
            self.ids[binding.remote_id] = binding.address
            self.state = replace(self.state, bindings={**self.state.bindings, binding.address: binding})

    def confirm(self, binding: Binding) -> None:
        """Remember what a read has shown, with the next checkpoint; without one, the next plan looks."""
        binding = self.custody.discreet_binding(binding)
        with self.guard:
            self.state = replace(self.state, bindings={**self.state.bindings, binding.address: binding})

    def forget(self, address: Address, op: str = "", *, named: bool = False) -> None:
        """Drop a binding; where it is still `named` by a manifest, its id goes on to stand for the address."""
        before = self.state.bindings.get(address)
        self._append(journal.forget(address, op, before))
        with self.guard:
            self.pending.pop(op, None)
            if before and not named:
                self.ids.pop(before.remote_id, None)
            left = {key: value for key, value in self.state.bindings.items() if key != address}
            self.state = replace(self.state, bindings=left)

    def remember(self, safety: Safety | None, reads: Known | None) -> None:
        """Remember the limits on deletes that this run worked under and what it read; kept with the next checkpoint."""
        with self.guard:
            self.state = replace(self.state, safety=safety, reads=reads)

    def get(self, address: Address) -> Binding | None:
        """The binding of an address, if it has one."""
        return self.state.bindings.get(address)

    def _append(self, record: bytes | Callable[[], bytes | None]) -> None:
        """Put a record into the journal, durable before this returns; while it is written, others may queue behind.

        One that is made when its turn has come is as young as can be.
        """
        with self.guard:
            content = record() if callable(record) else record
            if content is None:
                return
            line, mac = self.custody.chained(content, self.mac)
            begun = self.uptime()
            wait = self.store.queue(line)
            self.records.append(line)
            self.mac = mac
        try:
            wait()
        except TavusctlError:
            with self.guard:
                self.records.remove(line)
            raise
        self.slowest = max(self.slowest, self.uptime() - begun)

    def checkpoint(self) -> None:
        """Write the state, then clear the journal: a kill in between leaves a journal that is known to be behind."""
        with self.guard:
            self.state = self.custody.sealed(replace(self.state, serial=self.state.serial + 1))
            self.store.write(self.state)
            self.archive(tuple(self.records))
            self.store.clear_journal()


def _shown_as_left(
    op: str, inverse: Inverse, read: Callable[[Inverse], JsonObject], later: AbstractSet[str]
) -> bytes | None:
    shown = {pointer: value for pointer, value in read(inverse).items() if pointer not in later}
    left = {**inverse.left, **shown}
    return journal.left(op, left) if left != inverse.left else None


class Fence(Struct):
    """Lets a call of one operation pass while the lock is surely held and its record in the journal is fresh."""

    ledger: Recorder
    op: str
    now: Callable[[], str]
    check: Callable[[], None]
    changes: bool
    marked: bool = False  # this call is why the operation counts as sent
    looked: float = 0.0  # when the check was made last

    def renew(self) -> None:
        """Put the call on record anew, which asks the store for the lock, and look again, unless all that is fresh."""
        self.take_back()  # whoever comes again was refused for now, or has sent nothing
        ledger, call = self.ledger, self.ledger.pending[self.op]
        if not (ledger.store.held() and call.is_new(ledger.uptime())):
            ledger.again(self.op, self.now)
            if (took := call.durable - call.dated) > SEND_WINDOW and not ledger.store.held():
                raise _too_slow(took)
        now = ledger.uptime()
        if now - max(call.begun, self.looked) >= _JUST_NOW:  # after the record: what takes a store long is seen
            self.check()
            self.looked = now

    def passes(self) -> bool:
        """Whether the first byte may leave; from then on, the operation may have been carried out."""
        call = self.ledger.pending[self.op]
        if not (self.ledger.store.held() and call.may_leave(self.ledger.uptime())):
            return False
        if self.changes and not call.sent:
            call.sent = self.marked = True
        return True

    def take_back(self) -> None:
        """What this call has sent was surely not carried out."""
        if self.marked:
            self.ledger.pending[self.op].sent = self.marked = False


def _too_slow(seconds: float) -> StateError:
    message = f"the state took {seconds:.0f} s to store a record, and its lock may be another's after so long a time"
    hint = f"set TAVUSCTL_LOCK_LEASE={ceil(seconds) * 5} for all runs, or keep the state somewhere nearer"
    return StateError(message, hint, id="E936")
