"""What cannot be read is not gone: nothing is planned, and the reason names the file or folder."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.scenarios.project import Project

COACH = {"persona_name": "Coach", "system_prompt": "You coach."}
Spoil = Callable[[Path, Path], None]
COMMANDS = [
    ("plan",),
    ("apply", "--yes", "--allow-deletes", "1"),
    ("drift",),
    ("destroy", "--yes", "--allow-deletes", "2"),
    ("adopt", "--all"),
    ("recrawl",),
    ("verify",),
    ("output",),
    ("validate",),
]


def linked(folder: Path, outside: Path) -> None:
    """Move a folder elsewhere in the project, and leave a link."""
    shutil.move(folder, folder.parents[1] / "common")
    folder.symlink_to("../common")
    assert outside.is_dir()


def linked_out(folder: Path, outside: Path) -> None:
    """Move a folder out of the project, and leave a link."""
    shutil.move(folder, outside / "team")
    folder.symlink_to(outside / "team")


def dangling(folder: Path, _: Path) -> None:
    """Leave a link to what is not checked out."""
    shutil.rmtree(folder)
    folder.symlink_to("../submodule/team")


def circular(folder: Path, _: Path) -> None:
    """Leave a link to itself."""
    shutil.rmtree(folder)
    folder.symlink_to(folder.name)


def inner_circle(folder: Path, _: Path) -> None:
    """Leave a link to the folder around."""
    shutil.rmtree(folder)
    folder.symlink_to(".")


def encoded(folder: Path, _: Path) -> None:
    """Write the manifest anew in another encoding."""
    path = folder / "coach.yaml"
    path.write_bytes(path.read_text().replace("coach.", "c\u00f6ach.").encode("utf-16"))


def special(folder: Path, _: Path) -> None:
    """Put a pipe where the manifest was."""
    (folder / "coach.yaml").unlink()
    os.mkfifo(folder / "coach.yaml")


def linked_file(folder: Path, outside: Path) -> None:
    """Leave a link to a file outside of the project."""
    shutil.move(folder / "coach.yaml", outside / "coach.yaml")
    (folder / "coach.yaml").symlink_to(outside / "coach.yaml")


def lost_file(folder: Path, _: Path) -> None:
    """Leave a link to a file that is not there."""
    (folder / "coach.yaml").unlink()
    (folder / "coach.yaml").symlink_to("nowhere.yaml")


SPOILT = [linked, linked_out, dangling, circular, inner_circle, encoded, special, linked_file, lost_file]


@pytest.fixture
def team(project: Project) -> Project:
    """A persona whose manifest lies in a folder, and another one beside, applied."""
    project.manifest("persona", "other", {**COACH, "persona_name": "Other"})
    project.write("manifests/team/coach.yaml", f"kind: persona\nname: coach\nspec: {COACH}\n")
    return project.apply_and_forget()


@pytest.mark.parametrize("spoil", SPOILT)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one[0])
def test_every_command_stops_and_names_the_place(
    team: Project, tmp_path_factory: pytest.TempPathFactory, spoil: Spoil, command: tuple[str, ...]
) -> None:
    spoil(team.root / "manifests/team", tmp_path_factory.mktemp("outside"))

    result = team.expect(10, *command)

    assert "manifests/team" in result.out + result.err
    assert team.account.writes == []


@pytest.mark.parametrize("spoil", SPOILT)
def test_a_plan_file_from_before_deletes_nothing(
    team: Project, tmp_path_factory: pytest.TempPathFactory, spoil: Spoil
) -> None:
    team.expect(0, "plan", "--out", "plan.json")
    spoil(team.root / "manifests/team", tmp_path_factory.mktemp("outside"))

    team.expect(10, "apply", "plan.json")
    assert len(team.account.objects("personas")) == 2


@pytest.mark.parametrize("folder", ["manifests/team", "manifests"])
def test_a_folder_that_may_not_be_listed_stops_the_plan(
    team: Project, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the system refuses it; whoever runs the tests may be allowed to read everything."""
    listed = os.scandir

    def refused(path: str) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
        if Path(path) == team.root / folder:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return listed(path)

    monkeypatch.setattr(os, "scandir", refused)
    result = team.run("apply", "--yes", "--allow-deletes", "1")

    assert (result.code, f"{folder}:1:1" in result.err) == (10, True), result.err
    assert "Permission denied" in result.err


@pytest.mark.parametrize("spoil", [linked, linked_out, dangling, circular])
def test_the_manifests_folder_itself(team: Project, tmp_path_factory: pytest.TempPathFactory, spoil: Spoil) -> None:
    """A link to it that ends inside the project is followed; nothing else looks like an empty project."""
    (team.root / "wrapped").mkdir()
    shutil.move(team.root / "manifests", team.root / "wrapped/manifests")
    team.write("tavusctl.yaml", "manifests: wrapped/manifests\n")
    team.expect(0, "plan", "--detailed-exitcode")
    spoil(team.root / "wrapped/manifests", tmp_path_factory.mktemp("outside"))

    result = team.run("apply", "--yes", "--allow-deletes", "2")

    if spoil is linked:
        team.expect(0, "plan", "--detailed-exitcode")
    assert result.code in {4, 10}
    assert team.account.writes == []


def test_a_link_to_a_single_file_is_followed(team: Project) -> None:
    (team.root / "common").mkdir()
    shutil.move(team.root / "manifests/team/coach.yaml", team.root / "common/coach.yaml")
    (team.root / "manifests/team/coach.yaml").symlink_to("../../common/coach.yaml")

    team.expect(0, "plan", "--detailed-exitcode")


def test_a_link_to_a_prompt_is_no_folder(team: Project) -> None:
    team.write("prompts/coach.md", "You coach.")
    (team.root / "manifests/coach.md").symlink_to("../prompts/coach.md")

    team.expect(0, "plan", "--detailed-exitcode")


def test_a_folder_with_misnamed_manifests_alone_names_one(project: Project) -> None:
    project.write(
        "manifests/coach.yaml.txt", "kind: persona\nname: coach\nspec: {persona_name: Coach, system_prompt: Hi.}\n"
    )

    for command in (("plan",), ("validate",)):
        result = project.run(*command)
        assert (result.code, "no manifest found in manifests [E420]" in result.err) == (4, True), command
        assert (
            "help: `manifests/coach.yaml.txt` looks like a manifest, but is not read: rename it to `coach.yaml`"
            in result.err
        )
