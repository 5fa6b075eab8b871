"""A run sends nothing once its lock may be another's or its record is old, and tells what it knows of what it sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from tavusctl.core.binding import Binding
from tavusctl.core.errors import Ambiguous, ApiError, LockError, NeverSent, StateError, Throttled, UnauthorisedError
from tavusctl.core.model import Action, Change, Live, Status
from tavusctl.lib.json_types import JsonObject
from tavusctl.state.recorder import SEND_WINDOW, Fence, Recorder
from tests.unit.engine.apply.applying import (
    ANNA,
    BEFORE,
    COACH,
    DOCUMENT,
    LOST,
    PERSONA,
    REPLICA,
    SITE,
    World,
    bound,
    creating,
    deleting,
    only,
    refused,
    updating,
)
from tests.unit.engine.apply.test_crawl_starts import crawled, recrawling
from tests.unit.state.test_recorder import Kept

Case = Callable[[], tuple[World, Change]]
TAKEN_OVER = "another run holds the state"
SENT = "sent, but the outcome could not be recorded: "


def create() -> tuple[World, Change]:
    return World(), creating()


def patch() -> tuple[World, Change]:
    return bound(), updating({**BEFORE, "persona_name": "New"}, NAME, live=Live(PERSONA, "p1", BEFORE))


def members() -> tuple[World, Change]:
    world = World(objects={"d1": {"document_name": "Site"}}, bindings={SITE: Binding(SITE, "d1")})
    write: JsonObject = {"op": "replace", "path": "/document_name", "value": "New"}
    live = Live(DOCUMENT, "d1", {"document_name": "Site"})
    return world, replace(updating({"document_name": "New"}, write, address=SITE), remote_id="d1", live=live)


def rename() -> tuple[World, Change]:
    world = World(objects={"r1": {"replica_name": "Anna"}}, bindings={ANNA: Binding(ANNA, "r1")})
    write: JsonObject = {"op": "replace", "path": "/replica_name", "value": "New"}
    live = Live(REPLICA, "r1", {"replica_name": "Anna"})
    return world, replace(updating({"replica_name": "New"}, write, address=ANNA), remote_id="r1", live=live)


def delete() -> tuple[World, Change]:
    return bound(), deleting()


def recrawl() -> tuple[World, Change]:
    return crawled(), recrawling()


NAME: JsonObject = {"op": "replace", "path": "/persona_name", "value": "New"}
CASES: list[Case] = [create, patch, members, rename, delete, recrawl]
every_call = pytest.mark.parametrize("case", CASES, ids=[case.__name__ for case in CASES])


def writes(world: World) -> list[str]:
    return [verb for verb in world.verbs if verb in ("post", "patch", "delete")]


def lose(world: World) -> Callable[[], None]:
    return lambda: setattr(world.store, "lost", True)


def strike_after(world: World, fault: Exception | Callable[[], object]) -> None:
    for verb in ("post", "patch", "delete"):
        world.faults_after[verb] = [fault]


@every_call
@pytest.mark.parametrize("during", ["connecting", "throttled"])
def test_a_lock_that_is_lost_before_the_call_keeps_it_back(case: Case, during: str) -> None:
    """What was refused for now was not done, so the step has failed, and nobody needs to look."""
    world, step = case()
    world.faults_before[during] = [lose(world)]
    outcome = only(world.apply(step))
    assert (outcome.status, outcome.reason, outcome.exit_code) == (Status.FAILED, TAKEN_OVER, 7)
    assert writes(world) == []
    assert world.stop.reason == TAKEN_OVER


@every_call
def test_a_run_that_still_holds_its_lock_after_a_pause_goes_on_and_says_when(case: Case) -> None:
    world, step = case()
    world.faults_before["throttled"] = [lambda: world.sleep(100)]
    assert only(world.apply(step)).status is Status.DONE
    assert world.kinds_of_records[:3] == ["begin", "intent", "again"]
    assert world.records[2]["time"] > world.records[1]["time"]
    assert len(writes(world)) == 1


@every_call
def test_a_lock_that_is_not_sure_is_asked_for_before_the_call(case: Case) -> None:
    world, step = case()
    world.faults_before["throttled"] = [lambda: setattr(world.store, "sure", False)]
    assert only(world.apply(step)).status is Status.DONE
    assert world.kinds_of_records[:3] == ["begin", "intent", "again"]


@every_call
@pytest.mark.parametrize("what", ["old", "unsure"])
def test_a_call_that_is_connected_too_late_is_not_sent(case: Case, what: str) -> None:
    world, step = case()
    world.faults_before["connecting"] = [
        (lambda: world.sleep(SEND_WINDOW)) if what == "old" else (lambda: setattr(world.store, "sure", False))
    ]
    outcome = only(world.apply(step))
    assert (outcome.status, outcome.exit_code, writes(world)) == (Status.FAILED, 11, [])
    assert world.kinds_of_records == ["begin", "intent", "result failed"]


@every_call
def test_a_call_that_is_connected_within_the_window_is_sent(case: Case) -> None:
    world, step = case()
    world.faults_before["connecting"] = [lambda: world.sleep(SEND_WINDOW - 0.1)]
    assert only(world.apply(step)).status is Status.DONE


class Slow(Kept):
    """A store that takes so long for each record."""

    world: World
    took: float

    def append(self, record: bytes) -> None:
        self.world.sleep(self.took)
        super().append(record)


def slow(case: Case, took: float) -> tuple[World, Change]:
    world, step = case()
    world.store = Slow(state=world.store.state)
    world.store.world, world.store.took = world, took
    return world, step


@every_call
@pytest.mark.parametrize("took", [7.0, 20.0])
def test_a_store_that_takes_longer_than_the_window_keeps_no_call_back(case: Case, took: float) -> None:
    world, step = slow(case, took)
    assert only(world.apply(step)).status is Status.DONE
    assert len(writes(world)) == 1


@every_call
@pytest.mark.parametrize("what", ["old", "unsure", "lost"])
def test_a_run_that_stands_still_after_a_slow_record_sends_nothing(case: Case, what: str) -> None:
    world, step = slow(case, 7.0)
    world.faults_before["connecting"] = [
        {
            "old": lambda: world.sleep(SEND_WINDOW),
            "unsure": lambda: setattr(world.store, "sure", False),
            "lost": lose(world),
        }[what]
    ]
    outcome = only(world.apply(step))
    assert (outcome.status, outcome.exit_code, writes(world)) == (Status.FAILED, 7 if what == "lost" else 11, [])


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (
            lambda world: world.objects["p1"].update(persona_name="Edited"),
            "/persona_name of `persona/coach` was edited",
        ),
        (
            lambda world: world.using.append("persona/other"),
            "persona/other refers to it now; nothing of this step was written",
        ),
    ],
)
def test_what_is_edited_or_referred_to_while_a_slow_store_takes_its_time_is_not_deleted(
    fault: Callable[[World], None], reason: str
) -> None:
    world, step = slow(delete, 7.0)
    world.faults_after["keep"] = [lambda: fault(world)]
    outcome = only(world.apply(step))
    assert (outcome.status, outcome.exit_code, writes(world)) == (Status.FAILED, 3, [])
    assert outcome.reason.startswith(reason)


def test_what_the_server_alone_writes_in_an_object_stops_no_delete() -> None:
    world, step = slow(delete, 7.0)
    world.faults_after["keep"] = [lambda: world.objects["p1"].update(seen_at="noon")]
    assert only(world.apply(step)).status is Status.DONE


@every_call
def test_a_lock_that_is_lost_while_a_call_is_under_way_leaves_its_outcome_unknown(case: Case) -> None:
    world, step = case()
    strike_after(world, lose(world))
    outcome = only(world.apply(step))
    assert (outcome.status, outcome.exit_code) == (Status.UNKNOWN, 7)
    assert outcome.reason.startswith(SENT)
    assert outcome.reason.endswith(TAKEN_OVER)
    assert (world.kinds_of_records, len(writes(world))) == (["begin", "intent"], 1)
    assert world.stop.reason.endswith(TAKEN_OVER)


@every_call
def test_a_result_that_cannot_be_written_is_unknown(case: Case) -> None:
    world, step = case()
    strike_after(world, lambda: setattr(world.store, "full", True))
    outcome = only(world.apply(step))
    assert (outcome.status, outcome.exit_code) == (Status.UNKNOWN, 9)
    assert outcome.reason.startswith(SENT)
    assert outcome.reason.endswith("no room")
    assert [one.address for one in world.replayed.pending] == [step.address]


def test_an_id_that_cannot_be_written_is_told() -> None:
    world, step = create()
    strike_after(world, lambda: setattr(world.store, "full", True))
    assert only(world.apply(step)).reason == f"{SENT}`persona/coach` is n0 now: no room"


@every_call
def test_an_intent_that_cannot_be_written_is_a_failure(case: Case) -> None:
    world, step = case()
    append = Kept.append

    class Full(Kept):
        def append(self, record: bytes) -> None:
            self.full = self.full or json.loads(record)["is"] == "intent"
            append(self, record)

    world.store = Full()
    outcome = only(world.apply(step))
    assert (outcome.status, outcome.reason, outcome.exit_code) == (Status.FAILED, "no room", 9)
    assert writes(world) == []


@pytest.mark.parametrize("case", [create, patch, members, rename, delete], ids=lambda case: str(case.__name__))
def test_a_lost_answer_and_a_lost_lock_leave_the_outcome_unknown(case: Case) -> None:
    """Looking shows nothing of it, and whether it is still on its way, nobody knows: no second call is made."""
    world, step = case()
    for verb in ("post", "patch", "delete"):
        world.faults_before[verb] = [LOST]
    world.faults_before["connecting"] = [None, lose(world)]
    outcome = only(world.apply(step))
    assert (outcome.status, outcome.exit_code) == (Status.UNKNOWN, 7)
    assert outcome.reason == SENT + TAKEN_OVER
    assert len(writes(world)) == 1


@pytest.mark.parametrize("error", [UnauthorisedError("no key"), ApiError("not understood"), refused(403)], ids=repr)
def test_a_lost_answer_after_which_nobody_can_look_is_unknown(error: Exception) -> None:
    world, step = patch()
    world.faults_before["patch"] = [LOST]
    world.faults_before["look"] = [error]
    outcome = only(world.apply(step))
    assert outcome.status is Status.UNKNOWN
    assert outcome.exit_code == (8 if isinstance(error, UnauthorisedError) else 6)
    assert world.kinds_of_records == ["begin", "intent"]


def test_a_look_that_fails_before_anything_is_sent_is_a_failure() -> None:
    world, step = delete()
    world.faults_before["look"] = [Ambiguous("503")]
    outcome = only(world.apply(step))
    assert (outcome.status, outcome.exit_code) == (Status.FAILED, 11)
    assert (writes(world), world.kinds_of_records) == ([], ["begin", "intent", "result failed"])


def test_without_tests_an_object_is_read_again_after_a_pause() -> None:
    """What was compared before a server's pause of minutes says nothing after it."""

    def edit() -> None:
        world.sleep(60)
        world.objects["p1"]["persona_name"] = "Edited"

    world, step = patch()
    world.guarded, world.obeys = False, False
    world.faults_before["throttled"] = [edit]
    outcome = only(world.apply(step))
    assert (outcome.status, outcome.exit_code) == (Status.FAILED, 3)
    assert (writes(world), world.objects["p1"]["persona_name"]) == ([], "Edited")
    assert world.kinds_of_records == ["begin", "intent", "again", "result failed"]


