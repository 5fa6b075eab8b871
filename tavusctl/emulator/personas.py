"""Personas: /v2/personas."""

from __future__ import annotations

from tavusctl.emulator import patching, stock
from tavusctl.emulator.bodies import blame_mask, read_object, unchanged
from tavusctl.emulator.clock import in_microseconds, later
from tavusctl.emulator.fields import NOT_MAPPING, REQUIRED, UNKNOWN, by_length, complaints, fill
from tavusctl.emulator.journal import MASK, SECRET_KEY
from tavusctl.emulator.messages import (
    Json,
    Malformed,
    Object,
    Response,
    answer,
    empty,
    refuse,
    refuse_fields,
    refuse_message,
)
from tavusctl.emulator.naming import respelled
from tavusctl.emulator.paging import list_all, listing
from tavusctl.emulator.persona_fields import AFTER_LAYERS, BEFORE_LAYERS, FLOW_DEFAULTS, LAYERS, READ_ONLY
from tavusctl.emulator.replicas import replica_exists
from tavusctl.emulator.resource import Missing, Resource, Route
from tavusctl.emulator.store import Stored
from tavusctl.emulator.world import Call, World

KIND = "personas"
CUSTOM_LLM = "Bad Request. Please ensure both base_url and api_key are included in order to use a custom llm."
# Two saves inside one creation.
SECOND_SAVE = 0.052392
TOP = {**BEFORE_LAYERS, **AFTER_LAYERS}


# What is stored, and what a read shows of it.


def materialise(world: World, document: Object) -> Object:
    """The document with every field of its present layers, real secrets included."""
    newer = bool(world.switches["newer_fields"])
    given = document.get("layers") or {}
    layers = {name: _filled(world, name, given[name], newer=newer) for name in LAYERS if name in given}
    layers |= {name: layer for name, layer in given.items() if name not in LAYERS}
    top = {name: value for name, value in document.items() if name in TOP}
    before = {name: top.pop(name) for name in BEFORE_LAYERS if name in top}
    return {
        **fill(BEFORE_LAYERS, before, newer=newer),
        "layers": layers,
        **fill(AFTER_LAYERS, top, newer=newer),
        "created_at": document["created_at"],
        "updated_at": document["updated_at"],
    }


def _filled(world: World, name: str, layer: Json, *, newer: bool) -> Json:
    if not isinstance(layer, dict):
        return layer
    if name == "conversational_flow" and world.switches["flow_defaults"] == "filled":
        chosen = {key: value for key, value in layer.items() if value is not None}
        layer = layer | FLOW_DEFAULTS | chosen if chosen else layer
    return fill(LAYERS[name], layer, newer=newer)


def _masked(world: World, layers: Object) -> Object:
    style = world.switches["mask"]
    if style == "echo":
        return layers
    shown = {}
    for name, layer in layers.items():
        if isinstance(layer, dict) and layer.get(SECRET_KEY):
            layer = {k: MASK if k == SECRET_KEY else v for k, v in layer.items() if style == "stars" or k != SECRET_KEY}  # noqa: PLW2901
        shown[name] = layer
    return shown


def opened(world: World, stored: Stored) -> Object:
    """The document a patch is applied to: a read with the real secrets."""
    return {"persona_id": stored.id, **materialise(world, stored.document)}


def view(world: World, stored: Stored) -> Object:
    """What a read shows."""
    document = opened(world, stored)
    document["layers"] = _masked(world, document["layers"])
    return document


# What may be stored.


def _checked(call: Call, body: Object, before: Object) -> Object:
    """The body as it is to be stored, or a refusal in the words of the API; `before` is what is there already."""
    world = call.world
    top = {name: value for name, value in body.items() if name != "layers"}
    wrong = complaints(TOP, top)
    layers, wrong_layers = _checked_layers(world, body.get("layers", {}))
    if wrong_layers:
        wrong["layers"] = wrong_layers
    if top.get("system_prompt") is None and top.get("pipeline_mode", "full") != "echo":
        wrong.setdefault("system_prompt", [REQUIRED])
    if wrong:
        raise refuse_fields(wrong)
    _check_llm(layers.get("llm", {}))
    _check_references(call, top, before)
    return {**top, "layers": by_length_inside(layers)}


def by_length_inside(layers: Object) -> Object:
    """The layers with their free-form objects in the order in which they are kept."""
    return {
        name: {key: by_length(value) for key, value in layer.items()} if isinstance(layer, dict) else layer
        for name, layer in layers.items()
    }


def _checked_layers(world: World, layers: Json) -> tuple[Object, Json]:
    if not isinstance(layers, dict):
        return {}, [NOT_MAPPING]
    policy = world.switches["layers_unknown"]
    kept, wrong = {}, {}
    for name, layer in layers.items():
        fields = LAYERS.get(name)
        if fields is None:
            complaint: Json = [UNKNOWN] if policy == "reject" else None
        elif not isinstance(layer, dict):
            complaint = [NOT_MAPPING]
        else:
            complaint = complaints(fields, layer, unknown=policy == "reject")
        if complaint:
            wrong[name] = complaint
        elif fields is not None and policy == "drop":
            kept[name] = {key: value for key, value in layer.items() if key in fields}
        elif fields is not None or policy == "keep":
            kept[name] = layer
    retired = kept.get("llm", {}).get("model") if isinstance(kept.get("llm"), dict) else None
    if retired in world.switches["retired_models"]:
        wrong["llm"] = {"model": [f"Model {retired} is no longer available."]}
    return kept, wrong


