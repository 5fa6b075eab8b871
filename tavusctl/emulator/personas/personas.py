"""Personas: /v2/personas, and /v2/pals, which is their name today."""

from __future__ import annotations

from tavusctl.emulator.account import stock
from tavusctl.emulator.account.clock import in_microseconds, time_of_change
from tavusctl.emulator.account.store import StoredObject
from tavusctl.emulator.account.world import Call, World
from tavusctl.emulator.bodies import aliases, patching
from tavusctl.emulator.bodies.fields import missing
from tavusctl.emulator.bodies.paging import list_page, newest_first, page_response
from tavusctl.emulator.bodies.reading import patched_read, read_object, unchanged
from tavusctl.emulator.http.messages import (
    Json,
    Object,
    Response,
    answer,
    refuse_fields,
    refuse_message,
)
from tavusctl.emulator.personas import drafts, reads, skills, tools
from tavusctl.emulator.personas.drafts import MISSING
from tavusctl.emulator.personas.layers_today import SEED, TODAY, shape_of
from tavusctl.emulator.personas.validity import KIND, layers_by_length, username_taken, validated
from tavusctl.emulator.resources.resource import Resource, Route, persona_and_pal_routes

# The API saves a persona twice when it creates it: seconds from `created_at` to `updated_at`.
SECOND_SAVE_DELAY = 0.052392
# Parts that no patch of the persona changes: they have calls of their own.
UNPATCHED_PARTS = ("skills",)
_STOCK = {row.id: StoredObject("", KIND, row.id, 0, stock.persona(row)) for row in stock.STOCK_PERSONAS}


def create(call: Call) -> Response:
    """POST /v2/personas: answers id, name and creation time; /v2/pals adds an e-mail address, and requires a face."""
    body, world = read_object(call), call.world
    if world.is_today:
        problems = missing(body, ["default_face_id"]) if aliases.uses_newer_names(call.request) else {}
        body = reads.with_stored_names(call, body)
        if problems and not body.get("default_replica_id"):
            raise refuse_fields(problems)
    document = validated(call, body, {})
    patching.apply_write_behaviors(world.behaviors.values, {}, document)
    now = world.clock.now()
    document |= {"created_at": in_microseconds(now), "updated_at": in_microseconds(now + SECOND_SAVE_DELAY)}
    return answer(_creation_answer(call, RESOURCE.add(call, document)))


def _creation_answer(call: Call, stored: StoredObject) -> Object:
    document = stored.document
    fields = {"persona_id": stored.id, "persona_name": document.get("persona_name")}
    if aliases.uses_newer_names(call.request):
        username = document["layers"].get("conferencing", {}).get("username")
        fields = {**aliases.to_newer_names(fields, aliases.PERSONA), "conferencing_email": reads.email_of(username)}
    return fields | {"created_at": document["created_at"]}


def get(call: Call) -> Response:
    """GET /v2/personas/ID: the object itself, or a list in `data` if the behaviour `wrapped_get` is on."""
    stored, marks = drafts.persona_to_show(call, RESOURCE.find_or_stock(call))
    shown = reads.answer_document(call, stored) | marks
    return answer({"data": [shown]} if call.world.behaviors["wrapped_get"] else shown)


def patch(call: Call) -> Response:
    """PATCH /v2/personas/ID: a JSON Patch (RFC 6902) of what a read shows; its result is validated as a whole."""
    world = call.world
    live = RESOURCE.find_own(call)
    stored = drafts.persona_to_write(call, live)
    before = reads.read_with_secrets(world, stored)
    body = _patched_body(call, live, before)
    document = validated(call, body, before)
    patching.apply_write_behaviors(world.behaviors.values, before, document)
    document |= {name: stored.document[name] for name in UNPATCHED_PARTS if name in stored.document}
    times = {"created_at": before["created_at"], "updated_at": before["updated_at"]}
    if {"persona_id": stored.id, **reads.materialise(world, document | times)} == before:
        return unchanged(world, "No changes were made to the persona")
    times["updated_at"] = in_microseconds(time_of_change(world.clock, before["updated_at"], 1e-6))
    changed = stored.with_document(document | times)
    to_store, marks = drafts.patch_result(call, live, changed)
    call.commit(to_store, "update" if stored is live else "draft")
    return answer(reads.answer_document(call, changed) | marks)


