"""A new project: valid as it stands, applied with one command, and nothing of anybody's overwritten."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import click
import pytest
from jsonschema_rs import meta

from tavusctl.app.json_schemas import all_schemas
from tavusctl.cli import cli
from tests.scenarios.project import Project


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_a_new_project_is_valid_and_applies(project: Project) -> None:
    """Without an edit; the second plan is empty."""
    made = project.run("init")
    checked = project.run("validate", "--format", "json")
    project.apply()

    assert (made.code, made.out, project.account.control("GET", "violations")["violations"]) == (0, "", [])
    assert len(made.err.splitlines()) < 20, "the first line is still on a screen of 24 lines"
    assert (
        f"wrote   {len(list((project.root / 'schemas').iterdir()))} schemas for the editor into schemas\n" in made.err
    )
    assert checked.document["complaints"] == []
    assert set(json.loads(project.run("state", "list", "--format", "json").out)) == {"persona/assistant"}
    project.expect(0, "talk", "persona/assistant", "--yes")
    assert project.plan()["changes"] == []


@pytest.mark.parametrize("in_git", [False, True])
def test_every_line_in_a_comment_of_the_project_file_can_be_used(project: Project, in_git: bool) -> None:
    """Where the comment says: below `environments:`, beside what is there."""
    if in_git:
        subprocess.run(["git", "init", "-q"], cwd=project.root, check=True)
    project.run("init")
    text = (project.root / "tavusctl.yaml").read_text("utf-8")
    offered = re.findall(r"(?m)^# (  \w+: \{.*)", text)
    project.write("tavusctl.yaml", text.replace("environments:\n", "\n".join(["environments:", *offered, ""])))

    told = project.run("doctor", "--env", "staging", "--format", "json", TAVUS_API_KEY_STAGING=project.account.key)
    states = {one["check"]: one["message"] for one in told.document["checks"]}

    assert offered
    assert project.run("validate", "--format", "json").document["complaints"] == []
    assert states["environment"] == "staging (account acme-staging)"
    assert ("git" in states["state"]) is in_git


def test_init_asks_nobody_for_anything(project: Project) -> None:
    """No key is needed, and no call is made."""
    made = project.run("init", TAVUS_API_KEY=None)

    assert (made.code, project.account.requests) == (0, [])
    assert made.err.endswith("\nnext: write TAVUS_API_KEY=... into .env or export it, and run `tavusctl plan`\n")


def test_init_does_not_ask_for_a_key_that_is_set(project: Project) -> None:
    assert project.run("init").err.endswith("\nnext: run `tavusctl plan`\n")


def test_what_is_told_to_type_names_the_folder_of_the_command(project: Project) -> None:
    (project.root / "new").mkdir()

    empty = project.run("validate", "-C", "new").err
    made = project.run("-C", "new", "init").err
    again = project.run("-C", "new", "init").err

    assert "  help: run `tavusctl -C new init`, or " in empty
    assert made.endswith("\nnext: run `tavusctl -C new plan`\n")
    assert again.endswith("  help: run `tavusctl -C new validate` to check it\n")


def test_what_findings_tell_to_type_names_the_folder_of_the_command(project: Project) -> None:
    found_id = "kind: persona\nname: coach\nspec: {persona_id: p7e13c73f41f, system_prompt: You coach.}\n"
    project.write("bots/manifests/coach.yaml", found_id)

    found = project.run("-C", "bots", "validate").out
    (listed,) = project.run("validate", "-C", "bots", "--format", "json").document["complaints"]
    planned = project.run("-C", "bots", "plan").err

    hint = "remove it; run `tavusctl -C bots import persona/coach p7e13c73f41f` to manage an object that exists already"
    assert (f"  help: {hint}\n" in found, listed["hint"], f"  help: {hint}\n" in planned) == (True, hint, True)


def test_a_plan_tells_to_validate_in_the_folder_of_the_command(project: Project) -> None:
    project.write(
        "bots/manifests/coach.yaml",
        "kind: persona\nname: coach\nspec: {persona_name: on, system_prompt: Hi}\n",
    )

    assert "; run `tavusctl -C bots validate` to see all warnings\n" in project.run("-C", "bots", "plan").out


def test_what_exists_is_kept_and_a_second_time_is_refused(project: Project) -> None:
    """Files of the user's stay as they are, byte by byte; the state is ignored once."""
    project.write("manifests/prompts/assistant.md", "Mine.\n")
    (project.root / ".gitignore").write_text("node_modules/")

    first = project.run("init")
    files = {path: path.read_bytes() for path in project.root.rglob("*") if path.is_file()}
    second = project.run("init")

    assert (first.code, second.code) == (0, 12)
    assert "the folder is a project already" in second.err
    assert (project.root / "manifests/prompts/assistant.md").read_text() == "Mine.\n"
    assert (project.root / ".gitignore").read_text() == "node_modules/\n.tavusctl/\n.env\n"
    assert {path: path.read_bytes() for path in project.root.rglob("*") if path.is_file()} == files


