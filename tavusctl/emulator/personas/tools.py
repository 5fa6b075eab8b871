"""The tools of a persona: /v2/pals/ID/tools, and the same below /v2/personas."""

from __future__ import annotations

from tavusctl.emulator.account.store import StoredObject
from tavusctl.emulator.account.world import Call
from tavusctl.emulator.bodies.fields import Field, diagnostics, missing
from tavusctl.emulator.bodies.reading import ids_in, layer_of, read_object
from tavusctl.emulator.http.messages import Object, Response, answer, empty, refuse, refuse_fields
from tavusctl.emulator.personas.drafts import find_persona, find_persona_to_change, store_part
from tavusctl.emulator.personas.layers_today import IDS, MAX_ITEMS
from tavusctl.emulator.registries import tools
from tavusctl.emulator.resources.resource import persona_and_pal_routes

BODY = {"tool_ids": Field(IDS)}


def _attached_tools(call: Call, persona: StoredObject) -> list[Object]:
    """The attached tools of a persona as reads show them, without inline tools and system tools."""
    store = call.world.store
    rows = (store.get(call.account, tools.KIND, ident) for ident in ids_in(persona.document, "tool_ids"))
    return [tools.view(call.world, row) for row in rows if row is not None]


def list_tools(call: Call) -> Response:
    """GET /v2/pals/ID/tools: a list in `data`."""
    data = _attached_tools(call, find_persona(call))
    return answer({"data": data, "total_count": len(data)})


def attach(call: Call) -> Response:
    """POST /v2/pals/ID/tools: adds tools; those already attached stay."""
    persona, body = find_persona_to_change(call), read_object(call)
    problems = missing(body, ["tool_ids"]) | diagnostics(BODY, body)
    if problems or not body["tool_ids"]:
        raise refuse_fields(problems or {"tool_ids": ["Shorter than minimum length 1."]})
    for ident in body["tool_ids"]:
        _check_tool(call, persona, ident)
    before = ids_in(persona.document, "tool_ids")
    after = list(dict.fromkeys([*before, *body["tool_ids"]]))
    if len(after) > MAX_ITEMS:
        raise refuse(f"Bad Request. A PAL has at most {MAX_ITEMS} tools.")
    if after != before:
        persona = store_part(call, persona, "tool_ids", after)
    data = _attached_tools(call, persona)
    return answer({"data": data, "total_count": len(data)})


def _check_tool(call: Call, persona: StoredObject, ident: str) -> None:
    """Refuse a tool that does not exist, and one of origin vision or audio if the perception model is not a raven."""
    if ident in tools.SYSTEM:
        return
    tool = call.world.store.get(call.account, tools.KIND, ident)
    if tool is None:
        raise refuse(f"Bad Request. Unknown tool {ident}")
    model = layer_of(persona.document, "perception").get("perception_model", "raven-1")
    if tool.document["origin"] in ("vision", "audio") and not str(model).startswith("raven"):
        raise refuse(f"Bad Request. A tool of origin {tool.document['origin']} needs a raven perception_model")


def detach(call: Call) -> Response:
    """DELETE /v2/pals/ID/tools/TOOL."""
    persona = find_persona_to_change(call)
    attached = ids_in(persona.document, "tool_ids")
    if call.part not in attached:
        raise refuse("Bad Request. Tool not attached to this PAL")
    store_part(call, persona, "tool_ids", [ident for ident in attached if ident != call.part])
    return empty(204)


ROUTES = (
    *persona_and_pal_routes("GET", "/v2/{}/*/tools", list_tools),
    *persona_and_pal_routes("POST", "/v2/{}/*/tools", attach),
    *persona_and_pal_routes("DELETE", "/v2/{}/*/tools/*", detach),
)
