"""Functions that handlers share: read a body, answer 304, record a mask in a write."""

from __future__ import annotations

from tavusctl.emulator.account.journal import contains_mask
from tavusctl.emulator.account.world import Call, World
from tavusctl.emulator.bodies.names import with_normalised_names
from tavusctl.emulator.http.messages import Json, Malformed, Object, Response, answer, empty, refuse, refuse_fields


def read_object(call: Call) -> Object:
    """The body of a request, with its display names as the server stores them; a refusal if it is not an object."""
    try:
        body = call.request.json()
    except Malformed as error:
        text = "Bad Request. The request body is not valid JSON."
        raise refuse(text) from error
    if not isinstance(body, dict):
        raise refuse_fields({"_schema": ["Invalid input type."]})
    return with_normalised_names(call.world.behaviors, body)


def record_mask_violation(call: Call, body: Json) -> None:
    """Record a violation if a body contains a mask: a mistake of the client, because the API would store the mask."""
    if contains_mask(body):
        call.world.journal.add_violation(call.entry, "mask_written", "eight asterisks were written back")


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
