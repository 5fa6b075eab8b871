"""Validation of a persona: its fields, its layers, and the rules across them."""

from __future__ import annotations

from tavusctl.emulator.account.world import Call, World
from tavusctl.emulator.bodies.fields import NOT_MAPPING, REQUIRED, UNKNOWN, by_length_inside, diagnostics
from tavusctl.emulator.bodies.reading import ids_in, layer_of
from tavusctl.emulator.http.messages import Json, Object, check_fields, refuse
from tavusctl.emulator.personas.layers_today import CONFERENCING_READ, shape_of
from tavusctl.emulator.resources.replicas import replica_exists

CUSTOM_LLM = "Bad Request. Please ensure both base_url and api_key are included in order to use a custom llm."
KIND = "personas"


def validated(call: Call, body: Object, before: Object) -> Object:
    """The validated body as it is to be stored, or the refusal of the API.

    `before` is the persona before the write, empty at its creation.
    """
    world = call.world
    top = {name: value for name, value in body.items() if name != "layers"}
    problems = diagnostics(shape_of(world).writable, top)
    layers, layer_problems = _checked_layers(world, body.get("layers", {}))
    if layer_problems:
        problems["layers"] = layer_problems
    if world.is_today:
        _check_mode(top, problems)
        _check_phrases(layers, problems)
    elif top.get("system_prompt") is None and top.get("pipeline_mode", "full") != "echo":
        problems.setdefault("system_prompt", [REQUIRED])
    check_fields(problems)
    _check_llm(world, layers.get("llm", {}))
    _check_conferencing(call, top, layers, before)
    _check_references(call, top, layers, before)
    return {**top, "layers": layers_by_length(layers)}


def layers_by_length(layers: Object) -> Object:
    """The layers with the free-form values of their fields as the API stores them."""
    return {name: by_length_inside(layer) if isinstance(layer, dict) else layer for name, layer in layers.items()}


def _checked_layers(world: World, layers: Json) -> tuple[Object, Json]:
    if not isinstance(layers, dict):
        return {}, [NOT_MAPPING]
    policy, shape = world.behaviors["layers_unknown"], shape_of(world)
    accepted: Object = {}
    problems: Object = {}
    for name, sent in layers.items():
        layer = _without_computed(name, sent) if world.is_today else sent
        fields = shape.layers.get(name)
        if fields is None and name not in shape.free_form:
            problems |= {name: [UNKNOWN]} if policy == "reject" else {}
            accepted |= {name: layer} if policy == "keep" else {}
        elif not isinstance(layer, dict):
            problems[name] = [NOT_MAPPING]
        elif fields is not None and (problem := diagnostics(fields, layer, unknown=policy == "reject")):
            problems[name] = problem
        elif fields is not None and policy == "drop":
            accepted[name] = {key: value for key, value in layer.items() if key in fields}
        else:
            accepted[name] = layer
    return accepted, problems


def _without_computed(name: str, layer: Json) -> Json:
    """The layer without the members that the server computes."""
    if name != "conferencing" or not isinstance(layer, dict):
        return layer
    return {key: value for key, value in layer.items() if key not in CONFERENCING_READ}


def _check_mode(top: Object, problems: Object) -> None:
    """Add the problem of a full pipeline without a prompt, or of another pipeline with a prompt or a context."""
    mode = top.get("pipeline_mode", "full")
    if mode == "full" and not top.get("system_prompt"):
        problems.setdefault("system_prompt", [REQUIRED])
    for name in ("system_prompt", "context") if mode != "full" else ():
        if top.get(name):
            problems.setdefault(name, [f"Not allowed with pipeline_mode {mode}."])


def _check_phrases(layers: Object, problems: Object) -> None:
    flow = layers.get("conversational_flow", {})
    if flow.get("sleep_phrase") and not flow.get("wake_phrase"):
        problems.setdefault("layers", {})["conversational_flow"] = {"sleep_phrase": ["Needs a wake_phrase."]}


def _check_llm(world: World, llm: Object) -> None:
    model = llm.get("model") or "tavus-"
    if not model.startswith("tavus-") and not (llm.get("base_url") and llm.get("api_key")):
        raise refuse(CUSTOM_LLM)
    if world.is_today and llm.get("enable_llm_proxy") and model.startswith("tavus-"):
        raise refuse("Bad Request. enable_llm_proxy needs a custom llm.")


def _check_conferencing(call: Call, top: Object, layers: Object, before: Object) -> None:
    """Refuse a meeting identity without a face, or with a username that another persona of any account has."""
    username = layers.get("conferencing", {}).get("username")
    if not username or not call.world.is_today:
        return
    if not top.get("default_replica_id"):
        raise refuse("Bad Request. layers.conferencing needs default_face_id.")
    if username_taken(call.world, username, exclude_id=before.get("persona_id")):
        raise refuse(f"Bad Request. The username {username} is taken.")


def username_taken(world: World, username: str, exclude_id: str | None = None) -> bool:
    """Whether a persona of any account has this meeting name; the persona with the id `exclude_id` does not count."""
    return any(
        persona.id != exclude_id and layer_of(persona.document, "conferencing").get("username") == username
        for account in world.store.accounts()
        for persona in world.store.live_objects(account, KIND)
    )


def _check_references(call: Call, top: Object, layers: Object, before: Object) -> None:
    """Refuse a new reference to an object that does not exist; older ones may lead to objects deleted since."""
    world, account = call.world, call.account
    replica = top.get("default_replica_id")
    if replica and replica != before.get("default_replica_id") and not replica_exists(world, account, replica):
        raise refuse("Invalid replica_uuid")
    if world.behaviors["references"] == "ignore":
        return
    for name, kind, ident in _new_references(top, layers, before):
        if not world.store.exists(account, kind, ident):
            raise refuse(f"Invalid {name}")


def _new_references(top: Object, layers: Object, before: Object) -> list[tuple[str, str, str]]:
    """The references that the write adds: field, kind and id of each."""
    tts, tts_before = layers.get("tts", {}), layer_of(before, "tts")
    single = [
        (name, kind, fields[name])
        for name, kind, fields, old_fields in (
            ("objectives_id", "objectives", top, before),
            ("guardrails_id", "guardrails", top, before),
            ("voice_id", "voices", tts, tts_before),
            ("pronunciation_dictionary_id", "dictionaries", tts, tts_before),
        )
        if fields.get(name) and fields[name] != old_fields.get(name)
    ]
    lists = (("document_ids", "documents"), ("guardrail_ids", "single_guardrails"), ("tool_ids", "tools"))
    return single + [
        (name, kind, ident)
        for name, kind in lists
        for ident in top.get(name) or []
        if ident not in ids_in(before, name)
    ]
