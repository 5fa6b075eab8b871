"""What every store promises, over a local file, moto's S3 and Azurite."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.errors import LockError
from tavusctl.core.ports import State
from tests.stores.other_run import other_run
from tests.stores.servers import Open, opener

pytest_plugins = ["tests.stores.fixtures"]

COACH = Binding(
    Address("persona", "coach"),
    "p123",
    {"system_prompt": "Grüße, 🌍", "default_replica_id": Address("replica", "anna")},
)
STATE = State("a-lineage", 7, "acme", "digest", bindings={COACH.address: COACH})


def test_a_state_that_was_never_written_is_new(place: str) -> None:
    store = opener(place)()
    assert (store.read().serial, store.read().bindings, store.journal()) == (0, {}, [])
    assert store.read().lineage


def test_what_one_run_writes_the_next_reads(place: str) -> None:
    again = opener(place)
    store = again()
    with store.lock():
        store.write(STATE)
    assert again().read() == STATE


def test_a_lock_that_24_threads_want_at_once_has_one_holder(place: str) -> None:
    again = opener(place)
    barrier, held = threading.Barrier(24), threading.Event()

    def contend(_: int) -> str:
        store = again()
        barrier.wait()
        try:
            with store.lock(command="apply"):
                held.wait(20)
                return "holder"
        except LockError as error:
            return error.id

    with ThreadPoolExecutor(24) as pool:
        runs = [pool.submit(contend, number) for number in range(24)]
        refused = _count_ended(runs, 23)
        held.set()
        ends = sorted(run.result() for run in runs)
    assert refused == 23
    assert ends == ["E701"] * 23 + ["holder"]


@pytest.mark.sampled(1)
def test_no_increment_is_lost_between_runs_that_take_turns(place: str) -> None:
    again = opener(place)

    def increment(_: int) -> None:
        store = again()
        while True:
            try:
                with store.lock():
                    state = store.read()
                    store.write(replace(state, serial=state.serial + 1))
                    return
            except LockError:
                time.sleep(0.01)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(increment, range(12)))
    assert again().read().serial == 12


@pytest.mark.sweep
def test_no_increment_is_lost_without_a_lock(remote_place: str) -> None:
    again = opener(remote_place)

    def increment(_: int) -> int:
        store, refusals = again(), 0
        while True:
            state = store.read()
            with contextlib.suppress(LockError):
                store.write(replace(state, serial=state.serial + 1))
                return refusals
            refusals += 1

    with ThreadPoolExecutor(6) as pool:
        refusals = sum(pool.map(increment, range(24)))
    assert again().read().serial == 24
    assert refusals > 0  # else they were never at it together


def test_a_writer_whose_state_was_replaced_meanwhile_is_refused(place: str) -> None:
    again = opener(place)
    again().write(STATE)
    early, late = again(), again()
    early.read()
    late.read()
    late.write(replace(STATE, serial=8))

    with pytest.raises(LockError, match="another run has taken over") as refused:
        early.write(replace(STATE, serial=9))
    assert (refused.value.id, refused.value.exit_code) == ("E702", 7)
    assert again().read().serial == 8


def test_a_run_that_wants_a_held_lock_is_told_by_whom_where_what_and_how_long(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.com")
    monkeypatch.setenv("GITHUB_REPOSITORY", "acme/agents")
    monkeypatch.setenv("GITHUB_RUN_ID", "42")
    again = opener(place)
    with again().lock(command="apply"):
        time.sleep(1.1)
        with pytest.raises(LockError) as refused, again().lock():
            pass
    said = refused.value.message
    assert f"process {os.getpid()} on {socket.gethostname()} (tavusctl apply)" in said
    assert "https://github.com/acme/agents/actions/runs/42, for " in said
    assert "for 1s" in said or "for 2s" in said
    assert refused.value.exit_code == 7


def test_who_holds_a_lock_is_told_to_whoever_looks(place: str) -> None:
    again = opener(place)
    assert again().holder() == ""
    with again().lock(command="apply"):
        assert again().holder().startswith(f"process {os.getpid()} on {socket.gethostname()} (tavusctl apply)")
    assert again().holder() == ""


def test_a_lock_is_free_after_its_run_however_that_ended(place: str) -> None:
    again = opener(place)
    with pytest.raises(ZeroDivisionError), again().lock():
        raise ZeroDivisionError
    with again().lock():
        assert again().read().serial == 0


def test_waiting_for_a_lock_gets_it_when_it_is_free(place: str) -> None:
    again = opener(place)
    with ThreadPoolExecutor(1) as pool:
        with again().lock():
            began = time.monotonic()
            waiting = pool.submit(_take, again, 20.0)
            time.sleep(0.7)
            assert not waiting.done()
        assert waiting.result() - began < 5


def test_waiting_for_a_lock_ends_with_the_timeout(place: str) -> None:
    again = opener(place)
    with again().lock():
        began = time.monotonic()
        with pytest.raises(LockError), again().lock(1.2):
            pass
        assert 1.2 <= time.monotonic() - began < 4


def test_the_journal_gives_records_back_in_order_until_it_is_cleared(place: str) -> None:
    again = opener(place)
    with again().lock():
        pass
    store = again()
    records = [f'{{"n": {number}, "é": ""}}'.encode() for number in range(12)]
    with store.lock():
        for record in records[:6]:
            store.queue(record)()
        assert (store.journal(), again().journal()) == (records[:6], records[:6])
    second = again()
    with second.lock():
        for record in records[6:]:
            second.queue(record)()
    third = again()
    assert third.journal() == records
    with third.lock():
        third.clear_journal()
        assert (third.journal(), again().journal()) == ([], [])
        third.queue(b"new")()
        third.clear_journal()
        third.queue(b"newer")()
    assert again().journal() == [b"newer"]


def test_threads_may_append_at_once(place: str) -> None:
    store = opener(place)()
    with store.lock(), ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: store.queue(b"%d" % number)(), range(16)))
    assert sorted(map(int, store.journal())) == list(range(16))


def test_a_record_is_one_line(place: str) -> None:
    store = opener(place)()
    with store.lock(), pytest.raises(ValueError, match="one line"):
        store.queue(b"two\nlines")()
    assert store.journal() == []


def test_the_journal_of_a_killed_run_is_there_and_its_lock_can_be_had(place: str) -> None:
    again = opener(place)
    with other_run(place) as killed:
        assert killed.order("append intent") == "done"
        killed.signal(signal.SIGKILL)
        killed.process.wait()
        began = time.monotonic()
        # A file's lock dies with its holder; an object's only with its lease, which is 2 seconds here.
        with again().lock(0.0 if place.startswith("file") else 15.0):
            taken = time.monotonic() - began
            assert again().journal() == [b"intent"]
    assert taken < 0.5 if place.startswith("file") else 1 < taken < 12


def _take(again: Open, timeout: float) -> float:
    with again().lock(timeout):
        return time.monotonic()


def _count_ended(runs: list[Future[str]], count: int) -> int:
    """How many runs have ended, once `count` have, or after a while."""
    end = time.monotonic() + 20
    while sum(run.done() for run in runs) < count and time.monotonic() < end:
        time.sleep(0.02)
    return sum(run.done() for run in runs)


def test_a_lock_that_was_just_taken_is_surely_held_and_one_that_was_not_is_an_error(place: str) -> None:
    store = opener(place)()
    with store.lock():
        assert store.held() is True
        store.queue(b"record")()
        store.write(replace(store.read(), serial=1))
        assert store.held() is True
    with pytest.raises(LockError, match="not locked by this run") as refused:
        store.held()
    assert (refused.value.id, refused.value.exit_code) == ("E702", 7)
