"""A state in a local file, when the disk, the folder or another hand gets in the way."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from tavusctl.core.errors import LockError, StateError
from tavusctl.core.ports import State
from tavusctl.state.file.store import FileStore
from tests.stores.other_run import other_run

RECORDS = [b'{"intent": 1}', b'{"result": "\xc3\xa9"}', b"", b"4 spaces  and 12 34"]
NEW = State("a-lineage", 1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "states" / "state.json"


@pytest.fixture
def journal(path: Path) -> Path:
    """The journal's file, with records in it."""
    store = FileStore(path)
    for record in RECORDS:
        store.queue(record)()
    return path.with_name("state.json.wal")


def test_a_journal_that_was_cut_off_gives_its_whole_records_and_goes_on_after_them(path: Path, journal: Path) -> None:
    whole = journal.read_bytes()
    for length in range(len(whole)):
        for rest in (b"", b"\0" * 50):  # a file that grew before its content was written
            journal.write_bytes(whole[:length] + rest)
            found = FileStore(path).journal()
            assert found == RECORDS[: len(found)]
            assert len(found) >= whole[:length].count(b"\n")
            FileStore(path).queue(b"next")()
            assert FileStore(path).journal() == [*found, b"next"]


def test_a_journal_that_was_changed_at_any_byte_is_refused(path: Path, journal: Path) -> None:
    whole = journal.read_bytes()
    for place in range(len(whole)):
        for bit in range(8):
            journal.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
            with pytest.raises(StateError, match=r"is corrupt: checksum mismatch at record [1-4]"):
                FileStore(path).journal()


def test_a_journal_with_lines_lost_doubled_or_exchanged_is_refused(path: Path, journal: Path) -> None:
    first, second, *rest = journal.read_bytes().splitlines(keepends=True)
    for lines in ([second, *rest], [first, first, second, *rest], [second, first, *rest], [first, *rest]):
        journal.write_bytes(b"".join(lines))
        with pytest.raises(StateError, match="is corrupt") as refused:
            FileStore(path).journal()
        assert (refused.value.id, refused.value.exit_code) == ("E908", 9)


def test_a_journal_that_another_process_has_written_to_is_not_written_to(path: Path) -> None:
    store = FileStore(path)
    store.queue(b"one")()
    FileStore(path).queue(b"of another")()
    with pytest.raises(StateError, match="another process has changed it"):
        store.queue(b"two")()
    assert FileStore(path).journal() == [b"one", b"of another"]


def test_files_are_for_their_owner_alone(path: Path, journal: Path) -> None:
    with FileStore(path).lock():
        FileStore(path).write(NEW)
    files = [path, journal, path.with_name("state.json.lock")]
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600] * 3
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    FileStore(path).clear_journal()
    assert sorted(file.name for file in path.parent.iterdir()) == ["state.json", "state.json.lock"]


@pytest.mark.parametrize("name", ["state.json", "state.json.wal", "state.json.lock"])
@pytest.mark.parametrize("kind", ["link", "second name", "pipe", "folder", "for all to write"])
def test_what_is_not_a_plain_file_of_ours_is_refused(path: Path, name: str, kind: str) -> None:
    store = FileStore(path)
    with store.lock():
        store.write(NEW)
        store.queue(b"one")()
    odd = path.with_name(name)
    kept = odd.rename(path.with_name("kept"))
    _make(kind, odd, kept)

    with pytest.raises(StateError) as refused:
        _use(path)
    assert refused.value.id == "E903"
    assert kept.exists()


def test_a_full_disk_leaves_the_old_state_and_a_whole_journal(path: Path) -> None:
    store = FileStore(path)
    store.write(NEW)
    store.queue(b"one")()
    before = path.read_bytes()
    for room in (0, 10, 45):
        with _disk_with_room_for(room):
            with pytest.raises(StateError, match="cannot write the state"):
                store.write(replace(NEW, serial=2))
            with pytest.raises(StateError, match="cannot append to the journal"):
                store.queue(b"two")()
    assert path.read_bytes() == before
    assert FileStore(path).journal() == [b"one"]
    assert sorted(file.name for file in path.parent.iterdir()) == ["state.json", "state.json.wal"]
    store.queue(b"three")()
    store.write(replace(NEW, serial=3))
    assert (FileStore(path).journal(), FileStore(path).read().serial) == ([b"one", b"three"], 3)


def test_a_lock_cannot_be_had_on_a_full_disk(path: Path) -> None:
    with FileStore(path).lock():
        pass
    with _disk_with_room_for(0), pytest.raises(StateError, match="cannot lock the state"), FileStore(path).lock():
        pass
    with FileStore(path).lock():
        assert FileStore(path).journal() == []


def test_a_folder_without_rights_or_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "states").write_text("a file")
    store = FileStore(tmp_path / "states" / "state.json")
    with pytest.raises(StateError, match="cannot write the state"):
        store.write(NEW)
    with pytest.raises(StateError, match="cannot lock the state"), store.lock():
        pass
    with pytest.raises(StateError, match="cannot read the journal"):
        store.queue(b"one")()
    with pytest.raises(StateError, match="cannot clear the journal"):
        store.clear_journal()


def test_a_lock_takes_note_of_the_state_as_it_is_then(path: Path) -> None:
    store = FileStore(path)
    store.write(NEW)
    FileStore(path).write(replace(NEW, serial=2))
    with pytest.raises(LockError, match="another run has taken over"):
        store.write(replace(NEW, serial=3))
    with store.lock():
        store.write(replace(NEW, serial=4))
    assert FileStore(path).read().serial == 4


def _use(path: Path) -> None:
    store = FileStore(path)
    with store.lock():
        store.read()
        store.journal()


def _make(kind: str, odd: Path, kept: Path) -> None:
    if kind == "link":
        odd.symlink_to(kept)
    elif kind == "second name":
        odd.hardlink_to(kept)
    elif kind == "pipe":
        os.mkfifo(odd, 0o600)
    elif kind == "folder":
        odd.mkdir()
    else:
        odd.write_bytes(kept.read_bytes())
        odd.chmod(0o666)


@contextlib.contextmanager
def _disk_with_room_for(size: int) -> Iterator[None]:
    """No file can grow beyond this size."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_the_name_that_a_dead_holder_left_behind_is_nobody_s(path: Path) -> None:
    with other_run(f"file://{path}") as killed:
        assert killed.order("append intent") == "done"
        assert FileStore(path).holder().startswith(f"process {killed.process.pid} on ")
        killed.signal(signal.SIGKILL)
        killed.process.wait()
    assert path.with_name(f"{path.name}.lock").stat().st_size, "its name is still there"
    assert FileStore(path).holder() == ""
