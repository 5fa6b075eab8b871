"""Another kind costs one file and one line: a copy of the package gets it, and everything works for it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import ROOT
from tests.scenarios.project import Account, Body

pytestmark = pytest.mark.newer_api

CONNECTOR = '''
"""Connectors: servers of tools."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from tavusctl.core.resource_kind import FieldTraits, ResourceKind, Update
from tavusctl.core.schema.spec_model import Model
from tavusctl.kinds.common.normalise import COMPUTED, respell
from tavusctl.lib.json_types import JsonObject


class Auth(Model):
    """How Tavus signs in."""

    type: Literal["bearer", "oauth2"] = Field(description="The way to sign in.")
    token: str | None = Field(None, description="Of `bearer`.")


class Connector(Model):
    """A connector as it is written."""

    name: str | None = Field(None, description="Name shown in lists.")
    server_url: str = Field(description="Where the server is.")
    auth_config: Auth = Field(description="How Tavus signs in.")


DROPPED: Final = COMPUTED | {
    *("connector_id", "team_id", "source", "selected_tool_names", "oauth_status", "oauth_scopes"),
    *("access_token_expires_at", "last_indexed_at", "last_index_error"),
}


def normalise(body: JsonObject) -> JsonObject:
    """A connector as read."""
    return respell(body, {}, DROPPED)


CONNECTOR: Final = ResourceKind(
    name="connector",
    collection="/v2/connectors",
    id_fields=("connector_id",),
    name_field="name",
    update=Update.MERGE,
    model=Connector,
    fields={
        "/auth_config/token": FieldTraits(secret=True, masked=True),
        "/server_url": FieldTraits(receives_data=True),
    },
    normalise=normalise,
    optional=True,
    computed=DROPPED,
)
'''
SPEC: Body = {
    "name": "Tracker",
    "server_url": "https://mcp.example.com/mcp",
    "auth_config": {"type": "bearer", "token": "${secret:TOKEN}"},
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package with one file and one line more."""
    package = tmp_path / "copy/tavusctl"
    shutil.copytree(ROOT / "tavusctl", package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "kinds/connector.py").write_text(CONNECTOR.lstrip(), encoding="utf-8")
    table = package / "kinds/__init__.py"
    text, line = table.read_text("utf-8"), '    "deployment",\n'
    assert text.count(line) == 1
    table.write_text(text.replace(line, f'{line}    "connector",\n'), "utf-8")
    return package.parent


@pytest.mark.sweep
def test_another_kind_is_managed_like_the_others(copy: Path, account: Account, tmp_path: Path) -> None:
    account.switch(era="today")
    root = tmp_path / "project"
    (root / "manifests").mkdir(parents=True)
    (root / "tavusctl.yaml").write_text("secrets: [TOKEN]\n", "utf-8")
    known = {**account.variables, "TOKEN": "tok-1a2b3c4d5e6f"}

    def run(*args: str, cwd: Path = root) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "tavusctl", *args],
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(copy), **known},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def write(**changes: str) -> None:
        document = {"kind": "connector", "name": "tracker", "spec": {**SPEC, **changes}}
        (root / "manifests/tracker.yaml").write_text(json.dumps(document), "utf-8")

    write()
    run("apply", "--yes")
    quiet = json.loads(run("plan", "--format", "json"))
    write(server_url="https://mcp.example.com/v2")
    run("apply", "--yes")
    (remote_id,) = account.objects("connectors")
    account.portal("connectors", remote_id, {"op": "replace", "path": "/name", "value": "Theirs"})
    drift = json.loads(run("plan", "--format", "json"))["drift"]
    run("adopt", "--all")
    adopted = json.loads(run("plan", "--format", "json"))
    (tmp_path / "other").mkdir()
    exported = json.loads(run("export", "--dry-run", "--format", "json", cwd=tmp_path / "other"))
    run("undo", run("undo").split()[0], "--yes")

    (shown,) = account.objects("connectors").values()
    assert (quiet["changes"], adopted["changes"]) == ([], [])
    assert [[field["path"] for field in one["fields"]] for one in drift] == [["/name"]]
    assert [one["address"] for one in exported["objects"]] == ["connector/theirs"]
    assert shown["server_url"] == "https://mcp.example.com/mcp"
    assert "connector" in run("explain")
