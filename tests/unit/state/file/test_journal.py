"""The journal's file, call by call: what is on disk when, and what a disk that fails costs."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tavusctl.core.errors import StateError
from tavusctl.lib.atomic_files import sync_directory
from tavusctl.lib.private_files import fault_of, read_private
from tavusctl.state.file.journal import JournalFile
from tavusctl.state.hash_chain import START, Chain, follow, link

HINT = "check its folder and the disk"
PLAIN = stat.S_IFREG | 0o600


@dataclass
class Disk:
    """What is made durable, and which of these calls fail."""

    monkeypatch: pytest.MonkeyPatch
    synced: list[tuple[str, int]] = field(default_factory=list)  # name, and size at that time
    failing: set[str] = field(default_factory=set)

    def sync(self, descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path.name in self.failing:
            raise OSError(errno.EIO, "Input/output error")
        self.synced.append((path.name, 0 if path.is_dir() else path.stat().st_size))

    def write_at_most(self, size: int, *, then_full: bool = False) -> None:
        """Let `write` take so many bytes at once, and nothing after that."""
        real, calls = os.write, [0]

        def write(descriptor: int, content: Any) -> int:
            calls[0] += 1
            if then_full and calls[0] > 1:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(descriptor, bytes(content)[:size])

        self.monkeypatch.setattr(os, "write", write)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk(monkeypatch)
    monkeypatch.setattr(os, "fsync", disk.sync)
    return disk


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "states" / "state.wal"


def lines(*records: bytes) -> bytes:
    content, head = b"", START
    for record in records:
        line, head = link(head, record)
        content += line
    return content


def refusal(use: Callable[[], object]) -> StateError:
    with pytest.raises(StateError) as refused:
        use()
    return refused.value


def test_every_record_is_on_disk_before_append_returns(disk: Disk, path: Path) -> None:
    journal = JournalFile(path)
    journal.append(b"one")
    first = len(lines(b"one"))
    assert disk.synced == [("state.wal", first), ("states", 0)]
    journal.append(b"two")
    assert disk.synced[2:] == [("state.wal", len(lines(b"one", b"two")))]
    assert path.read_bytes() == lines(b"one", b"two")
    JournalFile(path).append(b"three")
    assert (path.read_bytes(), len(disk.synced)) == (lines(b"one", b"two", b"three"), 4)


def test_a_cleared_journal_is_gone_from_the_disk(disk: Disk, path: Path) -> None:
    journal = JournalFile(path)
    journal.clear()
    assert disk.synced == []
    journal.append(b"one")
    del disk.synced[:]
    journal.clear()
    assert (path.exists(), disk.synced) == (False, [("states", 0)])
    journal.append(b"two")
    assert (path.read_bytes(), journal.records()) == (lines(b"two"), [b"two"])
    assert disk.synced[1:] == [("state.wal", len(lines(b"two"))), ("states", 0)]


@pytest.mark.parametrize("failing", ["state.wal", "states"])
def test_nothing_is_appended_after_a_write_that_did_not_reach_the_disk(disk: Disk, path: Path, failing: str) -> None:
    journal = JournalFile(path)
    disk.failing = {failing}
    found = refusal(lambda: journal.append(b"one"))
    assert (found.id, found.hint) == ("E903", HINT)
    assert found.message == f"cannot append to the journal {path}: Input/output error"
    disk.failing = set()
    assert path.read_bytes() == b""
    again = refusal(lambda: journal.append(b"one"))
    assert again.message == f"cannot append to the journal {path}: an earlier write did not reach the disk"
    assert JournalFile(path).records() == []


@pytest.mark.parametrize("full", [True, False])
def test_a_disk_that_takes_nothing_back_either_is_told_the_same(disk: Disk, path: Path, full: bool) -> None:
    """Before the write has come through, or after it."""
    journal = JournalFile(path)
    journal.append(b"one")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "ftruncate", failing)
        if full:
            Disk(patch).write_at_most(7, then_full=True)
        disk.failing = set() if full else {"state.wal"}
        found = refusal(lambda: journal.append(b"two"))
    reason = "No space left on device" if full else "Input/output error"
    assert found.message == f"cannot append to the journal {path}: {reason}"


def failing(*_: object) -> NoReturn:
    raise OSError(errno.EROFS, "Read-only file system")


def test_a_folder_that_cannot_be_made_durable_is_told(disk: Disk, path: Path) -> None:
    journal = JournalFile(path)
    journal.append(b"one")
    disk.failing = {"states"}
    assert refusal(journal.clear).message == f"cannot clear the journal {path}: Input/output error"


def test_a_disk_that_takes_little_at_a_time_gets_all(disk: Disk, path: Path) -> None:
    disk.write_at_most(7)
    JournalFile(path).append(b"a record of some length")
    assert path.read_bytes() == lines(b"a record of some length")


def test_a_part_of_a_record_is_taken_back(path: Path) -> None:
    journal = JournalFile(path)
    journal.append(b"one")
    with pytest.MonkeyPatch.context() as patch:
        Disk(patch).write_at_most(7, then_full=True)
        found = refusal(lambda: journal.append(b"two"))
    assert found.message == f"cannot append to the journal {path}: No space left on device"
    assert path.read_bytes() == lines(b"one")
    journal.append(b"three")
    assert path.read_bytes() == lines(b"one", b"three")


@pytest.mark.parametrize("torn", [b"12 ab", b"9 " + b"0" * 32 + b" part", b"9 " + b"0" * 32 + b" a part", b"\0" * 9])
def test_a_torn_end_is_written_over(disk: Disk, path: Path, torn: bytes) -> None:
    journal = JournalFile(path)
    journal.append(b"one")
    path.write_bytes(path.read_bytes() + torn)
    after = JournalFile(path)
    assert after.records() == [b"one"]
    after.append(b"two")
    after.append(b"three")
    assert path.read_bytes() == lines(b"one", b"two", b"three")
    assert disk.synced


def test_a_last_line_without_its_end_gets_one(disk: Disk, path: Path) -> None:
    JournalFile(path).append(b"one")
    path.write_bytes(lines(b"one")[:-1])
    journal = JournalFile(path)
    assert journal.records() == [b"one"]
    journal.append(b"two")
    journal.append(b"three")
    assert path.read_bytes() == lines(b"one", b"two", b"three")
    assert disk.synced


def test_what_another_has_changed_is_left(disk: Disk, path: Path) -> None:
    journal = JournalFile(path)
    journal.append(b"one")
    path.write_bytes(lines(b"one", b"of another"))
    found = refusal(lambda: journal.append(b"two"))
    assert found.message == f"cannot append to the journal {path}: another process has changed it"
    assert (found.id, path.read_bytes(), len(disk.synced)) == ("E903", lines(b"one", b"of another"), 2)


def test_a_journal_that_cannot_be_opened_is_told(path: Path) -> None:
    path.mkdir(parents=True)
    journal = JournalFile(path)
    assert refusal(journal.records).message == f"cannot read the journal {path}: Is a directory"
    journal._known = Chain()
    assert refusal(lambda: journal.append(b"one")).message == f"cannot append to the journal {path}: Is a directory"


def test_a_journal_is_for_its_owner_alone(path: Path) -> None:
    path = path.parent / "deeper" / path.name
    JournalFile(path).append(b"one")
    assert [stat.S_IMODE(one.stat().st_mode) for one in (path, path.parent)] == [0o600, 0o700]


def test_a_journal_that_no_run_can_have_written_is_not_read(path: Path) -> None:
    JournalFile(path).append(b"one")
    os.truncate(path, 256 * 1024 * 1024 + 1)
    found = refusal(JournalFile(path).records)
    assert found.message == f"cannot read the journal {path}: it is larger than 268435456 bytes"


def test_a_damaged_journal_is_called_by_its_path(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"what is this")
    path.chmod(0o600)
    found = refusal(JournalFile(path).records)
    assert found.message == f"the journal {path} is corrupt: checksum mismatch at record 1"


def test_nothing_is_read_through_a_link_or_from_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        read_private(tmp_path / "link", 100)
    with pytest.raises(OSError, match="it is not a regular file"):
        read_private(tmp_path / "pipe", 100)


def test_a_journal_is_never_followed_through_a_link(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    path.symlink_to(tmp_path / "elsewhere")
    journal = JournalFile(path)
    journal._known = Chain()
    assert "cannot append to the journal" in refusal(lambda: journal.append(b"one")).message
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("use", [JournalFile.records, lambda one: one.append(b"two"), JournalFile.clear])
def test_one_thread_uses_a_journal_at_a_time(path: Path, use: Callable[[JournalFile], object]) -> None:
    journal = JournalFile(path)
    journal.append(b"one")
    other = threading.Thread(target=use, args=(journal,))
    with journal._guard:
        other.start()
        other.join(0.05)
        assert other.is_alive()
        assert path.read_bytes() == lines(b"one")
    other.join(5)
    assert not other.is_alive()


def test_no_file_stays_open(path: Path) -> None:
    journal = JournalFile(path)
    journal.append(b"one")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        journal.append(b"more")
        journal.records()
        sync_directory(path.parent)
    journal.clear()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize(
    ("mode", "links", "owner", "size", "fault"),
    [
        (PLAIN, 1, 1000, 9, ""),
        (PLAIN, 1, 0, 9, ""),
        (PLAIN | 0o044, 1, 1000, 9, ""),
        (PLAIN, 1, 1000, 10, "it is larger than 9 bytes"),
        (PLAIN, 2, 1000, 9, "it has a second name (a hard link)"),
        (PLAIN, 1, 1001, 9, "it belongs to another user"),
        (PLAIN | 0o020, 1, 1000, 9, "other users may write to it; remove that permission with `chmod 600`"),
        (PLAIN | 0o002, 1, 1000, 9, "other users may write to it; remove that permission with `chmod 600`"),
        (stat.S_IFIFO | 0o600, 1, 1000, 9, "it is not a regular file"),
    ],
)
def test_a_file_that_is_not_ours_has_a_fault(
    monkeypatch: pytest.MonkeyPatch, mode: int, links: int, owner: int, size: int, fault: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert fault_of(os.stat_result((mode, 1, 1, links, owner, 0, size, 0, 0, 0)), 9) == fault


def test_root_reads_the_files_of_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert fault_of(os.stat_result((PLAIN, 1, 1, 1, 1001, 0, 9, 0, 0, 0)), 9) == ""


def test_a_file_is_read_whole_or_refused_by_its_fault(tmp_path: Path) -> None:
    one = tmp_path / "one"
    one.write_bytes(b"content")
    one.chmod(0o600)
    assert read_private(one, 7) == b"content"
    with pytest.raises(OSError, match="it is larger than 6 bytes"):
        read_private(one, 6)


def test_a_line_vouches_for_the_one_before() -> None:
    assert START == b"0" * 32
    assert lines(b"one", b"") == (
        b"3 ecf31e6c070155139e611a1d940211d1 one\n"
        b"0 31cef9df9b715cf0d41f6b631b448fa6 \n"
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"^a journal record is one line$"):
        link(START, b"two\nlines")


def test_a_chain_is_followed_to_its_end() -> None:
    spaced = lines(b"one record", b" and more ")
    assert follow(spaced, "it").records == (b"one record", b" and more ")
    whole = lines(b"one", b"two")
    head = whole.split(b"\n")[1].split(b" ")[1]
    assert follow(whole, "it") == Chain((b"one", b"two"), head, len(whole), complete=True)
    assert follow(whole[:-1], "it") == Chain((b"one", b"two"), head, len(whole) - 1, complete=False)
    assert follow(b"", "it") == Chain((), b"0" * 32, 0, complete=True) == Chain()
    first = len(lines(b"one"))
    for end in range(first + 1, len(whole) - 1):
        found = follow(whole[:end], "it")
        assert (found.records, found.size, found.complete) == ((b"one",), first, True)


@pytest.mark.parametrize(
    ("content", "number"),
    [
        (lines(b"one").replace(b"one", b"two"), 1),
        (lines(b"one") + lines(b"one"), 2),
        (lines(b"one") + b"not a digest", 2),
        (lines(b"one") + b"3 or", 2),
        (lines(b"one") + b"3 " + b"0" * 32 + b" o e", 2),
        (lines(b"one") + b"x " + b"0" * 32 + b" y", 2),
        (lines(b"one") + b"3 " + b"0" * 32 + b" two", 2),
        (lines(b"one") + b"2 " + b"0" * 32 + b" two", 2),
    ],
)
def test_a_chain_that_is_broken_is_refused_by_its_record(content: bytes, number: int) -> None:
    found = refusal(lambda: follow(content, "the journal here"))
    assert found.message == f"the journal here is corrupt: checksum mismatch at record {number}"
    assert found.hint.startswith("back up the file")
    assert found.id == "E908"
