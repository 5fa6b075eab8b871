"""A state in the project's own repository, until that has a remote; and repositories of every kind."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.scenarios.project import Project
from tests.scenarios.test_git_state import git
from tests.stores.git_server import git_server

SETTINGS = "version: 1\nenvironments:\n  default:\n    state: {}\n"
REF = "refs/tavusctl/default"


def program(path: Path, text: str) -> Path:
    """A shell script."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def persona(project: Project, name: str) -> None:
    """Add a persona to a project."""
    project.manifest("persona", name, {"persona_name": name.title(), "system_prompt": "You help."})


@pytest.fixture
def own(project: Project, tmp_path: Path) -> Project:
    """A project of one persona in a repository without a remote."""
    made = Project(tmp_path / "checkout", project.account, {**project.environment, "HOME": str(tmp_path)})
    made.write("tavusctl.yaml", SETTINGS.format("git"))
    persona(made, "coach")
    git(made.root, "init", "--quiet", "--initial-branch=main")
    return made


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    """An empty bare repository beside the project."""
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "hub.git")
    return tmp_path / "hub.git"


def test_a_setting_of_a_remote_without_a_url_makes_no_remote(own: Project, tmp_path: Path) -> None:
    (tmp_path / ".gitconfig").write_text('[remote "origin"]\n\tprune = true\n')
    (own.root / "tavusctl.yaml").unlink()
    own.expect(0, "init")
    own.apply()

    assert REF in git(own.root, "for-each-ref")


def test_a_state_that_has_moved_to_a_remote_is_not_read_here_when_the_remote_is_gone(own: Project, hub: Path) -> None:
    own.apply()
    git(own.root, "remote", "add", "origin", str(hub))
    git(own.root, "push", "--quiet", "origin", REF)
    persona(own, "guide")
    own.apply()
    git(own.root, "remote", "remove", "origin")
    own.account.forget()

    for command in (("plan",), ("apply", "--yes"), ("state", "list")):
        refused = own.expect(12, *command)
        assert "E1203" in refused.err
        assert "`git remote add origin URL`" in refused.err
    assert own.account.writes == []

    git(own.root, "fetch", "--quiet", str(hub), f"+{REF}:{REF}")
    git(own.root, "update-ref", "-d", "refs/tavusctl/moved.default")
    own.expect(0, "plan", "--detailed-exitcode")


def test_the_commands_of_the_hint_are_enough_before_any_run_with_the_remote(own: Project, hub: Path) -> None:
    own.apply()
    git(own.root, "remote", "add", "origin", str(hub))
    refused = own.run("plan")
    commands = [part for part in refused.err.split("`") if part.startswith("git ")]
    for command in commands:
        git(own.root, *command.split()[1:])
    own.expect(0, "plan", "--detailed-exitcode")
    git(own.root, "remote", "remove", "origin")

    assert len(commands) == 2
    own.expect(12, "plan")


def test_a_remote_with_an_older_state_than_the_repository_is_not_believed(own: Project, hub: Path) -> None:
    own.apply()
    git(own.root, "push", "--quiet", str(hub), REF)
    persona(own, "guide")
    own.apply()
    git(own.root, "remote", "add", "origin", str(hub))
    refused = own.expect(9, "plan")

    assert "the state is newer in this repository" in refused.err


def test_a_state_that_has_moved_is_missed_in_another_remote(own: Project, hub: Path, tmp_path: Path) -> None:
    own.apply()
    git(own.root, "remote", "add", "origin", str(hub))
    git(own.root, "push", "--quiet", "origin", REF)
    persona(own, "guide")
    own.apply()
    git(tmp_path, "init", "--quiet", "--bare", "empty.git")
    git(own.root, "remote", "set-url", "origin", str(tmp_path / "empty.git"))
    refused = own.expect(9, "plan")

    assert "the state has moved to a remote" in refused.err