def _check_llm(llm: Object) -> None:
    model = llm.get("model") or "tavus-"
    if not model.startswith("tavus-") and not (llm.get("base_url") and llm.get("api_key")):
        raise refuse(CUSTOM_LLM)


def _check_references(call: Call, top: Object, before: Object) -> None:
    """What is newly named must exist; what was named before may have been deleted since."""
    world, account = call.world, call.account
    replica = top.get("default_replica_id")
    if replica and replica != before.get("default_replica_id") and not replica_exists(world, account, replica):
        text = "Invalid replica_uuid"
        raise refuse(text)
    if world.switches["references"] == "ignore":
        return
    for key, kind in (("objectives_id", "objectives"), ("guardrails_id", "guardrails")):
        if top.get(key) and top[key] != before.get(key) and not world.store.exists(account, kind, top[key]):
            text = f"Invalid {key}"
            raise refuse(text)
    for document in top.get("document_ids", ()):
        if document not in before.get("document_ids", ()) and not world.store.exists(account, "documents", document):
            text = "Invalid document_ids"
            raise refuse(text)


# Handlers.


def create(call: Call) -> Response:
    """POST /v2/personas: answers three fields."""
    body = read_object(call)
    blame_mask(call, body)
    document = _checked(call, body, {})
    patching.keep(call.world.switches.values, {}, document)
    now = call.world.clock.now()
    document |= {"created_at": in_microseconds(now), "updated_at": in_microseconds(now + SECOND_SAVE)}
    stored = Stored(call.account, KIND, RESOURCE.new_id(call.world), now, document)
    call.commit(stored, "create")
    return answer(
        {"persona_id": stored.id, "persona_name": document.get("persona_name"), "created_at": document["created_at"]},
    )


def get(call: Call) -> Response:
    """GET /v2/personas/ID: the bare object."""
    shown = view(call.world, _found(call))
    return answer({"data": [shown]} if call.world.switches["wrapped_get"] else shown)


def _found(call: Call) -> Stored:
    return _stock(call.world).get(call.id) or RESOURCE.find(call)


_STOCK = {row.id: Stored("", KIND, row.id, 0, stock.persona(row)) for row in stock.STOCK_PERSONAS}


def _stock(world: World) -> dict[str, Stored]:
    return _STOCK if world.switches["stock"] else {}


def _own(call: Call) -> Stored:
    if call.id in _stock(call.world):
        call.world.journal.blame(call.entry, "stock_written", "a stock persona was to be changed")
    return RESOURCE.find(call)


def patch(call: Call) -> Response:
    """PATCH /v2/personas/ID: RFC 6902 on the read form, the result validated as a whole."""
    world = call.world
    stored = _own(call)
    before = opened(world, stored)
    try:
        operations = call.request.json()
        blame_mask(call, operations)
        after = patching.apply(before, operations, ignore_test=world.switches["ignore_test"])
    except (Malformed, patching.Unpatchable) as error:
        recorded = world.switches["patch_error"] == "recorded"
        raise refuse_message(str(error) if recorded else "Invalid JSON patch format", 422) from error
    wanted = {name: value for name, value in respelled(world.switches, after).items() if name not in READ_ONLY}
    document = _checked(call, wanted, before)
    patching.keep(world.switches.values, before, document)
    times = {"created_at": before["created_at"], "updated_at": before["updated_at"]}
    if {"persona_id": stored.id, **materialise(world, document | times)} == before:
        return unchanged(world, "No changes were made to the persona")
    times["updated_at"] = in_microseconds(later(world.clock, before["updated_at"], 1e-6))
    changed = stored.with_document(document | times)
    call.commit(changed, "update")
    return empty(200) if world.switches["patch_answer"] == "empty" else answer(view(world, changed))


def delete(call: Call) -> Response:
    """DELETE /v2/personas/ID."""
    call.delete(_own(call))
    return empty(204)


def list_personas(call: Call) -> Response:
    """GET /v2/personas: stock personas first, unless filtered out."""
    wanted = call.request.query.get("persona_type")
    system = list(_stock(call.world).values()) if wanted != "user" else []
    data, total = list_all(call, RESOURCE, lambda s: view(call.world, s), stock=system, own=wanted != "system")
    return listing(call, data, total)


def sown(_world: World, given: Object, now: float) -> tuple[Object, Object]:
    """A persona from a seed: a creation body, or a read with its secrets in it; nothing is checked."""
    document = {key: value for key, value in given.items() if key in TOP}
    document["layers"] = by_length_inside(given.get("layers") or {})
    document["created_at"] = given.get("created_at", in_microseconds(now))
    document["updated_at"] = given.get("updated_at", in_microseconds(now + SECOND_SAVE))
    return document, {}


RESOURCE = Resource(
    name=KIND,
    singular="persona",
    id_key="persona_id",
    prefix="p",
    digits=11,
    missing=Missing(400, "error", "Invalid persona_id"),
    view=view,
    opened=opened,
    sown=sown,
    routes=(
        Route("GET", "/v2/personas", list_personas),
        Route("POST", "/v2/personas", create),
        Route("GET", "/v2/personas/*", get),
        Route("PATCH", "/v2/personas/*", patch),
        Route("DELETE", "/v2/personas/*", delete),
    ),
)
