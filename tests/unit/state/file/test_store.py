"""The state's file and its lock, call by call."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tavusctl.core.errors import LockError, StateError, UsageError
from tavusctl.core.ports import State
from tavusctl.lib import atomic_files
from tavusctl.state.artifacts import run_name, version_of
from tavusctl.state.file.store import FileStore
from tavusctl.state.lock_holder import Holder

NEW = State("a-lineage", 1)
UNREADABLE: list[Any] = [None, "noon", []]
AGAIN = "run `tavusctl plan` to check the account"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a" / "b" / "state.json"


def lock_of(path: Path) -> Path:
    return path.with_name("state.json.lock")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_write_is_durable_before_it_is_seen(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    def sync(descriptor: int) -> None:
        file = Path(f"/proc/self/fd/{descriptor}").readlink()
        said.append("folder" if file == path.parent else "temporary" if file.name.startswith(".state.json.") else "?")

    def move(source: Path, target: Path) -> None:
        said.append(f"to {target.name}")
        source.rename(target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", move)
    FileStore(path).write(NEW)
    assert said == ["temporary", "to state.json", "folder"]
    assert (mode(path), mode(path.parent), FileStore(path).read()) == (0o600, 0o700, NEW)


def test_what_no_run_can_have_written_is_not_read(path: Path) -> None:
    FileStore(path).write(NEW)
    lock_of(path).touch(0o600)
    for one in (path, lock_of(path)):
        os.truncate(one, 256 * 1024 * 1024 + 1)
    with pytest.raises(StateError, match="it is larger than 268435456 bytes") as refused:
        FileStore(path).read()
    assert refused.value.message.startswith(f"cannot read the state {path}: ")
    with pytest.raises(StateError, match="it is larger than 268435456 bytes"), FileStore(path).lock():
        pass


def test_a_write_that_fails_leaves_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FileStore(path)
    store.write(NEW)

    def refuse(source: Path, target: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", source, None, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        with pytest.raises(StateError) as refused:
            store.write(replace(NEW, serial=2))
    assert refused.value.message == f"cannot write the state {path}: Permission denied"
    assert (refused.value.id, refused.value.hint) == ("E903", "check its folder and permissions")
    assert (os.listdir(path.parent), store.read()) == (["state.json"], NEW)  # noqa: PTH208 - names alone


def test_files_in_the_making_have_names_of_their_own(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []

    def move(source: Path, target: Path) -> None:
        names.append(source.name)
        source.rename(target)

    monkeypatch.setattr(os, "replace", move)
    store = FileStore(path)
    store.write(NEW)
    store.write(replace(NEW, serial=2))
    assert len({name.rpartition(".")[2] for name in names}) == 2
    assert {name.rpartition(".")[0] for name in names} == {f".state.json.{os.getpid()}"}


def test_a_state_that_another_run_has_written_is_left_to_it(path: Path) -> None:
    store = FileStore(path)
    store.write(NEW)
    FileStore(path).write(replace(NEW, serial=7))
    with pytest.raises(LockError) as refused:
        store.write(replace(NEW, serial=2))
    assert refused.value.message == f"another run has taken over the state {path} and written it meanwhile"
    assert (refused.value.id, refused.value.hint) == ("E702", AGAIN)
    assert FileStore(path).read().serial == 7
    with store.lock():
        store.write(replace(NEW, serial=8))
    store.write(replace(NEW, serial=9))
    assert store.read().serial == 9


def test_a_state_that_was_not_there_is_not_written_over(path: Path) -> None:
    store = FileStore(path)
    lineages = {store.read().lineage, store.read().lineage}
    assert len(lineages) == 2
    FileStore(path).write(NEW)
    with pytest.raises(LockError, match="another run has taken over"):
        store.write(replace(NEW, serial=2))


def test_a_state_older_than_a_run_on_record_is_read_on_demand(path: Path) -> None:
    store = FileStore(path)
    store.write(NEW)
    store.artifacts.put(run_name(NEW.lineage, 1, "0" * 12), b"")
    with pytest.raises(StateError, match=f"^the state {path} is outdated: it has serial"):
        store.read()
    assert store.read(older=True) == NEW


def test_a_state_that_cannot_be_read_is_told(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(StateError, match=f"^cannot read the state {path}: Is a directory$") as refused:
        FileStore(path).read()
    assert refused.value.id == "E903"


def test_a_lock_says_who_holds_it_and_since_when(path: Path) -> None:
    with FileStore(path).lock(command="apply"):
        note = json.loads(lock_of(path).read_bytes())
        with pytest.raises(LockError) as refused, FileStore(path).lock():
            pass
        assert lock_of(path).read_bytes() != b""
    assert note.pop("since") == pytest.approx(time.time(), abs=60)
    assert note == replace(Holder(), owner=note["owner"], command="apply").to_json()
    holder = Holder().host
    assert refused.value.message.startswith(
        f"the state {path} is held by process {os.getpid()} on {holder} (tavusctl apply)"
    )
    assert refused.value.message.endswith(("for 0s", "for 1s"))
    assert (refused.value.id, refused.value.hint) == ("E701", "wait for that run to end, or add `--lock-timeout 10m`")
    assert (lock_of(path).read_bytes(), mode(lock_of(path)), mode(path.parent)) == (b"", 0o600, 0o700)


def test_a_lock_without_a_command_names_none(path: Path) -> None:
    with FileStore(path).lock():
        assert json.loads(lock_of(path).read_bytes())["command"] == ""


def test_a_note_takes_the_place_of_a_longer_one(path: Path) -> None:
    lock_of(path).parent.mkdir(parents=True)
    lock_of(path).write_bytes(b"x" * 5000)
    lock_of(path).chmod(0o600)
    with FileStore(path).lock():
        assert json.loads(lock_of(path).read_bytes())["pid"] == os.getpid()


def test_a_note_that_cannot_be_taken_back_ends_no_run(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, size: int) -> None:
        raise OSError(errno.EIO, "Input/output error", descriptor, size)

    with FileStore(path).lock():
        monkeypatch.setattr(os, "ftruncate", full)
    monkeypatch.undo()
    with FileStore(path).lock():
        pass


def test_a_disk_that_takes_no_note_gives_no_lock(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, content: bytes, offset: int) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", descriptor, content, offset)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with (
            pytest.raises(StateError, match=f"^cannot lock the state {path}: No space left on device$"),
            FileStore(path).lock(),
        ):
            pass
    with FileStore(path).lock():
        pass


@pytest.mark.parametrize(
    "note",
    [b"", b"{", b"[]", b"5", b"{}", b'{"owner": 1, "since": 1}', *(
        json.dumps({**Holder("id", "h", 1, "", "").to_json(), "since": since}).encode() for since in UNREADABLE
    ), json.dumps(Holder("id", "h", 1, "", "").to_json()).encode(), b"\xff", b'"' + b"x" * 70000],
)  # fmt: skip
def test_a_lock_without_a_readable_note_is_held_by_somebody(path: Path, note: bytes) -> None:
    with FileStore(path).lock():
        lock_of(path).write_bytes(note)
        with pytest.raises(LockError, match=f"^the state {path} is held by another process$"), FileStore(path).lock():
            pass


def test_a_note_is_waited_for_a_moment(path: Path) -> None:
    with FileStore(path).lock(command="apply"):
        note = lock_of(path).read_bytes()
        lock_of(path).write_bytes(b"")
        timer = threading.Timer(0.05, lock_of(path).write_bytes, [note])
        timer.start()
        with pytest.raises(LockError, match="tavusctl apply"), FileStore(path).lock():
            pass
        timer.join()


def test_nobody_waits_for_a_lock_unless_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    with FileStore(path).lock(), pytest.raises(LockError, match="is held by process"), FileStore(path).lock():
        pass
    assert pauses == []


def test_a_lock_is_waited_for(path: Path) -> None:
    first = FileStore(path).lock()
    first.__enter__()
    begun = time.monotonic()
    with pytest.raises(LockError), FileStore(path).lock(0.2):
        pass
    assert time.monotonic() - begun >= 0.2
    timer = threading.Timer(0.1, first.__exit__, [None, None, None])
    timer.start()
    with FileStore(path).lock(0.3):
        pass
    timer.join()


def test_waiting_costs_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    with FileStore(path).lock():
        monkeypatch.setattr(time, "sleep", slept.append)
        monkeypatch.setattr(time, "monotonic", lambda: sum(slept))
        lock_of(path).write_bytes(json.dumps({**Holder().to_json(), "since": 0}).encode())
        with pytest.raises(LockError), FileStore(path).lock(20):
            pass
    assert slept == [1, 2, 4, 8, 5]


def test_a_folder_that_cannot_be_searched_is_told(tmp_path: Path) -> None:
    """Here its name is too long; root may search any other."""
    path = tmp_path / ("x" * 300) / "state.json"
    for read in (FileStore(path).read, FileStore(path).journal):
        with pytest.raises(StateError, match="File name too long") as refused:
            read()
        assert refused.value.id == "E903"
    assert version_of(path)


def test_each_content_of_the_state_has_its_own_version(path: Path) -> None:
    path.parent.mkdir(parents=True)
    versions = []
    for content in (b"one", b"two", b"one"):
        atomic_files.replace(path, content)
        versions.append(version_of(path))
    path.chmod(0o666)
    assert versions[0] == versions[2]
    assert len({*versions, version_of(path)}) == 3


@pytest.mark.parametrize("number", [0, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EIO])
def test_a_file_system_without_locks_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Whether it grants every lock, or none, as some network disks do."""

    def flock(_descriptor: int, _how: int) -> None:
        if number:
            raise OSError(number, os.strerror(number))

    before = open_files()
    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(StateError) as refused, FileStore(path).lock():
        pass
    reason = os.strerror(number) if number else "two processes can hold one at once"
    assert refused.value.message == f"the file system of {path} does not support locks: {reason}"
    hint = "store the state on a local disk, in git, or in an object store"
    assert (refused.value.id, refused.value.hint) == ("E909", hint)
    assert open_files() == before


