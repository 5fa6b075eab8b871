"""Every way in which a call of an apply may end, on an account in memory: what is sent, and what is on record."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.binding import MADE, Binding
from tavusctl.core.errors import (
    Ambiguous,
    ApiError,
    LockError,
    NeverSent,
    Rejected,
    StateError,
    TavusctlError,
    Throttled,
    UnauthorisedError,
)
from tavusctl.core.model import Action, Cause, Change, FieldChange, Live, LocalFile, Refusal, Status
from tavusctl.lib.json_types import JsonObject
from tavusctl.patch import Pinned
from tavusctl.secrets.values import Fingerprint, Secret
from tavusctl.state.journal import Inverse
from tests.unit.engine.apply.applying import (
    ANNA,
    BEFORE,
    COACH,
    DOCUMENT,
    LOST,
    NOON,
    PERSONA,
    REPLICA,
    SITE,
    World,
    bound,
    creating,
    deleting,
    facts,
    gone,
    only,
    refused,
    updating,
)
from tests.unit.state.test_recorder import Kept

NAME: JsonObject = {"op": "replace", "path": "/persona_name", "value": "New"}
AFTER: JsonObject = {**BEFORE, "persona_name": "New"}
OTHER = Address("persona", "other")
RULES = Address("guardrails", "rules")


# creates


def test_a_create_is_on_record_before_and_after() -> None:
    world = World(known={"persona": ["p7", "p8"], "document": ["d1"]})
    outcome = only(world.apply(creating()))

    assert facts(outcome) == ("done", "n0", "", 0)
    assert world.calls == [("post", "/v2/personas", {"persona_name": "Coach", "system_prompt": "Hi."})]
    begin, intent, bind = world.records
    assert (begin["is"], begin["known"]) == ("begin", {"persona": ["p7", "p8"]})
    assert (intent["is"], intent["action"], intent["name"], intent["id"]) == ("intent", "create", "Coach", "")
    assert (intent["time"], intent["spec"]) == (NOON.isoformat(), {"persona_name": "Coach", "system_prompt": "Hi."})
    assert (bind["op"], bind["binding"]["remote_id"]) == (intent["op"], "n0")
    assert world.ledger.get(COACH) == Binding(COACH, "n0", {"persona_name": "Coach", "system_prompt": "Hi."})
    assert world.reports == [("persona/coach", "done")]


def test_a_create_that_has_to_wait_is_dated_again() -> None:
    world = World()
    world.faults_before["throttled"] = [lambda: world.sleep(2)]
    world.apply(creating())
    assert world.kinds_of_records == ["begin", "intent", "again", "bind"]
    assert world.records[2]["op"] == world.records[1]["op"]


def test_references_are_ids_when_they_are_sent() -> None:
    outside = Address("persona", "outside")
    world = World(bindings={RULES: Binding(RULES, "g1")})
    world.apply(creating(spec={"persona_name": "C", "guardrails_id": RULES, "nested": [{"x": outside}]}))
    assert world.calls[0][2] == {"persona_name": "C", "guardrails_id": "g1", "nested": [{"x": "p-outside"}]}


def test_what_has_no_name_is_on_record_without_one() -> None:
    """And is looked for without one: no other object may be taken for it."""
    world = World()
    world.faults_before["post"] = [LOST]
    world.apply(creating(spec={"system_prompt": "Hi."}), settle=0)
    assert world.records[1]["name"] == ""
    assert ("find", " ") in world.reports


def test_a_file_is_linked_where_the_manifest_names_it() -> None:
    file = LocalFile("/a/b.pdf", "b.pdf", 3, "sha256:0", "s3://bucket")
    spec: JsonObject = {"document_name": "Site", "document_file": "sha256:0", "tags": ["a"]}
    world = World()
    world.apply(creating(SITE, spec, file=file))
    assert world.calls[0][2] == {"document_name": "Site", "tags": ["a"], "document_url": "https://bucket/b.pdf"}
    assert world.records[1]["spec"] == spec


@pytest.mark.parametrize(
    ("error", "reason", "code", "looks"),
    [
        (refused(400), "PATCH /v2/personas/p1 was refused with 400: no, thank you", 5, 1),
        (NeverSent("the network is down"), "the network is down", 11, 0),
    ],
)
def test_a_create_that_was_surely_not_made_is_settled(error: TavusctlError, reason: str, code: int, looks: int) -> None:
    """A refusal is believed after one look, without a wait."""
    world = World()
    world.faults_before["post"] = [error]
    assert facts(only(world.apply(creating()))) == ("failed", "", reason, code)
    assert world.kinds_of_records == ["begin", "intent", "result failed"]
    assert (world.verbs, world.looked_for) == (["post"], [0.0] * looks)


def test_a_create_that_was_refused_for_now_is_looked_for_before_it_counts_as_not_made() -> None:
    """Until a listing would show it: the longest that one may lag, where it shows nothing that is young."""
    world = World()
    world.faults_before["post"] = [Throttled(429, "slow down", "POST")]

    assert facts(only(world.apply(creating(), settle=20))) == ("failed", "", "POST was refused with 429: slow down", 11)
    assert world.kinds_of_records == ["begin", "intent", "result failed"]
    assert world.verbs == ["post"]
    assert (world.looked_for[0], world.looked_for[-1]) == (0.0, 20.0)


@pytest.mark.parametrize(("age", "waited"), [(0, 0), (1, 2), (7, 14), (300, 20), (-90, 20)])
def test_a_look_after_a_refusal_takes_as_long_as_a_listing_lags(age: int, waited: int) -> None:
    """Twice the age of the youngest object that it shows; a moment to come tells nothing."""
    world = World(refusals=1, newest=(NOON - timedelta(seconds=age)).isoformat())

    assert only(world.apply(creating(), settle=20)).status is Status.DONE
    assert (world.verbs, world.looked_for[-1]) == (["post"], waited)


def test_what_a_refused_create_has_made_all_the_same_is_taken() -> None:
    world = World(refusals=1, finds=["", "n7"], newest="")

    assert only(world.apply(creating())).remote_id == "n7"
    assert list(world.objects) == ["n7"]


def test_a_lost_create_is_looked_for_until_it_is_found() -> None:
    world = World(known={"persona": ["p7"]})
    world.faults_after["post"] = [LOST]
    world.finds = ["", "", "", "", "", "", "n0"]
    outcome = only(world.apply(creating(), settle=90))

    assert facts(outcome) == ("done", "n0", "", 0)
    assert world.looked_for == [0, 2, 5, 10, 30, 60, 90]
    assert world.reports[0] == ("find", "Coach p7")
    assert world.verbs == ["post"]
    assert world.kinds_of_records == ["begin", "intent", "bind"]


def test_looks_go_on_for_as_long_as_a_create_may_take() -> None:
    world = World()
    world.faults_after["post"] = [LOST]
    world.finds = [""] * 8 + ["n0"]
    world.apply(creating(), settle=500)
    assert world.looked_for[:8] == [0, 2, 5, 10, 30, 60, 120, 500]


def test_a_create_that_never_showed_is_sent_once_more() -> None:
    world = World()
    world.faults_before["post"] = [LOST]
    outcome = only(world.apply(creating(), settle=5))
    assert facts(outcome) == ("done", "n0", "", 0)
    assert (world.verbs, world.looked_for) == (["post", "post"], [0, 2, 5])
    assert world.kinds_of_records == ["begin", "intent", "again", "bind"]
    assert world.records[2]["time"] == "2026-01-01T12:00:05+00:00"


@pytest.mark.parametrize("found", ["n9", ""])
def test_a_second_attempt_is_the_last(found: str) -> None:
    world = World()
    world.faults_before["post"] = [LOST, LOST]
    world.finds = ["", "", "", found]
    outcome = only(world.apply(creating(), settle=4))
    assert world.verbs == ["post", "post"]
    if found:
        assert (outcome.status, outcome.remote_id) == (Status.DONE, "n9")
        assert world.ledger.get(COACH) is not None
        assert world.kinds_of_records[-1] == "bind"
    else:
        assert facts(outcome) == ("unknown", "", "the answer was lost", 6)
        assert world.kinds_of_records == ["begin", "intent", "again"]
        assert len(world.replayed.pending) == 1


@pytest.mark.parametrize("error", [Ambiguous("two of them"), ApiError("no list")])
def test_a_look_that_tells_nothing_leaves_the_create_unknown(error: ApiError) -> None:
    world = World()
    world.faults_after["post"] = [LOST]
    world.finds = [error]
    outcome = only(world.apply(creating()))
    reason = (
        "two of them"
        if isinstance(error, Ambiguous)
        else "the object may have been created, and the check failed: no list"
    )
    assert facts(outcome) == ("unknown", "", reason, 6)
    assert world.kinds_of_records == ["begin", "intent"]


@pytest.mark.parametrize("refusal", [LOST, Throttled(429, "slow down", "POST")])
@pytest.mark.parametrize("error", [UnauthorisedError("the key is refused"), StateError("no room")])
def test_a_look_that_cannot_be_made_leaves_the_create_unknown(refusal: ApiError, error: TavusctlError) -> None:
    """Whatever stops it says nothing about the create before it."""
    world = World(finds=[error])
    world.faults_after["post"] = [refusal]
    assert only(world.apply(creating())).status is Status.UNKNOWN
    assert world.kinds_of_records == ["begin", "intent"]
    assert len(world.replayed.pending) == 1


@pytest.mark.parametrize("error", [UnauthorisedError("the key is refused"), Throttled(429, "slow down", "GET")])
def test_nothing_more_is_created_while_nothing_can_be_looked_for(error: TavusctlError) -> None:
    world = World(finds=[error])
    world.faults_after["post"] = [LOST]
    assert [one.status for one in world.apply(creating(), creating(OTHER))] == [Status.UNKNOWN, Status.SKIPPED]
    assert world.verbs == ["post"]


def test_a_look_between_two_attempts_that_cannot_be_made_leaves_the_create_unknown() -> None:
    world = World(refusals=1, finds=[UnauthorisedError("the key is refused")])
    assert only(world.apply(creating())).status is Status.UNKNOWN
    assert world.looked_for == [0.0]
    assert world.kinds_of_records == ["begin", "intent"]


def test_an_answer_that_cannot_be_recorded_leaves_the_create_unknown() -> None:
    """The store is full for one record, and takes the next: none may say that nothing was made."""
    world = World(replies=[{"persona_id": "n0"}])
    append = world.store.append

    def fails_once(record: bytes) -> None:
        if json.loads(record)["is"] == "answered":
            message = "no room"
            raise StateError(message)
        append(record)

    world.store.append = fails_once  # type: ignore[method-assign]
    assert only(world.apply(creating())).status is Status.UNKNOWN
    assert world.kinds_of_records == ["begin", "intent"]
    assert len(world.replayed.pending) == 1


@pytest.mark.parametrize("answer", [{}, {"persona_id": "../p"}, {"persona_id": "x" * 101}, {"persona_id": "a b"}])
def test_an_answer_without_an_id_is_none(answer: JsonObject) -> None:
    world = World(replies=[answer, answer])
    outcome = only(world.apply(creating(), settle=1))
    assert facts(outcome) == ("unknown", "", "the response to POST /v2/personas has no id", 6)


@pytest.mark.parametrize("remote_id", ["x" * 100, "aZ0_-"])
@pytest.mark.parametrize("name", ["Coach", " coach "])
def test_an_answer_with_a_new_id_and_the_name_is_believed(remote_id: str, name: str) -> None:
    world = World(replies=[{"persona_id": remote_id, "persona_name": name}])
    assert only(world.apply(creating())).remote_id == remote_id
    assert len(world.calls) == 1
    assert "answered" not in world.kinds_of_records


@pytest.mark.parametrize("answer", [{}, {"persona_name": "Another"}])
def test_a_new_id_without_the_name_is_on_record_and_looked_at(answer: JsonObject) -> None:
    """It is evidence: what reads as sent is ours, whatever it is called."""
    world = World(replies=[{"persona_id": "n0", **answer}])
    assert only(world.apply(creating())).remote_id == "n0"
    assert world.kinds_of_records == ["begin", "intent", "answered", "bind"]
    assert (world.verbs, world.looked_for) == (["post"], [])


def test_a_new_id_that_cannot_be_seen_yet_is_looked_at_again() -> None:
    world = World(replies=[{"persona_id": "n0"}])
    world.faults_before["look"] = [gone("n0"), gone("n0")]
    assert only(world.apply(creating())).remote_id == "n0"
    assert world.verbs == ["post"]


def test_a_create_that_no_read_shows_is_unknown_and_looked_for_by_the_next_run() -> None:
    world = World(makes_nothing=True)
    outcome = only(world.apply(creating()))
    told = "the response to POST /v2/personas has the id n0, and no read shows it: no such object"
    assert facts(outcome) == ("unknown", "", told, 6)
    assert (world.ledger.get(COACH), world.ledger.ids) == (None, {})
    assert world.replayed.state.bindings == {}
    assert [(one.action, one.answered, one.name) for one in world.replayed.pending] == [(Action.CREATE, "n0", "Coach")]


def test_the_first_record_of_a_create_that_no_read_shows_counts_as_not_done() -> None:
    """So that an undo finds its object once, by the record that takes its place."""
    world = World(makes_nothing=True)
    world.apply(creating())
    first, second = (record["op"] for record in world.records if record["is"] == "intent")
    outcomes = {record["op"]: record["status"] for record in world.records if record["is"] == "result"}
    assert outcomes == {first: "failed"}
    assert [intent.op for intent in world.replayed.pending] == [second]


def test_a_create_that_a_late_read_shows_is_done() -> None:
    world = World()
    world.faults_before["look"] = [gone("n0"), gone("n0")]
    assert only(world.apply(creating())).status is Status.DONE
    assert world.kinds_of_records == ["begin", "intent", "bind"]


def test_a_create_that_no_read_can_look_at_stays_bound() -> None:
    world = World()
    world.faults_before["look"] = [ApiError("no answer")] * 3
    outcome = only(world.apply(creating()))
    assert (outcome.status, outcome.remote_id, outcome.exit_code) == (Status.UNKNOWN, "n0", 6)
    assert world.ledger.get(COACH)
    assert not world.ledger.pending


def test_a_replacement_that_no_read_shows_leaves_the_old_version_in_use() -> None:
    before = Binding(SITE, "d1", {"document_url": "https://a"}, retired=("d0",))
    world = World(objects={"d1": {"document_url": "https://a"}}, bindings={SITE: before}, makes_nothing=True)
    spec: JsonObject = {"document_url": "https://b"}
    step = replace(creating(SITE, spec), action=Action.REPLACE, cause=Cause.EDITED, remote_id="d1")
    outcome = only(world.apply(step))
    assert (outcome.status, outcome.exit_code) == (Status.UNKNOWN, 6)
    assert world.ledger.get(SITE) == world.replayed.state.bindings[SITE] == before
    assert [(one.action, one.answered) for one in world.replayed.pending] == [(Action.REPLACE, "n1")]


@pytest.mark.parametrize("answer", [{}, {"persona_id": "p7"}, {"persona_id": "p9", "persona_name": "Another"}])
def test_what_was_accepted_is_never_sent_again(answer: JsonObject) -> None:
    world = World(replies=[answer], known={"persona": ["p7"]})
    assert only(world.apply(creating(), settle=1)).exit_code == 6
    assert world.verbs == ["post"]
    assert world.looked_for[-1] == 1.0


@pytest.mark.parametrize(
    "answer",
    [{"persona_id": "p7"}, {"persona_id": "p1"}, {"persona_id": "p9", "persona_name": "Another"}],
)
def test_the_answer_to_another_request_is_none(answer: JsonObject) -> None:
    """Of an object that was there before, of one that is ours, of one with another name."""
    other = Address("persona", "other")
    world = World(replies=[answer, answer], known={"persona": ["p7"]}, bindings={other: Binding(other, "p0")})
    steps = (creating(other, {"persona_name": "Other"}), creating()) if answer["persona_id"] == "p1" else (creating(),)
    if len(steps) == 2:
        world.replies = [{"persona_id": "p1", "persona_name": "Other"}, answer, answer]
    outcome = world.apply(*steps, settle=1)[-1]
    told = {"p9": "p9, whose object differs from the one sent"}.get(
        str(answer["persona_id"]), f"of another object, {answer['persona_id']}"
    )
    assert facts(outcome) == ("unknown", "", f"the response to POST /v2/personas has the id {told}", 6)


def test_nothing_is_sent_again_once_a_stop_is_asked_for() -> None:
    world = World()
    world.faults_after["post"] = [lambda: world.stop.request("interrupted"), None]
    world.replies = [{}]
    outcome = only(world.apply(creating()))
    assert outcome.status is Status.UNKNOWN
    assert world.verbs == ["post"]
    assert "interrupted" in outcome.reason


@pytest.mark.parametrize("wait", ["connecting", "throttled"])
def test_a_stop_while_the_first_call_of_a_step_waits_skips_the_step(wait: str) -> None:
    world = World()
    world.faults_before[wait] = [lambda: world.stop.request("interrupted")]

    outcome = only(world.apply(creating()))

    assert facts(outcome) == ("skipped", "", "interrupted", 0)
    assert world.kinds_of_records == ["begin", "intent", "result failed"]
    assert world.looked_for == []


def test_a_stop_between_looks_ends_them() -> None:
    world = World()
    world.faults_after["post"] = [LOST]
    real = world.sleep

    def sleep(seconds: float) -> None:
        real(seconds)
        if world.seconds >= 1:
            world.stop.request("interrupted")
            world.stop.request("another reason")

    world.sleep = sleep  # type: ignore[method-assign]  # a clock is what the test says
    outcome = only(world.apply(creating()))
    reason = "interrupted before it was known whether `persona/coach` was created"
    assert facts(outcome) == ("unknown", "", reason, 6)
    assert world.seconds == 1


# updates


def seen(body: JsonObject | None = None) -> Live:
    return Live(PERSONA, "p1", body or BEFORE)


def test_an_update_is_a_patch_with_tests_and_its_inverse_on_record() -> None:
    world = bound()
    outcome = only(world.apply(updating(AFTER, NAME, live=seen())))
    assert facts(outcome) == ("done", "p1", "", 0)
    guarded = [{"op": "test", "path": "/persona_name", "value": "Coach"}, NAME]
    assert world.calls == [("patch", "/v2/personas/p1", guarded)]
    assert world.kinds_of_records == ["begin", "intent", "bind"]
    intent = world.records[1]
    assert (intent["action"], intent["id"], intent["spec"], intent["time"]) == (
        "update", "p1", AFTER, NOON.isoformat(),
    )  # fmt: skip
    assert intent["inverse"] == {
        "operations": [{"op": "replace", "path": "/persona_name", "value": "Coach"}],
        "left": {"/persona_name": "New"},
        "was": {"/persona_name": "Coach"},
        "lost": [],
    }
    assert world.ledger.get(COACH) == Binding(COACH, "p1", AFTER)
    assert world.objects["p1"]["persona_name"] == "New"


def test_an_update_of_nothing_binds() -> None:
    world = bound()
    assert facts(only(world.apply(updating(AFTER)))) == ("done", "p1", "", 0)
    assert (world.calls, world.kinds_of_records) == ([], ["begin", "bind"])


def test_an_object_that_is_not_bound_is_bound_by_its_update() -> None:
    world = bound()
    world.bindings = {}
    assert facts(only(world.apply(updating(AFTER, NAME, live=seen())))) == ("done", "p1", "", 0)
    assert world.ledger.get(COACH) == Binding(COACH, "p1", AFTER)
    world.bindings = {}
    only(world.apply(updating(AFTER)))
    assert world.ledger.get(COACH) == Binding(COACH, "p1", AFTER)


def test_without_tests_an_edit_meanwhile_is_seen_before_anything_is_sent() -> None:
    world = bound(guarded=False)
    world.objects["p1"]["persona_name"] = "Edited"
    outcome = only(world.apply(updating(AFTER, NAME, live=seen())))
    reason = "/persona_name of `persona/coach` was edited in the account during this run"
    assert facts(outcome) == ("failed", "p1", f"{reason}; nothing of this step was written", 3)
    assert (world.calls, world.kinds_of_records) == ([], ["begin", "intent", "result failed"])
    world.objects["p1"] |= {"persona_name": "Coach", "system_prompt": "Edited"}
    assert only(world.apply(updating(AFTER, NAME, live=seen()))).status is Status.DONE
    assert world.calls == [("patch", "/v2/personas/p1", [NAME])]


def test_a_member_that_somebody_added_meanwhile_is_seen_although_no_test_can_notice_it() -> None:
    world = bound()
    world.objects["p1"]["greeting"] = "Theirs"
    add: JsonObject = {"op": "add", "path": "/greeting", "value": "Ours"}
    outcome = only(world.apply(updating({**BEFORE, "greeting": "Ours"}, add, live=seen())))
    reason = "/greeting of `persona/coach` was edited in the account during this run"
    assert facts(outcome) == ("failed", "p1", f"{reason}; nothing of this step was written", 3)
    assert world.calls == []


def test_without_tests_a_reference_that_stands_is_no_edit() -> None:
    world = bound(guarded=False)
    world.bindings |= {SITE: Binding(SITE, "d1"), RULES: Binding(RULES, "g1")}
    world.objects["p1"]["document"] = "d1"
    point: JsonObject = {"op": "replace", "path": "/document", "value": RULES}
    step = updating({"document": RULES}, point, live=seen({**BEFORE, "document": SITE}))
    assert only(world.apply(step)).status is Status.DONE
    assert world.calls == [("patch", "/v2/personas/p1", [{**point, "value": "g1"}])]


def test_what_the_plan_has_not_seen_is_looked_at() -> None:
    world = bound(guarded=False)
    world.objects["p1"]["persona_name"] = "Edited"
    assert only(world.apply(updating(AFTER, NAME))).status is Status.DONE
    assert world.records[1]["inverse"]["was"] == {"/persona_name": "Edited"}


@pytest.mark.parametrize("status", [400, 409, 422, 403])
@pytest.mark.parametrize("moved", [True, False])
@pytest.mark.parametrize("guarded", [True, False])
def test_a_refused_patch_is_a_conflict_where_somebody_edited(status: int, moved: bool, guarded: bool) -> None:
    world = bound(guarded=guarded)

    def edit() -> None:
        if moved:
            world.objects["p1"]["persona_name"] = "Edited"
        raise refused(status)

    world.faults_before["patch"] = [edit]
    outcome = only(world.apply(updating(AFTER, NAME, live=seen())))
    conflict = moved and guarded and status != 403
    assert outcome.status is Status.FAILED
    assert outcome.exit_code == (3 if conflict else 5)
    assert ("was edited in the account during this run" in outcome.reason) == conflict
    assert world.kinds_of_records == ["begin", "intent", "result failed"]


def test_a_patch_of_what_is_gone_says_so() -> None:
    world = bound()
    world.faults_before["patch"] = [gone("p1")]
    world.faults_before["look"] = [gone("p1")]
    outcome = only(world.apply(updating(AFTER, NAME, live=seen())))
    assert facts(outcome) == ("failed", "p1", "p1 disappeared from the account during this run: no such object", 3)
    assert world.kinds_of_records == ["begin", "intent", "result failed"]


def test_a_lost_patch_that_was_carried_out_is_done() -> None:
    world = bound()
    world.faults_after["patch"] = [LOST]
    assert facts(only(world.apply(updating(AFTER, NAME, live=seen())))) == ("done", "p1", "", 0)
    assert (world.verbs, world.kinds_of_records) == (["patch"], ["begin", "intent", "bind"])


def test_a_lost_patch_that_was_not_carried_out_is_sent_again_with_its_tests() -> None:
    world = bound()
    world.faults_before["patch"] = [LOST]
    assert facts(only(world.apply(updating(AFTER, NAME, live=seen())))) == ("done", "p1", "", 0)
    assert world.verbs == ["patch", "patch"]
    assert world.calls[0] == world.calls[1]


def test_so_is_one_that_only_changes_case_or_white_space() -> None:
    """What a server may normalise is no sign of a write where the value from before would be the same."""
    world = bound()
    world.faults_before["patch"] = [LOST]
    louder: JsonObject = {**NAME, "value": "COACH "}

    assert facts(only(world.apply(updating({**BEFORE, "persona_name": "COACH "}, louder, live=seen())))) == (
        ("done", "p1", "", 0)
    )
    assert world.verbs == ["patch", "patch"]


def test_a_lost_patch_without_tests_is_not_sent_again() -> None:
    world = bound(guarded=False)
    world.faults_before["patch"] = [LOST]
    outcome = only(world.apply(updating(AFTER, NAME, live=seen())))
    reason = "`persona/coach` is unchanged, but without `test` operations a repeated patch could be applied twice"
    assert facts(outcome) == ("unknown", "p1", reason, 6)
    assert (world.verbs, world.kinds_of_records) == (["patch"], ["begin", "intent"])


@pytest.mark.parametrize("guarded", [True, False])
def test_a_lost_patch_and_an_edit_meanwhile_are_a_conflict_where_tests_stop_a_late_one(guarded: bool) -> None:
    world = bound(guarded=guarded)

    def edit() -> None:
        world.objects["p1"]["persona_name"] = "Edited"
        raise LOST

    world.faults_before["patch"] = [edit]
    outcome = only(world.apply(updating(AFTER, NAME, live=seen())))
    reason = "/persona_name of `persona/coach` was edited in the account during this run"
    if guarded:
        assert facts(outcome) == ("failed", "p1", f"{reason}; nothing of this step was written", 3)
    else:
        assert facts(outcome) == ("unknown", "p1", f"sent, but the outcome could not be recorded: {reason}", 6)
    assert world.verbs == ["patch"]
    assert world.kinds_of_records == ["begin", "intent", *(["result failed"] if guarded else [])]


@pytest.mark.parametrize(
    "refusal", [Throttled(429, "slow down", "PATCH"), Rejected(500, "oops", "PATCH"), NeverSent("no route"), gone("p1")]
)
def test_a_lost_patch_whose_repeat_is_refused_may_still_come(refusal: Exception) -> None:
    world = bound()
    world.faults_before["patch"] = [LOST, refusal]
    outcome = only(world.apply(updating(AFTER, NAME, live=seen())))
    assert (outcome.status, outcome.exit_code) == (Status.UNKNOWN, 6)
    assert outcome.reason.startswith("sent, but the outcome could not be recorded: ")
    assert (world.verbs, world.kinds_of_records) == (["patch", "patch"], ["begin", "intent"])


def test_a_lost_patch_of_a_secret_is_sent_again_whatever_shows() -> None:
    secret = Secret("sk-of-the-tests", b"key")
    write: JsonObject = {"op": "replace", "path": "/layers/llm/api_key", "value": secret}
    before: JsonObject = {**BEFORE, "layers": {"llm": {"api_key": Pinned("***")}}}
    world = bound()
    world.objects["p1"]["layers"] = {"llm": {"api_key": Pinned("***")}}
    world.faults_after["patch"] = [LOST]
    step = updating({**BEFORE, "layers": {"llm": {"api_key": secret}}}, write, live=seen(before))
    outcome = only(world.apply(step))
    assert outcome.status is Status.DONE
    assert world.verbs == ["patch", "patch"]
    assert [operation["op"] for operation in world.calls[0][2]] == ["replace"]
    assert world.records[1]["inverse"]["lost"] == ["/layers/llm/api_key"]
    assert world.records[1]["inverse"]["operations"] == []


def test_a_document_is_changed_by_its_members_and_a_replica_by_its_name() -> None:
    objects: dict[str, JsonObject] = {"d1": {"document_name": "Site", "tags": ["a"]}, "r1": {"replica_name": "Anna"}}
    world = World(objects=objects, bindings={SITE: Binding(SITE, "d1"), ANNA: Binding(ANNA, "r1")})
    tags: JsonObject = {"op": "add", "path": "/tags", "value": ["b"]}
    title: JsonObject = {"op": "replace", "path": "/document_name", "value": "Page"}
    name: JsonObject = {"op": "replace", "path": "/replica_name", "value": "Ann"}
    live = Live(DOCUMENT, "d1", {"tags": ["a"], "document_name": "Site"})
    document = replace(updating({"tags": ["b"]}, tags, title, address=SITE), remote_id="d1", live=live)
    replica = replace(
        updating({"replica_name": "Ann"}, name, address=ANNA),
        remote_id="r1",
        live=Live(REPLICA, "r1", {"replica_name": "Anna"}),
    )
    assert [one.status for one in world.apply(document, replica)] == [Status.DONE] * 2
    assert world.calls == [
        ("patch", "/v2/documents/d1", {"tags": ["b"], "document_name": "Page"}),
        ("patch", "/v2/replicas/r1/name", {"replica_name": "Ann"}),
    ]
    inverses = [one["inverse"]["operations"] for one in world.records if one["is"] == "intent"]
    assert inverses == [
        [
            {"op": "replace", "path": "/document_name", "value": "Site"},
            {"op": "replace", "path": "/tags", "value": ["a"]},
        ],
        [{"op": "replace", "path": "/replica_name", "value": "Anna"}],
    ]


def test_a_lost_change_of_members_is_sent_again_without_tests() -> None:
    world = World(objects={"d1": {"document_name": "Site"}}, bindings={SITE: Binding(SITE, "d1")}, guarded=None)
    name: JsonObject = {"op": "replace", "path": "/document_name", "value": "New"}
    live = Live(DOCUMENT, "d1", {"document_name": "Site"})
    step = replace(updating({"document_name": "New"}, name, address=SITE), remote_id="d1", live=live)
    world.faults_before["patch"] = [LOST]
    assert only(world.apply(step)).status is Status.DONE
    assert world.verbs == ["patch", "patch"]


def test_a_member_that_was_not_there_is_reversed_to_nothing() -> None:
    world = World(objects={"d1": {"document_name": "Site"}}, bindings={SITE: Binding(SITE, "d1")})
    tags: JsonObject = {"op": "add", "path": "/tags", "value": ["b"]}
    step = replace(
        updating({"tags": ["b"]}, tags, address=SITE), remote_id="d1", live=Live(DOCUMENT, "d1", {"document_name": "S"})
    )
    world.apply(step)
    assert world.records[1]["inverse"]["operations"] == [{"op": "replace", "path": "/tags", "value": []}]


def test_what_the_server_did_not_keep_is_named_once_and_remembered_as_it_answered() -> None:
    world = bound()
    world.lost = [
        FieldChange("/persona_name", Cause.EDITED, None, "new", "New"),
        FieldChange("/layers/llm/api_key", Cause.EDITED, None, None, "x", sensitive=True),
        FieldChange("/greeting", Cause.EDITED, None, "Hi", "Hello"),
    ]
    key: JsonObject = {"op": "add", "path": "/layers", "value": {"llm": {"api_key": "x"}}}
    outcome = only(world.apply(updating(AFTER, NAME, key, live=seen())))
    # The greeting was not written: what somebody else has made of it is no answer to us.  Null is how the key reads.
    assert (outcome.status, outcome.exit_code) == (Status.DONE, 5)
    assert (outcome.reason, outcome.unkept) == ("not kept by the server: /persona_name", ("/persona_name",))
    answered: JsonObject = {"/persona_name": "new", "/layers/llm/api_key": None}
    assert world.ledger.get(COACH) == Binding(COACH, "p1", AFTER, answered=answered)
    assert world.kinds_of_records == ["begin", "intent", "bind"]
    # On record before the call was what was there: a kill loses no more than the look.
    before: JsonObject = {"/layers": None, "/persona_name": BEFORE["persona_name"]}
    assert world.replayed.state.bindings[COACH] == Binding(COACH, "p1", AFTER, unconfirmed=before)


def not_kept(address: Address = COACH) -> FieldChange:
    """A name that reads in lower case."""
    return FieldChange(f"/{address.kind}_name", Cause.EDITED, None, "new", "New")


def nothing_done(world: World) -> None:
    """The server forgets what it was just sent."""

    def forget() -> None:
        world.objects["p1"] = {**world.objects["p1"], **BEFORE}

    world.faults_after["patch"] = [forget]


def test_a_write_of_which_nothing_reads_back_has_failed_and_is_planned_again() -> None:
    world = bound()
    before = world.bindings[COACH]
    world.lost = [FieldChange("/persona_name", Cause.EDITED, None, BEFORE["persona_name"], "New")]
    nothing_done(world)
    outcome = only(world.apply(updating(AFTER, NAME, live=seen())))
    assert (outcome.status, outcome.exit_code, outcome.unkept) == (Status.FAILED, 5, ())
    assert outcome.code == "not_live"
    assert "/persona_name" in outcome.reason
    assert world.ledger.get(COACH) == replace(before, not_live={"/persona_name": "New"})
    assert world.seconds == 10.0


def test_a_read_that_is_behind_is_waited_for() -> None:
    world = bound()
    world.lost = [not_kept()]
    world.faults_before["look"] = [None, None, world.lost.clear]
    outcome = only(world.apply(updating(AFTER, NAME, live=seen())))
    assert (facts(outcome), world.seconds) == (("done", "p1", "", 0), 10.0)
    assert world.ledger.get(COACH) == Binding(COACH, "p1", AFTER)


def test_the_looks_come_sooner_where_less_has_to_be_waited_for() -> None:
    world = bound()
    world.lost = [not_kept()]
    world.apply(updating(AFTER, NAME, live=seen()), settle=1.5)
    assert world.seconds == 1.5


def test_a_stop_before_a_second_look_concludes_nothing() -> None:
    world = bound()
    before = world.bindings[COACH]
    world.lost = [not_kept()]
    world.faults_before["look"] = [lambda: world.stop.request("interrupted")]
    outcome = only(world.apply(updating(AFTER, NAME, live=seen())))
    assert (outcome.status, outcome.exit_code) == (Status.FAILED, 5)
    assert "second read" in outcome.reason
    assert world.ledger.get(COACH) == before


def test_a_field_known_to_be_dropped_is_named_once_more() -> None:
    """Whatever is sent of it, the server has been seen to show another value; its silence says no more this time."""
    for answer, shown, believed in (("Fixed", "Fixed", True), ("coach", "coach", False)):
        world = bound()
        applied: JsonObject = {**BEFORE, "persona_name": "Coach"}
        world.objects["p1"] = {"persona_id": "p1", **BEFORE, "persona_name": shown}
        world.bindings[COACH] = Binding(COACH, "p1", applied, answered={"/persona_name": answer})
        world.lost = [FieldChange("/persona_name", Cause.EDITED, answer, shown, "New")]

        def forget(world: World = world, shown: str = shown) -> None:
            world.objects["p1"]["persona_name"] = shown

        world.faults_after["patch"] = [forget]
        live = seen({**BEFORE, "persona_name": shown})
        outcome = only(world.apply(updating(AFTER, NAME, live=live)))
        assert outcome.exit_code == 5
        assert (outcome.status is Status.DONE) == believed


def test_a_removal_that_did_nothing_is_not_live() -> None:
    world = bound()
    before = world.bindings[COACH]
    nothing_done(world)
    remove: JsonObject = {"op": "remove", "path": "/persona_name"}
    rest = {key: value for key, value in BEFORE.items() if key != "persona_name"}
    outcome = only(world.apply(updating(rest, remove, live=seen())))
    assert outcome.status is Status.FAILED
    assert world.ledger.get(COACH) == replace(before, not_live={"/persona_name": None})


def test_a_write_that_went_to_a_draft_is_not_live() -> None:
    world = bound()
    world.draft = True
    outcome = only(world.apply(updating(AFTER, NAME, live=seen())))
    assert (outcome.status, outcome.exit_code) == (Status.FAILED, 5)
    assert "draft" in outcome.reason


def test_what_the_server_filled_in_is_on_record_for_an_undo() -> None:
    world = bound()

    def fill_in() -> None:
        world.objects["p1"]["persona_name"] = "NEW"

    world.faults_after["patch"] = [fill_in]
    world.apply(updating(AFTER, NAME, live=seen()))
    assert world.kinds_of_records == ["begin", "intent", "bind", "left"]
    assert world.records[3]["left"] == {"/persona_name": "NEW"}


def test_a_reference_to_the_old_half_of_a_replacement_is_not_lost() -> None:
    other = Address("document", "other")
    world = bound()
    world.bindings[other] = Binding(other, "d2", retired=("d1",))
    for shown, wanted, lost in (
        ("d1", other, ()),
        ("d0", other, ("/document_ids",)),
        (["d1", "d7"], [other, "d7"], ()),
        (["d7"], ["d7", other], ("/document_ids",)),
    ):
        world.objects["p1"].pop("document_ids", None)
        world.lost = [FieldChange("/document_ids", Cause.EDITED, None, shown, wanted)]
        documents: JsonObject = {"op": "add", "path": "/document_ids", "value": wanted}
        assert only(world.apply(updating(AFTER, documents, live=seen()))).unkept == lost


def test_a_crawl_that_is_shown_as_it_was_is_no_loss() -> None:
    world = World(objects={"d1": {"document_name": "Site"}}, bindings={SITE: Binding(SITE, "d1")})
    world.lost = [FieldChange("/crawl/depth", Cause.EDITED, None, 1, 2)]
    world.bindings[SITE] = replace(world.bindings[SITE], unconfirmed=MADE)
    step = replace(updating({"document_name": "Site"}, address=SITE), remote_id="d1")
    outcome = only(world.apply(step))
    assert (outcome.unkept, outcome.exit_code) == ((), 0)
    assert "not kept" not in outcome.reason
    assert world.ledger.get(SITE) == Binding(SITE, "d1", {"document_name": "Site"}, answered={"/crawl/depth": 1})
    world.lost = [FieldChange("/crawled", Cause.EDITED, None, 1, 2)]
    assert only(world.apply(step)).unkept == ("/crawled",)


@pytest.mark.parametrize("error", [ApiError("no answer"), gone("p1")])
def test_an_update_that_cannot_be_read_back_is_unknown(error: ApiError) -> None:
    world = bound()
    world.faults_before["look"] = [error] * 3
    outcome = only(world.apply(updating(AFTER, NAME, live=seen())))
    reason = f"the API confirmed the write, but no read does: {error.message}"
    assert facts(outcome) == ("unknown", "p1", reason, 6)
    assert not world.ledger.pending
    found = world.ledger.get(COACH)
    assert found
    assert found.unconfirmed == {"/persona_name": BEFORE["persona_name"]}


def test_an_adopted_object_is_ours_before_it_is_changed() -> None:
    world = bound()
    world.bindings = {}
    world.faults_before["patch"] = [refused(400)]
    step = replace(updating(AFTER, NAME, live=seen()), action=Action.ADOPT)
    assert only(world.apply(step)).status is Status.FAILED
    assert world.ledger.get(COACH) == Binding(COACH, "p1")
    assert world.kinds_of_records == ["begin", "bind", "intent", "result failed"]
    assert only(world.apply(step)).status is Status.DONE
    assert world.ledger.get(COACH) == Binding(COACH, "p1", AFTER)


# deletes


def test_a_deleted_object_is_kept_aside() -> None:
    world = bound()
    outcome = only(world.apply(deleting()))
    assert facts(outcome) == ("done", "p1", "", 0)
    assert world.kept_calls == [(COACH, "p1", BEFORE)]
    assert world.asked_users == [("p1", COACH)]
    assert world.calls == [("delete", "/v2/personas/p1", None)]
    assert world.kinds_of_records == ["begin", "intent", "forget"]
    intent = world.records[1]
    assert (intent["action"], intent["id"], intent["time"]) == ("delete", "p1", NOON.isoformat())
    assert (world.ledger.get(COACH), world.ledger.pending, world.objects) == (None, {}, {})


def test_what_somebody_uses_is_not_deleted() -> None:
    world = bound()
    world.using = ["persona/a", "persona p9"]
    outcome = only(world.apply(deleting()))
    assert facts(outcome) == ("failed", "p1", "persona/a, persona p9 refers to it; nothing was deleted", 3)
    assert (world.calls, world.kinds_of_records) == ([], ["begin"])


def test_what_a_change_that_was_made_still_uses_is_a_conflict() -> None:
    """Only one that is left to the next run is waited for."""
    world = bound()
    world.using = ["persona/other"]
    outcomes = world.apply(creating(OTHER), deleting())
    assert facts(outcomes[1]) == ("failed", "p1", "persona/other refers to it; nothing was deleted", 3)


@pytest.mark.parametrize("at", ["look", "delete"])
def test_what_is_gone_already_is_deleted(at: str) -> None:
    world = bound()
    if at == "look":
        world.objects.clear()
    else:
        world.faults_after[at] = [gone("p1")]
    assert facts(only(world.apply(deleting()))) == ("done", "p1", "", 0)
    assert world.kinds_of_records == ["begin", "intent", "forget"]
    assert world.verbs == (["delete"] if at == "delete" else [])


@pytest.mark.parametrize("carried_out", [True, False])
def test_a_lost_delete_is_looked_at_and_sent_again(carried_out: bool) -> None:
    world = bound()
    (world.faults_after if carried_out else world.faults_before)["delete"] = [LOST]
    assert facts(only(world.apply(deleting()))) == ("done", "p1", "", 0)
    assert world.verbs == ["delete"] * (1 if carried_out else 2)
    assert world.objects == {}


def deletes_nothing(world: World) -> World:
    """The account confirms the next delete and does not carry it out."""
    world.faults_after["delete"] = [partial(world.objects.update, dict(world.objects))]
    return world


def test_a_confirmed_delete_that_did_nothing_has_failed() -> None:
    world = deletes_nothing(bound())
    reason = "the API confirmed the delete, but p1 is still in the account; it stays in the plan"
    assert facts(only(world.apply(deleting()))) == ("failed", "p1", reason, 5)
    assert (world.verbs, world.seconds) == (["delete"], 10.0)
    assert world.kinds_of_records == ["begin", "intent", "result failed"]
    assert world.ledger.get(COACH) == Binding(COACH, "p1", BEFORE)


def test_a_read_may_be_older_than_a_delete() -> None:
    world = deletes_nothing(bound())
    world.faults_before["look"] = [None, None, partial(world.objects.pop, "p1")]
    assert facts(only(world.apply(deleting()))) == ("done", "p1", "", 0)
    assert (world.seconds, world.ledger.get(COACH)) == (2.0, None)


@pytest.mark.parametrize("looks", [[ApiError("no answer")] * 3, [None, None, ApiError("no answer")]])
def test_a_delete_that_no_last_read_confirms_is_unknown(looks: list[Exception | None]) -> None:
    world = deletes_nothing(bound())
    world.faults_before["look"] = [None, *looks]
    reason = "the API confirmed the delete, but it is not known whether it was carried out: no answer"
    assert facts(only(world.apply(deleting()))) == ("unknown", "p1", reason, 6)
    assert (world.kinds_of_records, len(world.ledger.pending)) == (["begin", "intent"], 1)


def test_a_stop_leaves_a_delete_unknown_that_only_one_read_denies() -> None:
    world = deletes_nothing(bound())
    world.faults_before["look"] = [None, lambda: world.stop.request("Ctrl-C")]
    outcome = only(world.apply(deleting()))
    assert (outcome.status, outcome.exit_code) == (Status.UNKNOWN, 6)
    assert outcome.reason.endswith("not known whether it was carried out: Ctrl-C before a second read")


def test_an_old_version_whose_delete_did_nothing_stays_to_be_deleted() -> None:
    world = bound()
    world.objects["p0"] = dict(BEFORE)
    world.bindings = {COACH: Binding(COACH, "p1", BEFORE, retired=("p0",))}
    deletes_nothing(world)
    outcome = only(world.apply(Change(Action.RETIRE, Cause.EDITED, COACH, "p0")))
    assert (outcome.status, outcome.exit_code) == (Status.FAILED, 5)
    assert world.ledger.get(COACH) == Binding(COACH, "p1", BEFORE, retired=("p0",))


def test_a_delete_that_is_lost_twice_is_unknown() -> None:
    world = bound()
    world.faults_before["delete"] = [LOST, LOST]
    assert facts(only(world.apply(deleting()))) == ("unknown", "p1", "the answer was lost", 6)
    assert world.kinds_of_records == ["begin", "intent"]
    assert world.ledger.get(COACH) == Binding(COACH, "p1", BEFORE)


@pytest.mark.parametrize("at", ["look", "delete"])
@pytest.mark.parametrize("error", [refused(403), NeverSent("no network"), UnauthorisedError("no key")])
def test_a_delete_that_was_surely_not_made_is_settled(error: TavusctlError, at: str) -> None:
    world = bound()
    world.faults_before[at] = [error]
    outcome = only(world.apply(deleting()))
    assert facts(outcome) == ("failed", "p1", error.message, error.exit_code)
    assert world.kinds_of_records == ["begin", "intent", "result failed"]
    assert "get" not in world.verbs


def test_deletes_wait_for_everything_else() -> None:
    world = bound()
    world.faults_before["post"] = [refused(400)]
    other = Address("persona", "other")
    outcomes = world.apply(deleting(), creating(other))
    assert [one.status.value for one in outcomes] == ["skipped", "failed"]
    assert outcomes[0].reason == "deletes start only after all other steps have succeeded"
    assert (outcomes[0].remote_id, world.reports[1:]) == (
        "p1",
        [("persona/other", "failed"), ("persona/coach", "skipped")],
    )
    world.faults_before["post"] = [LOST, LOST]
    assert [one.status.value for one in world.apply(deleting(), creating(other))] == ["skipped", "unknown"]
    del world.reports[:], world.calls[:]
    assert [one.status.value for one in world.apply(deleting(), creating(other))] == ["done", "done"]
    assert world.verbs == ["post", "delete"]


def test_a_forgotten_object_stays() -> None:
    world = bound()
    outcome = only(world.apply(Change(Action.FORGET, Cause.ORPHANED, COACH, "p1", reason="retained")))
    assert facts(outcome) == ("done", "p1", "retained", 0)
    assert (world.ledger.get(COACH), world.calls, len(world.objects)) == (None, [], 1)


@pytest.mark.parametrize("action", [Action.CREATE, Action.UPDATE, Action.ADOPT, Action.REPLACE])
def test_a_step_without_its_manifest_is_a_defect(action: Action) -> None:
    step = Change(action, Cause.NEW, COACH, "p1", patch=(NAME,))
    with pytest.raises(ValueError, match=f"^a {action} of persona/coach without its manifest$"):
        bound().apply(step)


# the walk


@pytest.mark.parametrize(
    ("error", "stops"),
    [(UnauthorisedError("no key"), True), (LockError("lost"), True), (StateError("bad disk"), True)],
)
def test_what_every_other_call_would_meet_ends_the_run(error: TavusctlError, stops: bool) -> None:
    world = World()
    world.faults_before["post"] = [error]
    outcomes = world.apply(creating(), replace(creating(OTHER), waits_for=(COACH,)), creating(Address("persona", "x")))
    assert [one.status.value for one in outcomes] == ["failed", "skipped", "skipped"]
    assert facts(outcomes[0]) == ("failed", "", error.message, error.exit_code)
    assert {one.reason for one in outcomes[1:]} <= {error.message, "waits for persona/coach, which did not succeed"}
    assert world.stop.is_requested() == stops
    assert world.verbs == ["post"]


def test_a_step_waits_for_what_it_needs() -> None:
    world = World()
    first, second = creating(), replace(creating(OTHER), waits_for=(COACH,))
    assert [one.status.value for one in world.apply(second, first, parallel=4)] == ["done", "done"]
    world = World()
    world.faults_before["post"] = [refused(400)]
    outcomes = world.apply(first, second, parallel=4)
    assert facts(outcomes[1]) == ("skipped", "", "waits for persona/coach, which did not succeed", 0)
    assert world.verbs == ["post"]


def test_what_waits_for_a_refused_change_is_skipped_unless_there_is_something() -> None:
    refusal = Refusal(updating(AFTER), "E400", 4, "no")
    step = replace(creating(OTHER), waits_for=(COACH,))
    world = World()
    assert facts(only(world.apply(step, refused=(refusal,)))) == (
        "skipped", "", "waits for persona/coach, which did not succeed", 0,
    )  # fmt: skip
    assert only(bound().apply(step, refused=(refusal,))).status is Status.DONE


def test_steps_of_one_address_come_one_after_the_other() -> None:
    world = bound()
    prompt: JsonObject = {"op": "replace", "path": "/system_prompt", "value": "Bye."}
    steps = [
        updating(AFTER, NAME, live=seen()),
        updating({**AFTER, "system_prompt": "Bye."}, prompt, live=seen(AFTER)),
        replace(creating(OTHER), waits_for=(COACH,)),
    ]
    assert [one.status.value for one in world.apply(*steps, parallel=4)] == ["done"] * 3
    assert world.verbs == ["patch", "patch", "post"]


def test_settled_bindings_are_recorded_although_nothing_is_sent() -> None:
    world = World()
    assert world.apply(settled=(Binding(COACH, "p1"),)) == []
    assert world.kinds_of_records == ["begin", "bind"]
    world = World()
    assert world.apply() == []
    assert world.records == []


def test_a_stop_before_the_first_step_leaves_everything() -> None:
    world = World()
    world.stop.request("interrupted")
    outcomes = world.apply(creating(), creating(OTHER))
    assert [facts(one) for one in outcomes] == [("skipped", "", "interrupted", 0)] * 2
    assert (world.calls, len(world.reports)) == ([], 2)


@pytest.mark.parametrize("change", [creating(OTHER), updating(AFTER, NAME, live=seen()), deleting()])
def test_a_stop_between_a_record_and_its_call_sends_nothing(change: Change) -> None:
    world = bound()

    class Interrupted(Kept):
        def queue(self, record: bytes) -> Callable[[], None]:
            if b'"intent"' in record:
                world.stop.request("interrupted")
            return super().queue(record)

    world.store = Interrupted()

    outcome = only(world.apply(change))

    assert (outcome.status, outcome.reason) == (Status.SKIPPED, "interrupted")
    assert [verb for verb in world.verbs if verb != "look"] == []
    assert world.kinds_of_records[-2:] == ["intent", "result failed"]


def test_a_defect_stops_the_run() -> None:
    world = World()
    world.faults_before["post"] = [RuntimeError("a defect")]
    with pytest.raises(RuntimeError, match="a defect"):
        world.apply(creating(), creating(OTHER))
    assert (world.stop.reason, world.stop.hurry, world.verbs) == ("an internal error", False, ["post"])


def test_the_inverse_knows_what_was_secret() -> None:
    secret = Secret("sk-of-the-tests", b"key")
    write: JsonObject = {"op": "add", "path": "/layers", "value": {"llm": {"api_key": secret, "model": "m"}}}
    world = bound()
    world.apply(updating({**BEFORE, "layers": {"llm": {"api_key": secret, "model": "m"}}}, write, live=seen()))
    inverse = world.records[1]["inverse"]
    assert inverse["operations"] == [{"op": "remove", "path": "/layers"}]
    assert inverse["left"] == {"/layers": {"llm": {"model": "m"}}}
    assert "sk-of-the-tests" not in str(world.records)


@pytest.mark.parametrize(("applied", "lost"), [({}, []), ({"layers": {"llm": {"api_key": Fingerprint("f")}}}, True)])
def test_a_secret_that_reads_leave_out_is_lost_when_it_was_applied(applied: JsonObject, lost: Any) -> None:
    secret = Secret("sk-of-the-tests", b"key")
    write: JsonObject = {"op": "add", "path": "/layers/llm/api_key", "value": secret}
    before: JsonObject = {**BEFORE, "layers": {"llm": {"model": "m"}}}
    world = bound()
    world.objects["p1"]["layers"] = {"llm": {"model": "m"}}
    world.bindings = {COACH: Binding(COACH, "p1", applied)}
    world.apply(updating(before, write, live=seen(before)))
    inverse = world.records[1]["inverse"]
    assert inverse["lost"] == (["/layers/llm/api_key"] if lost else [])
    assert inverse["operations"] == ([] if lost else [{"op": "remove", "path": "/layers/llm/api_key"}])


def test_an_inverse_is_empty_by_default() -> None:
    assert Inverse() == Inverse((), {}, {}, ())


def test_a_lost_removal_that_was_not_carried_out_is_sent_again() -> None:
    world = bound()
    world.faults_before["patch"] = [LOST]
    remove: JsonObject = {"op": "remove", "path": "/system_prompt"}
    assert only(world.apply(updating({"persona_name": "Coach"}, remove, live=seen()))).status is Status.DONE
    assert world.verbs == ["patch", "patch"]
    assert "system_prompt" not in world.objects["p1"]


def test_an_edit_is_seen_although_nobody_knows_of_tests() -> None:
    world = bound(guarded=None)
    world.faults_before["patch"] = [LOST, LOST]
    world.objects["p1"] |= {"persona_name": "Edited", "system_prompt": "Edited"}
    prompt: JsonObject = {"op": "replace", "path": "/system_prompt", "value": "Bye."}
    outcome = only(world.apply(updating(AFTER, NAME, prompt, live=seen())))
    assert outcome.exit_code == 3
    assert outcome.reason.startswith("/persona_name, /system_prompt of `persona/coach` was edited")
    assert world.verbs == ["patch", "patch"]


@pytest.mark.parametrize("plain", [(), ({"op": "add", "path": "/extra", "value": "x"},)])
def test_a_lost_secret_that_shows_is_sent_again(plain: tuple[JsonObject, ...]) -> None:
    secret = Secret("sk-of-the-tests", b"key")
    write: JsonObject = {"op": "add", "path": "/layers", "value": {"llm": {"api_key": secret, "model": "m"}}}
    world = bound()

    def lose() -> None:
        world.objects["p1"]["layers"] = {"llm": {"api_key": "***", "model": "m"}}
        raise LOST

    world.faults_after["patch"] = [lose]
    outcome = only(world.apply(updating({**AFTER, "layers": {}}, *plain, write, live=seen())))
    assert world.verbs == ["patch", "patch"]
    assert outcome.status is Status.DONE


def test_the_inverse_of_a_removal_leaves_out_what_was_secret() -> None:
    held: JsonObject = {"tts": {"api_key": Pinned("***")}, "llm": {"api_key": Pinned("***"), "model": "m"}}
    before: JsonObject = {**BEFORE, "layers": held}
    world = bound()
    world.objects["p1"]["layers"] = {"tts": {"api_key": "***"}, "llm": {"api_key": "***", "model": "m"}}
    world.apply(updating(BEFORE, {"op": "remove", "path": "/layers"}, live=seen(before)))
    inverse = world.records[1]["inverse"]
    assert inverse["operations"] == [{"op": "add", "path": "/layers", "value": {"tts": {}, "llm": {"model": "m"}}}]
    assert inverse["lost"] == ["/layers/llm/api_key", "/layers/tts/api_key"]


def test_a_reference_to_another_old_half_is_lost() -> None:
    other = Address("document", "other")
    world = bound()
    world.bindings[other] = Binding(other, "d2", retired=("d1",))
    world.lost = [FieldChange("/document_ids/0", Cause.EDITED, None, "d1", SITE)]
    world.bindings[SITE] = Binding(SITE, "d3")
    documents: JsonObject = {"op": "add", "path": "/document_ids", "value": [SITE]}
    assert only(world.apply(updating(AFTER, documents, live=seen()))).unkept == ("/document_ids/0",)
