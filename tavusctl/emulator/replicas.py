"""Replicas: /v2/replicas; trained by the clock, renamed, never otherwise changed."""

from __future__ import annotations

from tavusctl.emulator import stock
from tavusctl.emulator.bodies import read_object
from tavusctl.emulator.clock import in_milliseconds, later
from tavusctl.emulator.fields import NOT_TEXT, REQUIRED, Field, Fields, complaints, flag, nested, text
from tavusctl.emulator.messages import Object, Response, answer, empty, refuse, refuse_fields
from tavusctl.emulator.paging import list_all, listing
from tavusctl.emulator.resource import Missing, Resource, Route
from tavusctl.emulator.store import Stored
from tavusctl.emulator.world import Call, World

KIND = "replicas"
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
_STOCK = {ident: Stored("", KIND, ident, 0, stock.replica(ident)) for ident in stock.STOCK_REPLICAS}


def _stock(world: World) -> dict[str, Stored]:
    return _STOCK if world.switches["stock"] else {}


def replica_exists(world: World, account: str, ident: str) -> bool:
    """Whether the account may use this replica."""
    return ident in _stock(world) or world.store.exists(account, KIND, ident)


def opened(world: World, stored: Stored) -> Object:
    """The replica as it is now: training goes on by the clock."""
    document = {"replica_id": stored.id, **stored.document}
    training = stored.hidden.get("training")
    if training is None:
        return document
    done = min(max((world.clock.now() - training["began"]) / max(training["seconds"], 1e-9), 0.0), 1.0)
    if done >= 1.0:
        error = training["error"]
        document["status"] = "error" if error else "completed"
        document["error_message"] = error
        done = 0.0 if error else 1.0
        ended = training["began"] + training["seconds"]
        document["updated_at"] = in_milliseconds(max(ended, training["touched"]))
    document["training_progress"] = f"{int(done * 100)}/100"
    return document


def _shown(call: Call, stored: Stored) -> Object:
    document = opened(call.world, stored)
    if not call.world.switches["newer_fields"]:
        document.pop("model_name", None)
    if call.wants("verbose"):
        document["replica_type"] = "system" if stored.id in _STOCK else "user"
    return document


def create(call: Call) -> Response:
    """POST /v2/replicas: answers id and status."""
    body = read_object(call)
    source = "train_image_url" if "train_image_url" in body and "train_video_url" not in body else "train_video_url"
    if not str(body.get(source) or "").startswith(("http://", "https://")):
        text = f"Invalid {source}"
        raise refuse(text)
    wrong = complaints(CREATE, body)
    if wrong:
        raise refuse_fields(wrong)
    world, now = call.world, call.world.clock.now()
    ident = RESOURCE.new_id(world)
    document = {
        "replica_name": body.get("replica_name", f"Replica {ident[1:6]}"),
        "thumbnail_video_url": None,
        "training_progress": "0/100",
        "status": "started",
        "created_at": in_milliseconds(now),
        "updated_at": in_milliseconds(now),
        "error_message": None,
        "model_name": body.get("model_name", "phoenix-3"),
    }
    training = {
        "began": now,
        "seconds": world.switches["training_seconds"],
        "error": world.next_outcome(KIND),
        "touched": now,
    }
    call.commit(Stored(call.account, KIND, ident, now, document, {"training": training, "given": body}), "create")
    return answer({"replica_id": ident, "status": "started"})


def get(call: Call) -> Response:
    """GET /v2/replicas/ID."""
    return answer(_shown(call, _stock(call.world).get(call.id) or RESOURCE.find(call)))


def _own(call: Call) -> Stored:
    if call.id in _stock(call.world):
        call.world.journal.blame(call.entry, "stock_written", "a stock replica was to be changed")
    return RESOURCE.find(call)


def rename(call: Call) -> Response:
    """PATCH /v2/replicas/ID/name: no body in the answer."""
    stored = _own(call)
    body = read_object(call)
    name = body.get("replica_name")
    if not isinstance(name, str):
        raise refuse_fields({"replica_name": [REQUIRED if name is None else NOT_TEXT]})
    moment = later(call.world.clock, opened(call.world, stored)["updated_at"], 1e-3)
    document = stored.document | {"replica_name": name, "updated_at": in_milliseconds(moment)}
    training = stored.hidden.get("training")
    hidden = {"training": training | {"touched": moment}} if training else {}
    call.commit(stored.with_document(document, **hidden), "rename")
    return empty(200)


def delete(call: Call) -> Response:
    """DELETE /v2/replicas/ID: 200, not 204."""
    call.delete(_own(call))
    return empty(200)


def list_replicas(call: Call) -> Response:
    """GET /v2/replicas: stock replicas first, unless filtered out."""
    query, world = call.request.query, call.world
    wanted = query.get("replica_type")
    system = list(_stock(world).values()) if wanted != "user" else []
    ids = {ident for ident in query.get("replica_ids", "").split(",") if ident}
    model = query.get("model_name")

    def keep(stored: Stored) -> bool:
        return (not ids or stored.id in ids) and (not model or stored.document.get("model_name") == model)

    data, total = list_all(
        call,
        RESOURCE,
        lambda stored: _shown(call, stored),
        stock=system,
        own=wanted != "system",
        keep=keep if ids or model else None,
    )
    return listing(call, data, total)


def sown(_world: World, given: Object, now: float) -> tuple[Object, Object]:
    """A replica from a seed: trained, unless it says otherwise."""
    document = {
        "replica_name": given.get("replica_name", "Replica"),
        "thumbnail_video_url": given.get("thumbnail_video_url", "https://cdn.example.com/thumbnail.mp4"),
        "training_progress": given.get("training_progress", "100/100"),
        "status": given.get("status", "completed"),
        "created_at": given.get("created_at", in_milliseconds(now)),
        "updated_at": given.get("updated_at", in_milliseconds(now)),
        "error_message": given.get("error_message"),
        "model_name": given.get("model_name", "phoenix-3"),
    }
    return document, {}


RESOURCE = Resource(
    name=KIND,
    singular="replica",
    id_key="replica_id",
    prefix="r",
    digits=11,
    missing=Missing(400, "error", "Invalid replica_id"),
    view=opened,
    opened=opened,
    sown=sown,
    routes=(
        Route("GET", "/v2/replicas", list_replicas),
        Route("POST", "/v2/replicas", create),
        Route("GET", "/v2/replicas/*", get),
        Route("PATCH", "/v2/replicas/*/name", rename),
        Route("DELETE", "/v2/replicas/*", delete),
    ),
)
