"""A mobile flow that reads what `tavusctl output` wrote, and converses with the emulator."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from tests.apps.account import calls, replica
from tests.apps.processes import ROOT
from tests.scenarios.project import Project

pytestmark = [pytest.mark.external, pytest.mark.needs("npm")]


def test_a_mobile_site_has_a_replica_for_each_professional(project: Project) -> None:
    ids = project.root / "ids.json"
    ids.write_text(project.run("output", "--format", "json", "PROFESSIONAL_*").out)
    environment = {**os.environ, **project.account.variables}
    command = ["node", str(ROOT / "tests/apps/mobile/visit.mjs"), str(ids), "PROFESSIONAL_BEN"]

    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    visit = json.loads(told)
    ident = visit["conversation_id"]
    after = project.account.call("GET", f"/v2/conversations/{ident}?verbose=true").json()
    deleted = project.account.call("DELETE", f"/v2/conversations/{ident}")

    assert json.loads(ids.read_text()) == {
        "PROFESSIONAL_ANNA": replica(project, "anna"),
        "PROFESSIONAL_BEN": replica(project, "ben"),
    }
    assert visit == {"conversation_id": ident, "greeted": True, "ended": True}
    wanted = {
        "replica_id": replica(project, "ben"),
        "conversation_name": "Visit to PROFESSIONAL_BEN",
        "conversational_context": "Somebody asks for an appointment.",
        "custom_greeting": "Welcome! What can I do for you?",
        "properties": {"max_call_duration": 600, "enable_recording": False},
    }
    assert calls(project)[0] == ("POST", "/v2/conversations", wanted, 200)
    transcript = after["events"][-1]["properties"]["transcript"]
    assert (after["status"], transcript[-1]["content"], deleted.status_code) == ("ended", "Tomorrow at nine?", 204)
