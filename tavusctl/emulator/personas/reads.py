"""What a read of a persona shows: every field of the layers that it has, with its API keys masked.

Documents are stored with the older names (`persona_id`); answers below /v2/pals have the newer ones (`pal_id`).
"""

from __future__ import annotations

from tavusctl.emulator.account.journal import SECRET_KEY, with_mask
from tavusctl.emulator.account.store import StoredObject
from tavusctl.emulator.account.world import Call, World
from tavusctl.emulator.bodies import aliases
from tavusctl.emulator.bodies.fields import fill
from tavusctl.emulator.http.messages import Json, Object
from tavusctl.emulator.personas.layers_today import Shape, shape_of

MEETING_HOST = "meet.tavus.io"  # the host of the e-mail addresses of meeting identities


def materialise(world: World, document: Object) -> Object:
    """The document with every field of the layers that it has, real secrets included."""
    newer, shape = bool(world.behaviors["newer_fields"]), shape_of(world)
    stored_layers = document.get("layers") or {}
    layers = {
        name: _fill_layer(world, shape, name, stored_layers[name], newer=newer)
        for name in shape.layers
        if name in stored_layers
    }
    layers |= {name: layer for name, layer in stored_layers.items() if name not in shape.layers}
    top = {name: value for name, value in document.items() if name in shape.top}
    before, last = (
        {name: top.pop(name) for name in fields if name in top} for fields in (shape.before_layers, shape.after_times)
    )
    return {
        **fill(shape.before_layers, before, newer=newer),
        "layers": layers,
        **fill(shape.after_layers, top, newer=newer),
        "created_at": document["created_at"],
        "updated_at": document["updated_at"],
        **fill(shape.after_times, last, newer=newer),
    }


def _fill_layer(world: World, shape: Shape, name: str, layer: Json, *, newer: bool) -> Json:
    if not isinstance(layer, dict):
        return layer
    if name == "conversational_flow" and world.behaviors["flow_defaults"] == "filled":
        chosen = {key: value for key, value in layer.items() if value is not None}
        layer = layer | shape.flow_defaults | chosen if chosen else layer
    filled = fill(shape.layers[name], layer, newer=newer)
    if name != "conferencing":
        return filled
    username = layer.get("username")
    return filled | ({"email": email_of(username)} if username else {})


def email_of(username: Json) -> str | None:
    """The e-mail address of a meeting name; None without a name."""
    return f"{username}@{MEETING_HOST}" if username else None


def read_with_secrets(world: World, stored: StoredObject) -> Object:
    """The persona with real secrets and the older names."""
    return {"persona_id": stored.id, **materialise(world, stored.document)}


def view(world: World, stored: StoredObject) -> Object:
    """What a read below /v2/personas shows: API keys masked, left out or shown, as the behaviour `mask` says."""
    document, style = read_with_secrets(world, stored), world.behaviors["mask"]
    if style == "echo":
        return document
    layers = {
        name: with_mask(layer, SECRET_KEY, style) if isinstance(layer, dict) and layer.get(SECRET_KEY) else layer
        for name, layer in document["layers"].items()
    }
    return document | {"layers": layers}


def interruptibility(call: Call) -> str:
    """The name under which the answer to a call shows how easily a persona can be interrupted."""
    style = call.world.behaviors["interruptibility"]
    if style != "path":
        return f"{style}_interruptibility"
    return aliases.INTERRUPTIBILITY[1 if aliases.uses_newer_names(call.request) else 0]


def with_answer_names(call: Call, document: Object) -> Object:
    """The document with the names that the answer to a call has."""
    if not call.world.is_today:
        return document
    layers = dict(document["layers"])
    flow, name = layers.get("conversational_flow"), interruptibility(call)
    if isinstance(flow, dict):
        layers["conversational_flow"] = {name if key == aliases.INTERRUPTIBILITY[0] else key: flow[key] for key in flow}
    document = document | {"layers": layers}
    return aliases.to_newer_names(document, aliases.PERSONA) if aliases.uses_newer_names(call.request) else document


def answer_document(call: Call, stored: StoredObject) -> Object:
    """The persona as the answer to a call shows it."""
    return with_answer_names(call, view(call.world, stored))


def with_stored_names(call: Call, body: Object) -> Object:
    """The request body with the older names, under which it is stored."""
    return _flow_in_older_words(
        call, aliases.to_older_names(body, aliases.PERSONA, new=aliases.uses_newer_names(call.request))
    )


def patched_with_stored_names(call: Call, before: Object, after: Object) -> Object:
    """The patched read with the older names, under which it is stored; `before` is the read that was patched."""
    return _flow_in_older_words(call, aliases.patched_to_older_names(before, after, aliases.PERSONA))


def _flow_in_older_words(call: Call, body: Object) -> Object:
    layers = body.get("layers")
    flow = layers.get("conversational_flow") if isinstance(layers, dict) else None
    if not isinstance(layers, dict) or not isinstance(flow, dict):
        return body
    return body | {
        "layers": layers | {"conversational_flow": aliases.with_stored_interruptibility(flow, interruptibility(call))}
    }
