"""What goes on after a kill or a lost answer, beyond what every kill has in common (test_crash.py)."""

from __future__ import annotations

import time

import pytest

from tests.crash.rig import KILLED, KillableProject, Launcher
from tests.scenarios.project import ERA, Account, Project
from tests.scenarios.twenty import QUICK, document

COACH = {"persona_name": "Coach", "system_prompt": "You coach.", "document_ids": ["${ref:document/prices}"]}
RULES = {"name": "Rules", "data": [{"guardrail_name": "no_promises", "guardrail_prompt": "Promises a price."}]}
GOALS = {"name": "Goals", "data": [{"objective_name": "greet", "objective_prompt": "Greet."}]}


@pytest.fixture
def crashing(project: Project, runner: Launcher) -> KillableProject:
    """A project whose commands can be killed, with one guardrail set that was never applied."""
    made = KillableProject(project.root, project.account, {**QUICK}, runner)
    made.manifest("guardrails", "rules", RULES)
    return made


def killed_while_creating(crashing: KillableProject, phase: str, *, skip: int = 0) -> None:
    """An apply whose process ends before or after the account has made the guardrail set."""
    crashing.account.fault(match="POST /v2/guardrails", kind="kill", phase=phase, skip=skip)
    assert crashing.run("apply", "--yes").code == KILLED


@pytest.mark.parametrize("prompt", ["You coach.", "You coach kindly."])
def test_a_replaced_document_is_pointed_to_whatever_else_changes(project: Project, prompt: str) -> None:
    project.account.switch(processing_seconds=0)
    project.manifest("document", "prices", document(1))
    project.manifest("persona", "coach", COACH)
    project.apply()
    old = project.bound("document/prices")
    project.manifest("document", "prices", {**document(1), "document_url": "https://example.com/new.pdf"})
    project.manifest("persona", "coach", {**COACH, "system_prompt": prompt})

    project.apply()

    (persona,) = project.account.objects("personas").values()
    new = project.bound("document/prices")
    assert (persona["document_ids"], persona["system_prompt"]) == ([new], prompt)
    assert list(project.account.objects("documents")) == [new] != [old]
    assert project.plan()["changes"] == []


def test_a_second_attempt_that_was_killed_gets_its_own_time_to_show(crashing: KillableProject) -> None:
    """Its time counts from its own start: by the first one's, a third could be sent before the second shows."""
    crashing.environment["TAVUSCTL_SETTLE"] = "2"
    crashing.account.fault(match="POST /v2/guardrails", kind="drop", phase="before")
    killed_while_creating(crashing, "before", skip=0)

    begun = time.monotonic()
    ended = crashing.run("apply", "--yes")

    assert (ended.code, "may have created guardrails/rules" in ended.err) == (0, True), ended.err
    assert time.monotonic() - begun > 1.0


def test_a_create_that_was_sent_after_a_long_pause_gets_its_time_from_then(crashing: KillableProject) -> None:
    """By the time at which it was meant to be sent, it would have shown already."""
    crashing.environment.update(TAVUSCTL_SETTLE="2", TAVUSCTL_MAX_WAIT="5")
    crashing.account.fault(match="POST /v2/guardrails", kind="status", status=429, headers={"retry-after": "3"})
    killed_while_creating(crashing, "before")

    begun = time.monotonic()
    ended = crashing.run("apply", "--yes")

    assert (ended.code, "may have created guardrails/rules" in ended.err) == (0, True), ended.err
    assert time.monotonic() - begun > 1.0


def test_an_import_keeps_looking_for_other_creates(crashing: KillableProject) -> None:
    """A state written without them would make the next run create them again at once."""
    crashing.environment["TAVUSCTL_SETTLE"] = "60"
    killed_while_creating(crashing, "before")
    crashing.manifest("objectives", "goals", GOALS)
    (other,) = crashing.account.seed(objectives=[GOALS])["objectives"]

    ended = crashing.run("import", "objectives/goals", other)

    assert (ended.code, "may have created guardrails/rules" in ended.err) == (6, True), ended.err


@pytest.mark.parametrize("command", ["import", "match", "export"])
def test_a_create_that_would_be_visible_by_now_stops_no_import(crashing: KillableProject, command: str) -> None:
    killed_while_creating(crashing, "before")
    crashing.remove("guardrails", "rules")
    (other,) = crashing.account.seed(objectives=[GOALS])["objectives"]
    if command != "export":
        crashing.manifest("objectives", "goals", GOALS)
    crashing.account.advance(3600)
    commands = {
        "import": ("import", "objectives/goals", other),
        "match": ("import", "--match-names"),
        "export": ("export", "--kind", "objectives"),
    }

    ended = crashing.run(*commands[command], TAVUSCTL_SETTLE="60")

    assert ended.code == 0, ended.err
    assert "objectives/" in crashing.run("state", "list").out


def test_an_import_settles_a_create_that_nobody_could_tell(crashing: KillableProject) -> None:
    """The way out that the message names."""
    killed_while_creating(crashing, "after")
    (made,) = crashing.account.objects("guardrails")
    edit = {"op": "replace", "path": "/data/0/guardrail_prompt", "value": "Edited meanwhile."}
    crashing.account.portal("guardrails", made, edit)
    assert crashing.run("apply", "--yes").code == 6

    ended = crashing.run("import", "guardrails/rules", made)

    assert ended.code == 0, ended.err
    assert crashing.run("apply", "--yes", "--overwrite", "guardrails/rules").code == 0
    assert list(crashing.account.objects("guardrails")) == [made]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("by", ["id", "name", "export"])
