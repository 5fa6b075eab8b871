"""An example backend that invites people to conversations, and stores the results that arrive as callbacks.

Its settings are in the `.env` of the folder where it is started: TAVUS_API_KEY, TAVUS_PERSONA_ID, TAVUS_REPLICA_ID
(may be missing if the persona has a default replica), BACKEND_URL (to which Tavus sends callbacks), and TAVUS_BASE_URL
if the API is not that of Tavus.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from dotenv import dotenv_values

from tests.apps.serving import TAVUS, Body, Tavus, serve

HERE = "/api/v1/tavus"
TABLE = """
CREATE TABLE tavus_conversations (
  conversation_id TEXT PRIMARY KEY, conversation_url TEXT, conversation_name TEXT, email TEXT,
  persona_id TEXT, replica_id TEXT, status TEXT DEFAULT 'created', transcript TEXT)
"""


def table() -> sqlite3.Connection:
    rows = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
    rows.row_factory = sqlite3.Row
    rows.execute(TABLE)
    return rows


@dataclass(frozen=True)
class Onboarding:
    """The backend, with one row per invitation."""

    settings: Mapping[str, str | None]
    tavus: Tavus
    rows: sqlite3.Connection = field(default_factory=table)
    guard: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, path: str, body: Body) -> Body | None:
        head, _, ident = path.removeprefix(f"{HERE}/").partition("/")
        actions = {("POST", "create-conversation"): self.invite, ("POST", "callback"): self.hear}
        with self.guard:
            if (method, head) == ("GET", "conversation-status"):
                return self.status(ident)
            action = actions.get((method, head))
            return action(body) if action else None

    def invite(self, person: Body) -> Body:
        persona, replica = self.settings["TAVUS_PERSONA_ID"], self.settings.get("TAVUS_REPLICA_ID")
        name = person.get("conversation_name") or f"Onboarding of {person['first_name']} {person['last_name']}"
        request = {
            "persona_id": persona,
            **({"replica_id": replica} if replica else {}),
            "conversation_name": name,
            "callback_url": f"{self.settings['BACKEND_URL']}{HERE}/callback",
        }
        conversation = self.tavus.call("POST", "/v2/conversations", request)
        ident, url = conversation["conversation_id"], conversation["conversation_url"]
        self.rows.execute(
            "INSERT INTO tavus_conversations (conversation_id, conversation_url, conversation_name, email, persona_id,"
            " replica_id) VALUES (?, ?, ?, ?, ?, ?)",
            (ident, url, name, person["email"], persona, replica),
        )
        return {"conversation_id": ident, "conversation_url": url, "status": "created"}

    def status(self, ident: str) -> Body | None:
        row = self.rows.execute("SELECT * FROM tavus_conversations WHERE conversation_id = ?", (ident,)).fetchone()
        return {**dict(row), "is_completed": row["status"] == "completed"} if row else None

    def hear(self, event: Body) -> Body:
        ident, transcript = event["conversation_id"], event["properties"].get("transcript")
        if event["event_type"] == "system.shutdown":
            self.rows.execute("UPDATE tavus_conversations SET status = 'completed' WHERE conversation_id = ?", (ident,))
        elif event["event_type"] == "application.transcription_ready":
            row = json.dumps(transcript), ident
            self.rows.execute("UPDATE tavus_conversations SET transcript = ? WHERE conversation_id = ?", row)
        return {}


def main() -> None:
    settings = dotenv_values(Path(".env"))
    backend = str(settings["BACKEND_URL"])
    tavus = Tavus(str(settings["TAVUS_API_KEY"]), settings.get("TAVUS_BASE_URL") or TAVUS)
    serve(Onboarding(settings, tavus).answer, urlsplit(backend).port or 0)


if __name__ == "__main__":
    main()
