"""Replicas: /v2/replicas, today also /v2/faces; trained in emulated time; only name and default voice may change."""

from __future__ import annotations

from tavusctl.emulator.account import stock
from tavusctl.emulator.account.clock import in_milliseconds, time_of_change
from tavusctl.emulator.account.store import StoredObject
from tavusctl.emulator.account.world import Call, World
from tavusctl.emulator.bodies import aliases
from tavusctl.emulator.bodies.fields import (
    NOT_TEXT,
    REQUIRED,
    Field,
    Fields,
    diagnostics,
    flag,
    length,
    nested,
    one_of,
    text,
)
from tavusctl.emulator.bodies.paging import all_of, list_page, page_response
from tavusctl.emulator.bodies.reading import comma_separated, read_object
from tavusctl.emulator.http.messages import Object, Response, answer, check_fields, empty, refuse, refuse_fields
from tavusctl.emulator.registries import voices as voice_registry
from tavusctl.emulator.resources.resource import Missing, Resource, Route

KIND = "replicas"
TODAY_ONLY = ("default_voice_id", "original_voice_id", "finetune_status")
CREATE: Fields = {
    "train_video_url": Field(text),
    "consent_video_url": Field(text),
    "train_image_url": Field(text),
    "voice_name": Field(text),
    "auto_fix_training_image": Field(flag),
    "replica_name": Field(text),
    "model_name": Field(text),
    "callback_url": Field(text),
    "properties": Field(nested({"gaze_correction": Field(flag), "background_green_screen": Field(flag)})),
}
CREATE_TODAY: Fields = {
    **CREATE,
    "model_name": Field(one_of("phoenix-4.5", "phoenix-4", "phoenix-3")),
    "default_voice_id": Field(length(1, 255)),
}
UPDATE: Fields = {"replica_name": Field(length(1, 255)), "default_voice_id": Field(length(1, 255))}
PREVIEW = "phoenix-4.5"  # made from a picture, a replica of this model is usable long before its training ends
PREVIEW_SECONDS = 60
_STOCK = {ident: StoredObject("", KIND, ident, 0, stock.replica(ident)) for ident in stock.STOCK_REPLICAS}


def replica_exists(world: World, account: str, ident: str) -> bool:
    """Whether the account may use this replica."""
    return ident in RESOURCE.stock(world) or world.store.exists(account, KIND, ident)


def read_with_secrets(world: World, stored: StoredObject) -> Object:
    """The replica as it is now: its training follows the clock."""
    document = {"replica_id": stored.id, **stored.document}
    if not world.is_today:
        for name in TODAY_ONLY:
            document.pop(name, None)
    training = stored.hidden.get("training")
    if training is None:
        return document
    progress = min(max((world.clock.now() - training["began"]) / max(training["seconds"], 1e-9), 0.0), 1.0)
    if progress >= 1.0:
        error = training["error"]
        document["status"] = "error" if error else "completed"
        document["error_message"] = error
        progress = 0.0 if error else 1.0
        ended = training["began"] + training["seconds"]
        document["updated_at"] = in_milliseconds(max(ended, training["touched"]))
    document["training_progress"] = f"{int(progress * 100)}/100"
    if world.is_today and "finetune_seconds" in training:
        ends = training["began"] + training["finetune_seconds"]
        document["finetune_status"] = "completed" if world.clock.now() >= ends else "training"
    return document


def _view(call: Call, stored: StoredObject) -> Object:
    document = read_with_secrets(call.world, stored)
    if not call.world.behaviors["newer_fields"]:
        document.pop("model_name", None)
    if call.has_flag("verbose"):
        document["replica_type"] = "system" if stored.id in _STOCK else "user"
    return with_answer_names(call, document)


def with_answer_names(call: Call, document: Object) -> Object:
    """The document with the names of the path: `face_id` below /v2/faces, `replica_id` below /v2/replicas."""
    return aliases.to_newer_names(document, aliases.REPLICA) if aliases.uses_newer_names(call.request) else document


def create(call: Call) -> Response:
    """POST /v2/replicas: answers id and status."""
    body = read_object(call)
    if call.world.is_today:
        body = aliases.to_older_names(body, aliases.REPLICA, new=aliases.uses_newer_names(call.request))
        _check_sources(call, body)
    source = "train_image_url" if "train_image_url" in body and "train_video_url" not in body else "train_video_url"
    if not str(body.get(source) or "").startswith(("http://", "https://")):
        raise refuse(f"Invalid {source}")
    check_fields(diagnostics(CREATE_TODAY if call.world.is_today else CREATE, body))
    world, now = call.world, call.world.clock.now()
    ident = RESOURCE.new_id(world)
    defaults = {"replica_name": f"Replica {ident[1:6]}", "model_name": "phoenix-4" if world.is_today else "phoenix-3"}
    document = from_seed(world, defaults | body | _voice_ids(body), now)
    document |= {"thumbnail_video_url": None, "training_progress": "0/100", "status": "started"}
    training = {
        "began": now,
        "seconds": world.behaviors["training_seconds"],
        "error": world.next_outcome(KIND),
        "touched": now,
    }
    if world.is_today and source == "train_image_url" and document["model_name"] == PREVIEW:
        training |= {"seconds": PREVIEW_SECONDS, "finetune_seconds": training["seconds"]}
    call.commit(StoredObject(call.account, KIND, ident, now, document, {"training": training, "given": body}), "create")
    return answer(with_answer_names(call, {"replica_id": ident, "status": "started"}))


