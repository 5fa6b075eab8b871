"""Guardrails one by one, on the same paths as the older sets: /v2/guardrails."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tavusctl.emulator.account.clock import spaced
from tavusctl.emulator.account.store import Stored
from tavusctl.emulator.account.world import Call, World
from tavusctl.emulator.bodies import patching
from tavusctl.emulator.bodies.fields import (
    NOT_TEXT,
    Field,
    Fields,
    by_length,
    choice,
    diagnostics,
    fill,
    flag,
    form,
    length,
    mapping,
    some,
)
from tavusctl.emulator.bodies.names import respelled
from tavusctl.emulator.bodies.paging import limit_of, list_all, listing, newest_first, page_of
from tavusctl.emulator.bodies.reading import blame_mask, read_object, unchanged
from tavusctl.emulator.http.messages import (
    Malformed,
    Object,
    Response,
    answer,
    empty,
    refuse,
    refuse_fields,
    refuse_message,
)
from tavusctl.emulator.resources import sets
from tavusctl.emulator.resources.resource import Handler, Missing, Resource, Route

KIND = "single_guardrails"
FIELDS: Fields = {
    "guardrail_name": Field(length(1, 100)),
    "guardrail_prompt": Field(length(1, 1_000_000)),
    "modality": Field(choice("verbal", "visual", "audio"), "verbal"),
    "callback_url": Field(length(0, 2048), ""),
    "app_message": Field(flag, default=True),
    "tags": Field(some(32, form(r"[A-Za-z0-9_\- ]{1,64}", NOT_TEXT)), []),
    "tool_call": Field(mapping, nullable=True),
}
READ_ONLY = ("uuid", "owner_id", "created_at", "updated_at", "is_deleted", "guardrail_type", "persona_refs")
_SETS = sets.resource_of(sets.GUARDRAILS)


def opened(_world: World, stored: Stored) -> Object:
    """The guardrail; a tool call that is empty is left out."""
    document = stored.document
    shown = {
        "uuid": stored.id,
        **fill(FIELDS, {name: document[name] for name in FIELDS if name in document}, newer=True),
    }
    if not shown.get("tool_call"):
        shown.pop("tool_call", None)
    return shown | {"created_at": document["created_at"]}


def _shown(call: Call, stored: Stored) -> Object:
    shown = opened(call.world, stored)
    if not call.wants("verbose"):
        return shown
    users = [{"id": one.id, "name": one.document.get("persona_name")} for one in _users(call, stored.id)]
    return shown | {"guardrail_type": "user", "persona_refs": users}


def _users(call: Call, ident: str) -> Iterator[Stored]:
    """The personas that name a guardrail."""
    for persona in list(call.world.store.every(call.account, "personas")):
        if ident in (persona.document.get("guardrail_ids") or []):
            yield persona


def _checked(body: Object) -> Object:
    for name in ("guardrail_name", "guardrail_prompt"):
        if not body.get(name):
            message = f"{name} is required"
            raise refuse_message(message)
    wrong = diagnostics(FIELDS, body)
    if wrong:
        raise refuse_fields(wrong)
    return {name: by_length(value) for name, value in body.items()}


def create(call: Call) -> Response:
    """POST /v2/guardrails: a body with a guardrail_name makes one guardrail, any other a set."""
    body = read_object(call)
    if "guardrail_name" not in body:
        return _of_sets("POST", "/v2/guardrails")(call)
    blame_mask(call, body)
    document = _checked(body)
    patching.keep(call.world.behaviors.values, {}, document)
    now = call.world.clock.now()
    stored = Stored(call.account, KIND, RESOURCE.new_id(call.world), now, document | {"created_at": spaced(now)})
    call.commit(stored, "create")
    return answer(opened(call.world, stored))


def _of_sets(method: str, path: str) -> Handler:
    """The handler that sets have."""
    return next(route.handler for route in _SETS.routes if (route.method, route.path) == (method, path))


def _by_id(method: str, handler: Callable[[Call, Stored], Response]) -> Handler:
    """The handler of a call for one guardrail, or for a set: whichever has the id."""

    def handle(call: Call) -> Response:
        stored = call.world.store.get(call.account, KIND, call.id)
        if stored is None:
            return _of_sets(method, "/v2/guardrails/*")(call)
        call.show(stored)
        return handler(call, stored)

    return handle


def _get(call: Call, stored: Stored) -> Response:
    return answer(_shown(call, stored))


def _patch(call: Call, stored: Stored) -> Response:
    """JSON Patch on the read, which has no `tool_call` when that is empty."""
    world = call.world
    before = opened(world, stored)
    try:
        operations = call.request.json()
        blame_mask(call, operations)
        after = patching.apply(before, operations, ignore_test=world.behaviors["ignore_test"])
    except (Malformed, patching.Unpatchable) as error:
        raise refuse(sets.INVALID_PATCH) from error
    document = _checked({name: one for name, one in respelled(world.behaviors, after).items() if name not in READ_ONLY})
    patching.keep(world.behaviors.values, before, document)
    changed = stored.with_document(document | {"created_at": stored.document["created_at"]})
    if opened(world, changed) == before:
        return unchanged(world, "No changes were made")
    call.commit(changed, "update")
    return answer({"message": sets.GUARDRAILS.updated})


def _delete(call: Call, stored: Stored) -> Response:
    """References are cleared."""
    call.delete(stored)
    for persona in _users(call, stored.id):
        left = [one for one in persona.document["guardrail_ids"] if one != stored.id]
        call.commit(persona.with_document(persona.document | {"guardrail_ids": left}), "update")
    return empty(204)


def list_guardrails(call: Call) -> Response:
    """GET /v2/guardrails: single ones from page 0 with legacy=false, sets from page 1 with legacy=true."""
    usual = "true" if call.world.behaviors["legacy"] else "false"
    if call.request.query.get("legacy", usual).lower() != "false":
        return _of_sets("GET", "/v2/guardrails")(call)
    data, total = list_all(
        call, RESOURCE, lambda one: _shown(call, one), base=0, keep=_filter(call), newest_first=newest_first(call)
    )
    return listing(call, data, total, page=page_of(call, 0), limit=limit_of(call))


def _filter(call: Call) -> Callable[[Stored], bool] | None:
    query = call.request.query
    wanted, tags = query.get("name_or_uuid", "").lower(), {tag for tag in query.get("tags", "").split(",") if tag}
    system = query.get("type") == "system"
    if not (wanted or tags or system):
        return None

    def keep(stored: Stored) -> bool:
        document = stored.document
        return (
            not system
            and (not wanted or stored.id == wanted or wanted in document["guardrail_name"].lower())
            and (not tags or bool(tags.intersection(document.get("tags") or [])))
        )

    return keep


def list_tags(call: Call) -> Response:
    """GET /v2/guardrails/tags."""
    rows = call.world.store.every(call.account, KIND)
    tags = sorted({tag for row in rows for tag in row.document.get("tags") or []})
    return answer({"tags": tags, "total_count": len(tags)})


def sown(_world: World, given: Object, now: float) -> tuple[Object, Object]:
    """A guardrail from a seed; nothing is checked."""
    document = {"guardrail_name": "Guardrail", "guardrail_prompt": "Be kind."}
    document |= {name: value for name, value in given.items() if name in FIELDS}
    return document | {"created_at": given.get("created_at", spaced(now))}, {}


RESOURCE = Resource(
    name=KIND,
    singular="single_guardrail",
    id_key="uuid",
    prefix="g",
    digits=12,
    missing=Missing(404, "error", "Guardrails not found"),
    view=opened,
    opened=opened,
    sown=sown,
    routes=(
        Route("GET", "/v2/guardrails", list_guardrails, "today"),
        Route("POST", "/v2/guardrails", create, "today"),
        Route("GET", "/v2/guardrails/tags", list_tags, "today"),
        Route("GET", "/v2/guardrails/*", _by_id("GET", _get), "today"),
        Route("PATCH", "/v2/guardrails/*", _by_id("PATCH", _patch), "today"),
        Route("DELETE", "/v2/guardrails/*", _by_id("DELETE", _delete), "today"),
    ),
)
