"""The local copy of a repository that holds a state."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tavusctl.state.git.repository import Repository, Update


def test_of_a_ref_that_has_moved_since_it_was_listed_the_newer_commit_is_fetched(tmp_path: Path) -> None:
    """A commit without content must never count as fetched."""
    subprocess.run(["git", "init", "--quiet", "--bare", tmp_path / "hub.git"], check=True)
    project = tmp_path / "project"
    project.mkdir()
    repository = Repository(project, f"file://{tmp_path}/hub.git")
    listed, ref = "1" * 40, "refs/tavusctl/team"
    first = repository.commit("", {"journal": b"x\n"}, 5)
    second = repository.commit(first, {"journal": None, "state.json": b"{}\n"}, 7)
    other = Repository(project, f"file://{tmp_path}/hub.git")

    for before, commit, time in (("", first, 5), (first, second, 7)):
        assert repository.push([Update(ref, before, commit)]) is None
        assert other.fetch({ref: listed, "refs/tavusctl/none": ""}) == {ref: commit, "refs/tavusctl/none": ""}
        assert (other.files(commit), other.time_of(commit)) == (repository.files(commit), time)
        assert (other.age(commit), repository.age(commit)) == (time // 3, time // 3)
    assert other.content(other.files(second)["state.json"]) == b"{}\n"