# the fence by itself


@pytest.fixture
def store() -> Kept:
    return Kept()


class Uptime:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def uptime() -> Uptime:
    return Uptime()


@pytest.fixture
def ledger(store: Kept, uptime: Uptime) -> Recorder:
    return Recorder(store, store.read(), uptime=uptime)


def open_fence(ledger: Recorder) -> tuple[str, Fence]:
    op = ledger.record_intent(COACH, Action.DELETE, remote_id="p1")
    return op, Fence(ledger, op, lambda: "noon", lambda: None, lambda: None, changes=True)


@pytest.mark.parametrize(("age", "sure", "passes"), [(4.9, True, True), (5.0, True, False), (0.0, False, False)])
def test_a_call_passes_while_its_record_is_fresh_and_the_lock_is_sure(
    ledger: Recorder, store: Kept, uptime: Uptime, age: float, sure: bool, passes: bool
) -> None:
    op, fence = open_fence(ledger)
    uptime.now += age
    store.sure = sure
    assert (fence.passes(), ledger.is_sent(op)) == (passes, passes)


def test_a_stop_does_not_tear_a_call_whose_first_byte_was_sent(ledger: Recorder) -> None:
    """A request leaves in several writes, and each asks; another attempt is asked anew."""
    stopped: list[Exception] = []

    def permit() -> None:
        if stopped:
            raise stopped[0]

    op = ledger.record_intent(COACH, Action.DELETE, remote_id="p1")
    for changes in (True, False):
        fence = Fence(ledger, op, lambda: "noon", lambda: None, permit, changes)
        fence.renew()
        assert fence.passes()
        stopped.append(StateError("stopped"))
        assert fence.passes()
        fence.renew()
        with pytest.raises(StateError, match="stopped"):
            fence.passes()
        stopped.clear()