def _check_sources(call: Call, body: Object) -> None:
    """Refuse a face of both a video and a picture, and a face of a picture without exactly one name or id of a voice.

    A voice id must exist, and a model may be required (behaviour `model_name`).
    """
    if body.get("train_video_url") and body.get("train_image_url"):
        raise refuse("Bad Request. Please provide only one of train_video_url and train_image_url.")
    voices = [name for name in ("voice_name", "default_voice_id") if body.get(name)]
    if body.get("train_image_url") and len(voices) != 1:
        raise refuse("Bad Request. Please provide one of voice_name and default_voice_id with train_image_url.")
    if call.world.behaviors["model_name"] == "required" and not body.get("model_name"):
        raise refuse_fields({"model_name": [REQUIRED]})
    voice = body.get("default_voice_id")
    if isinstance(voice, str) and not voice_registry.exists(call.world, call.account, voice):
        raise refuse("Invalid default_voice_id")


def _voice_ids(body: Object) -> Object:
    """The voice ids of a new face: its default voice is its original voice."""
    ident = body.get("default_voice_id") or voice_registry.by_name(str(body.get("voice_name", "")))
    return {"default_voice_id": ident, "original_voice_id": ident}


def get(call: Call) -> Response:
    """GET /v2/replicas/ID."""
    return answer(_view(call, RESOURCE.find_or_stock(call)))


def rename(call: Call) -> Response:
    """PATCH /v2/replicas/ID/name: the answer has no body."""
    stored = RESOURCE.find_own(call)
    body = read_object(call)
    if call.world.is_today:
        body = aliases.to_older_names(body, aliases.REPLICA, new=aliases.uses_newer_names(call.request))
    name = body.get("replica_name")
    if not isinstance(name, str):
        raise refuse_fields({"replica_name": [REQUIRED if name is None else NOT_TEXT]})
    call.commit(_with_change(call, stored, {"replica_name": name}), "rename")
    return empty(200)


def _with_change(call: Call, stored: StoredObject, change: Object) -> StoredObject:
    """The replica with a change, and with the time of the change."""
    moment = time_of_change(call.world.clock, read_with_secrets(call.world, stored)["updated_at"], 1e-3)
    document = stored.document | change | {"updated_at": in_milliseconds(moment)}
    training = stored.hidden.get("training")
    hidden = {"training": training | {"touched": moment}} if training else {}
    return stored.with_document(document, **hidden)


def update(call: Call) -> Response:
    """PATCH /v2/faces/ID, also /v2/replicas/ID: changes name and default voice; neither may be null or blank."""
    stored, world = RESOURCE.find_own(call), call.world
    body = aliases.to_older_names(read_object(call), aliases.REPLICA, new=aliases.uses_newer_names(call.request))
    problems = diagnostics(UPDATE, body)
    if problems or not body:
        raise refuse_fields(problems or {"_schema": ["Nothing to change."]})
    voice = body.get("default_voice_id")
    accepted = (None, stored.document.get("original_voice_id"))
    if voice not in accepted and not voice_registry.exists(world, call.account, voice):
        raise refuse("Invalid default_voice_id")
    changed = call.commit(_with_change(call, stored, body), "update")
    names = ("replica_id", "replica_name", "default_voice_id", "original_voice_id")
    document = read_with_secrets(world, changed)
    return answer(with_answer_names(call, {name: document.get(name) for name in names}))


def delete(call: Call) -> Response:
    """DELETE /v2/replicas/ID: 200, not 204."""
    call.delete(RESOURCE.find_own(call))
    return empty(200)


def list_replicas(call: Call) -> Response:
    """GET /v2/replicas: stock replicas first, unless filtered out."""
    query, world = call.request.query, call.world
    replica_type = query.get("face_type", query.get("replica_type")) if world.is_today else query.get("replica_type")
    system = list(RESOURCE.stock(world).values()) if replica_type != "user" else []
    ids = comma_separated(query.get("face_ids", query.get("replica_ids")))
    model = query.get("model_name")
    page = list_page(
        call,
        RESOURCE,
        lambda stored: _view(call, stored),
        stock=system,
        own=replica_type != "system",
        keep=all_of(
            (ids, lambda replica: replica.id in ids),
            (model, lambda replica: replica.document.get("model_name") == model),
        ),
    )
    return page_response(call, page)


def from_seed(_world: World, body: Object, now: float) -> Object:
    """A replica in a seed: trained, unless the seed has another status."""
    body = aliases.to_older_names(body, aliases.REPLICA, new=True)
    document = {
        "replica_name": "Replica",
        "thumbnail_video_url": "https://cdn.example.com/thumbnail.mp4",
        "training_progress": "100/100",
        "status": "completed",
        "created_at": in_milliseconds(now),
        "updated_at": in_milliseconds(now),
        "error_message": None,
        "model_name": "phoenix-3",
    }
    return document | {name: value for name, value in body.items() if name in (*document, *TODAY_ONLY)}


RESOURCE = Resource(
    name=KIND,
    singular="replica",
    other_names=("faces", "face"),
    prefix="r",
    digits=11,
    max_page_size=100,
    missing=Missing(400, "error", "Invalid replica_id"),
    read_with_secrets=read_with_secrets,
    from_seed=from_seed,
    stock=lambda world: _STOCK if world.behaviors["stock"] else {},
    paths={"/v2/replicas": "", "/v2/faces": "today"},
    list=list_replicas,
    create=create,
    get=get,
    delete=delete,
    more_routes=(
        Route("PATCH", "/v2/replicas/*/name", rename),
        Route("PATCH", "/v2/faces/*/name", rename, "today"),
        *(Route("PATCH", f"/v2/{name}/*", update, "today") for name in ("replicas", "faces")),
    ),
)
