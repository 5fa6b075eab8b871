"""Guardrail sets and objective sets: /v2/guardrails and /v2/objectives, each declared by a SetKind."""

from __future__ import annotations

import copy
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tavusctl.emulator.account.clock import in_seconds, space_separated
from tavusctl.emulator.account.store import StoredObject
from tavusctl.emulator.account.world import Call, World
from tavusctl.emulator.bodies import graph, patching
from tavusctl.emulator.bodies.fields import (
    NOT_LIST,
    NOT_MAPPING,
    Field,
    Fields,
    anything,
    by_length_inside,
    diagnostics,
    fill,
    flag,
    length,
    list_of,
    mapping,
    one_of,
    text,
    text_mapping,
    texts,
)
from tavusctl.emulator.bodies.paging import all_of, list_page, newest_first, page_response
from tavusctl.emulator.bodies.reading import (
    contains,
    patched_read,
    read_object,
    unchanged,
)
from tavusctl.emulator.http.messages import (
    Json,
    Object,
    Refusal,
    Response,
    answer,
    check_fields,
    empty,
    refuse,
    refuse_fields,
    refuse_message,
)
from tavusctl.emulator.resources.resource import Missing, Resource, Route

SET: Fields = {"name": Field(text, None, nullable=True), "data": Field(anything)}
READ_ONLY = ("uuid", "guardrails_id", "objectives_id", "owner_id", "created_at", "updated_at", "is_deleted")


@dataclass(frozen=True, slots=True)
class SetKind:
    """The names, fields and messages of one kind of set."""

    kind: str
    singular: str  # such as guardrail
    id_key: str
    created_name: str  # the key in which a creation answers the name
    default_name: str | None
    prefix: str
    not_found: str
    updated: str  # the message of a patch that changed something
    items: Fields
    name_pattern: re.Pattern[str]  # what the name of an item must match
    name_rule: str  # the same in words, for the refusal
    shows_internal_fields: bool  # reads show owner_id and is_deleted
    today: SetKind | None = None  # the kind in the era `today`, if it differs there
    fields: Fields = field(default_factory=lambda: SET)

    def for_era(self, world: World) -> SetKind:
        """The kind as the era that is served has it."""
        return self.today if self.today is not None and world.is_today else self

    def validated(self, world: World, body: Object) -> Object:
        """The validated set as it is to be stored, or a refusal; a new item gets an id, if items have ids."""
        era, given = self.for_era(world), list[Json]()
        if world.behaviors["set_item_uuids"] and isinstance(body.get("data"), list):
            given = body["data"]
            body = body | {"data": [_without_uuid(item) for item in given]}
        check_fields(diagnostics(era.fields, body))
        if "data" not in body:
            raise refuse_message("data is required")
        data = body["data"]
        if not isinstance(data, list):
            raise refuse_fields({"data": [NOT_LIST]})
        for index, item in enumerate(data):
            era.check_item(index, item, unknown=world.behaviors["set_items_unknown"] == "reject")
        extra = {name: body[name] for name in era.fields if name not in SET and name in body}
        if "allow_loops" in era.fields:
            graph.check(data, loops=bool(extra.get("allow_loops")))
        items = [by_length_inside(item) for item in data]
        for item, former in zip(items, given, strict=False):
            item["uuid"] = former.get("uuid") or str(uuid.uuid4())
        return {"name": body.get("name"), "data": items, **extra}

    def check_item(self, index: int, item: Json, *, unknown: bool) -> None:
        """Refuse an invalid item; unknown members are refused if `unknown`, else stored."""
        if not isinstance(item, dict):
            raise refuse_fields({"data": {index: [NOT_MAPPING]}})
        for part in ("name", "prompt"):
            key = f"{self.singular}_{part}"
            if item.get(key) is None or item[key] == "":
                raise refuse_message(f"{key} is required")
        problems = diagnostics(self.items, item, unknown=unknown)
        if problems:
            raise refuse_fields({"data": {index: problems}})
        if not self.name_pattern.fullmatch(item[f"{self.singular}_name"]):
            raise refuse_message(f"{self.singular}_name {self.name_rule}")

    def read_with_secrets(self, world: World, stored: StoredObject) -> Object:
        """What a read shows; sets have no secrets."""
        era, document = self.for_era(world), stored.document
        shown = {
            self.id_key if world.behaviors["set_id_key"] == "documented" else "uuid": stored.id,
            "owner_id": 1,
            "name": document["name"],
            **{name: document.get(name, False) for name in era.fields if name not in SET},
            "data": [era.shown_item(world, item) for item in document["data"]],
            "created_at": document["created_at"],
            "updated_at": document["updated_at"],
            "is_deleted": False,
        }
        if not era.shows_internal_fields:
            del shown["owner_id"], shown["is_deleted"]
        return shown

    def shown_item(self, world: World, item: Object) -> Object:
        """An item with every field; in the era `today`, a field that is null shows as empty."""
        shown = fill(self.items, item, newer=bool(world.behaviors["newer_fields"]))
        if "app_message" in self.items and not world.behaviors["set_app_message"]:
            shown.pop("app_message")
        if not world.is_today:
            return shown
        empty_ones = {"next_conditional_objectives": {}, "next_required_objective": "", "callback_url": ""}
        return {key: copy.copy(empty_ones.get(key)) if value is None else value for key, value in shown.items()}

    def list_item(self, world: World, stored: StoredObject) -> Object:
        """The set as a list shows it."""
        if world.behaviors["sets_list_documented"]:
            times = {key: stored.document[key] for key in ("created_at", "updated_at")}
            return {self.id_key: stored.id, **times}
        return self.read_with_secrets(world, stored)

    def from_seed(self, world: World, body: Object, now: float) -> Object:
        """A set in a seed; it is not validated."""
        return {
            "name": body.get("name", self.default_name),
            "data": body.get("data", []),
            **({"allow_loops": body["allow_loops"]} if "allow_loops" in body else {}),
            "created_at": body.get("created_at", format_time(world, now)),
            "updated_at": body.get("updated_at", format_time(world, now)),
        }


