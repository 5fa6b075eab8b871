"""What past applies did: the journals of runs that have ended, kept for `undo`."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tavusctl import journal
from tavusctl.cli.output import write_private
from tavusctl.errors import StateError, TavusctlError
from tavusctl.journal import Past
from tavusctl.model import Document
from tavusctl.records import leaves_in
from tavusctl.stores.wal import read_private

KEPT_RUNS = 20
KEPT_DAYS = 30
_LIMIT = 256 * 1024 * 1024
_RUN = re.compile(r"[0-9a-f]{12}")


@dataclass(slots=True)
class Archive:
    """The records of runs, one file each in `.tavusctl/runs`, and the bodies they deleted; no secret is in them."""

    root: Path
    kept: list[str] = field(default_factory=list)  # runs that were put here by this process

    @property
    def _runs(self) -> Path:
        return self.root / ".tavusctl" / "runs"

    @property
    def _trash(self) -> Path:
        return self.root / ".tavusctl" / "trash"

    def keep(self, records: Sequence[bytes]) -> None:
        """Put the records of an ended run here; without room for them the run cannot be reversed, and is still done."""
        if not any(json.loads(record)["is"] in ("intent", "forget") for record in records):
            return
        run = str(json.loads(records[0])["run"])
        with contextlib.suppress(TavusctlError, OSError):
            self._runs.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_private(self._runs / f"{run}.jsonl", "".join(f"{record.decode()}\n" for record in records))
            self.kept.append(run)
            self._clear_out()

    def past(self, run: str) -> Past:
        """What one run did; StateError when nothing is known of it."""
        path = self._runs / f"{run}.jsonl"
        if not _RUN.fullmatch(run) or not path.is_file():
            message = f"nothing is known of a run {run!r}"
            raise StateError(message, "tavusctl undo lists the runs that can be reversed", id="E934")
        return _read(path)

    def all(self, lineage: str) -> list[Past]:
        """The runs of a state, newest first."""
        found = [_read(path) for path in sorted(self._runs.glob("*.jsonl"))]
        return sorted((one for one in found if one.lineage == lineage), key=lambda one: one.time, reverse=True)

    def bodies(self, run: str) -> dict[str, Document]:
        """The bodies of what a run deleted, by id; a file that cannot be read counts as not there."""
        found: dict[str, Document] = {}
        for path in sorted((self._trash / run).glob("*.json")):
            with contextlib.suppress(ValueError, KeyError, TypeError, OSError):
                document = json.loads(read_private(path, _LIMIT))
                found[document["id"]] = leaves_in(document["body"])
        return found

    def _clear_out(self) -> None:
        """Remove what is old: all but the newest runs, and what was deleted a month ago."""
        for path in sorted(self._runs.glob("*.jsonl"), key=_age)[KEPT_RUNS:]:
            path.unlink(missing_ok=True)
        for folder in self._trash.glob("*"):
            if _age(folder) > KEPT_DAYS * 24 * 3600:
                shutil.rmtree(folder, ignore_errors=True)


def _read(path: Path) -> Past:
    try:
        return journal.past(read_private(path, _LIMIT).splitlines())
    except (ValueError, OSError):
        message = f"the records of the run {path.stem} cannot be read"
        raise StateError(message, f"check {path}, or remove it", id="E933") from None


def _age(path: Path) -> float:
    return time.time() - path.stat().st_mtime
