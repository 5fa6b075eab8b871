"""A state in an object store, when the store misbehaves and when its lock is broken."""

from __future__ import annotations

import threading
import time

import pytest
from msgspec.structs import replace

from tavusctl.core.errors import LockError, StateError, TavusctlError, UsageError
from tavusctl.core.ports import State
from tavusctl.state.object_store.urls import check_endpoints, open_bucket
from tavusctl.state.shared.lock import Lock, decode
from tests.stores.fake_s3 import FakeS3, Fault
from tests.stores.servers import opener

pytest_plugins = ["tests.stores.fixtures"]

pytestmark = pytest.mark.waits

HERE = "s3://states/team"
LOCK, STATE = "team/lock", "team/state.json"
NEW = State("a-lineage", 1)
again = opener(HERE)


def take() -> None:
    with again().lock():
        pass


def changed(content: bytes, step: int) -> list[bytes]:
    """The content cut off, and with one bit flipped, at every so many bytes."""
    places = range(0, len(content) - 1, step)
    flipped = [content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :] for place in places]
    return [content[:place] for place in places] + flipped


def lock_of(s3: FakeS3) -> Lock:
    return decode(s3.objects[LOCK][0], LOCK)


@pytest.mark.parametrize("ignored", ["If-None-Match", "If-Match"])
def test_a_store_that_ignores_a_condition_is_refused_before_anything_is_written(faulty: FakeS3, ignored: str) -> None:
    faulty.ignored.add(ignored)
    for use in (take, lambda: again().write(NEW)):
        with pytest.raises(StateError, match="does not enforce conditional writes") as refused:
            use()
        assert (refused.value.id, refused.value.exit_code) == ("E911", 9)
    assert faulty.objects == {}


def test_a_run_probes_the_store_once(faulty: FakeS3) -> None:
    store = again()
    with store.lock():
        before = len(faulty.requests)
        store.write(NEW)
        store.write(replace(NEW, serial=2))
        assert faulty.requests[before:] == [("PUT", STATE)] * 2


@pytest.mark.parametrize("how", ["drop", "fail-after", "fail", "conflict"])
@pytest.mark.parametrize("name", [LOCK, STATE, "team/wal/", "team/probe/"])
def test_a_write_whose_answer_is_lost_has_its_effect_once(faulty: FakeS3, name: str, how: str) -> None:
    faulty.faults.append(Fault("PUT", name, how))
    store = again()
    with store.lock():
        store.write(NEW)
        store.queue(b"one")()
        store.queue(b"two")()
        store.write(replace(NEW, serial=2))
        assert lock_of(faulty).epoch == 1
    assert faulty.faults[0].times == 0
    assert (again().read().serial, again().journal()) == (2, [b"one", b"two"])


@pytest.mark.parametrize("name", [LOCK, STATE, "team/wal/"])
def test_a_write_that_is_refused_although_nothing_has_changed_is_tried_again(faulty: FakeS3, name: str) -> None:
    """S3 answers 409 to a write that meets a delete or another write, and asks to repeat it."""
    store = again()
    with store.lock():
        faulty.faults.append(Fault("PUT", name, "conflict", 2))
        store.write(NEW)
        store.queue(b"record")()
        store.clear_journal()
    assert faulty.faults[0].times == 0
    assert (again().read(), again().journal()) == (NEW, [])


def test_a_lost_answer_does_not_hide_that_another_run_was_first(faulty: FakeS3) -> None:
    store = again()
    store.write(NEW)
    other = again()
    other.read()
    other.write(replace(NEW, serial=5))
    faulty.faults.append(Fault("PUT", STATE, "fail"))
    with pytest.raises(LockError, match="another run has taken over"):
        store.write(replace(NEW, serial=2))
    assert again().read().serial == 5


def test_a_record_that_could_not_be_written_leaves_room_for_the_next(faulty: FakeS3) -> None:
    store = again()
    with store.lock():
        store.queue(b"one")()
        faulty.faults.append(Fault("PUT", "team/wal/", "fail", 3))
        with pytest.raises(StateError, match="cannot write the state"):
            store.queue(b"lost")()
        store.queue(b"two")()
    assert again().journal() == [b"one", b"two"]


def test_a_record_that_arrived_although_it_seemed_lost_is_followed_by_the_next(faulty: FakeS3) -> None:
    store = again()
    with store.lock():
        faulty.faults += [Fault("PUT", "team/wal/", "fail-after"), Fault("GET", "team/wal/", "fail", 3)]
        with pytest.raises(StateError):
            store.queue(b"doubtful")()
        store.queue(b"next")()
    assert again().journal() == [b"doubtful", b"next"]


