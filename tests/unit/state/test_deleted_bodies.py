"""The bodies of deleted objects that an undo finds beside the state."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.model import Action
from tavusctl.state.artifacts import FileArtifacts
from tavusctl.state.journal import FinishedRun, Intent
from tavusctl.state.run_records import RunRecords, Trash
from tavusctl.state.seals import Seals

ADDRESS = Address("document", "prices")


@pytest.mark.parametrize("runs", [("a" * 12, "f" * 12), ("f" * 12, "a" * 12)])
def test_of_several_bodies_of_an_old_version_the_newest_counts(tmp_path: Path, runs: tuple[str, str]) -> None:
    """A delete that failed has left one as well; the object may have been edited before the next attempt."""
    artifacts, seals = FileArtifacts(tmp_path), Seals(key=b"k" * 32)
    for time, run in enumerate(runs):
        Trash(artifacts, run, seals).keep(ADDRESS, "d1", {"time": time})
        os.utime(tmp_path / f"trash/{run}/document-prices-d1.json", (time, time))
    replaced = Intent("op", ADDRESS, Action.REPLACE, before=Binding(ADDRESS, "d1"))
    finished_run = FinishedRun("c" * 12, "", "lineage", (replaced,))

    assert RunRecords(artifacts).bodies(finished_run, seals) == {"d1": {"time": 1}}
