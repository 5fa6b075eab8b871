"""Tools: /v2/tools; a patch merges top-level fields, so it replaces `delivery` as a whole."""

from __future__ import annotations

from tavusctl.emulator.account.clock import seconds_without_zone, time_of_change
from tavusctl.emulator.account.store import StoredObject
from tavusctl.emulator.account.world import Call, World
from tavusctl.emulator.bodies import patching
from tavusctl.emulator.bodies.paging import all_of, list_page, newest_first, page_response
from tavusctl.emulator.bodies.reading import contains, read_object
from tavusctl.emulator.http.messages import Object, Response, answer, check_fields, empty, refuse
from tavusctl.emulator.registries.tool_fields import FIELDS, masked, tool_problems, with_defaults, with_stored_secret
from tavusctl.emulator.resources.resource import Missing, Resource

KIND = "tools"
CREATED_AT = "2026-05-15T10:30:00"
SYSTEM = {
    "end_call": StoredObject(
        "",
        KIND,
        "end_call",
        0,
        with_defaults({"name": "end_call", "description": "End the call."})
        | {"created_at": CREATED_AT, "updated_at": CREATED_AT},
    )
}


def read_with_secrets(_world: World, stored: StoredObject) -> Object:
    """The tool with its real secret."""
    document = stored.document
    return {
        "tool_id": stored.id,
        "owner_id": None if stored.id in SYSTEM else 1,
        **{name: document[name] for name in FIELDS},
        "is_system_tool": stored.id in SYSTEM,
        "created_at": document["created_at"],
        "updated_at": document["updated_at"],
    }


def view(world: World, stored: StoredObject) -> Object:
    """The tool as a read shows it, its secret as the behaviour `mask` says."""
    return masked(read_with_secrets(world, stored), world.behaviors["mask"])


def _checked_tool(call: Call, tool: Object, own_id: str | None = None) -> Object:
    """The tool, or a refusal if it is invalid or its name is taken; `own_id` is its id, if it has one already."""
    check_fields(tool_problems(tool))
    others = call.world.store.live_objects(call.account, KIND)
    if tool["name"] in SYSTEM or any(other.document["name"] == tool["name"] and other.id != own_id for other in others):
        raise refuse(f"A tool named {tool['name']} already exists", 409)
    return tool


def create(call: Call) -> Response:
    """POST /v2/tools: answers the whole tool."""
    body = read_object(call)
    unknown = {name: value for name, value in body.items() if name not in FIELDS}
    document = _checked_tool(call, with_defaults(body) | unknown)
    patching.apply_write_behaviors(call.world.behaviors.values, {}, document)
    now = seconds_without_zone(call.world.clock.now())
    document |= {"created_at": now, "updated_at": now}
    return answer(view(call.world, RESOURCE.add(call, document)))


def _own_tool(call: Call) -> StoredObject:
    if call.id in SYSTEM:
        call.world.journal.add_violation(call.entry, "stock_written", "a system tool was to be changed")
        raise refuse("Bad Request. System tools cannot be changed")
    return RESOURCE.find(call)


def patch(call: Call) -> Response:
    """PATCH /v2/tools/ID: each field of the body replaces the stored one."""
    stored, body, world = _own_tool(call), read_object(call), call.world
    before = stored.document
    if world.behaviors["tool_auth"] == "kept" and "delivery" in body:
        body = body | {"delivery": with_stored_secret(body["delivery"], before["delivery"])}
    times = ("created_at", "updated_at")
    old = {name: value for name, value in before.items() if name not in times}
    document = _checked_tool(call, old | body, stored.id)
    patching.apply_write_behaviors(world.behaviors.values, old, document)
    moment = time_of_change(world.clock, before["updated_at"], 0)
    document |= {"created_at": before["created_at"], "updated_at": seconds_without_zone(moment)}
    return answer(view(world, call.commit(stored.with_document(document), "update")))


def delete(call: Call) -> Response:
    """DELETE /v2/tools/ID: detaches it from all personas; its name may be used again."""
    stored = _own_tool(call)
    call.delete(stored)
    call.detach_from_personas("tool_ids", stored.id)
    return empty(204)


def list_tools(call: Call) -> Response:
    """GET /v2/tools: the account's own tools, unless `type` is `system` or `all`."""
    tool_type, sought = call.request.query.get("type", "user"), call.request.query.get("name_or_uuid", "")
    page = list_page(
        call,
        RESOURCE,
        stock=list(SYSTEM.values()) if tool_type in ("system", "all") else [],
        own=tool_type != "system",
        keep=all_of((sought, lambda one: one.id == sought or contains(one.document["name"], sought))),
        newest_first=newest_first(call),
    )
    return page_response(call, page)


def from_seed(_world: World, body: Object, now: float) -> Object:
    """A tool in a seed; it is not validated."""
    document = with_defaults(
        {"name": "tool", "description": "A tool.", **{k: v for k, v in body.items() if k in FIELDS}}
    )
    moment = seconds_without_zone(now)
    return document | {name: body.get(name, moment) for name in ("created_at", "updated_at")}


RESOURCE = Resource(
    name=KIND,
    singular="tool",
    prefix="t",
    page_size=25,
    max_page_size=100,
    missing=Missing(404, "error", "Tool not found"),
    read_with_secrets=read_with_secrets,
    from_seed=from_seed,
    stock=lambda _: SYSTEM,
    paths={"/v2/tools": "today"},
    list=list_tools,
    create=create,
    patch=patch,
    delete=delete,
    hide_secrets=view,
)
