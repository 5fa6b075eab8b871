"""A store in a local file: atomic, fsynced writes, and an flock that the kernel releases when its holder dies."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec.structs import replace

from tavusctl.core.errors import LockError, StateError, UsageError
from tavusctl.core.ports import State
from tavusctl.lib import atomic_files
from tavusctl.lib.json_types import as_number, as_object
from tavusctl.lib.private_files import fault_of, open_private
from tavusctl.lib.strict_json import strict_json
from tavusctl.state.artifacts import RUNS, FileArtifacts, check_newest
from tavusctl.state.codec import decode_file, encode_in_parts
from tavusctl.state.file.journal import JournalFile
from tavusctl.state.lock_holder import Holder, from_json, pauses


class FileStore:
    """State in one file, by default `.tavusctl/state.json`; readable by its owner alone.

    Beside it are its lock (`.lock`), which is never removed, its journal during a run (`.wal`), and the artifacts for
    `undo`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock_path = path.with_name(path.name + ".lock")
        self._journal = JournalFile(path.with_name(path.name + ".wal"))
        self.artifacts = FileArtifacts(path.parent)
        self._seen: tuple[int, ...] | None = None  # identity of the file at its last read or write here
        self._locked: tuple[int, int] | None = None  # the locked file: device and inode

    def read(self, *, older: bool = False) -> State:
        """The state; an empty one of a new lineage if there is no file."""
        runs = {} if older else self.artifacts.names(RUNS)  # read first: a run is recorded after its state is written
        self._seen = self._identity()
        try:
            with open_private(self.path) as file:
                state = decode_file(file, str(self.path))
        except FileNotFoundError:
            return State(lineage=str(uuid.uuid4()))
        except OSError as error:
            raise self._unusable(error, "read") from None
        return check_newest(state, runs, f"the state {self.path}")

    def read_both(self) -> tuple[State, list[bytes]]:
        """The state and the records of its journal, see the port."""
        lines = self.journal()
        return self.read(), lines

    def write(self, state: State) -> None:
        """Replace the file atomically: it has the old state or the new one, never a part."""
        self._check_unwritten()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            atomic_files.replace(self.path, encode_in_parts(state))
            atomic_files.sync_directory(self.path.parent)
        except OSError as error:
            raise self._unusable(error, "write") from None
        atomic_files.drop_abandoned(self.path.parent)
        self._seen = self._identity()

    def journal(self) -> list[bytes]:
        """The records that were appended since the journal was last cleared."""
        return self._journal.records()

    @property
    def groups_records(self) -> bool:
        """False: each record is written for itself, which takes a moment."""
        return False

    def queue(self, record: bytes) -> Callable[[], None]:
        """Append a record at once; the function returned does nothing."""
        self._journal.append(record)
        return lambda: None  # the record is durable already

    def clear_journal(self) -> None:
        """Remove the journal."""
        self._journal.clear()

    @contextlib.contextmanager
    def lock(self, timeout: float = 0.0, command: str = "") -> Iterator[None]:
        """Hold the lock of the state; LockError, naming the holder, if it is not free within `timeout` seconds."""
        descriptor = self._open_lock()
        try:
            self._acquire(descriptor, timeout)
            self._write_holder(descriptor, replace(Holder(), command=command))
            self._seen = self._identity()
            self._locked = _device_and_inode(os.fstat(descriptor))
            try:
                yield
            finally:
                self._locked = None
                with contextlib.suppress(OSError):  # the content only names the holder
                    os.ftruncate(descriptor, 0)
        finally:
            os.close(descriptor)

    def holder(self) -> str:
        """A description of the lock's holder; empty if it is free, even if a dead holder left its name in the file."""
        try:
            descriptor = os.open(self._lock_path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return ""
        try:
            # A free lock file is empty, and is not tried: a run that takes it right now must not find it held by us.
            return _holder(descriptor) if os.fstat(descriptor).st_size and not self._flock(descriptor) else ""
        finally:
            os.close(descriptor)

    def held(self) -> bool:
        """True, as the kernel keeps a lock while its process lives; LockError if its file or the state was replaced."""
        if self._locked is None:
            message = f"the state {self.path} is not locked by this run"
            raise LockError(message, id="E702")
        with contextlib.suppress(OSError):
            if self._locked == _device_and_inode(self._lock_path.lstat()):
                self._check_unwritten()
                return True
        message = f"the lock {self._lock_path} was removed or replaced while this run held it"
        raise LockError(message, "run `tavusctl plan` to check the account", id="E702")

    def unlock(self, owner: str, *, dead: str = "") -> None:
        """Raise UsageError: a local lock is released when its process ends; LockError if the state is not locked."""
        del owner, dead
        if not self.holder():
            message = f"the state {self.path} is not locked"
            raise LockError(message, id="E704")
        message = f"the lock of {self.path} is released when the process that holds it ends"
        raise UsageError(message, "end that process", id="E1202")

    def check_writable(self) -> None:
        """Raise StateError if `lock` or `write` would not be permitted; nothing is written."""
        folder = next(one for one in self.path.parents if os.access(one, os.F_OK))  # the one in which they create
        is_permitted = os.access(folder, os.W_OK | os.X_OK)
        if not is_permitted or (os.access(self._lock_path, os.F_OK) and not os.access(self._lock_path, os.W_OK)):
            raise self._unusable(PermissionError(errno.EACCES, os.strerror(errno.EACCES)), "write")

    def _open_lock(self) -> int:
        try:
            self._lock_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
            descriptor = os.open(self._lock_path, flags, 0o600)
        except OSError as error:
            raise self._unusable(error, "lock") from None
        fault = fault_of(os.fstat(descriptor))
        if fault:
            os.close(descriptor)
            raise self._unusable(OSError(0, f"its lock {self._lock_path.name}: {fault}"), "lock")
        return descriptor

    def _acquire(self, descriptor: int, timeout: float) -> None:
        waits = pauses(timeout)
        while not self._flock(descriptor):
            pause = next(waits, None)
            if pause is None:
                message = f"the state {self.path} is held by {_holder(descriptor)}"
                raise LockError(message, "wait for that run to end, or add `--lock-timeout 10m`", id="E701")
            time.sleep(pause)
        second_descriptor = self._open_lock()
        try:
            if self._flock(second_descriptor):
                reason = "two processes can hold one at once"
                raise self._no_locks(reason)
        finally:
            os.close(second_descriptor)

    def _flock(self, descriptor: int) -> bool:
        """Take the lock, if it is free; StateError if the file system has no locks, such as some network disks."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise self._no_locks(error.strerror) from None
        return True

    def _no_locks(self, reason: str | None) -> StateError:
        message = f"the file system of {self.path} does not support locks: {reason}"
        return StateError(message, "store the state on a local disk, in git, or in an object store", id="E909")

    def _write_holder(self, descriptor: int, holder: Holder) -> None:
        content = json.dumps({**holder.to_json(), "since": time.time()}).encode()
        try:
            os.pwrite(descriptor, content, 0)
            os.ftruncate(descriptor, len(content))
        except OSError as error:  # the state could not be written to such a disk either
            raise self._unusable(error, "lock") from None

    def _check_unwritten(self) -> None:
        if self._seen not in (None, self._identity()):
            message = f"another run has taken over the state {self.path} and written it meanwhile"
            raise LockError(message, "run `tavusctl plan` to check the account", id="E702")

    def _identity(self) -> tuple[int, ...]:
        """Values that change with every write of the file; empty if there is no file."""
        with contextlib.suppress(OSError):
            status = self.path.lstat()
            return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size
        return ()

    def _unusable(self, error: OSError, verb: str) -> StateError:
        message = f"cannot {verb} the state {self.path}: {error.strerror}"
        return StateError(message, atomic_files.remedy(error, "check its folder and permissions"), id="E903")


def _device_and_inode(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _holder(descriptor: int) -> str:
    """A description of the holder; retried, because a holder writes its name a moment after it takes the lock."""
    for _ in range(10):
        try:
            document = as_object(strict_json(os.pread(descriptor, 65536, 0)))
            return from_json(document).describe(time.time() - as_number(document["since"]))
        except (ValueError, KeyError, TypeError, AttributeError):
            time.sleep(0.02)
    return "another process"
