"""Voices: /v2/voices; cloned from audio in emulated time; may be renamed, but not deleted while in use."""

from __future__ import annotations

from tavusctl.emulator.account.clock import without_zone
from tavusctl.emulator.account.store import StoredObject
from tavusctl.emulator.account.world import Call, World
from tavusctl.emulator.bodies.fields import Field, Fields, diagnostics, length, list_of, matching, missing, text
from tavusctl.emulator.bodies.paging import all_of, list_page, newest_first, page_response
from tavusctl.emulator.bodies.reading import comma_separated, contains, layer_of, read_object, texts_in
from tavusctl.emulator.http.messages import Object, Refusal, Response, answer, check_fields, empty, refuse_fields
from tavusctl.emulator.resources.resource import Missing, Resource

KIND = "voices"
CREATED_AT = "2026-03-01T09:00:00.000000"
AUDIO = Field(matching(r"https?://.{1,2040}", "Must be a link of at most 2048 characters."))
UPDATE: Fields = {
    "voice_name": Field(length(1, 255)),
    "description": Field(length(0, 1000), None, nullable=True),
    "tags": Field(list_of(length(1, 64), 50)),
}
CREATE: Fields = {**UPDATE, "train_audio_url": AUDIO, "audio_url": AUDIO, "callback_url": Field(text)}
AUDIO_KEYS = ("train_audio_url", "audio_url")  # which name the API has for the link is not known, so both are accepted
# Id and name; a voice without an id belongs to a face, the third member.
_STOCK_ROWS = (
    ("v4a7c0e9d1b2f", "Anna", None),
    ("v5b8d1f0e2c3a", "Benjamin", None),
    ("v6c9e2a1f3d4b", "Charlie", None),
    (None, "Nathan", "r4317e64d25a"),
    (None, "Luna", "r9d30b0e55ac"),
)
STOCK = tuple(
    StoredObject(
        "",
        KIND,
        ident or f"stock-{name}",
        0,
        {
            "voice_id": ident,
            "voice_name": name,
            "description": f"The voice of {name}.",
            "voice_type": "system",
            "status": "completed",
            "error_message": "",
            "tags": [],
            "face_id": face,
            "created_at": CREATED_AT,
        },
    )
    for ident, name, face in _STOCK_ROWS
)
_STOCK = {row.document["voice_id"]: row for row in STOCK if row.document["voice_id"]}


def exists(world: World, account: str, ident: str) -> bool:
    """Whether the account may use this voice."""
    return ident in _STOCK or world.store.exists(account, KIND, ident)


def by_name(name: str) -> str | None:
    """The id of a stock voice by its name, ignoring case; None if there is none."""
    return next((ident for ident, row in _STOCK.items() if row.document["voice_name"].lower() == name.lower()), None)


def read_with_secrets(world: World, stored: StoredObject) -> Object:
    """The voice as it is now: its cloning ends by the clock."""
    document = {"voice_id": stored.id, **stored.document}
    run = stored.hidden.get("run")
    if run is not None and world.clock.now() >= run["began"] + run["seconds"]:
        document |= {"status": "error" if run["error"] else "completed", "error_message": run["error"] or ""}
    return document


def create(call: Call) -> Response:
    """POST /v2/voices: answers at once; the voice is ready after `voice_seconds`, a behaviour."""
    body, world = read_object(call), call.world
    problems = missing(body, ["voice_name"]) | diagnostics(CREATE, body)
    if not any(name in body for name in AUDIO_KEYS):
        problems |= missing(body, AUDIO_KEYS[:1])
    check_fields(problems)
    now = world.clock.now()
    document = from_seed(world, body, now) | {"status": "started"}
    run = {"began": now, "seconds": world.behaviors["voice_seconds"], "error": world.next_outcome(KIND)}
    return answer(read_with_secrets(world, RESOURCE.add(call, document, {"run": run, "given": body})))


def from_seed(_world: World, body: Object, now: float) -> Object:
    """A voice in a seed: ready, unless the seed has another status."""
    return {
        "voice_name": body.get("voice_name", "Voice"),
        "description": body.get("description"),
        "voice_type": "user",
        "status": body.get("status", "completed"),
        "error_message": body.get("error_message") or "",
        "tags": body.get("tags", []),
        "created_at": body.get("created_at", without_zone(now)),
    }


def patch(call: Call) -> Response:
    """PATCH /v2/voices/ID: merges name, description and tags."""
    stored, body = RESOURCE.find_own(call), read_object(call)
    problems = diagnostics(UPDATE, body)
    if problems or not body:
        raise refuse_fields(problems or {"_schema": ["Nothing to change."]})
    changed = call.commit(stored.with_document(stored.document | body), "update")
    return answer(read_with_secrets(call.world, changed))


def delete(call: Call) -> Response:
    """DELETE /v2/voices/ID: refused while a persona or a face uses it."""
    stored = RESOURCE.find_own(call)
    use_counts = _use_counts(call, stored.id)
    if any(use_counts.values()):
        raise Refusal(409, {"error": "Voice is in use and cannot be deleted", "used_by": use_counts})
    call.delete(stored)
    return empty(204)


def _use_counts(call: Call, ident: str) -> dict[str, int]:
    store = call.world.store
    personas = store.live_objects(call.account, "personas")
    faces = [face.document for face in store.live_objects(call.account, "replicas")]
    return {
        "pals": sum(layer_of(persona.document, "tts").get("voice_id") == ident for persona in personas),
        "faces": sum(ident in (face.get("default_voice_id"), face.get("original_voice_id")) for face in faces),
    }


def list_voices(call: Call) -> Response:
    """GET /v2/voices: with stock voices, some of which have no id."""
    query = call.request.query
    voice_type, search, tags = (
        query.get("voice_type"),
        query.get("search", "").lower(),
        comma_separated(query.get("tags")),
    )
    page = list_page(
        call,
        RESOURCE,
        stock=STOCK if voice_type != "user" and call.world.behaviors["stock"] else (),
        own=voice_type != "system",
        keep=all_of(
            (search, lambda voice: contains(voice.document["voice_name"], search)),
            (tags, lambda voice: not tags.isdisjoint(texts_in(voice.document["tags"]))),
        ),
        newest_first=newest_first(call),
    )
    return page_response(call, page)


RESOURCE = Resource(
    name=KIND,
    singular="voice",
    prefix="v",
    page_size=20,
    max_page_size=100,
    missing=Missing(404, "error", "Voice not found"),
    read_with_secrets=read_with_secrets,
    from_seed=from_seed,
    stock=lambda _: _STOCK,
    paths={"/v2/voices": "today"},
    list=list_voices,
    create=create,
    patch=patch,
    delete=delete,
)
