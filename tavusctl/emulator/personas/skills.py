"""Skills: the registry (/v2/skills), and those attached to a persona (/v2/pals/ID/skills: a map by id, not a list)."""

from __future__ import annotations

from tavusctl.emulator.account.clock import with_offset
from tavusctl.emulator.account.store import StoredObject
from tavusctl.emulator.account.world import Call
from tavusctl.emulator.bodies.fields import (
    REQUIRED,
    Field,
    Fields,
    diagnostics,
    length,
    list_of,
    mapping,
    of_mapping,
    one_of,
    text,
)
from tavusctl.emulator.bodies.reading import read_object, unchanged
from tavusctl.emulator.http.messages import Json, Object, Response, answer, empty, refuse, refuse_fields
from tavusctl.emulator.personas.drafts import find_persona, find_persona_to_change, store_part
from tavusctl.emulator.resources.resource import Route, persona_and_pal_routes

COMPONENTS = ("question", "input", "calendar", "scheduling_embed", "text", "image", "video", "chart", "alert")


@of_mapping
def _check_components(value: Json) -> Json:
    """Check the settings of the canvas by component, which overlay its defaults."""
    return {
        name: ["Unknown component."] if name not in COMPONENTS else mapping(settings)
        for name, settings in value.items()
        if name not in COMPONENTS or mapping(settings)
    } or None


SKILLS: dict[str, Fields] = {
    "internet_search": {},
    "memory": {},
    "presentation": {
        "document_ids": Field(list_of(length(1, 255), 1000)),
        "slides_trigger": Field(one_of("on_demand", "walk_the_deck")),
        "prompt": Field(text, nullable=True),
    },
    "magic_canvas": {"components": Field(_check_components), "usage_guidance": Field(text, nullable=True)},
}
DEFAULTS: dict[str, Object] = {"presentation": {"slides_trigger": "on_demand"}}


def _registry_entry(ident: str) -> Object:
    name = ident.replace("_", " ").title()
    return {"skill_id": ident, "name": name, "description": f"{name}.", "config_schema": {"type": "object"}}


def list_registry(_: Call) -> Response:
    """GET /v2/skills."""
    return answer({"data": [_registry_entry(ident) for ident in SKILLS]})


def get_of_registry(call: Call) -> Response:
    """GET /v2/skills/ID."""
    _skill_fields(call.id)
    return answer(_registry_entry(call.id))


def _skill_fields(ident: str) -> Fields:
    if ident not in SKILLS:
        raise refuse(f"Unknown skill '{ident}'", 404)
    return SKILLS[ident]


def _checked_config(ident: str, config: Json) -> Object:
    """The validated config with its defaults; the canvas omits `enabled: true`, and components without settings."""
    fields = _skill_fields(ident)
    if not isinstance(config, dict):
        raise refuse_fields({"config": mapping(config)})
    problems = diagnostics(fields, config)
    if ident == "presentation" and not config.get("document_ids"):
        problems.setdefault("document_ids", [REQUIRED])
    if problems:
        raise refuse_fields({"config": problems})
    document = DEFAULTS.get(ident, {}) | {name: value for name, value in config.items() if value is not None}
    if "components" in document:
        sparse = {
            name: {k: v for k, v in settings.items() if (k, v) != ("enabled", True)}
            for name, settings in document["components"].items()
        }
        document["components"] = {name: settings for name, settings in sparse.items() if settings}
    return document


def _attached_skills(persona: StoredObject) -> dict[str, Object]:
    """The attached skills by id; what a seed has in another form counts as not attached."""
    skills = persona.document.get("skills")
    rows = skills.items() if isinstance(skills, dict) else ()
    return {ident: skill for ident, skill in rows if isinstance(skill, dict) and isinstance(skill.get("config"), dict)}


def _attachment(persona: StoredObject, ident: str) -> Object:
    skill = _attached_skills(persona).get(ident)
    if skill is None:
        raise refuse(f"Skill '{ident}' is not attached", 404)
    return {"skill_id": ident, **skill}


def _with_times(call: Call, config: Object, before: Object | None) -> Object:
    now = with_offset(call.world.clock.now())
    return {"config": config, "updated_at": now, "attached_at": before["attached_at"] if before else now}


def _skills_answer(persona: StoredObject) -> Response:
    return answer({"data": {ident: {"skill_id": ident, **skill} for ident, skill in _attached_skills(persona).items()}})


def list_skills(call: Call) -> Response:
    """GET /v2/pals/ID/skills."""
    return _skills_answer(find_persona(call))


def replace_all(call: Call) -> Response:
    """PUT /v2/pals/ID/skills: replaces all skills; those that the body lacks are detached."""
    persona, body = find_persona_to_change(call), read_object(call)
    skills = body.get("skills")
    if not isinstance(skills, dict):
        raise refuse_fields({"skills": [REQUIRED] if skills is None else mapping(skills)})
    before = _attached_skills(persona)
    after = {}
    for ident, entry in skills.items():
        config = _checked_config(ident, (entry or {}).get("config") or {} if isinstance(entry, dict | None) else entry)
        previous = before.get(ident)
        after[ident] = previous if previous and previous["config"] == config else _with_times(call, config, previous)
    return _skills_answer(persona if after == before else store_part(call, persona, "skills", after))


def get(call: Call) -> Response:
    """GET /v2/pals/ID/skills/SKILL."""
    return answer(_attachment(find_persona(call), call.part))


def put(call: Call) -> Response:
    """PUT /v2/pals/ID/skills/SKILL: attaches a skill, or replaces its config."""
    persona, body = find_persona_to_change(call), read_object(call)
    config = _checked_config(call.part, body.get("config") or {})
    before = _attached_skills(persona)
    after = before | {call.part: _with_times(call, config, before.get(call.part))}
    persona = store_part(call, persona, "skills", after)
    return answer(_attachment(persona, call.part))


def patch(call: Call) -> Response:
    """PATCH /v2/pals/ID/skills/SKILL: merges the top level of the config; null removes a key."""
    persona, body = find_persona_to_change(call), read_object(call)
    _skill_fields(call.part)
    skill = _attachment(persona, call.part)
    if not isinstance(body.get("config"), dict):
        raise refuse_fields({"config": [REQUIRED]})
    merged = {name: value for name, value in (skill["config"] | body["config"]).items() if value is not None}
    config = _checked_config(call.part, merged)
    if config == skill["config"]:
        return unchanged(call.world, "No changes were made")
    before = _attached_skills(persona)
    after = before | {call.part: _with_times(call, config, before[call.part])}
    persona = store_part(call, persona, "skills", after)
    return answer(_attachment(persona, call.part))


def delete(call: Call) -> Response:
    """DELETE /v2/pals/ID/skills/SKILL."""
    persona = find_persona_to_change(call)
    _attachment(persona, call.part)
    others = {ident: skill for ident, skill in _attached_skills(persona).items() if ident != call.part}
    store_part(call, persona, "skills", others)
    return empty(204)


ROUTES = (
    Route("GET", "/v2/skills", list_registry, "today"),
    Route("GET", "/v2/skills/*", get_of_registry, "today"),
    *persona_and_pal_routes("GET", "/v2/{}/*/skills", list_skills),
    *persona_and_pal_routes("PUT", "/v2/{}/*/skills", replace_all),
    *persona_and_pal_routes("GET", "/v2/{}/*/skills/*", get),
    *persona_and_pal_routes("PUT", "/v2/{}/*/skills/*", put),
    *persona_and_pal_routes("PATCH", "/v2/{}/*/skills/*", patch),
    *persona_and_pal_routes("DELETE", "/v2/{}/*/skills/*", delete),
)
