"""Deployments: /v2/deployments; public channels of a persona.  A patch may require a version (`If-Match`)."""

from __future__ import annotations

from collections.abc import Callable

from tavusctl.emulator.account.clock import in_microseconds
from tavusctl.emulator.account.store import StoredObject
from tavusctl.emulator.account.world import Call, World
from tavusctl.emulator.bodies import patching
from tavusctl.emulator.bodies.fields import (
    Field,
    Fields,
    by_length,
    diagnostics,
    integer,
    length,
    mapping,
    missing,
    nested,
    one_of,
    text,
    texts,
)
from tavusctl.emulator.bodies.paging import all_of, list_page, newest_first
from tavusctl.emulator.bodies.reading import (
    comma_separated,
    contains,
    is_among,
    patched_read,
    read_object,
    refuse_plain_object,
    unchanged,
)
from tavusctl.emulator.http.messages import Object, Response, answer, check_fields, refuse, refuse_message
from tavusctl.emulator.resources.resource import Missing, Resource

KIND = "deployments"
LIMITS: Fields = {
    name: Field(integer(1), nullable=True)
    for name in ("daily_call_limit", "daily_call_limit_per_user", "concurrent_call_limit", "max_call_duration")
}
FIELDS: Fields = {
    "pal_id": Field(length(1, 255)),
    "channel": Field(one_of("widget", "embed", "landing-page")),
    "name": Field(text, "", nullable=True),
    "status": Field(one_of("draft", "active", "inactive"), "draft"),
    "password": Field(text, None, nullable=True),
    "allowed_origins": Field(texts, []),
    "limits": Field(nested(LIMITS), {}),
    "customization": Field(mapping, {}),
}
THUMBNAILS = ("replica_thumbnail_video_url", "thumbnail_video_url", "thumbnail_image_url")
COMPUTED: Object = {"usage_total": 0, "usage_today": 0}
READ_ONLY = ("deployment_id", "has_password", *THUMBNAILS, *COMPUTED, "created_at", "updated_at")


def read_with_secrets(_world: World, stored: StoredObject) -> Object:
    """The deployment with its real password."""
    document = stored.document
    return {
        "deployment_id": stored.id,
        **{name: document[name] for name in FIELDS},
        "has_password": bool(document["password"]),
        **dict.fromkeys(THUMBNAILS),
        **COMPUTED,
        "created_at": document["created_at"],
        "updated_at": document["updated_at"],
    }


def view(world: World, stored: StoredObject) -> Object:
    """The deployment as a read shows it: of the password only whether there is one."""
    return {name: value for name, value in read_with_secrets(world, stored).items() if name != "password"}


def _answer_with_etag(call: Call, stored: StoredObject) -> Response:
    response = answer(view(call.world, stored))
    response.headers.append(("etag", _etag(stored)))
    return response


def _etag(stored: StoredObject) -> str:
    """The version of a deployment: a weak ETag, made of the time of its last change."""
    return f'W/"{stored.document["updated_at"]}"'


def _checked_document(call: Call, body: Object, before: Object) -> Object:
    check_fields(missing(body, ["pal_id", "channel"]) | diagnostics(FIELDS, body))
    if body["pal_id"] != before.get("pal_id") and not call.world.store.exists(call.account, "personas", body["pal_id"]):
        raise refuse("Invalid pal_id")
    document = {name: body.get(name, field.default) for name, field in FIELDS.items()}
    return document | {"customization": by_length(document["customization"])}


def create(call: Call) -> Response:
    """POST /v2/deployments: an active deployment is live at once."""
    document = _checked_document(call, read_object(call), {})
    patching.apply_write_behaviors(call.world.behaviors.values, {}, document)
    now = call.world.clock.now()
    document |= {"created_at": in_microseconds(now), "updated_at": in_microseconds(now)}
    return _answer_with_etag(call, RESOURCE.add(call, document))


def get(call: Call) -> Response:
    """GET /v2/deployments/ID: its version is the ETag of the answer."""
    return _answer_with_etag(call, RESOURCE.find(call))


def patch(call: Call) -> Response:
    """PATCH /v2/deployments/ID: a JSON Patch; 412 if `If-Match` has neither the current version nor `*`."""
    world, stored = call.world, RESOURCE.find(call)
    tags = [tag.strip() for tag in call.request.headers.get("if-match", "*").split(",")]
    if "*" not in tags and _etag(stored) not in tags:
        raise refuse("Precondition Failed. The deployment has changed", 412)
    before = stored.document
    after = patched_read(call, view(world, stored), refuse_message("Invalid JSON patch format"), refuse_plain_object)
    body = {name: value for name, value in after.items() if name not in READ_ONLY}
    document = _checked_document(call, {"password": before["password"]} | body, before)
    changed = RESOURCE.commit_patch(call, stored, document, in_microseconds, 1e-6)
    return _answer_with_etag(call, changed) if changed else unchanged(world, "No changes were made")


def list_deployments(call: Call) -> Response:
    """GET /v2/deployments: from page 0, newest first, in an envelope that no other list has."""
    order = newest_first(call, default=True)
    page = list_page(
        call, RESOURCE, lambda stored: _list_item(call, stored), base=0, keep=_filter(call), newest_first=order
    )
    return answer({"deployments": page.data, "total": page.total, "page": page.number, "limit": page.limit})


def _list_item(call: Call, stored: StoredObject) -> Object:
    item = view(call.world, stored)
    return item if call.has_flag("include_thumbnails") else {k: v for k, v in item.items() if k not in THUMBNAILS}


def _filter(call: Call) -> Callable[[StoredObject], bool] | None:
    query = call.request.query
    channels, statuses = comma_separated(query.get("channel")), comma_separated(query.get("status"))
    persona, search = query.get("pal_id"), query.get("search", "").lower()
    return all_of(
        (channels, lambda stored: is_among(stored.document["channel"], channels)),
        (statuses, lambda stored: is_among(stored.document["status"], statuses)),
        (persona, lambda stored: stored.document["pal_id"] == persona),
        (search, lambda stored: contains(stored.document["name"], search)),
    )


def from_seed(_world: World, body: Object, now: float) -> Object:
    """A deployment in a seed; it is not validated."""
    document = {"pal_id": "", "channel": "widget"} | {name: value for name, value in body.items() if name in FIELDS}
    values = {name: document.get(name, field.default) for name, field in FIELDS.items()}
    return values | {name: body.get(name, in_microseconds(now)) for name in ("created_at", "updated_at")}


RESOURCE = Resource(
    name=KIND,
    singular="deployment",
    prefix="d",
    digits=16,
    page_size=20,
    max_page_size=200,
    missing=Missing(404, "error", "Deployment not found"),
    read_with_secrets=read_with_secrets,
    from_seed=from_seed,
    paths={"/v2/deployments": "today"},
    list=list_deployments,
    create=create,
    get=get,
    patch=patch,
    hide_secrets=view,
)