def test_a_store_that_refuses_the_credentials_is_not_asked_again(faulty: FakeS3) -> None:
    faulty.faults.append(Fault("GET", STATE, "refuse", 9))
    with pytest.raises(StateError) as refused:
        again().read()
    assert refused.value.hint == "check the credentials and their permissions"
    assert faulty.requests == [("GET", ""), ("GET", STATE)]


def test_a_store_that_is_down_for_a_moment_is_asked_again(faulty: FakeS3) -> None:
    again().write(NEW)
    faulty.faults.append(Fault("GET", STATE, "fail", 2))
    assert again().read() == NEW


def test_a_state_in_a_store_is_refused_when_it_is_cut_or_changed_anywhere(faulty: FakeS3) -> None:
    again().write(NEW)
    content = faulty.objects[STATE][0]
    store = again()
    for one in changed(content, 9):
        faulty.change(STATE, one)
        with pytest.raises(StateError):
            store.read()


def test_a_lock_that_is_cut_or_changed_anywhere_is_refused_with_what_to_do(faulty: FakeS3) -> None:
    with again().lock():
        content = faulty.objects[LOCK][0]
    store = again()
    with store.lock():
        pass
    for one in changed(content, 40):
        faulty.change(LOCK, one)
        with pytest.raises(LockError, match="is corrupt") as refused, store.lock():
            pass
        assert (refused.value.id, refused.value.exit_code) == ("E703", 7)
        assert "delete the object s3://states/team/lock" in refused.value.hint
        assert faulty.objects[LOCK][0] == one


def test_a_lock_from_the_future_is_refused(faulty: FakeS3) -> None:
    with again().lock():
        faulty.age(LOCK, -3600)
        with pytest.raises(LockError, match="timestamp in the future") as refused, again().lock():
            pass
        assert refused.value.id == "E703"


def test_a_lock_that_was_deleted_begins_above_all_old_records(faulty: FakeS3) -> None:
    store = again()
    with store.lock():
        store.queue(b"old")()
    faulty.objects.pop(LOCK)
    with store.lock():
        assert lock_of(faulty).epoch == 2
        store.queue(b"new")()
    assert again().journal() == [b"old", b"new"]


def test_a_journal_with_a_record_missing_or_changed_is_refused(faulty: FakeS3) -> None:
    store = again()
    with store.lock():
        for record in (b"one", b"two", b"three"):
            store.queue(record)()
    names = sorted(name for name in faulty.objects if name.startswith("team/wal/"))
    kept = faulty.objects[names[1]]
    for change in (b"", kept[0][:-1], kept[0][:-2], kept[0].replace(b"two", b"tow"), kept[0] * 2):
        faulty.change(names[1], change)
        with pytest.raises(StateError, match="is corrupt"):
            again().journal()
    faulty.objects.pop(names[1])
    with pytest.raises(StateError, match="is corrupt"):
        again().journal()


def test_cleared_records_are_void_even_when_they_cannot_be_deleted(faulty: FakeS3) -> None:
    store = again()
    with store.lock():
        store.queue(b"one")()
        faulty.faults.append(Fault("DELETE", "team/wal/", "refuse", 99))
        store.clear_journal()
        assert again().journal() == []
        store.queue(b"two")()
    assert any(name.endswith("/00000001") for name in faulty.objects)
    assert again().journal() == [b"two"]


def test_writing_records_needs_the_lock(faulty: FakeS3) -> None:
    store = again()
    with pytest.raises(LockError, match="not locked by this run"):
        store.queue(b"one")()
    with pytest.raises(LockError, match="not locked by this run"):
        store.clear_journal()
    assert faulty.objects == {}