def test_init_in_a_folder_of_its_own(project: Project) -> None:
    """Made when it is not there."""
    project.expect(0, "init", "bots/sales")
    project.expect(0, "validate", "--chdir", "bots/sales")
    assert not (project.root / "tavusctl.yaml").exists()


IN_THE_WAY = {
    "of the folder": ("taken", ["init", "taken/x"], "`taken/x/manifests/personas`: Not a directory"),
    "of a demo": ("taken", ["init", "--demo", "taken/x"], "`taken/x/manifests/personas`: Not a directory"),
    "of a part of it": ("schemas", ["init"], "`schemas`: File exists"),
    "of schemas": ("taken", ["schema", "--out", "taken/x"], "`taken/x`: Not a directory"),
    "of .github": (".github", ["init", "--github"], ".github/workflows`: Not a directory"),
    "of workflows": (".github/workflows", ["init", "--github"], ".github/workflows`: File exists"),
}


@pytest.mark.sampled(6)
@pytest.mark.parametrize(("file", "command", "told"), IN_THE_WAY.values(), ids=IN_THE_WAY)
def test_a_folder_that_cannot_be_made_is_told(project: Project, file: str, command: list[str], told: str) -> None:
    if "--github" in command:
        project.run("init")
    project.write(file, "")

    ended = project.expect(12, *command)

    assert "error: cannot create the folder `" in ended.err
    assert told in ended.err


def test_a_gitignore_keeps_its_line_ends(project: Project) -> None:
    (project.root / ".gitignore").write_bytes(b"node_modules/\r\ndist/")

    project.expect(0, "init")
    assert (project.root / ".gitignore").read_bytes() == b"node_modules/\r\ndist/\r\n.tavusctl/\r\n.env\r\n"


@pytest.mark.parametrize(("pattern", "told"), [("*.yaml", True), ("manifests/personas/", True), ("*.yml", False)])
def test_files_that_git_would_ignore_are_told(project: Project, pattern: str, *, told: bool) -> None:
    subprocess.run(["git", "init", "--quiet", project.root], check=True)
    (project.root / ".gitignore").write_text(f"{pattern}\n")

    started = project.run("init")

    assert (started.code, "warning: git ignores `manifests/" in started.out + started.err) == (0, told), started.out


def test_a_gitignore_that_is_no_text_is_kept_and_one_that_is_no_file_is_told(project: Project) -> None:
    (project.root / ".gitignore").write_bytes(b"\xff\n")
    (project.root / "other/.gitignore").mkdir(parents=True)
    (project.root / "third").mkdir()
    os.mkfifo(project.root / "third/.gitignore")  # whoever opens it waits until somebody writes into it

    first, second, third = project.run("init"), project.run("init", "other"), project.run("init", "third")

    assert (first.code, (project.root / ".gitignore").read_bytes()) == (0, b"\xff\n.tavusctl/\n.env\n")
    assert (second.code, names_in(project.root / "other")) == (12, [".gitignore"])
    assert "cannot read `other/.gitignore`: Is a directory" in second.err
    assert "cannot read `third/.gitignore`: it is not a regular file" in third.err


