"""Guardrail sets and objective sets: /v2/guardrails and /v2/objectives, one shape in two vocabularies."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tavusctl.emulator import patching
from tavusctl.emulator.bodies import blame_mask, read_object, unchanged
from tavusctl.emulator.clock import in_seconds, later
from tavusctl.emulator.fields import (
    NOT_LIST,
    NOT_MAPPING,
    Field,
    Fields,
    by_length,
    choice,
    complaints,
    fill,
    text,
    text_mapping,
    texts,
)
from tavusctl.emulator.messages import (
    Json,
    Malformed,
    Object,
    Response,
    answer,
    empty,
    refuse,
    refuse_fields,
    refuse_message,
)
from tavusctl.emulator.naming import respelled
from tavusctl.emulator.paging import list_all, listing
from tavusctl.emulator.resource import Missing, Resource, Route
from tavusctl.emulator.store import Stored
from tavusctl.emulator.world import Call, World

SET: Fields = {"name": Field(text, None, nullable=True), "data": Field(lambda _: None)}
READ_ONLY = ("uuid", "guardrails_id", "objectives_id", "owner_id", "created_at", "updated_at", "is_deleted")
INVALID_PATCH = "Invalid patch operation"


@dataclass(frozen=True, slots=True)
class SetKind:
    """The vocabulary of one kind of set."""

    kind: str
    singular: str  # guardrail
    id_key: str
    created_name: str  # the key in which a creation answers the name
    default_name: str | None
    prefix: str
    not_found: str
    updated: str
    items: Fields
    names: re.Pattern[str]
    names_are: str
    inside: bool  # reads show owner_id and is_deleted

    def checked(self, body: Object) -> Object:
        """Name and items as they are to be stored, or a refusal."""
        wrong = complaints(SET, body)
        if wrong:
            raise refuse_fields(wrong)
        if "data" not in body:
            message = "data is required"
            raise refuse_message(message)
        data = body["data"]
        if not isinstance(data, list):
            raise refuse_fields({"data": [NOT_LIST]})
        for index, item in enumerate(data):
            self._check_item(index, item)
        return {"name": body.get("name"), "data": [by_length_inside(item) for item in data]}

    def _check_item(self, index: int, item: Json) -> None:
        if not isinstance(item, dict):
            raise refuse_fields({"data": {index: [NOT_MAPPING]}})
        for part in ("name", "prompt"):
            key = f"{self.singular}_{part}"
            if item.get(key) is None or item[key] == "":
                message = f"{key} is required"
                raise refuse_message(message)
        wrong = complaints(self.items, item)
        if wrong:
            raise refuse_fields({"data": {index: wrong}})
        if not self.names.fullmatch(item[f"{self.singular}_name"]):
            message = f"{self.singular}_name {self.names_are}"
            raise refuse_message(message)

    def opened(self, world: World, stored: Stored) -> Object:
        """What a read shows; sets have no secrets."""
        newer = bool(world.switches["newer_fields"])
        document = stored.document
        shown = {
            self.id_key if world.switches["set_id_key"] == "documented" else "uuid": stored.id,
            "owner_id": 1,
            "name": document["name"],
            "data": [fill(self.items, item, newer=newer) for item in document["data"]],
            "created_at": document["created_at"],
            "updated_at": document["updated_at"],
            "is_deleted": False,
        }
        if not self.inside:
            del shown["owner_id"], shown["is_deleted"]
        return shown

    def listed(self, world: World, stored: Stored) -> Object:
        """What a list shows."""
        if world.switches["sets_list_documented"]:
            times = {key: stored.document[key] for key in ("created_at", "updated_at")}
            return {self.id_key: stored.id, **times}
        return self.opened(world, stored)

    def sown(self, _world: World, given: Object, now: float) -> tuple[Object, Object]:
        """A set from a seed; nothing is checked."""
        return {
            "name": given.get("name", self.default_name),
            "data": given.get("data", []),
            "created_at": given.get("created_at", in_seconds(now)),
            "updated_at": given.get("updated_at", in_seconds(now)),
        }, {}


def by_length_inside(item: Object) -> Object:
    """An item whose free-form values have the order in which they are kept."""
    return {key: by_length(value) for key, value in item.items()}


def _create(kind: SetKind, resource: Callable[[], Resource], call: Call) -> Response:
    body = read_object(call)
    blame_mask(call, body)
    document = kind.checked(body)
    patching.keep(call.world.switches.values, {}, document)
    if document.get("name") is None:
        document["name"] = kind.default_name
    now = call.world.clock.now()
    document |= {"created_at": in_seconds(now), "updated_at": in_seconds(now)}
    stored = Stored(call.account, kind.kind, resource().new_id(call.world), now, document)
    call.commit(stored, "create")
    if call.world.switches["set_create_full"]:
        return answer(kind.opened(call.world, stored))
    shown = {kind.id_key: stored.id, kind.created_name: document["name"], "status": "active"}
    return answer({**shown, "created_at": document["created_at"]})


def _found(kind: SetKind, resource: Callable[[], Resource], call: Call) -> Stored:
    malformed = not re.fullmatch(f"{kind.prefix}[0-9a-z]+", call.id)
    if malformed and call.world.switches["not_found"] == "documented":
        text = f"Invalid {kind.id_key}"
        raise refuse(text)
    return resource().find(call)


def _patch(kind: SetKind, stored: Stored, call: Call) -> Response:
    world = call.world
    before = kind.opened(world, stored)
    try:
        operations = call.request.json()
        blame_mask(call, operations)
        after = patching.apply(before, operations, ignore_test=world.switches["ignore_test"])
    except (Malformed, patching.Unpatchable) as error:
        raise refuse(INVALID_PATCH) from error
    after = respelled(world.switches, after)
    document = kind.checked({name: value for name, value in after.items() if name not in READ_ONLY})
    patching.keep(world.switches.values, before, document)
    times = {"created_at": before["created_at"], "updated_at": before["updated_at"]}
    if kind.opened(world, stored.with_document(document | times)) == before:
        return unchanged(world, "No changes were made")
    times["updated_at"] = in_seconds(later(world.clock, before["updated_at"], 0))
    call.commit(stored.with_document(document | times), "update")
    return answer({"message": kind.updated})


def _clear_references(kind: SetKind, call: Call) -> None:
    for persona in list(call.world.store.every(call.account, "personas")):
        if persona.document.get(kind.id_key) == call.id:
            call.commit(persona.with_document(persona.document | {kind.id_key: None}), "update")


def resource_of(kind: SetKind) -> Resource:
    """The resource with this vocabulary."""

    def self() -> Resource:
        return resource

    def create(call: Call) -> Response:
        return _create(kind, self, call)

    def get(call: Call) -> Response:
        shown = kind.opened(call.world, _found(kind, self, call))
        return answer({"data": [shown]} if call.world.switches["wrapped_get"] else shown)

    def patch(call: Call) -> Response:
        return _patch(kind, _found(kind, self, call), call)

    def delete(call: Call) -> Response:
        call.delete(_found(kind, self, call))
        if call.world.switches["delete_clears"]:
            _clear_references(kind, call)
        return empty(204)

    def list_sets(call: Call) -> Response:
        data, total = list_all(call, resource, lambda stored: kind.listed(call.world, stored))
        return listing(call, data, total)

    path = f"/v2/{kind.kind}"
    resource = Resource(
        name=kind.kind,
        singular=kind.kind.removesuffix("s"),
        id_key=kind.id_key,
        prefix=kind.prefix,
        digits=12,
        missing=Missing(404, "error", kind.not_found),
        view=kind.opened,
        opened=kind.opened,
        sown=kind.sown,
        routes=(
            Route("GET", path, list_sets),
            Route("POST", path, create),
            Route("GET", f"{path}/*", get),
            Route("PATCH", f"{path}/*", patch),
            Route("DELETE", f"{path}/*", delete),
        ),
    )
    return resource


MODALITY = Field(choice("verbal", "visual"), "verbal")
CALLBACK = Field(text, "", nullable=True)
GUARDRAILS = SetKind(
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
    names=re.compile("[A-Za-z0-9_]+"),
    names_are="must contain only letters, numbers and underscores",
    inside=True,
)
OBJECTIVES = SetKind(
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
        "confirmation_mode": Field(choice("auto", "manual"), "auto"),
        "output_variables": Field(texts, [], nullable=True),
        "modality": MODALITY,
        "next_conditional_objectives": Field(text_mapping, {}, nullable=True),
        "next_required_objectives": Field(texts, nullable=True),
        "next_required_objective": Field(text, None, nullable=True, newer=True),
        "callback_url": CALLBACK,
    },
    names=re.compile(r"\S+"),
    names_are="must not contain spaces",
    inside=False,
)