def test_a_lock_that_is_not_ours_is_refused(path: Path) -> None:
    with FileStore(path).lock():
        pass
    lock_of(path).chmod(0o666)
    before = open_files()
    with pytest.raises(StateError) as refused, FileStore(path).lock():
        pass
    assert refused.value.message == (
        f"cannot lock the state {path}: its lock state.json.lock: "
        "other users may write to it; remove that permission with `chmod 600`"
    )
    assert open_files() == before


def test_no_file_stays_open(path: Path) -> None:
    store = FileStore(path)
    before = open_files()
    with store.lock():
        store.write(NEW)
        store.read()
    assert open_files() == before


@pytest.mark.parametrize("use", [lambda one: one.unlock("x"), lambda one: one.unlock("x", dead="y")])
def test_a_local_lock_is_not_to_be_freed(path: Path, use: Callable[[FileStore], None]) -> None:
    with pytest.raises(LockError) as free:
        use(FileStore(path))
    assert (free.value.message, free.value.id) == (f"the state {path} is not locked", "E704")
    with FileStore(path).lock(), pytest.raises(UsageError) as refused:
        use(FileStore(path))
    assert refused.value.message == f"the lock of {path} is released when the process that holds it ends"
    assert (refused.value.id, refused.value.hint) == ("E1202", "end that process")


