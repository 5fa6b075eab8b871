"""Files that are read as they are to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from tavusctl.config import files
from tavusctl.lib.unwritten_files import as_if_written, new_files


def test_a_file_is_read_as_it_is_to_be_and_then_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "old.md").write_text("old")
    with as_if_written(tmp_path, {"old.md": b"new", "more/other.md": b"other"}):
        assert files.read_bytes(tmp_path / "old.md", tmp_path, 10) == b"new"
        assert files.measure(tmp_path / "more/other.md", tmp_path, 10) == (5, files.digest(b"other"))
        assert new_files(tmp_path) == [tmp_path / "more/other.md"]
        for take in (files.read_bytes, files.measure):
            with pytest.raises(files.TooLargeError):
                take(tmp_path / "old.md", tmp_path, 2)
    assert files.read_bytes(tmp_path / "old.md", tmp_path, 10) == b"old"
    assert new_files(tmp_path) == []
