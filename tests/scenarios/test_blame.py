"""`plan --blame` and `drift --blame`: who wrote what a change writes, and what it overrides."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema_rs import Draft202012Validator

from tests.house.tree import ROOT
from tests.scenarios.project import Body, Project

PROMPT = "You coach.\nYou are kind.\nYou are brief.\nYou never promise a discount.\nYou say goodbye.\n"
COACH = """
    kind: persona
    name: coach
    spec:
      persona_name: Coach
      system_prompt: ${file:prompts/coach.md}
      greeting: |
        Hello.
        Good day.
      layers:
        llm:
          tools:
            - type: function
              function:
                name: book
                description: Books.
            - type: function
              function:
                name: look
                description: Looks.
"""
SCHEMA = json.loads((ROOT / "schemas/plan.schema.json").read_text("utf-8"))


def git(project: Project, *args: str, author: str = "Ada", day: str = "2026-01-05") -> str:
    names = {"GIT_AUTHOR_NAME": author, "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_AUTHOR_DATE": f"{day}T12:00:00+02:00"}
    names |= {"GIT_COMMITTER_NAME": "C", "GIT_COMMITTER_EMAIL": "c@example.com", "GIT_CONFIG_GLOBAL": os.devnull}
    done = subprocess.run(
        ["git", *args], cwd=project.root, env={**os.environ, **names}, check=True, capture_output=True
    )
    return done.stdout.decode().strip()


def commit(project: Project, message: str, **who: str) -> str:
    git(project, "add", "--all")
    git(project, "commit", "-qm", message, **who)
    return git(project, "rev-parse", "HEAD")


def prompt(project: Project, *changes: tuple[str, str]) -> None:
    path = project.root / "manifests/prompts/coach.md"
    text = path.read_text("utf-8") if path.exists() else PROMPT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


@pytest.fixture
def written(project: Project) -> Project:
    """A coach by Ada, whose prompt Grace made brief; applied and committed."""
    git(project, "init", "-qb", "main")
    project.write(".gitignore", ".tavusctl/\n")
    project.write("manifests/coach.yaml", COACH)
    prompt(project, ("You are brief.", "You are long."))
    commit(project, "A coach")
    prompt(project, ("You are long.", "You are brief."))
    commit(project, "Brevity", author="Grace", day="2026-02-06")
    project.apply()
    return project


def behind(document: Body, path: str) -> list[tuple[str, str, bool, str]]:
    """Who is behind a field of the only change, and where."""
    assert [error.message for error in Draft202012Validator(SCHEMA).iter_errors(document)] == []
    changes = [*document["changes"], *document["refused"]] or document["drift"]
    (found,) = [one for change in changes for one in change["fields"] if one["path"] == path]
    return [
        (one["author"], one["summary"], one["overridden"], f"{one['source']['path']}:{one['source']['line']}")
        for one in found.get("blame", ())
    ]


def test_an_edit_that_is_not_committed_overrides_somebody(written: Project) -> None:
    prompt(written, ("You are brief.", "You are very brief."))

    assert behind(written.plan("--blame"), "/system_prompt") == [
        ("Grace", "Brevity", True, "manifests/prompts/coach.md:3")
    ]


def test_a_line_that_is_taken_out_was_somebodys(written: Project) -> None:
    prompt(written, ("You never promise a discount.\n", ""))

    assert behind(written.plan("--blame"), "/system_prompt") == [
        ("Ada", "A coach", True, "manifests/prompts/coach.md:4")
    ]


def test_a_line_that_is_new_overrides_nobody(written: Project) -> None:
    prompt(written, ("You are kind.\n", "You are kind.\nYou know the way to the station.\n"))

    assert behind(written.plan("--blame"), "/system_prompt") == []


def test_an_edit_that_is_committed_has_an_author(written: Project) -> None:
    prompt(written, ("You are brief.", "You are very brief."))
    commit(written, "Still briefer", author="Joan")

    assert behind(written.plan("--blame"), "/system_prompt") == [
        ("Joan", "Still briefer", False, "manifests/prompts/coach.md:3")
    ]


def test_a_branch_overrides_what_was_there_where_it_began(written: Project) -> None:
    git(written, "checkout", "-qb", "work")
    prompt(written, ("You are brief.", "You are very brief."), ("You say goodbye.", "You say farewell."))
    commit(written, "Two steps in one", author="Joan")

    assert behind(written.plan("--blame", "--base", "main"), "/system_prompt") == [
        ("Grace", "Brevity", True, "manifests/prompts/coach.md:3"),
        ("Ada", "A coach", True, "manifests/prompts/coach.md:5"),
    ]


def test_an_edit_in_the_portal_is_of_a_line_that_somebody_wrote(written: Project) -> None:
    written.edit_in_portal("persona/coach", "/system_prompt", PROMPT.replace("kind", "strict").rstrip("\n"))
    written.edit_in_portal("persona/coach", "/persona_name", "The Coach")

    for document in (written.plan("--blame"), written.run("drift", "--blame", "--format", "json").document):
        assert behind(document, "/system_prompt") == [("Ada", "A coach", False, "manifests/prompts/coach.md:2")]
        assert behind(document, "/persona_name") == [("Ada", "A coach", False, "manifests/coach.yaml:4")]


def test_both_sides_of_a_conflict(written: Project) -> None:
    written.edit_in_portal("persona/coach", "/system_prompt", PROMPT.replace("brief", "talkative").rstrip("\n"))
    prompt(written, ("You are brief.", "You are very brief."))

    shown = written.expect(3, "plan", "--blame")

    assert "      overrides what Grace wrote on 2026-02-06 in " in shown.out
    assert behind(written.plan("--blame"), "/system_prompt") == [
        ("Grace", "Brevity", True, "manifests/prompts/coach.md:3")
    ]


@pytest.mark.parametrize(
    ("old", "new", "path", "line"),
    [
        ("Good day.", "Good evening.", "/greeting", 8),
        ("description: Looks.", "description: Sees.", "/layers/llm/tools", 19),
        ("persona_name: Coach", "persona_name: Trainer", "/persona_name", 4),
    ],
)
def test_the_line_inside_a_manifest(written: Project, old: str, new: str, path: str, line: int) -> None:
    file = written.root / "manifests/coach.yaml"
    file.write_text(file.read_text("utf-8").replace(old, new), "utf-8")

    assert behind(written.plan("--blame"), path) == [("Ada", "A coach", True, f"manifests/coach.yaml:{line}")]


def test_every_report_says_it(written: Project) -> None:
    prompt(written, ("You are brief.", "You are very brief."))
    reports = {"text": "plan.txt", "markdown": "plan.md", "comment": "comment.md", "html": "plan.html"}

    written.run("plan", "--blame", *(f"--report={name}={file}" for name, file in reports.items()))

    for file in reports.values():
        text = (written.root / file).read_text("utf-8")
        assert "Grace" in text, file
        assert "on 2026-02-06 in " in text, file
    assert "Grace" not in written.run("plan").out


def test_a_plan_file_with_it_applies_and_says_nothing_of_it(written: Project) -> None:
    """Who wrote a line is for reading: it is no part of what is approved."""
    prompt(written, ("You are brief.", "You are very brief."))

    written.expect(0, "plan", "--blame", "--out", "plan.json")
    assert "Grace" not in (written.root / "plan.json").read_text("utf-8")
    written.expect(0, "apply", "plan.json")


def test_a_shallow_clone_does_not_pretend(written: Project, tmp_path: Path) -> None:
    prompt(written, ("You are kind.", "You are friendly."))
    commit(written, "Friendly", author="Joan")
    clone = tmp_path / "clone"
    git(written, "clone", "-q", "--depth", "1", f"file://{written.root}", str(clone))
    (clone / ".tavusctl").mkdir()
    (clone / ".tavusctl/state.json").write_bytes((written.root / ".tavusctl/state.json").read_bytes())
    project = Project(clone, written.account)

    (one,) = project.plan("--blame")["changes"][0]["fields"][0]["blame"]

    assert (one["author"], one["at_least"]) == ("Joan", True)
    assert " or earlier: Friendly" in project.run("plan", "--blame").out


def test_a_project_in_a_folder_of_a_repository(project: Project, tmp_path: Path) -> None:
    inner = Project(tmp_path / "agents", project.account)
    git(project, "init", "-qb", "main")
    inner.write("manifests/coach.yaml", COACH)
    prompt(inner)
    commit(project, "A coach")
    inner.apply()
    prompt(inner, ("You are brief.", "You are very brief."))

    assert behind(inner.plan("--blame"), "/system_prompt") == [("Ada", "A coach", True, "manifests/prompts/coach.md:3")]


def test_line_ends_of_another_system_are_no_change(written: Project) -> None:
    path = written.root / "manifests/prompts/coach.md"
    path.write_bytes(path.read_bytes().replace(b"brief", b"very brief").replace(b"\n", b"\r\n"))

    blamed = behind(written.plan("--blame"), "/system_prompt")

    assert ("Grace", "Brevity", True, "manifests/prompts/coach.md:3") in blamed


def test_of_a_secret_it_tells_the_line_and_not_the_value(project: Project) -> None:
    project.write("tavusctl.yaml", "{version: 1, secrets: [KEY, NEW_KEY]}")
    llm = "{model: gpt-4o, base_url: 'https://llm.example.com/v1',\n      api_key: '${secret:KEY}'}"
    file = project.write(
        "manifests/coach.yaml",
        f"kind: persona\nname: coach\nspec:\n  persona_name: C\n  system_prompt: Hi.\n  layers:\n    llm: {llm}\n",
    )
    git(project, "init", "-q")
    commit(project, "A key")
    keyed = Project(project.root, project.account, {"KEY": "canary-one", "NEW_KEY": "canary-two"})
    keyed.apply()
    file.write_text(file.read_text("utf-8").replace("secret:KEY", "secret:NEW_KEY"), "utf-8")

    shown = keyed.run("plan", "--blame", "--format", "json")

    assert behind(shown.document, "/layers/llm/api_key") == [("Ada", "A key", True, "manifests/coach.yaml:8")]
    assert "canary" not in shown.out


def no_repository(project: Project) -> None:
    (project.root / ".git").rename(project.root / "git")


def no_commit(project: Project) -> None:
    no_repository(project)
    git(project, "init", "-q")


def broken(project: Project) -> None:
    (project.root / ".git/HEAD").write_text("ref: refs/heads/\x1b[31mnowhere\n")


@pytest.mark.parametrize("change", [no_repository, no_commit, broken])
def test_where_git_knows_nothing_it_is_said(written: Project, change: Callable[[Project], None]) -> None:
    prompt(written, ("You are brief.", "You are very brief."))
    change(written)

    shown = written.expect(0, "plan", "--blame")

    assert "git cannot tell who wrote manifests/prompts/coach.md: " in shown.err
    assert "\x1b" not in shown.err
    assert "+ You are {+very +}brief." in shown.out
    assert written.run("plan", "--blame", "--quiet").err == ""


def test_without_git_it_is_said(written: Project, tmp_path: Path) -> None:
    prompt(written, ("You are brief.", "You are very brief."))

    shown = written.run("plan", "--blame", PATH=str(tmp_path))

    assert (shown.code, "git cannot be run: No such file or directory" in shown.err) == (0, True)


def test_a_file_that_was_never_committed_has_no_author(written: Project) -> None:
    project = written
    file = project.root / "manifests/coach.yaml"
    file.write_text(file.read_text("utf-8").replace("prompts/coach.md", "prompts/other.md"), "utf-8")
    project.write("manifests/prompts/other.md", PROMPT.replace("brief", "short"))

    assert behind(project.plan("--blame"), "/system_prompt") == []


def test_nothing_that_is_configured_runs(written: Project, tmp_path: Path) -> None:
    """A monitor, a converter, a filter, a pager and variables that lead elsewhere: none of them has a say."""
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\ncat\n")
    trap.chmod(0o755)
    written.write(".gitattributes", "*.md diff=trap filter=trap\n")
    commit(written, "Attributes")
    for name in ("core.fsmonitor", "core.pager", "diff.trap.textconv", "filter.trap.clean", "filter.trap.smudge"):
        git(written, "config", name, str(trap))
    prompt(written, ("You are brief.", "You are very brief."))

    document = json.loads(
        written.run("plan", "--blame", "--format", "json", GIT_DIR="/nowhere", GIT_EXTERNAL_DIFF=str(trap)).out
    )

    assert behind(document, "/system_prompt") == [("Grace", "Brevity", True, "manifests/prompts/coach.md:3")]
    assert not (tmp_path / "sprung").exists()


def test_names_and_subjects_from_elsewhere_do_nothing(written: Project) -> None:
    prompt(written, ("You are brief.", "You are very brief."))
    commit(written, "::error::x\x1b[31m \u202e </code><script>", author="Eve\x1b[2J ![x](http://x)")

    shown = written.run("plan", "--blame").out

    assert "last written by Eve\\u{1b}[2J ![x](http://x) on 2026-01-05 in " in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_a_value_of_an_overlay_was_written_by_whoever_wrote_the_overlay(written: Project) -> None:
    """And one that a removed overlay gives back, by whoever wrote the manifest."""
    written.write("tavusctl.yaml", "environments:\n  default: {overlay: overlays/own}\n")
    over = "kind: persona\nname: coach\nspec:\n  persona_name: Trial\n  system_prompt: ${file:./trial.md}\n"
    written.write("overlays/own/coach.yaml", over)
    written.write("overlays/own/trial.md", PROMPT.replace("You are kind.", "You are stern."))
    commit(written, "On trial", author="Grace", day="2026-03-07")

    plan = written.plan("--blame")

    assert behind(plan, "/persona_name") == [("Grace", "On trial", False, "overlays/own/coach.yaml:4")]
    assert behind(plan, "/system_prompt") == [("Grace", "On trial", False, "overlays/own/trial.md:2")]
    written.apply()
    written.write("tavusctl.yaml", "environments:\n  default: {}\n")
    plan = written.plan("--blame")
    assert behind(plan, "/persona_name") == [("Ada", "A coach", False, "manifests/coach.yaml:4")]
    assert behind(plan, "/system_prompt") == [("Ada", "A coach", False, "manifests/prompts/coach.md:2")]
