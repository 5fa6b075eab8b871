"""A lock with a lease: written on conditions, kept by a heartbeat, and taken over by another run when that stops.

Times are those of the store: a lock is stale when the store wrote it longer ago than its lease, compared with an object
that the store writes now.  In the repository of the project, the lock of a process that is gone is stale at once.
A holder trusts its lock only for two thirds of a lease after its last successful heartbeat; after a stall it renews the
lock before it writes anything.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Mapping
from datetime import UTC
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.core.errors import LockError, StateError, UsageError
from tavusctl.lib.clock import uptime
from tavusctl.state.lock_holder import Holder, duration_text, pauses
from tavusctl.state.shared.folder import Folder, Version, WriteConflict
from tavusctl.state.shared.lock import Group, Lock, decode, encode

NAME: Final = "lock"
_LEASE: Final = 90.0  # seconds; the heartbeat is every third of it
_ROUNDING: Final = 1.0  # seconds: stores may round the time of a write to whole seconds
_SKEW: Final = 60.0  # seconds: a lock dated further in the future comes from a clock that is wrong
_TRIES: Final = 20  # lost races in a row; in each of them, another run has won
_LOG: Final = logging.getLogger(__name__)


class LeaseTiming(Struct, frozen=True):
    """The timing of a lock in seconds: another run may take it over after `lease` without a heartbeat."""

    lease: float
    heartbeat: float


def timing_from(environment: Mapping[str, str]) -> LeaseTiming:
    """The timing that TAVUSCTL_LOCK_LEASE and TAVUSCTL_LOCK_HEARTBEAT set; UsageError if they are invalid."""
    try:
        lease = float(environment.get("TAVUSCTL_LOCK_LEASE") or _LEASE)
        heartbeat = float(environment.get("TAVUSCTL_LOCK_HEARTBEAT") or lease / 3)
    except ValueError:
        lease = heartbeat = 0.0
    if not 1 <= lease <= 3600 or not 0 < heartbeat <= lease / 2:  # noqa: PLR2004 - a second, an hour
        message = "TAVUSCTL_LOCK_LEASE must be 1 to 3600 seconds, TAVUSCTL_LOCK_HEARTBEAT at most half of it"
        raise UsageError(message, id="E1204")
    return LeaseTiming(lease, heartbeat)


class Lease:
    """The lease of one run on the lock object."""

    def __init__(self, folder: Folder, timing: LeaseTiming) -> None:
        self._folder = folder
        self._pace = timing
        self._guard = threading.RLock()
        self._ended = threading.Event()
        self._lock: Lock | None = None
        self._version: Version | None = None
        self._confirmed = 0.0
        self._lost = ""

    @property
    def held(self) -> Lock:
        """The lock as last written; LockError when it is not held."""
        if self._lock is None or self._lock.holder is None:
            raise LockError(f"the state {self._folder.url} is not locked by this run", id="E702")
        return self._lock

    def acquire(self, command: str, timeout: float, first_epoch: int) -> bool:
        """Acquire the lock, or LockError after `timeout` seconds; whether an earlier run's write may still arrive."""
        holder = replace(Holder(), command=command)
        waits = pauses(timeout)
        lost_races = 0
        while True:
            before, version, busy = self._read_lock()
            if busy:
                pause = next(waits, None)
                if pause is None:
                    raise busy
                time.sleep(pause)
                continue
            try:
                self._start(holder, before, version, first_epoch)
            except WriteConflict:
                lost_races += 1
                if lost_races == _TRIES:
                    message = f"the lock of {self._folder.url} changes its holder faster than it can be acquired"
                    raise LockError(message, "try again with `--lock-timeout 10m`", id="E701") from None
                continue
            return before is None or not before.clean

    def is_recent(self) -> bool:
        """Whether the lock is too recent to be taken over; LockError if it is known to be lost.

        Returns at once, without `_guard`: the heartbeat holds that while it waits for the store.
        """
        if self._lost:
            raise LockError(self._lost, _LOST_HINT, id="E702")
        return uptime() - self._confirmed < self._pace.lease * 2 / 3

    def check(self) -> None:
        """Verify that no other run has taken the lock over, renewing it if needed; LockError if one has or may have."""
        with self._guard:
            if not self.is_recent():
                try:
                    self._renew()
                except StateError as error:
                    message = f"{error.message}; another run may hold the lock now"
                    raise LockError(message, _LOST_HINT, id="E702") from None

    def clear(self, group: Group) -> None:
        """Record that the journal is void up to and including a group."""
        with self._guard:
            self.check()
            self._renew(cleared=group)

    def release(self) -> None:
        """Stop the heartbeat and mark the lock as free, if it is still ours."""
        self._ended.set()
        with self._guard:
            held, self._lock = self.held, None
            # After a loss the lock may still be ours, if it was the state that another run has written.
            free = Lock(held.epoch, None, clean=not self._lost, beat=held.beat + 1, cleared=held.cleared)
            try:
                self._folder.put(NAME, encode(free), self._version)
            except WriteConflict:
                _LOG.info("another run holds the lock of %s by now", self._folder.url)
            except StateError as error:
                _LOG.warning("the lock could not be released, and will expire: %s", error.message)

    def mark_lost(self, message: str) -> LockError:
        """Mark the lease as lost, because another run was found to write; returns the error to raise."""
        with self._guard:
            self._lost = self._lost or message
            return LockError(self._lost, _LOST_HINT, id="E702")

    def _read_lock(self) -> tuple[Lock | None, Version | None, LockError | None]:
        """The current lock, its version, and, if it is held, the error for a run that cannot have it."""
        self._folder.refresh()
        blob = self._folder.get(NAME)
        if blob is None:
            return None, None, None
        lock = decode(blob.content, f"{self._folder.url}/{NAME}")
        if lock.holder is None:
            return lock, blob.version, None
        now = self._folder.time()
        age = (now - blob.modified).total_seconds()
        if age > lock.lease + _ROUNDING or _is_dead(self._folder, lock.holder):
            return lock, blob.version, None
        description = lock.holder.describe(now.timestamp() - lock.since)
        if age < -_SKEW:
            message = (
                f"the state {self._folder.url} is held by {description}, but the lock has a timestamp in the future, "
                f"{blob.modified.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC: the clock of a machine is wrong"
            )
            command = f"tavusctl state unlock {lock.holder.owner} --holder-is-dead {lock.holder.name}"
            hint = f"set the clocks; if that run is dead, run `{command}`"
            return lock, blob.version, LockError(message, hint, id="E703")
        message = (
            f"the state {self._folder.url} is held by {description}; its last heartbeat was {duration_text(age)} ago"
        )
        hint = f"wait with `--lock-timeout 10m`; if that run is dead, run `tavusctl state unlock {lock.holder.owner}`"
        return lock, blob.version, LockError(message, hint, id="E701")

    def _start(self, holder: Holder, before: Lock | None, version: Version | None, first_epoch: int) -> None:
        epoch = before.epoch + 1 if before else first_epoch
        cleared = before.cleared if before else Group()
        since = self._folder.time().timestamp()
        started = uptime()
        lock = Lock(epoch, holder, since=since, lease=self._pace.lease, cleared=cleared)
        self._version = self._folder.put(NAME, encode(lock), version)
        self._lock, self._confirmed = lock, started
        threading.Thread(target=self._beat, name="tavusctl-heartbeat", daemon=True).start()

    def _beat(self) -> None:
        while not self._ended.wait(self._pace.heartbeat):
            # If the store fails, the next beat tries again.
            with contextlib.suppress(StateError), self._guard:
                if self._ended.is_set() or self._lost:
                    return
                with contextlib.suppress(LockError):
                    self._renew()

    def _renew(self, cleared: Group | None = None) -> None:
        held = self.held
        started = uptime()
        lock = replace(held, beat=held.beat + 1, cleared=cleared or held.cleared)
        try:
            self._version = self._folder.put(NAME, encode(lock), self._version)
        except WriteConflict:
            raise self.mark_lost(f"the lock of {self._folder.url} was lost to {self._new_holder()}") from None
        self._lock, self._confirmed = lock, started

    def _new_holder(self) -> str:
        with contextlib.suppress(StateError, LockError):
            self._folder.refresh()
            blob = self._folder.get(NAME)
            lock = decode(blob.content, NAME) if blob else None
            if lock and lock.holder:
                return lock.holder.describe(time.time() - lock.since)
        return "another run"


