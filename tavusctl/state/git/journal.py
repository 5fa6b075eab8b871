"""The journal in a git repository: one file of lines, and one commit for all records that are queued at a time.

While a push is in progress, records of other steps are queued for the next one: an apply in parallel needs one push for
each round of its steps, not one for each record.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import ClassVar, Final

from tavusctl.core.errors import LockError, StateError, TavusctlError
from tavusctl.state.git.folder import GitFolder
from tavusctl.state.hash_chain import follow, link
from tavusctl.state.shared.folder import WriteConflict
from tavusctl.state.shared.lease import Lease

NAME: Final = "journal"


class _QueuedRecord:
    def __init__(self, content: bytes) -> None:
        self.content = content
        self.is_done = False
        self.error: TavusctlError | None = None


class GitJournal:
    """Reads the records of all runs, and writes those of the run that holds the lock."""

    GROUPS: ClassVar[bool] = True  # in one push

    _lease: Lease  # set by `begin`

    def __init__(self, folder: GitFolder) -> None:
        self._folder = folder
        self._queue_guard, self._push_guard = threading.Lock(), threading.Lock()
        self._queued: list[_QueuedRecord] = []
        self._file_content: bytes | None = None  # content of the file; None: not yet read
        self._failed: TavusctlError | None = None  # the error after which nothing more is written under this lease

    def begin(self, lease: Lease) -> None:
        """Write under this lease from now on."""
        with self._push_guard:
            self._lease, self._file_content, self._failed = lease, None, None

    def newest_epoch(self) -> int:
        """Return 0: records have no epoch here, as no push of an earlier run can succeed without the lock."""
        return 0

    def read(self) -> list[bytes]:
        """The records that were not cleared, in order; StateError if one is damaged."""
        blob = self._folder.get(NAME)
        return list(self._parsed(blob.content if blob else b"")[0])

    def queue(self, record: bytes) -> Callable[[], None]:
        """Queue a record; the function returned waits until it is durable, and checks that the lock is still held."""
        link(b"", record)  # raises if it is not one line, before it is queued with others
        queued = _QueuedRecord(record)
        with self._queue_guard:
            self._queued.append(queued)
        return partial(self._wait, queued)

    def _wait(self, queued: _QueuedRecord) -> None:
        with self._push_guard:
            if not queued.is_done:
                self._push()
        if queued.error:
            raise queued.error

    def clear(self) -> None:
        """Make every record void."""
        with self._push_guard:
            self._lease.check()
            self._file_content = None  # read it again if the push fails: it may have arrived
            try:
                self._folder.write({NAME: None}, {})
            except WriteConflict:
                raise self._mark_lost() from None
            self._file_content = b""

    def _push(self) -> None:
        with self._queue_guard:
            records, self._queued = self._queued, []
        try:
            if self._failed is None:
                self._write([record.content for record in records])
        except TavusctlError as error:
            # Each line has the hash of the one before, so none can follow a line that may or may not have been written.
            self._failed = error
        except BaseException as error:
            message = f"the journal in {self._folder.url} was not written: {type(error).__name__}"
            self._failed = StateError(message, id="E912")
            raise
        finally:
            for record in records:
                record.is_done, record.error = True, self._failed

    def _write(self, records: list[bytes]) -> None:
        self._lease.check()
        before = self._file_content
        if before is None:
            blob = self._folder.get(NAME)
            before = blob.content if blob else b""
        head, lines = self._parsed(before)[1], []
        for record in records:
            line, head = link(head, record)
            lines.append(line)
        try:
            self._folder.write({NAME: before + b"".join(lines)}, {})
        except WriteConflict:
            raise self._mark_lost() from None
        self._file_content = before + b"".join(lines)
        # The lock may have been lost during a stall before the push succeeded.
        self._lease.check()

    def _parsed(self, content: bytes) -> tuple[tuple[bytes, ...], bytes]:
        """The records in the content of the file, and the hash that the next line has to continue."""
        where = f"the journal in {self._folder.url}"
        chain = follow(content, where)
        if chain.size != len(content):
            message = f"{where} is corrupt: its last record is truncated"
            raise StateError(message, "compare the account with the state, then delete that file of the ref", id="E908")
        return chain.records, chain.head

    def _mark_lost(self) -> LockError:
        return self._lease.mark_lost(f"another run has taken over the journal of {self._folder.url}")