def test_a_clone_that_has_lost_its_remote_has_no_state_of_its_own(own: Project, hub: Path) -> None:
    git(own.root, "remote", "add", "origin", str(hub))
    git(own.root, "commit", "--quiet", "--allow-empty", "-m", "Begin")
    git(own.root, "push", "--quiet", "origin", "HEAD:main")
    own.apply()
    git(own.root, "config", "--remove-section", "remote.origin")
    refused = own.expect(12, "plan")

    assert "has had a remote" in refused.err


def test_a_push_into_the_own_repository_runs_nothing_of_its_settings(own: Project, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    ran.mkdir()
    git(tmp_path, "init", "--quiet", "--bare", "other.git")
    alternates = own.root / ".git/objects/info/alternates"
    alternates.write_text(f"{tmp_path}/other.git/objects\n")
    git(own.root, "config", "core.alternateRefsCommand", f"touch {ran}/alternate; true")
    git(own.root, "config", "core.fsmonitor", f"touch {ran}/monitor; true")
    own.apply()
    own.write("tavusctl.yaml", SETTINGS.format(f"git+file://{own.root}"))
    persona(own, "guide")
    own.apply("--import-existing")

    assert list(ran.iterdir()) == []


@pytest.mark.parametrize("setting", ["pushOption = ci.skip", "gpgSign = if-asked\n\tuseForceIfIncludes = true"])
def test_settings_for_pushes_to_forges_do_not_matter_here(own: Project, tmp_path: Path, setting: str) -> None:
    (tmp_path / ".gitconfig").write_text(f"[push]\n\t{setting}\n")
    own.apply()

    own.expect(0, "plan", "--detailed-exitcode")


FORMS = (
    *("file://{}", "{}", "inner", "./inner", "file://localhost/../{}", "file://{}/%2e"),
    *("file://localhost{}", "file://%6Cocalhost{}", "file://a:1{}", "file://[::1]{}", "file:////{}", "file://a%2Fb{}"),
)


@pytest.mark.parametrize("form", FORMS)
def test_a_repository_among_the_files_of_a_project_is_never_used(own: Project, tmp_path: Path, form: str) -> None:
    inner = own.root / "inner"
    git(own.root, "init", "--quiet", "--bare", "inner")
    program(inner / "hooks/pre-receive", f"touch {tmp_path}/ran")
    own.write("tavusctl.yaml", SETTINGS.format(f"git+{form.format(inner)}"))
    refused = own.expect(12, "apply", "--yes")

    assert "is among the files of the project" in refused.err
    assert not (tmp_path / "ran").exists()


def test_a_path_of_a_repository_is_relative_to_the_project(own: Project, hub: Path) -> None:
    own.write("tavusctl.yaml", SETTINGS.format("git+../hub.git"))
    own.apply()

    assert REF in git(hub, "for-each-ref")
    own.expect(0, "plan", "--detailed-exitcode")


def test_on_a_ci_machine_a_repository_beside_the_project_is_lost_too(own: Project, hub: Path) -> None:
    for address in (f"file://{hub}", "../hub.git"):
        own.write("tavusctl.yaml", SETTINGS.format(f"git+{address}"))
        refused = own.expect(4, "apply", "--yes", CI="true", TAVUSCTL_LOCAL_STATE=None)
        assert "E412" in refused.err


@pytest.mark.parametrize("place", ["included by the user", "included", "of the work tree", "in another global file"])
def test_git_finds_its_way_as_it_does_for_the_project(own: Project, hub: Path, tmp_path: Path, place: str) -> None:
    shell = program(tmp_path / "ssh", f'echo used >> {tmp_path}/ssh.log\nfor word; do last=$word; done\nsh -c "$last"')
    settings = tmp_path / "work.inc"
    settings.write_text(f"[core]\n\tsshCommand = {shell}\n")
    git(own.root, "remote", "add", "origin", f"git@github.example:{hub}")
    variables = {}
    if place == "included by the user":
        (tmp_path / ".gitconfig").write_text(f'[includeIf "gitdir:{own.root}/"]\n\tpath = {settings}\n')
    elif place == "included":
        git(own.root, "config", "include.path", str(settings))
    elif place == "of the work tree":
        git(own.root, "config", "extensions.worktreeConfig", "true")
        git(own.root, "config", "--worktree", "core.sshCommand", str(shell))
    else:
        variables["GIT_CONFIG_GLOBAL"] = str(settings)
    own.expect(0, "apply", "--yes", **variables)
    assert (tmp_path / "ssh.log").exists()
    assert REF in git(hub, "for-each-ref")


@pytest.mark.parametrize("where", ["here", "in the remote", "in another repository", "in an empty one"])
def test_a_repository_with_ids_of_sha256(own: Project, tmp_path: Path, where: str) -> None:
    (own.root / ".git").rename(tmp_path / "unused")
    git(own.root, "init", "--quiet", "--object-format=sha256")
    if where != "here":
        git(tmp_path, "init", "--quiet", "--bare", "--object-format=sha256", "hub.git")
    if where in ("in the remote", "in another repository"):
        git(own.root, "remote", "add", "origin", str(tmp_path / "hub.git"))
        git(own.root, "commit", "--quiet", "--allow-empty", "-m", "Begin")
        git(own.root, "push", "--quiet", "origin", "HEAD")
    if where in ("in another repository", "in an empty one"):
        (own.root / ".git").rename(tmp_path / "unused as well")
        own.write("tavusctl.yaml", SETTINGS.format("git+../hub.git"))
    own.apply()

    own.expect(0, "plan", "--detailed-exitcode")


@pytest.mark.parametrize("name", [b"lock", "日本語".encode() * 12, b"caf\xe9"])
@pytest.mark.parametrize("is_top", [True, False])
def test_a_project_in_a_folder_of_any_name(own: Project, tmp_path: Path, name: bytes, is_top: bool) -> None:
    folder = tmp_path / os.fsdecode(name) if is_top else own.root / os.fsdecode(name)
    folder.mkdir()
    if is_top:
        git(folder, "init", "--quiet")
    project = Project(folder, own.account, own.environment)
    project.write("tavusctl.yaml", SETTINGS.format("git"))
    persona(project, "coach")
    project.apply()

    assert project.run("plan", "--detailed-exitcode").code == 0
    assert project.run("doctor").code in (0, 11)


@pytest.mark.parametrize("has_remote", [False, True])
def test_an_environment_whose_name_git_does_not_like(own: Project, hub: Path, has_remote: bool) -> None:
    own.write("tavusctl.yaml", SETTINGS.format("git").replace("default", "lock"))
    own.apply()
    if has_remote:
        git(own.root, "remote", "add", "origin", str(hub))
        git(own.root, "push", "--quiet", "origin", "refs/tavusctl/lock")
        persona(own, "guide")
        own.apply()

    own.expect(0, "plan", "--detailed-exitcode")


def test_init_names_the_ref_of_a_project_in_a_folder(own: Project) -> None:
    own.expect(0, "init", "apps/x")

    assert "refs/tavusctl/folder.apps%2Fx/default" in (own.root / "apps/x/tavusctl.yaml").read_text()


def _without_a_lock_file(root: Path) -> None:
    tree = git(root, "hash-object", "-t", "tree", "-w", os.devnull)
    git(root, "update-ref", "refs/tavusctl/lock.default", git(root, "commit-tree", tree, "-m", "nothing"))


def _no_commit(root: Path) -> None:
    git(root, "update-ref", REF, git(root, "hash-object", "-w", "tavusctl.yaml"))


def _lock_of_git(root: Path) -> None:
    (root / ".git/refs/tavusctl/default.lock").write_text("")


@pytest.mark.parametrize(
    ("damage", "told", "hint"),
    [
        (_without_a_lock_file, "is not a lock: it has no file `lock`", "git update-ref -d refs/tavusctl/lock.default"),
        (_no_commit, "is not a state: it is no commit", f"git update-ref -d {REF}"),
        (_lock_of_git, "default.lock': File exists", "remove that file"),
    ],
)
def test_what_is_wrong_with_a_ref_is_told(own: Project, damage: object, told: str, hint: str) -> None:
    own.apply()
    assert callable(damage)
    damage(own.root)
    persona(own, "guide")
    refused = own.expect(9, "apply", "--yes")

    assert told in refused.err
    assert hint in refused.err


def test_the_reason_of_a_refused_push_is_told(own: Project, hub: Path) -> None:
    git(hub, "config", "receive.hideRefs", "refs/tavusctl")
    git(own.root, "remote", "add", "origin", str(hub))
    refused = own.expect(9, "apply", "--yes")

    assert "deny updating a hidden ref" in refused.err


def test_a_helper_that_reads_a_token_of_github_finds_it(own: Project, hub: Path, tmp_path: Path) -> None:
    git(hub, "config", "http.receivepack", "true")
    helper = program(tmp_path / "helper", 'echo username=x-access-token\necho "password=$GITHUB_TOKEN"')
    (tmp_path / ".gitconfig").write_text(f"[credential]\n\thelper = {helper}\n")
    with git_server(tmp_path, "ghs_canary-of-a-codespace") as (url, served):
        git(own.root, "remote", "add", "origin", f"{url}/hub.git")
        ended = own.run("apply", "--yes", GITHUB_TOKEN=served.password)

    assert ended.code == 0, ended.err


def _other_owner(own: Project) -> None:
    """Let git believe that the repository is another user's, which only root could really make true."""
    folder = own.root.parent / "programs"
    folder.mkdir()
    different = 'case "$*" in *rev-parse*) export GIT_TEST_ASSUME_DIFFERENT_OWNER=1;; esac'
    program(folder / "git", f'{different}\nexec {shutil.which("git")} "$@"')
    own.environment["PATH"] = f"{folder}:{os.environ['PATH']}"


def _no_head(own: Project) -> None:
    (own.root / ".git/HEAD").write_text("")


def _newer_format(own: Project) -> None:
    git(own.root, "config", "core.repositoryFormatVersion", "1")
    git(own.root, "config", "extensions.ofTomorrow", "true")


def _work_tree_elsewhere(own: Project) -> None:
    git(own.root, "config", "core.worktree", str(own.root.parent / "states.git"))


UNREADABLE = {
    "another owner": (_other_owner, "safe.directory"),
    "no head": (_no_head, "not a git repository"),
    "a newer format": (_newer_format, "oftomorrow"),
    "a work tree elsewhere": (_work_tree_elsewhere, "outside of its work tree"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_project_whose_repository_git_cannot_read_never_gets_the_state_of_another(
    own: Project, tmp_path: Path, name: str
) -> None:
    """Without the path of its folder, the ref would be that of the project at the top of the repository."""
    make_unreadable, reason = UNREADABLE[name]
    git(tmp_path, "init", "--quiet", "--bare", "states.git")
    url = f"git+file://{tmp_path}/states.git"
    own.write("tavusctl.yaml", SETTINGS.format(url))
    own.apply()
    inner = Project(own.root / "apps/sales", own.account, own.environment)
    inner.write("tavusctl.yaml", SETTINGS.format(url))
    persona(inner, "guide")
    inner.apply_and_forget()
    make_unreadable(own)

    for command in (("plan",), ("apply", "--yes", "--allow-deletes", "1"), ("state", "list"), ("doctor",)):
        refused = inner.run(*command)
        assert refused.code == 12, refused.out + refused.err
        assert reason in refused.out + refused.err
        assert "`git status`" in refused.out + refused.err
    assert inner.account.writes == []

    inner.write("tavusctl.yaml", SETTINGS.format(f"{url}?ref=refs/tavusctl/folder.apps%2Fsales/default"))
    assert "persona/guide" in inner.run("state", "list").out
