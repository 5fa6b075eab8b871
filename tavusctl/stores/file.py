"""A store in a local file: atomic, fsynced writes, and an flock that the kernel frees when its holder dies."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from tavusctl.errors import LockError, StateError, UsageError
from tavusctl.ports import State
from tavusctl.stores.codec import decode, encode
from tavusctl.stores.holder import Holder, from_json
from tavusctl.stores.shelf import RUNS, FileShelf, check_newest, write_durably
from tavusctl.stores.waiting import pauses
from tavusctl.stores.wal import JournalFile, fault_of, read_private, sync_directory
from tavusctl.strictjson import strict_json

LIMIT = 256 * 1024 * 1024


class FileStore:
    """State in one file, by default `.tavusctl/state.json`; readable by its owner alone.

    Beside it are its lock (`.lock`), which is never removed, while a run is under way its journal (`.wal`), and what is
    kept for `undo`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock_path = path.with_name(path.name + ".lock")
        self._journal = JournalFile(path.with_name(path.name + ".wal"))
        self.shelf = FileShelf(path.parent)
        self._seen: tuple[int, ...] | None = None  # the file when it was last read or written here
        self._locked: tuple[int, int] | None = None  # the file that is locked: device and inode

    def read(self, *, older: bool = False) -> State:
        """The state; one of a new lineage when there is no file."""
        self._seen = self._identity()
        try:
            content = read_private(self.path, LIMIT)
        except FileNotFoundError:
            return State(lineage=str(uuid.uuid4()))
        except OSError as error:
            raise self._unusable(error, "read") from None
        state = decode(content, str(self.path))
        return state if older else check_newest(state, self.shelf.names(RUNS), f"the state {self.path}")

    def write(self, state: State) -> None:
        """Replace the file in one step: it is the old state or the new one, never a part."""
        self._check_unwritten()
        content = encode(state)
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.{uuid.uuid4().hex}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_durably(temporary, content)
            os.replace(temporary, self.path)  # noqa: PTH105 - the same call, but raises with both names
            sync_directory(self.path.parent)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise self._unusable(error, "write") from None
        self._seen = self._identity()

    def journal(self) -> list[bytes]:
        """What was appended since the journal was cleared."""
        return self._journal.records()

    def append(self, record: bytes) -> None:
        """Add a record and wait for the disk."""
        self._journal.append(record)

    def clear_journal(self) -> None:
        """Remove the journal."""
        self._journal.clear()

    @contextlib.contextmanager
    def lock(self, timeout: float = 0.0, command: str = "") -> Iterator[None]:
        """Hold the state alone; LockError names who holds it, once `timeout` seconds have passed."""
        descriptor = self._open_lock()
        try:
            self._take(descriptor, timeout)
            self._note(descriptor, replace(Holder(), command=command))
            self._seen = self._identity()
            self._locked = _file_of(os.fstat(descriptor))
            try:
                yield
            finally:
                self._locked = None
                with contextlib.suppress(OSError):  # who finds it held asks the kernel; this is only a name
                    os.ftruncate(descriptor, 0)
        finally:
            os.close(descriptor)

    def held(self) -> bool:
        """The kernel keeps a lock while its process lives; the file that it is on may have been replaced."""
        if self._locked is None:
            message = f"the state {self.path} is not locked by this run"
            raise LockError(message, id="E702")
        with contextlib.suppress(OSError):
            if self._locked == _file_of(self._lock_path.lstat()):
                self._check_unwritten()
                return True
        message = f"the lock {self._lock_path} was removed or replaced while this run held it"
        raise LockError(message, "run tavusctl plan to see where things stand", id="E702")

    def unlock(self, owner: str, *, dead: str = "") -> None:
        """Refused: a local lock is free as soon as its process ends."""
        del owner, dead
        message = f"the lock of {self.path} ends with the process that holds it"
        raise UsageError(message, "end that process; there is nothing else to free", id="E1202")

    def _open_lock(self) -> int:
        try:
            self._lock_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
            descriptor = os.open(self._lock_path, flags, 0o600)
        except OSError as error:
            raise self._unusable(error, "lock") from None
        fault = fault_of(os.fstat(descriptor), LIMIT)
        if fault:
            os.close(descriptor)
            raise self._unusable(OSError(0, f"its lock {self._lock_path.name}: {fault}"), "lock")
        return descriptor

    def _take(self, descriptor: int, timeout: float) -> None:
        waits = pauses(timeout)
        while not _flock(descriptor):
            pause = next(waits, None)
            if pause is None:
                message = f"the state {self.path} is held by {_holder(descriptor)}"
                raise LockError(message, "wait for that run to end, or add --lock-timeout 10m", id="E701")
            time.sleep(pause)
        with self._second_look() as again:
            if _flock(again):
                message = f"the folder of {self.path} is on a file system without working locks"
                raise StateError(message, "keep the state on a local disk or in an object store", id="E909")

    def _note(self, descriptor: int, holder: Holder) -> None:
        content = json.dumps({**holder.to_json(), "since": time.time()}).encode()
        try:
            os.pwrite(descriptor, content, 0)
            os.ftruncate(descriptor, len(content))
        except OSError as error:  # a disk that cannot take this takes no state either
            raise self._unusable(error, "lock") from None

    def _check_unwritten(self) -> None:
        if self._seen not in (None, self._identity()):
            message = f"the state {self.path} was lost to another run, which has written it meanwhile"
            raise LockError(message, "run tavusctl plan to see where things stand", id="E702")

    def _identity(self) -> tuple[int, ...]:
        """What changes with every write of the file; empty when there is none."""
        with contextlib.suppress(OSError):
            found = self.path.lstat()
            return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size
        return ()

    @contextlib.contextmanager
    def _second_look(self) -> Iterator[int]:
        descriptor = self._open_lock()
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _unusable(self, error: OSError, verb: str) -> StateError:
        message = f"cannot {verb} the state {self.path}: {error.strerror}"
        return StateError(message, "check its folder and rights", id="E903")


def _file_of(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _flock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(descriptor: int) -> str:
    """Who holds the lock.  Between taking it and writing who took it there is a moment: look more than once."""
    for _ in range(10):
        try:
            document = strict_json(os.pread(descriptor, 65536, 0))
            return from_json(document).describe(time.time() - float(document["since"]))
        except (ValueError, KeyError, TypeError, AttributeError):
            time.sleep(0.02)
    return "another process"
