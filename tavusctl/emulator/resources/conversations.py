"""Conversations: /v2/conversations, without a replica that talks: they start, send their callbacks, and end."""

from __future__ import annotations

import re
from dataclasses import replace

from tavusctl.emulator.account.clock import in_microseconds
from tavusctl.emulator.account.stock import STOCK_PERSONAS
from tavusctl.emulator.account.store import StoredObject
from tavusctl.emulator.account.world import Call, World
from tavusctl.emulator.bodies import aliases
from tavusctl.emulator.bodies.fields import (
    Field,
    Fields,
    diagnostics,
    flag,
    integer,
    list_of,
    mapping,
    nested,
    one_of,
    text,
    texts,
)
from tavusctl.emulator.bodies.paging import list_page, page_response
from tavusctl.emulator.bodies.reading import read_object
from tavusctl.emulator.http.messages import Json, Object, Response, answer, check_fields, empty, refuse, refuse_message
from tavusctl.emulator.resources.replicas import replica_exists
from tavusctl.emulator.resources.resource import Missing, Resource, Route

KIND = "conversations"
ABSENT_TIMEOUT = 300  # seconds after which a conversation ends that nobody has joined
MAX_CALL_DURATION = 3600  # seconds


def _language(value: Json) -> Json:
    is_name = isinstance(value, str) and re.fullmatch(r"[A-Za-z][A-Za-z ()-]{3,}", value)
    return None if is_name else ["Must be one of: multilingual, or the English name of a language."]


PROPERTIES: Fields = {
    "max_call_duration": Field(integer(1, 3600)),
    "participant_left_timeout": Field(integer(0)),
    "participant_absent_timeout": Field(integer(0)),
    "enable_recording": Field(flag),
    "enable_closed_captions": Field(flag),
    "apply_greenscreen": Field(flag),
    "language": Field(_language),
    "languages": Field(texts),
    "recording_s3_bucket_name": Field(text),
    "recording_s3_bucket_region": Field(text),
    "aws_assume_role_arn": Field(text),
    "recording_storage": Field(mapping),
    "livekit_ws_url": Field(text),  # LiveKit's plugin sends these two: the room of a persona with that transport
    "livekit_room_token": Field(text),
    "enable_transcription": Field(flag),  # documented in 2024; applications still send it, and it has no effect
}
CREATE: Fields = {
    "replica_id": Field(text),
    "persona_id": Field(text),
    "audio_only": Field(flag),
    "callback_url": Field(text),
    "conversation_name": Field(text),
    "conversational_context": Field(text),
    "custom_greeting": Field(text),
    "memory_stores": Field(texts),
    "document_ids": Field(texts),
    "document_tags": Field(texts),
    "document_retrieval_strategy": Field(one_of("speed", "quality", "balanced")),
    "test_mode": Field(flag),
    "require_auth": Field(flag),
    "max_participants": Field(integer(2)),
    "policy": Field(one_of("eu")),
    "properties": Field(nested(PROPERTIES)),
}


TODAY: Fields = {"participant_tags": Field(list_of(text, 1))}


def read_with_secrets(world: World, stored: StoredObject) -> Object:
    """The conversation as it is now: ended if its time is up, which is sooner if nobody joins."""
    document = {"conversation_id": stored.id, **stored.document}
    ends = stored.hidden.get("ends")
    if document["status"] == "active" and ends is not None and world.clock.now() >= ends:
        document |= {"status": "ended", "updated_at": in_microseconds(ends)}
    return document


def _view(call: Call, stored: StoredObject) -> Object:
    document = read_with_secrets(call.world, stored)
    return document | {"events": stored.hidden.get("events", [])} if call.has_flag("verbose") else document


def create(call: Call) -> Response:
    """POST /v2/conversations: in test mode it has ended already, costs nothing and does not count."""
    world, body = call.world, read_object(call)
    if world.is_today:
        body = aliases.to_older_names(body, aliases.CONVERSATION, new=False)
    check_fields(diagnostics({**CREATE, **TODAY} if world.is_today else CREATE, body))
    replica = _replica_id(call, body)
    is_test = body.get("test_mode", False)
    if not is_test:
        _check_limits(call)
    now = world.clock.now()
    ident = RESOURCE.new_id(world)
    document = from_seed(world, {"conversation_name": f"New Conversation {int(now * 1000)}", **body}, now) | {
        "conversation_url": _room_url(call, ident),
        "status": "ended" if is_test else "active",
        "replica_id": replica,
    }
    stored = StoredObject(call.account, KIND, ident, now, document, _hidden_part(call, body, ident, now))
    stored = stored if is_test else _with_event(world, stored, "system.replica_joined", {})
    call.commit(stored, "create")
    omitted_members = ("replica_id", "persona_id", "updated_at")
    members = {name: value for name, value in read_with_secrets(world, stored).items() if name not in omitted_members}
    return answer(members | {"meeting_token": stored.hidden["token"]} if body.get("require_auth") else members)


def _room_url(call: Call, ident: str) -> str:
    """The URL at which people join the conversation."""
    if call.world.behaviors["rooms"] == "daily":
        return f"https://tavus.daily.co/{ident}"
    return f"http://{call.request.headers.get('host', 'localhost')}/rooms/{ident}"


