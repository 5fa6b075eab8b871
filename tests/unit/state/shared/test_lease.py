"""The lock object of a store, second by second: taken, kept, lost, given back, freed for a run that is dead."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from tavusctl.core.errors import LockError, StateError, UsageError
from tavusctl.state.lock_holder import Holder
from tavusctl.state.shared.lease import NAME, Lease, LeaseTiming, holder_of, timing_from, unlock
from tavusctl.state.shared.lock import Group, Lock, decode, encode
from tests.stores.memory import NOON, MemoryBucket

SLOW = LeaseTiming(30, 1000)  # no heartbeat comes by itself
OTHER = Holder("o" * 32, "build-7", 41, "", "apply")
AFTERWARDS = "run `tavusctl plan` to check the account; nothing was written after the loss"


@pytest.fixture
def bucket() -> MemoryBucket:
    return MemoryBucket()


@contextlib.contextmanager
def taken(bucket: MemoryBucket, pace: LeaseTiming = SLOW) -> Iterator[Lease]:
    lease = Lease(bucket, pace)
    lease.acquire("apply", 0, 1)
    try:
        yield lease
    finally:
        lease._ended.set()


def lock_of(bucket: MemoryBucket) -> Lock:
    return decode(bucket.objects[NAME].content, NAME)


def held_by_other(bucket: MemoryBucket, **changes: object) -> Lock:
    lock = Lock(7, OTHER, since=NOON.timestamp() - 65, lease=30.0, beat=3, cleared=Group(6, 2))
    lock = replace(lock, **changes)
    bucket.change(NAME, encode(lock))
    return lock


def puts(bucket: MemoryBucket) -> int:
    return bucket.puts.count(NAME)


@pytest.mark.parametrize(
    ("lease", "heartbeat", "pace"),
    [
        ("", "", LeaseTiming(90, 30)),
        ("30", "", LeaseTiming(30, 10)),
        ("1", "0.5", LeaseTiming(1, 0.5)),
        ("3600", "1800", LeaseTiming(3600, 1800)),
    ],
)
def test_a_pace_is_told_by_the_environment(lease: str, heartbeat: str, pace: LeaseTiming) -> None:
    assert timing_from({"TAVUSCTL_LOCK_LEASE": lease, "TAVUSCTL_LOCK_HEARTBEAT": heartbeat}) == pace
    assert timing_from({}) == LeaseTiming(90, 30)


@pytest.mark.parametrize(
    ("lease", "heartbeat"), [("0.9", "0.1"), ("3601", "1"), ("10", "5.1"), ("10", "0"), ("10", "-1"), ("x", "1")]
)
def test_a_pace_that_keeps_no_lock_is_refused(lease: str, heartbeat: str) -> None:
    with pytest.raises(UsageError, match="must be 1 to 3600 seconds, TAVUSCTL_LOCK_HEARTBEAT at most half") as refused:
        timing_from({"TAVUSCTL_LOCK_LEASE": lease, "TAVUSCTL_LOCK_HEARTBEAT": heartbeat})
    assert refused.value.id == "E1204"


def test_a_lock_ages_while_the_machine_sleeps(bucket: MemoryBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """A holder that woke up too late must not believe that no time has passed."""
    real, clocks = time.clock_gettime, set[int]()

    def asked(clock: int) -> float:
        clocks.add(clock)
        return real(clock)

    monkeypatch.setattr(time, "clock_gettime", asked)
    with taken(bucket) as lease:
        lease.check()
    assert clocks == {time.CLOCK_BOOTTIME}


def test_the_first_lock_of_a_store(bucket: MemoryBucket) -> None:
    lease = Lease(bucket, SLOW)
    assert lease.acquire("apply", 0, 5) is True  # nobody can tell who wrote before

    lock = lock_of(bucket)
    assert lock == lease.held
    assert lock.holder == replace(Holder(), owner=lock.holder.owner if lock.holder else "", command="apply")
    assert replace(lock, holder=None) == Lock(5, None, since=NOON.timestamp(), lease=30)
    lease.release()


def test_a_lock_is_given_back_with_what_it_knows(bucket: MemoryBucket) -> None:
    with taken(bucket) as lease:
        lease.clear(Group(1, 3))
        lease.release()
        assert lock_of(bucket) == Lock(1, None, clean=True, beat=2, cleared=Group(1, 3))
        later = Lease(bucket, SLOW)
        assert later.acquire("destroy", 0, 1) is False
        assert (later.held.epoch, later.held.cleared, later.held.beat) == (2, Group(1, 3), 0)
        later.release()


@pytest.mark.parametrize("before", [Lock(4, None, clean=False), None])
def test_who_was_not_seen_to_end_may_still_write(bucket: MemoryBucket, before: Lock | None) -> None:
    if before:
        bucket.change(NAME, encode(before))
    lease = Lease(bucket, SLOW)
    assert lease.acquire("plan", 0, 1) is True
    assert lease.held.epoch == (before.epoch + 1 if before else 1)
    lease.release()


def test_what_is_not_held_is_not_to_be_used(bucket: MemoryBucket) -> None:
    lease = Lease(bucket, SLOW)
    for use in (lambda: lease.held, lambda: lease.clear(Group()), lease.release):
        with pytest.raises(LockError, match=r"^the state mem://team is not locked by this run$") as refused:
            use()
        assert refused.value.id == "E702"
    assert bucket.objects == {}


@pytest.mark.parametrize(("seconds", "said"), [(0, "0s"), (31, "31s"), (-60, "0s")])
def test_a_lock_that_is_alive_names_its_holder(bucket: MemoryBucket, seconds: float, said: str) -> None:
    held_by_other(bucket)
    bucket.age(NAME, seconds)
    before = bucket.objects[NAME]
    with pytest.raises(LockError) as refused:
        Lease(bucket, SLOW).acquire("plan", 0, 1)
    assert (refused.value.id, bucket.objects[NAME]) == ("E701", before)
    assert refused.value.message == (
        "the state mem://team is held by process 41 on build-7 (tavusctl apply), for 1m05s; "
        f"its last heartbeat was {said} ago"
    )
    told = f"wait with `--lock-timeout 10m`; if that run is dead, run `tavusctl state unlock {'o' * 32}`"
    assert refused.value.hint == told


def test_a_lock_that_is_silent_is_taken_over(bucket: MemoryBucket) -> None:
    held_by_other(bucket)
    bucket.age(NAME, 31.001)
    lease = Lease(bucket, SLOW)
    assert lease.acquire("plan", 0, 1) is True
    assert (lease.held.epoch, lease.held.cleared) == (8, Group(6, 2))
    lease.release()


def test_a_lock_from_the_future_is_refused(bucket: MemoryBucket) -> None:
    held_by_other(bucket)
    bucket.age(NAME, -60.001)
    with pytest.raises(LockError) as refused:
        Lease(bucket, SLOW).acquire("plan", 0, 1)
    assert refused.value.id == "E703"
    assert refused.value.message == (
        "the state mem://team is held by process 41 on build-7 (tavusctl apply), for 1m05s, "
        "but the lock has a timestamp in the future, 2026-01-01 12:01:00 UTC: the clock of a machine is wrong"
    )
    owner, _, name = refused.value.hint.partition("state unlock ")[2].strip("`").partition(" --holder-is-dead ")
    unlock(bucket, owner, name)
    with taken(bucket):
        pass


def test_a_lock_is_waited_for_as_long_as_was_asked(bucket: MemoryBucket) -> None:
    held_by_other(bucket)
    looks: list[float] = []
    bucket.before_get = lambda name: looks.append(time.monotonic()) if name == NAME else None
    begun = time.monotonic()
    with pytest.raises(LockError, match="is held by"):
        Lease(bucket, SLOW).acquire("plan", 0.1, 1)
    assert len(looks) == 2
    assert looks[1] - begun >= 0.1


@pytest.mark.parametrize("age", [0, -3600], ids=["now", "in the future"])
def test_a_lock_that_is_given_back_meanwhile_is_taken(bucket: MemoryBucket, age: float) -> None:
    other = held_by_other(bucket)
    bucket.age(NAME, age)
    looks: list[str] = []

    def give_back(name: str) -> None:
        looks.append(name)
        if looks.count(NAME) == 2:
            bucket.change(NAME, encode(replace(other, holder=None, clean=True)))

    bucket.before_get = give_back
    lease = Lease(bucket, SLOW)
    assert lease.acquire("plan", 0.1, 1) is False
    assert lease.held.epoch == 8
    lease.release()


@pytest.mark.parametrize(("races", "won"), [(19, True), (20, False)])
def test_races_are_run_again_for_a_while(bucket: MemoryBucket, races: int, won: bool) -> None:
    lost: list[str] = []

    def another(name: str) -> None:
        if name == NAME and len(lost) < races:
            lost.append(name)
            bucket.change(NAME, encode(Lock(len(lost), None, clean=True)))

    bucket.before_put = another
    lease = Lease(bucket, SLOW)
    if won:
        assert lease.acquire("plan", 0, 1) is False
        assert lease.held.epoch == 20
        lease.release()
        return
    with pytest.raises(
        LockError, match=("the lock of mem://team changes its holder faster than it can be acquired")
    ) as refused:
        lease.acquire("plan", 0, 1)
    assert (refused.value.id, refused.value.hint) == ("E701", "try again with `--lock-timeout 10m`")


def test_a_lock_is_trusted_for_two_thirds_of_its_lease(bucket: MemoryBucket) -> None:
    with taken(bucket, LeaseTiming(90, 1000)) as lease:
        lease._confirmed -= 59
        lease.check()
        assert (puts(bucket), lease.held.beat) == (1, 0)
        lease._confirmed -= 1
        lease.check()
        assert (puts(bucket), lease.held.beat, lock_of(bucket).beat) == (2, 1, 1)
        lease.check()
        assert puts(bucket) == 2


def test_a_lock_that_cannot_be_asked_for_is_not_trusted(bucket: MemoryBucket) -> None:
    with taken(bucket) as lease:
        lease._confirmed -= 30
        bucket.down = True
        with pytest.raises(LockError) as refused:
            lease.check()
        assert refused.value.id == "E702"
        assert refused.value.message == "the store is down; another run may hold the lock now"
        assert refused.value.hint == AFTERWARDS
        bucket.down = False
        lease.check()  # nobody has taken it, as the store says now


@pytest.mark.parametrize(
    ("content", "winner"),
    [
        (encode(Lock(2, OTHER, since=0)), "process 41 on build-7 (tavusctl apply), for "),
        (encode(Lock(2, None)), "another run"),
        (b"{}", "another run"),
        (None, "another run"),
    ],
)
def test_a_lock_that_was_lost_stays_lost(bucket: MemoryBucket, content: bytes | None, winner: str) -> None:
    with taken(bucket) as lease:
        lease._confirmed -= 30
        if content is None:
            bucket.objects.clear()
        else:
            bucket.change(NAME, content)
        for _ in range(2):
            with pytest.raises(LockError) as refused:
                lease.check()
            assert refused.value.id == "E702"
            assert refused.value.message.startswith(f"the lock of mem://team was lost to {winner}")
            assert refused.value.hint == AFTERWARDS


def test_the_winner_of_a_lock_is_known_since_it_has_it(bucket: MemoryBucket) -> None:
    with taken(bucket) as lease:
        bucket.change(NAME, encode(Lock(2, OTHER, since=time.time() - 125)))
        with pytest.raises(LockError, match=r"for 2m0\ds$"):
            lease.clear(Group(1, 1))


def test_the_first_loss_is_told(bucket: MemoryBucket) -> None:
    with taken(bucket) as lease:
        first, second = lease.mark_lost("the state was lost"), lease.mark_lost("the journal was lost")
        assert {first.message, second.message} == {"the state was lost"}
        assert {first.id, second.id} == {"E702"}
        assert {first.hint, second.hint} == {AFTERWARDS}
        with pytest.raises(LockError, match=r"^the state was lost$"):
            lease.clear(Group(1, 1))
        lease.release()
        assert lock_of(bucket) == Lock(1, None, clean=False, beat=1)


def test_clearing_is_written_into_the_lock(bucket: MemoryBucket) -> None:
    with taken(bucket) as lease:
        lease.clear(Group(1, 2))
        lease._confirmed -= 30
        lease.check()
        assert (lock_of(bucket).cleared, lock_of(bucket).beat) == (Group(1, 2), 2)


@pytest.mark.parametrize(
    ("level", "words"),
    [
        (logging.INFO, "another run holds the lock of mem://team by now"),
        (logging.WARNING, "the lock could not be released"),
    ],
)
def test_a_lock_that_cannot_be_given_back_is_left(
    bucket: MemoryBucket, caplog: pytest.LogCaptureFixture, level: int, words: str
) -> None:
    with taken(bucket) as lease:
        if level == logging.INFO:
            held_by_other(bucket)
        bucket.down = level == logging.WARNING
        before = bucket.objects[NAME]
        with caplog.at_level(logging.INFO, "tavusctl"):
            lease.release()
        (record,) = caplog.records
        assert record.levelno == level
        assert words in record.message
        assert ("the store is down" in record.message) == bucket.down
        assert bucket.objects[NAME] == before
        with pytest.raises(LockError, match="not locked by this run"):
            lease.release()


def until(true: Callable[[], bool]) -> bool:
    """Whether it comes true within some seconds."""
    end = time.monotonic() + 5
    while not true() and time.monotonic() < end:
        time.sleep(0.005)
    return true()


def test_a_heart_beats_through_an_outage_until_the_lock_is_given_back(bucket: MemoryBucket) -> None:
    pace = LeaseTiming(30, 0.01)
    lease = Lease(bucket, pace)
    lease.acquire("apply", 0, 1)
    assert until(lambda: lease.held.beat > 2)
    bucket.down = True
    time.sleep(0.05)
    bucket.down = False
    beat = lease.held.beat
    assert until(lambda: lease.held.beat > beat)
    (thread,) = [one for one in threading.enumerate() if one.name == "tavusctl-heartbeat" and one.daemon]
    lease.release()
    thread.join(5)
    assert not thread.is_alive()
    assert lock_of(bucket).holder is None


def test_a_heart_stops_when_the_lock_is_lost(bucket: MemoryBucket) -> None:
    lease, before = Lease(bucket, LeaseTiming(30, 0.01)), {*threading.enumerate()}
    lease.acquire("apply", 0, 1)
    (thread,) = [one for one in {*threading.enumerate()} - before if one.name == "tavusctl-heartbeat"]
    held_by_other(bucket)
    thread.join(5)
    assert not thread.is_alive()
    with pytest.raises(LockError, match="was lost to process 41 on build-7"):
        lease.check()
    lease.release()
    assert lock_of(bucket).holder == OTHER


@pytest.mark.parametrize("use", ["check", "mark_lost", "clear", "release", "_beat"])
def test_one_thread_uses_a_lock_at_a_time(bucket: MemoryBucket, use: str) -> None:
    with taken(bucket) as lease:
        lease._pace = LeaseTiming(30, 0.001)
        known: dict[str, list[Any]] = {"mark_lost": ["lost"], "clear": [Group(1, 1)]}
        other = threading.Thread(target=getattr(lease, use), args=known.get(use, []))
        with lease._guard:
            before = puts(bucket)
            other.start()
            other.join(0.05)
            assert other.is_alive()
            assert (puts(bucket), lease._lost) == (before, "")
            if use == "_beat":
                lease._ended.set()
        other.join(5)
        assert not other.is_alive()


def test_unlocking_frees_what_is_silent(bucket: MemoryBucket) -> None:
    held_by_other(bucket)
    bucket.age(NAME, 31.001)
    assert unlock(bucket, OTHER.owner, "") == OTHER
    assert lock_of(bucket) == Lock(7, None, clean=False, beat=4, cleared=Group(6, 2))


def test_unlocking_frees_what_is_known_to_be_dead(bucket: MemoryBucket) -> None:
    held_by_other(bucket)
    assert unlock(bucket, OTHER.owner, "build-7:41") == OTHER
    assert lock_of(bucket).holder is None


@pytest.mark.parametrize("content", [None, encode(Lock(2, None))])
def test_what_is_free_is_not_unlocked(bucket: MemoryBucket, content: bytes | None) -> None:
    if content:
        bucket.change(NAME, content)
    with pytest.raises(LockError, match=r"^the state mem://team is not locked$") as refused:
        unlock(bucket, OTHER.owner, "")
    assert refused.value.id == "E704"


def test_unlocking_needs_the_id(bucket: MemoryBucket) -> None:
    held_by_other(bucket)
    bucket.age(NAME, 100)
    with pytest.raises(LockError) as refused:
        unlock(bucket, "x" * 65, "build-7:41")
    assert refused.value.message == f"the lock of mem://team has another id than `{'x' * 64}`"
    assert (refused.value.id, refused.value.hint) == ("E704", "use the id that a run shows when it is refused the lock")


@pytest.mark.parametrize("dead", ["", "build-8:41"])
def test_unlocking_leaves_what_was_heard(bucket: MemoryBucket, dead: str) -> None:
    lock = held_by_other(bucket)
    bucket.age(NAME, 31)
    with pytest.raises(LockError) as refused:
        unlock(bucket, OTHER.owner, dead)
    assert refused.value.message == "the holder of mem://team, `build-7:41`, was heard from 31s ago"
    assert refused.value.hint == (
        "wait until it ends; if you are sure that it is dead, add `--holder-is-dead build-7:41`"
    )
    assert (refused.value.id, lock_of(bucket)) == ("E704", lock)


def test_unlocking_leaves_what_changes_meanwhile(bucket: MemoryBucket) -> None:
    held_by_other(bucket)

    def beat(name: str) -> None:
        if name == NAME:
            held_by_other(bucket, beat=4)

    bucket.before_put = beat
    with pytest.raises(LockError) as refused:
        unlock(bucket, OTHER.owner, "build-7:41")
    assert refused.value.message == "the lock of mem://team was renewed just now: its holder is alive"
    assert (refused.value.id, refused.value.hint, lock_of(bucket).beat) == ("E704", "wait until it ends", 4)


def test_a_damaged_lock_is_named_by_its_address(bucket: MemoryBucket) -> None:
    bucket.change(NAME, b"{}")
    for use in (lambda: Lease(bucket, SLOW).acquire("plan", 0, 1), lambda: unlock(bucket, "", "")):
        with pytest.raises(LockError, match=r"^the lock mem://team/lock is corrupt"):
            use()


def test_the_clock_of_a_store_is_read_from_what_it_writes(bucket: MemoryBucket) -> None:
    bucket.now += timedelta(seconds=5)
    assert bucket.time() == bucket.now
    assert bucket.objects == {}
    (name,) = bucket.puts
    assert bucket.swept == [name]
    assert name.startswith("probe/")


def test_a_store_that_forgets_at_once_is_refused(bucket: MemoryBucket) -> None:
    bucket.before_get = lambda _: bucket.objects.clear()
    with pytest.raises(StateError, match=r"^mem://team does not return the object that was just written$") as refused:
        bucket.time()
    assert (refused.value.id, refused.value.hint) == ("E911", "use a store with consistent reads")


def test_no_heartbeat_comes_between_while_records_are_made_void(bucket: MemoryBucket) -> None:
    with taken(bucket) as lease:
        free: list[bool] = []

        def beat(_: str) -> None:
            other = threading.Thread(target=lambda: free.append(lease._guard.acquire(blocking=False)))
            other.start()
            other.join()

        bucket.before_put = beat
        lease.clear(Group(1, 1))
        assert free == [False]


def test_a_lock_is_sure_for_two_thirds_of_its_lease_and_nobody_is_asked(
    bucket: MemoryBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, slept = time.clock_gettime, [0.0]
    monkeypatch.setattr(time, "clock_gettime", lambda clock: real(clock) + slept[0])
    with taken(bucket) as lease:
        asked = len(bucket.puts)
        assert lease.is_recent()
        slept[0] = 19.0
        assert lease.is_recent()
        slept[0] = 20.1
        bucket.down = True
        assert not lease.is_recent()
        assert len(bucket.puts) == asked
        bucket.down = False
        lease.check()
        assert lease.is_recent()


def test_a_lock_that_was_lost_is_told_at_once(bucket: MemoryBucket) -> None:
    with taken(bucket) as lease:
        lease.mark_lost("the lock was lost to another run")
        bucket.down = True
        with pytest.raises(LockError, match="lost to another run"):
            lease.is_recent()


def test_whether_a_lock_is_sure_waits_for_no_heartbeat(bucket: MemoryBucket) -> None:
    with taken(bucket) as lease, lease._guard, ThreadPoolExecutor(1) as pool:
        assert pool.submit(lease.is_recent).result(timeout=5)


def test_whoever_holds_a_lock_is_described_and_of_a_free_one_nobody(bucket: MemoryBucket) -> None:
    assert holder_of(bucket) == ""
    held_by_other(bucket)
    assert holder_of(bucket).startswith("process 41 on build-7 (tavusctl apply), for ")
    assert "last heard from" in holder_of(bucket)
    held_by_other(bucket, holder=None)
    assert holder_of(bucket) == ""