@pytest.mark.parametrize(("age", "sure", "records"), [(0.9, True, 1), (1.0, True, 2), (0.0, False, 2)])
def test_a_call_is_put_on_record_anew_when_it_begins_late(
    ledger: Recorder, store: Kept, uptime: Uptime, age: float, sure: bool, records: int
) -> None:
    _, fence = open_fence(ledger)
    uptime.now += age
    store.sure = sure
    fence.renew()
    assert (len(store.records), fence.passes()) == (records, True)


def test_a_lost_lock_is_told_at_both_places(ledger: Recorder, store: Kept) -> None:
    op, fence = open_fence(ledger)
    store.lost = True
    for ask in (fence.renew, fence.passes):
        with pytest.raises(LockError):
            ask()
    assert not ledger.is_sent(op)


class Far(Kept):
    """A store that takes its time to keep a record."""

    took: float = 0.0
    uptime: Uptime

    def append(self, record: bytes) -> None:
        self.uptime.now += self.took
        super().append(record)


def far(uptime: Uptime, took: float) -> Far:
    store = Far()
    store.took, store.uptime = took, uptime
    return store


@pytest.mark.parametrize("took", [0.4, 1.2, 2.6, 7.0, 20.0])
def test_a_record_in_a_store_that_is_far_away_is_put_down_once(uptime: Uptime, took: float) -> None:
    """From the moment on that it is known to be there, a call has as much time as beside a store that is near."""
    store = far(uptime, took)
    ledger = Recorder(store, store.read(), uptime=uptime)
    ledger.begin({})
    _, fence = open_fence(ledger)
    fence.renew()
    assert len(store.records) == 2
    uptime.now += 4.5
    assert fence.passes()
    uptime.now += 0.5
    assert not fence.passes()


