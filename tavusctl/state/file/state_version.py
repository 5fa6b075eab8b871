"""Which version of a state lies in a file; told without reading what it says."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from tavusctl.state.artifacts import RUNS, FileArtifacts
from tavusctl.state.file.journal import opened_private

LIMIT: Final = 256 * 1024 * 1024  # bytes of a state


def version_of(path: Path) -> str:
    """A text that is another one whenever the state, its journal or its records would be read otherwise."""
    found = hashlib.sha256("\0".join(sorted(FileArtifacts(path.parent).names(RUNS))).encode("utf-8", "surrogatepass"))
    for one in (path, path.with_name(f"{path.name}.wal")):
        try:
            with opened_private(one, LIMIT) as file:
                found.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            found.update(str(error).encode("utf-8", "surrogatepass"))
    return found.hexdigest()
