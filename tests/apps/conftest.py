"""Fixtures for applications in development: a project on an emulator in its own process, without a real API key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.apps.processes import TAVUSCTL, started
from tests.scenarios.project import Account, Project
from tests.stores.servers import free_port

OUTPUTS = """
    outputs:
      VITE_TAVUS_PERSONA_ID: persona/coach
      VITE_TAVUS_REPLICA_ID: replica/anna
      TAVUS_PERSONA_ID: persona/coach
      TAVUS_REPLICA_ID: replica/anna
      PERSONA_ID: persona/coach
      REPLICA_ID: replica/anna
      DOCUMENT_IDS: [document/posture, document/voice]
      REQUIRE_AUTH: {value: true}
      PROFESSIONAL_ANNA: replica/anna
      PROFESSIONAL_BEN: replica/ben
"""


@pytest.fixture(scope="session")
def callback_port() -> int:
    """The port of an application that receives callbacks."""
    return free_port()


@pytest.fixture(scope="session")
def emulator(callback_port: int) -> Iterator[str]:
    """The base URL of an emulator that has rooms."""
    command = [str(TAVUSCTL), "emulator", "--behavior", "rooms=emulator", "--callback-port", str(callback_port)]
    with started(command, Path.cwd()) as url:
        yield url


@pytest.fixture
def project(emulator: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Project]:
    """An applied project with outputs for four applications; the list of requests begins after the apply."""
    account = Account(emulator, f"key-of-{abs(hash(request.node.nodeid))}")
    account.control("POST", "reset")
    project = Project(tmp_path, account)
    project.write("tavusctl.yaml", OUTPUTS)
    seeded = account.seed(replicas=[{"replica_name": "Anna"}, {"replica_name": "Ben"}])["replicas"]
    for name, remote_id in zip(("anna", "ben"), seeded, strict=True):
        project.write(f"manifests/{name}.yaml", f"kind: replica\nname: {name}\nexternal: true\nid: {remote_id}\n")
    for name in ("posture", "voice"):
        project.manifest("document", name, {"document_url": f"https://example.com/{name}.pdf"})
    persona = {
        "persona_name": "Coach",
        "system_prompt": "You coach speakers.",
        "default_replica_id": "${ref:replica/anna}",
    }
    project.manifest("persona", "coach", persona)
    project.apply()
    account.forget()
    yield project
    assert account.control("GET", "violations")["violations"] == []