def _patched_body(call: Call, live: StoredObject, before: Object) -> Object:
    """The writable fields of the persona after the patch of the request, with the older names, as they are stored."""
    world = call.world
    shown = {
        name: value for name, value in reads.with_answer_names(call, before).items() if name not in UNPATCHED_PARTS
    }
    refusal = refuse_message("Invalid JSON patch format", 422)
    after = patched_read(call, shown, refusal, lambda operations: drafts.refuse_blocked(call, live, operations))
    if world.is_today:
        drafts.refuse_mixed(call.request.json())
        after = reads.patched_with_stored_names(call, shown, after)
        if after.get("tool_ids", []) != before["tool_ids"]:
            raise refuse_fields({"tool_ids": ["Attach and detach tools by their own calls."]})
    return {name: value for name, value in after.items() if name not in shape_of(world).read_only}


def publish(call: Call) -> Response:
    """POST /v2/pals/ID/publish: publishes a draft of model `july`; without one it changes nothing.

    A draft in PAL Maker is not published: only a person can do that.
    """
    stored = RESOURCE.find(call)
    if drafts.draft_of(stored, "july") and drafts.is_unpublished(stored):
        stored = drafts.with_draft_published(call.world, stored, in_microseconds(call.world.clock.now()))
        call.commit(stored, "publish")
    document = stored.document
    return answer(
        {
            "status": "published",
            "pal_id": stored.id,
            "pal_name": document.get("persona_name"),
            "system_prompt": document.get("system_prompt"),
            "updated_at": document["updated_at"],
        }
    )


def check_username(call: Call) -> Response:
    """GET /v2/pals/check-username: whether a meeting name is free."""
    username = call.request.query.get("username", "")
    reason = "empty" if not username else "taken" if username_taken(call.world, username) else ""
    return answer({"available": not reason, "reason": reason})


def list_personas(call: Call) -> Response:
    """GET /v2/personas: stock personas first, unless filtered out."""
    persona_type = _requested_type(call)
    system = list(RESOURCE.stock(call.world).values()) if persona_type != "user" else []
    page = list_page(
        call,
        RESOURCE,
        lambda stored: _list_item(call, stored),
        stock=system,
        own=persona_type != "system",
        newest_first=newest_first(call) if call.world.is_today else None,
    )
    return page_response(call, page)


def _list_item(call: Call, stored: StoredObject) -> Object:
    """An item of the list, without the parts if the behaviour `personas_list` is `short`.

    Whether an item of the API has everything that a read has is not recorded.
    """
    shown = reads.answer_document(call, stored)
    is_short = call.world.behaviors["personas_list"] == "short"
    return {name: value for name, value in shown.items() if not (is_short and name in drafts.PARTS)}


def _requested_type(call: Call) -> str | None:
    query = call.request.query
    if not call.world.is_today:
        return query.get("persona_type")
    older = query.get("persona_type") if call.world.behaviors["persona_type"] == "obeyed" else None
    return query.get("pal_type", older)


def from_seed(_world: World, body: Object, now: float) -> Object:
    """The document of a persona in a seed.

    `body` is a creation body, or a read with real secrets; it is not validated.
    """
    body = aliases.to_older_names(body, aliases.PERSONA, new=True)
    layers = dict(body.get("layers") or {})
    if isinstance(layers.get("conversational_flow"), dict):
        layers["conversational_flow"] = aliases.with_stored_interruptibility(
            layers["conversational_flow"], aliases.INTERRUPTIBILITY[0]
        )
    fields = {**SEED.top, **TODAY.top}
    document: dict[str, Json] = {key: value for key, value in body.items() if key in fields}
    document["layers"] = layers_by_length(layers)
    document["created_at"] = body.get("created_at", in_microseconds(now))
    document["updated_at"] = body.get("updated_at", in_microseconds(now + SECOND_SAVE_DELAY))
    return document


RESOURCE = Resource(
    name=KIND,
    singular="persona",
    other_names=("pals", "pal"),
    prefix="p",
    digits=11,
    missing=MISSING,
    read_with_secrets=reads.read_with_secrets,
    from_seed=from_seed,
    stock=lambda world: _STOCK if world.behaviors["stock"] else {},
    paths={"/v2/personas": "", "/v2/pals": "today"},
    list=list_personas,
    create=create,
    get=get,
    patch=patch,
    hide_secrets=reads.view,
    more_routes=(
        Route("GET", "/v2/pals/check-username", check_username, "today"),
        *persona_and_pal_routes("POST", "/v2/{}/*/publish", publish, era=""),
        *tools.ROUTES,
        *skills.ROUTES,
    ),
)