def test_an_editor_and_an_assistant_are_told_what_they_need(project: Project) -> None:
    """The extension that reads the schemas, and what an assistant may do; commands and files that it names exist."""
    project.run("init")
    recommended = json.loads((project.root / ".vscode/extensions.json").read_text("utf-8"))["recommendations"]
    told = (project.root / "AGENTS.md").read_text("utf-8")
    assert recommended == ["redhat.vscode-yaml"]
    assert "`manifests/prompts/`" in told
    assert "${file:prompts/NAME.md}" in told
    assert set(re.findall(r"`tavusctl (\w+)", told)) <= set(cli.list_commands(click.Context(cli)))
    assert "Do not run `apply`" in told


def test_its_schemas_are_schemas(project: Project) -> None:
    """As `schema` prints them."""
    project.run("init")
    schemas = sorted((project.root / "schemas").glob("*.schema.json"))

    assert [path.name for path in schemas] == sorted(all_schemas())
    for path in schemas:
        name = path.name.removesuffix(".schema.json")
        meta.validate(json.loads(path.read_text("utf-8")))
        assert project.run("schema", name).out == path.read_text("utf-8")


DEPLOYMENT = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 2}\n"
CHART = "kind: {{ .Values.kind }}\n"


@pytest.mark.parametrize("stranger", [DEPLOYMENT, CHART, "services: {web: {}}\n", "- a\n"])
def test_a_folder_with_files_of_others_is_left_to_them(project: Project, stranger: str) -> None:
    path = project.write("manifests/base/deploy.yml", stranger)

    made = project.expect(0, "init")

    assert "the manifests folder is tavus/, because `manifests/base/deploy.yml` belongs to another program" in made.err
    assert path.read_text() == stranger
    assert list((project.root / "manifests").rglob("*")) == [path.parent, path]
    assert "manifests: tavus\n" in (project.root / "tavusctl.yaml").read_text()
    assert project.run("validate", "--format", "json").document["complaints"] == []


def test_what_the_account_has_is_put_into_a_folder_of_its_own(project: Project) -> None:
    project.write("manifests/deploy.yaml", DEPLOYMENT)
    project.account.seed(personas=[{"persona_name": "Guide", "system_prompt": "Hi."}])

    project.expect(0, "init", "--from-account")
    assert (project.root / "tavus/personas/guide.yaml").is_file()
    assert project.plan()["changes"] == []


@pytest.mark.parametrize("is_link", [False, True])
def test_a_file_in_place_of_the_manifests_folder_is_left_there(project: Project, *, is_link: bool) -> None:
    place = project.root / "manifests"
    place.symlink_to("nowhere") if is_link else place.write_text("notes\n")

    made = project.run("init")

    assert (made.code, project.run("validate").code, place.is_dir()) == (0, 0, False), made.err
    assert "the manifests folder is tavus/, because `manifests` is not a folder" in made.err


@pytest.mark.parametrize("place", [".gitignore", ".vscode", "schemas", "AGENTS.md"])
def test_init_writes_everything_or_nothing(project: Project, place: str) -> None:
    (project.root / place).symlink_to("../elsewhere")

    refused = project.run("init")

    assert (refused.code, names_in(project.root)) == (12, [place]), refused.err


def test_without_a_free_folder_nothing_is_written(project: Project) -> None:
    for name in ("manifests", "tavus", "tavusctl"):
        project.write(f"{name}/deploy.yaml", DEPLOYMENT)

    refused = project.run("init")

    assert (refused.code, (project.root / "tavusctl.yaml").exists()) == (12, False)
    assert "each of the folders manifests, tavus, tavusctl has YAML files of other programs" in refused.err


