"""Fixtures of the scenarios: an emulator over real HTTP, and a project in an empty folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tavusctl.emulator import running
from tavusctl.emulator.http.access import Allowed
from tests.crash.rig import Launcher, launcher
from tests.family import Family
from tests.scenarios.project import Account, Project
from tests.scenarios.refusals import COACH


@pytest.fixture(scope="session")
def emulator() -> Iterator[str]:
    """The base URL of an emulator that all scenarios share; each scenario has its own account."""
    with running(allowed=Allowed(killable=Family())) as server:
        yield server.url


@pytest.fixture
def account(emulator: str, request: pytest.FixtureRequest) -> Iterator[Account]:
    """An empty account, and the emulator at its defaults.

    A test with the marker `older_api` uses the API of spring 2026 only, one with `newer_api` the current API only.
    """
    account = Account(emulator, f"key-of-{abs(hash(request.node.nodeid))}")
    account.reset()
    eras = [
        era for era, name in (("seed", "older_api"), ("today", "newer_api")) if request.node.get_closest_marker(name)
    ]
    if eras:
        account.switch(era=eras[0])
    yield account
    assert account.control("GET", "violations")["violations"] == []


@pytest.fixture
def project(account: Account, tmp_path: Path) -> Project:
    """A project without manifests, on an empty account."""
    return Project(tmp_path, account)


@pytest.fixture
def coach(project: Project) -> Project:
    """A project with one persona, applied."""
    project.manifest("persona", "coach", COACH)
    return project.apply_and_forget()


@pytest.fixture
def quick(project: Project) -> Project:
    """A project whose runs read a second time soon after they write."""
    project.environment["TAVUSCTL_SETTLE"] = "0.1"
    return project


@pytest.fixture(scope="module")
def runner() -> Iterator[Launcher]:
    """What runs commands in children that may be killed."""
    with launcher() as made:
        yield made
