"""Creates that happen long after everybody has given up: reported, never taken for ours, never made a second time."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scenarios.project import Project
from tests.scenarios.twenty import QUICK

COACH = {"persona_name": "Coach", "system_prompt": "You coach."}
HOURS = 7200.0


@pytest.fixture
def late(project: Project) -> Project:
    """One persona to create; the first request for it is carried out two hours later."""
    project.environment.update(QUICK)
    project.manifest("persona", "coach", COACH)
    project.account.fault(match="POST /v2/personas", kind="late", seconds=HOURS)
    return project


def shown(project: Project) -> tuple[int, list[Any], list[str]]:
    """How a plan ends, what it would do, and which warnings it has."""
    plan = project.run("plan", "--format", "json", "--detailed-exitcode")
    return plan.code, plan.document["changes"], [one["id"] for one in plan.document["warnings"]]


def test_fm_023_a_create_that_shows_while_somebody_looks_is_taken(project: Project) -> None:
    project.environment.update(TAVUSCTL_SETTLE="3", TAVUSCTL_MAX_WAIT="0")
    project.manifest("persona", "coach", COACH)
    project.account.fault(match="POST /v2/personas", kind="late", seconds=1.0)

    project.apply()

    assert list(project.account.objects("personas")) == [project.bound("persona/coach")]
    assert len(project.account.writes) == 1


def test_fm_024_a_create_that_comes_hours_late_is_told_and_not_touched(late: Project) -> None:
    """One that was made meanwhile stays ours; the late one is somebody's of that name."""
    late.apply()
    ours = late.bound("persona/coach")
    before = shown(late)

    late.account.advance(HOURS)
    after = shown(late)
    said = late.run("plan").out

    (other,) = late.account.objects("personas").keys() - {ours}
    assert (before, after) == ((0, [], []), (0, [], ["TV306"]))
    assert f"another object with the name `Coach`, not managed here: {other}" in said
    late.account.forget()
    late.apply()
    assert (late.account.writes, late.bound("persona/coach")) == ([], ours)


def test_fm_024_a_late_create_is_nobodys_once_the_address_is_free_again(late: Project) -> None:
    """Neither adopted nor doubled when its name is wanted once more; a person says whose it is."""
    late.apply()
    late.run("destroy", "--yes", "--allow-deletes", "1")
    late.account.advance(HOURS)
    (other,) = late.account.objects("personas")
    late.account.forget()

    refused = late.run("apply", "--yes")

    assert (refused.code, late.account.writes) == (4, [])
    assert f"run `tavusctl import persona/coach {other}` or" in refused.out
    late.expect(0, "import", "persona/coach", other)
    late.apply()
    assert list(late.account.objects("personas")) == [other]


def test_fm_024_both_attempts_come_late(late: Project) -> None:
    """Each request that was sent may make one object; nothing else is ever made."""
    late.account.fault(match="POST /v2/personas", kind="late", seconds=HOURS + 60)
    first = late.run("apply", "--yes")
    late.account.control("DELETE", "faults")
    second = late.run("apply", "--yes")
    late.account.advance(2 * HOURS)

    assert (first.code, second.code) == (6, 0), second.out + second.err
    assert [one["method"] for one in late.account.writes] == ["POST"] * 3
    assert len(late.account.objects("personas")) == 3
    assert shown(late) == (0, [], ["TV306"])


def test_fm_024_a_create_that_comes_between_two_runs_is_found(late: Project) -> None:
    """As long as its outcome is on record as unknown, it is looked for."""
    late.account.fault(match="POST /v2/personas", kind="status", status=504)
    late.expect(6, "apply", "--yes")
    late.account.advance(HOURS)
    late.account.forget()

    late.apply()

    assert (late.account.writes, len(late.account.objects("personas"))) == ([], 1)


def test_a_persona_made_again_in_the_portal_is_not_doubled(project: Project) -> None:
    """Deleted and made anew by hand, under its old name: a stranger, like any other of that name."""
    project.manifest("persona", "coach", COACH)
    project.apply()
    old = project.bound("persona/coach")
    project.account.portal_delete("persona", old)
    (new,) = project.account.seed(personas=[COACH])["personas"]
    project.account.forget()

    refused = project.run("apply", "--yes")
    adopted = project.run("apply", "--yes", "--adopt")

    assert (refused.code, adopted.code, project.account.writes) == (4, 0, [])
    assert (project.bound("persona/coach"), list(project.account.objects("personas"))) == (new, [new])


def test_what_was_made_again_in_the_portal_can_be_imported(project: Project) -> None:
    """Its address is bound to an object that is no more."""
    project.manifest("persona", "coach", COACH)
    project.apply()
    project.account.portal_delete("persona", project.bound("persona/coach"))
    (new,) = project.account.seed(personas=[COACH])["personas"]

    ended = project.run("import", "persona/coach", new)

    assert (ended.code, project.bound("persona/coach")) == (0, new), ended.err
    assert project.plan()["changes"] == []
