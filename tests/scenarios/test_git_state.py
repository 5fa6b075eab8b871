"""A state in git: a team shares it through the repository that it has, which nobody sees change."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tavusctl.core.errors import LockError
from tavusctl.core.ports import State
from tavusctl.state.file.store import FileStore
from tavusctl.state.git.folder import GitFolder
from tavusctl.state.git.journal import GitJournal
from tavusctl.state.git.repository import Repository
from tavusctl.state.git.urls import ref_of
from tavusctl.state.shared.lease import LeaseTiming
from tavusctl.state.shared.store import SharedStore
from tests.crash.rig import KILLED, KillableProject, Launcher
from tests.scenarios.project import TAVUSCTL, Account, Project
from tests.stores.git_server import GitServer, git_server

Clone = Callable[..., Project]
SETTINGS = "version: 1\nenvironments:\n  default:\n    state: git\n"


def git(folder: Path, *words: str) -> str:
    """What git says, as somebody with a name."""
    name = ("-c", "user.name=ann", "-c", "user.email=ann@example.com", "-c", "protocol.file.allow=always")
    return subprocess.run(["git", *name, *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    """A bare repository that counts its pushes."""
    bare = tmp_path / "hub.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", bare], check=True)
    hook = bare / "hooks" / "post-receive"
    hook.write_text(f"#!/bin/sh\necho push >> {tmp_path}/pushes\n")
    hook.chmod(0o755)
    return bare


@pytest.fixture
def clone(hub: Path, account: Account, tmp_path: Path) -> Clone:
    """Makes a clone of the repository, which begins with a project of two personas."""
    first = tmp_path / "first"
    subprocess.run(["git", "clone", "--quiet", hub, first], check=True, capture_output=True)
    project = Project(first, account, {"HOME": str(tmp_path / "nobody")})
    project.write("tavusctl.yaml", SETTINGS)
    for name in ("coach", "guide"):
        project.manifest("persona", name, {"persona_name": name.title(), "system_prompt": "You help."})
    git(first, "add", "-A")
    git(first, "commit", "--quiet", "-m", "Begin")
    git(first, "push", "--quiet", "origin", "HEAD:main")

    def made(name: str = "first", *words: str) -> Project:
        root = tmp_path / name
        if not root.exists():
            git(tmp_path, "clone", "--quiet", *words, f"file://{hub}", str(root))
        return replace_root(project, root)

    return made


@pytest.mark.parametrize("hanging", ["a record", "the lock", "its release"])
def test_ctrl_c_ends_an_apply_whose_remote_does_not_respond(
    hub: Path, clone: Clone, tmp_path: Path, hanging: str
) -> None:
    """Within 7 s, in each write to the repository; the next run continues."""
    project, hook, asked = clone(), hub / "hooks" / "pre-receive", tmp_path / "asked"
    project.apply()
    project.manifest("persona", "third", {"persona_name": "Third", "system_prompt": "You help."})
    ref = "refs/tavusctl/default" if hanging == "a record" else "refs/tavusctl/lock.default"
    hang = f"#!/bin/sh\nread old new ref\nif [ $ref = {ref} ]; then touch {asked}; exec sleep 30; fi\n"
    if hanging == "its release":
        project.account.fault(match="GET /v2/*", kind="delay", seconds=11.0, times=None)
    else:
        program(hook, hang)
    known = {**project.account.variables, "TAVUSCTL_LOCK_LEASE": "3"}
    command = [*TAVUSCTL, "apply", "--yes"]
    environment = {**os.environ, **project.environment, **known}
    project.account.forget()
    with subprocess.Popen(command, cwd=project.root, env=environment, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 20
        while not (project.account.requests if hanging == "its release" else asked.exists()):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        program(hook, hang)
        process.send_signal(signal.SIGTERM)
        try:
            _, err = process.communicate(timeout=7.0)
        finally:
            process.kill()
    hook.unlink()
    project.account.control("DELETE", "faults")

    assert (process.returncode, "interrupted" in err) == (143, True), err
    project.apply("--lock-timeout", "1m")
    assert len(project.account.objects("personas")) == 3


def program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def replace_root(project: Project, root: Path) -> Project:
    return Project(root, project.account, project.environment)


def pushes(hub: Path) -> int:
    """How often something was pushed since the last time that this was asked."""
    path = hub.parent / "pushes"
    count = len(path.read_text().splitlines()) if path.exists() else 0
    path.unlink(missing_ok=True)
    return count


def print_of(root: Path) -> dict[str, str]:
    """Every file of a work tree and its repository, but for what is kept of manifests, which git does not see."""
    files = [path for path in sorted(root.rglob("*")) if path.is_file() and path.parent.name != "cache"]
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_second_clone_knows_what_the_first_has_applied(clone: Clone) -> None:
    clone().apply()
    second = clone("second", "--depth=1")

    assert second.run("plan", "--detailed-exitcode").code == 0
    second.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You help, briefly."})
    second.apply()
    assert len(clone().account.objects("personas")) == 2
    assert [one["address"] for one in clone().plan()["changes"]] == ["persona/coach"]


def test_an_undo_from_another_clone(clone: Clone) -> None:
    clone().apply()
    first = clone()
    first.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You help, briefly."})
    first.apply()
    second = clone("second")
    (run, *_) = (line.split()[0] for line in second.run("undo").out.splitlines())

    assert second.run("undo", run, "--yes").code == 0
    assert {one["system_prompt"] for one in first.account.objects("personas").values()} == {"You help."}


def test_work_tree_index_branches_and_settings_are_never_touched(clone: Clone, hub: Path) -> None:
    project = clone()
    for name in ("pre-push", "post-index-change", "reference-transaction", "post-checkout"):
        hook = project.root / ".git/hooks" / name
        hook.write_text(f"#!/bin/sh\ntouch {project.root}/{name}-ran\n")
        hook.chmod(0o755)
    git(project.root, "checkout", "--quiet", "--detach")
    project.write("half-done.txt", "not committed")
    before, status = print_of(project.root), git(project.root, "status", "--porcelain=v2", "--branch")

    project.apply()
    project.plan()
    project.run("drift")
    project.run("state", "list")

    assert git(project.root, "status", "--porcelain=v2", "--branch") == status
    assert print_of(project.root) == before
    refs = [line.split()[1] for line in git(hub, "ls-remote", ".").splitlines()]
    assert refs == ["HEAD", "refs/heads/main", "refs/tavusctl/default", "refs/tavusctl/lock.default"]


@pytest.mark.parametrize("kind", ["shallow and nameless", "linked", "in the middle of a merge"])
def test_any_clone_will_do_and_stays_as_it_is(clone: Clone, kind: str) -> None:
    """A run commits by a name of its own, and needs no history and no branch."""
    first = clone("second", *(["--depth=1", "--no-tags"] if kind == "shallow and nameless" else []))
    project = first
    if kind == "linked":
        project = replace_root(first, first.root.with_name("linked"))
        git(first.root, "worktree", "add", "--quiet", "--detach", str(project.root))
    elif kind == "shallow and nameless":
        git(first.root, "config", "user.useConfigOnly", "true")
    elif kind == "in the middle of a merge":
        (first.root / ".git/MERGE_HEAD").write_text(git(first.root, "rev-parse", "HEAD"))
        (first.root / ".git/index.lock").write_text("")
    before = print_of(first.root), print_of(project.root)

    project.apply()
    assert project.run("plan", "--detailed-exitcode").code == 0
    assert (print_of(first.root), print_of(project.root)) == before
    assert len(project.account.objects("personas")) == 2


def test_a_state_moves_from_a_file_into_git_with_the_records_of_its_runs(clone: Clone, hub: Path) -> None:
    """So that a run from before can be undone, from any clone."""
    project = clone()
    project.write("tavusctl.yaml", "version: 1\n")
    project.apply()
    for prompt in ("You help, briefly.", "You help at length."):
        project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": prompt})
        project.apply()
    project.remove("persona", "guide")
    project.apply("--allow-deletes", "1")
    project.write("tavusctl.yaml", SETTINGS)
    moved = project.run("state", "push", ".tavusctl/state.json")
    again = project.run("state", "push", ".tavusctl/state.json")

    assert (moved.code, again.code) == (0, 0), moved.err
    assert "the state is already that of" in again.err
    second = clone("second")
    assert second.plan()["changes"][0]["action"] == "update"  # its files are as they were at the beginning
    runs = [line.split()[0] for line in second.run("undo").out.splitlines()]
    assert len(runs) == 4
    assert [second.run("undo", run, "--yes", "--recreate").code for run in runs[:2]] == [0, 0]
    found = second.account.objects("personas").values()
    assert sorted((one["persona_name"], one["system_prompt"]) for one in found) == [
        ("Coach", "You help, briefly."),
        ("Guide", "You help."),
    ]
    assert "runs/" in git(hub, "ls-tree", "-r", "--name-only", "refs/tavusctl/default")


def test_a_state_whose_run_was_interrupted_does_not_move(clone: Clone) -> None:
    project = clone()
    project.write("tavusctl.yaml", "version: 1\n")
    project.apply()
    project.write("tavusctl.yaml", SETTINGS)
    store = FileStore(project.root / ".tavusctl/state.json")
    with store.lock():
        store.queue(b'{"is": "begin"}')()
    refused = project.run("state", "push", ".tavusctl/state.json")

    assert refused.code == 9
    assert "E913" in refused.err


KEY = "sk-canary-4b7d0c21e95f"
EVERYTHING = (
    *(
        ("apply", "--yes"),
        ("apply", "--yes", "--finish"),
        ("plan", "--blame", "--base", "HEAD"),
        ("drift",),
        ("verify",),
    ),
    *(("recrawl", "--all"), ("list",), ("doctor",), ("output",), ("undo",), ("state", "list"), ("state", "pull")),
    *(
        ("state", "show", "persona/coach"),
        ("export", "--out", "../exported"),
        ("destroy", "--yes", "--allow-deletes", "2"),
    ),
)


def test_after_every_command_the_clone_is_as_it_was_and_no_secret_is_in_the_repository(clone: Clone, hub: Path) -> None:
    project = clone()
    project.environment["OWN_KEY"] = KEY
    project.write("tavusctl.yaml", f"{SETTINGS}secrets: [OWN_KEY]\n")
    llm = {"model": "gpt-4o", "base_url": "https://llm.example.com/v1", "api_key": "${secret:OWN_KEY}"}
    spec = {"persona_name": "Coach", "system_prompt": "You help.", "layers": {"llm": llm}}
    project.manifest("persona", "coach", spec)
    git(project.root, "commit", "--quiet", "-am", "A key")
    before, status = print_of(project.root), git(project.root, "status", "--porcelain=v2", "--branch")

    for words in EVERYTHING:
        ended = project.run(*words)
        assert ended.code == 0, (words, ended.err)
        assert print_of(project.root) == before, words

    assert git(project.root, "status", "--porcelain=v2", "--branch") == status
    objects = git(hub, "cat-file", "--batch-check=%(objectname)", "--batch-all-objects")
    batch = ["git", "cat-file", "--batch"]
    contents = subprocess.run(batch, cwd=hub, input=objects.encode(), check=True, capture_output=True).stdout
    assert b"persona/coach" in contents
    assert [one for one in (KEY, project.account.key) if one.encode() in contents] == []


def test_where_only_branches_are_accepted_each_project_is_led_to_one_of_its_own(clone: Clone, hub: Path) -> None:
    """With the same branch for all, the plan of one would delete the objects of the others."""
    hook = hub / "hooks" / "update"
    hook.write_text('#!/bin/sh\ncase $1 in refs/heads/*) exit 0;; esac\necho "only branches" >&2; exit 1\n')
    hook.chmod(0o755)
    first = clone()
    inner = Project(first.root / "apps/sales", first.account, first.environment)
    inner.manifest("persona", "seller", {"persona_name": "Seller", "system_prompt": "You sell."})
    for project, name in ((first, "default"), (first, "prod"), (inner, "default")):
        settings = SETTINGS.replace("default", name)
        project.write("tavusctl.yaml", settings)
        project.account.reset()
        refused = project.run("apply", "--yes")
        (ref,) = (part for part in refused.err.split("`") if part.startswith("?ref="))
        project.write("tavusctl.yaml", settings.replace("git", f"git{ref}"))
        project.apply()

    refs = [line.split()[1] for line in git(hub, "ls-remote", ".").splitlines()]
    assert len([ref for ref in refs if "tavusctl" in ref and "lock" not in ref]) == 3


@pytest.mark.parametrize("trouble", ["refused", "gone"])
def test_what_cannot_be_put_on_record_is_not_sent(clone: Clone, hub: Path, trouble: str) -> None:
    project = clone()
    if trouble == "refused":
        hook = hub / "hooks" / "pre-receive"
        hook.write_text("#!/bin/sh\necho 'no pushes on Sundays' >&2\nexit 1\n")
        hook.chmod(0o755)
    else:
        hub.rename(hub.with_name("elsewhere.git"))
    ended = project.run("apply", "--yes")

    assert ended.code == 9
    assert "E912" in ended.err
    assert "\\n" not in ended.err
    assert "; " in ended.err  # lines of git
    assert project.account.writes == []


@pytest.mark.parametrize("before", [240, 255, 270])
def test_what_a_remote_says_is_redacted_before_it_is_cut(clone: Clone, hub: Path, before: int) -> None:
    project = clone()
    hook = hub / "hooks" / "pre-receive"
    hook.write_text(
        f"#!/bin/sh\necho '{'x' * before} https://me:hunter2canary0canary1canary2@hub.example' >&2\nexit 1\n"
    )
    hook.chmod(0o755)

    ended = project.run("apply", "--yes")

    assert (ended.code, "xxx" in ended.err, "canary" in ended.err) == (9, True, False), ended.err


def test_a_repository_with_other_remotes_only_is_told_how_to_get_an_origin(clone: Clone) -> None:
    project = clone()
    git(project.root, "remote", "rename", "origin", "upstream")
    ended = project.run("plan")

    assert ended.code == 12
    assert "`state: git` needs a git repository with a remote `origin`" in ended.err
    assert "git remote add origin URL" in ended.err


def test_a_remote_beside_the_repository(clone: Clone) -> None:
    project = clone()
    project.apply()
    git(project.root, "remote", "set-url", "origin", "../hub.git")
    inner = project.root / "deep"
    assert project.run("plan", "--detailed-exitcode").code == 0
    inner.mkdir()
    for name in ("tavusctl.yaml", "manifests"):
        (project.root / name).rename(inner / name)
    assert "E401" in Project(inner, project.account, project.environment).run("plan").out  # a state of its own, read


def test_the_first_apply_after_an_import_pushes_once_for_all_objects(clone: Clone, hub: Path) -> None:
    project = clone()
    project.account.seed(personas=[{"persona_name": f"P {one}", "system_prompt": "Hi."} for one in range(12)])
    for one in range(12):
        project.manifest("persona", f"p-{one}", {"persona_name": f"P {one}", "system_prompt": "Hi."})
    for name in ("coach", "guide"):
        project.remove("persona", name)
    assert project.run("import", "--match-names").code == 0
    pushes(hub)
    assert "12 to record" in project.apply().out
    assert pushes(hub) <= 6  # the lock, the beginning, the bindings, the state, the end of the lock


@pytest.mark.sampled(1)
@pytest.mark.parametrize("skip", [0, 1])
@pytest.mark.parametrize("phase", ["before", "after"])
def test_a_kill_at_a_call_is_survived_from_another_clone(clone: Clone, runner: Launcher, phase: str, skip: int) -> None:
    project = clone()
    project.account.fault(match="POST /v2/personas", kind="kill", phase=phase, skip=skip)
    crashing = KillableProject(
        project.root, project.account, {**project.environment, "TAVUSCTL_LOCK_LEASE": "1"}, runner
    )
    assert crashing.run("apply", "--yes", "--parallel", "1").code == KILLED

    second = clone("second", "--depth=1")
    quick = {"TAVUSCTL_SETTLE": "0.2", "TAVUSCTL_LOCK_LEASE": "1"}
    ended = second.run("apply", "--yes", "--lock-timeout", "10s", **quick)
    assert ended.code == 0, ended.err
    assert len(second.account.objects("personas")) == 2
    assert second.run("plan", "--detailed-exitcode").code == 0


def test_a_kill_frees_the_lock_of_a_state_in_the_own_repository_at_once(
    project: Project, runner: Launcher, tmp_path: Path
) -> None:
    root = tmp_path / "checkout"
    own = Project(root, project.account, project.environment)
    own.write("tavusctl.yaml", SETTINGS)
    own.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You help."})
    git(root, "init", "--quiet")
    project.account.fault(match="POST /v2/personas", kind="kill", phase="after")
    assert KillableProject(root, own.account, own.environment, runner).run("apply", "--yes").code == KILLED
    ended = own.run("apply", "--yes", TAVUSCTL_SETTLE="0.2")

    assert ended.code == 0, ended.err
    assert len(own.account.objects("personas")) == 1


def test_of_two_at_once_one_is_told_who_the_other_is(clone: Clone) -> None:
    clone().apply()
    store = SharedStore(*_parts(clone().root), LeaseTiming(30, 10))
    with store.lock(command="apply"):
        ended = clone("second").run("apply", "--yes")
    assert ended.code == 7
    assert f"held by process {os.getpid()}" in ended.err


# Pushes of an apply of 24 changes: about ten, and more if other processes keep the machine busy.  One by one: 56.
MANY = 40


def test_an_apply_costs_pushes_by_its_rounds_and_not_by_its_changes(clone: Clone, hub: Path) -> None:
    project = clone()
    project.apply()
    for number in range(24):
        project.manifest("persona", f"p{number:02}", {"persona_name": f"P {number}", "system_prompt": "You help."})
    pushes(hub)
    project.apply()

    assert pushes(hub) <= MANY
    for number in range(24):
        project.manifest("persona", f"p{number:02}", {"persona_name": f"P {number}", "system_prompt": "You help us."})
    project.apply()
    assert pushes(hub) <= MANY
    for number in range(24):
        project.remove("persona", f"p{number:02}")
    project.apply("--allow-deletes", "24")
    assert pushes(hub) <= MANY
    assert len(project.account.objects("personas")) == 2


def test_projects_in_folders_of_one_repository_have_states_of_their_own(clone: Clone) -> None:
    project = clone()
    inner = replace_root(project, project.root / "apps/coach.v2")
    inner.write("tavusctl.yaml", SETTINGS)
    inner.manifest("document", "prices", {"document_url": "https://acme.example/prices.pdf"})
    project.apply()
    inner.apply()

    assert set(json.loads(project.run("state", "list", "--format", "json").out)) == {"persona/coach", "persona/guide"}
    assert set(json.loads(inner.run("state", "list", "--format", "json").out)) == {"document/prices"}
    assert ref_of(inner.root, "default") == "refs/tavusctl/folder.apps%2Fcoach%2Ev2/default"


def test_old_commits_are_dropped_and_nothing_of_the_state(clone: Clone, hub: Path) -> None:
    folder, journal = _parts(clone().root, kept=5)
    store = SharedStore(folder, journal, LeaseTiming(30, 10))
    with store.lock():
        store.artifacts.put("runs/one.jsonl", b"kept\n")
        for number in range(12):
            store.queue(b"%d" % number)()
        store.write(State("a-lineage", 7))

    assert int(git(hub, "rev-list", "--count", "refs/tavusctl/default")) <= 5
    again = SharedStore(*_parts(clone("second").root), LeaseTiming(30, 10))
    assert again.read(older=True) == State("a-lineage", 7)
    assert again.journal() == [b"%d" % number for number in range(12)]
    assert again.artifacts.get("runs/one.jsonl") == b"kept\n"


def test_a_holder_that_was_taken_over_pushes_nothing_more(clone: Clone) -> None:
    early = SharedStore(*_parts(clone().root), LeaseTiming(3600, 1800))
    with early.lock():
        early.queue(b"first")()
        folder, _ = _parts(clone("second").root)
        lock = folder.get("lock")
        assert lock
        folder.put("lock", lock.content.replace(b'"beat": 0', b'"beat": 9'), lock.version)
        with pytest.raises(LockError):
            early.queue(b"second")()
    assert SharedStore(*_parts(clone("third").root), LeaseTiming(30, 10)).journal() == [b"first"]


@pytest.fixture
def forge(hub: Path) -> Iterator[tuple[str, GitServer]]:
    """The repository behind smart HTTP and a token."""
    git(hub, "config", "http.receivepack", "true")
    with git_server(hub.parent, "ghs_canary-of-the-job") as (url, served):
        yield url, served


def test_in_a_step_of_github_the_token_of_the_job_is_enough(clone: Clone, forge: tuple[str, GitServer]) -> None:
    url, served = forge
    project = clone()
    git(project.root, "remote", "set-url", "origin", f"{url}/hub.git")
    without = project.run("apply", "--yes")
    step = {"GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": url, "GITHUB_TOKEN": served.password}
    shown, gits, files = set[bytes](), 0, 0

    def look(_: int) -> int:
        """While git is at work: what everybody may see of it, and what it has written."""
        nonlocal gits, files
        lines = [text for path in Path("/proc").glob("[0-9]*/cmdline") if (text := _read(path))]
        gits += any(b"push" in line and b"git" in line for line in lines)
        private = [_read(path) for path in Path(tempfile.gettempdir()).glob("tavusctl-*/**/*") if path.is_file()]
        files += len(private)
        shown.update(one for one in (*lines, *private) if any(token in one for token in tokens))
        return 0

    tokens = served.password.encode(), base64.b64encode(f"x-access-token:{served.password}".encode())
    served.before = look
    ended = project.run("apply", "--yes", **step)

    assert (without.code, ended.code) == (9, 0), ended.err
    assert served.pushes == gits > 0
    assert files > 0
    assert not shown
    assert not [path for path in project.root.rglob("*") if path.is_file() and b"ghs_canary" in path.read_bytes()]


PERSISTED = "http.{0}/.extraheader=AUTHORIZATION: basic {1}"
IN_ADDRESS = "url.{2}.insteadOf={0}/"


@pytest.mark.parametrize("form", [PERSISTED, IN_ADDRESS])
@pytest.mark.parametrize("token_may", ["read", "do nothing"])
def test_what_the_token_of_a_job_may_not_do_other_credentials_may(
    clone: Clone, forge: tuple[str, GitServer], form: str, token_may: str
) -> None:
    """As those of an App that may push where a rule keeps others from it, or into another repository."""
    url, served = forge
    served.password = "ghs_of-an-app"  # in an address it can be seen, and another test looks for that of the job
    served.writers = {served.password}
    served.readers |= {"ghs_reads"} if token_may == "read" else set()
    project, basic = clone(), base64.b64encode(f"x-access-token:{served.password}".encode()).decode()
    git(project.root, "remote", "set-url", "origin", f"{url}/hub.git")
    step = {"GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": url, "GITHUB_TOKEN": "ghs_reads"}

    refused = project.run("apply", "--yes", **step)
    setting = form.format(url, basic, url.replace("//", f"//x-access-token:{served.password}@") + "/")
    git(project.root, "config", *setting.split("=", 1))
    ended = project.run("apply", "--yes", **step)

    assert (refused.code, ended.code) == (9, 0), refused.err + ended.err
    if token_may == "read":
        assert "(`permissions:` of the job: `contents: write`)" in refused.err


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended
        return b""


def test_a_password_in_the_address_is_never_said(clone: Clone, forge: tuple[str, GitServer]) -> None:
    url, _ = forge
    project = clone()
    told = f"{url}/hub.git".replace("//", "//ann:wrong-canary-42@")
    git(project.root, "remote", "set-url", "origin", told)
    ended = project.run("plan")

    assert ended.code == 9
    assert "wrong-canary-42" not in ended.err + ended.out


HIDDEN = "canary/42 of-ann"


@pytest.mark.parametrize(
    "setting",
    [
        "",
        "http.https://other.example/.extraheader=AUTHORIZATION: basic b3RoZXI=",  # of another host
        "http.{0}/.extraheader=AUTHORIZATION: basic {1}",  # of this one: git would use it before the address
        "http.{0}/hub.git.extraheader=X-Proxy: 1",  # more specific than the host
        "url.ssh://git@other.example/.insteadOf={0}/",  # of addresses without a password
        "url.ssh://git@other.example/.pushInsteadOf={0}/",
        "url.{2}.insteadOf={0}/",  # where the password itself comes from
    ],
)
@pytest.mark.parametrize("where", ["project", "environment"])
def test_a_password_in_the_address_is_in_no_arguments_of_git(
    clone: Clone, forge: tuple[str, GitServer], setting: str, where: str
) -> None:
    """Everybody on the machine can see those.  The settings of git for others change nothing."""
    url, served = forge
    served.password = HIDDEN
    served.writers = {served.password}
    project, lines = clone(), set[bytes]()
    in_address = url.replace("//", "//x-access-token:canary%2F42%20of-ann@")
    basic = base64.b64encode(f"x-access-token:{HIDDEN}".encode()).decode()
    git(project.root, "remote", "set-url", "origin", f"{in_address}/hub.git")
    key, _, value = setting.format(url, basic, f"{in_address}/").partition("=")
    variables = {
        "project": {},
        "environment": {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": key, "GIT_CONFIG_VALUE_0": value} if key else {},
    }
    if key and where == "project":
        git(project.root, "config", key, value)

    def look(_: int) -> int:
        lines.update(text for path in Path("/proc").glob("[0-9]*/cmdline") if (text := _read(path)))
        return 0

    served.before = look
    ended = project.run("apply", "--yes", **variables[where])

    assert ended.code == 0, ended.err
    assert served.pushes > 0
    assert any(b"/hub.git" in line for line in lines)
    assert not [line for line in lines if b"canary" in line]
    assert served.most_credentials == 1


def test_a_token_that_is_the_user_of_the_address_is_in_no_arguments_of_git(
    clone: Clone, forge: tuple[str, GitServer]
) -> None:
    url, served = forge
    served.password = "ghp_canary00000000000000000000000042Xy4"
    served.writers = {served.password}
    project, lines = clone(), set[bytes]()
    git(project.root, "remote", "set-url", "origin", f"{url}/hub.git".replace("//", f"//{served.password}@"))

    def look(_: int) -> int:
        lines.update(text for path in Path("/proc").glob("[0-9]*/cmdline") if (text := _read(path)))
        return 0

    served.before = look
    project.apply()

    assert any(b"/hub.git" in line for line in lines)
    assert not [line for line in lines if b"canary" in line]


def _parts(root: Path, kept: int = 200) -> tuple[GitFolder, GitJournal]:
    folder = GitFolder(Repository(root, ""), "refs/tavusctl/default", kept)
    return folder, GitJournal(folder)


def test_a_new_project_in_a_repository_with_a_remote_keeps_its_state_there(clone: Clone, hub: Path) -> None:
    top = clone().root
    project = replace_root(clone(), top / "agents")
    project.root.mkdir()
    begun = project.run("init")
    project.apply()

    assert begun.code == 0, begun.err
    assert "default: {state: git}" in (project.root / "tavusctl.yaml").read_text()
    assert "refs/tavusctl/folder.agents/default" in git(hub, "ls-remote", ".")
    assert not (project.root / ".tavusctl/state.json").exists()


def test_a_new_project_without_a_remote_keeps_its_state_in_its_repository_until_it_has_one(
    project: Project, hub: Path
) -> None:
    root = project.root
    subprocess.run(["git", "init", "--quiet", root], check=True)
    for name in ("pre-receive", "update", "post-receive", "reference-transaction"):
        hook = root / ".git/hooks" / name
        hook.write_text(f"#!/bin/sh\ntouch {root}/{name}-ran\n")
        hook.chmod(0o755)
    project.run("init")
    project.apply()

    assert "default: {state: git}" in (root / "tavusctl.yaml").read_text()
    assert "refs/tavusctl/default" in git(root, "for-each-ref")
    assert not (root / ".tavusctl/state.json").exists()
    assert [path.name for path in root.glob("*-ran")] == []
    project.expect(0, "plan", "--detailed-exitcode")

    git(root, "remote", "add", "origin", str(hub))
    refused = project.expect(9, "apply", "--yes")
    assert "`git push origin refs/tavusctl/default`" in refused.err
    git(root, "push", "--quiet", "--no-verify", "origin", "refs/tavusctl/default")
    project.expect(0, "plan", "--detailed-exitcode")
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You help."})
    project.apply()
    here = git(root, "for-each-ref", "--format=%(refname)").split()
    assert here == ["refs/tavusctl/lock.default", "refs/tavusctl/moved.default"]
    assert git(hub, "rev-parse", "refs/tavusctl/default") != git(root, "rev-parse", "refs/tavusctl/moved.default")


def test_a_state_in_a_repository_without_a_remote_is_lost_with_a_ci_machine_too(project: Project) -> None:
    subprocess.run(["git", "init", "--quiet", project.root], check=True)
    project.run("init")
    ended = project.run("apply", "--yes", CI="true", TAVUSCTL_LOCAL_STATE=None)

    assert (ended.code, project.account.writes) == (4, [])
    assert "E412" in ended.err
    assert "a remote `origin`" in ended.err


@pytest.mark.parametrize(
    "command", [("apply", "--yes"), ("destroy", "--yes"), ("recrawl", "--all"), ("undo", "0" * 12)]
)
@pytest.mark.parametrize("variable", ["CI", "GITHUB_ACTIONS"])
def test_a_state_that_would_be_lost_with_the_machine_is_refused(
    project: Project, command: tuple[str, ...], variable: str
) -> None:
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You help."})
    project.manifest(
        "document", "site", {"document_url": "https://acme.example", "crawl": {"depth": 1}}, recrawl={"every": "1d"}
    )
    on_ci = {variable: "true", "TAVUSCTL_LOCAL_STATE": None}
    ended = project.expect(4, *command, **on_ci)

    assert "E412" in ended.err
    assert "`state: git`" in ended.err
    assert project.account.writes == []
    assert not (project.root / ".tavusctl").exists()


@pytest.mark.parametrize("state", ["git/state.json", "git-state/prod.json", "./a:b.json", "file://git/state.json"])
def test_so_is_a_file_whose_path_looks_like_another_store(project: Project, state: str) -> None:
    project.write("tavusctl.yaml", f"environments: {{default: {{state: '{state}'}}}}\n")
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You help."})
    ended = project.run("apply", "--yes", CI="true", TAVUSCTL_LOCAL_STATE=None)

    assert (ended.code, project.account.writes) == (4, [])
    assert "E412" in ended.err


def test_a_check_of_the_files_reads_no_state_in_git(clone: Clone, forge: tuple[str, GitServer]) -> None:
    url, served = forge
    project = clone()
    git(project.root, "remote", "set-url", "origin", f"{url}/hub.git")
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You help."})
    step = {"GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": url, "GITHUB_TOKEN": served.password}
    assert project.run("apply", "--yes", **step).code == 0
    served.lines.clear()

    assert project.run("validate", "--no-cache", **step).code == 0
    assert served.lines == []


def test_a_report_may_have_a_name_that_begins_like_the_word_for_a_state_in_git(clone: Clone) -> None:
    project = clone()
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You help."})

    assert project.run("plan", "--out", "gitlab-plan.json").code == 0


def test_on_a_ci_machine_a_plan_warns_of_a_local_state(project: Project) -> None:
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You help."})
    on_ci = {"CI": "true", "TAVUSCTL_LOCAL_STATE": None}

    assert "TV127" in project.run("plan", **on_ci).out
    assert "TV127" in project.run("drift", **on_ci).out
    assert "TV127" in project.run("drift", "--format", "markdown", **on_ci).out
    assert "TV127" in [one["id"] for one in project.run("drift", "--format", "json", **on_ci).document["warnings"]]
    assert "TV127" not in project.run("plan", CI="true").out


def test_a_branch_that_holds_something_else_is_never_written(clone: Clone, hub: Path) -> None:
    """Its history would be cut with that of the state."""
    project = clone()
    project.write("tavusctl.yaml", SETTINGS.replace("state: git", "state: git?ref=refs/heads/main"))
    before = git(hub, "rev-parse", "refs/heads/main")
    ended = project.run("apply", "--yes")

    assert ended.code == 9, ended.err
    assert "is not a state: it holds `manifests/persona-coach.yaml`" in ended.err
    assert project.account.writes == []
    assert git(hub, "rev-parse", "refs/heads/main") == before


LISTING, CONTENT, PUSH = (2, 1, 2)  # requests of a listing of refs, more to fetch their content, and those of a push


@pytest.mark.parametrize(
    ("command", "requests"),
    [
        ("plan", LISTING + LISTING + CONTENT),  # the state and its lock are listed once, and fetched in one call
        ("drift", LISTING + LISTING + CONTENT),
        ("state list", LISTING + LISTING + CONTENT),
        ("undo", 2 * LISTING + LISTING + CONTENT),  # the state, and the names of the runs
        # Before and after the lock is acquired, and nothing is read while it is held.
        ("apply --yes", 2 * LISTING + LISTING + CONTENT + 2 * PUSH),
    ],
)
def test_a_command_asks_the_remote_as_rarely_as_it_can(
    clone: Clone, forge: tuple[str, GitServer], command: str, requests: int
) -> None:
    """Each call is a round trip, and two processes of git here."""
    url, served = forge
    project = clone()
    project.apply()
    git(project.root, "remote", "set-url", "origin", f"{url}/hub.git")
    step = {"GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": url, "GITHUB_TOKEN": served.password}

    ended = project.run(*command.split(), **step)

    assert ended.code == 0, ended.err
    assert len(served.lines) == requests, served.lines


@pytest.mark.parametrize("clock", ["before 1970", "in the year 12000"])
def test_a_commit_of_a_machine_without_a_clock_is_no_end_of_the_state(hub: Path, clone: Clone, clock: str) -> None:
    """Git shows a time before 1970 as a number that is beyond any calendar."""
    project = clone()
    project.apply()
    seconds = {"before 1970": -1000, "in the year 12000": 316_516_204_800}[clock]
    for name in ("default", "lock.default"):
        ref = f"refs/tavusctl/{name}"
        files = git(hub, "ls-tree", ref)
        lines = [f"commit {ref}", f"committer a <a@example.com> {2**64 + seconds if seconds < 0 else seconds} +0000"]
        tree = git(hub, "rev-parse", f"{ref}^{{tree}}").strip()
        content = "\n".join([*lines, "data 0", f'M 040000 {tree} ""', ""])
        given = ["git", "fast-import", "--quiet", "--force", "--date-format=raw-permissive"]
        subprocess.run(given, cwd=hub, input=content, text=True, check=True)
        assert git(hub, "ls-tree", ref) == files

    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You coach."})

    assert project.run("undo").code == 0
    assert project.run("apply", "--yes").code == 0
