"""Failures of git on this machine: what could not be written is never taken for written, and ends as a StateError."""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

import pytest

from tavusctl.core.errors import StateError, UsageError
from tavusctl.core.ports import State, Store
from tavusctl.integrations.git.process import Git, GitError
from tavusctl.state.git.folder import GitFolder
from tavusctl.state.stores import open_store

RECORDS = (b'{"is":"begin"}', b'{"is":"end"}')
Fail: TypeAlias = Callable[[str], object]


@pytest.fixture
def fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fail:
    """Make git fail once, at its next command with this verb."""
    programs, verb = tmp_path / "bin", tmp_path / "verb"
    programs.mkdir()
    program = programs / "git"
    program.write_text(
        f"""#!/bin/sh
verb=$(cat {shlex.quote(str(verb))} 2>/dev/null) && case " $* " in *" $verb "*)
    rm {shlex.quote(str(verb))}
    test -e {shlex.quote(str(tmp_path / "silent"))} || echo "fatal: no space left" >&2
    exit 128
esac
exec {shlex.quote(str(shutil.which("git")))} "$@"
""",
        encoding="utf-8",
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return verb.write_text


@pytest.fixture
def store(fail: Fail, tmp_path: Path) -> Iterator[Store]:
    """A state in a git repository, locked by this run."""
    del fail  # the program comes first
    subprocess.run(["git", "init", "--quiet", "--bare", tmp_path / "states.git"], check=True)
    project = tmp_path / "project"
    project.mkdir()
    opened = open_store(f"git+file://{tmp_path}/states.git?ref=refs/tavusctl/team", project, "default")
    with opened.lock():
        opened.read()
        opened.write(State("a-lineage"))
        yield opened


def test_a_first_run_that_was_killed_leaves_a_lock_and_no_state(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", "--bare", tmp_path / "states.git"], check=True)
    (tmp_path / "project").mkdir()
    url = f"git+file://{tmp_path}/states.git"
    killed, following = (open_store(url, tmp_path / "project", "default") for _ in range(2))

    with killed.lock():
        assert following.holder()
        assert following.read().serial == 0


def test_no_record_of_a_push_that_failed_counts_as_durable(store: Store, fail: Fail) -> None:
    waits = [store.queue(record) for record in RECORDS]
    fail("fast-import")
    for wait in waits:
        with pytest.raises(StateError, match="no space left") as caught:
            wait()
        assert caught.value.id == "E912"
    assert store.journal() == []


def test_no_record_counts_as_durable_whatever_has_ended_its_push(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = [store.queue(record) for record in RECORDS]
    monkeypatch.setattr(GitFolder, "write", _interrupted)
    with pytest.raises(KeyboardInterrupt):
        waits[0]()
    monkeypatch.undo()
    for wait in (waits[1], store.queue(RECORDS[0])):
        with pytest.raises(StateError, match="was not written: KeyboardInterrupt"):
            wait()
    assert store.journal() == []


@pytest.mark.parametrize("verb", ["ls-remote", "ls-tree", "cat-file", "rev-list", "fast-import"])
def test_each_command_that_fails_is_an_error_of_the_state(store: Store, fail: Fail, verb: str) -> None:
    fail(verb)
    with pytest.raises(StateError, match="no space left"):
        _use(store)
    _use(store)


def _use(store: Store) -> None:
    assert store.holder()
    store.write(store.read())


@pytest.mark.parametrize("verb", ["config", "rev-parse", "ls-remote", "for-each-ref", "ls-tree", "fast-import", "push"])
def test_a_command_that_fails_without_a_reason_has_not_found_that_there_is_nothing(
    fail: Fail, tmp_path: Path, verb: str
) -> None:
    """The reason may be lost, on a full disk.  Without a remote, the state would be in the project's repository."""
    (tmp_path / "silent").touch()
    project = tmp_path / "project"
    subprocess.run(["git", "init", "--quiet", "--bare", tmp_path / "hub.git"], check=True)
    subprocess.run(["git", "init", "--quiet", project], check=True)
    subprocess.run(["git", "remote", "add", "origin", tmp_path / "hub.git"], cwd=project, check=True)
    fail(verb)
    with contextlib.suppress(StateError, UsageError):  # some failures do not matter
        store = open_store("git", project, "default")
        with store.lock():
            store.write(State("a-lineage"))
        open_store("git", project, "default").read()
    assert not (tmp_path / "verb").exists(), "it has failed"
    assert subprocess.check_output(["git", "for-each-ref"], cwd=project) == b""


def test_a_git_that_is_too_old_or_missing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "git"
    monkeypatch.setenv("PATH", str(tmp_path))
    for version, reason in (("", "cannot be run"), ("2.30.2", "has version 2.30, which is too old"), ("1.8", "1.8")):
        if version:
            program.write_text(f"#!/bin/sh\necho git version {version}\n")
            program.chmod(0o755)
        with pytest.raises(StateError, match=reason) as refused:
            open_store("git", tmp_path, "default")
        assert "install git 2.31 or newer" in refused.value.hint


def test_a_machine_without_a_temporary_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "mkdtemp", _full)
    with pytest.raises(StateError, match="No space left on device") as refused:
        open_store("git+file:///anywhere?ref=refs/heads/states", tmp_path, "default")
    assert "check the temporary folder" in refused.value.hint


def test_a_disk_without_room_is_an_error_of_the_state(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", _full)
    with pytest.raises(StateError, match="No space left on device"):
        store.read()
    monkeypatch.undo()


def _interrupted(*_: Any) -> NoReturn:
    raise KeyboardInterrupt


def _full(prefix: str = "") -> NoReturn:
    del prefix
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_temporary_folder_is_named_although_git_has_no_room_for_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", partial(Path("/dev/full").open, "w+b"))

    with pytest.raises(GitError, match="No space left on device"):
        Git(tmp_path).text("rev-parse", "nothing")
