"""The version of a state in a file, computed without decoding it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tavusctl.lib.private_files import open_private
from tavusctl.state.artifacts import RUNS, FileArtifacts


def version_of(path: Path) -> str:
    """A digest that changes with the state, its journal, or the names of its run records."""
    digest = hashlib.sha256("\0".join(sorted(FileArtifacts(path.parent).names(RUNS))).encode("utf-8", "surrogatepass"))
    for file_path in (path, path.with_name(f"{path.name}.wal")):
        try:
            with open_private(file_path) as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            digest.update(str(error).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
