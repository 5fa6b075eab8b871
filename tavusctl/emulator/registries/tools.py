"""Tools: /v2/tools; a patch merges top-level fields, so it replaces `delivery` as a whole."""

from __future__ import annotations

from collections.abc import Callable

from tavusctl.emulator.account.clock import later, zoneless_seconds
from tavusctl.emulator.account.store import Stored
from tavusctl.emulator.account.world import Call, World
from tavusctl.emulator.bodies import patching
from tavusctl.emulator.bodies.paging import limit_of, list_all, listing, newest_first
from tavusctl.emulator.bodies.reading import blame_mask, read_object
from tavusctl.emulator.http.messages import Object, Response, answer, empty, refuse, refuse_fields
from tavusctl.emulator.registries.tool_fields import FIELDS, masked, whole, with_kept_secret, wrong_with
from tavusctl.emulator.resources.resource import Missing, Resource, Route

KIND = "tools"
MADE_AT = "2026-05-15T10:30:00"
USUAL, MOST = 25, 100  # page sizes of the list: default and maximum
SYSTEM = {
    "end_call": Stored(
        "",
        KIND,
        "end_call",
        0,
        whole({"name": "end_call", "description": "End the call."}) | {"created_at": MADE_AT, "updated_at": MADE_AT},
    )
}


def opened(_world: World, stored: Stored) -> Object:
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


def view(world: World, stored: Stored) -> Object:
    """The tool as a read shows it, its secret as the behaviour `mask` says."""
    return masked(opened(world, stored), world.behaviors["mask"])


def _checked_tool(call: Call, tool: Object, own_id: str | None = None) -> Object:
    """The tool, or a refusal if it is invalid or its name is taken; `own_id` is its id, if it has one already."""
    problems = wrong_with(tool)
    if problems:
        raise refuse_fields(problems)
    others = call.world.store.every(call.account, KIND)
    if tool["name"] in SYSTEM or any(other.document["name"] == tool["name"] and other.id != own_id for other in others):
        text = f"A tool named {tool['name']} already exists"
        raise refuse(text, 409)
    return tool


def create(call: Call) -> Response:
    """POST /v2/tools: answers the whole tool."""
    body = read_object(call)
    blame_mask(call, body)
    unknown = {name: value for name, value in body.items() if name not in FIELDS}
    document = _checked_tool(call, whole(body) | unknown)
    patching.keep(call.world.behaviors.values, {}, document)
    now = zoneless_seconds(call.world.clock.now())
    document |= {"created_at": now, "updated_at": now}
    stored = Stored(call.account, KIND, RESOURCE.new_id(call.world), call.world.clock.now(), document)
    call.commit(stored, "create")
    return answer(view(call.world, stored))


def get(call: Call) -> Response:
    """GET /v2/tools/ID."""
    return answer(view(call.world, SYSTEM.get(call.id) or RESOURCE.find(call)))


def _own_tool(call: Call) -> Stored:
    if call.id in SYSTEM:
        call.world.journal.blame(call.entry, "stock_written", "a system tool was to be changed")
        text = "Bad Request. System tools cannot be changed"
        raise refuse(text)
    return RESOURCE.find(call)


def patch(call: Call) -> Response:
    """PATCH /v2/tools/ID: each field of the body replaces the stored one."""
    stored, body, world = _own_tool(call), read_object(call), call.world
    blame_mask(call, body)
    before = stored.document
    if world.behaviors["tool_auth"] == "kept" and "delivery" in body:
        body = body | {"delivery": with_kept_secret(body["delivery"], before["delivery"])}
    times = ("created_at", "updated_at")
    old = {name: value for name, value in before.items() if name not in times}
    document = _checked_tool(call, old | body, stored.id)
    patching.keep(world.behaviors.values, old, document)
    moment = later(world.clock, before["updated_at"], 0)
    document |= {"created_at": before["created_at"], "updated_at": zoneless_seconds(moment)}
    changed = stored.with_document(document)
    call.commit(changed, "update")
    return answer(view(world, changed))


def delete(call: Call) -> Response:
    """DELETE /v2/tools/ID: detaches it from all personas; its name may be used again."""
    stored = _own_tool(call)
    call.delete(stored)
    for persona in list(call.world.store.every(call.account, "personas")):
        tool_ids = persona.document.get("tool_ids") or []
        if stored.id in tool_ids:
            remaining = [ident for ident in tool_ids if ident != stored.id]
            call.commit(persona.with_document(persona.document | {"tool_ids": remaining}), "update")
    return empty(204)


def list_tools(call: Call) -> Response:
    """GET /v2/tools: the account's own tools, unless `type` is `system` or `all`."""
    tool_type = call.request.query.get("type", "user")
    data, total = list_all(
        call,
        RESOURCE,
        lambda stored: view(call.world, stored),
        stock=list(SYSTEM.values()) if tool_type in ("system", "all") else [],
        own=tool_type != "system",
        keep=_filter(call.request.query.get("name_or_uuid", "")),
        newest_first=newest_first(call),
        limit=limit_of(call, USUAL, MOST),
    )
    return listing(call, data, total)


def _filter(name_or_id: str) -> Callable[[Stored], bool] | None:
    if not name_or_id:
        return None
    return lambda stored: stored.id == name_or_id or name_or_id.lower() in stored.document["name"].lower()


def sown(_world: World, given: Object, now: float) -> tuple[Object, Object]:
    """A tool in a seed; it is not validated."""
    document = whole({"name": "tool", "description": "A tool.", **{k: v for k, v in given.items() if k in FIELDS}})
    moment = zoneless_seconds(now)
    return document | {name: given.get(name, moment) for name in ("created_at", "updated_at")}, {}


RESOURCE = Resource(
    name=KIND,
    singular="tool",
    id_key="tool_id",
    prefix="t",
    digits=12,
    missing=Missing(404, "error", "Tool not found"),
    view=view,
    opened=opened,
    sown=sown,
    routes=(
        Route("GET", "/v2/tools", list_tools, "today"),
        Route("POST", "/v2/tools", create, "today"),
        Route("GET", "/v2/tools/*", get, "today"),
        Route("PATCH", "/v2/tools/*", patch, "today"),
        Route("DELETE", "/v2/tools/*", delete, "today"),
    ),
)