def test_a_takeover_makes_a_late_write_of_the_old_holder_fail(faulty: FakeS3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAVUSCTL_LOCK_LEASE", "30")  # no heartbeat comes in between
    old = again()
    with old.lock():
        old.write(NEW)
        faulty.age(LOCK, 60)
        new = again()
        with new.lock():
            assert lock_of(faulty).epoch == 2
            # The old holder has not noticed yet: only the condition of its write can stop it.
            with pytest.raises(LockError, match="another run has taken over"):
                old.write(replace(NEW, serial=2))
            new.write(replace(NEW, serial=3))
    assert again().read().serial == 3
    assert lock_of(faulty).holder is None


def test_a_holder_that_cannot_reach_the_store_for_its_lease_writes_nothing_more(faulty: FakeS3) -> None:
    store = again()
    with store.lock():
        faulty.faults += [Fault("PUT", LOCK, "fail", 99)]
        time.sleep(2.1)
        with pytest.raises(LockError, match="another run may hold the lock"):
            store.queue(b"one")()
        faulty.faults.clear()
        store.queue(b"two")()  # nobody has taken it meanwhile, as the store says now
    assert again().journal() == [b"two"]


def test_unlocking_needs_the_exact_id_and_a_silent_holder(faulty: FakeS3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAVUSCTL_LOCK_LEASE", "30")  # no heartbeat comes while this looks
    store = again()
    with store.lock(command="apply"):
        holder = lock_of(faulty).holder
        assert holder
        with pytest.raises(LockError, match="has another id than"):
            again().unlock(holder.owner[:-1], dead=holder.name)
        for dead in ("", "build-7:1"):
            with pytest.raises(LockError, match=r"was heard from \ds ago") as refused:
                again().unlock(holder.owner, dead=dead)
            assert (refused.value.id, refused.value.exit_code) == ("E704", 7)
            assert f"--holder-is-dead {holder.name}" in refused.value.hint
        faulty.age(LOCK, 60)
        again().unlock(holder.owner)
        with pytest.raises(LockError, match="is not locked"):
            again().unlock(holder.owner)
    with again().lock():
        assert lock_of(faulty).epoch == 2


def test_a_holder_that_was_declared_dead_is_fenced(faulty: FakeS3) -> None:
    alive = again()
    with alive.lock(command="apply"):
        alive.write(NEW)
        holder = lock_of(faulty).holder
        assert holder
        again().unlock(holder.owner, dead=holder.name)
        new = again()
        with new.lock():
            new.write(replace(NEW, serial=2))
            with pytest.raises(LockError) as refused:
                alive.write(replace(NEW, serial=3))
            assert refused.value.id == "E702"
    assert again().read().serial == 2


def test_a_run_leaves_no_heartbeat_behind(faulty: FakeS3) -> None:
    with again().lock():
        pass
    end = time.monotonic() + 5
    while any(thread.name == "tavusctl-heartbeat" for thread in threading.enumerate()) and time.monotonic() < end:
        time.sleep(0.02)
    before = len(faulty.requests)
    time.sleep(1.0)
    assert faulty.requests[before:] == []


@pytest.mark.parametrize(
    ("scheme", "name"), [("s3", "AWS_ENDPOINT_URL"), ("gs", "GOOGLE_BASE_URL"), ("az", "AZURE_STORAGE_ENDPOINT")]
)
def test_an_endpoint_without_tls_must_be_this_machine(scheme: str, name: str) -> None:
    assert check_endpoints(scheme, {name: "http://127.0.0.1:9000"})
    assert not check_endpoints(scheme, {name: "https://minio.example.com"})
    with pytest.raises(UsageError, match=f"{name} would send the state and its credentials unencrypted"):
        check_endpoints(scheme, {name: "http://minio.example.com"})


@pytest.mark.parametrize(
    "value",
    [
        "https://user:SeKretValue4711@minio.example.com",
        "https://u:SeKretValue4711@[x",
        "https://SeKretValue4711 example.com",
        "https://",
        "minio.example.com/?sig=SeKretValue4711",
        "https://minio.example.com:SeKretValue4711",
        "ftp://SeKretValue4711",
        "https://SeKretValüe4711",
    ],
)
def test_what_is_no_endpoint_is_refused_and_not_quoted(value: str) -> None:
    with pytest.raises(UsageError, match="AWS_ENDPOINT_URL is not the URL of an endpoint") as refused:
        check_endpoints("s3", {"AWS_ENDPOINT_URL": value})
    assert "SeKret" not in f"{refused.value.message}{refused.value.hint}"


@pytest.mark.parametrize(("lease", "heartbeat"), [("0.5", ""), ("nine", ""), ("10", "8"), ("9999", ""), ("nan", "")])
def test_a_pace_that_would_lose_the_lock_is_refused(
    faulty: FakeS3, monkeypatch: pytest.MonkeyPatch, lease: str, heartbeat: str
) -> None:
    monkeypatch.setenv("TAVUSCTL_LOCK_LEASE", lease)
    monkeypatch.setenv("TAVUSCTL_LOCK_HEARTBEAT", heartbeat)
    with pytest.raises(TavusctlError, match="TAVUSCTL_LOCK_LEASE must be 1 to 3600 seconds"):
        again()
    assert faulty.requests == []


def test_a_state_may_be_at_the_root_of_a_bucket(faulty: FakeS3) -> None:
    root = opener("s3://states")
    with root().lock():
        root().write(NEW)
    assert sorted(faulty.objects) == ["lock", "state.json"]
    assert open_bucket("s3", "states/").names("") == ["lock", "state.json"]
