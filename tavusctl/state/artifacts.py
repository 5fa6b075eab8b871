"""Artifacts beside the state: records of runs in `runs/`, deleted bodies in `trash/RUN/`.

They are not part of the state: without them, runs cannot be undone, and nothing else is lost.  But a recorded run has
written a state newer than the one it started from, so a state that is not newer was restored from a backup.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tavusctl.core.errors import StateError
from tavusctl.core.ports import State
from tavusctl.lib import atomic_files
from tavusctl.lib.patterns import pattern
from tavusctl.lib.private_files import open_private, read_private

RUNS: Final = "runs"
TRASH: Final = "trash"
_NAME: Final = pattern(r"runs/([0-9a-f]{8})-(\d{6,})-([0-9a-f]{12})\.jsonl")


def run_name(lineage: str, serial: int, run: str) -> str:
    """The name of the artifact with the records of a run; `serial` is that of the state it started from."""
    return f"{RUNS}/{_lineage_digest(lineage)}-{serial:06}-{run}.jsonl"


def runs_of(lineage: str, names: Iterable[str]) -> dict[str, str]:
    """The names of the artifacts with the records of the runs of a state, by run id, newest first."""
    matches = [match for match in map(_NAME.fullmatch, names) if match and match[1] == _lineage_digest(lineage)]
    return {match[3]: match[0] for match in sorted(matches, key=lambda match: int(match[2]), reverse=True)}


def check_newest(state: State, names: Iterable[str], where: str) -> State:
    """The state, if it is not older than its recorded runs; else StateError.  `where` names it in the message."""
    newest = newest_serial(state.lineage, names)
    if state.serial > newest:
        return state
    message = f"{where} is outdated: it has serial {state.serial}, but a run started from serial {newest}"
    hint = (
        "restore the newer state; to continue from this one, write "
        "it to a file with `tavusctl state pull --allow-older`"
    )
    raise StateError(message, f"{hint} and run `tavusctl state push --allow-older FILE`", id="E914")


def newest_serial(lineage: str, names: Iterable[str]) -> int:
    """The highest serial that a recorded run started from; -1 if there is none."""
    matches = (match for match in map(_NAME.fullmatch, names) if match and match[1] == _lineage_digest(lineage))
    return max((int(match[2]) for match in matches), default=-1)


def _lineage_digest(lineage: str) -> str:
    return hashlib.sha256(lineage.encode()).hexdigest()[:8]


class FileArtifacts:
    """Artifacts in files below a folder, readable by their owner alone."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, name: str, content: bytes) -> None:
        """Write a file; it is on disk when this returns."""
        path = self._root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            atomic_files.replace(path, content)
            atomic_files.sync_directory(path.parent)
        except OSError as error:
            message = f"cannot keep {path}: {error.strerror}"
            raise StateError(message, atomic_files.remedy(error, "check its folder and the disk"), id="E903") from None

    def get(self, name: str) -> bytes | None:
        """The content of a file; None if there is none."""
        try:
            return read_private(self._root / name)
        except FileNotFoundError:
            return None
        except OSError as error:
            message = f"cannot read {self._root / name}: {error.strerror}"
            raise StateError(message, "check its permissions, or remove it", id="E903") from None

    def names(self, folder: str) -> dict[str, float]:
        """The files below a folder, with the times of their last writes in seconds since the epoch."""
        write_times: dict[str, float] = {}
        paths: list[Path] = []
        with contextlib.suppress(OSError):  # of a folder that cannot be searched: reading the state there reports it
            paths = sorted((self._root / folder).rglob("[!.]*"))
        for path in paths:
            with contextlib.suppress(OSError):  # another process may be removing old files
                if path.is_file():
                    write_times[path.relative_to(self._root).as_posix()] = path.stat().st_mtime
        return write_times

    def drop(self, names: Iterable[str]) -> None:
        """Remove files, and empty folders of the trash; files that cannot be removed are left."""
        for name in names:
            with contextlib.suppress(OSError):
                (self._root / name).unlink()
        for folder in (self._root / TRASH).glob("*/"):
            with contextlib.suppress(OSError):
                folder.rmdir()


def version_of(path: Path) -> str:
    """A digest that changes with the state, its journal, or the names of its run records."""
    digest = hashlib.sha256("\0".join(sorted(FileArtifacts(path.parent).names(RUNS))).encode("utf-8", "surrogatepass"))
    for file_path in (path, path.with_name(f"{path.name}.wal")):
        try:
            status = file_path.lstat()
            # Every write makes another file, or a longer one.
            version = status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
            digest.update(_digest_of(file_path, version))
        except OSError as error:
            digest.update(str(error).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


@functools.lru_cache(maxsize=4)
def _digest_of(path: Path, version: tuple[int, ...]) -> bytes:  # noqa: ARG001 - a run digests each version once
    with open_private(path) as file:
        return hashlib.file_digest(file, "sha256").digest()
