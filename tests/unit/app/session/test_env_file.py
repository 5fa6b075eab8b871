from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tavusctl.app.session import env_file
from tavusctl.core.project_settings import Project


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("TAVUS_API_KEY=abc", "abc"),
        ("export TAVUS_API_KEY = abc  # of the team", "abc"),
        ("TAVUS_API_KEY='a b#c'", "a b#c"),
        ('TAVUS_API_KEY="a\\"b"', 'a"b'),
        ("\ufeffTAVUS_API_KEY=abc\r\nOTHER=1\r\n", "abc"),
        ("TAVUS_API_KEY=${HOME}", "${HOME}"),
        ("TAVUS_API_KEY=first\nTAVUS_API_KEY=last", "last"),
        ("TAVUS_API_KEY", ""),
        ("TAVUS_API_KEY=", ""),
        ("#TAVUS_API_KEY=abc", ""),
    ],
)
def test_a_value_is_read_as_other_programs_read_it(
    tmp_path: Path, text: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TAVUS_API_KEY", raising=False)
    (tmp_path / ".env").write_bytes(text.encode())
    assert env_file.read(Project.default(tmp_path)).get("TAVUS_API_KEY") == value


def test_values_are_in_no_representation(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TAVUS_API_KEY=hidden-value")
    assert repr(env_file.read(Project.default(tmp_path))) == "Variables(TAVUS_API_KEY)"


def test_a_folder_by_this_name_is_nothing_to_us(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    assert env_file.read(Project.default(tmp_path)).get("TAVUS_API_KEY_NOWHERE") == ""
    assert env_file.remarks(Project.default(tmp_path)) == env_file.Remarks()


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: path.symlink_to("elsewhere"), "it is a symbolic link"),
        (lambda path: path.write_bytes(b"A=1\n" * 100_000), "it is larger than 256 KiB"),
    ],
)
def test_a_file_that_is_not_read_is_told(tmp_path: Path, make: Callable[[Path], object], why: str) -> None:
    make(tmp_path / ".env")
    (remark,) = env_file.remarks(Project.default(tmp_path)).urgent
    assert (remark.id, remark.message) == ("TV130", f"`.env` is not read: {why}")


def test_bytes_that_are_no_text_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xff\x00\xfe=1\nTAVUS_API_KEY_NOWHERE=2\n")
    assert env_file.read(Project.default(tmp_path), ["TAVUS_API_KEY_NOWHERE"]).get("TAVUS_API_KEY_NOWHERE") == "2"
