"""The state while an apply changes it: intents before calls, ids on disk before the next, a checkpoint at the end."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from msgspec import Struct, field
from msgspec.structs import replace

from tavusctl import journal
from tavusctl.journal import Intent, Inverse
from tavusctl.model import Action, Address, Binding, Document, Safety
from tavusctl.ports import State, Store


class Ledger(Struct):
    """The only writer of state and journal; safe to share between threads."""

    store: Store
    state: State
    run: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    ids: dict[str, Address] = field(default_factory=dict)  # of every known object; kept up while ids are made
    guard: threading.Lock = field(default_factory=threading.Lock)
    begun: bool = False
    records: list[bytes] = field(default_factory=list)  # what this run has put into the journal
    pending: set[str] = field(default_factory=set)  # operations whose outcome is not on record
    inverses: dict[Address, tuple[str, Inverse]] = field(default_factory=dict)  # of the last update of each
    archive: Callable[[Sequence[bytes]], None] = lambda _: None  # keeps the records of a run when it ends

    def begin(self, known: Mapping[str, Sequence[str]]) -> None:
        """Open the journal of this run; `known` are the ids that were there before it, where creates follow."""
        with self.guard:
            self._append(
                journal.begin(self.state, self.run, known, datetime.now(UTC).isoformat(timespec="milliseconds"))
            )
            self.begun = True

    def intend(
        self,
        address: Address,
        action: Action,
        *,
        remote_id: str = "",
        spec: Document | None = None,
        name: str = "",
        time: str = "",
        inverse: Inverse | None = None,
    ) -> str:
        """Put a call on record before it is made; the name of the operation, for its result."""
        op = uuid.uuid4().hex[:12]
        with self.guard:
            before = self.state.bindings.get(address)
            entry = Intent(op, address, action, remote_id, spec or {}, name, time, before, inverse or Inverse())
            self._append(journal.intent(entry))
            self.inverses[address] = op, entry.inverse
            self.pending.add(op)
        return op

    def again(self, op: str, time: str) -> None:
        """Put on record that a call is made once more."""
        with self.guard:
            self._append(journal.again(op, time))

    def note_left(self, address: Address, read: Callable[[Inverse], Document]) -> None:
        """Put on record what an update left, where the server shows more than was written."""
        with self.guard:
            if address not in self.inverses:
                return
            op, inverse = self.inverses[address]
            shown = read(inverse)
            if shown != inverse.left:
                self._append(journal.left(op, shown))

    def settle(self, op: str, *, done: bool) -> None:
        """Put on record that a call was carried out, or surely was not."""
        with self.guard:
            self._append(journal.result(op, "done" if done else "failed"))
            self.pending.discard(op)

    def bind(self, binding: Binding, op: str = "") -> None:
        """Record what an address is bound to from now on."""
        with self.guard:
            self._append(journal.bind(binding, op))
            self.pending.discard(op)
            before = self.state.bindings.get(binding.address)
            if before:
                self.ids.pop(before.remote_id, None)
            self.ids[binding.remote_id] = binding.address
            self.state = replace(self.state, bindings={**self.state.bindings, binding.address: binding})

    def forget(self, address: Address, op: str = "", *, named: bool = False) -> None:
        """Drop a binding; where it is still `named` by a manifest, its id goes on to stand for the address."""
        with self.guard:
            before = self.state.bindings.get(address)
            self._append(journal.forget(address, op, before))
            self.pending.discard(op)
            if before and not named:
                self.ids.pop(before.remote_id, None)
            left = {key: value for key, value in self.state.bindings.items() if key != address}
            self.state = replace(self.state, bindings=left)

    def remember_guards(self, *, obeyed: bool) -> None:
        """Remember whether the API obeys `test` operations; kept with the next checkpoint."""
        with self.guard:
            self.state = replace(self.state, guarded=obeyed)

    def remember_date(self, address: Address, created_at: str) -> None:
        """Remember when a bound object was made; kept with the next checkpoint, else learned again."""
        with self.guard:
            dated = replace(self.state.bindings[address], created_at=created_at)
            self.state = replace(self.state, bindings={**self.state.bindings, address: dated})

    def remember_safety(self, safety: Safety | None) -> None:
        """Remember the limits on deletes that this run worked under; kept with the next checkpoint."""
        with self.guard:
            self.state = replace(self.state, safety=safety)

    def get(self, address: Address) -> Binding | None:
        """The binding of an address, if it has one."""
        return self.state.bindings.get(address)

    def _append(self, record: bytes) -> None:
        self.store.append(record)
        self.records.append(record)

    def checkpoint(self) -> None:
        """Write the state, then clear the journal: a kill in between leaves a journal that is known to be behind."""
        with self.guard:
            self.state = replace(self.state, serial=self.state.serial + 1)
            self.store.write(self.state)
            self.archive(tuple(self.records))
            self.store.clear_journal()
