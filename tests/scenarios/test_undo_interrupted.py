"""Undo beside interrupted and later runs: it goes on after a kill, and says what another run has made of an object."""

from __future__ import annotations

import pytest

from tests.crash.rig import KILLED, Break, KillableProject, Launcher
from tests.scenarios.project import Body, Project
from tests.scenarios.twenty import QUICK

URL = "https://example.com/{}.pdf"
LATER = 3600
COACH: Body = {"persona_name": "Coach", "system_prompt": "You coach."}
PRICES: Body = {"document_name": "Prices", "document_url": URL.format("old")}
OTHER: Body = {"persona_name": "Other", "system_prompt": "You help."}


@pytest.fixture
def crashing(project: Project, runner: Launcher) -> KillableProject:
    """A project whose commands can be killed, with two personas and a document that were applied."""
    made = KillableProject(project.root, project.account, {**QUICK}, runner)
    made.manifest("document", "prices", PRICES)
    made.manifest("persona", "coach", COACH)
    made.manifest("persona", "other", OTHER)
    assert made.run("apply", "--yes").code == 0
    return made


def last(project: Project) -> str:
    """The newest run."""
    return project.run("undo").out.split()[0]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("phase", ["before", "after"])
def test_an_undo_that_was_killed_goes_on(crashing: KillableProject, phase: str) -> None:
    """Not by way of an apply, which would delete again what the undo has made."""
    crashing.remove("document", "prices")
    crashing.remove("persona", "other")
    assert crashing.run("apply", "--yes", "--allow-deletes", "2").code == 0
    run = last(crashing)
    crashing.account.fault(match="POST /v2/*", kind="kill", phase=phase)
    assert crashing.run("undo", run, "--yes", "--recreate").code == KILLED

    again = crashing.run("undo", run, "--yes", "--recreate")
    once_more = crashing.run("undo", run, "--yes", "--recreate")

    assert (again.code, once_more.code) == (0, 0), again.out + once_more.out
    assert "No changes" in once_more.out
    assert "tavusctl apply" not in again.out + again.err  # it would delete what the undo has made
    assert len(crashing.account.objects("documents")) == 1
    assert sorted(one["persona_name"] for one in crashing.account.objects("personas").values()) == ["Coach", "Other"]
    crashing.manifest("document", "prices", PRICES)
    crashing.manifest("persona", "other", OTHER)
    assert crashing.plan()["changes"] == []


def test_an_undo_of_creates_that_was_killed_goes_on(crashing: KillableProject) -> None:
    """Those that it has deleted are no conflict."""
    names = "abcdef"
    for name in names:
        crashing.manifest("persona", name, {"persona_name": name, "system_prompt": "You help."})
    assert crashing.run("apply", "--yes").code == 0
    run = last(crashing)
    crashing.account.fault(match="DELETE /v2/*", kind="kill", phase="after", skip=4)
    assert crashing.run("undo", run, "--yes", "--allow-deletes", "6").code == KILLED
    left = sum(one["persona_name"] in names for one in crashing.account.objects("personas").values())

    again = crashing.run("undo", run, "--yes", "--allow-deletes", str(left))

    assert (again.code, len(crashing.account.objects("personas"))) == (0, 2), again.out + again.err
    assert "No changes" in crashing.run("undo", run, "--yes").out


@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.parametrize("finished", [False, True], ids=["begun", "finished"])
def test_an_undo_of_a_replacement_that_was_killed_goes_on(
    crashing: KillableProject, finished: bool, phase: str
) -> None:
    """It deletes the new version, whether that was in use already or not."""
    crashing.manifest("persona", "coach", {**COACH, "document_ids": ["${ref:document/prices}"]})
    assert crashing.run("apply", "--yes").code == 0
    crashing.account.advance(LATER)
    old_id = crashing.bound("document/prices")
    crashing.account.switch(processing_seconds=0 if finished else LATER)
    crashing.manifest("document", "prices", {**PRICES, "document_url": URL.format("new")})
    assert crashing.run("apply", "--yes").code == 0
    run = last(crashing)
    crashing.account.switch(processing_seconds=0)
    crashing.account.fault(match="DELETE /v2/*", kind="kill", phase=phase)
    assert crashing.run("undo", run, "--yes", "--recreate").code == KILLED

    again = crashing.run("undo", run, "--yes", "--recreate")

    (document,) = crashing.account.objects("documents").values()
    assert (again.code, document["document_url"]) == (0, URL.format("old")), again.out + again.err
    assert finished or crashing.bound("document/prices") == old_id
    crashing.account.forget()
    assert crashing.run("undo", run, "--yes", "--recreate").code == 0
    assert crashing.account.writes == []


