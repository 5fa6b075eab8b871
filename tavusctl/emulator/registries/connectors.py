"""Connectors: /v2/connectors; MCP servers that offer tools; with oauth2 a person must authorize the connection."""

from __future__ import annotations

from tavusctl.emulator.account.clock import time_of_change, without_zone
from tavusctl.emulator.account.store import StoredObject
from tavusctl.emulator.account.world import Call, World
from tavusctl.emulator.bodies.fields import REQUIRED, Field, Fields, diagnostics, length, matching, missing, of_mapping
from tavusctl.emulator.bodies.paging import list_page, page_response
from tavusctl.emulator.bodies.reading import read_object
from tavusctl.emulator.http.messages import Json, Object, Response, answer, check_fields
from tavusctl.emulator.resources.resource import Missing, Resource, Route

KIND = "connectors"
PATH = "/v2/connectors"


@of_mapping
def _auth(value: Json) -> Json:
    if not isinstance(value.get("type"), str):
        return {"type": [REQUIRED]}
    lacks_token = value["type"] == "bearer" and not value.get("token")
    return {"token": [REQUIRED]} if lacks_token else None


FIELDS: Fields = {
    "name": Field(length(1, 255)),
    "server_url": Field(matching(r"https?://.+", "Must be a link.")),
    "auth_config": Field(_auth),
}


def read_with_secrets(_world: World, stored: StoredObject) -> Object:
    """The connector with its real secrets."""
    document = stored.document
    return {
        "connector_id": stored.id,
        "owner_id": 1,
        "team_id": None,
        "name": document["name"],
        "source": "mcp",
        "server_url": document["server_url"],
        "auth_config": document["auth_config"],
        "selected_tool_names": None,
        "oauth_status": document["oauth_status"],
        "oauth_scopes": [],
        "access_token_expires_at": None,
        "last_indexed_at": None,
        "last_index_error": None,
        "created_at": document["created_at"],
        "updated_at": document["updated_at"],
    }


def view(world: World, stored: StoredObject) -> Object:
    """The connector as a read shows it: of its `auth_config` only the type."""
    return read_with_secrets(world, stored) | {"auth_config": {"type": stored.document["auth_config"]["type"]}}


def _view_with_link(world: World, stored: StoredObject) -> Object:
    """The view; for oauth2 with the URL at which a person authorizes the connector."""
    if stored.document["auth_config"]["type"] != "oauth2":
        return view(world, stored)
    return view(world, stored) | {"authorize_url": f"https://auth.example.com/authorize?connector={stored.id}"}


def create(call: Call) -> Response:
    """POST /v2/connectors: one with oauth2 is pending until a person authorizes it."""
    body = read_object(call)
    check_fields(missing(body, list(FIELDS)) | diagnostics(FIELDS, body))
    now = call.world.clock.now()
    status = "pending" if body["auth_config"]["type"] == "oauth2" else None
    document = body | {"oauth_status": status, "created_at": without_zone(now), "updated_at": without_zone(now)}
    return answer(_view_with_link(call.world, RESOURCE.add(call, document)))


def patch(call: Call) -> Response:
    """PATCH /v2/connectors/ID: merges the top level of the body."""
    stored, body = RESOURCE.find(call), read_object(call)
    check_fields(diagnostics(FIELDS, body))
    moment = time_of_change(call.world.clock, stored.document["updated_at"], 1e-6)
    document = stored.document | body | {"updated_at": without_zone(moment)}
    return answer(view(call.world, call.commit(stored.with_document(document), "update")))


def reconnect(call: Call) -> Response:
    """POST /v2/connectors/ID/oauth/reconnect: the URL at which a person authorizes it again; null without oauth2."""
    return answer({"authorize_url": _view_with_link(call.world, RESOURCE.find(call)).get("authorize_url")})


def preview(call: Call) -> Response:
    """GET /v2/connectors/ID/preview: the tools of the server; always none in the emulator."""
    RESOURCE.find(call)
    return answer({"tools": []})


def list_connectors(call: Call) -> Response:
    """GET /v2/connectors."""
    return page_response(call, list_page(call, RESOURCE))


def from_seed(_world: World, body: Object, now: float) -> Object:
    """A connector in a seed: authorized, unless the seed has another `oauth_status`."""
    return {
        "name": body.get("name", "Connector"),
        "server_url": body.get("server_url", "https://mcp.example.com/mcp"),
        "auth_config": body.get("auth_config", {"type": "oauth2"}),
        "oauth_status": body.get("oauth_status", "linked"),
        **{name: body.get(name, without_zone(now)) for name in ("created_at", "updated_at")},
    }


RESOURCE = Resource(
    name=KIND,
    singular="connector",
    prefix="c8-",
    missing=Missing(404, "error", "Connector not found"),
    read_with_secrets=read_with_secrets,
    from_seed=from_seed,
    paths={PATH: "today"},
    list=list_connectors,
    create=create,
    patch=patch,
    hide_secrets=view,
    more_routes=(
        Route("GET", f"{PATH}/*/preview", preview, "today"),
        Route("POST", f"{PATH}/*/oauth/reconnect", reconnect, "today"),
    ),
)
