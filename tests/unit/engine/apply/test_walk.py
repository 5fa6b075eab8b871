"""The walk of an apply: nothing is under way any more when it has been left, however it is left."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from msgspec.structs import replace

from tavusctl.core.address import Address, Source
from tavusctl.core.binding import Binding
from tavusctl.core.errors import UnauthorisedError
from tavusctl.core.model import Action, Cause, Change, Desired, Live, Outcome, Plan, Status
from tavusctl.core.ports import Fence, State
from tavusctl.engine.apply import ApplyContext, Dependencies, Stop, run
from tavusctl.engine.compare.match_create import SearchResult
from tavusctl.kinds import KINDS
from tavusctl.lib.concurrency import Turns
from tavusctl.lib.json_types import Json, JsonObject
from tavusctl.state import journal
from tavusctl.state.recorder import Recorder
from tests.unit.engine.apply.applying import (
    ANNA,
    BEFORE,
    COACH,
    DOCUMENT,
    REPLICA,
    SITE,
    World,
    bound,
    creating,
    desired,
    facts,
    updating,
)
from tests.unit.state.test_recorder import Kept

PERSONA = KINDS["persona"]
OTHER = Address("persona", "other")


@dataclass
class Slow:
    """An API whose creates take a while; that of `refused` is refused at once."""

    refused: str = ""
    ended: list[str] = field(default_factory=list)
    started: threading.Event = field(default_factory=threading.Event)

    def post(
        self, path: str, body: Any = None, *, fence: Fence, before_retry: Any = None, query: Any = None
    ) -> JsonObject:
        del path, fence, before_retry, query
        name = body["persona_name"]
        if name == self.refused:
            self.started.wait(5)
            message = "no"
            raise UnauthorisedError(message)
        if name != "first":
            self.started.set()
        time.sleep(0.4)
        self.ended.append(name)
        return {"persona_id": f"p{name}", "persona_name": name}

    @property
    def response_count(self) -> int:
        return len(self.ended)

    def server_time(self) -> datetime:
        return datetime.now(UTC)

    def get(self, path: str, query: Any = None) -> JsonObject:
        raise AssertionError(path, query)

    def list(self, path: str, *_: Any) -> list[JsonObject]:
        raise AssertionError(path)

    def patch(self, path: str, body: Json, *, fence: Fence, query: Any = None, version: str = "") -> JsonObject:
        raise AssertionError(path, body, fence, query, version)

    def version(self, path: str, query: Any = None) -> str:
        raise AssertionError(path, query)

    def put(self, path: str, body: Json, *, fence: Fence, query: Any = None) -> None:
        raise AssertionError(path, body, fence, query)

    def delete(self, path: str, *, fence: Fence, query: Any = None) -> None:
        raise AssertionError(path, fence, query)


class Clock:
    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def create(name: str) -> Change:
    spec: JsonObject = {"persona_name": name, "system_prompt": "Hi."}
    desired = Desired(Address("persona", name), spec, Source("", 0, 0), kind=PERSONA)
    whole: JsonObject = {"op": "add", "path": "", "value": spec}
    return Change(Action.CREATE, Cause.NEW, desired.address, patch=(whole,), desired=desired)


def tools(api: Slow, *, broken: str = "") -> Dependencies:
    """Dependencies that work, but for one object at which a defect shows, while the call for the other is under way."""

    def remember(desired: Desired, binding: Binding) -> Binding:
        if desired.address.name == broken:
            api.started.wait(5)
            message = "a defect"
            raise RuntimeError(message)
        return binding

    def look(kind: Any, remote_id: str) -> Live:
        return Live(kind, remote_id, {})

    return Dependencies(
        look,
        lambda *_: False,
        lambda *_: (),
        remember,
        lambda *_: (),
        lambda *_: SearchResult(),
        lambda *_: (),
        lambda *_: None,
        lambda _: "",
    )


def applying(api: Slow, given: Dependencies, store: Kept) -> ApplyContext:
    ledger = Recorder(store, State("line"))
    return ApplyContext(api, ledger, given, Clock(), {}, {}, 0.0, 120.0, 2, Stop(), lambda _: None, lambda *_: None)


def test_a_defect_in_one_step_waits_for_the_calls_of_the_others() -> None:
    """Else the state would be free for another run while a call of this one is still being carried out."""
    api, store = Slow(), Kept()

    with pytest.raises(RuntimeError, match="a defect"):
        run(
            applying(api, tools(api, broken="bad"), store),
            Plan((create("first"), create("bad"), create("good"), create("next"))),
        )

    assert api.ended == ["first", "good"]
    bound = journal.replay(State("line"), store.records)
    assert [str(address) for address in bound.state.bindings] == ["persona/first", "persona/good"]


def test_a_key_that_is_refused_waits_for_the_calls_under_way() -> None:
    """They come to their end, and nothing new begins."""
    api, store = Slow(refused="bad"), Kept()

    outcomes = run(
        applying(api, tools(api), store), Plan((create("first"), create("bad"), create("good"), create("next")))
    )

    assert api.ended == ["first", "good"]
    assert [one.status.value for one in outcomes] == ["done", "failed", "done", "skipped"]


def test_a_stop_keeps_its_first_reason_and_may_come_to_be_in_a_hurry() -> None:
    stop = Stop()
    assert (stop.is_requested(), stop.hurry) == (False, False)
    stop.request("the key was refused")
    assert (stop.is_requested(), stop.reason, stop.hurry) == (True, "the key was refused", False)
    for hurry in (True, False):
        stop.request("interrupted", hurry=hurry)
        assert (stop.reason, stop.hurry) == ("the key was refused", True)


def test_a_call_that_does_not_end_in_a_hurry_is_unknown() -> None:
    """It has five seconds; the clock of this test goes on by two and a half whenever it is looked at."""
    world, ended = World(), threading.Event()
    ticks = count(0.0, 2.5)

    def hang() -> None:
        world.monotonic = lambda: next(ticks)  # type: ignore[method-assign]  # a clock is what the test says
        world.stop.request("interrupted", hurry=True)
        ended.wait(5)

    world.faults_before["post"] = [hang]
    started = time.monotonic()
    outcomes = world.apply(creating(), creating(OTHER))
    assert facts(outcomes[0]) == ("unknown", "", "interrupted during a call", 6)
    assert facts(outcomes[1]) == ("skipped", "", "interrupted", 0)
    assert (next(ticks), time.monotonic() - started < 1.0) == (7.5, True)
    assert world.reports == [("persona/coach", "unknown"), ("persona/other", "skipped")]
    ended.set()


def test_a_slow_call_holds_up_nobody_else() -> None:
    world, ended, heard = bound(), threading.Event(), list[bool]()
    world.faults_before["patch"] = [lambda: heard.append(ended.wait(0.4))]
    names = [Address("persona", f"p{number}") for number in range(10)]
    chain = [replace(creating(one), waits_for=tuple(names[:place][-1:])) for place, one in enumerate(names)]
    world.faults_before["look"] = [*[None] * (len(chain) - 1), ended.set]
    slow = updating({}, {"op": "replace", "path": "/persona_name", "value": "New"}, live=Live(PERSONA, "p1", BEFORE))
    outcomes = world.apply(slow, *chain, parallel=2)
    assert {one.status for one in outcomes} == {Status.DONE}
    assert heard == [True]


@pytest.mark.parametrize("crawls", [True, False])
def test_who_waits_for_the_server_holds_up_nobody_else(crawls: bool) -> None:
    """Even when there is one turn only: what the wait is for may be the work of another step."""
    world, both = World(patience=500), (SITE, Address("document", "page"))
    if crawls:
        world.objects = {f"d{n}": {"document_id": f"d{n}", "status": "crawling", "crawl_config": {}} for n in range(5)}
        for one in world.objects.values():
            one["crawl_config"] = {"depth": 1}
    else:
        world.objects = {"d1": {"status": "processing"}}
        world.bindings = {one: Binding(one, f"old {one}", successor="d1") for one in both}
    spec: JsonObject = {"document_name": "Site", "crawl": {"depth": 1}}
    whole: tuple[JsonObject, ...] = ({"op": "add", "path": "", "value": spec},) if crawls else ()
    action = Action.CREATE if crawls else Action.REPLACE
    waiting = [Change(action, Cause.NEW, one, patch=whole, desired=desired(DOCUMENT, one, spec)) for one in both]
    real = world.sleep

    def sleep(seconds: float) -> None:
        time.sleep(0.001)
        real(seconds)

    def ready() -> None:
        for one in world.objects.values():
            one["status"] = "ready"

    world.sleep = sleep  # type: ignore[method-assign]  # a clock is what the test says
    world.faults_after["post"] = [ready] * 3
    assert [one.status for one in world.apply(*waiting, creating())] == [Status.DONE] * 3
    assert world.seconds < 400


def test_deletes_of_one_kind_run_in_parallel_and_those_of_the_next_kind_wait_for_them() -> None:
    world, lock = World(), threading.Barrier(2, timeout=5)
    personas = [Address("persona", one) for one in ("p1", "p2")]
    rules = [Address("guardrails", one) for one in ("g1", "g2")]
    every = [*personas, *rules]
    world.objects = {one.name: {} for one in every}
    world.bindings = {one: Binding(one, one.name) for one in every}
    world.faults_before["delete"] = [lambda: lock.wait() and None] * 4
    steps = [Change(Action.DELETE, Cause.ORPHANED, one, one.name) for one in every]

    assert [one.status for one in world.apply(*steps, parallel=4)] == [Status.DONE] * 4
    deleted = [path.rpartition("/")[2] for verb, path, _ in world.calls if verb == "delete"]
    assert (sorted(deleted[:2]), sorted(deleted[2:])) == (["p1", "p2"], ["g1", "g2"])


def test_a_step_that_waits_while_it_looks_for_a_crawl_slot_keeps_its_turn() -> None:
    """Another step would take the turn and wait for the slot, and this one would wait for its turn, for ever."""
    ctx = applying(Slow(), tools(Slow()), Kept())
    ctx.turns = Turns(1)
    others = threading.Event()

    def take() -> None:
        ctx.turns.acquire()
        others.set()

    other = threading.Thread(target=take, daemon=True)
    with ctx.turns, ctx.wait_for_crawl_slot():
        other.start()
        ctx.release_slot(0.05)
        assert not others.is_set()
    assert others.wait(5)


def test_one_step_calls_at_a_time_when_told_so() -> None:
    """However many threads there are for steps that only wait."""
    world, under_way = World(patience=100), threading.Semaphore(1)
    world.bindings = {SITE: Binding(SITE, "d0", successor="d1")}
    world.objects = {"d1": {"status": "ready"}}
    overlaps = list[bool]()

    def slowly() -> None:
        overlaps.append(not under_way.acquire(blocking=False))
        time.sleep(0.02)
        under_way.release()

    world.faults_before["post"] = [slowly, slowly]
    waiting = Change(Action.REPLACE, Cause.EDITED, SITE, "d0", desired=desired(DOCUMENT, SITE, {}))
    assert {one.status for one in world.apply(waiting, creating(), creating(OTHER))} == {Status.DONE}
    assert overlaps == [False, False]


def test_a_defect_in_a_report_stops_the_run_too() -> None:
    world = World()

    def report(_: Outcome) -> None:
        message = "a defect"
        raise RuntimeError(message)

    world.report = report  # type: ignore[method-assign,assignment]  # what the test is about
    with pytest.raises(RuntimeError, match="a defect"):
        world.apply(creating(), replace(creating(OTHER), waits_for=(COACH,)))
    assert (world.stop.reason, world.verbs) == ("an internal error", ["post"])


def test_ids_are_on_record_for_the_kinds_that_creates_follow_of() -> None:
    world = bound(known={"persona": ["p1"], "document": ["d1"], "replica": ["r1"]})
    world.apply(updating(BEFORE), creating(SITE))
    assert world.records[0]["known"] == {"document": ["d1"]}
    world.store.records.clear()
    world.apply(Change(Action.REPLACE, Cause.EDITED, ANNA, "r1", desired=desired(REPLICA, ANNA, {})))
    assert world.records[0]["known"] == {"replica": ["r1"]}


def test_no_thread_is_left() -> None:
    before = set(threading.enumerate())
    World().apply(creating(), creating(OTHER), parallel=2)
    assert set(threading.enumerate()) <= before
