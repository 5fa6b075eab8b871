"""Personas: /v2/personas, and /v2/pals, as they are called today."""

from __future__ import annotations

from tavusctl.emulator.account import stock
from tavusctl.emulator.account.clock import in_microseconds, later
from tavusctl.emulator.account.store import Stored
from tavusctl.emulator.account.world import Call, World
from tavusctl.emulator.bodies import aliases, patching
from tavusctl.emulator.bodies.fields import missing
from tavusctl.emulator.bodies.names import respelled
from tavusctl.emulator.bodies.paging import list_all, listing, newest_first
from tavusctl.emulator.bodies.reading import blame_mask, read_object, unchanged
from tavusctl.emulator.http.messages import (
    Json,
    Malformed,
    Object,
    Response,
    answer,
    empty,
    refuse_fields,
    refuse_message,
)
from tavusctl.emulator.personas import drafts, reads, skills, tools
from tavusctl.emulator.personas.found import MISSING
from tavusctl.emulator.personas.shape import SEED, TODAY, shape_of
from tavusctl.emulator.personas.validity import KIND, by_length_inside, checked, username_taken
from tavusctl.emulator.resources.resource import Resource, Route, either

# Two saves inside one creation.
SECOND_SAVE = 0.052392
# What no patch of the document changes: there are calls of their own.
APART = ("skills",)


def create(call: Call) -> Response:
    """POST /v2/personas: answers three fields; a PAL needs a face."""
    body, world = read_object(call), call.world
    blame_mask(call, body)
    if world.is_today:
        wrong = missing(body, ["default_face_id"]) if aliases.is_new(call.request) else {}
        body = reads.in_older_words(call, body)
        if wrong and not body.get("default_replica_id"):
            raise refuse_fields(wrong)
    document = checked(call, body, {})
    patching.keep(world.behaviors.values, {}, document)
    now = world.clock.now()
    document |= {"created_at": in_microseconds(now), "updated_at": in_microseconds(now + SECOND_SAVE)}
    stored = Stored(call.account, KIND, RESOURCE.new_id(world), now, document)
    call.commit(stored, "create")
    return answer(_created(call, stored))


def _created(call: Call, stored: Stored) -> Object:
    document = stored.document
    told = {"persona_id": stored.id, "persona_name": document.get("persona_name")}
    if aliases.is_new(call.request):
        username = document["layers"].get("conferencing", {}).get("username")
        told = {**aliases.renamed(told, aliases.PERSONA), "conferencing_email": reads.email_of(username)}
    return told | {"created_at": document["created_at"]}


def get(call: Call) -> Response:
    """GET /v2/personas/ID: the bare object."""
    stored, marks = drafts.row_to_show(call, _found(call))
    shown = reads.shown(call, stored) | marks
    return answer({"data": [shown]} if call.world.behaviors["wrapped_get"] else shown)


def _found(call: Call) -> Stored:
    return _stock(call.world).get(call.id) or RESOURCE.find(call)


_STOCK = {row.id: Stored("", KIND, row.id, 0, stock.persona(row)) for row in stock.STOCK_PERSONAS}


def _stock(world: World) -> dict[str, Stored]:
    return _STOCK if world.behaviors["stock"] else {}


def _own(call: Call) -> Stored:
    if call.id in _stock(call.world):
        call.world.journal.blame(call.entry, "stock_written", "a stock persona was to be changed")
    return RESOURCE.find(call)


def patch(call: Call) -> Response:
    """PATCH /v2/personas/ID: RFC 6902 on the read form, the result validated as a whole."""
    world = call.world
    live = _own(call)
    stored = drafts.row_to_write(call, live)
    before = reads.opened(world, stored)
    wanted = _wanted(call, live, before)
    document = checked(call, wanted, before)
    patching.keep(world.behaviors.values, before, document)
    document |= {name: stored.document[name] for name in APART if name in stored.document}
    times = {"created_at": before["created_at"], "updated_at": before["updated_at"]}
    if {"persona_id": stored.id, **reads.materialise(world, document | times)} == before:
        return unchanged(world, "No changes were made to the persona")
    times["updated_at"] = in_microseconds(later(world.clock, before["updated_at"], 1e-6))
    changed = stored.with_document(document | times)
    kept, told = drafts.written(call, live, changed)
    call.commit(kept, "update" if stored is live else "draft")
    return empty(200) if world.behaviors["patch_answer"] == "empty" else answer(reads.shown(call, changed) | told)


