"""An example backend: a page with one button, which starts a conversation with a coach who knows some documents.

Its settings are environment variables: API_KEY, PERSONA_ID, REPLICA_ID, DOCUMENT_IDS (separated by commas),
REQUIRE_AUTH (true: rooms are private), and TAVUS_BASE_URL if the API is not that of Tavus.
"""

from __future__ import annotations

import os
from urllib.parse import urlencode

from tests.apps.serving import TAVUS, Body, Tavus, serve

PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>Coach</title>
<button onclick="fetch('/start', {method: 'POST'}).then(a => a.json()).then(a => location = a.conversation_url)">
Start session</button>
</html>
"""


def answer(method: str, path: str, _: Body) -> Body | str | None:
    if (method, path) == ("POST", "/start"):
        return start()
    return PAGE if (method, path) == ("GET", "/") else None


def start() -> Body:
    settings = os.environ
    tavus = Tavus(settings["API_KEY"], settings.get("TAVUS_BASE_URL", TAVUS))
    conversation = tavus.call(
        "POST",
        "/v2/conversations",
        {
            "persona_id": settings["PERSONA_ID"],
            "replica_id": settings["REPLICA_ID"],
            "document_ids": settings["DOCUMENT_IDS"].split(","),
            "conversation_name": "A short speech",
            "custom_greeting": "Please stand up and begin.",
            "conversational_context": "The speaker practises an opening of two minutes.",
            "require_auth": settings["REQUIRE_AUTH"] == "true",
        },
    )
    token = conversation.get("meeting_token")
    return {"conversation_url": conversation["conversation_url"] + (f"?{urlencode({'t': token})}" if token else "")}


if __name__ == "__main__":
    serve(answer)
