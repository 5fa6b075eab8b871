"""Pronunciation dictionaries: /v2/pronunciation-dictionaries.

A change is in force at once for every persona that refers to the dictionary.
"""

from __future__ import annotations

from tavusctl.emulator.account.clock import in_seconds
from tavusctl.emulator.account.store import StoredObject
from tavusctl.emulator.account.world import Call, World
from tavusctl.emulator.bodies import patching
from tavusctl.emulator.bodies.fields import (
    Field,
    Fields,
    diagnostics,
    fill,
    flag,
    length,
    list_of,
    missing,
    nested,
    one_of,
)
from tavusctl.emulator.bodies.paging import list_page, newest_first, page_response
from tavusctl.emulator.bodies.reading import layer_of, patched_read, read_object, refuse_plain_object, unchanged
from tavusctl.emulator.http.messages import Json, Object, Refusal, Response, answer, empty, refuse, refuse_message
from tavusctl.emulator.resources.resource import Missing, Resource

KIND = "dictionaries"
ID = "pronunciation_dictionary_id"
RULE: Fields = {
    "text": Field(length(1, 200)),
    "pronunciation": Field(length(1, 500)),
    "type": Field(one_of("alias", "ipa")),
    "alphabet": Field(one_of("ipa"), nullable=True),
    "case_sensitive": Field(flag, default=False),
    "word_boundaries": Field(flag, default=True),
}


def _check_rule(value: Json) -> Json:
    return nested(RULE)(value) or missing(value, ["text", "pronunciation", "type"]) or None


FIELDS: Fields = {"name": Field(length(1, 255)), "rules": Field(list_of(_check_rule, 10_000), [])}
READ_ONLY = (ID, "rules_count", "created_at", "updated_at")


def read_with_secrets(_world: World, stored: StoredObject) -> Object:
    """The dictionary as a read shows it, with its rules."""
    document = stored.document
    rules = [fill(RULE, rule, newer=True) for rule in document["rules"]]
    times = {name: document[name] for name in ("created_at", "updated_at")}
    return {ID: stored.id, "name": document["name"], "rules": rules, "rules_count": len(rules), **times}


def _list_item(world: World, stored: StoredObject) -> Object:
    return {name: value for name, value in read_with_secrets(world, stored).items() if name != "rules"}


def _invalid_patch() -> Refusal:
    return refuse_message("Invalid JSON patch format", 422)


def _checked_document(body: Object) -> Object:
    problems = missing(body, ["name"]) | diagnostics(FIELDS, body)
    if problems:
        raise refuse_message(f"Bad Request. {problems}", 422)
    rule_texts = [rule["text"] for rule in body.get("rules", [])]
    if len(rule_texts) != len(set(rule_texts)):
        raise refuse("Bad Request. Duplicate 'text' in rules")
    return {"name": body["name"], "rules": body.get("rules", [])}


def create(call: Call) -> Response:
    """POST /v2/pronunciation-dictionaries: answers 201 and the dictionary."""
    document = _checked_document(read_object(call))
    patching.apply_write_behaviors(call.world.behaviors.values, {}, document)
    now = call.world.clock.now()
    document |= {"created_at": in_seconds(now), "updated_at": in_seconds(now)}
    return answer(read_with_secrets(call.world, RESOURCE.add(call, document)), 201)


def patch(call: Call) -> Response:
    """PATCH /v2/pronunciation-dictionaries/ID: a JSON Patch of name and rules; answers the dictionary."""
    world, stored = call.world, RESOURCE.find(call)
    before = read_with_secrets(world, stored)
    after = patched_read(call, before, _invalid_patch(), refuse_plain_object)
    if {name: after.get(name) for name in READ_ONLY} != {name: before.get(name) for name in READ_ONLY}:
        raise _invalid_patch()
    document = _checked_document({name: value for name, value in after.items() if name not in READ_ONLY})
    changed = RESOURCE.commit_patch(call, stored, document, in_seconds)
    return answer(read_with_secrets(world, changed)) if changed else unchanged(world, "No changes were made")


def delete(call: Call) -> Response:
    """DELETE /v2/pronunciation-dictionaries/ID: clears the references of personas to it."""
    stored = RESOURCE.find(call)
    call.delete(stored)

    def without_dictionary(persona: Object) -> Object:
        tts = layer_of(persona, "tts")
        return {"layers": persona["layers"] | {"tts": tts | {ID: None}}} if tts.get(ID) == stored.id else {}

    call.change_personas(without_dictionary)
    return empty(204)


def list_dictionaries(call: Call) -> Response:
    """GET /v2/pronunciation-dictionaries: from page 0, newest first, without rules."""
    order = newest_first(call, default=True)
    page = list_page(call, RESOURCE, lambda stored: _list_item(call.world, stored), base=0, newest_first=order)
    return page_response(call, page)


def from_seed(_world: World, body: Object, now: float) -> Object:
    """A dictionary in a seed; it is not validated."""
    document = {"name": body.get("name", "Dictionary"), "rules": body.get("rules", [])}
    return document | {name: body.get(name, in_seconds(now)) for name in ("created_at", "updated_at")}


RESOURCE = Resource(
    name=KIND,
    singular="dictionary",
    id_key=ID,
    prefix="pd_",
    max_page_size=100,
    missing=Missing(404, "error", "Pronunciation dictionary not found"),
    read_with_secrets=read_with_secrets,
    from_seed=from_seed,
    paths={"/v2/pronunciation-dictionaries": "today"},
    list=list_dictionaries,
    create=create,
    patch=patch,
    delete=delete,
)