def format_time(world: World, now: float) -> str:
    """A time in the format that sets have in the era."""
    return space_separated(now) if world.is_today else in_seconds(now)


def _without_uuid(item: Json) -> Json:
    return {name: value for name, value in item.items() if name != "uuid"} if isinstance(item, dict) else item


def _create(kind: SetKind, resource: Resource, call: Call) -> Response:
    body = read_object(call)
    document = kind.validated(call.world, body)
    patching.apply_write_behaviors(call.world.behaviors.values, {}, document)
    if document.get("name") is None:
        document["name"] = kind.default_name
    now = call.world.clock.now()
    document |= {"created_at": format_time(call.world, now), "updated_at": format_time(call.world, now)}
    stored = resource.add(call, document)
    if call.world.behaviors["set_create_full"]:
        return answer(kind.read_with_secrets(call.world, stored))
    shown = {kind.id_key: stored.id, kind.for_era(call.world).created_name: document["name"], "status": "active"}
    return answer({**shown, "created_at": document["created_at"]})


def _find(kind: SetKind, resource: Resource, call: Call) -> StoredObject:
    malformed = not re.fullmatch(f"{kind.prefix}[0-9a-z]+", call.id)
    if malformed and call.world.behaviors["not_found"] == "documented":
        raise refuse(f"Invalid {kind.id_key}")
    return resource.find(call)


def invalid_patch() -> Refusal:
    """The refusal of a patch that cannot be applied."""
    return refuse("Invalid patch operation")


def _patch(kind: SetKind, resource: Resource, call: Call) -> Response:
    world, stored = call.world, _find(kind, resource, call)
    after = patched_read(call, kind.read_with_secrets(world, stored), invalid_patch())
    document = kind.validated(world, {name: value for name, value in after.items() if name not in READ_ONLY})
    changed = resource.commit_patch(call, stored, document, lambda moment: format_time(world, moment))
    return answer({"message": kind.updated}) if changed else unchanged(world, "No changes were made")


def _filter(call: Call) -> Callable[[StoredObject], bool] | None:
    """The filter of the lists of `today`: by id or a part of the name; `type=system` matches none.  None: no filter."""
    query = call.request.query
    name_or_id = query.get("name_or_uuid", "").lower()
    return all_of(
        (query.get("type") == "system", lambda _: False),
        (name_or_id, lambda one: one.id == name_or_id or contains(one.document["name"], name_or_id)),
    )


def _get(kind: SetKind, resource: Resource, call: Call) -> Response:
    shown = kind.read_with_secrets(call.world, _find(kind, resource, call))
    return answer({"data": [shown]} if call.world.behaviors["wrapped_get"] else shown)


def _delete(kind: SetKind, resource: Resource, call: Call) -> Response:
    call.delete(_find(kind, resource, call))
    if call.world.is_today:
        call.change_personas(lambda persona: {kind.id_key: None} if persona.get(kind.id_key) == call.id else {})
    return empty(204)


