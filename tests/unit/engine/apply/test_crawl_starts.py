"""Crawls that an apply begins, of new documents and once more, on an account in memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.errors import ApiError, NeverSent, TavusctlError, Throttled
from tavusctl.core.model import Action, Cause, Change, FieldChange, Status
from tavusctl.engine.apply import Stop
from tavusctl.lib.json_types import JsonObject
from tests.unit.engine.apply.applying import (
    COACH,
    DOCUMENT,
    LOST,
    NOON,
    SITE,
    World,
    deleting,
    desired,
    facts,
    gone,
    only,
    refused,
)


def crawled(**members: Any) -> World:
    body = {
        "document_id": "d1",
        "status": "ready",
        "crawl_config": {"depth": 1},
        "last_crawled_at": "2026-01-01T08:00:00Z",
        **members,
    }
    world = World(objects={"d1": body})
    world.bindings = {SITE: Binding(SITE, "d1", {"document_name": "Site", "crawl": {"depth": 1}})}
    return world


FAR = Address("document", "far")


def recrawling() -> Change:
    wanted = desired(DOCUMENT, SITE, {"document_name": "Changed", "crawl": {"depth": 2}})
    whole: JsonObject = {"op": "replace", "path": "/crawl", "value": {"depth": 2}}
    return Change(Action.RECRAWL, Cause.EDITED, SITE, "d1", patch=(whole,), desired=wanted)


APPLIED: JsonObject = {"document_name": "Site", "crawl": {"depth": 2}}


def crawling(action: Action = Action.CREATE) -> Change:
    spec: JsonObject = {"document_name": "Site", "document_url": "https://example.com", "crawl": {"depth": 1}}
    whole: JsonObject = {"op": "add", "path": "", "value": spec}
    return Change(action, Cause.NEW, SITE, patch=(whole,), desired=desired(DOCUMENT, SITE, spec))


def busy(running: int) -> World:
    world = World()
    for number in range(running):
        world.objects[f"x{number}"] = {"document_id": f"x{number}", "status": "crawling", "crawl_config": {"depth": 1}}
    return world


def test_a_recrawl_sends_the_crawl_and_remembers_that_alone() -> None:
    world = crawled()
    outcome = only(world.apply(recrawling()))
    assert facts(outcome) == ("done", "d1", "crawl started", 0)
    posts = [call for call in world.calls if call[0] == "post"]
    assert posts == [("post", "/v2/documents/d1/recrawl", {"crawl": {"depth": 2}})]
    intent = world.records[1]
    assert (intent["action"], intent["id"], intent["spec"]) == ("recrawl", "d1", APPLIED)
    assert intent["time"] == NOON.isoformat()
    found = world.ledger.get(SITE)
    assert found
    assert (found.applied, found.remote_id, world.ledger.pending) == (APPLIED, "d1", {})


@pytest.mark.parametrize(
    ("members", "status", "reason"),
    [
        ({"last_crawled_at": "2026-01-01T11:30:00Z"}, "deferred", "too soon after its last crawl"),
        ({"status": "recrawling"}, "deferred", "busy: recrawling"),
    ],
)
def test_a_recrawl_that_is_too_soon_is_left(members: JsonObject, status: str, reason: str) -> None:
    world = crawled(**members)
    outcome = only(world.apply(recrawling()))
    assert (outcome.status.value, outcome.remote_id) == (status, "d1")
    assert outcome.reason.startswith(reason)
    assert "post" not in world.verbs
    assert world.kinds_of_records == ["begin"]


@pytest.mark.parametrize(("running", "done"), [(3, True), (4, False)])
def test_one_slot_for_crawls_is_left_for_people(running: int, done: bool) -> None:
    world = crawled()
    for number in range(running):
        world.objects[f"x{number}"] = {"document_id": f"x{number}", "status": "crawling", "crawl_config": {"depth": 1}}
    outcome = only(world.apply(recrawling()))
    assert (outcome.status is Status.DONE) == done
    if not done:
        assert outcome.reason == "4 crawls are running, and one slot is left free for others"


@pytest.mark.parametrize("status", [409, 429, 400, 404])
def test_a_refused_recrawl_waits_or_fails(status: int) -> None:
    world = crawled()
    world.faults_before["post"] = [gone("d1") if status == 404 else refused(status)]
    outcome = only(world.apply(recrawling()))
    passing = status in (409, 429)
    assert outcome.status is (Status.DEFERRED if passing else Status.FAILED)
    assert outcome.remote_id == "d1"
    if passing:
        assert outcome.reason == "no, thank you"
    assert world.kinds_of_records == ["begin", "intent", "result failed"]
    assert world.ledger.get(SITE) == world.bindings[SITE]


def test_a_recrawl_that_was_never_sent_is_settled() -> None:
    world = crawled()
    world.faults_before["post"] = [NeverSent("no network")]
    assert facts(only(world.apply(recrawling()))) == ("failed", "d1", "no network", 11)
    assert world.kinds_of_records == ["begin", "intent", "result failed"]


@pytest.mark.parametrize("begun", [True, False])
def test_a_lost_recrawl_is_looked_at(begun: bool) -> None:
    world = crawled()
    (world.faults_after if begun else world.faults_before)["post"] = [LOST]
    outcome = only(world.apply(recrawling()))
    assert outcome.status is Status.DONE
    assert world.verbs.count("post") == (1 if begun else 2)


def test_a_confirmed_recrawl_that_was_not_started_has_failed() -> None:
    world = crawled()
    world.faults_after["post"] = [lambda: world.objects["d1"].update(status="ready")]
    reason = "the API confirmed the crawl, but has not started it: status, number and time of the crawls are unchanged"
    assert facts(only(world.apply(recrawling()))) == ("failed", "d1", reason, 5)
    assert (world.verbs.count("post"), world.seconds) == (1, 10.0)
    assert world.kinds_of_records == ["begin", "intent", "result failed"]
    assert world.ledger.get(SITE) == world.bindings[SITE]


def test_a_confirmed_recrawl_that_shows_late_is_done() -> None:
    world = crawled()
    world.faults_after["post"] = [lambda: world.objects["d1"].update(status="ready")]
    begin = partial(world.objects["d1"].update, status="recrawling")
    world.faults_before["get"] = [None, None, begin]
    assert only(world.apply(recrawling())).status is Status.DONE
    assert world.seconds == 2.0


def test_a_confirmed_recrawl_that_no_read_tells_of_is_unknown() -> None:
    world = crawled()
    world.faults_before["get"] = [None, *[ApiError("no answer")] * 3]
    outcome = only(world.apply(recrawling()))
    told = "the API confirmed the crawl, and no read shows whether it was started: no answer"
    assert facts(outcome) == ("unknown", "d1", told, 6)
    assert world.kinds_of_records == ["begin", "intent"]


def test_a_recrawl_that_is_lost_twice_is_unknown() -> None:
    world = crawled()
    world.faults_before["post"] = [LOST, LOST]
    outcome = only(world.apply(recrawling()))
    assert outcome.status is Status.UNKNOWN
    assert world.kinds_of_records == ["begin", "intent"]


def test_a_recrawl_without_its_manifest_or_binding_is_a_defect() -> None:
    world = crawled()
    for step, bindings in ((replace(recrawling(), desired=None), world.bindings), (recrawling(), {})):
        world.bindings, world.stop = bindings, Stop()
        with pytest.raises(ValueError, match=r"^a recrawl of document/site without its manifest or its binding$"):
            world.apply(step)


@pytest.mark.parametrize(
    ("second", "moved", "done"),
    [(LOST, True, True), (Throttled(429, "slow", "POST"), True, True), (LOST, False, False)],
)
def test_a_second_attempt_at_a_crawl_is_looked_at_too(second: TavusctlError, moved: bool, done: bool) -> None:
    world = crawled()

    def late() -> None:
        if moved:
            world.objects["d1"]["status"] = "recrawling"
        raise second

    world.faults_before["post"] = [LOST, late]
    assert (only(world.apply(recrawling())).status is Status.DONE) == done


def test_a_document_that_was_never_crawled_cannot_be_crawled_again() -> None:
    world = crawled(crawl_config=None)
    outcome = only(world.apply(recrawling()))
    reason = "it was created without `crawl:`, so there is nothing to crawl again"
    assert facts(outcome) == ("failed", "d1", reason, 5)


def test_a_crawl_that_is_not_kept_is_sent_along_from_then_on() -> None:
    world = crawled()
    world.bindings = {SITE: replace(world.bindings[SITE], answered={"/crawl/old": "x", "/tags": "y"})}
    world.lost = [
        FieldChange("/crawl/depth", Cause.EDITED, None, 1, 2),
        FieldChange("/crawling", Cause.EDITED, None, 1, 2),
    ]
    world.apply(recrawling())
    found = world.ledger.get(SITE)
    assert found
    assert found.answered == {"/tags": "y", "/crawl/depth": 1}
    assert world.kinds_of_records == ["begin", "intent", "bind"]
    world.bindings = {SITE: found}
    world.objects["d1"]["status"] = "ready"
    world.store.records.clear()
    world.apply(recrawling())
    assert world.kinds_of_records == ["begin", "intent", "bind"]


def test_a_recrawl_that_is_too_soon_says_until_when() -> None:
    world = crawled(last_crawled_at="2026-01-01T11:30:00Z")
    assert only(world.apply(recrawling())).reason == "too soon after its last crawl, until 2026-01-01 12:31 UTC"


def test_a_document_is_read_as_its_kind_says() -> None:
    world, step = crawled(), recrawling()
    assert step.desired
    kind = replace(DOCUMENT, get_query={"verbose": "true"})
    world.apply(replace(step, desired=replace(step.desired, kind=kind)))
    assert world.calls[0] == ("get", "/v2/documents/d1", {"verbose": "true"})


@pytest.mark.parametrize("action", [Action.CREATE, Action.REPLACE])
def test_a_sixth_crawl_is_left_to_a_later_run(action: Action) -> None:
    world = busy(5)
    outcome = only(world.apply(crawling(action)))
    assert facts(outcome) == ("deferred", "", "5 crawls are running, the maximum of the API", 0)
    assert (world.verbs, world.waited) == (["list"], [])


def test_room_for_a_crawl_is_waited_for() -> None:
    world = busy(5)
    world.patience = 100

    def free() -> None:
        if world.seconds > 2:
            world.objects["x0"]["status"] = "ready"

    world.faults_before["list"] = [free] * 20
    world.faults_after["post"] = [lambda: world.objects["n5"].update(status="ready")]
    assert only(world.apply(crawling())).status is Status.DONE
    assert world.verbs == ["list"] * 3 + ["post"]
    assert world.seconds == pytest.approx(1 + 1.5)
    assert world.waited[:3] == [("document/site", "without a crawl slot", over) for over in (False, False, True)]


@pytest.mark.parametrize("faster", [True, False])
def test_somebody_else_may_be_faster(faster: bool) -> None:
    world = busy(4)

    def refuse() -> None:
        if faster:
            world.objects["x9"] = {"document_id": "x9", "status": "crawling", "crawl_config": {"depth": 1}}
        raise Throttled(429, "slow down", "POST")

    world.faults_before["post"] = [refuse]
    outcome = only(world.apply(crawling()))
    assert outcome.status is (Status.DEFERRED if faster else Status.FAILED)
    assert world.kinds_of_records[-1] == "result failed"


@pytest.mark.parametrize("patience", [0.5, 200])
def test_room_is_waited_for_with_growing_pauses_and_no_longer_than_told(patience: float) -> None:
    world, looks = busy(5), list[float]()
    world.patience = patience
    world.faults_before["list"] = [lambda: looks.append(world.seconds)] * 20
    assert only(world.apply(crawling())).status is Status.DEFERRED
    assert (looks[-1], world.waited[-1]) == (patience, ("document/site", "without a crawl slot", True))
    pauses = [round(after - before, 3) for before, after in pairwise(looks)]
    assert pauses[:3] == [1.0, 1.5, 2.25][: len(pauses)] if patience > 1 else pauses == [0.5]
    assert max(pauses) == min(30, patience)


def test_a_wait_for_room_that_cannot_go_on_is_over() -> None:
    world = busy(5)
    world.patience = 100
    world.faults_before["list"] = [None, ApiError("away")]
    assert facts(only(world.apply(crawling()))) == ("failed", "", "away", 11)
    assert [over for *_, over in world.waited] == [False, True]


@pytest.mark.parametrize(("running", "step"), [(4, crawling), (3, recrawling)])
def test_the_last_room_is_taken_once(running: int, step: Callable[[], Change]) -> None:
    """Steps that run at the same time must not both see it."""
    world = busy(running)
    both = [SITE, Address("document", "page")]
    world.objects |= {one.name: {**crawled().objects["d1"], "document_id": one.name} for one in both}
    world.bindings = {one: Binding(one, one.name, APPLIED) for one in both} if step is recrawling else {}
    world.faults_before["post"] = [lambda: time.sleep(0.05)] * 2
    outcomes = world.apply(*(moved(step(), one) for one in both), parallel=2)
    assert sorted(one.status.value for one in outcomes) == ["deferred", "done"]
    assert world.verbs.count("post") == 1


def test_what_is_used_by_changes_without_room_is_deleted_after_them() -> None:
    world, page = busy(5), Address("document", "page")
    world.bindings = {COACH: Binding(COACH, "p1")}
    world.using = ["document/page", "document/site"]
    outcomes = world.apply(moved(crawling(), page), crawling(), deleting())
    reason = "document/page, document/site refers to it until its own change is applied"
    assert facts(outcomes[2]) == ("deferred", "p1", reason, 0)
    assert world.verbs == ["list", "list"]


def moved(step: Change, address: Address) -> Change:
    """The same step at another address."""
    assert step.desired
    return replace(step, address=address, desired=replace(step.desired, address=address))


def test_a_step_that_waited_for_room_begins_nothing_after_a_stop() -> None:
    world = crawled()
    world.objects["d2"] = {**world.objects["d1"], "document_id": "d2"}
    world.bindings = {**world.bindings, FAR: Binding(FAR, "d2", {"document_name": "Site", "crawl": {"depth": 1}})}
    other = recrawling()
    far = replace(other, address=FAR, remote_id="d2")
    threads = threading.active_count()

    def stop() -> None:
        while threading.active_count() < threads + 2:
            time.sleep(0.001)
        time.sleep(0.05)  # the other step is at the door by now
        world.stop.request("interrupted")

    world.faults_before["post"] = [stop]
    first, second = sorted(world.apply(other, far, parallel=2), key=lambda one: one.status.value)
    assert facts(first) == ("done", first.remote_id, "crawl started", 0)
    assert facts(second) == ("skipped", second.remote_id, "interrupted", 0)
    assert world.verbs.count("post") == 1


def test_a_step_that_waits_for_room_hears_a_stop() -> None:
    world, left = crawled(), threading.Event()
    world.stop.request("interrupted")
    world.apply()
    run = world.last
    assert run

    def look() -> None:
        with run.wait_for_crawl_slot() as mine:
            assert not mine
        left.set()

    with run.crawl_lock:
        threading.Thread(target=look, daemon=True).start()
        assert left.wait(5)