def test_our_own_manifests_are_no_strangers(project: Project) -> None:
    project.manifest("persona", "mine", {"persona_name": "Mine", "system_prompt": "Hi."})

    project.expect(0, "init")
    assert "manifests: manifests\n" in (project.root / "tavusctl.yaml").read_text()
    project.expect(0, "validate")


def test_a_project_around_is_named_and_its_manifests_are_not_a_place(project: Project) -> None:
    project.run("init")

    beside = project.run("init", "bots/sales")
    inside = project.run("init", "manifests/personas")

    assert (beside.code, inside.code) == (0, 12)
    assert f"another project in {project.root} contains this one" in beside.err
    assert "this folder is inside the manifests folder of the project" in inside.err


def test_a_file_of_kubernetes_is_called_so(project: Project) -> None:
    project.run("init")
    project.write("manifests/deploy.yaml", DEPLOYMENT)

    (found,) = project.run("validate", "--format", "json").document["complaints"]

    assert found["message"] == "this is not a tavusctl manifest: `apiVersion` is a key of Kubernetes"
    assert (found["path"], found["line"]) == ("manifests/deploy.yaml", 1)


HABITS = {"push": "apply", "deploy": "apply", "pull": "export", "ls": "list", "status": "plan"}
HABITS |= {"rollback": "undo", "Plan": "plan", "aply": "apply", "lint": "validate", "down": "destroy"}


@pytest.mark.parametrize(("typed", "ours"), HABITS.items())
def test_a_command_from_habit_leads_to_ours(project: Project, typed: str, ours: str) -> None:
    ended = project.expect(12, typed)

    assert f"unknown command `{typed}` [E1200]\n  help: did you mean `{ours}`?" in ended.err
    project.expect(0, *ours.split(), "--help")


@pytest.mark.parametrize("typed", ["rm", "delete"])
def test_a_delete_of_one_object_never_leads_to_a_delete_of_all(project: Project, typed: str) -> None:
    unknown, too_much = project.run(typed, "persona/coach"), project.run("destroy", "persona/coach")

    assert (unknown.code, too_much.code) == (12, 12)
    assert "destroy" not in unknown.err
    for ended in (unknown, too_much):
        assert "to delete one object, remove its manifest and run `tavusctl apply`" in ended.err


OPTIONS = {
    "plan --json": "--format json",
    "apply --force": "--yes",
    "plan --enviroment prod": "--env",
    "list --output json": "--format",
    "apply --dry-run": "tavusctl plan",
    "plan -target=persona/coach": "--target",
    "apply -auto-approve": "--auto-approve",
    "-version": "--version",
    "-chdir=. plan": "--chdir",
    "state list -format json": "--format",
}


@pytest.mark.parametrize(("typed", "ours"), OPTIONS.items())
def test_an_option_from_habit_leads_to_ours(project: Project, typed: str, ours: str) -> None:
    ended = project.run(*typed.split())

    assert (ended.code, f"did you mean `{ours}`?" in ended.err) == (12, True), ended.err


def test_a_long_option_with_one_dash_is_no_short_one(project: Project) -> None:
    """`-out=FILE` would be `-o`, and a plan file with the name `ut=FILE`."""
    project.run("init")
    ended = project.run("plan", "-out=plan.json")

    assert (ended.code, ended.err) == (12, "error: no such option '-out' [E1200]\n  help: did you mean `--out`?\n")
    assert not (project.root / "ut=plan.json").exists()
    project.expect(0, "plan", "-oplan.json")
    assert (project.root / "plan.json").exists()


def test_an_address_after_plan_leads_to_target(project: Project) -> None:
    ended = project.run("plan", "persona/coach")

    assert (ended.code, "use `--target ADDR`" in ended.err) == (12, True), ended.err


def test_diff_without_an_environment_leads_to_plan(project: Project) -> None:
    ended = project.run("diff")

    assert (ended.code, "to see what an apply would change, run `tavusctl plan`" in ended.err) == (12, True), ended.err