def _wanted(call: Call, live: Stored, before: Object) -> Object:
    """The body that a patch makes of what is there, in the words in which it is kept."""
    world = call.world
    shown = {name: value for name, value in reads.worded(call, before).items() if name not in APART}
    try:
        operations = call.request.json()
        blame_mask(call, operations)
        drafts.refuse_blocked(call, live, operations)
        after = patching.apply(shown, operations, ignore_test=world.behaviors["ignore_test"])
    except (Malformed, patching.Unpatchable) as error:
        recorded = world.behaviors["patch_error"] == "recorded"
        raise refuse_message(str(error) if recorded else "Invalid JSON patch format", 422) from error
    if world.is_today:
        drafts.refuse_mixed(operations)
        after = reads.patched_in_older_words(call, shown, after)
        after = _with_the_right_tools(world, before, after)
    return {
        name: value
        for name, value in respelled(world.behaviors, after).items()
        if name not in shape_of(world).read_only
    }


def _with_the_right_tools(world: World, before: Object, after: Object) -> Object:
    """A patched read after what this server thinks of patches of `/tool_ids`."""
    policy = world.behaviors["patch_tool_ids"]
    if after.get("tool_ids", []) == before["tool_ids"] or policy == "accept":
        return after
    if policy == "refuse":
        raise refuse_fields({"tool_ids": ["Attach and detach tools by their own calls."]})
    return after | {"tool_ids": before["tool_ids"]}


def publish(call: Call) -> Response:
    """POST /v2/pals/ID/publish: harmless without a draft; one in PAL Maker is a person's to publish."""
    stored = RESOURCE.find(call)
    if drafts.draft_of(stored, "july") and drafts.is_unpublished(stored):
        stored = drafts.published(stored, in_microseconds(call.world.clock.now()))
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


def delete(call: Call) -> Response:
    """DELETE /v2/personas/ID."""
    call.delete(_own(call))
    return empty(204)


def list_personas(call: Call) -> Response:
    """GET /v2/personas: stock personas first, unless filtered out."""
    wanted = _type_wanted(call)
    system = list(_stock(call.world).values()) if wanted != "user" else []
    data, total = list_all(
        call,
        RESOURCE,
        lambda stored: _listed(call, stored),
        stock=system,
        own=wanted != "system",
        newest_first=newest_first(call) if call.world.is_today else None,
    )
    return listing(call, data, total)


def _listed(call: Call, stored: Stored) -> Object:
    """An item of the list: nobody has recorded whether it has all that a read has."""
    shown = reads.shown(call, stored)
    is_short = call.world.behaviors["personas_list"] == "short"
    return {name: value for name, value in shown.items() if not (is_short and name in drafts.OWN_CALLS)}


def _type_wanted(call: Call) -> str | None:
    query = call.request.query
    if not call.world.is_today:
        return query.get("persona_type")
    older = query.get("persona_type") if call.world.behaviors["persona_type"] == "obeyed" else None
    return query.get("pal_type", older)


def sown(_world: World, given: Object, now: float) -> tuple[Object, Object]:
    """A persona from a seed: a creation body, or a read with its secrets in it; nothing is checked."""
    given = aliases.older(given, aliases.PERSONA, new=True)
    layers = dict(given.get("layers") or {})
    if isinstance(layers.get("conversational_flow"), dict):
        layers["conversational_flow"] = aliases.one_spelling(layers["conversational_flow"], aliases.INTERRUPTIBILITY[0])
    known = {**SEED.top, **TODAY.top}
    document: dict[str, Json] = {key: value for key, value in given.items() if key in known}
    document["layers"] = by_length_inside(layers)
    document["created_at"] = given.get("created_at", in_microseconds(now))
    document["updated_at"] = given.get("updated_at", in_microseconds(now + SECOND_SAVE))
    return document, {}


_CALLS = (
    ("GET", "/v2/{}", list_personas),
    ("POST", "/v2/{}", create),
    ("GET", "/v2/{}/*", get),
    ("PATCH", "/v2/{}/*", patch),
    ("DELETE", "/v2/{}/*", delete),
)
RESOURCE = Resource(
    name=KIND,
    singular="persona",
    also=("pals", "pal"),
    id_key="persona_id",
    prefix="p",
    digits=11,
    missing=MISSING,
    view=reads.view,
    opened=reads.opened,
    sown=sown,
    routes=(
        *(Route(method, path.format("personas"), handler) for method, path, handler in _CALLS),
        *(Route(method, path.format("pals"), handler, "today") for method, path, handler in _CALLS),
        Route("GET", "/v2/pals/check-username", check_username, "today"),
        *either("POST", "/v2/{}/*/publish", publish, era=""),
        *tools.ROUTES,
        *skills.ROUTES,
    ),
)
