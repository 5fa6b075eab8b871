"""The local copy of a repository that holds a state."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tavusctl.state.git.repository import Repository


def test_a_commit_that_is_missing_stays_missing_however_often_it_is_looked_up(tmp_path: Path) -> None:
    """A ref may move between its listing and the fetch: a commit without content must never count as fetched."""
    subprocess.run(["git", "init", "--quiet", "--bare", tmp_path / "hub.git"], check=True)
    project = tmp_path / "project"
    project.mkdir()
    repository = Repository(project, f"file://{tmp_path}/hub.git")
    missing, made = "1" * 40, repository.commit("", {"journal": b"x\n"}, 0)

    for _ in range(2):
        assert repository.kinds([missing, made]) == {missing: "", made: "commit"}
    assert list(repository.files(made)) == ["journal"]
