"""What an apply makes and then has to wait for: new halves of objects, and work in the background."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.errors import ApiError, TavusctlError, UnauthorisedError
from tavusctl.core.model import Action, Cause, Change, Live, Status
from tavusctl.lib.json_types import JsonObject
from tests.unit.engine.apply.applying import (
    COACH,
    DOCUMENT,
    PERSONA,
    SITE,
    World,
    bound,
    creating,
    deleting,
    desired,
    facts,
    gone,
    only,
    refused,
    updating,
)

GONE = "the object disappeared from the account while tavusctl waited for it: no such object"


def replacing(successor: str = "", **more: Any) -> tuple[World, Change]:
    world = World(objects={"d1": {"document_name": "Site", "status": "ready"}})
    world.bindings = {SITE: Binding(SITE, "d1", {"a": 1}, successor=successor, successor_spec={"b": 1}, **more)}
    spec: JsonObject = {"document_name": "Site", "document_url": "https://example.com"}
    whole: tuple[JsonObject, ...] = () if successor else ({"op": "add", "path": "", "value": spec},)
    step = Change(Action.REPLACE, Cause.EDITED, SITE, "d1", patch=whole, desired=desired(DOCUMENT, SITE, spec))
    return world, step


def making(status: str, **more: Any) -> tuple[World, Change]:
    world = World(patience=100, **more)
    world.faults_after["post"] = [lambda: world.objects["n0"].update(status=status)]
    return world, creating(SITE, {"document_name": "Site"})


def retiring(remote_id: str = "d0") -> Change:
    return Change(Action.RETIRE, Cause.ORPHANED, SITE, remote_id)


def test_a_new_half_that_is_ready_takes_the_address() -> None:
    world, step = replacing(retired=("d0",))
    world.faults_after["post"] = [lambda: world.objects["n1"].update(status="ready")]
    assert facts(only(world.apply(step))) == ("done", "n1", "", 0)
    first, second = [one["binding"] for one in world.records if one["is"] == "bind"]
    assert (first["remote_id"], first["successor"], first["retired"]) == ("d1", "n1", ["d0"])
    assert first["successor_spec"] == step.desired.spec if step.desired else None
    assert (second["remote_id"], second["retired"], "successor" in second) == ("n1", ["d0", "d1"], False)
    assert world.ledger.get(SITE) == Binding(SITE, "n1", first["successor_spec"], retired=("d0", "d1"))


def test_a_new_half_in_the_making_leaves_the_old_one_in_use() -> None:
    world, step = replacing()
    world.faults_after["post"] = [lambda: world.objects["n1"].update(status="processing")]
    outcome = only(world.apply(step))
    assert (outcome.status, outcome.remote_id, outcome.exit_code) == (Status.DEFERRED, "n1", 0)
    assert outcome.reason.startswith("the new version is processing: processing takes 5 to 15 minutes")
    assert outcome.reason.endswith("; the old version stays in use")
    found = world.ledger.get(SITE)
    assert found
    assert (found.remote_id, found.successor, found.retired) == ("d1", "n1", ())
    assert world.waited == []


def test_a_new_half_that_failed_leaves_the_old_one_in_use() -> None:
    world, step = replacing()
    world.faults_after["post"] = [lambda: world.objects["n1"].update(status="error", error_message="too large")]
    outcome = only(world.apply(step))
    assert (outcome.status, outcome.remote_id, outcome.exit_code) == (Status.FAILED, "n1", 5)
    assert outcome.reason.startswith("the new version n1: its processing failed: too large")
    assert outcome.reason.endswith("; the old version stays in use")


def test_a_new_half_of_an_earlier_run_is_gone_on_with() -> None:
    world, step = replacing("d2")
    world.objects["d2"] = {"document_name": "Site", "status": "ready"}
    assert facts(only(world.apply(step))) == ("done", "d2", "", 0)
    assert world.ledger.get(SITE) == Binding(SITE, "d2", {"b": 1}, retired=("d1",))
    assert world.calls == []


def test_a_new_half_that_is_made_anew_retires_the_abandoned_one() -> None:
    world, step = replacing("d2", retired=("d0",))
    step = replace(step, patch=({"op": "add", "path": "", "value": {"document_name": "Site"}},))
    world.faults_after["post"] = [lambda: world.objects["n1"].update(status="ready")]
    world.apply(step)
    found = world.ledger.get(SITE)
    assert found
    assert (found.remote_id, found.retired, found.successor) == ("n1", ("d0", "d2", "d1"), "")


def test_a_replacement_is_waited_for_with_growing_pauses() -> None:
    world, step = replacing("d2")
    world.patience = 100
    world.objects["d2"] = {"document_name": "Site", "status": "processing"}
    looks: list[float] = []

    def look() -> None:
        looks.append(world.seconds)
        if world.seconds > 40:
            world.objects["d2"]["status"] = "ready"

    world.faults_before["look"] = [look] * 99
    assert only(world.apply(step)).status is Status.DONE
    pauses = [round(b - a, 3) for a, b in pairwise(looks)]
    assert pauses[:4] == [0.5, 0.75, 1.125, 1.688]
    assert max(pauses) == 15
    assert world.waited[0] == ("document/site", "processing", False)
    assert world.waited[-1] == ("document/site", "ready", True)


def test_patience_ends() -> None:
    world, step = replacing("d2")
    world.patience = 3
    world.objects["d2"] = {"document_name": "Site", "status": "processing"}
    assert only(world.apply(step)).status is Status.DEFERRED
    assert world.seconds == pytest.approx(3)
    assert world.waited[-1] == ("document/site", "processing", True)


def test_an_old_half_goes_when_nobody_uses_it() -> None:
    world = World(objects={"d0": {"document_name": "Old"}, "d1": {}})
    world.bindings = {SITE: Binding(SITE, "d1", retired=("d9", "d0"))}
    assert facts(only(world.apply(retiring()))) == ("done", "d0", "", 0)
    assert world.ledger.get(SITE) == Binding(SITE, "d1", retired=("d9",))
    assert world.asked_users == [("d0", None)]
    assert world.kept_calls == [(SITE, "d0", {"document_name": "Old"})]
    assert world.kinds_of_records == ["begin", "intent", "bind"]
    assert world.ledger.pending == {}


@pytest.mark.parametrize("bindings", [{}, {SITE: Binding(SITE, "d0")}])
def test_what_is_in_use_is_not_retired(bindings: dict[Address, Binding]) -> None:
    world = World(objects={"d0": {}}, bindings=bindings)
    assert facts(only(world.apply(retiring()))) == ("deferred", "d0", "it is still in use", 0)
    assert (world.calls, world.asked_users) == ([], [])


def test_an_old_half_that_is_used_waits() -> None:
    world = World(objects={"d0": {}}, bindings={SITE: Binding(SITE, "d1", retired=("d0",))})
    world.using = ["persona/a", "persona/b"]
    assert facts(only(world.apply(retiring()))) == ("deferred", "d0", "persona/a, persona/b still refers to it", 0)
    assert world.calls == []


def test_a_step_is_deferred_with_what_it_waits_for() -> None:
    world, step = replacing()
    world.faults_after["post"] = [lambda: world.objects["n1"].update(status="processing")]
    outcomes = world.apply(step, replace(creating(), waits_for=(SITE,)))
    assert facts(outcomes[1]) == ("deferred", "", "waits for document/site", 0)


@pytest.mark.parametrize(
    ("status", "outcome", "reason", "code"),
    [
        ("ready", "done", "ready", 0),
        ("error", "failed", "created, but its processing failed: the API does not say why", 5),
        ("processing", "deferred", "created, and stopped waiting: processing: processing takes", 0),
    ],
)
def test_what_was_made_is_waited_for(status: str, outcome: str, reason: str, code: int) -> None:
    world, step = making(status)
    found = only(world.apply(step))
    assert (found.status.value, found.remote_id, found.exit_code) == (outcome, "n0", code)
    assert found.reason.startswith(reason)
    assert world.reports == [("document/site", "done"), ("document/site", outcome)]
    assert world.waited[-1] == ("document/site", status, True)
    assert world.seconds == (pytest.approx(100) if status == "processing" else 0)
    if outcome == "failed":
        assert found.reason.endswith("; it is not retried automatically")


def test_a_wait_looks_again_and_again() -> None:
    world, step = making("processing")
    looks: list[float] = []

    def look() -> None:
        looks.append(world.seconds)
        if world.seconds > 50:
            world.objects["n0"]["status"] = "ready"

    world.faults_before["look"] = [None, look, ApiError("away"), *([look] * 50)]
    assert only(world.apply(step)).status is Status.DONE
    pauses = [round(b - a, 3) for a, b in pairwise(looks[1:])]
    assert pauses[:3] == [1.125, 1.688, 2.531]
    assert max(pauses) == 15


def test_a_wait_that_ends_without_a_look_says_so() -> None:
    world, step = making("processing")
    world.faults_before["look"] = [None, *([ApiError("away")] * 99)]
    outcome = only(world.apply(step))
    assert facts(outcome) == ("done", "n0", "created, but not known to be ready: away", 0)


def test_nothing_is_waited_for_without_patience_or_work() -> None:
    world, step = making("processing")
    world.patience = 0
    outcome = only(world.apply(step))
    assert outcome.status is Status.DONE
    assert outcome.reason.startswith("processing: processing takes 5 to 15 minutes")
    world = World(patience=100)
    assert facts(only(world.apply(creating()))) == ("done", "n0", "", 0)
    assert (world.seconds, world.waited) == (0, [])


def test_a_stop_ends_a_wait() -> None:
    world, step = making("processing")

    def stop() -> None:
        if world.seconds > 2:
            world.stop.request("interrupted")

    world.faults_before["look"] = [None, *([stop] * 50)]
    assert facts(only(world.apply(step))) == ("deferred", "n0", "created, and stopped waiting", 0)
    assert world.waited[-1] == ("document/site", "", True)
    assert world.seconds < 5


def test_tests_are_of_the_ids_that_the_plan_saw() -> None:
    world, step = replacing()
    world.faults_after["post"] = [lambda: world.objects["n1"].update(status="ready")]
    world.bindings[COACH] = Binding(COACH, "p1")
    world.objects["p1"] = {"document": "d1", "persona_name": "Coach"}
    point: JsonObject = {"op": "replace", "path": "/document", "value": SITE}
    live = Live(PERSONA, "p1", {"document": SITE, "persona_name": "Coach"})
    update = replace(updating({"document": SITE}, point, live=live), waits_for=(SITE,))
    world.objects = {key: world.objects[key] for key in ("d1",)} | {"p1": world.objects["p1"]}
    world.faults_after["post"] = [lambda: world.objects["n2"].update(status="ready")]
    assert [one.status.value for one in world.apply(step, update)] == ["done", "done"]
    assert world.calls[-1][2] == [
        {"op": "test", "path": "/document", "value": "d1"},
        {"op": "replace", "path": "/document", "value": "n2"},
    ]


def test_an_object_that_is_not_bound_may_be_replaced() -> None:
    world, step = replacing()
    world.bindings = {}
    world.faults_after["post"] = [lambda: world.objects["n1"].update(status="ready")]
    assert only(world.apply(step)).status is Status.DONE
    found = world.ledger.get(SITE)
    assert found
    assert (found.remote_id, found.retired) == ("n1", ("d1",))


def test_what_is_used_by_a_change_that_waits_is_left_with_it() -> None:
    world = bound()
    world.using = ["document/site"]
    waiting, step = replacing()
    world.objects |= waiting.objects
    world.bindings |= waiting.bindings
    world.faults_after["post"] = [lambda: world.objects["n2"].update(status="processing")]
    outcomes = world.apply(step, deleting())
    assert facts(outcomes[1]) == ("deferred", "p1", "document/site refers to it until its own change is applied", 0)
    assert world.verbs == ["post"]


AWAITED = Change(Action.WAIT, Cause.NEW, SITE, "d1", desired=desired(DOCUMENT, SITE, {}))
FAR = Address("document", "far")


@pytest.mark.parametrize(
    ("error", "made", "earlier"),
    [
        (
            UnauthorisedError("no key"),
            ("failed", "created, but no key", 8),
            ("deferred", "stopped waiting", 0),
        ),
        (gone("it"), ("failed", f"created, but {GONE}", 3), ("failed", GONE, 3)),
        (ApiError("away"), ("done", "created, but not known to be ready: away", 0), ("failed", "away", 11)),
    ],
)
def test_what_cannot_be_seen_any_more_is_told(
    error: TavusctlError, made: tuple[str, str, int], earlier: tuple[str, str, int]
) -> None:
    """What is gone, or cannot be asked for, at once; what may pass, when patience ends."""
    world = World(patience=4, objects={"d1": {"status": "processing"}})
    world.faults_after["post"] = [lambda: world.objects["n1"].update(status="processing")]
    world.faults_before["look"] = [None, *[error] * 20]
    outcomes = world.apply(creating(FAR), awaited=(AWAITED,))
    assert [(one.status.value, one.reason, one.exit_code) for one in outcomes] == [made, earlier]
    assert [one.remote_id for one in outcomes] == ["n1", "d1"]
    assert world.seconds == (4 if error.message == "away" else 0)
    assert world.waited == [("document/far", "", True), ("document/site", "", True)]
    assert world.stop.reason == ("no key" if error.message == "no key" else "")


def test_only_what_was_made_is_waited_for() -> None:
    world = World(patience=10, objects={"p1": {"status": "processing"}}, bindings={SITE: Binding(SITE, "p1")})
    world.faults_before["post"] = [refused(400)]
    outcomes = world.apply(updating({}, address=SITE), creating(FAR))
    assert [one.status for one in outcomes] == [Status.DONE, Status.FAILED]
    assert (world.seconds, world.waited) == (0, [])


def test_each_wait_is_told_when_it_ends() -> None:
    """Also when patience has ended during a look."""
    world = World(patience=1, objects={"d1": {"status": "processing"}, "d2": {"status": "ready"}})
    far = replace(AWAITED, address=FAR, remote_id="d2", desired=desired(DOCUMENT, FAR, {}))
    world.faults_before["look"] = [None, None, lambda: world.sleep(0.75)]
    outcomes = world.apply(awaited=(AWAITED, far))
    assert [one.status for one in outcomes] == [Status.DEFERRED, Status.DONE]
    assert outcomes[0].reason.startswith("stopped waiting: processing: processing takes 5 to 15 minutes")
    assert world.reports == [("document/far", "done"), ("document/site", "deferred")]
    assert world.seconds == 1.25
