"""A file is read up to its limit, and not a byte more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tavusctl.lib.private_files import read_private, read_regular


@pytest.mark.parametrize("read", [read_regular, read_private])
def test_a_file_of_the_largest_size_is_read_and_a_larger_one_is_not(
    tmp_path: Path, read: Callable[[Path, int], bytes]
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"four")
    file.chmod(0o600)

    assert read(file, 4) == b"four"
    with pytest.raises(OSError, match="it is larger than 3 bytes"):
        read(file, 3)