def test_the_journal_is_beside_the_state(path: Path) -> None:
    store = FileStore(path)
    store.queue(b"one")()
    assert (path.with_name("state.json.wal").exists(), store.journal()) == (True, [b"one"])
    store.clear_journal()
    assert store.journal() == []


def test_a_lock_is_held_while_its_file_and_the_state_are_where_they_were(path: Path) -> None:
    store = FileStore(path)
    store.write(NEW)
    with store.lock():
        assert store.held()
        store.write(replace(NEW, serial=2))
        assert store.held()


@pytest.mark.parametrize("replaced", [True, False])
def test_a_lock_whose_file_is_gone_or_another_is_lost(path: Path, replaced: bool) -> None:
    """Another run could hold the new file."""
    store = FileStore(path)
    with store.lock():
        if replaced:
            path.with_name("new").touch()
            path.with_name("new").rename(lock_of(path))
        else:
            lock_of(path).unlink()
        with pytest.raises(LockError, match="was removed or replaced while this run held it") as lost:
            store.held()
        assert (lost.value.id, lost.value.exit_code, lost.value.hint) == ("E702", 7, AGAIN)


def test_a_lock_is_lost_when_somebody_else_has_written_the_state(path: Path) -> None:
    store = FileStore(path)
    with store.lock():
        FileStore(path).write(NEW)
        with pytest.raises(LockError, match="another run has taken over"):
            store.held()


def test_a_lock_that_was_never_taken_is_not_held(path: Path) -> None:
    store = FileStore(path)
    for _ in range(2):
        with pytest.raises(LockError, match=r"state\.json is not locked by this run") as lost:
            store.held()
        assert lost.value.id == "E702"
        with store.lock():
            pass