def _list(kind: SetKind, resource: Resource, call: Call) -> Response:
    today = call.world.is_today
    page = list_page(
        call,
        resource,
        lambda stored: kind.list_item(call.world, stored),
        keep=_filter(call) if today else None,
        newest_first=newest_first(call) if today else None,
    )
    return page_response(call, page)


def _validate(kind: SetKind, call: Call) -> Response:
    kind.validated(call.world, read_object(call))
    return answer({"valid": True})


def resource_of(kind: SetKind) -> Resource:
    """The resource of a kind of set."""
    path = f"/v2/{kind.kind}"
    resource = Resource(
        name=kind.kind,
        singular=kind.kind.removesuffix("s"),
        id_key=kind.id_key,
        prefix=kind.prefix,
        missing=Missing(404, "error", kind.not_found),
        read_with_secrets=kind.read_with_secrets,
        from_seed=kind.from_seed,
        paths={path: ""},
        list=lambda call: _list(kind, resource, call),
        create=lambda call: _create(kind, resource, call),
        get=lambda call: _get(kind, resource, call),
        patch=lambda call: _patch(kind, resource, call),
        delete=lambda call: _delete(kind, resource, call),
        more_routes=[Route("POST", f"{path}/validate", lambda call: _validate(kind, call), "today")]
        if kind is OBJECTIVES
        else [],
    )
    return resource


MODALITY = Field(one_of("verbal", "visual"), "verbal")
MODALITY_TODAY = Field(one_of("verbal", "visual", "audio"), "verbal")
CALLBACK = Field(text, "", nullable=True)
_GUARDRAILS = SetKind(
    kind="guardrails",
    singular="guardrail",
    id_key="guardrails_id",
    created_name="guardrails_name",
    default_name=None,
    prefix="g",
    not_found="Guardrails not found",
    updated="Guardrails updated successfully",
    items={
        "guardrail_name": Field(text),
        "guardrail_prompt": Field(text),
        "modality": MODALITY,
        "callback_url": CALLBACK,
    },
    name_pattern=re.compile("[A-Za-z0-9_]+"),
    name_rule="must contain only letters, numbers and underscores",
    shows_internal_fields=True,
)
GUARDRAILS = replace(
    _GUARDRAILS,
    today=replace(
        _GUARDRAILS,
        fields={**SET, "data": Field(lambda data: None if data else ["Shorter than minimum length 1."])},
        items={**_GUARDRAILS.items, "modality": MODALITY_TODAY, "app_message": Field(flag, default=True)},
    ),
)
_OBJECTIVES = SetKind(
    kind="objectives",
    singular="objective",
    id_key="objectives_id",
    created_name="objective_name",
    default_name="New Objectives",
    prefix="o",
    not_found="Objective not found",
    updated="Objective updated successfully",
    items={
        "objective_name": Field(text),
        "objective_prompt": Field(text),
        "confirmation_mode": Field(one_of("auto", "manual"), "auto"),
        "output_variables": Field(texts, [], nullable=True),
        "modality": MODALITY,
        "next_conditional_objectives": Field(text_mapping, {}, nullable=True),
        "next_required_objectives": Field(texts, nullable=True),
        "next_required_objective": Field(text, None, nullable=True, newer=True),
        "callback_url": CALLBACK,
    },
    name_pattern=re.compile(r"\S+"),
    name_rule="must not contain spaces",
    shows_internal_fields=False,
)
_ITEMS_TODAY: Fields = {
    "objective_name": Field(length(1, 100)),
    "objective_prompt": Field(length(1, 10_000)),
    "confirmation_mode": Field(one_of("auto", "manual"), "auto"),
    "output_variables": Field(list_of(text, 50), [], nullable=True),
    "modality": MODALITY_TODAY,
    "next_conditional_objectives": Field(text_mapping, {}, nullable=True),
    "next_required_objective": Field(text, "", nullable=True),
    "callback_url": Field(length(0, 2048), "", nullable=True),
    "tool_call": Field(mapping, nullable=True),
}
OBJECTIVES = replace(
    _OBJECTIVES,
    today=replace(
        _OBJECTIVES,
        created_name="objectives_name",
        items=_ITEMS_TODAY,
        name_pattern=re.compile("[A-Za-z0-9_]+"),
        name_rule="must contain only letters, numbers and underscores",
        shows_internal_fields=True,
        fields={
            "name": Field(length(0, 100), None, nullable=True),
            "data": Field(anything),
            "allow_loops": Field(flag, nullable=True),
        },
    ),
)
