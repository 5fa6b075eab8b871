"""The journal in a git repository: one file of lines, and one commit for all records that wait at the same time.

While a push is under way, records of other steps queue up and go with the next one: an apply in parallel costs a push
for each round of its steps, not one for each record.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Final

from tavusctl.core.errors import LockError, StateError, TavusctlError
from tavusctl.state.git.folder import GitFolder
from tavusctl.state.hash_chain import follow, link
from tavusctl.state.shared.folder import Taken
from tavusctl.state.shared.lease import Lease

NAME: Final = "journal"


class _Record:
    """A record that waits for its push."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.is_done = False
        self.error: TavusctlError | None = None


class GitJournal:
    """Records of all runs for reading, of the run that holds the lock for writing."""

    def __init__(self, folder: GitFolder) -> None:
        self._folder = folder
        self._queueing, self._pushing = threading.Lock(), threading.Lock()
        self._waiting: list[_Record] = []
        self._lease: Lease | None = None
        self._written: bytes | None = None  # what the file holds; None: it has to be read
        self._failed: TavusctlError | None = None  # why nothing more is written under this lease

    def begin(self, lease: Lease) -> None:
        """Write under this lease from now on."""
        with self._pushing:
            self._lease, self._written, self._failed = lease, None, None

    def newest_epoch(self) -> int:
        """Records of earlier runs need no epoch: no push of theirs comes through without the lock."""
        return 0

    def read(self) -> list[bytes]:
        """Records that no run has cleared, in order; StateError when one is damaged."""
        found = self._folder.get(NAME)
        return list(self._followed(found.content if found else b"")[0])

    def queue(self, record: bytes) -> Callable[[], None]:
        """Take a record into the order; what is returned waits until it is durable and the lock is still held."""
        link(b"", record)  # refuses what is not one line, before it is among others
        mine = _Record(record)
        with self._queueing:
            self._held()
            self._waiting.append(mine)
        return partial(self._wait, mine)

    def _wait(self, mine: _Record) -> None:
        with self._pushing:
            if not mine.is_done:
                self._push()
        if mine.error:
            raise mine.error

    def clear(self) -> None:
        """Make every record void."""
        with self._pushing:
            lease = self._held()
            lease.check()
            try:
                self._folder.write({NAME: None}, {})
            except Taken:
                raise self._lost(lease) from None
            self._written = b""

    def _push(self) -> None:
        with self._queueing:
            records, self._waiting = self._waiting, []
        try:
            if self._failed is None:
                self._write([one.content for one in records])
        except TavusctlError as error:
            # Each record vouches for the one before it: none can follow one of which nobody knows whether it is there.
            self._failed = error
        for one in records:
            one.is_done, one.error = True, self._failed

    def _write(self, records: list[bytes]) -> None:
        lease = self._held()
        lease.check()
        before = self._written
        if before is None:
            found = self._folder.get(NAME)
            before = found.content if found else b""
        head, lines = self._followed(before)[1], []
        for record in records:
            line, head = link(head, record)
            lines.append(line)
        try:
            self._folder.write({NAME: before + b"".join(lines)}, {})
        except Taken:
            raise self._lost(lease) from None
        self._written = before + b"".join(lines)
        # A stall before the push came through may have cost the lock.
        lease.check()

    def _followed(self, content: bytes) -> tuple[tuple[bytes, ...], bytes]:
        """Records of a file, and the head of their chain."""
        where = f"the journal in {self._folder.url}"
        chain = follow(content, where)
        if chain.size != len(content):
            message = f"{where} is corrupt: its last record is truncated"
            raise StateError(message, "compare the account with the state, then delete that file of the ref", id="E908")
        return chain.records, chain.head

    def _held(self) -> Lease:
        if self._lease is None:
            message = f"the state {self._folder.url} is not locked by this run"
            raise LockError(message, id="E702")
        return self._lease

    def _lost(self, lease: Lease) -> LockError:
        return lease.fail(f"another run has taken over the journal of {self._folder.url}")
