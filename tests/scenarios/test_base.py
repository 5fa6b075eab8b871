"""`plan --base`: this branch's changes against what was to be done already."""

from __future__ import annotations

import subprocess

import pytest

from tests.scenarios.project import Project

COACH = {"persona_name": "Coach", "system_prompt": "You coach.", "context": "At school."}


def git(project: Project, *args: str) -> str:
    names = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *names, *args], cwd=project.root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(project: Project, message: str = "a step") -> None:
    git(project, "add", "--all")
    git(project, "commit", "-qm", message)


@pytest.fixture
def branched(project: Project) -> Project:
    """Applied; then main renamed the coach and added a doctor, and a branch has begun."""
    git(project, "init", "-qb", "main")
    project.write(".gitignore", ".tavusctl/\n")
    project.manifest("persona", "coach", COACH)
    project.apply()
    commit(project)
    project.manifest("persona", "coach", {**COACH, "persona_name": "The Coach"})
    project.manifest("persona", "doctor", {"persona_name": "Doctor", "system_prompt": "You heal."})
    commit(project)
    git(project, "checkout", "-qb", "work")
    return project


def test_what_was_to_be_done_already_is_told_from_what_the_branch_does(branched: Project) -> None:
    branched.manifest("persona", "coach", {**COACH, "persona_name": "The Coach", "system_prompt": "You coach kindly."})
    branched.manifest("persona", "nurse", {"persona_name": "Nurse", "system_prompt": "You care."})

    document = branched.plan("--base", "main")

    assert {one["address"] for one in document["changes"]} == {"persona/coach", "persona/doctor", "persona/nurse"}
    assert document["pending"] == [
        {"address": "persona/coach", "paths": ["/persona_name"], "whole": False},
        {"address": "persona/doctor", "paths": [], "whole": True},
    ]
    assert document["base"] == f"main ({git(branched, 'rev-parse', 'main')[:7]})"


def test_a_renamed_manifest_is_compared_with_what_it_was(branched: Project) -> None:
    branched.remove("persona", "coach")
    branched.manifest("persona", "trainer", {**COACH, "persona_name": "The Coach"}, moved_from="persona/coach")

    document = branched.plan("--base", "main")

    assert [one["address"] for one in document["moved"]] == ["persona/trainer"]
    assert {"address": "persona/trainer", "paths": [], "whole": True} in document["pending"]


def test_an_edit_in_the_account_is_nobodys_change(branched: Project) -> None:
    branched.edit_in_portal("persona/coach", "/context", "At work.")

    document = branched.plan("--base", "main")

    coach = next(one for one in document["changes"] if one["address"] == "persona/coach")
    assert {one["path"]: one["cause"] for one in coach["fields"]}["/context"] == "drifted"
    assert "/context" not in document["pending"][0]["paths"]


def test_main_moving_on_does_not_count(branched: Project) -> None:
    """The base is where the branch left, not where main is now."""
    branched.manifest("persona", "nurse", {"persona_name": "Nurse", "system_prompt": "You care."})
    commit(branched)
    git(branched, "checkout", "-q", "main")
    branched.manifest("persona", "nurse", {"persona_name": "Nurse", "system_prompt": "You care."})
    commit(branched, "the same, elsewhere")
    git(branched, "checkout", "-q", "work")

    pending = branched.plan("--base", "main")["pending"]

    assert "persona/nurse" not in {one["address"] for one in pending}


def test_the_text_says_it_and_nothing_is_left_behind(branched: Project) -> None:
    before = git(branched, "status", "--porcelain")

    shown = branched.run("plan", "--base", "main")

    assert "Pending already before this branch, as of main (" in shown.out
    assert "    persona/doctor: all of it\n" in shown.out
    assert git(branched, "status", "--porcelain") == before
    assert git(branched, "worktree", "list").count("\n") == 0


def test_nothing_is_asked_twice(branched: Project) -> None:
    branched.account.forget()
    branched.plan()
    once = [one["path"] for one in branched.account.requests]
    branched.account.forget()

    branched.plan("--base", "main")

    assert [one["path"] for one in branched.account.requests] == once


def test_a_project_below_the_top_of_the_repository(project: Project) -> None:
    inner = Project(project.root / "agents", project.account)
    inner.manifest("persona", "coach", COACH)
    inner.write("tavusctl.yaml", "version: 1\n")
    git(project, "init", "-qb", "main")
    commit(project)

    assert inner.plan("--base", "main")["pending"] == [{"address": "persona/coach", "paths": [], "whole": True}]


def test_a_project_that_the_base_does_not_have(project: Project) -> None:
    git(project, "init", "-qb", "main")
    project.write("README", "nothing yet\n")
    commit(project)
    project.manifest("persona", "coach", COACH)

    shown = project.expect(0, "plan", "--base", "main")

    assert "cannot be compared: there are none\n" in shown.err


def test_a_base_that_git_does_not_know(branched: Project) -> None:
    for name, told in (
        ("nowhere", "no such commit"),
        ("--output=x", "is not a valid name of a commit"),
        ("main..HEAD", "is not a valid name of a commit"),
        ("", "`--base` is empty"),
    ):
        shown = branched.run("plan", f"--base={name}", "--format", "json")
        assert (shown.code, shown.document["error"]["id"]) == (12, "E1206")
        assert told in shown.document["error"]["complaints"][0]["message"]


def error_of(project: Project, base: str = "main") -> tuple[str, str]:
    """The message and the hint of a plan that cannot be compared."""
    shown = project.run("plan", "--base", base, "--format", "json")
    assert (shown.code, shown.document["error"]["id"]) == (12, "E1206")
    (complaint,) = shown.document["error"]["complaints"]
    return complaint["message"], complaint["hint"]


def test_what_is_no_commit_is_told_as_what_it_is(branched: Project) -> None:
    assert error_of(branched, "main:manifests")[0].endswith("is not the name of a commit, but of a folder")
    assert error_of(branched, "main:.gitignore")[0].endswith("is not the name of a commit, but of a file")
    lost = git(branched, "rev-parse", "main").strip()
    (branched.root / ".git/objects" / lost[:2] / lost[2:]).unlink()
    assert f"the clone has no object {lost[:7]}" in error_of(branched)[0]


def test_a_repository_without_a_commit_is_told(project: Project) -> None:
    project.manifest("persona", "coach", COACH)
    git(project, "init", "-qb", "main")
    assert error_of(project)[1] == "commit the project first"


def test_a_plan_file_made_with_a_base_applies(branched: Project) -> None:
    """The comparison is for people: it is no part of what is approved."""
    branched.expect(0, "plan", "--base", "main", "--out", "plan.json")
    branched.expect(0, "apply", "plan.json")
