"""A backend with a page of one button, which leads to a coach who has read some documents.

Its settings are in the environment: API_KEY, PERSONA_ID, REPLICA_ID, DOCUMENT_IDS (with commas between them),
REQUIRE_AUTH (true: rooms are private), and TAVUS_BASE_URL where that is not Tavus.
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
    made = tavus.call(
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
    token = made.get("meeting_token")
    return {"conversation_url": made["conversation_url"] + (f"?{urlencode({'t': token})}" if token else "")}


if __name__ == "__main__":
    serve(answer)
