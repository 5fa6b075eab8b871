"""Conversations of an account: begin them, find them if the response was lost, end and delete them.

A conversation in test mode is free and has ended from the start.  No other call checks a persona and its replica
together.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from tavusctl.core.errors import Ambiguous, Gone, Rejected, UnknownOutcome
from tavusctl.core.ports import Api, OpenFence
from tavusctl.core.resource_kind import Listing
from tavusctl.lib.json_types import JsonObject

COLLECTION: Final = "/v2/conversations"
_ID: Final = "conversation_id"
_NAME: Final = "conversation_name"
_ENDED: Final = "ended"
_OURS: Final = OpenFence()  # no lock and no record: its name is unique to the run, and the state does not know it


def begin(api: Api, body: JsonObject) -> JsonObject:
    """Begin a conversation; its name in `body` must be unique, to find it again if the response is lost."""
    try:
        created = api.post(COLLECTION, body, fence=_OURS)
    except Ambiguous:
        created = {}
    if id_of(created):
        return created
    listed = api.list(COLLECTION, Listing(), (_ID,))
    for conversation in listed:
        if conversation.get(_NAME) == body[_NAME]:
            return conversation
    message = "starting a conversation had no response, and no such conversation is listed"
    cost = "it is free of charge" if body.get("test_mode") else "it costs minutes until it is ended"
    raise UnknownOutcome(message, f"if it appears, its name is `{body[_NAME]}`, and {cost}")


def id_of(conversation: JsonObject) -> str:
    """The id of a conversation; empty if it has none."""
    value = conversation.get(_ID)
    return value if isinstance(value, str) else ""


def read(api: Api, conversation_id: str) -> JsonObject:
    """Read a conversation; raises Gone if it does not exist."""
    return api.get(f"{COLLECTION}/{conversation_id}")


def end(api: Api, conversation_id: str) -> bool:
    """End a conversation; return whether it was active.  Raises Gone if it does not exist."""
    if read(api, conversation_id).get("status") == _ENDED:
        return False
    try:
        api.post(f"{COLLECTION}/{conversation_id}/end", fence=_OURS)
    except (Rejected, Ambiguous):
        # It may have ended by itself just now: only its status afterwards counts.
        if read(api, conversation_id).get("status") != _ENDED:
            raise
    return True


def remove(api: Api, conversation_id: str) -> bool:
    """End and delete a conversation; return whether it is gone."""
    # Errors are no matter (it may have ended or be gone already): only what a read shows afterwards counts.
    with suppress(Rejected, Ambiguous):
        api.post(f"{COLLECTION}/{conversation_id}/end", fence=_OURS)
    with suppress(Rejected, Ambiguous):
        api.delete(f"{COLLECTION}/{conversation_id}", fence=_OURS)
    try:
        read(api, conversation_id)
    except Gone:
        return True
    return False
