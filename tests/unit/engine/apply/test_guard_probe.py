"""Whether the API obeys `test`: asked of each kind in each run, and believed only when the answers cannot mean else."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import pytest

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.errors import Ambiguous, RefusalCause, Rejected, Throttled
from tavusctl.core.model import Live, Status
from tavusctl.engine.apply.context import Obedience
from tavusctl.engine.apply.guard_probe import differing_text
from tavusctl.lib.json_types import JsonObject
from tests.unit.engine.apply.applying import (
    BEFORE,
    COACH,
    LOST,
    PERSONA,
    World,
    bound,
    facts,
    gone,
    only,
    refused,
    updating,
)

AFTER: JsonObject = {**BEFORE, "persona_name": "New"}
NAME: JsonObject = {"op": "replace", "path": "/persona_name", "value": "New"}
FAILS = [{"op": "test", "path": "/persona_name", "value": differing_text("Coach")}]
HOLDS = [{"op": "test", "path": "/persona_name", "value": "Coach"}]
OTHER = Address("persona", "other")
OBEYED, IGNORED, UNKNOWN = Obedience.OBEYED, Obedience.IGNORED, Obedience.UNKNOWN
MAKER = Rejected(409, "PAL has unpublished edits in PAL Maker", "PATCH /v2/personas/p1", RefusalCause.MAKER_CHANGES)
TAKEN = Rejected(409, "a persona has that name", "PATCH /v2/personas/p1", RefusalCause.NAME_TAKEN)
UNNAMED = Rejected(409, "the object is not as it was", "PATCH /v2/personas/p1")
FIELD = Rejected(400, "unknown field persona_name", "PATCH /v2/personas/p1")
UNCLEAR: list[list[Exception]] = [[refused(status)] for status in (401, 403, 402, 413)]
UNCLEAR += [[Ambiguous("500"), Ambiguous("500")], [LOST, LOST]]


def seen() -> Live:
    return Live(PERSONA, "p1", BEFORE)


def asked(*answers: Exception | None, obeys: bool = True) -> World:
    """A run that meets these answers first, and then those of the server as it is."""
    world = bound(guarded=None, obeys=obeys)
    world.faults_before["patch"] = list(answers)
    return world


def known(world: World) -> Obedience:
    only(world.apply(updating(AFTER, NAME, live=seen())))
    assert world.last
    return world.last.obedience.get("persona", UNKNOWN)


@pytest.mark.parametrize("status", [400, 409, 412, 422])
def test_a_failed_test_may_be_refused_in_any_of_these_ways(status: int) -> None:
    assert known(asked(refused(status), None, refused(status))) is OBEYED


@pytest.mark.parametrize("refusal", [MAKER, TAKEN, FIELD, refused(422)], ids=str)
def test_a_refusal_of_every_patch_says_nothing(refusal: Rejected) -> None:
    """Neither does that of a server that knows no `test`."""
    assert known(asked(refusal, refusal, refusal)) is UNKNOWN


@pytest.mark.parametrize("refusal", [MAKER, TAKEN, FIELD, refused(422)], ids=str)
def test_a_refusal_that_passes_is_not_taken_for_a_failed_test(refusal: Rejected) -> None:
    assert known(asked(refusal, obeys=False)) is IGNORED
    assert known(asked(refusal, refusal, obeys=False)) is UNKNOWN


PROOFS = [RefusalCause.TEST_FAILED, RefusalCause.UNKNOWN]
statuses = pytest.mark.parametrize("status", [400, 409, 412, 422])


@pytest.mark.parametrize("place", [0, 1, 2])
@statuses
@pytest.mark.parametrize("cause", [one for one in RefusalCause if one not in PROOFS])
def test_a_refusal_that_names_another_cause_proves_nothing(cause: RefusalCause, status: int, place: int) -> None:
    """It is asked once more, in case that passes."""
    answer = Rejected(status, "no", "PATCH /v2/personas/p1", cause)
    before = [refused(422), None, refused(422)][:place]
    assert known(asked(*before, answer, answer)) is UNKNOWN
    assert known(asked(*before, answer)) is OBEYED
    assert known(asked(answer, answer, None, answer, answer, obeys=False)) is UNKNOWN


@statuses
@pytest.mark.parametrize("cause", PROOFS)
def test_a_refusal_that_may_be_about_a_test_proves_something_where_the_right_one_is_taken(
    cause: RefusalCause, status: int
) -> None:
    answer = Rejected(status, "no", "PATCH /v2/personas/p1", cause)
    assert known(asked(answer, None, answer)) is OBEYED
    assert known(asked(answer, answer)) is UNKNOWN
    assert known(asked(answer, None, obeys=False)) is IGNORED


@pytest.mark.parametrize("cause", [RefusalCause.MAKER_CHANGES, RefusalCause.NAME_TAKEN])
def test_what_is_written_without_tests_is_said_whatever_kept_the_question_from_an_answer(
    cause: RefusalCause, caplog: pytest.LogCaptureFixture
) -> None:
    answer = Rejected(409, "no", "PATCH /v2/personas/p1", cause)
    world = asked(answer, answer)
    assert only(world.apply(updating(AFTER, NAME, live=seen()))).status is Status.DONE
    assert "may ignore `test`" in caplog.text


@pytest.mark.parametrize(
    "text", ["Coach", "x", "Z", "book_table", "größe-1", "p7e1", "日本語 v2", "a\nb\n", "Éz9", "A" * 64]
)
def test_the_value_that_fails_has_the_form_of_the_one_that_holds(text: str) -> None:
    twin = differing_text(text)
    assert (twin != text, len(twin)) == (True, len(text))
    (differs,) = [(one, two) for one, two in zip(text, twin, strict=True) if one != two]
    assert [one.isascii() and one.isalpha() for one in differs] == [True, True]
    assert differs[0].isupper() == differs[1].isupper()


@pytest.mark.parametrize("text", ["", "42", "日本語"])
def test_a_text_without_letters_has_a_value_that_fails_all_the_same(text: str) -> None:
    assert differing_text(text) not in ("", text)


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("answers", UNCLEAR, ids=repr)
def test_an_answer_of_another_kind_says_nothing(place: int, answers: list[Exception]) -> None:
    assert known(asked(*[refused(400), None, refused(400)][:place], *answers)) is UNKNOWN


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_lost_answer_is_asked_for_once_more(place: int) -> None:
    """Otherwise an edit that is made in the moment of the write would be lost, at an API that obeys."""
    assert known(asked(*[refused(400), None, refused(400)][:place], LOST)) is OBEYED


def test_a_failed_test_that_is_taken_says_that_tests_are_ignored() -> None:
    world = asked(obeys=False)
    assert known(world) is IGNORED
    assert [body for _, _, body in world.calls] == [FAILS, [NAME]]


def test_it_is_asked_once_per_run_and_kind() -> None:
    world = asked()
    back: JsonObject = {**NAME, "value": "Coach"}
    world.apply(
        updating(AFTER, NAME, live=seen()), updating(BEFORE, back, live=Live(PERSONA, "p1", {**BEFORE, **AFTER}))
    )
    bodies = [body for _, _, body in world.calls]
    assert bodies[:3] == [FAILS, HOLDS, FAILS]
    assert [body[-1] for body in bodies[3:]] == [NAME, back]
    world.calls.clear()
    world.objects["p1"]["persona_name"] = "Coach"
    world.apply(updating(AFTER, NAME, live=seen()))
    assert [body for _, _, body in world.calls][:3] == [FAILS, HOLDS, FAILS]


def test_steps_that_begin_together_ask_once() -> None:
    world = asked()
    world.faults_before["patch"] = [_refuse_slowly]
    world.objects["p2"], world.bindings[OTHER] = {**BEFORE}, Binding(OTHER, "p2", BEFORE)
    steps = [
        updating(AFTER, NAME, address=one, live=Live(PERSONA, remote_id, BEFORE))
        for one, remote_id in ((COACH, "p1"), (OTHER, "p2"))
    ]
    assert [one.status for one in world.apply(*steps, parallel=2)] == [Status.DONE] * 2
    wrong = differing_text("Coach")
    assert [body[0]["value"] for _, _, body in world.calls] == [wrong, "Coach", wrong, "Coach", "Coach"]


def _refuse_slowly() -> None:
    time.sleep(0.05)
    raise refused(400)


def test_the_question_is_on_record_as_nothing_that_may_have_been_done() -> None:
    world = asked(refused(400), refused(400), None)
    world.faults_before["look"] = [Ambiguous("503")]
    assert facts(only(world.apply(updating(AFTER, NAME, live=seen())))) == ("failed", "p1", "503", 11)
    assert world.kinds_of_records == ["begin", "intent", "result failed"]


@pytest.mark.parametrize("error", [gone("p1"), Throttled(429, "slow down", "PATCH")])
def test_a_question_that_cannot_be_asked_ends_the_step(error: Rejected) -> None:
    world = asked(error)
    outcome = only(world.apply(updating(AFTER, NAME, live=seen())))
    assert outcome.status is Status.FAILED
    assert (len(world.calls), world.kinds_of_records) == (1, ["begin", "intent", "result failed"])


@pytest.mark.parametrize(
    ("answers", "words"),
    [([], "ignores `test`"), ([UNNAMED, UNNAMED], "may ignore `test`")],
    ids=["ignored", "unknown"],
)
def test_what_is_written_without_tests_is_said_once_per_kind(
    answers: Sequence[Exception], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = asked(*answers, obeys=False)
    back: JsonObject = {**NAME, "value": "Coach"}
    first = updating(AFTER, NAME, live=seen())
    second = updating(BEFORE, back, live=Live(PERSONA, "p1", {**BEFORE, **AFTER}))
    assert [one.status for one in world.apply(first, second)] == [Status.DONE] * 2
    (message,) = caplog.messages
    assert words in message
    assert "for the kind persona:" in message


def test_without_a_text_that_is_known_nothing_is_asked() -> None:
    world = bound(guarded=None)
    world.objects["p1"] = {"tags": ["a"]}
    add: JsonObject = {"op": "add", "path": "/tags/0", "value": "b"}
    outcome = only(world.apply(updating({"tags": ["b", "a"]}, add, live=Live(PERSONA, "p1", {"tags": ["a"]}))))
    assert (outcome.status, [body for _, _, body in world.calls]) == (Status.DONE, [[add]])


@pytest.mark.parametrize("field", ["persona_name", "system_prompt"])
def test_an_edit_while_it_is_asked_is_a_conflict(field: str) -> None:
    """Where tests are ignored, the object is read after the question, right before the patch."""

    def edit() -> None:
        world.objects["p1"][field] = "Edited"

    write: JsonObject = {"op": "replace", "path": f"/{field}", "value": "New"}
    for when in ("before", "after"):
        world = asked(obeys=False)
        _at(world, when, edit)
        outcome = only(world.apply(updating({**BEFORE, field: "New"}, write, live=seen())))
        assert (outcome.exit_code, world.objects["p1"][field]) == (3, "Edited")


def _at(world: World, when: str, fault: Callable[[], None]) -> None:
    faults = world.faults_before if when == "before" else world.faults_after
    faults["patch"] = [fault]