@pytest.mark.parametrize(("took", "delay"), [(0.4, None), (0.6, 1), (7.0, 14), (20.0, 40)])
def test_a_record_says_by_how_much_its_call_may_be_late(uptime: Uptime, took: float, delay: int | None) -> None:
    """Whoever recovers counts from its date, which is from before it was written."""
    store = far(uptime, took)
    ledger = Recorder(store, store.read(), uptime=uptime)
    ledger.begin({})
    op, _ = open_fence(ledger)
    ledger.record_retry(op, lambda: "one")
    assert [json.loads(one).get("delay") for one in store.records[1:]] == [delay, delay]


def test_a_record_that_took_longer_than_it_says_is_put_down_anew(uptime: Uptime) -> None:
    store = far(uptime, 1.0)
    ledger = Recorder(store, store.read(), uptime=uptime)
    ledger.begin({})
    store.took = 8.0
    op, fence = open_fence(ledger)
    assert not fence.passes()  # it is of 8 s ago, and says 2 s
    fence.renew()
    assert fence.passes()
    assert [json.loads(one).get("delay") for one in store.records[1:]] == [2, 16]
    assert ledger.is_sent(op)


@pytest.mark.parametrize(("took", "looks"), [(0.4, 0), (0.9, 0), (1.0, 1), (7.0, 1)])
def test_what_a_call_is_about_is_looked_at_after_a_record_that_took_long(
    uptime: Uptime, took: float, looks: int
) -> None:
    store, seen = far(uptime, took), list[float]()
    ledger = Recorder(store, store.read(), uptime=uptime)
    ledger.begin({})
    op = ledger.record_intent(COACH, Action.DELETE, remote_id="p1")
    Fence(ledger, op, lambda: "noon", lambda: seen.append(uptime.now), lambda: None, changes=True).renew()
    assert seen == [uptime.now] * looks


