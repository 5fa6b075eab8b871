"""The ledger: every record before its call, every id before the next, one checkpoint at the end."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.errors import LockError, StateError
from tavusctl.core.model import Action
from tavusctl.core.ports import State
from tavusctl.lib.json_types import JsonObject
from tavusctl.state import journal
from tavusctl.state.artifacts import FileArtifacts
from tavusctl.state.journal import Inverse
from tavusctl.state.recorder import Recorder
from tavusctl.state.seals import Keys, Trust, accept, verify

COACH = Address("persona", "coach")
SPEC: JsonObject = {"persona_name": "Coach"}


@dataclass
class Kept:
    """A store in memory that writes down the order of what it is asked for."""

    state: State = field(default_factory=lambda: State("line"))
    records: list[bytes] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    full: bool = False
    groups_records: bool = False
    lost: bool = False  # the lock
    sure: bool = True  # of the lock, without asking
    artifacts: FileArtifacts = field(default_factory=lambda: FileArtifacts(Path("/nowhere")))

    def read(self, *, older: bool = False) -> State:
        del older
        return self.state

    def write(self, state: State) -> None:
        self.order.append("write")
        self.state = state

    @contextmanager
    def lock(self, timeout: float = 0.0, command: str = "") -> Iterator[None]:
        del timeout, command
        yield

    def unlock(self, owner: str, *, dead: str = "") -> None:
        self.order.append(f"unlock {owner} {dead}")

    def holder(self) -> str:
        return ""

    def held(self) -> bool:
        self._check()
        return self.sure

    def _check(self) -> None:
        if self.lost:
            message = "another run holds the state"
            raise LockError(message)

    def journal(self) -> list[bytes]:
        return list(self.records)

    def read_both(self) -> tuple[State, list[bytes]]:
        lines = self.journal()
        return self.read(), lines

    def append(self, record: bytes) -> None:
        self._check()
        self.sure = True
        if self.full:
            message = "no room"
            raise StateError(message)
        self.records.append(record)

    def queue(self, record: bytes) -> Callable[[], None]:
        self.append(record)
        return lambda: None

    def clear_journal(self) -> None:
        self.order.append("clear")
        self.records.clear()


@pytest.fixture
def store() -> Kept:
    return Kept()


def test_what_a_run_did_can_be_replayed_at_any_time(store: Kept) -> None:
    ledger = Recorder(store, store.read())
    ledger.begin({"persona": ["p1"]})
    op = ledger.record_intent(COACH, Action.CREATE, spec=SPEC, name="Coach", time="now")

    pending = journal.replay(store.state, store.records)
    ledger.bind(Binding(COACH, "p2", SPEC), op)
    bound = journal.replay(store.state, store.records)

    assert [one.op for one in pending.pending] == [op]
    assert (bound.pending, bound.state.bindings) == ((), ledger.state.bindings)
    assert (ledger.get(COACH), ledger.ids) == (Binding(COACH, "p2", SPEC), {"p2": COACH})


def test_bindings_without_a_call_are_waited_for_together() -> None:
    bindings = [Binding(Address("persona", f"p-{number}"), f"p{number}", SPEC) for number in range(5)]

    class Slow(Kept):
        def queue(self, record: bytes) -> Callable[[], None]:
            self.append(record)
            return lambda: self.order.append(f"{len(self.records)} queued")

    slow = Slow()
    ledger = Recorder(slow, slow.read())
    ledger.bind_all(bindings)

    assert slow.order == ["5 queued"] * 5
    assert ledger.state.bindings == {one.address: one for one in bindings}
    assert ledger.ids == {one.remote_id: one.address for one in bindings}
    started = slow.read()
    ledger = Recorder(slow, started)
    slow.records.clear()
    ledger.begin({})
    ledger.bind_all(bindings)
    assert journal.replay(started, slow.records).state.bindings == ledger.state.bindings


def test_of_records_that_could_not_be_kept_none_is_archived() -> None:
    class Failing(Kept):
        def queue(self, record: bytes) -> Callable[[], None]:
            number = len(self.records)
            self.append(record)

            def wait() -> None:
                if number >= 2:
                    message = "the push was refused"
                    raise StateError(message)

            return wait

    failing = Failing()
    ledger = Recorder(failing, failing.read())
    with pytest.raises(StateError):
        ledger.bind_all([Binding(Address("persona", f"p-{number}"), f"p{number}", SPEC) for number in range(5)])
    assert ledger.records == failing.records[:2]
    assert not ledger.state.bindings


def test_the_end_is_a_checkpoint_then_the_archive_then_a_clear_journal(store: Kept) -> None:
    kept: list[bytes] = []

    def archive(records: object) -> None:
        store.order.append("archive")
        kept.extend(records if isinstance(records, tuple) else ())

    ledger = Recorder(store, store.read(), archive=archive)
    ledger.begin({})
    ledger.record_result(ledger.record_intent(COACH, Action.UPDATE, remote_id="p1"), done=False)
    ledger.record_result(ledger.record_intent(COACH, Action.UPDATE, remote_id="p1"), done=True)
    written = list(store.records)
    ledger.checkpoint()

    assert store.order == ["write", "archive", "clear"]
    assert (kept, store.records) == (written, [])
    assert store.state.serial == 1


def test_the_state_is_recalled_with_what_the_journal_has(store: Kept) -> None:
    ledger = Recorder(store, store.read())
    ledger.begin({})
    ledger.bind(Binding(COACH, "p1"))

    assert journal.read_current_state(store) == ledger.state


def test_without_an_archive_the_records_just_go(store: Kept) -> None:
    ledger = Recorder(store, store.read())
    ledger.begin({})
    ledger.checkpoint()

    assert store.records == []


def test_a_new_binding_takes_the_place_of_the_old_one(store: Kept) -> None:
    ledger = Recorder(store, store.read())
    ledger.bind(Binding(COACH, "p1"))
    ledger.bind(Binding(COACH, "p2"))
    op = ledger.record_intent(COACH, Action.DELETE, remote_id="p2")
    ledger.forget(COACH, op)
    ledger.forget(COACH)

    (intent,) = journal.parse_finished_run([journal.begin_record(store.state, "r", {}), *store.records]).intents
    assert (ledger.get(COACH), ledger.ids, ledger.pending) == (None, {}, {})
    assert intent.before == Binding(COACH, "p2")


def test_what_is_not_on_record_is_pending(store: Kept) -> None:
    ledger = Recorder(store, store.read())
    op = ledger.record_intent(COACH, Action.CREATE)
    store.full = True

    with pytest.raises(StateError):
        ledger.bind(Binding(COACH, "p1"), op)

    assert ([*ledger.pending], ledger.get(COACH)) == ([op], None)


def test_what_an_update_left_is_recorded_where_more_shows_than_was_written(store: Kept) -> None:
    ledger = Recorder(store, store.read())
    inverse = Inverse(({"op": "remove", "path": "/x"},), {"/x": 1})
    op = ledger.record_intent(COACH, Action.UPDATE, remote_id="p1", inverse=inverse)
    before = len(store.records)

    def more(found: Inverse) -> JsonObject:
        assert found == inverse
        return {"/x": 2}

    ledger.record_values_after(Address("persona", "other"), more)
    assert len(store.records) == before
    ledger.record_values_after(COACH, more)
    ledger.record_values_after(COACH, more)

    assert store.records[before:] == [journal.values_after_record(op, {"/x": 2})]
    ledger.record_intent(COACH, Action.UPDATE, remote_id="p1", inverse=inverse)
    before = len(store.records)
    ledger.record_values_after(COACH, lambda found: found.values_after)
    assert len(store.records) == before


def test_of_several_updates_the_last_one_of_a_place_is_what_reads_show(store: Kept) -> None:
    ledger = Recorder(store, store.read())
    first, second = Inverse((), {"/x": [1], "/y": 1}), Inverse((), {"/x": [1, 2]})
    ops = [ledger.record_intent(COACH, Action.UPDATE, remote_id="p1", inverse=one) for one in (first, second)]
    before = len(store.records)

    ledger.record_values_after(COACH, lambda found: dict.fromkeys(found.values_after, "shown"))

    left = [
        journal.values_after_record(ops[1], {"/x": "shown"}),
        journal.values_after_record(ops[0], {"/x": [1], "/y": "shown"}),
    ]
    assert store.records[before:] == left


def test_a_run_says_who_it_is_and_when_it_began(store: Kept) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    ledger = Recorder(store, store.read())
    ledger.begin({})

    head = json.loads(store.records[0])
    assert (head["run"], head["is"]) == (ledger.run, "begin")
    assert len(bytes.fromhex(ledger.run)) == 6
    assert timedelta() <= datetime.fromisoformat(head["time"]) - before < timedelta(minutes=1)
    assert len(head["time"]) == len("2026-01-01T00:00:00.000+00:00")
    assert ledger.run != Recorder(store, store.read()).run


def test_every_step_is_on_record_as_it_was_told(store: Kept) -> None:
    ledger = Recorder(store, replace(store.read(), bindings={COACH: Binding(COACH, "p1")}))
    bare = ledger.record_intent(COACH, Action.DELETE)
    full = ledger.record_intent(COACH, Action.UPDATE, remote_id="p1", spec=SPEC, name="Coach", time="noon")
    ledger.record_retry(full, lambda: "later")
    ledger.record_result(bare, done=False)
    ledger.record_result(full, done=True)
    left = set(ledger.pending)
    last = ledger.record_intent(COACH, Action.UPDATE)
    ledger.bind(Binding(COACH, "p2"), last)
    ledger.bind(Binding(COACH, "p3"))
    gone = ledger.record_intent(COACH, Action.DELETE)
    ledger.forget(COACH, gone)
    ledger.forget(COACH)

    said = [json.loads(record) for record in store.records]
    assert [one.pop("before", "none") for one in said] == [
        *[{"remote_id": "p1"}] * 2, *["none"] * 3, {"remote_id": "p1"}, *["none"] * 2, *[{"remote_id": "p3"}] * 2, None,
    ]  # fmt: skip
    nothing: JsonObject = {"left": {}, "lost": [], "operations": [], "was": {}}
    empty = {"is": "intent", "address": str(COACH), "id": "", "spec": {}, "name": "", "time": "", "inverse": nothing}
    assert said == [
        {**empty, "op": bare, "action": "delete"},
        {**empty, "op": full, "action": "update", "id": "p1", "spec": SPEC, "name": "Coach", "time": "noon"},
        {"is": "again", "op": full, "time": "later"},
        {"is": "result", "op": bare, "status": "failed"},
        {"is": "result", "op": full, "status": "done"},
        {**empty, "op": last, "action": "update"},
        {"is": "bind", "op": last, "address": str(COACH), "binding": {"remote_id": "p2"}},
        {"is": "bind", "op": "", "address": str(COACH), "binding": {"remote_id": "p3"}},
        {**empty, "op": gone, "action": "delete"},
        {"is": "forget", "op": gone, "address": str(COACH)},
        {"is": "forget", "op": "", "address": str(COACH)},
    ]
    assert (left, ledger.pending, ledger.records) == (set(), {}, store.records)
    assert {len(bytes.fromhex(op)) for op in (bare, full, last, gone)} == {6}


def test_a_binding_whose_object_is_not_listed_is_taken_over_and_dropped(store: Kept) -> None:
    ledger = Recorder(store, replace(store.read(), bindings={COACH: Binding(COACH, "p1")}))
    ledger.bind(Binding(COACH, "p2"))
    ledger.ids.clear()
    ledger.forget(COACH)

    assert (ledger.ids, ledger.state.bindings) == ({}, {})


@pytest.mark.parametrize(
    "step",
    [
        lambda ledger: ledger.begin({}),
        lambda ledger: ledger.record_intent(COACH, Action.CREATE),
        lambda ledger: ledger.record_retry(*ledger.pending, lambda: "noon"),
        lambda ledger: ledger.record_values_after(COACH, lambda _: {}),
        lambda ledger: ledger.record_result("op", done=True),
        lambda ledger: ledger.bind(Binding(COACH, "p1")),
        lambda ledger: ledger.forget(COACH),
        lambda ledger: ledger.checkpoint(),
    ],
    ids=["begin", "intent", "retry", "values_after", "result", "bind", "forget", "checkpoint"],
)
def test_one_thread_writes_at_a_time(store: Kept, step: Callable[[Recorder], object]) -> None:
    ledger = Recorder(store, store.read())
    ledger.record_intent(COACH, Action.UPDATE)
    other = threading.Thread(target=step, args=(ledger,))
    with ledger.lock:
        other.start()
        other.join(0.05)
        assert other.is_alive()
    other.join()
    assert not ledger.lock.locked()


def test_what_a_run_writes_is_sealed_also_after_a_write_that_failed() -> None:
    """A record that could not be kept is not counted: the next one follows the one before."""
    keys = Keys("api-key")
    state, seals = accept(State("line", 1, bindings={COACH: Binding(COACH, "p1")}), (), keys)
    store = Kept(state)
    ledger = Recorder(store, state, seals=seals)

    ledger.begin({})
    store.full = True
    with pytest.raises(StateError):
        ledger.record_intent(COACH, Action.UPDATE, remote_id="p1")
    store.full = False
    op = ledger.record_intent(COACH, Action.UPDATE, remote_id="p1")
    assert [one.op for one in verify(store.state, store.journal(), keys).replay.pending] == [op]
    ledger.bind(Binding(COACH, "p2"), op)
    ledger.checkpoint()

    assert verify(store.state, (), keys).seals.trust is Trust.SEALED
    assert (store.state.serial, store.state.bindings[COACH].remote_id) == (2, "p2")
    assert store.journal() == []


class Slow(Kept):
    """A store that takes its time, in which other threads come to the same place."""

    def append(self, record: bytes) -> None:
        time.sleep(0.001)
        super().append(record)


def test_records_of_many_threads_and_new_dates_of_calls_make_one_chain() -> None:
    """A seal covers the record before it in the journal, whichever thread has written that."""
    keys = Keys("api-key")
    state, seals = accept(State("line", 1, bindings={COACH: Binding(COACH, "p1")}), (), keys)
    store = Slow(state)
    ledger = Recorder(store, state, seals=seals, uptime=itertools.count(100.0, 60.0).__next__)

    def call(number: int) -> None:
        op = ledger.record_intent(Address("persona", f"p{number}"), Action.UPDATE, remote_id=f"p{number}")
        with ledger.sending(op, lambda: "noon") as fence:
            fence.renew()
        ledger.record_result(op, done=bool(number % 2))

    ledger.begin({})
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(call, range(40)))

    lines = store.journal()
    assert len(lines) == 1 + 40 * 3
    mac = ""
    for line in lines:
        again, mac = seals.append_seal(line[: line.rindex(b',"mac":')] + b"}", mac)
        assert again == line
    assert verify(state, lines, keys).replay.pending == ()


class CountingLock:
    """A lock that counts how often it was acquired."""

    def __init__(self) -> None:
        self.count = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()
        self.count += 1

    def __exit__(self, *_: object) -> None:
        self._lock.release()


@pytest.mark.parametrize(
    ("step", "times"),
    [
        (lambda ledger: ledger.record_intent(COACH, Action.CREATE), 2),
        (lambda ledger: ledger.bind(Binding(COACH, "p1")), 2),
        (lambda ledger: ledger.forget(COACH), 2),
        (lambda ledger: ledger.confirm(Binding(COACH, "p1")), 1),
        (lambda ledger: ledger.remember(None, None), 1),
    ],
    ids=["intent", "bind", "forget", "confirm", "remember"],
)
def test_what_threads_share_changes_under_the_lock(store: Kept, step: Callable[[Recorder], object], times: int) -> None:
    """Once for the record, if there is one, and once for what follows from it."""
    ledger, lock = Recorder(store, store.read()), CountingLock()
    cast("Any", ledger).lock = lock
    step(ledger)
    assert lock.count == times


def test_a_record_that_did_not_become_durable_is_none_of_the_run(store: Kept) -> None:
    class Unsure(Kept):
        def queue(self, record: bytes) -> Callable[[], None]:
            def wait() -> None:
                message = "the disk is gone"
                raise StateError(message)

            super().append(record)
            return wait

    lock = CountingLock()
    ledger = Recorder(Unsure(), store.read())
    cast("Any", ledger).lock = lock
    with pytest.raises(StateError, match="the disk is gone"):
        ledger.begin({})
    assert (ledger.records, lock.count) == ([], 2)


def test_a_call_that_discards_edits_says_so_on_record(store: Kept) -> None:
    ledger = Recorder(store, store.read())
    op = ledger.record_intent(COACH, Action.UPDATE, remote_id="p1")
    ledger.record_retry(op, lambda: "now", forced=True)
    ledger.record_retry(op, lambda: "now")
    assert [json.loads(one).get("forced", False) for one in store.records[1:]] == [True, False]


def test_a_second_attempt_shows_that_the_first_one_did_nothing(store: Kept) -> None:
    ledger = Recorder(store, store.read())
    op = ledger.record_intent(COACH, Action.UPDATE, remote_id="p1")
    with ledger.sending(op, lambda: "now") as fence:
        assert fence.passes()
        assert ledger.is_sent(op)
        fence.renew()
        assert not ledger.is_sent(op)


def test_a_run_of_which_no_record_may_be_kept_has_no_seal_either() -> None:
    begin = json.dumps({"is": "begin", "run": "r1", "time": "now", "known": {"persona": ["p1"]}, "mac": "00"})
    kept = json.loads(journal.withheld_record(begin.encode(), ["TOKEN"]))
    assert kept == {"is": "begin", "run": "r1", "time": "now", "known": {}, "withheld": ["TOKEN"]}
