"""The one writer of files that people name: rights, links, whole files, and nothing outside of the project."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tavusctl.app.files import file_writer
from tavusctl.app.files.file_writer import real_path, record, write
from tavusctl.core.errors import RefusedError, UsageError
from tavusctl.secrets import redaction
from tavusctl.secrets.redaction import Record

TEXT = Record("new\n")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project and a folder beside it, with the working folder inside."""
    root = tmp_path / "project"
    (root / "sub").mkdir(parents=True)
    (root / "tavusctl.yaml").touch()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "theirs").write_text("theirs")
    monkeypatch.chdir(root / "sub")
    return root


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_for_its_owner_even_where_one_for_everybody_was(project: Path) -> None:
    old = project / "plan.json"
    old.write_text("old")
    old.chmod(0o644)
    write(Path("../plan.json"), TEXT)
    assert (old.read_text(), mode(old)) == ("new\n", 0o600)


def test_a_file_that_is_somebody_elses_keeps_its_rights(project: Path) -> None:
    old = project / ".env"
    old.write_text("old")
    old.chmod(0o640)
    write(old, TEXT, keep_rights=True)
    write(project / "new.env", TEXT, keep_rights=True)
    assert (mode(old), mode(project / "new.env")) == (0o640, 0o600)


@pytest.mark.parametrize("named", ["link", "folder/theirs", "dangling"])
def test_a_link_does_not_lead_out_of_the_project(project: Path, named: str) -> None:
    outside = project.parent / "outside"
    (project / "link").symlink_to(outside / "theirs")
    (project / "folder").symlink_to(outside)
    (project / "dangling").symlink_to(outside / "not there")
    for path in (project / named, Path("..") / named):
        with pytest.raises(UsageError, match="out of the project"):
            write(path, TEXT)
    assert {one.name: one.read_text() for one in outside.iterdir()} == {"theirs": "theirs"}


def test_a_link_that_stays_in_the_project_is_followed(project: Path) -> None:
    (project / "link").symlink_to("sub/real")
    write(project / "link", TEXT)
    assert (project / "link").is_symlink()
    assert (project / "sub" / "real").read_text() == "new\n"


def test_a_place_outside_is_named_from_the_root_or_not_at_all(project: Path) -> None:
    outside = project.parent / "outside" / "report.md"
    with pytest.raises(UsageError, match="out of the project") as error:
        write(Path("../../outside/report.md"), TEXT)
    assert str(outside) in error.value.hint
    assert not outside.exists()
    write(outside, TEXT)
    assert outside.read_text() == "new\n"


@pytest.mark.usefixtures("project")
def test_what_is_no_file_is_written_to_and_not_replaced() -> None:
    write(Path(os.devnull), TEXT)
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_a_file_that_cannot_be_written_leaves_nothing_behind(project: Path) -> None:
    (project / "taken").mkdir()
    (project / "taken" / "by").touch()
    with pytest.raises(UsageError, match="cannot write"):
        write(project / "taken", TEXT)
    with pytest.raises(UsageError, match="cannot write"):
        write(project / "missing" / "file", TEXT)
    assert sorted(one.name for one in project.iterdir()) == ["sub", "taken", "tavusctl.yaml"]


def test_rights_are_narrow_from_the_first_byte(project: Path) -> None:
    """Whatever the process lets others see of new files."""
    before = os.umask(0)
    try:
        write(project / "private", TEXT)
        write(project / "public", TEXT, rights=file_writer.PUBLIC)
    finally:
        os.umask(before)
    assert (mode(project / "private"), mode(project / "public")) == (0o600, 0o644)


def test_without_a_project_file_the_working_folder_is_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert real_path(Path("report.md")) == Path(os.path.realpath(tmp_path)) / "report.md"


def test_a_record_with_the_value_of_a_secret_is_refused_by_the_name_of_the_secret() -> None:
    with redaction.isolated_run():
        redaction.register("acme-staging", "TENANT")
        redaction.register("sk-without-a-name")
        assert record("nothing of that", "the plan file") == "nothing of that"
        with pytest.raises(RefusedError, match="the plan file would contain the value of TENANT") as error:
            record('{"prompt": "You work for acme\\u002dstaging."}', "the plan file")
        assert error.value.exit_code == 4
        with pytest.raises(RefusedError, match="a key or token"):
            record("sk-without-a-name", "the plan file")
