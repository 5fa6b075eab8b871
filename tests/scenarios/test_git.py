"""Git is run to read, and runs nothing itself: whatever a checkout, its settings or an argument say."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tavusctl.core.errors import UsageError
from tavusctl.integrations.git.process import Git, GitError, head
from tavusctl.integrations.git.worktree import base_tree, merge_base
from tests.scenarios.project import Project
from tests.scenarios.test_base import COACH, commit, git

TRAPS = """
[core]
\tfsmonitor = {trap}
\thooksPath = {hooks}
\tpager = {trap}
\tsshCommand = {trap}
\taskPass = {trap}
\tgitProxy = {trap}
\tattributesFile = {hooks}/attributes
[filter "x"]
\tsmudge = {trap}
\tclean = {trap}
\tprocess = {trap}
\trequired = true
[diff]
\texternal = {trap}
[diff "x"]
\ttextconv = {trap}
\tcommand = {trap}
[merge "x"]
\tdriver = {trap}
[credential]
\thelper = {trap}
[gpg]
\tprogram = {trap}
[uploadpack]
\tpackObjectsHook = {trap}
[protocol]
\tallow = always
[protocol "ext"]
\tallow = always
[protocol "file"]
\tallow = always
[remote "origin"]
\turl = ext::{trap}
\tuploadpack = {trap}
\tpromisor = true
\tpartialclonefilter = blob:none
[extensions]
\tpartialClone = origin
"""
HOOKS = ("post-index-change", "post-checkout", "reference-transaction", "fsmonitor-watchman", "pre-auto-gc")


@pytest.fixture
def repository(project: Project) -> Project:
    """A project in a repository, with a branch that changes something."""
    project.manifest("persona", "coach", COACH)
    git(project, "init", "-qb", "main")
    project.write(".gitattributes", "* filter=x diff=x merge=x\n")
    commit(project)
    git(project, "checkout", "-qb", "work")
    project.manifest("persona", "coach", {**COACH, "system_prompt": "You coach kindly."})
    commit(project)
    return project


def trapped(config: Path, folder: Path) -> Path:
    """Put a program wherever settings can name one; the file that it leaves when it runs."""
    sprung, trap, hooks = folder / "sprung", folder / "trap", folder / "hooks"
    hooks.mkdir()
    for path in (trap, *(hooks / name for name in HOOKS)):
        path.write_text(f"#!/bin/sh\nenv >> {sprung}\ncat\n")
        path.chmod(0o755)
    (hooks / "attributes").write_text("* filter=x diff=x\n")
    with config.open("a") as file:
        file.write(TRAPS.format(trap=trap, hooks=hooks))
    return sprung


COMMANDS = [("plan", "--base", "main"), ("plan", "--blame", "--base", "main"), ("plan", "--out", "plan.json")]


@pytest.mark.parametrize("args", COMMANDS, ids=" ".join)
def test_nothing_that_the_settings_of_a_repository_name_is_run(
    repository: Project, tmp_path_factory: pytest.TempPathFactory, args: tuple[str, ...]
) -> None:
    sprung = trapped(repository.root / ".git/config", tmp_path_factory.mktemp("traps"))

    repository.expect(0, *args)
    assert not sprung.exists(), sprung.read_text()


@pytest.mark.parametrize("args", COMMANDS, ids=" ".join)
def test_a_folder_of_a_checkout_is_no_repository(
    repository: Project, tmp_path_factory: pytest.TempPathFactory, args: tuple[str, ...]
) -> None:
    """HEAD, config, objects and refs are names of files as any other: they can be committed."""
    folder = tmp_path_factory.mktemp("traps")
    inner = Project(repository.root / "inner", repository.account)
    shutil.copytree(repository.root / "manifests", inner.root / "manifests")
    for name in ("HEAD", "config", "objects", "refs", "index"):
        path = repository.root / ".git" / name
        (shutil.copytree if path.is_dir() else shutil.copy)(path, inner.root / name)
    (inner.root / "config").write_text("[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = .\n")
    sprung = trapped(inner.root / "config", folder)

    shown = inner.run(*args)

    assert not sprung.exists(), sprung.read_text()
    assert shown.code == (12 if "--base" in args else 0), shown.err
    assert "--base" not in args or "bare repository" in shown.err


def test_no_other_machine_is_asked_for_what_a_partial_clone_lacks(
    repository: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    sprung = trapped(repository.root / ".git/config", tmp_path_factory.mktemp("traps"))
    blob = git(repository, "rev-parse", "main:manifests/persona-coach.yaml").strip()
    (repository.root / ".git/objects" / blob[:2] / blob[2:]).unlink()

    repository.expect(12, "plan", "--base", "main")
    assert not sprung.exists(), sprung.read_text()


def test_git_learns_no_secret(repository: Project, tmp_path: Path) -> None:
    fake = tmp_path / "bin/git"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\nenv >> {tmp_path}/seen\nexec {shutil.which("git")} "$@"\n')
    fake.chmod(0o755)

    shown = repository.run(
        "plan",
        "--base",
        "main",
        "--blame",
        PATH=f"{fake.parent}:{os.environ['PATH']}",
        OPENAI="canary-1",
        GIT_DIR="canary-2",
    )

    assert shown.code == 0, shown.err
    seen = (tmp_path / "seen").read_text()
    assert "GIT_ALLOW_PROTOCOL=none" in seen
    for word in ("canary", repository.account.key, "TAVUS"):
        assert word not in seen


def test_a_git_of_the_checkout_is_not_taken(repository: Project) -> None:
    (repository.root / "git").write_text(f"#!/bin/sh\ntouch {repository.root}/sprung\n")
    (repository.root / "git").chmod(0o755)

    repository.expect(0, "plan", "--base", "main", PATH=f".:bin::{os.environ['PATH']}")
    assert not (repository.root / "sprung").exists()


@given(st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=30))
@example("--output=x")
@example("-h")
@example("--upload-pack=touch x")
@example("HEAD --not")
@example(":(exclude)x")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
def test_no_name_is_an_option(repository: Project, name: str) -> None:
    before = sorted(repository.root.rglob("*"))
    with contextlib.suppress(UsageError):
        assert merge_base(repository.root, name)
    assert sorted(repository.root.rglob("*")) == before


def test_files_of_a_commit_are_as_they_are_kept(repository: Project) -> None:
    """No filter, no line ends of another system, links that stay, odd names; nothing is written through a link."""
    root = repository.root
    repository.write("sub/a b\n.txt", "x\n")
    (root / "sub/raw").write_bytes(b"\xff\r\n\0")
    (root / "sub/caf\udce9").write_bytes(b"bytes")
    for name, to in {
        "in": "a b\n.txt",
        "up": "../manifests",
        "out": "../../x",
        "abs": "/etc/passwd",
        "odd": "x/../..",
    }.items():
        (root / "sub" / name).symlink_to(to)
    git(repository, "config", "core.autocrlf", "true")
    commit(repository)

    with base_tree(root, "HEAD", merge_base(root, "HEAD")) as found:
        made = found.root / "sub"
        assert (made / "raw").read_bytes() == b"\xff\r\n\0"
        assert (made / "caf\udce9").read_bytes() == b"bytes"
        assert (made / "in").read_text() == "x\n"
        assert (made / "up/persona-coach.yaml").is_file()
        assert listed(made) == ["a b\n.txt", "caf\udce9", "in", "raw", "up"]


def test_a_tree_that_names_places_elsewhere_writes_nothing_there(repository: Project) -> None:
    blob = git(repository, "rev-parse", "HEAD:.gitattributes").strip()
    inner = made_tree(repository, f"100644 blob {blob}\tescaped")
    for name in ("..", ".git", ".", ".GIT"):
        tree = made_tree(repository, f"040000 tree {inner}\t{name}", f"100644 blob {blob}\tgood")
        made = git(repository, "commit-tree", tree, "-p", "main", "-m", "x").strip()
        git(repository, "update-ref", "refs/heads/bad", made)
        git(repository, "symbolic-ref", "HEAD", "refs/heads/bad")
        with base_tree(repository.root, "bad", merge_base(repository.root, "bad")) as found:
            assert listed(found.root) == ["good"]
            assert listed(found.root.parent) == ["project"]


def listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def made_tree(project: Project, *lines: str) -> str:
    """A tree that no command of git would make of files."""
    content = b""
    for line in lines:
        about, name = line.split("\t")
        mode, _, id_ = about.split()
        content += f"{mode.lstrip('0')} {name}\0".encode() + bytes.fromhex(id_)
    done = subprocess.run(
        ["git", "hash-object", "-t", "tree", "-w", "--stdin", "--literally"],
        cwd=project.root,
        input=content,
        capture_output=True,
        check=True,
    )
    return done.stdout.decode().strip()


def replaced(folder: Path, script: str) -> dict[str, str]:
    """Variables with another git."""
    (folder / "git").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "git").chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.mark.parametrize(
    ("script", "told"),
    [("sleep 60", "took longer than 1 s"), ("yes", "printed more than 64 MiB"), ("echo no >&2; exit 1", "no")],
)
def test_git_takes_no_longer_and_says_no_more_than_it_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, told: str
) -> None:
    monkeypatch.setenv("PATH", replaced(tmp_path, script)["PATH"])
    began = time.monotonic()

    with pytest.raises(GitError, match=told):
        Git(tmp_path, 1.0 if "sleep" in script else 30.0).text("status")

    assert time.monotonic() - began < 20


def test_the_commit_of_a_plan_file_is_gits_and_of_no_file_that_a_name_leads_to(repository: Project) -> None:
    assert head(repository.root) == git(repository, "rev-parse", "HEAD").strip()
    (repository.root / "secret").write_text("canary-of-a-file\n")
    (repository.root / ".git/HEAD").write_text("ref: ../secret\n")

    assert head(repository.root) == ""
    repository.expect(0, "plan", "--out", "plan.json", GITHUB_SHA=None)
    assert "canary-of-a-file" not in (repository.root / "plan.json").read_text()
