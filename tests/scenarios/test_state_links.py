"""Links in a checkout lead no state, and nothing that is kept beside it, out of the project."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios.project import Project

COMMANDS = (("plan",), ("apply", "--yes", "--allow-deletes", "5"), ("destroy", "--yes"), ("undo",), ("state", "list"))


@pytest.fixture
def checkout(project: Project, tmp_path: Path) -> Project:
    """A project in a folder, with a manifest."""
    made = Project(tmp_path / "checkout", project.account, project.environment)
    made.write("tavusctl.yaml", "version: 1\n")
    made.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You help."})
    return made


def test_the_state_of_another_project_is_not_reached_by_a_link(checkout: Project, tmp_path: Path) -> None:
    other = Project(tmp_path / "other", checkout.account, checkout.environment)
    other.write("tavusctl.yaml", "version: 1\n")
    other.manifest("persona", "precious", {"persona_name": "Precious", "system_prompt": "You help."})
    other.apply()
    (checkout.root / ".tavusctl").symlink_to(other.root / ".tavusctl")
    checkout.account.forget()

    for command in COMMANDS:
        refused = checkout.expect(12, *command)
        assert "E1211" in refused.err
    assert checkout.account.writes == []


@pytest.mark.parametrize(
    ("state", "link"),
    [("", ".tavusctl/runs"), ("", ".tavusctl/trash"), ("file://st/state.json", "st"), ("./st/in/state.json", "st")],
)
def test_nothing_beside_the_state_is_written_through_a_link(
    checkout: Project, tmp_path: Path, state: str, link: str
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if state:
        checkout.write("tavusctl.yaml", f"version: 1\nenvironments:\n  default: {{state: '{state}'}}\n")
    (checkout.root / link).parent.mkdir(exist_ok=True)
    (checkout.root / link).symlink_to(elsewhere)
    refused = checkout.run("apply", "--yes")

    assert (refused.code, checkout.account.writes, list(elsewhere.iterdir())) == (12, [], [])
    assert "E1211" in refused.err


def test_no_project_is_made_through_a_link(checkout: Project, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (checkout.root / "agents").symlink_to(elsewhere)
    refused = checkout.run("init", "agents")

    assert (refused.code, list(elsewhere.iterdir())) == (12, [])
    assert "E1211" in refused.err
    checkout.expect(0, "init", str(elsewhere))


def test_a_link_inside_the_project_and_a_file_elsewhere_are_used(checkout: Project, tmp_path: Path) -> None:
    (checkout.root / "states").mkdir()
    (checkout.root / ".tavusctl").symlink_to("states")
    checkout.apply()
    assert (checkout.root / "states/state.json").exists()

    place = f"file://{tmp_path}/elsewhere/state.json"
    checkout.write("tavusctl.yaml", f"version: 1\nenvironments:\n  default: {{state: '{place}'}}\n")
    checkout.apply("--import-existing")
    assert (tmp_path / "elsewhere/state.json").exists()
