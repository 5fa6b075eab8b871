"""The journal in an object store: one object per record, in groups that one write to the lock makes void at once.

Names are `wal/<epoch>-<turn>/<number>`: the epoch of the lock under which the record was written, how often that run
had cleared the journal before, and the position in the group.  No two runs share an epoch, so that they cannot
interfere; deleting void objects only saves space.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import ClassVar, Final

from tavusctl.core.errors import StateError
from tavusctl.lib.concurrency import run_all
from tavusctl.lib.patterns import pattern
from tavusctl.lib.private_files import LIMIT
from tavusctl.state.hash_chain import START, follow, link
from tavusctl.state.object_store.bucket import Bucket
from tavusctl.state.shared.folder import WriteConflict
from tavusctl.state.shared.lease import NAME as LOCK
from tavusctl.state.shared.lease import Lease
from tavusctl.state.shared.lock import Group, decode

FOLDER: Final = "wal"
_NAME: Final = pattern(r"wal/(\d{10})-(\d{6})/(\d{8})")
_AT_A_TIME: Final = 8
_TRIES: Final = 5


class BucketJournal:
    """Reads the records of all runs, and writes those of the run that holds the lock."""

    GROUPS: ClassVar[bool] = False  # each record is an object

    _lease: Lease  # like the following four: set by `begin`
    _group: Group
    _number: int  # of the last record
    _head: bytes
    _doubtful: bytes  # a line whose write failed, but which may have been stored; else empty

    def __init__(self, bucket: Bucket, most: int = LIMIT) -> None:
        """Create the journal of a bucket; a journal of more than `most` bytes is refused."""
        self._bucket, self._max_bytes = bucket, most
        self._guard = threading.Lock()

    def begin(self, lease: Lease) -> None:
        """Write under this lease from now on."""
        with self._guard:
            self._lease = lease
            self._start_group(Group(lease.held.epoch))

    def newest_epoch(self) -> int:
        """The highest epoch of any record; the epoch of a new lock must be higher, even after the lock was deleted."""
        return max((group.epoch for group in self._all_groups()), default=0)

    def read(self) -> list[bytes]:
        """The records that were not cleared, in order; StateError if one is missing or damaged."""
        for _ in range(_TRIES):
            groups = self._valid_groups()
            names = [name for group in groups.values() for name in group]
            contents = self._contents(names)
            # If objects are missing, another run may have cleared them since they were listed: list them again.
            if len(contents) == len(names):
                return [record for group in groups.values() for record in self._records_of(group, contents)]
        message = f"the journal in {self._bucket.url} changes faster than it can be read, or a part of it is missing"
        raise StateError(message, "try again when no run is active", id="E908")

    def _contents(self, names: list[str]) -> dict[str, bytes]:
        """The contents of the objects that exist; StateError if their total size is more than any run writes."""
        left, guard = self._max_bytes, threading.Lock()

        def get(name: str) -> tuple[str, bytes | None]:
            nonlocal left
            blob = self._bucket.get(name) if left >= 0 else None
            with guard:
                left -= len(blob.content) if blob else 0
            return name, blob.content if blob and left >= 0 else None

        gotten = run_all([partial(get, name) for name in names], _AT_A_TIME)
        contents_by_name = {name: content for name, content in gotten if content is not None}
        if left < 0:
            message = f"the journal in {self._bucket.url} is larger than {self._max_bytes} bytes, the maximum of a run"
            raise StateError(message, "set `state:` to a folder that nothing else uses", id="E903")
        return contents_by_name

    def queue(self, record: bytes) -> Callable[[], None]:
        """Write one record at once, not in parallel: no object may exist before its predecessor does."""
        with self._guard:
            self._lease.check()
            try:
                self._put(record)
            except WriteConflict:
                raise self._lease.mark_lost(f"another run has taken over the journal of {self._bucket.url}") from None
            # The lock may have been lost during a stall before the write succeeded.
            self._lease.check()
        return lambda: None  # the record is durable already

    def clear(self) -> None:
        """Make every record void."""
        with self._guard:
            listed = self._all_groups()
            if not listed:
                return
            self._lease.clear(max(self._group, *listed))
            self._start_group(Group(self._group.epoch, self._group.turn + 1))
        self._bucket.delete_unused(name for group in listed.values() for name in group)

    def _start_group(self, group: Group) -> None:
        self._group, self._number, self._head, self._doubtful = group, 0, START, b""

    def _put(self, record: bytes) -> None:
        line, head = link(self._head, record)
        if self._doubtful not in (b"", line):
            self._settle()
            line, head = link(self._head, record)
        self._doubtful = line
        self._bucket.put(_object_name(self._group, self._number + 1), line, None)
        self._number, self._head, self._doubtful = self._number + 1, head, b""

    def _settle(self) -> None:
        """Count the line whose write failed, if it was stored nevertheless: the next line has to continue from it."""
        blob = self._bucket.get(_object_name(self._group, self._number + 1))
        if blob and blob.content == self._doubtful:
            record = self._doubtful[:-1].split(b" ", 2)[-1]
            self._number, self._head = self._number + 1, link(self._head, record)[1]

    def _valid_groups(self) -> dict[Group, list[str]]:
        groups = self._all_groups()  # read first: a run deletes records after its lock says that they are void
        blob = self._bucket.get(LOCK)
        cleared = decode(blob.content, f"{self._bucket.url}/{LOCK}").cleared if blob else Group()
        return {group: names for group, names in groups.items() if group > cleared}

    def _all_groups(self) -> dict[Group, list[str]]:
        groups: defaultdict[Group, list[str]] = defaultdict(list)
        for name in self._bucket.names(FOLDER):
            match = _NAME.fullmatch(name)
            if match:
                groups[Group(int(match[1]), int(match[2]))].append(name)
        return groups

    def _records_of(self, names: list[str], contents: dict[str, bytes]) -> tuple[bytes, ...]:
        where = f"the journal in {self._bucket.url}/{names[0].rpartition('/')[0]}"
        lines = [contents[name] for name in names]
        chain = follow(b"".join(lines), where)
        if not chain.complete or len(chain.records) != len(names) or not all(line.endswith(b"\n") for line in lines):
            message = f"{where} is corrupt: an object is truncated"
            raise StateError(message, "compare the account with the state, then delete that folder", id="E908")
        return chain.records


def _object_name(group: Group, number: int) -> str:
    return f"{FOLDER}/{group.epoch:010}-{group.turn:06}/{number:08}"
