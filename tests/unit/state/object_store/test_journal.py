"""The journal in an object store, object by object."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from tavusctl.core.errors import LockError, StateError
from tavusctl.state.hash_chain import START, link
from tavusctl.state.lock_holder import Holder
from tavusctl.state.object_store.journal import BucketJournal
from tavusctl.state.shared.lease import NAME, Lease, LeaseTiming
from tavusctl.state.shared.lock import Group, Lock, decode, encode
from tests.stores.memory import MemoryBucket

OTHER = Holder("o" * 32, "build-7", 41, "", "apply")


@pytest.fixture
def bucket() -> MemoryBucket:
    return MemoryBucket()


@pytest.fixture
def lease(bucket: MemoryBucket) -> Iterator[Lease]:
    lease = Lease(bucket, LeaseTiming(30, 1000))
    lease.acquire("apply", 0, 3)
    yield lease
    lease._ended.set()


@pytest.fixture
def records(bucket: MemoryBucket, lease: Lease) -> BucketJournal:
    records = BucketJournal(bucket)
    records.begin(lease)
    del bucket.puts[:]
    return records


def lines(*records: bytes) -> list[bytes]:
    found, head = [], START
    for record in records:
        line, head = link(head, record)
        found.append(line)
    return found


def journal(bucket: MemoryBucket) -> dict[str, bytes]:
    return {name: blob.content for name, blob in sorted(bucket.objects.items()) if name.startswith("wal/")}


def cleared(bucket: MemoryBucket) -> Group:
    return decode(bucket.objects[NAME].content, NAME).cleared


def test_a_record_is_an_object(bucket: MemoryBucket, records: BucketJournal) -> None:
    assert records.read() == []
    looked: list[str] = []
    bucket.before_get = looked.append
    records.queue(b"one")
    records.queue(b"two")
    assert looked == []  # a record costs one call
    first, second = lines(b"one", b"two")
    assert journal(bucket) == {"wal/0000000003-000000/00000001": first, "wal/0000000003-000000/00000002": second}
    assert records.read() == [b"one", b"two"]
    assert bucket.puts == list(journal(bucket))


def test_clearing_begins_a_group(bucket: MemoryBucket, records: BucketJournal) -> None:
    records.queue(b"one")
    records.queue(b"two")
    before = list(journal(bucket))
    del bucket.swept[:]
    records.clear()
    assert (cleared(bucket), bucket.swept, records.read()) == (Group(3, 0), before, [])
    records.queue(b"three")
    assert journal(bucket) == {"wal/0000000003-000001/00000001": lines(b"three")[0]}
    records.clear()
    assert (cleared(bucket), journal(bucket)) == (Group(3, 1), {})


def test_an_empty_journal_is_not_cleared(bucket: MemoryBucket, records: BucketJournal) -> None:
    records.clear()
    assert (bucket.puts, cleared(bucket)) == ([], Group())
    records.queue(b"one")
    assert list(journal(bucket)) == ["wal/0000000003-000000/00000001"]


def test_what_others_left_is_read_first_and_cleared_too(bucket: MemoryBucket, records: BucketJournal) -> None:
    first, second = lines(b"old", b"older")
    bucket.change("wal/0000000002-000000/00000001", first)
    bucket.change("wal/0000000001-000004/00000001", first)
    bucket.change("wal/0000000001-000004/00000002", second)
    bucket.change("wal/0000000009-000000/1", b"of somebody else")
    bucket.change("wal/notes", b"of somebody else")
    records.queue(b"new")
    assert records.read() == [b"old", b"older", b"old", b"new"]
    assert records.newest_epoch() == 3
    records.clear()
    assert cleared(bucket) == Group(3, 0)
    assert list(journal(bucket)) == ["wal/0000000009-000000/1", "wal/notes"]


def test_a_group_of_a_later_epoch_is_cleared_with_ours(bucket: MemoryBucket, records: BucketJournal) -> None:
    bucket.change("wal/0000000007-000000/00000001", lines(b"later")[0])
    records.clear()
    assert cleared(bucket) == Group(7, 0)
    records.queue(b"one")
    assert list(journal(bucket)) == ["wal/0000000003-000001/00000001"]


def test_no_records_have_no_epoch(bucket: MemoryBucket) -> None:
    assert BucketJournal(bucket).newest_epoch() == 0


def test_records_before_the_mark_are_void(bucket: MemoryBucket) -> None:
    for name in ("0000000003-000000", "0000000003-000001", "0000000004-000000"):
        bucket.change(f"wal/{name}/00000001", lines(name.encode())[0])
    bucket.change(NAME, encode(Lock(5, None, cleared=Group(3, 1))))
    assert BucketJournal(bucket).read() == [b"0000000004-000000"]
    bucket.objects.pop(NAME)
    assert len(BucketJournal(bucket).read()) == 3
    bucket.change(NAME, b"{}")
    with pytest.raises(LockError, match=r"^the lock mem://team/lock is corrupt"):
        BucketJournal(bucket).read()


@pytest.mark.parametrize("times", [4, 5])
def test_a_journal_that_is_cleared_meanwhile_is_listed_again(bucket: MemoryBucket, times: int) -> None:
    bucket.change("wal/0000000001-000000/00000001", lines(b"one")[0])
    kept = bucket.objects["wal/0000000001-000000/00000001"]
    gone: list[str] = []

    def vanish(name: str) -> None:
        if name != NAME and len(gone) < times:
            gone.append(name)
            bucket.objects.pop(name)

    def appear() -> None:
        bucket.objects["wal/0000000001-000000/00000001"] = kept

    bucket.before_get, bucket.before_list = vanish, appear
    if times == 4:
        assert BucketJournal(bucket).read() == [b"one"]
        return
    with pytest.raises(StateError) as refused:
        BucketJournal(bucket).read()
    assert refused.value.message == (
        "the journal in mem://team changes faster than it can be read, or a part of it is missing"
    )
    assert (refused.value.id, refused.value.hint) == ("E908", "try again when no run is active")


def test_a_journal_whose_objects_are_just_being_deleted_is_void_and_not_corrupt(bucket: MemoryBucket) -> None:
    for number, line in enumerate(lines(b"one", b"two", b"three"), 1):
        bucket.change(f"wal/0000000001-000000/{number:08}", line)
    bucket.change(NAME, encode(Lock(1, None)))

    def clear() -> None:
        bucket.change(NAME, encode(Lock(1, None, cleared=Group(1, 0))))
        bucket.objects.pop("wal/0000000001-000000/00000001", None)

    bucket.before_list = clear
    assert BucketJournal(bucket).read() == []


def test_a_lock_in_doubt_is_asked_for_before_a_record_and_after(
    bucket: MemoryBucket, lease: Lease, records: BucketJournal
) -> None:
    lease._confirmed -= 30

    def stall(name: str) -> None:
        if name.startswith("wal/"):
            lease._confirmed -= 30

    bucket.before_put = stall
    records.queue(b"one")
    assert bucket.puts == [NAME, "wal/0000000003-000000/00000001", NAME]


def test_a_record_after_the_lock_was_lost_is_told(bucket: MemoryBucket, lease: Lease, records: BucketJournal) -> None:
    def lose(name: str) -> None:
        if name.startswith("wal/"):
            lease._confirmed -= 30
            bucket.change(NAME, encode(replace(lease.held, holder=OTHER)))

    bucket.before_put = lose
    with pytest.raises(LockError, match="was lost to process 41 on build-7"):
        records.queue(b"one")


def test_a_place_that_is_taken_is_a_lost_lock(bucket: MemoryBucket, lease: Lease, records: BucketJournal) -> None:
    bucket.change("wal/0000000003-000000/00000001", b"of another")
    with pytest.raises(LockError, match=r"^another run has taken over the journal of mem://team$") as refused:
        records.queue(b"one")
    assert refused.value.id == "E702"
    with pytest.raises(LockError, match="another run has taken over"):
        lease.check()


@pytest.mark.parametrize("arrived", [True, False])
@pytest.mark.parametrize("following", [b"next", b"in doubt"])
def test_a_record_in_doubt_is_settled_by_the_next(
    bucket: MemoryBucket, records: BucketJournal, arrived: bool, following: bytes
) -> None:
    records.queue(b"one")

    def lose_the_answer(name: str) -> None:
        if arrived:
            bucket.change(name, lines(b"one", b"in doubt")[1])
        message = "the store is down"
        raise StateError(message)

    bucket.before_put = lose_the_answer
    with pytest.raises(StateError, match="is down"):
        records.queue(b"in doubt")
    bucket.before_put = lambda _: None
    if arrived and following == b"in doubt":
        bucket.objects.pop("wal/0000000003-000000/00000002")  # as the bucket takes its own write for done
    records.queue(following)
    records.queue(b"last")
    expected = [b"one", b"in doubt", b"next", b"last"] if following == b"next" else [b"one", b"in doubt", b"last"]
    assert records.read() == (expected if arrived or following == b"in doubt" else [b"one", b"next", b"last"])
    places = [int(name.rpartition("/")[2]) for name in journal(bucket)]
    assert places == [*range(1, len(places) + 1)]


def test_a_new_group_is_in_no_doubt(bucket: MemoryBucket, records: BucketJournal) -> None:
    records.queue(b"one")

    def fail(_: str) -> None:
        message = "the store is down"
        raise StateError(message)

    bucket.before_put = fail
    with pytest.raises(StateError):
        records.queue(b"doubtful")
    bucket.before_put = lambda _: None
    records.clear()
    looked: list[str] = []
    bucket.before_get = looked.append
    records.queue(b"two")
    assert (records.read(), [name for name in looked if name.startswith("wal/")][1:]) == ([b"two"], [])


@pytest.mark.parametrize("change", [lambda line: line[:-1], lambda line: line[:-3], lambda line: line * 2])
@pytest.mark.parametrize("which", [0, 1])
def test_a_record_that_is_cut_off_is_refused(
    bucket: MemoryBucket, records: BucketJournal, change: Callable[[bytes], bytes], which: int
) -> None:
    records.queue(b"one")
    records.queue(b"two")
    name = list(journal(bucket))[which]
    bucket.change(name, change(bucket.objects[name].content))
    with pytest.raises(StateError, match=r"^the journal in mem://team/wal/0000000003-000000 is corrupt: ") as refused:
        records.read()
    assert refused.value.id == "E908"


def test_a_cut_off_object_is_told_as_such(bucket: MemoryBucket, records: BucketJournal) -> None:
    records.queue(b"one")
    bucket.change("wal/0000000003-000000/00000001", lines(b"one")[0][:-1])
    with pytest.raises(StateError) as refused:
        records.read()
    assert refused.value.message.endswith("is corrupt: an object is truncated")
    assert refused.value.hint == "compare the account with the state, then delete that folder"
    parts = lines(b"one", b"two")
    bucket.change("wal/0000000003-000000/00000001", b"".join(parts)[:-20])
    bucket.change("wal/0000000003-000000/00000002", b"".join(parts)[-20:])
    with pytest.raises(StateError, match="an object is truncated"):
        records.read()


@pytest.mark.parametrize("use", ["begin", "queue", "clear"])
def test_one_thread_writes_at_a_time(bucket: MemoryBucket, lease: Lease, records: BucketJournal, use: str) -> None:
    records.queue(b"one")
    before = list(bucket.puts)
    records._number = 5
    known: dict[str, list[Any]] = {"begin": [lease], "queue": [b"two"], "clear": []}
    other = threading.Thread(target=getattr(records, use), args=known[use])
    with records._guard:
        other.start()
        other.join(0.05)
        assert other.is_alive()
        assert (bucket.puts, records._number) == (before, 5)
    other.join(5)
    assert not other.is_alive()
