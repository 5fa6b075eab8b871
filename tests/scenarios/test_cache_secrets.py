"""No file of the cache contains the value of a secret that the last run knew, however it came to be there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.scenarios.project import Body, Project

pytestmark = pytest.mark.usefixtures("quick_scrypt")

VALUE = "tulips-in-the-second-bed"
SETTINGS = "version: 1\nsecrets: [LLM_KEY]\n"
COMMANDS = (
    ("validate",),
    ("plan",),
    ("drift",),
    ("plan", "--target", "persona/guide"),
    ("apply", "--yes"),
)
each_command = pytest.mark.parametrize("words", COMMANDS, ids=" ".join)


def persona(**more: object) -> Body:
    return {"persona_name": "Coach", "pipeline_mode": "full", "system_prompt": "You help.", **more}


def kept(project: Project, value: str = VALUE) -> list[str]:
    """The files of the cache that contain a value."""
    return sorted(one.name for one in project.root.glob(".tavusctl/cache/*") if value.encode() in one.read_bytes())


@pytest.fixture
def applied(project: Project) -> Project:
    """Two personas that were applied, one of which has the value as its name; every command has run twice."""
    project.write("tavusctl.yaml", SETTINGS)
    project.environment["LLM_KEY"] = "another-secret-altogether"
    project.manifest("persona", "coach", persona(persona_name=VALUE, system_prompt=f"Say {VALUE}."))
    project.manifest("persona", "guide", persona(persona_name="Guide"))
    project.apply()
    for name in ("validate", "plan", "plan", "drift"):
        project.expect(0, name)
    assert "default" in kept(project)  # nobody knows yet that it is a secret
    return project


@pytest.mark.sampled(2)
@each_command
def test_a_text_becomes_a_secret(applied: Project, words: Sequence[str]) -> None:
    applied.environment["LLM_KEY"] = VALUE
    applied.run(*words)
    assert kept(applied) == []


@pytest.mark.sampled(2)
@each_command
def test_a_secret_goes_and_comes_back(applied: Project, words: Sequence[str]) -> None:
    for value in (VALUE, "another-secret-altogether"):
        applied.environment["LLM_KEY"] = value
        for name in ("validate", "plan", "drift"):
            applied.run(name)
    assert kept(applied)
    applied.environment["LLM_KEY"] = VALUE
    applied.run(*words)
    assert kept(applied) == []


@pytest.mark.sampled(2)
@pytest.mark.parametrize("words", [("plan",), ("drift",), ("apply", "--yes")], ids=" ".join)
def test_the_account_has_it_as_a_key(applied: Project, words: Sequence[str]) -> None:
    layer = {"model": "own", "headers": {"x-api-key": VALUE}}
    applied.edit_in_portal("persona/guide", "/layers", {"llm": layer}, op="add")
    for _ in range(2):
        applied.run(*words)
        assert kept(applied) == []


def test_another_environment_has_kept_it(applied: Project) -> None:
    applied.write("tavusctl.yaml", f"{SETTINGS}environments: {{default: {{}}, staging: {{}}}}\n")
    applied.run("validate", "--env", "staging")
    assert "staging" in kept(applied)
    applied.environment["LLM_KEY"] = VALUE
    applied.run("plan", "--env", "default")
    assert kept(applied) == []


@pytest.mark.sampled(1)
@pytest.mark.parametrize("words", [("validate",), ("plan",)], ids=" ".join)
def test_it_is_the_name_of_a_file(project: Project, words: Sequence[str]) -> None:
    project.write("tavusctl.yaml", SETTINGS)
    project.environment["LLM_KEY"] = VALUE
    project.write(f"manifests/{VALUE}.yaml", "# nothing\n")
    project.manifest("persona", "coach", persona())
    project.run(*words)
    assert kept(project) == []


@pytest.mark.sampled(1)
@pytest.mark.parametrize("words", [("validate",), ("plan",)], ids=" ".join)
def test_a_text_is_it_once_it_is_normalized(project: Project, words: Sequence[str]) -> None:
    value = f"{VALUE}.md"
    project.write("tavusctl.yaml", SETTINGS)
    project.environment["LLM_KEY"] = value
    project.manifest("persona", "coach", persona(system_prompt=value.upper()))
    project.run(*words)
    assert kept(project, value) == []


@pytest.mark.parametrize("is_known", [True, False])
def test_a_text_that_may_be_a_path_is_not_kept_in_small_letters(project: Project, is_known: bool) -> None:
    value = "Tulips.In-The-Second-Bed"
    one_that_may_be_a_path(project, value, is_known=is_known)
    assert kept(project, value) == kept(project, value.lower()) == []


def test_a_text_that_may_be_a_path_is_not_kept_up_to_its_slash(project: Project) -> None:
    one_that_may_be_a_path(project, "tulips-in-the/second-bed", is_known=True)
    assert kept(project, "tulips-in-the") == []


def one_that_may_be_a_path(project: Project, value: str, *, is_known: bool) -> None:
    """Plan a persona with a text that looks like a path and is the value of a secret, known before or only then."""
    project.write("tavusctl.yaml", SETTINGS)
    project.environment["LLM_KEY"] = value if is_known else "another-secret-altogether"
    project.manifest("persona", "coach", persona(layers={"stt": {"hotwords": value}}))
    project.apply()
    project.run("plan", LLM_KEY=value)


@pytest.mark.parametrize("name", ["cache/endless", "cache"])
def test_no_link_of_a_branch_is_followed_to_look_for_it(applied: Project, name: str, tmp_path: Path) -> None:
    link, away = applied.root / ".tavusctl" / name, tmp_path / "away"
    if name == "cache":
        shutil.move(link, away)
        os.mkfifo(away / "pipe")
        link.symlink_to(away)
    else:
        link.symlink_to("/dev/zero")
        os.mkfifo(applied.root / ".tavusctl/cache/pipe")
    applied.environment["LLM_KEY"] = VALUE
    applied.expect(0, "validate")
    assert link.is_symlink()


def test_commands_that_know_less_keep_what_others_have_kept(applied: Project) -> None:
    """A hook without the secrets in its environment does not make the next plan start from nothing."""
    before = {one.name for one in applied.root.glob(".tavusctl/cache/*")}
    applied.environment["LLM_KEY"] = ""
    applied.run("graph")
    assert {one.name for one in applied.root.glob(".tavusctl/cache/*")} == before