def test_a_store_that_is_slower_than_the_lease_is_told(uptime: Uptime) -> None:
    class Slow(Far):
        def append(self, record: bytes) -> None:
            super().append(record)
            self.sure = False

    store = Slow()
    store.took, store.uptime = 70.0, uptime
    ledger = Recorder(store, store.read(), uptime=uptime)
    op, fence = open_fence(ledger)
    with pytest.raises(StateError) as caught:
        fence.renew()
    assert "took 70 s to store a record" in caught.value.message
    assert "TAVUSCTL_LOCK_LEASE=350" in caught.value.hint
    assert caught.value.id == "E936"
    assert not ledger.is_sent(op)


def test_a_turn_that_was_waited_for_does_not_make_a_record_older(ledger: Recorder, store: Kept, uptime: Uptime) -> None:
    """Many calls write one journal, and what says when a call is made is said when its turn has come."""
    op, fence = open_fence(ledger)
    waiting = threading.Thread(target=lambda: ledger.record_retry(op, lambda: f"at {uptime.now}"))
    with ledger.lock:
        waiting.start()
        waiting.join(0.1)
        uptime.now += 60
    waiting.join()
    assert fence.passes()
    assert json.loads(store.records[-1])["time"] == "at 160.0"


ENDS: list[tuple[Exception, bool]] = [
    (LOST, True),
    (Throttled(429, "slow", "POST"), False),
    (refused(400), False),
    (UnauthorisedError("no key"), False),
    (NeverSent("no network"), False),
    (LockError("lost"), False),
    (StateError("full"), False),
]


def end(ledger: Recorder, op: str, error: Exception) -> None:
    """A call that is sent, and ends like this."""
    with ledger.sending(op, lambda: "noon") as fence:
        assert fence.passes()
        raise error


@pytest.mark.parametrize(("error", "sent"), ENDS, ids=[type(error).__name__ for error, _ in ENDS])
def test_what_an_error_says_of_a_call(ledger: Recorder, error: Exception, sent: bool) -> None:
    op, _ = open_fence(ledger)
    with pytest.raises(type(error)):
        end(ledger, op, error)
    assert (ledger.is_sent(op), ledger.in_doubt(COACH)) == (sent, frozenset({op} if sent else ()))


def test_a_second_call_that_was_refused_says_nothing_of_the_first(ledger: Recorder) -> None:
    op, _ = open_fence(ledger)
    for error in (LOST, refused(400)):
        with pytest.raises(ApiError):
            end(ledger, op, error)
    assert ledger.is_sent(op)


def test_a_question_is_nothing_that_was_done(ledger: Recorder) -> None:
    op, _ = open_fence(ledger)
    with ledger.sending(op, lambda: "noon", changes=False) as fence:
        assert fence.passes()
    assert not ledger.is_sent(op)


@pytest.mark.parametrize("end", ["settle", "bind", "forget"])
def test_what_is_on_record_is_in_no_doubt(ledger: Recorder, end: str) -> None:
    op, fence = open_fence(ledger)
    assert fence.passes()
    ends: dict[str, Callable[[], None]] = {
        "settle": lambda: ledger.record_result(op, done=True),
        "bind": lambda: ledger.bind(Binding(COACH, "p1"), op),
        "forget": lambda: ledger.forget(COACH, op),
    }
    ends[end]()
    assert (ledger.is_sent(op), ledger.in_doubt(COACH), ledger.pending) == (False, frozenset(), {})
