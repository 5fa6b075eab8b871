"""Conversations with what an account has: begun, found again when the answer was lost, ended, removed.

One in test mode is free, is born ended, and is the one call that proves a persona and its replica together.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from tavusctl.core.errors import Ambiguous, Gone, Rejected, UnknownOutcome
from tavusctl.core.ports import Api, Open
from tavusctl.core.resource_kind import Listing
from tavusctl.lib.json_types import JsonObject

COLLECTION: Final = "/v2/conversations"
_ID: Final = "conversation_id"
_NAME: Final = "conversation_name"
_ENDED: Final = "ended"
_OURS: Final = Open()  # a conversation has a name that only its run knows, and no state keeps anything of it


def begin(api: Api, body: JsonObject) -> JsonObject:
    """Begin a conversation, whose name nothing else has: by that it is found when the answer is lost."""
    try:
        found = api.post(COLLECTION, body, fence=_OURS)
    except Ambiguous:
        found = {}
    if id_of(found):
        return found
    listed = api.list(COLLECTION, Listing(), (_ID,))
    for one in listed:
        if one.get(_NAME) == body[_NAME]:
            return one
    message = "starting a conversation had no response, and no such conversation is listed"
    cost = "it is free of charge" if body.get("test_mode") else "it costs minutes until it is ended"
    raise UnknownOutcome(message, f"if it appears, its name is `{body[_NAME]}`, and {cost}")


def id_of(conversation: JsonObject) -> str:
    """The id of a conversation; empty where there is none."""
    found = conversation.get(_ID)
    return found if isinstance(found, str) else ""


def read(api: Api, conversation_id: str) -> JsonObject:
    """A conversation as it is; Gone when there is none."""
    return api.get(f"{COLLECTION}/{conversation_id}")


def end(api: Api, conversation_id: str) -> bool:
    """End a conversation; whether it was under way.  Gone when there is none."""
    if read(api, conversation_id).get("status") == _ENDED:
        return False
    try:
        api.post(f"{COLLECTION}/{conversation_id}/end", fence=_OURS)
    except (Rejected, Ambiguous):
        # It may have ended by itself just now, and only what is there at the end counts.
        if read(api, conversation_id).get("status") != _ENDED:
            raise
    return True


def remove(api: Api, conversation_id: str) -> bool:
    """End and delete a conversation; whether it is gone."""
    # One that has ended already is refused, and one that is gone needs nothing: only what is there at the end counts.
    with suppress(Rejected, Ambiguous):
        api.post(f"{COLLECTION}/{conversation_id}/end", fence=_OURS)
    with suppress(Rejected, Ambiguous):
        api.delete(f"{COLLECTION}/{conversation_id}", fence=_OURS)
    try:
        read(api, conversation_id)
    except Gone:
        return True
    return False
