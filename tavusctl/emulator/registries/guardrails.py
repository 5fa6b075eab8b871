"""Single guardrails, on the same paths as the older guardrail sets: /v2/guardrails."""

from __future__ import annotations

from collections.abc import Callable

from tavusctl.emulator.account.clock import space_separated
from tavusctl.emulator.account.store import StoredObject
from tavusctl.emulator.account.world import Call, World
from tavusctl.emulator.bodies import patching
from tavusctl.emulator.bodies.fields import (
    NOT_TEXT,
    Field,
    Fields,
    by_length_inside,
    diagnostics,
    fill,
    flag,
    length,
    list_of,
    mapping,
    matching,
    one_of,
)
from tavusctl.emulator.bodies.paging import all_of, list_page, newest_first, page_response
from tavusctl.emulator.bodies.reading import (
    comma_separated,
    contains,
    ids_in,
    patched_read,
    read_object,
    texts_in,
    unchanged,
)
from tavusctl.emulator.http.messages import Object, Response, answer, check_fields, empty, refuse_message
from tavusctl.emulator.resources import sets
from tavusctl.emulator.resources.resource import Handler, Missing, Resource, Route

KIND = "single_guardrails"
FIELDS: Fields = {
    "guardrail_name": Field(length(1, 100)),
    "guardrail_prompt": Field(length(1, 1_000_000)),
    "modality": Field(one_of("verbal", "visual", "audio"), "verbal"),
    "callback_url": Field(length(0, 2048), ""),
    "app_message": Field(flag, default=True),
    "tags": Field(list_of(matching(r"[A-Za-z0-9_\- ]{1,64}", NOT_TEXT), 32), []),
    "tool_call": Field(mapping, nullable=True),
}
READ_ONLY = ("uuid", "owner_id", "created_at", "updated_at", "is_deleted", "guardrail_type", "persona_refs")
_SETS = sets.resource_of(sets.GUARDRAILS)


def read_with_secrets(_world: World, stored: StoredObject) -> Object:
    """The guardrail as a read shows it, without `tool_call` if that is empty."""
    document = stored.document
    shown = {
        "uuid": stored.id,
        **fill(FIELDS, {name: document[name] for name in FIELDS if name in document}, newer=True),
    }
    if not shown.get("tool_call"):
        shown.pop("tool_call", None)
    return shown | {"created_at": document["created_at"]}


def _view(call: Call, stored: StoredObject) -> Object:
    document = read_with_secrets(call.world, stored)
    if not call.has_flag("verbose"):
        return document
    personas = [
        {"id": persona.id, "name": persona.document.get("persona_name")}
        for persona in call.world.store.live_objects(call.account, "personas")
        if stored.id in ids_in(persona.document, "guardrail_ids")
    ]
    return document | {"guardrail_type": "user", "persona_refs": personas}


def _checked_document(body: Object) -> Object:
    for name in ("guardrail_name", "guardrail_prompt"):
        if not body.get(name):
            raise refuse_message(f"{name} is required")
    check_fields(diagnostics(FIELDS, body))
    return by_length_inside(body)


def create(call: Call) -> Response:
    """POST /v2/guardrails: a body with a guardrail_name creates one guardrail, any other body a set."""
    body = read_object(call)
    if "guardrail_name" not in body:
        return _SETS.create(call)
    document = _checked_document(body)
    patching.apply_write_behaviors(call.world.behaviors.values, {}, document)
    document |= {"created_at": space_separated(call.world.clock.now())}
    return answer(read_with_secrets(call.world, RESOURCE.add(call, document)))


def _by_id(of_sets: Handler | None, handler: Callable[[Call, StoredObject], Response]) -> Handler:
    """A handler of calls with an id: `handler` answers for a guardrail, `of_sets` for any other id."""
    assert of_sets is not None  # noqa: S101 - for the type checker: sets have a handler of their own for each call

    def handle(call: Call) -> Response:
        stored = call.world.store.get(call.account, KIND, call.id)
        if stored is None:
            return of_sets(call)
        call.record_shown(stored)
        return handler(call, stored)

    return handle


def _patch(call: Call, stored: StoredObject) -> Response:
    """Apply a JSON Patch to what a read shows, which has no `tool_call` if that is empty."""
    after = patched_read(call, read_with_secrets(call.world, stored), sets.invalid_patch())
    document = _checked_document({name: value for name, value in after.items() if name not in READ_ONLY})
    changed = RESOURCE.commit_patch(call, stored, document, space_separated)
    return answer({"message": sets.GUARDRAILS.updated}) if changed else unchanged(call.world, "No changes were made")


def _delete(call: Call, stored: StoredObject) -> Response:
    """Delete a guardrail, and clear the references of personas to it."""
    call.delete(stored)
    call.detach_from_personas("guardrail_ids", stored.id)
    return empty(204)


def list_guardrails(call: Call) -> Response:
    """GET /v2/guardrails: single guardrails from page 0 with legacy=false, sets from page 1 with legacy=true."""
    default = "true" if call.world.behaviors["legacy"] else "false"
    if call.request.query.get("legacy", default).lower() != "false":
        return _SETS.list(call)
    page = list_page(
        call, RESOURCE, lambda stored: _view(call, stored), base=0, keep=_filter(call), newest_first=newest_first(call)
    )
    return page_response(call, page)


def _filter(call: Call) -> Callable[[StoredObject], bool] | None:
    query = call.request.query
    name_or_id, tags = query.get("name_or_uuid", "").lower(), comma_separated(query.get("tags"))
    return all_of(
        (query.get("type") == "system", lambda _: False),
        (name_or_id, lambda one: one.id == name_or_id or contains(one.document["guardrail_name"], name_or_id)),
        (tags, lambda one: not tags.isdisjoint(texts_in(one.document.get("tags")))),
    )


def list_tags(call: Call) -> Response:
    """GET /v2/guardrails/tags."""
    rows = call.world.store.live_objects(call.account, KIND)
    tags = sorted({tag for row in rows for tag in texts_in(row.document.get("tags"))})
    return answer({"tags": tags, "total_count": len(tags)})


def from_seed(_world: World, body: Object, now: float) -> Object:
    """A guardrail in a seed; it is not validated."""
    document = {"guardrail_name": "Guardrail", "guardrail_prompt": "Be kind."}
    document |= {name: value for name, value in body.items() if name in FIELDS}
    return document | {"created_at": body.get("created_at", space_separated(now))}


RESOURCE = Resource(
    name=KIND,
    singular="single_guardrail",
    id_key="uuid",
    prefix="g",
    missing=Missing(404, "error", "Guardrails not found"),
    read_with_secrets=read_with_secrets,
    from_seed=from_seed,
    paths={"/v2/guardrails": "today"},
    list=list_guardrails,
    create=create,
    get=_by_id(_SETS.get, lambda call, stored: answer(_view(call, stored))),
    patch=_by_id(_SETS.patch, _patch),
    delete=_by_id(_SETS.delete, _delete),
    more_routes=(Route("GET", "/v2/guardrails/tags", list_tags, "today"),),
)
