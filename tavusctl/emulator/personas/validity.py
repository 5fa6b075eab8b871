"""What of a persona may be stored: fields, layers, and rules that join them."""

from __future__ import annotations

from tavusctl.emulator.account.world import Call, World
from tavusctl.emulator.bodies.fields import NOT_MAPPING, REQUIRED, UNKNOWN, by_length, diagnostics
from tavusctl.emulator.http.messages import Json, Object, refuse, refuse_fields
from tavusctl.emulator.personas.layers_today import CONFERENCING_READ
from tavusctl.emulator.personas.shape import shape_of
from tavusctl.emulator.resources.replicas import replica_exists

CUSTOM_LLM = "Bad Request. Please ensure both base_url and api_key are included in order to use a custom llm."
KIND = "personas"


def checked(call: Call, body: Object, before: Object) -> Object:
    """The body as it is to be stored, or a refusal in the words of the API; `before` is what is there already."""
    world = call.world
    top = {name: value for name, value in body.items() if name != "layers"}
    wrong = diagnostics(shape_of(world).writable, top)
    layers, wrong_layers = _checked_layers(world, body.get("layers", {}))
    if wrong_layers:
        wrong["layers"] = wrong_layers
    if world.is_today:
        _check_mode(top, wrong)
        _check_phrases(layers, wrong)
    elif top.get("system_prompt") is None and top.get("pipeline_mode", "full") != "echo":
        wrong.setdefault("system_prompt", [REQUIRED])
    if wrong:
        raise refuse_fields(wrong)
    _check_llm(world, layers.get("llm", {}))
    _check_conferencing(call, top, layers, before)
    _check_references(call, top, layers, before)
    return {**top, "layers": by_length_inside(layers)}


def by_length_inside(layers: Object) -> Object:
    """The layers with their free-form objects in the order in which they are kept."""
    return {
        name: {key: by_length(value) for key, value in layer.items()} if isinstance(layer, dict) else layer
        for name, layer in layers.items()
    }


def _checked_layers(world: World, layers: Json) -> tuple[Object, Json]:
    if not isinstance(layers, dict):
        return {}, [NOT_MAPPING]
    policy, shape = world.behaviors["layers_unknown"], shape_of(world)
    kept: Object = {}
    wrong: Object = {}
    for name, given in layers.items():
        layer = _without_what_is_read(name, given) if world.is_today else given
        fields = shape.layers.get(name)
        if not isinstance(layer, dict) and (fields is not None or name in shape.free):
            wrong[name] = [NOT_MAPPING]
        elif fields is None and name not in shape.free:
            wrong |= {name: [UNKNOWN]} if policy == "reject" else {}
        elif fields is not None:
            wrong |= {name: found} if (found := diagnostics(fields, layer, unknown=policy == "reject")) else {}
        if name in wrong:
            continue
        if fields is not None and policy == "drop":
            kept[name] = {key: value for key, value in layer.items() if key in fields}
        elif fields is not None or policy == "keep" or name in shape.free:
            kept[name] = layer
    retired = kept.get("llm", {}).get("model") if isinstance(kept.get("llm"), dict) else None
    if retired in world.behaviors["retired_models"]:
        wrong["llm"] = {"model": [f"Model {retired} is no longer available."]}
    return kept, wrong


def _without_what_is_read(name: str, layer: Json) -> Json:
    """A layer without members that the server knows for itself."""
    if name != "conferencing" or not isinstance(layer, dict):
        return layer
    return {key: value for key, value in layer.items() if key not in CONFERENCING_READ}


def _check_mode(top: Object, wrong: Object) -> None:
    """A prompt is needed for the full pipeline; the others have none."""
    mode = top.get("pipeline_mode", "full")
    if mode == "full" and not top.get("system_prompt"):
        wrong.setdefault("system_prompt", [REQUIRED])
    for name in ("system_prompt", "context") if mode != "full" else ():
        if top.get(name):
            wrong.setdefault(name, [f"Not allowed with pipeline_mode {mode}."])


def _check_phrases(layers: Object, wrong: Object) -> None:
    flow = layers.get("conversational_flow", {})
    if flow.get("sleep_phrase") and not flow.get("wake_phrase"):
        wrong.setdefault("layers", {})["conversational_flow"] = {"sleep_phrase": ["Needs a wake_phrase."]}


def _check_llm(world: World, llm: Object) -> None:
    model = llm.get("model") or "tavus-"
    if not model.startswith("tavus-") and not (llm.get("base_url") and llm.get("api_key")):
        raise refuse(CUSTOM_LLM)
    if world.is_today and llm.get("enable_llm_proxy") and model.startswith("tavus-"):
        text = "Bad Request. enable_llm_proxy needs a custom llm."
        raise refuse(text)


def _check_conferencing(call: Call, top: Object, layers: Object, before: Object) -> None:
    """A meeting identity needs a face, and its name is nobody else's, in any account."""
    username = layers.get("conferencing", {}).get("username")
    if not username or not call.world.is_today:
        return
    if not top.get("default_replica_id"):
        text = "Bad Request. layers.conferencing needs default_face_id."
        raise refuse(text)
    if username_taken(call.world, username, but=before.get("persona_id")):
        text = f"Bad Request. The username {username} is taken."
        raise refuse(text)


def username_taken(world: World, username: str, but: str | None = None) -> bool:
    """Whether a persona of any account, but for one, has this meeting name."""
    return any(
        persona.id != but and (persona.document.get("layers") or {}).get("conferencing", {}).get("username") == username
        for account in world.store.accounts()
        for persona in world.store.every(account, KIND)
    )


def _check_references(call: Call, top: Object, layers: Object, before: Object) -> None:
    """What is newly named must exist; what was named before may have been deleted since."""
    world, account = call.world, call.account
    replica = top.get("default_replica_id")
    if replica and replica != before.get("default_replica_id") and not replica_exists(world, account, replica):
        text = "Invalid replica_uuid"
        raise refuse(text)
    if world.behaviors["references"] == "ignore":
        return
    for name, kind, new in _named(top, layers, before):
        if not world.store.exists(account, kind, new):
            text = f"Invalid {name}"
            raise refuse(text)


def _named(top: Object, layers: Object, before: Object) -> list[tuple[str, str, str]]:
    """What is newly named: the field, the kind, the id."""
    tts, tts_before = layers.get("tts", {}), (before.get("layers") or {}).get("tts", {})
    single = [
        (name, kind, one[name])
        for name, kind, one, old in (
            ("objectives_id", "objectives", top, before),
            ("guardrails_id", "guardrails", top, before),
            ("voice_id", "voices", tts, tts_before),
            ("pronunciation_dictionary_id", "dictionaries", tts, tts_before),
        )
        if one.get(name) and one[name] != old.get(name)
    ]
    lists = (("document_ids", "documents"), ("guardrail_ids", "single_guardrails"), ("tool_ids", "tools"))
    return single + [
        (name, kind, one) for name, kind in lists for one in top.get(name) or [] if one not in (before.get(name) or [])
    ]
