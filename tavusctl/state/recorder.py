"""The state during an apply: an intent before each call, new ids on disk before the next call, a final checkpoint."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
from tavusctl.core.project_settings import ApprovedInputs, Safety
from tavusctl.lib.clock import uptime
from tavusctl.lib.json_types import JsonObject
from tavusctl.secrets import redaction
from tavusctl.state import journal
from tavusctl.state.journal import Intent, Inverse
from tavusctl.state.seals import Seals

SEND_WINDOW: Final = 5.0  # seconds, from when the record of a call is known to be durable, to send its first byte
_JUST_NOW: Final = 1.0  # seconds after which a call that is about to start is recorded and checked again


class OpenCall(Struct):
    """A call that is in the journal and has no outcome there yet; times are those of `Recorder.uptime`."""

    address: Address
    recorded_at: float  # when its last record was made
    durable_at: float  # when that record was known to be durable
    delay: int  # seconds that the record allows after `recorded_at`, in addition to SEND_WINDOW
    first_recorded_at: float  # when its first record was made; its object was checked right before, or later
    sent: bool = False

    def may_be_sent(self, now: float) -> bool:
        """Whether the record still allows the first byte to be sent."""
        return now - self.durable_at < SEND_WINDOW and now - self.recorded_at < SEND_WINDOW + self.delay

    def is_new(self, now: float) -> bool:
        """Whether the record is so new that there is time to connect."""
        return now - self.durable_at < _JUST_NOW and now - self.recorded_at < _JUST_NOW + self.delay


class Recorder(Struct):
    """The only writer of state and journal while the steps of an apply run; safe to share between threads."""

    store: Store
    state: State
    run: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    ids: dict[str, Address] = {}  # by id, of every known object; includes new ids
    lock: threading.Lock = field(default_factory=threading.Lock)
    records: list[bytes] = []  # all records that this run has appended to the journal
    pending: dict[str, OpenCall] = {}  # by operation
    # (operation, inverse) of the updates of each address, in order, whose resulting values are not recorded yet
    inverses: dict[Address, list[tuple[str, Inverse]]] = {}
    creates: dict[Address, Intent] = {}  # the last create of each address
    archive: Callable[[Sequence[bytes]], None] = lambda _: None  # archives the records of a run when it ends
    seals: Seals = Seals()  # makes the seals
    mac: str = ""  # seal of the last record
    slowest: float = 0.0  # the longest time in seconds that a record took to become durable
    uptime: Callable[[], float] = uptime

    def begin(self, known: Mapping[str, Sequence[str]]) -> None:
        """Start the journal of this run; `known` are the existing ids, by kind, of kinds with objects to be created."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._append(journal.begin_record(self.state, self.run, known, now))

    def record_intent(
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
        """Record a call before it is sent; returns the id of the operation, to which its result will refer."""
        op, dated, delay = uuid.uuid4().hex[:12], self.uptime(), self._delay()
        spec, name = self.seals.without_secret_values(spec or {}), "" if redaction.contains_secret(name) else name
        before = self.state.bindings.get(address)
        entry = Intent(op, address, action, remote_id, spec, name, time, before, inverse or Inverse(), ids or {}, delay)
        self._append(journal.intent_record(entry))
        with self.lock:
            self.inverses.setdefault(address, []).append((op, entry.inverse))
            self.pending[op] = OpenCall(address, dated, self.uptime(), delay, first_recorded_at=dated)
            if not remote_id:
                self.creates[address] = entry
        return op

    def record_retry(self, op: str, now: Callable[[], str], *, forced: bool = False) -> None:
        """Record that a call is sent again, or later than its record says; `now` returns the server's time.

        `forced`: the call discards unpublished edits.  It is recorded because a killed run could not report it.
        """
        dated, delay = [0.0], self._delay()

        def record() -> bytes:
            dated[0] = self.uptime()
            return journal.retry_record(op, now(), delay=delay, forced=forced)

        self._append(record)
        call = self.pending[op]
        call.recorded_at, call.durable_at, call.delay = dated[0], self.uptime(), delay

    def _delay(self) -> int:
        """The seconds that a new record may take to become durable, estimated as twice those of the slowest so far."""
        return int(2 * self.slowest)

    @contextmanager
    def sending(
        self,
        op: str,
        now: Callable[[], str],
        check: Callable[[], None] = lambda: None,
        permit: Callable[[], None] = lambda: None,
        *,
        changes: bool = True,
    ) -> Iterator[Fence]:
        """The fence for one call of an operation; after an error other than Ambiguous, the call was not carried out.

        `now` returns the server's time.  `check` verifies again that the call may be made, if time has passed since it
        was recorded; `permit` does so right before the first byte is sent, without I/O.  Both raise an error if not.
        `changes` is whether the call changes anything.
        """
        fence = Fence(self, op, now, check, permit, changes)
        try:
            yield fence
        except Ambiguous:
            raise
        except TavusctlError:
            fence.take_back()
            raise

    def mark_sent(self, op: str) -> None:
        """Mark an operation as possibly carried out."""
        self.pending[op].sent = True

    def mark_unsent(self, op: str) -> None:
        """Mark an operation as surely not carried out, neither now nor later."""
        self.pending[op].sent = False

    def is_sent(self, op: str) -> bool:
        """Whether an operation may have been carried out and has no recorded outcome."""
        return op in self.pending and self.pending[op].sent

    def in_doubt(self, address: Address) -> frozenset[str]:
        """The operations of an address that may have been carried out and have no recorded outcome."""
        pending = dict(self.pending)
        return frozenset(op for op, call in pending.items() if call.address == address and call.sent)

    def reopen_create(self, address: Address, remote_id: str) -> None:
        """Take back the binding of a create whose answer named an object that no read shows: its outcome is unknown.

        The next run looks for the object, by its id and by what was sent, as after a lost response.
        """
        created = self.creates[address]
        entry, before, dated = replace(created, op=uuid.uuid4().hex[:12]), created.before, self.uptime()
        restored = journal.bind_record(before) if before else journal.forget_record(address, created.op)
        # Undo reads the outcome of the first operation, which the new one takes the place of.
        void = journal.result_record(created.op, "failed")
        self._append_all([void, journal.intent_record(entry), journal.response_record(entry.op, remote_id), restored])
        with self.lock:
            self.pending[entry.op] = OpenCall(address, dated, self.uptime(), entry.delay, dated, sent=True)
            self.ids.pop(remote_id, None)
            others = {key: value for key, value in self.state.bindings.items() if key != address}
            self.state = replace(self.state, bindings={**others, address: before} if before else others)

    def record_response(self, op: str, remote_id: str) -> None:
        """Record the id in the answer to a create, before the new object is read."""
        self._append(journal.response_record(op, remote_id))

    def record_values_after(self, address: Address, read: Callable[[Inverse], JsonObject]) -> None:
        """Record what the account shows after the updates of an address, where it is not what was written.

        `read` returns the values at the pointers of an update.  If several updates have written one pointer, its value
        is recorded with the last of them only.
        """
        later: set[str] = set()
        for op, inverse in reversed(self.inverses.pop(address, [])):
            self._append(partial(_values_after_record, op, inverse, read, frozenset(later)))
            later |= inverse.values_after.keys()

    def record_result(self, op: str, *, done: bool) -> None:
        """Record that a call was carried out, or surely was not."""
        self._append(journal.result_record(op, "done" if done else "failed"))
        self.pending.pop(op, None)

    def bind(self, binding: Binding, op: str = "") -> None:
        """Record a new or changed binding, in the journal and in the state."""
        binding = self.seals.binding_without_secret_values(binding)
        try:
            self._append(journal.bind_record(binding, op))
        except (StateError, LockError) as error:
            if op:  # the id may be recorded nowhere else
                message = f"`{binding.address}` is {binding.remote_id} now: {error.message}"
                raise type(error)(message, error.hint, id=error.id) from None
            raise
        with self.lock:
            self.pending.pop(op, None)
            self._set([binding])

    def bind_all(self, bindings: Iterable[Binding]) -> None:
        """Record bindings that no call of this run has changed; their records are queued together."""
        bindings = [self.seals.binding_without_secret_values(binding) for binding in bindings]
        self._append_all(partial(journal.bind_record, binding, "") for binding in bindings)
        with self.lock:
            self._set(bindings)

    def confirm(self, *bindings: Binding) -> None:
        """Store what reads have shown, at the next checkpoint only; if there is none, the next plan reads it again."""
        without_secrets = [self.seals.binding_without_secret_values(binding) for binding in bindings]
        with self.lock:
            self.state = _with_bindings(self.state, without_secrets)

    def _set(self, bindings: Iterable[Binding]) -> None:
        """Make bindings part of the state.  Other threads may be reading the old ones, which stay as they are."""
        bindings = list(bindings)
        for binding in bindings:
            before = self.state.bindings.get(binding.address)
            if before:
                self.ids.pop(before.remote_id, None)
            self.ids[binding.remote_id] = binding.address
        self.state = _with_bindings(self.state, bindings)

    def forget(self, address: Address, op: str = "", *, named: bool = False) -> None:
        """Remove a binding; if manifests still refer to it (`named`), its id continues to resolve to the address."""
        before = self.state.bindings.get(address)
        self._append(journal.forget_record(address, op, before))
        with self.lock:
            self.pending.pop(op, None)
            if before and not named:
                self.ids.pop(before.remote_id, None)
            remaining = {key: value for key, value in self.state.bindings.items() if key != address}
            self.state = replace(self.state, bindings=remaining)

    def remember(self, safety: Safety | None, reads: ApprovedInputs | None) -> None:
        """Store the limits on deletes that applied to this run, and what it read; written at the next checkpoint."""
        with self.lock:
            self.state = replace(self.state, safety=safety, reads=reads)

    def get(self, address: Address) -> Binding | None:
        """The binding of an address, if it has one."""
        return self.state.bindings.get(address)

    def _append(self, record: bytes | Callable[[], bytes | None]) -> None:
        """Append a record to the journal; it is durable when this returns.  Other threads may queue theirs meanwhile.

        A callable makes the record when it is its turn, so that the times in it are as recent as possible.
        """
        self._append_all([record])

    def _append_all(self, records: Iterable[bytes | Callable[[], bytes | None]]) -> None:
        """The same for several records: all are queued before the first is waited for."""
        with self.lock:
            started = self.uptime()
            contents = (record() if callable(record) else record for record in records)
            queued = [self._queue(content) for content in contents if content is not None]
        for number, (_, wait) in enumerate(queued):
            try:
                wait()
            except TavusctlError:
                with self.lock:
                    for unwritten, _ in queued[number:]:
                        self.records.remove(unwritten)
                raise
        if len(queued) == 1:  # many take longer than any record of a call will
            self.slowest = max(self.slowest, self.uptime() - started)

    def _queue(self, content: bytes) -> tuple[bytes, Callable[[], None]]:
        """Seal and queue a record; its line, and a function that waits until it is durable."""
        line, mac = self.seals.append_seal(content, self.mac)
        wait = self.store.queue(line)
        self.records.append(line)
        self.mac = mac
        return line, wait

    def checkpoint(self) -> None:
        """Write the state with the next serial, archive the records of this run, and clear the journal.

        After a kill in between, the serial of the journal is behind that of the state, so the next run clears it.
        """
        with self.lock:
            self.state = self.seals.sealed(replace(self.state, serial=self.state.serial + 1))
            self.store.write(self.state)
            self.archive(tuple(self.records))
            self.store.clear_journal()


def _with_bindings(state: State, bindings: Iterable[Binding]) -> State:
    return replace(state, bindings={**state.bindings, **{binding.address: binding for binding in bindings}})


def _values_after_record(
    op: str, inverse: Inverse, read: Callable[[Inverse], JsonObject], later: AbstractSet[str]
) -> bytes | None:
    """The journal record of the values after one update; None if they are those that were written."""
    shown_values = {pointer: value for pointer, value in read(inverse).items() if pointer not in later}
    values_after = {**inverse.values_after, **shown_values}
    return journal.values_after_record(op, values_after) if values_after != inverse.values_after else None


class Fence(Struct):
    """Lets a call of one operation be sent only while the lock is surely held and its journal record is recent."""

    recorder: Recorder
    op: str
    now: Callable[[], str]
    check: Callable[[], None]
    permit: Callable[[], None]
    changes: bool
    passed: bool = False  # the first byte of this attempt may have been sent
    marked: bool = False  # the operation counts as sent because of this call
    last_check: float = 0.0  # when `check` was last called

    def renew(self) -> None:
        """Record the call again, which also verifies the lock, and check it again, unless both are recent."""
        self.passed = False
        self.take_back()  # a second attempt means that the first was refused for now, or sent nothing
        recorder, call = self.recorder, self.recorder.pending[self.op]
        if not (recorder.store.held() and call.is_new(recorder.uptime())):
            recorder.record_retry(self.op, self.now)
            if (duration := call.durable_at - call.recorded_at) > SEND_WINDOW and not recorder.store.held():
                raise _too_slow(duration)
        now = recorder.uptime()
        if now - max(call.first_recorded_at, self.last_check) >= _JUST_NOW:  # after the record: a store may be slow
            self.check()
            self.last_check = now

    def passes(self) -> bool:
        """Whether bytes may be sent now; if so, the operation counts as possibly carried out from now on."""
        call = self.recorder.pending[self.op]
        if not (self.recorder.store.held() and call.may_be_sent(self.recorder.uptime())):
            return False
        if not self.passed:
            self.permit()
        self.passed = True
        if self.changes and not call.sent:
            call.sent = self.marked = True
        return True

    def take_back(self) -> None:
        """Note that what this call has sent was surely not carried out."""
        if self.marked:
            self.recorder.pending[self.op].sent = self.marked = False


def _too_slow(seconds: float) -> StateError:
    message = f"the state took {seconds:.0f} s to store a record, and after that time another run may have its lock"
    hint = f"set TAVUSCTL_LOCK_LEASE={ceil(seconds) * 5} for all runs, or use a store for the state that is faster"
    return StateError(message, hint, id="E936")