def _hidden_part(call: Call, body: Object, ident: str, now: float) -> Object:
    properties = body.get("properties", {})
    return {
        "ends": now + properties.get("participant_absent_timeout", ABSENT_TIMEOUT),
        "max_call_duration": properties.get("max_call_duration", MAX_CALL_DURATION),
        "left_timeout": properties.get("participant_left_timeout", 0),
        "said": _first_lines(call, body),
        "token": f"token-{ident}" if body.get("require_auth") else "",
    }


def _replica_id(call: Call, body: Object) -> str:
    """The id of the replica in the body, else of the persona's default; refuses ids of objects that do not exist.

    Unknown documents are refused only if the behaviour `references` says so.
    """
    world, persona_id = call.world, body.get("persona_id")
    default = None
    if persona_id is not None:
        stock = {row.id: row.replica_id for row in STOCK_PERSONAS} if world.behaviors["stock"] else {}
        persona = world.store.get(call.account, "personas", persona_id)
        if persona is None and persona_id not in stock:
            raise refuse("Invalid persona_id")
        default = stock.get(persona_id) if persona is None else persona.document.get("default_replica_id")
    replica = body.get("replica_id", default)
    if not replica or not replica_exists(world, call.account, replica):
        raise refuse("Invalid replica_id")
    missing = [
        ident for ident in body.get("document_ids", ()) if not world.store.exists(call.account, "documents", ident)
    ]
    if missing and world.behaviors["references"] == "reject":
        raise refuse("Invalid document_ids")
    return str(replica)


def _check_limits(call: Call) -> None:
    world = call.world
    if not world.behaviors["credits"]:
        raise refuse_message("The user is out of conversational credits", 402)
    limit = world.behaviors["max_conversations"]
    if limit is None:
        return
    active = sum(
        1
        for stored in world.store.live_objects(call.account, KIND)
        if read_with_secrets(world, stored)["status"] == "active"
    )
    if active >= limit:
        raise refuse_message("User has reached maximum concurrent conversations")


def get(call: Call) -> Response:
    """GET /v2/conversations/ID."""
    return answer(_view(call, RESOURCE.find(call)))


def end(call: Call) -> Response:
    """POST /v2/conversations/ID/end: refused if it has ended already."""
    stored = RESOURCE.find(call)
    if read_with_secrets(call.world, stored)["status"] == "ended":
        raise refuse("Conversation has already ended")
    call.commit(ended_conversation(call.world, stored, "end_conversation_endpoint_hit"), "end")
    return empty(200)


def ended_conversation(world: World, stored: StoredObject, reason: str) -> StoredObject:
    """The conversation after its end; the shutdown and the transcript are sent to its callback URL."""
    now = in_microseconds(world.clock.now())
    conversation = stored.with_document(stored.document | {"status": "ended", "updated_at": now})
    conversation = _with_event(world, conversation, "system.shutdown", {"shutdown_reason": reason})
    return _with_event(
        world, conversation, "application.transcription_ready", {"transcript": conversation.hidden.get("said", [])}
    )


def _first_lines(call: Call, body: Object) -> list[Object]:
    """The first two lines of a transcript: the persona's prompt with the context, then the greeting."""
    persona = call.world.store.get(call.account, "personas", str(body.get("persona_id")))
    document = persona.document if persona else {}
    system = "\n".join(
        str(text) for text in (document.get("system_prompt"), body.get("conversational_context")) if text
    )
    greeting = body.get("custom_greeting") or document.get("greeting") or "Hello."
    return [{"role": "system", "content": system}, {"role": "assistant", "content": greeting}]


def _with_event(world: World, stored: StoredObject, event_type: str, properties: Object) -> StoredObject:
    """The conversation with one more event, which is sent to its callback URL as well."""
    url = str(stored.document.get("callback_url") or "")
    event = {
        "properties": {"replica_id": stored.document["replica_id"], **properties},
        "conversation_id": stored.id,
        "webhook_url": url,
        "event_type": event_type,
        "message_type": event_type.partition(".")[0],
        "timestamp": in_microseconds(world.clock.now()),
    }
    if url:
        world.callbacks.send(url, event)
    events = [*stored.hidden.get("events", []), event]
    return replace(stored, hidden={**stored.hidden, "events": events})


def list_conversations(call: Call) -> Response:
    """GET /v2/conversations."""
    filters = {
        key: call.request.query[key] for key in ("status", "persona_id", "replica_id") if key in call.request.query
    }

    def keep(stored: StoredObject) -> bool:
        document = read_with_secrets(call.world, stored)
        return all(document.get(key) == value for key, value in filters.items())

    page = list_page(call, RESOURCE, lambda stored: _view(call, stored), keep=keep if filters else None)
    return page_response(call, page)


def from_seed(_world: World, body: Object, now: float) -> Object:
    """A conversation in a seed: ended, unless the seed has another status."""
    document = {
        "conversation_name": "Conversation",
        "conversation_url": "https://tavus.daily.co/seeded",
        "status": "ended",
        "callback_url": "",
        "created_at": in_microseconds(now),
        "replica_id": None,
        "persona_id": None,
        "updated_at": in_microseconds(now),
    }
    return document | {name: value for name, value in body.items() if name in document}


RESOURCE = Resource(
    name=KIND,
    singular="conversation",
    prefix="c",
    digits=11,
    missing=Missing(400, "error", "Invalid conversation_id"),
    read_with_secrets=read_with_secrets,
    from_seed=from_seed,
    paths={"/v2/conversations": ""},
    list=list_conversations,
    create=create,
    get=get,
    more_routes=(Route("POST", "/v2/conversations/*/end", end),),
)
