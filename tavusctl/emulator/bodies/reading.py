"""What handlers share: reading a body, answering 304, writing down a mask that came back."""

from __future__ import annotations

from tavusctl.emulator.account.journal import holds_mask
from tavusctl.emulator.account.world import Call, World
from tavusctl.emulator.bodies.names import respelled
from tavusctl.emulator.http.messages import Json, Malformed, Object, Response, answer, empty, refuse, refuse_fields


def read_object(call: Call) -> Object:
    """The body, which must be an object."""
    try:
        body = call.request.json()
    except Malformed as error:
        text = "Bad Request. The request body is not valid JSON."
        raise refuse(text) from error
    if not isinstance(body, dict):
        raise refuse_fields({"_schema": ["Invalid input type."]})
    return respelled(call.world.behaviors, body)


def blame_mask(call: Call, body: Json) -> None:
    """A mask in a write is a client's mistake that the API would store; write it down."""
    if holds_mask(body):
        call.world.journal.blame(call.entry, "mask_written", "eight asterisks were written back")


def unchanged(world: World, message: str) -> Response:
    """304, with as much of a body as the behaviour wants."""
    style = world.behaviors["body_304"]
    if style == "none":
        return empty(304)
    told = answer({"message": message}, 304)
    if style == "length":
        return Response(304, b"", [*told.headers, ("content-length", str(len(told.body)))])
    told.unframed = True
    return told
