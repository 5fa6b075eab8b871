"""A sample of `make crash`: kill -9 or a bad disk in an apply, and at most three runs later all is as it should be."""

from __future__ import annotations

import errno
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tavusctl.emulator import running
from tavusctl.emulator.http.access import Allowed
from tests.crash.kills import Kill, bad_disks, by_server, everywhere, repeated
from tests.crash.rig import Scenario, launcher
from tests.crash.scenarios import NAMES, scenario
from tests.family import Family
from tests.scenarios.project import Account

# `make crash` has these, too; a sample of all would take minutes.
LEFT_OUT = ("mixed-wide", "create-nameless", "create-external", "update-external", "ten-kinds")
AT_POINTS, BY_SERVER, REPEATED, BAD_DISKS = 2, 1, 1, 1  # of each scenario
SEED = 7


def shared(name: str) -> Any:
    """One worker measures a scenario."""
    return pytest.param(name, marks=pytest.mark.xdist_group(f"crash of {name}"))


@pytest.fixture(scope="module", params=[shared(name) for name in NAMES if name not in LEFT_OUT])
def killed(request: pytest.FixtureRequest) -> Iterator[tuple[Scenario, list[Kill]]]:
    """A scenario on an emulator of its own, and a sample of its kills."""
    with (
        running(allowed=Allowed(killable=Family())) as server,
        launcher("--warm") as runner,
        tempfile.TemporaryDirectory() as folder,
    ):
        this = scenario(request.param, Path(folder), Account(server.url, "key-of-the-killed"), runner)
        writes, points, chance = this.measure(errno.EIO), this.measure(), random.Random(SEED)
        kills = [
            *chance.sample(list(everywhere(points)), AT_POINTS),
            *chance.sample(list(by_server(this.writes)), BY_SERVER),
            *repeated(points, REPEATED, SEED),
            *chance.sample(list(bad_disks(writes)), BAD_DISKS),
        ]
        yield this, kills


@pytest.mark.parametrize("number", range(AT_POINTS + BY_SERVER + REPEATED + BAD_DISKS))
def test_fm_001_to_012_095_096_a_kill_anywhere_is_survived(killed: tuple[Scenario, list[Kill]], number: int) -> None:
    this, kills = killed
    this.ready()
    where = kills[number].strike(this)

    assert where or this.width > 1, "the kill struck nowhere"
    this.survive()
