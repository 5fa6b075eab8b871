"""Each rule is broken once, in a history of a few lines, and the checker says which and where."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path

import pytest
from msgspec.structs import replace

from tavusctl.kinds import KINDS
from tests.history import events, recorder
from tests.history.__main__ import main
from tests.history.events import Answer, Commit, Edit, End, Lock, ObjectAdopted, Outcome, Present, Read, StateWritten
from tests.history.forge import ONE, PROMPT, TWO, Forge, applied
from tests.history.rules import RULES, Limits, judge


def whole_life() -> Forge:
    """Everything that may happen, done right: creates, edits, a conflict, a takeover, deletes, a second run."""
    this = applied()
    this.says("B", "No changes")
    this.says("C", "No drift", "drift")
    this.begin("D")
    this.end("D")
    this.stranger("theirs")
    this.commit("update", "p1", {PROMPT: "edited"})
    this.begin("E", "drift")
    this.end("E", 2, Edit(ONE, PROMPT), lock=False)
    with this.run("F", 0, Edit(ONE, PROMPT)):
        this.update("F", ONE)
    this.want(one="second")
    with this.run("G", 7, lock=False, deletes=("p2",)):
        this.add(Lock("H", "s", "taken over", 2))
        this.outcomes.append(Outcome(ONE, "update", "failed", "p1", {PROMPT: "second"}))
    with this.run("H", deletes=("p2",)):
        this.update("H", ONE)
        this.delete("H", TWO)
    this.given("theirs")
    this.bound[TWO] = "theirs"
    this.know()
    return this


def test_a_life_without_fault_is_accepted_and_every_rule_has_looked() -> None:
    verdict = judge(whole_life().events)
    assert verdict.violations == []
    assert {rule for rule in RULES if not verdict.looked[rule]} == set()


FORGED: dict[Callable[[], Forge], str] = {}


def breaks(rule: str, start: Callable[[], Forge] = applied) -> Callable[[Callable[[Forge], None]], Callable[[], Forge]]:
    """Register a history that breaks one rule: it begins with `start`, and the function goes on with it."""

    def register(go_on: Callable[[Forge], None]) -> Callable[[], Forge]:
        @wraps(go_on)
        def forged() -> Forge:
            this = start()
            go_on(this)
            return this

        FORGED[forged] = rule
        return forged

    return register


@breaks("created-once", Forge)
def twice(this: Forge) -> None:
    this.want(one="first")
    with this.run("A"):
        this.create("A", ONE, "p1", told=False)
        this.create("A", ONE, "p2")


@breaks("created-once")
def two_checkouts(this: Forge) -> None:
    this.state, this.bound = "other", {}
    with this.run("B"):
        this.create("B", ONE, "p3")


@breaks("created-once", Forge)
def repeated_after_too_many_requests(this: Forge) -> None:
    this.want(one="first")
    with this.run("A"):
        for id_, status in (("p1", 429), ("p2", 200)):
            call = this.call("A", "POST", "", ONE)
            this.commit("create", id_, dict(this.wants[ONE]), call)
            this.add(Answer(call, status, id_))
        this.bound = {ONE: "p2"}
        this.know()


@breaks("no-write-after-loss")
def written_after_takeover(this: Forge) -> None:
    this.want(one="second", two="first")
    with this.run("A2", 7, lock=False):
        this.add(Lock("B", "s", "taken over", 2))
        this.update("A2", ONE)


@breaks("no-write-after-loss")
def written_after_release(this: Forge) -> None:
    this.want(one="second", two="first")
    with this.run("B", lock=False):
        this.add(Lock("B", "s", "released"))
        this.update("B", ONE)


@breaks("no-lost-update")
def overwritten_unread(this: Forge) -> None:
    this.want(one="second", two="first")
    with this.run("B"):
        this.commit("update", "p1", {PROMPT: "edited"})
        this.update("B", ONE)


@breaks("no-lost-update")
def overwritten_untold(this: Forge) -> None:
    this.commit("update", "p1", {PROMPT: "edited"})
    with this.run("B"):
        this.update("B", ONE)


@breaks("no-lost-update")
def overwritten_and_read_too_late(this: Forge) -> None:
    this.want(one="second", two="first")
    with this.run("B", 0, Edit(ONE, PROMPT)):
        call = this.call("B", "PATCH", "p1")
        this.commit("update", "p1", {PROMPT: "edited"})
        this.read("B")
        this.commit("update", "p1", dict(this.wants[ONE]), call)
        this.add(Answer(call, 200, "p1"))
        this.outcomes.append(Outcome(ONE, "update", "done", "p1", this.wants[ONE]))


@breaks("no-lost-update")
def deleted_unread(this: Forge) -> None:
    this.want(one="first")
    with this.run("B", deletes=("p2",)):
        this.commit("update", "p2", {PROMPT: "edited"})
        this.delete("B", TWO)


@breaks("no-stranger")
def stranger_deleted(this: Forge) -> None:
    this.stranger("theirs")
    this.want(one="first", two="first")
    with this.run("B", deletes=("theirs",)):
        this.commit("delete", "theirs", {}, this.call("B", "DELETE", "theirs"))


@breaks("no-stranger")
def stranger_bound(this: Forge) -> None:
    this.stranger("theirs")
    this.bound["persona/three"] = "theirs"
    this.know()


@breaks("no-stranger")
def given_out_again(this: Forge) -> None:
    this.commit("delete", "p1", {})
    this.commit("create", "p1", {"/persona_name": "theirs"})
    with this.run("B", 0, Edit(ONE)):
        this.update("B", ONE)


@breaks("edit-told")
def silent_about_an_edit(this: Forge) -> None:
    this.commit("update", "p1", {PROMPT: "edited"})
    this.begin("B")
    this.end("B")


@breaks("edit-told")
def silent_about_a_deletion(this: Forge) -> None:
    this.commit("delete", "p1", {})
    this.begin("B")
    this.end("B")


@breaks("done-is-done")
def done_without_effect(this: Forge) -> None:
    this.want(one="second", two="first")
    with this.run("B"):
        this.add(Answer(this.call("B", "PATCH", "p1"), 304, "p1"))
        this.outcomes.append(Outcome(ONE, "update", "done", "p1", {PROMPT: "second"}, frozenset({PROMPT})))


@breaks("done-is-done", Forge)
def done_and_not_there(this: Forge) -> None:
    this.want(one="first")
    with this.run("A"):
        this.add(Answer(this.call("A", "POST", "", ONE), 200, "p9"))
        this.outcomes.append(Outcome(ONE, "create", "done", "p9"))


@breaks("done-is-done")
def done_and_still_there(this: Forge) -> None:
    with this.run("B", deletes=("p2",)):
        this.outcomes.append(Outcome(TWO, "delete", "done", "p2"))


@breaks("done-is-done")
def done_and_not_crawled(this: Forge) -> None:
    with this.run("B"):
        this.outcomes.append(Outcome(ONE, "recrawl", "done", "p1"))


@breaks("done-is-done")
def done_and_led_to_a_stranger(this: Forge) -> None:
    this.stranger("theirs")
    this.want(one="first", two="first")
    with this.run("B"):
        call = this.call("B", "PATCH", "p1")
        this.commit("update", "p1", {"/objectives_id": "theirs"}, call)
        this.add(Answer(call, 200, "p1"))
        this.outcomes.append(Outcome(ONE, "update", "done", "p1", {"/objectives_id": f"ref:{TWO}"}))


@breaks("failed-is-failed", Forge)
def failed_and_made(this: Forge) -> None:
    this.want(one="first")
    with this.run("A", 5):
        this.create("A", ONE, "p1", told=False)
        this.outcomes.append(Outcome(ONE, "create", "failed"))


@breaks("failed-is-failed")
def failed_and_deleted(this: Forge) -> None:
    this.want(one="first")
    with this.run("B", 5, deletes=("p2",)):
        this.delete("B", TWO)
        this.outcomes[-1] = replace(this.outcomes[-1], status="failed")


@breaks("failed-is-failed")
def failed_and_written(this: Forge) -> None:
    this.want(one="second", two="first")
    with this.run("B", 5):
        this.update("B", ONE)
        this.outcomes[-1] = replace(this.outcomes[-1], status="failed")


@breaks("no-changes-true")
def no_changes_and_other_text(this: Forge) -> None:
    this.want(one="second", two="first")
    this.says("B", "No changes")


@breaks("no-changes-true", Forge)
def no_changes_and_nothing_there(this: Forge) -> None:
    this.want(one="first")
    this.says("B", "No changes")


@breaks("no-drift-true")
def no_drift_and_an_edit(this: Forge) -> None:
    this.commit("update", "p1", {PROMPT: "edited"})
    this.begin("B", "drift")
    this.end("B", 0, Edit(ONE, PROMPT), lock=False, sentences=frozenset({"No drift"}))


@breaks("no-drift-true")
def no_drift_and_a_deletion(this: Forge) -> None:
    this.commit("delete", "p1", {})
    this.begin("B", "drift")
    this.end("B", 0, Edit(ONE), lock=False, sentences=frozenset({"No drift"}))


@breaks("deletes-listed")
def deleted_unlisted(this: Forge) -> None:
    this.want(one="first")
    with this.run("B", deletes=("p7",)):
        this.delete("B", TWO)


@breaks("second-run-quiet")
def a_third_run_writes(this: Forge) -> None:
    with this.run("B"):
        this.update("B", ONE)


@pytest.mark.parametrize("forged", FORGED, ids=lambda one: one.__name__)
def test_a_rule_that_is_broken_is_named_and_no_other(forged: Callable[[], Forge]) -> None:
    history = forged().events
    found = judge(history).violations
    assert {one.rule for one in found} == {FORGED[forged]}
    assert all(0 <= at < len(history) for one in found for at in one.events)


def test_every_rule_has_a_forged_history() -> None:
    assert set(FORGED.values()) == set(RULES)


def test_what_looks_broken_and_is_not() -> None:
    this = applied()
    this.commit("update", "p1", {PROMPT: "first"})  # what it was
    this.commit("update", "p1", {"/context": "theirs"})  # what no manifest manages
    this.says("B", "No changes")
    this.commit("update", "p2", {"/persona_name": " two "})  # a name that the server keeps otherwise
    this.begin("C", "drift")
    this.end("C", 2, Edit(TWO, "/persona_name"), lock=False)
    this.want(one="first", two="edited")
    this.commit("update", "p2", {PROMPT: "edited"})  # the manifest says it, too
    this.begin("D")
    this.end("D", 0, Edit(TWO))
    assert judge(this.events).violations == []


@pytest.mark.parametrize(("pointer", "broken"), [("/persona_name", []), (PROMPT, ["failed-is-failed"])])
def test_of_two_steps_of_one_object_one_may_be_skipped(pointer: str, broken: list[str]) -> None:
    this = applied()
    this.want(one="second", two="first")
    with this.run("B", 5):
        call = this.call("B", "PATCH", "p1")
        this.commit("update", "p1", {PROMPT: "second"}, call)
        this.outcomes.append(Outcome(ONE, "update", "done", "p1", {PROMPT: "second"}))
        this.outcomes.append(Outcome(ONE, "update", "skipped", "p1", {pointer: this.wants[ONE][pointer]}))
    assert [one.rule for one in judge(this.events).violations] == broken


def test_an_edit_in_the_last_moment_before_a_delete_is_allowed_for_where_that_is_documented() -> None:
    forged = deleted_unread().events
    assert judge(forged).violations
    assert judge(forged, Limits(unseen=5.0)).violations == []
    assert judge(overwritten_unread().events, Limits(unseen=5.0)).violations, "an update has a guard"


@pytest.mark.parametrize(("writes", "broken"), [(True, []), (False, ["edit-told"])])
def test_an_edit_in_the_moment_of_a_write_may_be_told_as_what_the_server_keeps(writes: bool, broken: list[str]) -> None:
    this = applied()
    this.commit("update", "p1", {PROMPT: "edited"})
    this.begin("B")
    this.end("B", 5, unkept=frozenset({Edit(ONE, PROMPT)}))
    this.want(one="second", two="first")
    with this.run("C", 5):
        if writes:
            this.outcomes.append(Outcome(ONE, "update", "failed", "p1", this.wants[ONE]))
    assert [one.rule for one in judge(this.events).violations] == broken


@pytest.mark.parametrize(("before", "broken"), [(False, []), (True, ["no-changes-true"])])
def test_an_id_that_is_given_out_again_while_a_run_works_is_of_no_matter_to_it(before: bool, broken: list[str]) -> None:
    this = applied()
    again = [Commit(3, "p1", "persona", "delete", "portal"), Commit(4, "p1", "persona", "create", "portal")]
    if before:
        this.events += again
    this.begin("B", "plan")
    if not before:
        this.events += again
    this.end("B", lock=False, sentences=frozenset({"No changes"}))
    assert [one.rule for one in judge(this.events).violations] == broken


def test_what_a_project_lets_go_on_purpose_is_no_twin() -> None:
    this = applied()
    this.want(one="first")
    del this.bound[TWO]
    this.know()  # forgotten, not deleted
    this.want(one="first", two="first")
    with this.run("B"):
        this.create("B", TWO, "p3")
    assert judge(this.events).violations == []


def test_a_killed_run_may_leave_an_object_that_the_next_one_finds() -> None:
    this = Forge()
    this.want(one="first")
    this.begin("A")
    this.create("A", ONE, "p1", told=False)
    this.add(events.Killed("A"))
    with this.run("B"):
        this.bound[ONE] = "p1"
        this.know()
    assert judge(this.events).violations == []


def test_a_history_is_judged_from_its_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = tmp_path / "good.jsonl", tmp_path / "bad.jsonl"
    events.write(good, whole_life().events)
    events.write(bad, twice().events)
    assert events.read(good) == whole_life().events
    assert main([str(good)]) == 0
    assert main([str(good), str(bad)]) == 1
    said = capsys.readouterr().out
    assert "created-once: persona/one: p1, p2" in said
    assert '"is"' not in said
    assert said.count('{"type":"commit"') == 2  # the two that show it


def test_kinds_of_events_are_all_spelled() -> None:
    types = {type(one) for one in whole_life().events}
    assert {Commit, ObjectAdopted, End, StateWritten, Lock, Present, Read} <= types


def test_histories_know_every_kind() -> None:
    """A kind that they do not know is not there for any rule."""
    assert {*recorder.KINDS.values()} == {*KINDS}
