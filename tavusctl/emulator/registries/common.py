"""What registries share: the JSON Patch of a read, and comma-separated query parameters."""

from __future__ import annotations

from tavusctl.emulator.account.world import Call
from tavusctl.emulator.bodies import patching
from tavusctl.emulator.bodies.reading import blame_mask
from tavusctl.emulator.http.messages import Json, Malformed, Object, refuse, refuse_message


def patched(call: Call, shown: Object, *, unfit: int) -> Object:
    """The read after the JSON Patch of a call; `unfit` is the status of the refusal if it cannot be applied."""
    try:
        operations = call.request.json()
    except Malformed as error:
        text = "Bad Request. The request body is not valid JSON."
        raise refuse(text) from error
    if not isinstance(operations, list):
        text = "Bad Request. The body must be a JSON Patch, a list of operations."
        raise refuse(text)
    blame_mask(call, operations)
    try:
        return patching.apply(shown, operations, ignore_test=call.world.behaviors["ignore_test"])
    except patching.Unpatchable as error:
        message = "Invalid JSON patch format"
        raise refuse_message(message, unfit) from error


def words(text: Json) -> set[str]:
    """The items of a comma-separated query parameter."""
    return {word for word in str(text or "").split(",") if word}