@pytest.mark.parametrize("edited", [False, True], ids=["as it was made", "edited"])
def test_a_new_version_that_is_left_of_an_undo_is_deleted_unless_edited(
    crashing: KillableProject, edited: bool
) -> None:
    """Also if the server has kept something in another form, and not the same as of the old version."""
    account = crashing.account
    account.switch(processing_seconds=0, tidied_fields={"/document_name": "trim"})
    crashing.manifest("document", "prices", {**PRICES, "document_name": "Old "})
    crashing.run("apply", "--yes")
    account.advance(LATER)
    crashing.manifest("document", "prices", {**PRICES, "document_name": "New ", "document_url": URL.format("new")})
    crashing.run("apply", "--yes")
    run, new_id = last(crashing), crashing.bound("document/prices")
    account.fault(match="DELETE /v2/*", kind="kill", phase="before")
    assert crashing.run("undo", run, "--yes", "--recreate").code == KILLED
    if edited:
        account.portal("document", new_id, {"op": "replace", "path": "/document_name", "value": "Theirs"})

    again = crashing.run("undo", run, "--yes", "--recreate")

    assert (again.code, new_id in account.objects("documents")) == (3 if edited else 0, edited), again.out
    assert ("/document_name was edited since" in again.out) is edited
    assert "during this run" not in again.out


@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.parametrize("kept", [False, True], ids=["old version deleted", "old version kept"])
def test_an_undo_that_was_killed_before_all_references_were_back_goes_on(
    crashing: KillableProject, kept: bool, phase: str
) -> None:
    """Also with references of objects that a later run has created."""
    account, refers = crashing.account, {"document_ids": ["${ref:document/prices}"]}
    account.switch(processing_seconds=0)
    crashing.manifest("persona", "coach", {**COACH, **refers})
    assert crashing.run("apply", "--yes").code == 0
    account.advance(LATER)
    old_id = crashing.bound("document/prices")
    theirs = {"persona_name": "Theirs", "system_prompt": "Hi.", "document_ids": [old_id]}
    account.seed(personas=[theirs] if kept else [])
    crashing.manifest("document", "prices", {**PRICES, "document_url": URL.format("new")})
    assert crashing.run("apply", "--yes").code == 0
    run = last(crashing)
    crashing.manifest("persona", "later", {"persona_name": "Later", "system_prompt": "You help.", **refers})
    assert crashing.run("apply", "--yes").code == 0
    account.fault(match="PATCH /v2/personas/*", kind="kill", phase=phase)
    assert crashing.run("undo", run, "--yes", "--recreate").code == KILLED

    again = crashing.run("undo", run, "--yes", "--recreate")

    ((remote_id, document),) = account.objects("documents").items()
    assert (again.code, document["document_url"]) == (0, URL.format("old")), again.out + again.err
    assert "warning" not in again.out
    referring = [one["document_ids"] for one in account.objects("personas").values() if one.get("document_ids")]
    assert referring == [[remote_id]] * (2 + kept)
    assert crashing.run("state", "show", "document/prices").document["retired"] == []
    assert "No changes" in crashing.run("undo", run, "--yes", "--recreate").out


