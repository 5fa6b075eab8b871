"""Fixtures of stores: object stores as real servers, started once per test run, and a new state URL for every test."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stores.fake_s3 import FakeS3, fake_s3
from tests.stores.servers import BUCKET, LEASE, REMOTE, azure_server, s3_environment, s3_server, variables
from tests.stores.shared_servers import run_folder, shared_server


@pytest.fixture(scope="session")
def s3_variables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A running S3 server of moto; the environment variables to reach it."""
    with shared_server(run_folder(tmp_path_factory), "s3", s3_server) as url:
        yield s3_environment(url)


@pytest.fixture(scope="session")
def az_variables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A running Azurite; the environment variables to reach it."""
    with shared_server(run_folder(tmp_path_factory), "az", azure_server) as url:
        yield {"AZURE_STORAGE_USE_EMULATOR": "true", "AZURITE_BLOB_STORAGE_URL": url}


@pytest.fixture(params=["file", "git", *REMOTE])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a new state, in every kind of store."""
    yield from _place(request, tmp_path)


@pytest.fixture(params=["git", *REMOTE])
def remote_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a new state, in every kind of store that machines can share."""
    yield from _place(request, tmp_path)


@pytest.fixture(params=REMOTE)
def bucket_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a new state, in every kind of object store."""
    yield from _place(request, tmp_path)


@pytest.fixture
def faulty() -> Iterator[FakeS3]:
    """An S3 with faults on request, for a state at `s3://states/team`."""
    with fake_s3() as s3, variables({**s3_environment(s3.url), "TAVUSCTL_LOCK_LEASE": str(LEASE)}):
        yield s3


def _place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "file":
        yield f"file://{tmp_path / 'states' / 'state.json'}"
        return
    if request.param == "git":
        bare = tmp_path / "states.git"
        subprocess.run(["git", "init", "--quiet", "--bare", bare], check=True)
        with variables({"TAVUSCTL_LOCK_LEASE": str(LEASE)}):
            yield f"git+file://{bare}?ref=refs/tavusctl/team"
        return
    added = request.getfixturevalue(f"{request.param}_variables")
    with variables({**added, "TAVUSCTL_LOCK_LEASE": str(LEASE)}):
        yield f"{request.param}://{BUCKET}/{uuid.uuid4().hex}"