_LOST_HINT: Final = "run `tavusctl plan` to check the account; nothing was written after the loss"


def holder_of(folder: Folder) -> str:
    """A description of the holder of a folder's lock; empty if it is free.  Its ages compare two machines' clocks."""
    folder.refresh()
    blob = folder.get(NAME)
    lock = decode(blob.content, f"{folder.url}/{NAME}") if blob else None
    if blob is None or lock is None or lock.holder is None or _is_dead(folder, lock.holder):
        return ""
    now = time.time()
    age = duration_text(now - blob.modified.timestamp())
    return f"{lock.holder.describe(now - lock.since)}, last heard from {age} ago"


def _is_dead(folder: Folder, holder: Holder) -> bool:
    """Whether the holder of a folder's lock is known to be dead; its late writes fail, as after any takeover."""
    return folder.is_local and holder.has_ended


def unlock(folder: Folder, owner: str, dead: str) -> Holder:
    """Release the lock of a dead run; LockError if `owner` is not its id, or if its heartbeat is recent.

    `dead` is the name of a holder that the user declares dead, whose recent heartbeat is then ignored.
    """
    folder.refresh()
    blob = folder.get(NAME)
    lock = decode(blob.content, f"{folder.url}/{NAME}") if blob else None
    if blob is None or lock is None or lock.holder is None:
        raise LockError(f"the state {folder.url} is not locked", id="E704")
    if owner != lock.holder.owner:
        message = f"the lock of {folder.url} has another id than `{owner[:64]}`"
        raise LockError(message, "use the id that a run shows when it is refused the lock", id="E704")
    age = (folder.time() - blob.modified).total_seconds()
    if age <= lock.lease + _ROUNDING and dead != lock.holder.name and not _is_dead(folder, lock.holder):
        message = f"the holder of {folder.url}, `{lock.holder.name}`, was heard from {duration_text(age)} ago"
        hint = f"wait until it ends; if you are sure that it is dead, add `--holder-is-dead {lock.holder.name}`"
        raise LockError(message, hint, id="E704")
    free = Lock(lock.epoch, None, beat=lock.beat + 1, cleared=lock.cleared)
    try:
        folder.put(NAME, encode(free), blob.version)
    except WriteConflict:
        message = f"the lock of {folder.url} was renewed just now: its holder is alive"
        raise LockError(message, "wait until it ends", id="E704") from None
    return lock.holder