def test_an_undo_of_an_import_that_was_killed_goes_on(crashing: KillableProject) -> None:
    """What it has put back and dropped from the state is no conflict."""
    crashing.account.seed(personas=[{"persona_name": "Found", "system_prompt": "As found."}])
    crashing.manifest("persona", "found", {"persona_name": "Found", "system_prompt": "Edited."})
    assert crashing.run("apply", "--yes", "--import-existing").code == 0
    points = crashing.run("undo", last(crashing), "--yes").passed
    assert crashing.run("apply", "--yes", "--import-existing").code == 0
    run = last(crashing)
    assert crashing.breaking(Break(points - 5), "undo", run, "--yes").code == KILLED
    assert "persona/found" not in crashing.run("state", "list").out

    again = crashing.run("undo", run, "--yes")

    assert (again.code, "No changes" in crashing.run("undo", run, "--yes").out) == (0, True), again.out + again.err
    assert "As found." in [one["system_prompt"] for one in crashing.account.objects("personas").values()]


@pytest.mark.newer_api
@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.parametrize("number", [0, 1])
def test_an_undo_that_was_killed_between_two_members_goes_on(
    crashing: KillableProject, number: int, phase: str
) -> None:
    """Nobody has edited the tools that it had not removed yet."""
    account = crashing.account
    bodies = [{"name": f"tool_{index}", "description": "Help."} for index in range(3)]
    tools = [account.call("POST", "/v2/tools", body).json()["tool_id"] for body in bodies]
    crashing.manifest("persona", "coach", {**COACH, "tool_ids": tools[:1]})
    assert crashing.run("apply", "--yes").code == 0
    crashing.manifest("persona", "coach", {**COACH, "tool_ids": tools[1:], "system_prompt": "You coach kindly."})
    assert crashing.run("apply", "--yes").code == 0
    run = last(crashing)
    account.fault(match="DELETE /v2/pals/*", kind="kill", phase=phase, skip=number)
    assert crashing.run("undo", run, "--yes").code == KILLED

    again = crashing.run("undo", run, "--yes")

    coach = account.objects("personas")[crashing.bound("persona/coach")]
    assert again.code == 0, again.out + again.err
    assert (coach["tool_ids"], coach["system_prompt"]) == (tools[:1], COACH["system_prompt"])
    assert "No changes" in crashing.run("undo", run, "--yes").out


@pytest.mark.newer_api
@pytest.mark.sampled(2)
@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.parametrize("match", ["POST /v2/pals/*/tools", "PUT /v2/pals/*/skills/*"])
def test_an_undo_that_was_killed_before_all_parts_were_back_goes_on(
    crashing: KillableProject, match: str, phase: str
) -> None:
    """Also where these refer to other objects."""
    account = crashing.account
    (theirs,) = account.seed(tools=[{"name": "theirs", "description": "Help."}])["tools"]
    crashing.manifest("tool", "ours", {"name": "ours", "description": "Help."})
    skills = {"presentation": {"document_ids": ["${ref:document/prices}"]}, "internet_search": {}}
    crashing.manifest("persona", "coach", {**COACH, "tool_ids": [theirs, "${ref:tool/ours}"], "skills": skills})
    assert crashing.run("apply", "--yes").code == 0
    before = account.objects("personas")[crashing.bound("persona/coach")]
    crashing.remove("persona", "coach")
    assert crashing.run("apply", "--yes", "--allow-deletes", "1").code == 0
    run = last(crashing)
    account.fault(match=match, kind="kill", phase=phase)
    assert crashing.run("undo", run, "--yes", "--recreate").code == KILLED

    again = crashing.run("undo", run, "--yes", "--recreate")

    after = account.objects("personas")[crashing.bound("persona/coach")]
    assert again.code == 0, again.out + again.err
    assert {*after["tool_ids"]} == {*before["tool_ids"]}
    assert after["skills"]["presentation"]["config"] == before["skills"]["presentation"]["config"]
    assert after["skills"].keys() == before["skills"].keys()
    assert crashing.bound("document/prices") not in again.out  # a plan shows addresses
    assert "No changes" in crashing.run("undo", run, "--yes", "--recreate").out


