"""Skills: what there is (/v2/skills) and what a persona has of it (/v2/pals/ID/skills, a map, not a list)."""

from __future__ import annotations

from tavusctl.emulator.account.clock import in_microseconds, with_offset
from tavusctl.emulator.account.store import Stored
from tavusctl.emulator.account.world import Call
from tavusctl.emulator.bodies.fields import (
    REQUIRED,
    Field,
    Fields,
    choice,
    diagnostics,
    length,
    mapping,
    some,
    text,
)
from tavusctl.emulator.bodies.reading import read_object, unchanged
from tavusctl.emulator.http.messages import Json, Object, Response, answer, empty, refuse, refuse_fields
from tavusctl.emulator.personas.found import found, found_to_change
from tavusctl.emulator.resources.resource import Route, either

COMPONENTS = ("question", "input", "calendar", "scheduling_embed", "text", "image", "video", "chart", "alert")


def _components(value: Json) -> Json:
    """An overlay over the parts of the canvas."""
    if not isinstance(value, dict):
        return mapping(value)
    return {
        name: ["Unknown component."] if name not in COMPONENTS else mapping(one)
        for name, one in value.items()
        if name not in COMPONENTS or mapping(one)
    } or None


SKILLS: dict[str, Fields] = {
    "internet_search": {},
    "memory": {},
    "presentation": {
        "document_ids": Field(some(1000, length(1, 255))),
        "slides_trigger": Field(choice("on_demand", "walk_the_deck")),
        "prompt": Field(text, nullable=True),
    },
    "magic_canvas": {"components": Field(_components), "usage_guidance": Field(text, nullable=True)},
}
DEFAULTS: dict[str, Object] = {"presentation": {"slides_trigger": "on_demand"}}


def _entry(ident: str) -> Object:
    name = ident.replace("_", " ").title()
    return {"skill_id": ident, "name": name, "description": f"{name}.", "config_schema": {"type": "object"}}


def list_registry(_: Call) -> Response:
    """GET /v2/skills."""
    return answer({"data": [_entry(ident) for ident in SKILLS]})


def get_of_registry(call: Call) -> Response:
    """GET /v2/skills/ID."""
    _known(call.id)
    return answer(_entry(call.id))


def _known(ident: str) -> Fields:
    if ident not in SKILLS:
        message = f"Unknown skill '{ident}'"
        raise refuse(message, 404)
    return SKILLS[ident]


def _checked(ident: str, config: Json) -> Object:
    """A config as it is kept: what says no more than the default is left out of the canvas."""
    fields = _known(ident)
    if not isinstance(config, dict):
        raise refuse_fields({"config": mapping(config)})
    wrong = diagnostics(fields, config)
    if ident == "presentation" and not config.get("document_ids"):
        wrong.setdefault("document_ids", [REQUIRED])
    if wrong:
        raise refuse_fields({"config": wrong})
    kept = DEFAULTS.get(ident, {}) | {name: value for name, value in config.items() if value is not None}
    if "components" in kept:
        sparse = {
            name: {k: v for k, v in one.items() if (k, v) != ("enabled", True)}
            for name, one in kept["components"].items()
        }
        kept["components"] = {name: one for name, one in sparse.items() if one}
    return kept


def _has(persona: Stored) -> dict[str, Object]:
    return dict(persona.document.get("skills") or {})


def _attachment(persona: Stored, ident: str) -> Object:
    attached = _has(persona).get(ident)
    if attached is None:
        message = f"Skill '{ident}' is not attached"
        raise refuse(message, 404)
    return {"skill_id": ident, **attached}


def _keep(call: Call, persona: Stored, attached: dict[str, Object]) -> Stored:
    times = {"updated_at": in_microseconds(call.world.clock.now())}
    changed = persona.with_document(persona.document | {"skills": attached} | times)
    call.commit(changed, "update")
    return changed


def _dated(call: Call, config: Object, before: Object | None) -> Object:
    now = with_offset(call.world.clock.now())
    return {"config": config, "updated_at": now, "attached_at": before["attached_at"] if before else now}


def _shown(persona: Stored) -> Response:
    return answer({"data": {ident: {"skill_id": ident, **one} for ident, one in _has(persona).items()}})


def list_skills(call: Call) -> Response:
    """GET /v2/pals/ID/skills."""
    return _shown(found(call))


def replace_all(call: Call) -> Response:
    """PUT /v2/pals/ID/skills: what is not named is detached."""
    persona, body = found_to_change(call), read_object(call)
    wanted = body.get("skills")
    if not isinstance(wanted, dict):
        raise refuse_fields({"skills": [REQUIRED] if wanted is None else mapping(wanted)})
    before = _has(persona)
    after = {}
    for ident, one in wanted.items():
        config = _checked(ident, (one or {}).get("config") or {} if isinstance(one, dict | None) else one)
        old = before.get(ident)
        after[ident] = old if old and old["config"] == config else _dated(call, config, old)
    return _shown(persona if after == before else _keep(call, persona, after))


def get(call: Call) -> Response:
    """GET /v2/pals/ID/skills/SKILL."""
    return answer(_attachment(found(call), call.part))


def put(call: Call) -> Response:
    """PUT /v2/pals/ID/skills/SKILL: attaches, or overwrites the config."""
    persona, body = found_to_change(call), read_object(call)
    config = _checked(call.part, body.get("config") or {})
    before = _has(persona)
    persona = _keep(call, persona, before | {call.part: _dated(call, config, before.get(call.part))})
    return answer(_attachment(persona, call.part))


def patch(call: Call) -> Response:
    """PATCH /v2/pals/ID/skills/SKILL: merges the top level of the config; null takes a key away."""
    persona, body = found_to_change(call), read_object(call)
    _known(call.part)
    attached = _attachment(persona, call.part)
    if not isinstance(body.get("config"), dict):
        raise refuse_fields({"config": [REQUIRED]})
    merged = {name: value for name, value in (attached["config"] | body["config"]).items() if value is not None}
    config = _checked(call.part, merged)
    if config == attached["config"]:
        return unchanged(call.world, "No changes were made")
    before = _has(persona)
    persona = _keep(call, persona, before | {call.part: _dated(call, config, before[call.part])})
    return answer(_attachment(persona, call.part))


def delete(call: Call) -> Response:
    """DELETE /v2/pals/ID/skills/SKILL."""
    persona = found_to_change(call)
    _attachment(persona, call.part)
    _keep(call, persona, {ident: one for ident, one in _has(persona).items() if ident != call.part})
    return empty(204)


ROUTES = (
    Route("GET", "/v2/skills", list_registry, "today"),
    Route("GET", "/v2/skills/*", get_of_registry, "today"),
    *either("GET", "/v2/{}/*/skills", list_skills),
    *either("PUT", "/v2/{}/*/skills", replace_all),
    *either("GET", "/v2/{}/*/skills/*", get),
    *either("PUT", "/v2/{}/*/skills/*", put),
    *either("PATCH", "/v2/{}/*/skills/*", patch),
    *either("DELETE", "/v2/{}/*/skills/*", delete),
)