def test_an_import_that_ends_an_interrupted_run_keeps_its_records(crashing: KillableProject, by: str) -> None:
    """What that run did can be undone, as after any other command."""
    killed_while_creating(crashing, "after")
    assert crashing.run("undo").out == "no run to undo\n"
    if by != "export":
        crashing.manifest("objectives", "goals", GOALS)
    (theirs,) = crashing.account.seed(objectives=[GOALS])["objectives"]
    command = {
        "id": ("import", "objectives/goals", theirs),
        "name": ("import", "--match-names"),
        "export": ("export", "--kind", "objectives"),
    }[by]

    ended = crashing.run(*command, "--lock-timeout", "10s")

    assert ended.code == 0, ended.err
    assert set(crashing.run("state", "list").out.split()[::2]) == {"guardrails/rules", "objectives/goals"}
    (run,) = (line.split()[0] for line in crashing.run("undo").out.splitlines())
    assert crashing.run("undo", run, "--yes", "--allow-deletes", "1").code == 0
    assert crashing.account.objects("guardrails") == {}


def test_destroy_waits_for_a_create_that_may_show(crashing: KillableProject) -> None:
    """Whatever an interrupted apply has made is deleted with the rest, and not left behind."""
    killed_while_creating(crashing, "before")
    crashing.environment["TAVUSCTL_SETTLE"] = "3"

    ended = crashing.run("destroy", "--yes", "--allow-deletes", "0")

    assert "may have created guardrails/rules" in ended.err, ended.err


def test_an_account_as_before_a_kill_is_not_asked_twice(crashing: KillableProject, account: Account) -> None:
    killed_while_creating(crashing, "after")

    assert crashing.run("apply", "--yes").code == 0
    assert [one["method"] for one in account.writes] == ["POST"]


@pytest.mark.parametrize("phase", ["before", "after"])
def test_a_field_that_only_goes_is_looked_for_after_a_kill(crashing: KillableProject, phase: str) -> None:
    """Whether the patch that takes it away came through or not, it is gone after the next run."""
    spec = {"persona_name": "Coach", "system_prompt": "You coach."}
    crashing.manifest(
        "persona", "coach", {**spec, "greeting": "Hello.", "layers": {"tts": {"tts_engine": "elevenlabs"}}}
    )
    crashing.apply()
    crashing.account.fault(match="PATCH /v2/personas/*", kind="kill", phase=phase, skip=3)
    crashing.manifest("persona", "coach", {**spec, "layers": {"tts": {}}})
    assert crashing.run("apply", "--yes").code == KILLED

    crashing.apply()

    (stored,) = crashing.account.objects("personas").values()
    usual = "cartesia" if ERA == "seed" else "tavus-auto"
    assert (stored["greeting"], stored["layers"]["tts"]["tts_engine"]) == ("", usual)
    assert (crashing.plan()["changes"], crashing.plan()["drift"]) == ([], [])


@pytest.mark.parametrize("phase", ["before", "after"])
def test_only_the_run_that_has_created_something_can_be_undone(crashing: KillableProject, phase: str) -> None:
    """The interrupted one if its create came through, else the one after it."""
    killed_while_creating(crashing, phase)
    assert crashing.run("apply", "--yes").code == 0
    (run,) = (line.split()[0] for line in crashing.run("undo").out.splitlines())

    undone = crashing.run("undo", run, "--yes", "--allow-deletes", "1")

    assert undone.code == 0, undone.out + undone.err
    assert crashing.account.objects("guardrails") == {}


@pytest.mark.parametrize("phase", ["before", "after"])
def test_undo_of_an_interrupted_run_reverses_only_what_that_run_has_changed(
    crashing: KillableProject, phase: str
) -> None:
    spec = {"persona_name": "Coach", "system_prompt": "You coach."}
    crashing.manifest("persona", "coach", {**spec, "context": "Old."})
    crashing.apply()
    crashing.manifest("persona", "coach", {**spec, "context": "New."})
    crashing.account.fault(match="PATCH /v2/personas/*", kind="kill", phase=phase, skip=3)
    assert crashing.run("apply", "--yes").code == KILLED
    crashing.apply()
    interrupted = crashing.run("undo").out.splitlines()[-2].split()[0]  # before it, the run that created everything

    undone = crashing.run("undo", interrupted, "--yes")
    (stored,) = crashing.account.objects("personas").values()
    assert (undone.code, stored["context"]) == ((0, "Old.") if phase == "after" else (3, "New."))


@pytest.mark.parametrize("phase", ["before", "after"])
def test_undo_of_an_interrupted_run_recreates_only_what_that_run_has_deleted(
    crashing: KillableProject, phase: str
) -> None:
    crashing.manifest("objectives", "goals", GOALS)
    crashing.apply()
    crashing.remove("guardrails", "rules")
    crashing.account.fault(match="DELETE /v2/guardrails/*", kind="kill", phase=phase)
    assert crashing.run("apply", "--yes", "--allow-deletes", "1").code == KILLED
    assert crashing.run("apply", "--yes", *(["--allow-deletes", "1"] if phase == "before" else [])).code == 0
    interrupted = crashing.run("undo").out.splitlines()[-2].split()[0]  # before it, the run that created everything

    undone = crashing.run("undo", interrupted, "--yes", "--recreate")

    assert (undone.code, len(crashing.account.objects("guardrails"))) == ((0, 1) if phase == "after" else (3, 0))