@pytest.mark.newer_api
def test_an_undo_adds_no_parts_to_what_a_later_apply_has_created(crashing: KillableProject) -> None:
    crashing.manifest("persona", "coach", {**COACH, "tool_ids": ["end_call"]})
    assert crashing.run("apply", "--yes").code == 0
    crashing.remove("persona", "coach")
    assert crashing.run("apply", "--yes", "--allow-deletes", "1").code == 0
    run = last(crashing)
    crashing.manifest("persona", "coach", COACH)
    assert crashing.run("apply", "--yes").code == 0

    undone = crashing.run("undo", run, "--yes", "--recreate")

    assert (undone.code, "is now bound to" in undone.out) == (3, True), undone.out
    assert crashing.account.objects("personas")[crashing.bound("persona/coach")]["tool_ids"] == []


def test_an_edit_of_an_object_that_was_unbound_since_is_refused(crashing: KillableProject) -> None:
    """It stays as the run left it, so the undo does not say that nothing is left to do."""
    crashing.manifest("persona", "coach", {**COACH, "system_prompt": "You coach kindly."})
    assert crashing.run("apply", "--yes").code == 0
    assert crashing.run("state", "rm", "persona/coach").code == 0

    refused = crashing.run("undo", last(crashing), "--yes")

    assert (refused.code, "`persona/coach` is no longer bound" in refused.out) == (3, True), refused.out


def test_a_delete_is_undone_before_any_run_has_dropped_the_binding(crashing: KillableProject) -> None:
    crashing.remove("persona", "other")
    crashing.account.fault(match="DELETE /v2/*", kind="kill", phase="after")
    assert crashing.run("apply", "--yes", "--allow-deletes", "1").code == KILLED
    crashing.manifest("persona", "coach", {**COACH, "system_prompt": "You coach kindly."})
    assert crashing.run("apply", "--yes", "--target", "persona/coach").code == 0
    deletion = crashing.run("undo").out.splitlines()[1].split()[0]

    result = crashing.run("undo", deletion, "--yes", "--recreate")

    assert result.code == 0, result.out + result.err
    assert crashing.bound("persona/other") in crashing.account.objects("personas")


@pytest.fixture
def replaced(project: Project) -> tuple[str, str]:
    """A document that one run has replaced, whose old version another run has deleted; the ids of both runs."""
    project.manifest("document", "prices", PRICES)
    project.manifest("persona", "coach", {**COACH, "document_ids": ["${ref:document/prices}"]})
    project.apply()
    project.account.advance(LATER)
    project.edit_in_portal("document/prices", "/tags", ["theirs"])
    project.manifest("document", "prices", {**PRICES, "document_url": URL.format("new")})
    project.apply()
    project.account.advance(LATER)
    begun = last(project)
    project.apply()
    return begun, last(project)


def test_an_old_version_that_a_later_run_deleted_is_recreated_as_it_was(
    project: Project, replaced: tuple[str, str]
) -> None:
    """With what the manifest does not manage."""
    project.account.switch(processing_seconds=0)

    result = project.run("undo", replaced[0], "--yes", "--recreate")

    (document,) = project.account.objects("documents").values()
    assert (result.code, document["document_url"], document["tags"]) == (0, URL.format("old"), ["theirs"]), result.out


def test_a_run_that_only_finished_a_replacement_says_which_run_to_undo(
    project: Project, replaced: tuple[str, str]
) -> None:
    project.account.forget()

    result = project.run("undo", replaced[1], "--yes", "--recreate")

    assert (result.code, project.account.writes) == (4, []), result.out
    assert "was deleted, a version of a replacement that another run had begun" in result.out
    assert "undo the run that began it" in result.out


def test_another_object_of_the_address_is_not_taken_for_the_deleted_one(crashing: KillableProject) -> None:
    crashing.remove("persona", "other")
    assert crashing.run("apply", "--yes", "--allow-deletes", "1").code == 0
    run = last(crashing)
    crashing.manifest("persona", "other", {**OTHER, "system_prompt": "You help otherwise."})
    assert crashing.run("apply", "--yes").code == 0

    refused = crashing.run("undo", run, "--yes", "--recreate")

    assert (refused.code, "is now bound to" in refused.out) == (3, True), refused.out
