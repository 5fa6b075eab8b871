"""Fixtures of the scenarios: an emulator over real HTTP, and a project in an empty folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tavusctl.emulator import running
from tavusctl.emulator.http.border import Allowed
from tests.family import Family
from tests.scenarios.project import Account, Project


@pytest.fixture(scope="session")
def emulator() -> Iterator[str]:
    """The base URL of an emulator that all scenarios share; each has an account of its own."""
    with running(allowed=Allowed(killable=Family())) as server:
        yield server.url


@pytest.fixture
def account(emulator: str, request: pytest.FixtureRequest) -> Iterator[Account]:
    """An empty account, and the emulator at its defaults.

    A test speaks of one API alone where it is marked so: `older_api`, that of spring 2026, or `newer_api`.
    """
    account = Account(emulator, f"key-of-{abs(hash(request.node.nodeid))}")
    account.reset()
    speaks_of = [
        era for era, name in (("seed", "older_api"), ("today", "newer_api")) if request.node.get_closest_marker(name)
    ]
    if speaks_of:
        account.switch(era=speaks_of[0])
    yield account
    assert account.control("GET", "violations")["violations"] == []


@pytest.fixture
def project(account: Account, tmp_path: Path) -> Project:
    """A project with no manifest yet, on an empty account."""
    return Project(tmp_path, account)
