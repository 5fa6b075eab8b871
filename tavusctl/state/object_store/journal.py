"""The journal in an object store: one object per record, in groups that one mark in the lock makes void at once.

Names are `wal/<epoch>-<turn>/<number>`: the epoch of the lock under which the record was written, how often that run
had cleared the journal before, and the place in the group.  No two runs share an epoch, so that none can be in the
way of another; deleting void objects is housekeeping.
"""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from tavusctl.core.errors import LockError, StateError
from tavusctl.state.hash_chain import START, follow, link
from tavusctl.state.object_store.bucket import LIMIT, Bucket
from tavusctl.state.shared.folder import Taken
from tavusctl.state.shared.lease import NAME as LOCK
from tavusctl.state.shared.lease import Lease
from tavusctl.state.shared.lock import Group, decode

FOLDER: Final = "wal"
_NAME: Final = re.compile(r"wal/(\d{10})-(\d{6})/(\d{8})")
_AT_A_TIME: Final = 8
_TRIES: Final = 5


class BucketJournal:
    """Records of all runs for reading, of the run that holds the lock for writing."""

    _group: Group  # from `begin` on, as the rest
    _number: int  # of the last record
    _head: bytes
    _doubtful: bytes  # a line whose write failed, and that may yet be there

    def __init__(self, bucket: Bucket, most: int = LIMIT) -> None:
        """`most` bytes are read of all records together."""
        self._bucket, self._most = bucket, most
        self._guard = threading.Lock()
        self._lease: Lease | None = None

    def begin(self, lease: Lease) -> None:
        """Write under this lease from now on."""
        with self._guard:
            self._lease = lease
            self._start(Group(lease.held.epoch))

    def newest_epoch(self) -> int:
        """The highest epoch of any record: a lock that was deleted must not begin below it."""
        return max((group.epoch for group in self._listed()), default=0)

    def read(self) -> list[bytes]:
        """Records after the mark, in order; StateError when one is missing or damaged."""
        for _ in range(_TRIES):
            groups = self._standing()
            names = [name for group in groups.values() for name in group]
            contents = self._contents(names)
            # Another run may have cleared and deleted them since they were listed: then the list is another.
            if len(contents) == len(names):
                return [record for group in groups.values() for record in self._followed(group, contents)]
        message = f"the journal in {self._bucket.url} changes faster than it can be read, or a part of it is missing"
        raise StateError(message, "try again when no run is active", id="E908")

    def _contents(self, names: list[str]) -> dict[str, bytes]:
        """What is in objects; StateError when all of them together are larger than any run writes."""
        left, guard = self._most, threading.Lock()

        def get(name: str) -> tuple[str, bytes | None]:
            nonlocal left
            blob = self._bucket.get(name) if left >= 0 else None
            with guard:
                left -= len(blob.content) if blob else 0
            return name, blob.content if blob and left >= 0 else None

        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            found = {name: content for name, content in pool.map(get, names) if content is not None}
        if left < 0:
            message = f"the journal in {self._bucket.url} is larger than {self._most} bytes, the maximum of a run"
            raise StateError(message, "set `state:` to a folder that nothing else uses", id="E903")
        return found

    def append(self, record: bytes) -> None:
        """Write one record; when this returns it is durable and the lock is still held."""
        with self._guard:
            lease = self._held()
            lease.check()
            try:
                self._put(record)
            except Taken:
                message = f"another run has taken over the journal of {self._bucket.url}"
                raise lease.fail(message) from None
            # A stall before the write came through may have cost the lock.
            lease.check()

    def queue(self, record: bytes) -> Callable[[], None]:
        """Write one record at once: an object that comes later must not be there before it."""
        self.append(record)
        return _nothing

    def clear(self) -> None:
        """Make every record void."""
        with self._guard:
            lease = self._held()
            listed = self._listed()
            if not listed:
                return
            lease.clear(max(self._group, *listed))
            self._start(Group(self._group.epoch, self._group.turn + 1))
        self._bucket.sweep(name for group in listed.values() for name in group)

    def _start(self, group: Group) -> None:
        self._group, self._number, self._head, self._doubtful = group, 0, START, b""

    def _held(self) -> Lease:
        if self._lease is None:
            message = f"the state {self._bucket.url} is not locked by this run"
            raise LockError(message, id="E702")
        return self._lease

    def _put(self, record: bytes) -> None:
        line, head = link(self._head, record)
        if self._doubtful not in (b"", line):
            self._settle()
            line, head = link(self._head, record)
        self._doubtful = line
        self._bucket.put(_name(self._group, self._number + 1), line, None)
        self._number, self._head, self._doubtful = self._number + 1, head, b""

    def _settle(self) -> None:
        """Count a line whose write failed, if it arrived all the same: the next one has to follow it."""
        found = self._bucket.get(_name(self._group, self._number + 1))
        if found and found.content == self._doubtful:
            record = self._doubtful[:-1].split(b" ", 2)[-1]
            self._number, self._head = self._number + 1, link(self._head, record)[1]

    def _standing(self) -> dict[Group, list[str]]:
        found = self._bucket.get(LOCK)
        mark = decode(found.content, f"{self._bucket.url}/{LOCK}").cleared if found else Group()
        return {group: names for group, names in self._listed().items() if group > mark}

    def _listed(self) -> dict[Group, list[str]]:
        groups: defaultdict[Group, list[str]] = defaultdict(list)
        for name in self._bucket.names(FOLDER):
            found = _NAME.fullmatch(name)
            if found:
                groups[Group(int(found[1]), int(found[2]))].append(name)
        return groups

    def _followed(self, names: list[str], contents: dict[str, bytes]) -> tuple[bytes, ...]:
        where = f"the journal in {self._bucket.url}/{names[0].rpartition('/')[0]}"
        lines = [contents[name] for name in names]
        chain = follow(b"".join(lines), where)
        if not chain.complete or len(chain.records) != len(names) or not all(line.endswith(b"\n") for line in lines):
            message = f"{where} is corrupt: an object is truncated"
            raise StateError(message, "compare the account with the state, then delete that folder", id="E908")
        return chain.records


def _nothing() -> None:
    """There is nothing to wait for."""


def _name(group: Group, number: int) -> str:
    return f"{FOLDER}/{group.epoch:010}-{group.turn:06}/{number:08}"
