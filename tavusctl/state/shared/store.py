"""A store that machines share: state, lock and journal as files, written only if no other run has written them.

The files are `state.json`, `lock`, and the records of the journal; `runs/` and `trash/` have the artifacts for `undo`.
"""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar, Final, Protocol

from tavusctl.core.errors import LockError, StateError
from tavusctl.core.ports import State
from tavusctl.state.artifacts import RUNS, check_newest
from tavusctl.state.codec import decode, encode
from tavusctl.state.shared.folder import Folder, Version, WriteConflict
from tavusctl.state.shared.lease import Lease, LeaseTiming, holder_of, unlock

NAME: Final = "state.json"


class FolderArtifacts:
    """Artifacts in a folder of a bucket or of a git repository."""

    def __init__(self, folder: Folder, refresh: Callable[[], None]) -> None:
        self._folder, self._refresh = folder, refresh

    def put(self, name: str, content: bytes) -> None:
        """Write an object; its name belongs to one run, so that no other run writes it."""
        try:
            self._folder.put(name, content, None)
        except WriteConflict:
            blob = self._folder.get(name)
            if blob is None:
                message = f"another run has taken over the state: `{self._folder.url}/{name}` was not written"
                raise LockError(message, "run `tavusctl plan` to check the account", id="E702") from None
            if blob.content != content:
                message = f"`{self._folder.url}/{name}` exists with other content"
                raise StateError(message, "inspect that object, and delete it", id="E912") from None

    def get(self, name: str) -> bytes | None:
        """The content of an object; None if there was none when the names were last listed."""
        blob = self._folder.get(name)
        return blob.content if blob else None

    def names(self, folder: str) -> dict[str, float]:
        """The objects in a folder, with the times of their writes in seconds since the epoch."""
        self._refresh()
        return {name: modified.timestamp() for name, modified in self._folder.write_times(folder).items()}

    def drop(self, names: Iterable[str]) -> None:
        """Delete objects; those that cannot be deleted are left."""
        self._folder.delete_unused(names)


class Records(Protocol):
    """The journal of a shared state; each type of storage has its own."""

    GROUPS: ClassVar[bool]  # as `Store.groups_records`

    def begin(self, lease: Lease) -> None:
        """Write under this lease from now on; called before `queue` and `clear`."""
        ...

    def newest_epoch(self) -> int:
        """The highest epoch of any record; the epoch of a new lock must be higher, even after the lock was deleted."""
        ...

    def read(self) -> list[bytes]:
        """The records that were not cleared, in order; StateError if one is missing or damaged."""
        ...

    def queue(self, record: bytes) -> Callable[[], None]:
        """Queue a record; the function returned waits until it is durable, and checks that the lock is still held."""
        ...

    def clear(self) -> None:
        """Make every record void."""
        ...


class SharedStore:
    """State in a folder of a bucket or of a git repository, shared by a team."""

    def __init__(self, folder: Folder, journal: Records, timing: LeaseTiming) -> None:
        self._folder = folder
        self._pace = timing
        self._guard = threading.RLock()
        self._version: Version | None = None  # of the state at its last read or write here
        self._lease: Lease | None = None
        self._records = journal
        self.artifacts = FolderArtifacts(folder, self._refresh)

    def read(self, *, older: bool = False) -> State:
        """The state; an empty one of a new lineage if none was ever written."""
        self._refresh()
        return self._state(older=older)

    def read_both(self) -> tuple[State, list[bytes]]:
        """The state and the journal of one moment."""
        self._refresh()
        lines = self._records.read()  # read first, see the port
        return self._state(), lines

    def _refresh(self) -> None:
        """Let reads show the newest files; while this run holds the lock, only its own writes change them."""
        if self._lease is None:
            self._folder.refresh()

    def _state(self, *, older: bool = False) -> State:
        # Read first: a run is recorded after its state is written.
        runs = {} if older else self._folder.write_times(RUNS)
        with self._guard:
            blob = self._folder.get(NAME)
            self._version = blob.version if blob else None
            if blob is None:
                return State(lineage=str(uuid.uuid4()))
            state = decode(blob.content, f"{self._folder.url}/{NAME}")
        return check_newest(state, runs, f"the state {self._folder.url}")

    def write(self, state: State) -> None:
        """Replace the state that was last read; LockError if another run has replaced it meanwhile."""
        with self._guard:
            self._folder.check()
            if self._lease:
                self._lease.check()
            try:
                self._version = self._folder.put(NAME, encode(state, _fence()), self._version)
            except WriteConflict:
                message = f"another run has taken over the state {self._folder.url} and written it meanwhile"
                raise self._failed(message) from None

    @contextlib.contextmanager
    def lock(self, timeout: float = 0.0, command: str = "") -> Iterator[None]:
        """Hold the lock of the state; LockError, naming the holder, if it is not free within `timeout` seconds."""
        self._folder.check()
        lease = Lease(self._folder, self._pace)
        unclean = lease.acquire(command, timeout, self._records.newest_epoch() + 1)
        self._lease = lease
        try:
            self._records.begin(lease)
            self._reread(touch=unclean)
            yield
        finally:
            self._lease = None
            lease.release()

    def holder(self) -> str:
        """A description of the lock's holder, with the age of its last heartbeat; empty if it is free."""
        return holder_of(self._folder)

    def held(self) -> bool:
        """Whether the lock is surely still held; LockError if it is known to be lost."""
        return self._held_lease().is_recent()

    def _held_lease(self) -> Lease:
        if self._lease is None:
            raise LockError(f"the state {self._folder.url} is not locked by this run", id="E702")
        return self._lease

    def unlock(self, owner: str, *, dead: str = "") -> None:
        """Release the lock of a dead run; see `lease.unlock`."""
        self._folder.check()
        unlock(self._folder, owner, dead)

    def journal(self) -> list[bytes]:
        """The records that were not cleared, in order."""
        self._refresh()
        return self._records.read()

    @property
    def groups_records(self) -> bool:
        """Whether the journal writes records together that are queued at the same time."""
        return self._records.GROUPS

    def queue(self, record: bytes) -> Callable[[], None]:
        """Queue a record for the journal of this run; the function returned waits until it is durable."""
        self._held_lease()
        return self._records.queue(record)

    def clear_journal(self) -> None:
        """Make all records void; the lock must be held."""
        self._held_lease()
        self._records.clear()

    def _reread(self, *, touch: bool) -> None:
        """Read the version of the state; `touch` rewrites the state, so that a late write of an earlier run fails."""
        while True:
            self._folder.refresh()  # another run may have written until the lock was acquired
            blob = self._folder.get(NAME)
            self._version = blob.version if blob else None
            if blob is None or not touch:
                return
            state = decode(blob.content, f"{self._folder.url}/{NAME}")
            with contextlib.suppress(WriteConflict):  # a late write has just arrived: read again
                self._version = self._folder.put(NAME, encode(state, _fence()), blob.version)
                return

    def _failed(self, message: str) -> LockError:
        if self._lease:
            return self._lease.mark_lost(message)
        return LockError(message, "run `tavusctl plan` to check the account", id="E702")


def _fence() -> str:
    return uuid.uuid4().hex
