from __future__ import annotations

import errno
import os
import stat
import time
from pathlib import Path

import pytest

from tavusctl.lib.atomic_files import ChangedError, create, drop_abandoned, open_folder, replace


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    place = tmp_path / "file"
    place.write_bytes(b"before")

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(OSError, match="Input/output error"):
            replace(place, b"after")
    assert (names(tmp_path), place.read_bytes()) == (["file"], b"before")


@pytest.mark.parametrize("through", [False, True])
def test_what_a_killed_process_has_left_goes_when_nobody_can_be_at_it(tmp_path: Path, through: bool) -> None:
    left = [".file.41.00112233445566aa", ".new\nline.yaml.41.00112233445566cc"]
    others = [".file.42.00112233445566bb", ".file.txt", ".file.41.zz", ".other.41.0011", "file.41.00112233445566aa"]
    for name in (*left, *others):
        (tmp_path / name).touch()
    for name in (*left, *others[1:]):
        os.utime(tmp_path / name, (0, 0))
    with open_folder(tmp_path) as folder:
        drop_abandoned(folder if through else tmp_path)
    assert names(tmp_path) == sorted(others)


def test_a_disk_whose_clock_is_behind_keeps_what_a_process_is_writing(tmp_path: Path) -> None:
    being_written = tmp_path / ".file.41.00112233445566aa"
    being_written.touch()
    behind = time.time() - 2 * 3600
    for path in (being_written, tmp_path):
        os.utime(path, (behind, behind))
    drop_abandoned(tmp_path)
    assert names(tmp_path) == [being_written.name]


@pytest.mark.parametrize(
    ("rights", "keeps", "before", "after"),
    [
        (0o600, False, 0o644, 0o600),
        (0o644, False, 0o600, 0o644),
        (0o600, True, 0o640, 0o640),
        (0o644, True, 0o400, 0o400),
        (0o644, True, 0o000, 0o000),
        (0o644, True, None, 0o644),
    ],
)
@pytest.mark.parametrize("through", [False, True])
def test_rights_are_those_asked_for_or_those_that_were_there(
    tmp_path: Path, rights: int, keeps: bool, before: int | None, after: int, through: bool
) -> None:
    place = tmp_path / "file"
    if before is not None:
        place.write_bytes(b"before")
        place.chmod(before)
    if through:
        with open_folder(tmp_path) as folder:
            replace(place, b"after", rights=rights, keep_rights=keeps, folder=folder)
    else:
        replace(place, b"after", rights=rights, keep_rights=keeps)
    assert (mode(place), names(tmp_path)) == (after, ["file"])


def test_nobody_else_can_read_a_file_in_the_making(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[int] = []
    write = os.fchmod

    def look(descriptor: int, rights: int) -> None:
        found.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        write(descriptor, rights)

    monkeypatch.setattr(os, "fchmod", look)
    before = os.umask(0)
    try:
        replace(tmp_path / "file", b"content", rights=0o644)
    finally:
        os.umask(before)
    assert found == [0o600]


def test_a_file_that_was_changed_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.write_bytes(b"theirs")
    with pytest.raises(ChangedError):
        replace(place, b"ours", expect=b"before")
    assert (names(tmp_path), place.read_bytes()) == (["file"], b"theirs")
    replace(place, b"ours", expect=b"theirs")
    assert place.read_bytes() == b"ours"


def test_a_link_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_bytes(b"theirs")
    (tmp_path / "file").symlink_to(tmp_path / "theirs")
    replace(tmp_path / "file", b"ours")
    assert not (tmp_path / "file").is_symlink()
    assert (tmp_path / "theirs").read_bytes() == b"theirs"


def test_no_step_to_an_opened_folder_is_a_link(tmp_path: Path) -> None:
    (tmp_path / "real/inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(OSError, match=r"Not a directory|Too many levels"), open_folder(tmp_path / "link/inner"):
        pass


def test_a_folder_that_became_a_link_is_written_to_where_it_was(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "theirs").mkdir()
    with open_folder(tmp_path / "ours") as folder:
        (tmp_path / "ours").rename(tmp_path / "moved")
        (tmp_path / "ours").symlink_to(tmp_path / "theirs")
        replace(tmp_path / "ours/file", b"content", folder=folder)
    assert (names(tmp_path / "moved"), names(tmp_path / "theirs")) == (["file"], [])


@pytest.mark.parametrize("has_links", [True, False])
def test_a_new_file_takes_no_place_that_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    if not has_links:

        def refuse(*_: object, **__: object) -> None:
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "taken").write_bytes(b"theirs")
    (tmp_path / "dangling").symlink_to("nowhere")
    for name in ("taken", "dangling"):
        with pytest.raises(OSError, match="File exists" if has_links else "not permitted"):
            create(tmp_path / name, b"ours")
    create(tmp_path / "free", b"ours")
    assert names(tmp_path) == ["dangling", "free", "taken"]
    assert ((tmp_path / "taken").read_bytes(), (tmp_path / "free").read_bytes()) == (b"theirs", b"ours")


def test_the_umask_decides_who_reads_a_new_file(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        create(tmp_path / "file", b"content")
    finally:
        os.umask(before)
    assert mode(tmp_path / "file") == 0o640


@pytest.mark.parametrize("name", ["n" * 255, "ñ" * 127, "n" * 200])
def test_a_file_may_have_the_longest_name(tmp_path: Path, name: str) -> None:
    """Although the name of its temporary file has more parts."""
    create(tmp_path / name, b"before")
    with open_folder(tmp_path) as folder:
        replace(tmp_path / name, b"after", expect=b"before", folder=folder)
    assert (names(tmp_path), (tmp_path / name).read_bytes()) == ([name], b"after")
