"""What registries share: the JSON Patch of a read, and comma-separated query parameters."""

from __future__ import annotations

from tavusctl.emulator.account.world import Call
from tavusctl.emulator.bodies import patching
from tavusctl.emulator.bodies.reading import record_mask_violation
from tavusctl.emulator.http.messages import Json, Malformed, Object, refuse, refuse_message


def patched_read(call: Call, shown: Object, *, failure_status: int) -> Object:
    """The read after the JSON Patch of a call; `failure_status` is that of the refusal if it cannot be applied."""
    try:
        operations = call.request.json()
    except Malformed as error:
        text = "Bad Request. The request body is not valid JSON."
        raise refuse(text) from error
    if not isinstance(operations, list):
        text = "Bad Request. The body must be a JSON Patch, a list of operations."
        raise refuse(text)
    record_mask_violation(call, operations)
    try:
        return patching.apply(shown, operations, ignore_test=call.world.behaviors["ignore_test"])
    except patching.Unpatchable as error:
        message = "Invalid JSON patch format"
        raise refuse_message(message, failure_status) from error


def comma_separated(text: Json) -> set[str]:
    """The items of a comma-separated query parameter."""
    return {word for word in str(text or "").split(",") if word}
