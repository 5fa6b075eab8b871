"""Functions that handlers share: read a body and its display names, patch a read, answer 304."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Callable

from tavusctl.emulator.account.journal import contains_mask
from tavusctl.emulator.account.world import Call, World
from tavusctl.emulator.bodies import patching
from tavusctl.emulator.control.behaviors import Behaviors
from tavusctl.emulator.http.messages import (
    Json,
    Malformed,
    Object,
    Refusal,
    Response,
    answer,
    empty,
    refuse,
    refuse_fields,
)

NAMES = {"name", *(f"{kind}_name" for kind in ("persona", "pal", "document", "replica", "face", "guardrail", "voice"))}
MAX_NAME_LENGTH = 24
NAME_NORMALISERS: dict[str, Callable[[str], str]] = {
    "as sent": lambda name: name,
    "trim": str.strip,
    "collapse": lambda name: " ".join(name.split()),
    "compose": lambda name: unicodedata.normalize("NFC", name),
    "escape": lambda name: html.escape(name, quote=False),
    "lower": str.lower,
    "cut": lambda name: name[:MAX_NAME_LENGTH],
}


def read_object(call: Call) -> Object:
    """The body of a request, with its display names as the server stores them; a refusal if it is not an object."""
    try:
        body = _json_body(call)
    except Malformed as error:
        raise refuse("Bad Request. The request body is not valid JSON.") from error
    if not isinstance(body, dict):
        raise refuse_fields({"_schema": ["Invalid input type."]})
    return with_normalised_names(call.world.behaviors, body)


def patched_read(call: Call, shown: Object, refusal: Refusal, check: Callable[[Json], None] = lambda _: None) -> Object:
    """The read after the JSON Patch of a call, with its display names as the server stores them.

    `refusal` is that of a patch that cannot be applied; `check` may refuse its operations before.
    """
    try:
        operations = _json_body(call)
        check(operations)
        after = patching.apply(shown, operations, ignore_test=call.world.behaviors["ignore_test"])
    except (Malformed, patching.Unpatchable) as error:
        raise refusal from error
    return with_normalised_names(call.world.behaviors, after)


def refuse_plain_object(operations: Json) -> None:
    """Refuse the body of a patch that is not a list of operations."""
    if not isinstance(operations, list):
        raise refuse("Bad Request. The body must be a JSON Patch, a list of operations.")


def _json_body(call: Call) -> Json:
    """The body as JSON; a mask in it is a violation, a mistake of the client: the API would store the mask."""
    body = call.request.json()
    if contains_mask(body):
        call.world.journal.add_violation(call.entry, "mask_written", "eight asterisks were written back")
    return body


def comma_separated(text: Json) -> set[str]:
    """The items of a comma-separated query parameter."""
    return {word for word in str(text or "").split(",") if word}


def contains(value: Json, sought: str) -> bool:
    """Whether a text contains another, ignoring case; a value that is no text contains none."""
    return isinstance(value, str) and sought.lower() in value.lower()


def is_among(value: Json, allowed: set[str]) -> bool:
    """Whether a value is one of some texts."""
    return isinstance(value, str) and value in allowed


def texts_in(value: Json) -> set[str]:
    """The texts in a list; none for any other value."""
    return {item for item in value if isinstance(item, str)} if isinstance(value, list) else set()


def ids_in(document: Object, name: str) -> list[str]:
    """The ids in a list of a document; none if a seed has something else there."""
    value = document.get(name)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def layer_of(document: Object, name: str) -> Object:
    """A layer of a persona; an empty one if the persona has none, or a seed has something else there."""
    layers = document.get("layers")
    layer = layers.get(name) if isinstance(layers, dict) else None
    return layer if isinstance(layer, dict) else {}


def unchanged(world: World, message: str) -> Response:
    """A 304 response; the behaviour `body_304` says whether it announces or sends a body."""
    style = world.behaviors["body_304"]
    if style == "none":
        return empty(304)
    response = answer({"message": message}, 304)
    if style == "length":
        return Response(304, b"", [*response.headers, ("content-length", str(len(response.body)))])
    response.unframed = True
    return response


def with_normalised_names(behaviors: Behaviors, body: Object) -> Object:
    """A body with its display names as the server stores them."""
    normalise = NAME_NORMALISERS[behaviors["names"]]
    return {key: normalise(value) if key in NAMES and isinstance(value, str) else value for key, value in body.items()}
