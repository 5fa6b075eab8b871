"""Rooms: pages without video, in place of those at which people join a conversation.

The real rooms are on another host.  With the behaviour `rooms: emulator`, `conversation_url` leads here instead:

GET  /rooms/ID         replica and transcript; opening the page joins, so that participant_absent_timeout does not apply
POST /rooms/ID/say     text=... (a form): adds a line to the transcript
POST /rooms/ID/leave   the last participant leaves: the conversation ends when participant_left_timeout has passed

A private room (`require_auth`) requires its meeting token, as ?t=TOKEN.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from urllib.parse import parse_qs

from tavusctl.emulator.account.store import StoredObject
from tavusctl.emulator.account.world import World
from tavusctl.emulator.http.messages import Request, Response
from tavusctl.emulator.resources import conversations

PREFIX = "/rooms/"
HEADERS = [
    ("content-type", "text/html; charset=utf-8"),
    ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"),
    ("cache-control", "no-store"),
]
PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 1rem/1.5 system-ui; margin: 2rem auto; max-width: 40rem; padding: 0 1rem; overflow-wrap: anywhere }}
h1 {{ font-size: 1.3rem }}
ol {{ list-style: none; padding: 0 }}
form {{ display: flex; gap: .5rem; margin-top: .5rem }}
input {{ flex: 1; min-width: 0 }}
input, button {{ font: inherit; padding: .3rem .6rem }}
</style>
<h1>{title}</h1>
{body}
</html>
"""
FORMS = """<form method="post" action="{here}/say{token}">
<input name="text" aria-label="Your words" placeholder="Your words" maxlength="1000" required autofocus>
<button>Say</button>
</form>
<form method="post" action="{here}/leave{token}"><button>Leave</button></form>"""


def is_room_request(request: Request) -> bool:
    """Whether a request is for a room."""
    return request.path.startswith(PREFIX)


def answer_room(world: World, request: Request) -> Response:
    """Show a room, or carry out what a participant does in it."""
    _, *rest = request.segments()
    stored = _conversation(world, rest[0]) if rest else None
    if stored is None:
        return _page(404, "No such room", "<p>There is no conversation of this id.</p>")
    token = stored.hidden.get("token")
    if token and request.query.get("t") != token:
        return _page(403, "A private room", "<p>It takes the meeting token: ?t=TOKEN</p>")
    action = ACTIONS.get("/".join((request.method, *rest[1:])))
    if action is None:
        return _page(405, "Nothing to do here", "<p>A room is seen, spoken in and left.</p>")
    return action(world, request, stored)


def _conversation(world: World, ident: str) -> StoredObject | None:
    owners = world.store.owners(conversations.KIND, ident)
    return world.store.get(owners[0], conversations.KIND, ident) if owners else None


def _show(world: World, request: Request, stored: StoredObject) -> Response:
    shown = conversations.read_with_secrets(world, stored)
    title = escape(str(shown["conversation_name"]))
    if shown["status"] != "active":
        return _page(200, title, "<p>This conversation has ended.</p>")
    if not stored.hidden.get("joined"):
        duration = stored.hidden.get("max_call_duration", conversations.MAX_CALL_DURATION)
        world.commit(
            stored.with_document(stored.document, joined=True, ends=stored.created + duration), "join", by="room"
        )
    spoken_lines = [line for line in stored.hidden.get("said", []) if line["role"] != "system"]
    lines = "\n".join(f"<li><b>{escape(line['role'])}</b>: {escape(line['content'])}</li>" for line in spoken_lines)
    notice = (
        f"<p>A room of the emulator, with {escape(str(shown['replica_id']))}. Write what you would say. "
        "It is kept in the transcript, and nobody answers.</p>"
    )
    token = f"?t={escape(request.query['t'])}" if "t" in request.query else ""
    return _page(
        200, title, f"{notice}\n<ol>\n{lines}\n</ol>\n{FORMS.format(here=request.path.rstrip('/'), token=token)}"
    )


def _say(world: World, request: Request, stored: StoredObject) -> Response:
    words = parse_qs(request.body.decode("utf-8", "replace")).get("text", [""])[0].strip()
    if words and conversations.read_with_secrets(world, stored)["status"] == "active":
        transcript = [*stored.hidden.get("said", []), {"role": "user", "content": words}]
        world.commit(stored.with_document(stored.document, said=transcript), "say", by="room")
    return _redirect(request, stored)


def _leave(world: World, request: Request, stored: StoredObject) -> Response:
    def end() -> None:
        conversation = _conversation(world, stored.id)
        if conversation is not None and conversations.read_with_secrets(world, conversation)["status"] == "active":
            world.commit(
                conversations.ended_conversation(world, conversation, "participant_left_timeout"), "end", by="room"
            )

    world.late_requests.append((world.clock.now() + stored.hidden.get("left_timeout", 0), end))
    world.catch_up()
    return _redirect(request, stored)


def _redirect(request: Request, stored: StoredObject) -> Response:
    query = request.target.partition("?")[2]
    return Response(303, headers=[("location", f"{PREFIX}{stored.id}" + (f"?{query}" if query else ""))])


def _page(status: int, title: str, body: str) -> Response:
    return Response(status, PAGE.format(title=title, body=body).encode(), list(HEADERS))


ACTIONS: dict[str, Callable[[World, Request, StoredObject], Response]] = {
    "GET": _show,
    "POST/say": _say,
    "POST/leave": _leave,
}
