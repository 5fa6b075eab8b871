"""LiveKit's plugin as another client of an account: it creates PALs and conversations, without a room.

Runs only when named, because it downloads the plugin: `pytest tests/external/livekit_plugin.py`.  LIVEKIT_PLUGIN is the
path of the Python interpreter of an environment that has the plugin already.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.emulator.harness import FACE, KEY, Tavus, emulated
from tests.scenarios.project import Account, Project

PACKAGE = "livekit-plugins-tavus==1.8.9"
ROOM = {"livekit_ws_url": "wss://acme.livekit.cloud", "livekit_room_token": "e30.e30.e30"}
pytestmark = pytest.mark.external
Calling = Callable[..., Any]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python interpreter of an environment with the plugin."""
    if named := os.environ.get("LIVEKIT_PLUGIN"):
        return Path(named)
    folder = tmp_path_factory.mktemp("livekit")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    subprocess.run([str(folder / "bin/pip"), "install", "--quiet", PACKAGE], check=True, timeout=600)
    return folder / "bin/python"


@pytest.fixture
def tavus() -> Iterator[Tavus]:
    """An account with the current API and one face."""
    with emulated(behaviors={"era": "today"}) as emulator:
        emulator.control("POST", "seed", {KEY: {"replicas": [{"id": FACE}]}})
        yield emulator


@pytest.fixture
def plugin(python: Path, tavus: Tavus) -> Iterator[Calling]:
    """A function that calls the plugin by name; the call must succeed."""
    driver = str(Path(__file__).with_name("livekit_driver.py"))
    command = [str(python), "-I", driver, f"{tavus.url}/v2", KEY]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def call(name: str, /, **arguments: Any) -> Any:
            assert process.stdin
            assert process.stdout
            process.stdin.write(json.dumps({"name": name, "arguments": arguments}) + "\n")
            process.stdin.flush()
            response = json.loads(process.stdout.readline())
            assert "error" not in response, response
            return response["answer"]

        try:
            yield call
        finally:
            process.kill()


def test_what_it_makes_is_exported_and_quiet(plugin: Calling, tavus: Tavus, tmp_path: Path) -> None:
    pal = plugin("create_pal", name="Agent", default_face_id=FACE)
    older = plugin("create_persona", name="Older agent")
    project = Project(tmp_path, Account(tavus.url, KEY))

    exported = project.run("export", "--format", "json")
    plan = project.plan()

    assert exported.code == 0, exported.err
    objects = {entry["id"]: entry for entry in exported.document["objects"]}
    assert [objects[id_]["managed"] for id_ in (pal, older)] == [True, True]
    assert (plan["changes"], plan["drift"], plan["refused"]) == ([], [], [])
    text = "".join(path.read_text("utf-8") for path in project.root.rglob("*.yaml"))
    assert "pipeline_mode: echo" in text
    assert "transport_type: livekit" in text


def test_a_persona_of_ours_talks_in_its_room(plugin: Calling, tavus: Tavus, tmp_path: Path) -> None:
    project = Project(tmp_path, Account(tavus.url, KEY))
    project.manifest("persona", "host", {"persona_name": "Host", "pipeline_mode": "echo"})
    project.apply()
    pal = project.bound("persona/host")

    conversation = plugin("create_conversation", pal_id=pal, face_id=FACE, properties=ROOM)

    shown = tavus.ok("GET", f"/v2/conversations/{conversation}")
    assert shown["status"] == "active"
    assert pal in (shown.get("pal_id"), shown.get("persona_id"))
    assert project.plan()["changes"] == []
