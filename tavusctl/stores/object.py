"""A store in a bucket: state, lock and journal as objects, every write on a condition that another run would break.

`<prefix>/state.json`, `<prefix>/lock`, `<prefix>/wal/<epoch>-<turn>/<number>`; `<prefix>/runs/` and `<prefix>/trash/`
keep what `undo` needs; `<prefix>/probe/` holds for a moment what shows the store's clock, and that it keeps conditions.
"""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Iterator
from typing import Final

from tavusctl.errors import LockError, StateError
from tavusctl.ports import State
from tavusctl.stores.bucket import Bucket, Taken, Version
from tavusctl.stores.codec import decode, encode
from tavusctl.stores.lease import Lease, Pace, unlock
from tavusctl.stores.recordobjects import RecordObjects
from tavusctl.stores.shelf import RUNS, check_newest
from tavusctl.stores.shelfobjects import ShelfObjects

NAME: Final = "state.json"


class ObjectStore:
    """State in a folder of an object store, shared by a team."""

    def __init__(self, bucket: Bucket, pace: Pace) -> None:
        self._bucket = bucket
        self._pace = pace
        self._guard = threading.RLock()
        self._version: Version | None = None  # of the state when it was last read or written here
        self._lease: Lease | None = None
        self._records = RecordObjects(bucket)
        self.shelf = ShelfObjects(bucket)
        self._probed = False

    def read(self, *, older: bool = False) -> State:
        """The state; one of a new lineage when none was ever written."""
        with self._guard:
            found = self._bucket.get(NAME)
            self._version = found.version if found else None
            if found is None:
                return State(lineage=str(uuid.uuid4()))
            state = decode(found.content, f"{self._bucket.url}/{NAME}")
        return state if older else check_newest(state, self.shelf.names(RUNS), f"the state {self._bucket.url}")

    def write(self, state: State) -> None:
        """Replace the state that was read last; LockError when another run has replaced it meanwhile."""
        with self._guard:
            self._probe()
            self._check()
            try:
                self._version = self._bucket.put(NAME, encode(state, _fence()), self._version)
            except Taken:
                message = f"the state {self._bucket.url} was lost to another run, which has written it meanwhile"
                raise self._failed(message) from None

    @contextlib.contextmanager
    def lock(self, timeout: float = 0.0, command: str = "") -> Iterator[None]:
        """Hold the state alone; LockError names who holds it, once `timeout` seconds have passed."""
        self._probe()
        lease = Lease(self._bucket, self._pace)
        unclean = lease.take(command, timeout, self._records.newest_epoch() + 1)
        self._lease = lease
        try:
            self._records.begin(lease)
            self._reread(touch=unclean)
            yield
        finally:
            self._lease = None
            lease.give_back()

    def held(self) -> bool:
        """Whether the lease surely goes on."""
        if self._lease is None:
            message = f"the state {self._bucket.url} is not locked by this run"
            raise LockError(message, id="E702")
        return self._lease.is_sure()

    def unlock(self, owner: str, *, dead: str = "") -> None:
        """Free the lock of a run that is no more."""
        self._probe()
        unlock(self._bucket, owner, dead)

    def journal(self) -> list[bytes]:
        """Records that no run has cleared, in order."""
        return self._records.read()

    def append(self, record: bytes) -> None:
        """Add a record to the journal of this run; the lock must be held."""
        self._records.append(record)

    def clear_journal(self) -> None:
        """Make all records void; the lock must be held."""
        self._records.clear()

    def _reread(self, *, touch: bool) -> None:
        """Take note of the state's version; `touch` replaces it, so that a late write of an earlier run fails."""
        while True:
            found = self._bucket.get(NAME)
            self._version = found.version if found else None
            if found is None or not touch:
                return
            state = decode(found.content, f"{self._bucket.url}/{NAME}")
            with contextlib.suppress(Taken):  # that write has just come through: look again
                self._version = self._bucket.put(NAME, encode(state, _fence()), found.version)
                return

    def _check(self) -> None:
        if self._lease:
            self._lease.check()

    def _failed(self, message: str) -> LockError:
        if self._lease:
            return self._lease.fail(message)
        return LockError(message, "run tavusctl plan to see where things stand", id="E702")

    def _probe(self) -> None:
        """Once per run: the store must refuse what a condition forbids, or two runs could overwrite one another."""
        if self._probed:
            return
        name = f"probe/{uuid.uuid4().hex}"
        first = self._bucket.put(name, b"first", None)
        try:
            self._must_refuse(name, b"create twice", None)
            self._bucket.put(name, b"second", first)
            self._must_refuse(name, b"replace what is no more", first)
        except Taken:
            self._ignores("a replacement of the right version was refused")
        finally:
            self._bucket.sweep([name])
        self._probed = True

    def _must_refuse(self, name: str, content: bytes, expected: Version | None) -> None:
        with contextlib.suppress(Taken):
            self._bucket.put(name, content, expected)
            self._ignores("a write that should have been refused was accepted")

    def _ignores(self, what: str) -> None:
        message = f"{self._bucket.url} does not keep conditions of writes: {what}"
        hint = (
            "use a store with If-None-Match and If-Match on PUT, such as S3, Google Cloud Storage or Azure Blob Storage"
        )
        raise StateError(message, hint, id="E911")


def _fence() -> str:
    return uuid.uuid4().hex
