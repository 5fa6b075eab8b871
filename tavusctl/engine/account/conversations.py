"""Conversations of an account: begin them, find them if the response was lost or a refusal, end and delete them.

A conversation in test mode is free and has ended from the start.  No other call checks a persona and its replica
together.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Final

from tavusctl.core.errors import Ambiguous, ApiError, Gone, Rejected, UnknownOutcome
from tavusctl.core.ports import Api, OpenFence, Reader
from tavusctl.core.resource_kind import Listing
from tavusctl.lib.concurrency import start
from tavusctl.lib.json_types import JsonObject

COLLECTION: Final = "/v2/conversations"
_ID: Final = "conversation_id"
_LAST_SECONDS: Final = 4.0  # after Ctrl-C
_NAME: Final = "conversation_name"
_ENDED: Final = "ended"
_OURS: Final = OpenFence()  # no lock and no record: its name is unique to the run, and the state does not know it


class _Found(Exception):
    """A listing has the conversation, although the request for it was refused."""

    def __init__(self, conversation: JsonObject) -> None:
        super().__init__()
        self.conversation = conversation


def begin(api: Api, body: JsonObject) -> JsonObject:
    """Begin a conversation; its name in `body` must be unique.

    If the response is lost or a refusal, the conversation is looked for by its name: a refusal does not prove that none
    was begun, and a second one would cost minutes, too.
    """

    def look() -> None:
        if conversation := _find(api, body):
            raise _Found(conversation)

    cost = "it is free of charge" if body.get("test_mode") else "it costs minutes until it is ended"
    reason = "the response has no id of a conversation"
    try:
        created = api.post(COLLECTION, body, fence=_OURS, before_retry=look)
    except _Found as found:
        return found.conversation
    except KeyboardInterrupt as interrupt:
        interrupt.add_note(f"a conversation may have been started: its name is `{body[_NAME]}`, and {cost}")
        raise
    except Rejected:
        with suppress(ApiError):
            if conversation := _find(api, body):
                return conversation
        raise
    except Ambiguous as error:
        created, reason = {}, error.message
    if id_of(created):
        return created
    if conversation := _find(api, body):
        return conversation
    message = f"it is not known whether a conversation was started, and none is listed: {reason}"
    raise UnknownOutcome(message, f"if it appears, its name is `{body[_NAME]}`, and {cost}")


def _find(api: Reader, body: JsonObject) -> JsonObject | None:
    """The listed conversation with the name of a request, if there is one."""
    listed = api.list(COLLECTION, Listing(), (_ID,))
    return next((conversation for conversation in listed if conversation.get(_NAME) == body[_NAME]), None)


def id_of(conversation: JsonObject) -> str:
    """The id of a conversation; empty if it has none."""
    value = conversation.get(_ID)
    return value if isinstance(value, str) else ""


def read(api: Api, conversation_id: str) -> JsonObject:
    """Read a conversation; raises Gone if it does not exist."""
    return api.get(f"{COLLECTION}/{conversation_id}")


def is_active(api: Api, conversation_id: str) -> bool:
    """Whether a conversation has not ended.  Raises Gone if it does not exist."""
    return read(api, conversation_id).get("status") != _ENDED


def end(api: Api, conversation_id: str) -> bool:
    """End a conversation; return whether it was active.  Raises Gone if it does not exist."""
    if not is_active(api, conversation_id):
        return False
    try:
        api.post(f"{COLLECTION}/{conversation_id}/end", fence=_OURS)
    except (Rejected, Ambiguous):
        # It may have ended by itself just now: only its status afterwards counts.
        if is_active(api, conversation_id):
            raise
    return True


def remove_at_the_end(api: Api, conversation_id: str, error: BaseException) -> None:
    """End and delete a conversation within seconds; if that fails, a note on the error that ends the run says so."""
    removal = start(partial(remove, api, conversation_id))
    with suppress(ApiError, TimeoutError):
        if removal.result(_LAST_SECONDS):
            return
    error.add_note(f"the conversation {conversation_id} could not be deleted")


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
