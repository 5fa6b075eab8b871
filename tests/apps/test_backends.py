"""Two backends that read what `tavusctl output` wrote, and converse with the emulator."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.apps.account import calls, replica
from tests.apps.processes import TAVUSCTL, started
from tests.scenarios.project import Project
from tests.web import HTTP

pytestmark = pytest.mark.external


def eventually(look: Callable[[], Any], wanted: Any) -> None:
    end = time.monotonic() + 10
    while look() != wanted and time.monotonic() < end:
        time.sleep(0.05)
    assert look() == wanted


@pytest.mark.parametrize(
    ("names", "chosen"), [("TAVUS_*", True), ("TAVUS_PERSONA_ID", False)], ids=["chosen", "the persona's own"]
)
def test_a_backend_invites_hears_the_callbacks_and_keeps_the_transcript(
    project: Project, callback_port: int, names: str, chosen: bool
) -> None:
    backend = f"http://127.0.0.1:{callback_port}"
    own = (
        f"# ours\nTAVUS_API_KEY={project.account.key}\nTAVUS_BASE_URL='{project.account.url}'\nBACKEND_URL={backend}\n"
    )
    env = project.write("backend/.env", own)
    project.expect(0, "output", "--write", "backend/.env", names)
    here, person = f"{backend}/api/v1/tavus", {"email": "a@example.com", "first_name": "Ada", "last_name": "Byron"}
    persona, anna = project.bound("persona/coach"), replica(project, "anna")

    with started([sys.executable, "-m", "tests.apps.onboarding"], env.parent):
        made = HTTP.post(f"{here}/create-conversation", json=person).json()
        ident, room = made["conversation_id"], made["conversation_url"]
        before = HTTP.get(f"{here}/conversation-status/{ident}").json()
        HTTP.post(f"{room}/say", data={"text": "Who are you?"})
        HTTP.post(f"{room}/leave")
        eventually(lambda: bool(HTTP.get(f"{here}/conversation-status/{ident}").json()["transcript"]), wanted=True)
        after = HTTP.get(f"{here}/conversation-status/{ident}").json()

    assert env.read_text().startswith(own)
    wanted = {
        "persona_id": persona,
        **({"replica_id": anna} if chosen else {}),
        "conversation_name": "Onboarding of Ada Byron",
        "callback_url": f"{here}/callback",
    }
    assert calls(project) == [("POST", "/v2/conversations", wanted, 200)]
    assert (before["status"], before["is_completed"], after["status"], after["is_completed"]) == (
        "created",
        False,
        "completed",
        True,
    )
    assert (after["persona_id"], after["replica_id"]) == (persona, anna if chosen else None)
    assert json.loads(after["transcript"]) == [
        {"role": "system", "content": "You coach speakers."},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "Who are you?"},
    ]
    told = project.account.control("GET", "callbacks")["callbacks"]
    assert [(one["event"]["event_type"], one["status"]) for one in told] == [
        ("system.replica_joined", 200),
        ("system.shutdown", 200),
        ("application.transcription_ready", 200),
    ]


def test_a_backend_reads_its_settings_from_a_shell_and_its_rooms_are_private(project: Project) -> None:
    script = f'eval "$("{TAVUSCTL}" output --format shell)" && exec "{sys.executable}" -m tests.apps.coach'
    environment = {"API_KEY": project.account.key, "TAVUS_BASE_URL": project.account.url}

    with started(["sh", "-c", script], project.root, **environment) as coach:
        page = HTTP.get(coach).text
        link = HTTP.post(f"{coach}/start").json()["conversation_url"]
    room, _, token = link.partition("?t=")
    seen, kept_out = HTTP.get(link), httpx.get(room)
    ident = room.rpartition("/")[2]
    end = project.account.call("POST", f"/v2/conversations/{ident}/end")

    assert "Start session" in page
    assert (seen.status_code, kept_out.status_code, end.status_code, bool(token)) == (200, 403, 200, True)
    assert "Please stand up and begin." in seen.text
    wanted = {
        "persona_id": project.bound("persona/coach"),
        "replica_id": replica(project, "anna"),
        "document_ids": [project.bound("document/posture"), project.bound("document/voice")],
        "conversation_name": "A short speech",
        "custom_greeting": "Please stand up and begin.",
        "conversational_context": "The speaker practises an opening of two minutes.",
        "require_auth": True,
    }
    assert calls(project) == [
        ("POST", "/v2/conversations", wanted, 200),
        ("POST", f"/v2/conversations/{ident}/end", None, 200),
    ]


def test_a_document_that_is_replaced_makes_settings_stale(project: Project) -> None:
    env = Path("coach/.env")
    project.write(str(env), "API_KEY=ours\n")
    project.run("output", "--write", str(env), "PERSONA_ID", "DOCUMENT_IDS")
    project.account.advance(900)
    project.manifest("document", "voice", {"document_url": "https://example.com/voice-2.pdf"})
    project.apply()
    project.account.advance(900)
    project.apply()

    stale = project.run("output", "--check", str(env), "PERSONA_ID", "DOCUMENT_IDS")
    others = project.run("output", "--check", str(env), "PERSONA_ID")

    ids = f"{project.bound('document/posture')},{project.bound('document/voice')}"
    assert (stale.code, stale.out) == (2, f"coach/.env: DOCUMENT_IDS is not {ids}\n")
    assert (others.code, others.out) == (0, "")
