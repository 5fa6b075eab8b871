"""A new project: valid as it stands, applied with one command, and nothing of anybody's overwritten."""

from __future__ import annotations

import json

from jsonschema import Draft202012Validator

from tests.scenarios.project import Project


def test_a_new_project_is_valid_and_applies(project: Project) -> None:
    """Without an edit; the second plan is empty."""
    made = project.run("init")
    checked = project.run("validate", "--format", "json")
    project.apply()

    assert (made.code, made.out, project.account.control("GET", "violations")["violations"]) == (0, "", [])
    assert checked.document["complaints"] == []
    assert set(json.loads(project.run("state", "list", "--format", "json").out)) == {
        "guardrails/house-rules",
        "persona/assistant",
    }
    assert project.plan()["changes"] == []


def test_init_asks_nobody_for_anything(project: Project) -> None:
    """No key is needed, and no call is made."""
    made = project.run("init", TAVUS_API_KEY=None)

    assert (made.code, project.account.requests) == (0, [])
    assert "tavusctl plan" in made.err


def test_what_exists_is_kept_and_a_second_time_is_refused(project: Project) -> None:
    """Files of the user's stay as they are, byte by byte; the state is ignored once."""
    project.write("manifests/prompts/assistant.md", "Mine.\n")
    (project.root / ".gitignore").write_text("node_modules/")

    first = project.run("init")
    files = {path: path.read_bytes() for path in project.root.rglob("*") if path.is_file()}
    second = project.run("init")

    assert (first.code, second.code) == (0, 12)
    assert "this is a project already" in second.err
    assert (project.root / "manifests/prompts/assistant.md").read_text() == "Mine.\n"
    assert (project.root / ".gitignore").read_text() == "node_modules/\n.tavusctl/\n"
    assert {path: path.read_bytes() for path in project.root.rglob("*") if path.is_file()} == files


def test_init_in_a_folder_of_its_own(project: Project) -> None:
    """Made when it is not there."""
    made = project.run("init", "bots/sales")

    assert made.code == 0
    assert project.run("validate", "--chdir", "bots/sales").code == 0
    assert not (project.root / "tavusctl.yaml").exists()


def test_its_schemas_are_schemas(project: Project) -> None:
    """As `schema` prints them."""
    project.run("init")
    schemas = sorted((project.root / "schemas").glob("*.schema.json"))

    assert len(schemas) == 7
    for path in schemas:
        name = path.name.removesuffix(".schema.json")
        Draft202012Validator.check_schema(json.loads(path.read_text("utf-8")))
        assert project.run("schema", name).out == path.read_text("utf-8")
